package infer

import (
	"math"
	"slices"
	"testing"
)

// TestTwoLargestCells: a view of two cells is the mean of the two largest values of
// the map that it leaves, of one cell the largest; so are those of the ensemble.
func TestTwoLargestCells(t *testing.T) {
	m := LocalModel{Grid: [2]int{6, 7}, Channels: 4, Step: 0.5, PositionWeight: make([]float64, 42), View: View{LogScale: 1, Median: 1}}
	out := make([]byte, 42*4)
	for i := range out {
		out[i] = byte(i * i % 23)
	}
	for i := range m.PositionWeight {
		m.PositionWeight[i] = 1
	}
	for c := range 4 {
		out[17*4+c], out[18*4+c] = 100, 90
	}
	for peaks, want := range []func(v []float64) float64{
		func(v []float64) float64 { return v[len(v)-1] },
		func(v []float64) float64 { return v[len(v)-1] },
		func(v []float64) float64 { return (v[len(v)-1] + v[len(v)-2]) / 2 },
	} {
		m.Peaks = peaks
		if err := m.check(); err != nil {
			t.Fatal(err)
		}
		l := NewLocalScorer(&m)
		got, members := l.Peak(out)
		v := slices.Clone(l.s.blur)
		slices.Sort(v)
		if math.Abs(got-want(v)) > 1e-12 {
			t.Errorf("%d cells: %g, want %g", peaks, got, want(v))
		}
		for k, one := range members {
			if one > v[len(v)-1] || one < 0.7*v[len(v)-1] {
				t.Errorf("%d cells: member %d finds %g where the largest is %g", peaks, k, one, v[len(v)-1])
			}
		}
	}
	m.Peaks = 3
	if m.check() == nil {
		t.Error("three cells are taken")
	}
}

// TestNothingDeviates: a map of zeros has a small view, not none.
func TestNothingDeviates(t *testing.T) {
	for _, both := range []bool{false, true} {
		if got := (&largest{}).peak(both); got != 1e-6 {
			t.Errorf("%g", got)
		}
	}
}
