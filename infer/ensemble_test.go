package infer

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestMembersLeaveOutAQuarter: a deviation in one channel alone is seen by all
// members but the one that leaves it out, and by them as the whole map sees it.
func TestMembersLeaveOutAQuarter(t *testing.T) {
	s := newSurface([2]int{6, 7}, 8)
	weight := make([]float64, 42)
	for i := range weight {
		weight[i] = 1
	}
	for _, at := range []int{0, 6, 17, 35, 41} { // corners, inside
		for ch := range 8 {
			out := make([]byte, 42*8)
			out[at*8+ch] = 100
			peak, where := s.peak(out, 0.25, weight)
			if where != at {
				t.Fatalf("the peak is at %d, not at %d", where, at)
			}
			for m, v := range s.without(out, 0.25, weight, where) {
				want := peak
				if m == ch%Members {
					want = 1e-6
				}
				if v != want {
					t.Errorf("cell %d, channel %d: member %d sees %g, want %g", at, ch, m, v, want)
				}
			}
		}
	}
}

// TestSpreadIsTheJackknifes: equal members leave no doubt, members that differ by
// a known amount leave a known one, and there is none without members.
func TestSpreadIsTheJackknifes(t *testing.T) {
	unit := View{LogScale: 1, Median: 1}
	s := &Statistics{Views: [2]View{unit, unit}, Fusion: Fusion{Reconstruction: 1}}
	e := Ensemble{}
	r := rand.New(rand.NewPCG(1, 1))
	z := [Members]float64{}
	mean := 0.0
	for i := range e {
		z[i] = 1 + r.Float64()
		mean += z[i] / Members
		e[i] = Deviations{Reconstruction: math.Exp(z[i]), Latent: 1}
	}
	if v := s.Spread(&e); v != 0 {
		t.Errorf("spread %g without members", v)
	}
	want := 0.0
	for i := range e {
		s.Members = append(s.Members, Member{Views: s.Views, Local: unit, Fusion: s.Fusion, Offset: 3})
		want += (z[i] - mean) * (z[i] - mean)
	}
	want = math.Sqrt(want * (Members - 1) / Members)
	if v := s.Spread(&e); math.Abs(v-want) > 1e-9 {
		t.Errorf("spread %g, want %g", v, want)
	}
	for i := range e {
		e[i] = e[0]
	}
	if v := s.Spread(&e); v != 0 {
		t.Errorf("spread %g of equal members", v)
	}
}
