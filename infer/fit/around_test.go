package fit_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

// identityFront hands an 8x8 picture of 3 channels on as standardized features.
func identityFront(t *testing.T) *fit.Front {
	t.Helper()
	b := tflite.NewBuilder("identity")
	in := b.AddInput("picture", []int{1, 8, 8, 3}, tflite.Quant{Scale: 1.0 / 16})
	w := b.AddWeights("one", []int{1, 1, 1, 3}, []int8{127, 127, 127}, []float32{1.0 / 127, 1.0 / 127, 1.0 / 127}, 3)
	out := b.DepthwiseConv2D("features", in, w, -1, tflite.DepthwiseConv2D{StrideH: 1, StrideW: 1}, fit.FeatureQuant)
	m, err := b.Model(out)
	if err != nil {
		t.Fatal(err)
	}
	return &fit.Front{Graph: m, Grid: [2]int{8, 8}, Channels: 3, Taps: []int{out}}
}

// identityTap is the only feature map of identityFront.
var identityTap = []fit.Tap{{Name: "features", Height: 8, Width: 8, Channels: 3, Scale: 1.0 / 16}}

// A reconstruction that was learned elsewhere is judged like our own: its graph
// runs, what good parts leave everywhere (here 20 steps) counts for nothing, and
// a part that leaves more in one place is above the threshold.
func TestAround(t *testing.T) {
	front := identityFront(t)
	r := rand.New(rand.NewPCG(1, 2))
	part := func() []byte {
		p := make([]byte, 8*8*3)
		for i := range p {
			p[i] = byte(int8(20 + r.NormFloat64()*8))
		}
		return p
	}
	l := fit.Learned{Name: "reconstructs nothing", Append: func(b *tflite.Builder, _, features int) (int, int, error) {
		zero := b.AddConst("zero", []int{1, 8, 8, 3}, make([]int8, 8*8*3), fit.FeatureQuant)
		d := b.Sub("difference", features, zero, tflite.ActNone, fit.FeatureQuant)
		return b.Reshape("code", features, 1, 8*8*3), d, nil
	}}
	l.Parts = fit.NewFeatures(nil)
	add := func(group int) { _ = l.Parts.Add(group, nil) }
	for i := range 60 {
		p := part()
		l.Features, l.Differences = append(l.Features, p), append(l.Differences, p)
		add(i)
	}
	res, err := fit.Around(context.Background(), front, l, native.New(), fit.Options{FalseReject: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	score := scoreWith(t, res)
	good, odd := part(), part()
	for i := range 9 {
		odd[(3*8+3)*3+i] = 90
	}
	if g, o := score(good), score(odd); g > res.Calibration.Threshold+1 || o < res.Calibration.Threshold+2 {
		t.Errorf("good part %.2f, odd part %.2f, threshold %.2f", g, o, res.Calibration.Threshold)
	}
	if n := len(res.HeldOut); n != 60 || res.Calibration.Certificate.N != 60 {
		t.Errorf("%d held-out parts, certificate of %d; want 60", n, res.Calibration.Certificate.N)
	}
	for i := range 20 {
		p := part()
		l.Seen, l.SeenDifferences = append(l.Seen, p), append(l.SeenDifferences, p)
		add(60 + i)
	}
	res, err = fit.Around(context.Background(), front, l, native.New(), fit.Options{FalseReject: 0.05})
	if err != nil || len(res.HeldOut) != 60 || res.Calibration.Certificate.N != 60 {
		t.Errorf("parts that were seen calibrate too: %d, %v", res.Calibration.Certificate.N, err)
	}
	l.Parts = fit.NewFeatures(nil)
	for range 80 {
		add(0)
	}
	if _, err := fit.Around(context.Background(), front, l, native.New(), fit.Options{}); err == nil {
		t.Error("held-out parts of one group were taken for independent ones")
	}
}

// A reconstruction that lets defects pass is worth nothing, and drawn defects
// say so: what surroundings do not foretell weighs most, and catches a spot that
// leaves no difference.
func TestAroundLooksAtSurroundings(t *testing.T) {
	front, r := identityFront(t), rand.New(rand.NewPCG(3, 3))
	smooth := func() []byte {
		p, phase := make([]byte, 8*8*3), 6*r.Float64()
		for i := range p {
			p[i] = byte(int8(40*math.Sin(phase+float64(i/24)/6) + r.NormFloat64()))
		}
		return p
	}
	spotted := func() []byte {
		p := smooth()
		for c := range 3 {
			p[(4*8+4)*3+c] += 25
		}
		return p
	}
	noise := func() []byte {
		p := make([]byte, 8*8*3)
		for i := range p {
			p[i] = byte(int8(8 * r.NormFloat64()))
		}
		return p
	}
	l := fit.Learned{Name: "gives all back", Parts: fit.NewFeatures(identityTap), Append: func(b *tflite.Builder, _, features int) (int, int, error) {
		d := b.Sub("difference", features, features, tflite.ActNone, fit.FeatureQuant)
		return b.Reshape("code", features, 1, 8*8*3), d, nil
	}}
	add := func(p []byte, group int, features, differences *[][]byte) {
		*features, *differences = append(*features, p), append(*differences, noise())
		if err := l.Parts.Add(group, [][]byte{p}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		add(smooth(), i, &l.Features, &l.Differences)
	}
	for i := range 40 {
		add(smooth(), 40+i, &l.Seen, &l.SeenDifferences)
	}
	cover := make([]byte, 64)
	cover[4*8+4] = 255
	for i := range 40 {
		p := spotted()
		l.Drawn, l.DrawnDifferences = append(l.Drawn, p), append(l.DrawnDifferences, noise())
		if err := l.Parts.AddDrawn(i, i%2, [][]byte{p}, cover, 8, 8); err != nil {
			t.Fatal(err)
		}
	}
	res, err := fit.Around(context.Background(), front, l, native.New(), fit.Options{FalseReject: 0.05, LocalTaps: 1})
	if err != nil {
		t.Fatal(err)
	}
	if f := res.Statistics.Fusion; f.Local <= max(f.Reconstruction, f.Latent) {
		t.Errorf("views weigh %+v", f)
	}
	score := scoreWith(t, res)
	if g, o := score(smooth()), score(spotted()); g > res.Calibration.Threshold+1 || o < res.Calibration.Threshold+2 {
		t.Errorf("good part %.2f, spotted part %.2f, threshold %.2f", g, o, res.Calibration.Threshold)
	}
	if len(res.HeldOut) != 40 || len(res.Drawn) != 40 {
		t.Errorf("%d held-out parts and %d drawn defects are judged, want 40 of each", len(res.HeldOut), len(res.Drawn))
	}
	_ = l.Parts.AddDrawn(50, 0, [][]byte{spotted()}, cover, 8, 8)
	l.Drawn, l.DrawnDifferences = append(l.Drawn, spotted()), append(l.DrawnDifferences, noise())
	if _, err := fit.Around(context.Background(), front, l, native.New(), fit.Options{LocalTaps: 1}); err == nil {
		t.Error("a defect on a part that taught the network was taken for one on a held-out part")
	}
}

// scoreWith is the fused score by a result's own graph and statistics.
func scoreWith(t *testing.T, res *fit.Result) func(part []byte) float64 {
	t.Helper()
	raw := rawWith(t, res)
	return func(part []byte) float64 {
		return res.Statistics.Fusion.Fuse(res.Statistics.Standardize(raw(part)))
	}
}

// rawWith runs a result's own graph, one input for each of inputs, and measures the views.
func rawWith(t *testing.T, res *fit.Result) func(inputs ...[]byte) infer.Deviations {
	t.Helper()
	measure := measureWith(t, res)
	return func(inputs ...[]byte) infer.Deviations {
		raw, _ := measure(inputs...)
		return raw
	}
}

// measureWith is rawWith and the scorer that measured, which holds the maps.
func measureWith(t *testing.T, res *fit.Result) func(inputs ...[]byte) (infer.Deviations, *infer.Scorer) {
	t.Helper()
	b, err := res.Graph.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := native.New().Load(b, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	scorer := infer.NewScorer(res.Statistics)
	return func(inputs ...[]byte) (infer.Deviations, *infer.Scorer) {
		for i, in := range inputs {
			copy(s.Input(i), in)
		}
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		var outs [][]byte
		for i := range s.Outputs() {
			outs = append(outs, s.Output(i))
		}
		raw, err := scorer.Raw(outs)
		if err != nil {
			t.Fatal(err)
		}
		return raw, scorer
	}
}
