package infer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQuarterIsTheLowerQuartile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 200 {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(r.IntN(1 + n/2)) // with equal ones
		}
		want := 0.0
		if n > 0 {
			want = slices.Sorted(slices.Values(v))[n/4]
		}
		if got := quarter(v); got != want {
			t.Fatalf("of %d values: %g, want %g", n, got, want)
		}
	}
}

// TestCalm: a map that is so many times the usual one everywhere peaks less than so
// many times higher, yet always higher, up to a bound; cells that do not count say
// nothing of quiet places.
func TestCalm(t *testing.T) {
	const h, w = 8, 8
	weight := make([]float64, h*w)
	for i := range weight {
		weight[i] = 1
	}
	clear(weight[:3*w]) // masked
	s := newSurface([2]int{h, w}, 1)
	s.sharpen()
	peak := func(times int) float64 {
		out := make([]byte, h*w)
		for i := range out {
			out[i] = byte(int8(times))
		}
		out[40] = byte(int8(5 * times))
		p, at := s.peak(out, 1, weight)
		if at != 40 {
			t.Fatalf("the peak is in cell %d", at)
		}
		return p
	}
	if got := peak(4); got != 20 {
		t.Errorf("without calm: %g", got)
	}
	s.calm = Calm{Quiet: 4}
	last := 0.0
	for times := 1; times <= 25; times++ {
		got := peak(times)
		want := 5 * float64(times) / math.Pow(min(max(float64(times)/4, 0.25), 4), 0.25)
		if math.Abs(got-want) > 1e-9 || got <= last {
			t.Errorf("%d times: %g, want %g above %g", times, got, want, last)
		}
		last = got
	}
}
