package fit

import (
	"math"
	"testing"
)

// TestOutlook: what a threshold rejects of drawn defects, at a looser rate, and without
// the parts that hold it up.
func TestOutlook(t *testing.T) {
	r := new(Result)
	for i := range 100 {
		r.HeldOut = append(r.HeldOut, HeldOut{Fused: float64(i)})
		r.groups = append(r.groups, i)
	}
	r.HeldOut[7].Fused, r.HeldOut[8].Fused = 200, 190 // bad ones among the good
	if r.Outlook(nil) != nil {
		t.Error("an outlook without drawn defects")
	}
	for i := range 50 {
		r.Drawn = append(r.Drawn, HeldOut{Fused: 78.5 + float64(i)})
	}
	var err error
	if r.Calibration, err = Calibrate(fusedOf(r.HeldOut), r.groups, 0.01, "cross", 0); err != nil {
		t.Fatal(err)
	}
	// Thresholds: 200 (the largest of 100), 97 (the fifth), and 99 without the two.
	want := Outlook{Drawn: 50, Rejected: 0, LooserRate: 0.05, Looser: 31.0 / 50, WithoutSuspects: 29.0 / 50}
	if got := r.Outlook([]int{7, 8}); math.Abs(got.Looser-want.Looser) > 1e-9 || math.Abs(got.WithoutSuspects-want.WithoutSuspects) > 1e-9 || got.Rejected != 0 || got.Drawn != 50 || got.LooserRate != 0.05 {
		t.Errorf("%+v, want %+v", *got, want)
	}
	r.Calibration.FalseReject = 0.7
	if got := r.Outlook(nil).LooserRate; got != 0.7 {
		t.Errorf("a looser rate of %g where 0.7 is asked", got)
	}
}

func fusedOf(held []HeldOut) (out []float64) {
	for _, h := range held {
		out = append(out, h.Fused)
	}
	return out
}
