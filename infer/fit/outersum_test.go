package fit

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestOuterSumIsOfAllRows: however many rows come, and whenever the total is asked for in
// between, it is that of all of them.
func TestOuterSumIsOfAllRows(t *testing.T) {
	const width = 5
	r := rand.New(rand.NewPCG(3, 3))
	s := newOuterSum(width)
	var want [width][width]float64
	for n := 1; n <= 3*outerRows+7; n++ {
		row := s.next()
		for i := range row {
			row[i] = float32(r.NormFloat64())
		}
		for i := range row {
			for j := i; j < width; j++ {
				want[i][j] += float64(row[i]) * float64(row[j])
			}
		}
		if n%outerRows > 1 && n != 3*outerRows+7 && n != 60 {
			continue
		}
		total := s.total()
		for i := range width {
			for j := i; j < width; j++ {
				if got := float64(total[i*width+j]); math.Abs(got-want[i][j]) > 1e-3 {
					t.Fatalf("after %d rows, the sum at %d, %d is %.4f, want %.4f", n, i, j, got, want[i][j])
				}
			}
		}
	}
}
