package fit

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

func TestLevels(t *testing.T) {
	taps := func(w, h int) []Tap {
		at := func(n, cell int) int { return (n + cell - 1) / cell }
		var out []Tap
		for _, c := range [][2]int{{8, 40}, {16, 80}, {16, 112}, {32, 192}} {
			out = append(out, Tap{Height: at(h, c[0]), Width: at(w, c[0]), Channels: c[1]})
		}
		return out
	}
	for _, c := range []struct {
		w, h int
		want [][3]int // tap, height, width
	}{
		{256, 256, [][3]int{{0, 16, 16}, {0, 8, 8}, {1, 16, 16}, {3, 4, 4}}},
		{320, 224, [][3]int{{0, 14, 20}, {0, 7, 10}, {1, 14, 20}, {3, 4, 5}}},
		{512, 512, [][3]int{{0, 16, 16}, {0, 8, 8}, {1, 16, 16}, {3, 4, 4}}},
		{96, 96, [][3]int{{0, 6, 6}, {0, 3, 3}, {1, 6, 6}, {3, 2, 2}}},
	} {
		ts := taps(c.w, c.h)
		g := ts[1:][gridOf(ts[1:])]
		var got [][3]int
		for _, l := range levelsOf(ts, [2]int{g.Height, g.Width}) {
			got = append(got, [3]int{l.tap, l.h, l.w})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%dx%d: %v, want %v", c.w, c.h, got, c.want)
		}
	}
	if got := levelsOf([]Tap{{Height: 8, Width: 8, Channels: 3}}, [2]int{8, 8}); len(got) != 2 || got[1].pool != 2 {
		t.Errorf("one tap: %v", got)
	}
	if got := levelsOf([]Tap{{Height: 1, Width: 3, Channels: 3}}, [2]int{1, 3}); len(got) != 1 {
		t.Errorf("a tap of three cells: %v", got)
	}
}

// shaded are parts of two taps: noise about a pattern that varies with one number.
func shaded(r *rand.Rand) [][]byte {
	phase := 6 * r.Float64()
	tap := func(h, w, ch int) []byte {
		p := make([]byte, h*w*ch)
		for i := range p {
			p[i] = byte(int8(30*math.Sin(phase+float64(i)) + 8*r.NormFloat64()))
		}
		return p
	}
	return [][]byte{tap(16, 16, 3), tap(8, 8, 2)}
}

var shadedTaps = []Tap{
	{Name: "fine", Height: 16, Width: 16, Channels: 3, Scale: 0.1, ZeroPoint: 5},
	{Name: "deep", Height: 8, Width: 8, Channels: 2, Scale: 0.2, ZeroPoint: -3},
}

// shadedFit fits 60 parts and returns how the package's graph scores others.
func shadedFit(t *testing.T) (raw func(taps [][]byte) infer.Deviations) {
	t.Helper()
	b := tflite.NewBuilder("two taps")
	var in []int
	for _, tap := range shadedTaps {
		in = append(in, b.AddInput(tap.Name, []int{1, tap.Height, tap.Width, tap.Channels}, tap.quant()))
	}
	m, err := b.Model(in...)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFeatures(shadedTaps)
	defer f.Close()
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 60 {
		if err := f.Add(i, shaded(r)); err != nil {
			t.Fatal(err)
		}
	}
	res, err := Fit(context.Background(), m, f, native.New(), Options{FalseReject: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	g, err := res.Graph.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := native.New().Load(g, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	scorer := infer.NewScorer(res.Statistics)
	return func(taps [][]byte) infer.Deviations {
		for i, p := range taps {
			copy(s.Input(i), p)
		}
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		d, err := scorer.Raw([][]byte{s.Output(0), s.Output(1), s.Output(2)})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// TestLevelsSeeWhatIsWideAndFaint: a shade of less than two deviations of the noise
// over a quarter of the first tap is above every good part, because a coarse level
// averages the noise away; so is a point, because a fine level does not average it; and so is what only
// the deep tap shows.
func TestLevelsSeeWhatIsWideAndFaint(t *testing.T) {
	raw := shadedFit(t)
	r := rand.New(rand.NewPCG(8, 8))
	var good []float64
	for range 100 {
		good = append(good, raw(shaded(r)).Reconstruction)
	}
	limit := slices.Max(good)
	for name, spoil := range map[string]func(p [][]byte){
		"shade": func(p [][]byte) {
			for y := range 8 {
				for i := range 8 * 3 {
					p[0][y*16*3+i] += 13
				}
			}
		},
		"point": func(p [][]byte) {
			for c := range 3 {
				p[0][(9*16+9)*3+c] += 50
			}
		},
		"deep": func(p [][]byte) {
			for i := range 4 * 2 {
				p[1][2*8*2+i] += 24
				p[1][3*8*2+i] += 24
			}
		},
	} {
		missed := 0
		for range 20 {
			p := shaded(r)
			spoil(p)
			if raw(p).Reconstruction <= limit {
				missed++
			}
		}
		if missed > 2 {
			t.Errorf("%s: %d of 20 are not above 100 good parts", name, missed)
		}
	}
}
