package fit

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSuspectsAreTheOutliers: parts far above the rest are named worst first,
// and of parts that are all alike few are.
func TestSuspectsAreTheOutliers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	held := make([]HeldOut, 200)
	for i := range held {
		held[i].Fused = r.NormFloat64()
	}
	if named := Suspects(held); len(named) > 4 {
		t.Errorf("%d of 200 like parts are named", len(named))
	}
	held[17].Fused, held[90].Fused, held[3].Fused = 9, 12, 7
	named := Suspects(held)
	if len(named) < 3 || !slices.Equal(named[:3], []int{90, 17, 3}) {
		t.Errorf("named %v, want 90, 17, 3 first", named)
	}
	for i := range 100 {
		held[i].Fused = 50
	}
	if named := Suspects(held); len(named) > 20 {
		t.Errorf("%d of 200 parts are named: half of them cannot be the exception", len(named))
	}
}
