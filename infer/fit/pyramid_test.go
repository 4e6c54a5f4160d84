package fit_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

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

var shadedTaps = []fit.Tap{
	{Name: "fine", Height: 16, Width: 16, Channels: 3, Scale: 0.1, ZeroPoint: 5},
	{Name: "deep", Height: 8, Width: 8, Channels: 2, Scale: 0.2, ZeroPoint: -3},
}

// fitTaps fits features of those taps, of which so many trailing ones are for the wide map alone.
func fitTaps(t *testing.T, f *fit.Features, wide int) *fit.Result {
	t.Helper()
	b := tflite.NewBuilder("taps")
	var in []int
	for _, tap := range f.Taps {
		in = append(in, b.AddInput(tap.Name, []int{1, tap.Height, tap.Width, tap.Channels}, tflite.Quant{Scale: tap.Scale, ZeroPoint: tap.ZeroPoint}))
	}
	m, err := b.Model(in...)
	if err != nil {
		t.Fatal(err)
	}
	res, err := fit.Fit(context.Background(), m, f, native.New(), fit.Options{FalseReject: 0.05, WideTaps: wide})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// shadedFit fits 60 of them.
func shadedFit(t *testing.T) *fit.Result { return fitOf(t, shaded) }

// fitOf fits 60 parts of the same taps.
func fitOf(t *testing.T, part func(*rand.Rand) [][]byte) *fit.Result {
	t.Helper()
	f := fit.NewFeatures(shadedTaps)
	defer f.Close()
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 60 {
		if err := f.Add(i, part(r)); err != nil {
			t.Fatal(err)
		}
	}
	return fitTaps(t, f, 0)
}

// TestLevelsSeeWhatIsWideAndFaint: a shade of less than two deviations of the noise
// over a quarter of the first tap is above every good part, because a coarse level
// averages the noise away; so is a point, because a fine level does not average it; so
// is a rough place, which has only more contrast; and so is what only the deep tap shows.
func TestLevelsSeeWhatIsWideAndFaint(t *testing.T) {
	raw := rawWith(t, shadedFit(t))
	r := rand.New(rand.NewPCG(8, 8))
	var good []float64
	for range 100 {
		good = append(good, raw(shaded(r)...).Reconstruction)
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
		"rough": func(p [][]byte) { // of the same mean in every two by two cells
			for y := range 8 {
				for i := range 8 * 3 {
					v := int8(p[0][y*16*3+i])
					if (y+i/3)%2 == 0 {
						v += 14
					} else {
						v -= 14
					}
					p[0][y*16*3+i] = byte(v)
				}
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
			if raw(p...).Reconstruction <= limit {
				missed++
			}
		}
		if missed > 2 {
			t.Errorf("%s: %d of 20 are not above 100 good parts", name, missed)
		}
	}
}

// TestRepeatsIsTheShareThatIsForetold: of parts that are a pattern and as much noise, half
// of what varies repeats at its place; of a pattern that moves with one number nearly all
// can be foretold; of noise nothing can.
func TestRepeatsIsTheShareThatIsForetold(t *testing.T) {
	noise := func(r *rand.Rand, n int, deviation float64) []byte {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(int8(deviation * r.NormFloat64()))
		}
		return p
	}
	pattern := noise(rand.New(rand.NewPCG(9, 9)), 16*16*3, 20)
	for name, c := range map[string]struct {
		part     func(*rand.Rand) [][]byte
		from, to float64
	}{
		"noise": {func(r *rand.Rand) [][]byte { return [][]byte{noise(r, 16*16*3, 20), noise(r, 8*8*2, 20)} }, -0.1, 0.05},
		"half": {func(r *rand.Rand) [][]byte {
			p := noise(r, 16*16*3, 20)
			for i := range p {
				p[i] += pattern[i]
			}
			return [][]byte{p, noise(r, 8*8*2, 20)}
		}, 0.42, 0.55},
		"shade": {shaded, 0.75, 1},
	} {
		if got := fitOf(t, c.part).Repeats; got < c.from || got > c.to {
			t.Errorf("%s: %.3f of what varies repeats, want %g to %g", name, got, c.from, c.to)
		}
	}
}

// TestPartsThatFeaturesCannotTellApart are taught like any others, drawings without noise
// for instance: next to nothing varies, and what does stays within what eight bits and the
// engine's kernels hold.
func TestPartsThatFeaturesCannotTellApart(t *testing.T) {
	n := 0
	res := fitOf(t, func(*rand.Rand) [][]byte {
		fine, deep := make([]byte, 16*16*3), make([]byte, 8*8*2)
		fine[300] = byte(n % 2) // one step of one value
		n++
		return [][]byte{fine, deep}
	})
	if len(res.HeldOut) != 60 || !(res.Calibration.Threshold < 1e3) {
		t.Errorf("%d parts held out, threshold %g", len(res.HeldOut), res.Calibration.Threshold)
	}
	raw := rawWith(t, res)
	fine, deep := make([]byte, 16*16*3), make([]byte, 8*8*2)
	good := raw(fine, deep).Reconstruction
	for i := 300; i < 303; i++ {
		fine[i] = 20
	}
	if odd := raw(fine, deep).Reconstruction; odd < 4*good {
		t.Errorf("a part that none is like deviates by %g, a good one by %g", odd, good)
	}
}

// TestWhiteningIsChosenWhereItTells: where half of a part is loud, a faint defect at
// a quiet one is told only once places are set against themselves; where the channels go
// together, a defect in one of them is told once they are set apart; where all are alike
// there is nothing to gain, and the graph is spared it.
func TestWhiteningIsChosenWhereItTells(t *testing.T) {
	for name, c := range map[string]struct {
		loud, together float64
		step           byte
		want           fit.Whitening
	}{
		"one half loud":     {30, 0, 12, fit.WhitenPlaces},
		"channels together": {4, 24, 40, fit.WhitenChannels},
		"all alike":         {4, 0, 12, fit.WhitenNothing},
	} {
		r := rand.New(rand.NewPCG(11, 12))
		part := func() [][]byte {
			tap := func(side, ch int) []byte {
				p, both := make([]byte, side*side*ch), 0.0
				for i := range p {
					if i%ch == 0 {
						both = c.together * r.NormFloat64()
					}
					deviation := 4.0
					if i/ch%side < side/2 { // the left half
						deviation = c.loud
					}
					p[i] = byte(int8(max(-127, min(127, both+deviation*r.NormFloat64()))))
				}
				return p
			}
			return [][]byte{tap(16, 3), tap(8, 2)}
		}
		f := fit.NewFeatures(shadedTaps)
		defer f.Close()
		parts := make([][][]byte, 60)
		for i := range parts {
			parts[i] = part()
			if err := f.Add(i, parts[i]); err != nil {
				t.Fatal(err)
			}
		}
		for i, p := range parts {
			fine, cover := slices.Clone(p[0]), make([]byte, 8*8)
			y, x := r.IntN(8), 4+r.IntN(4)
			cover[y*8+x] = 255
			for k := range 4 {
				at := ((2*y+k/2)*16 + 2*x + k%2) * 3
				for ch := range 3 {
					if ch == 0 || c.together == 0 {
						fine[at+ch] += c.step
					}
				}
			}
			if err := f.AddDrawn(i, i%2, [][]byte{fine, p[1]}, cover, 8, 8); err != nil {
				t.Fatal(err)
			}
		}
		res := fitTaps(t, f, 0)
		products := slices.ContainsFunc(res.Graph.Ops, func(o tflite.Op) bool { return o.Code == tflite.OpMul })
		if res.Whitened&c.want != c.want || c.want == fit.WhitenNothing && res.Whitened != c.want || products != (res.Whitened&fit.WhitenPlaces != 0) {
			t.Errorf("%s: whitened %v, products in the graph %v; want %v", name, res.Whitened, products, c.want)
		}
	}
}

// TestCalmIsThatOfTheMedianPart, so that the held-out parts, which the threshold is
// drawn from, are judged as later ones will be.
func TestCalmIsThatOfTheMedianPart(t *testing.T) {
	res := shadedFit(t)
	raw, r := rawWith(t, res), rand.New(rand.NewPCG(9, 9))
	if res.Statistics.Calm.Quiet <= 0 {
		t.Fatalf("calm %+v", res.Statistics.Calm)
	}
	middle := func(of func(i int) float64, n int) float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = of(i)
		}
		slices.Sort(v)
		return v[n/2]
	}
	held := middle(func(i int) float64 { return res.HeldOut[i].Raw.Reconstruction }, len(res.HeldOut))
	fresh := middle(func(int) float64 { return raw(shaded(r)...).Reconstruction }, 100)
	if math.Abs(held/fresh-1) > 0.15 {
		t.Errorf("the median held-out part deviates by %.3f, a fresh one by %.3f", held, fresh)
	}
}
