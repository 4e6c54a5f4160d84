package fit_test

import (
	"context"
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
	return &fit.Front{Graph: m, Grid: [2]int{8, 8}, Channels: 3}
}

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
	for i := range 60 {
		p := part()
		l.Features, l.Differences, l.Groups = append(l.Features, p), append(l.Differences, p), append(l.Groups, i)
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
	seen := l
	for range 20 {
		p := part()
		seen.Seen, seen.SeenDifferences = append(seen.Seen, p), append(seen.SeenDifferences, p)
	}
	res, err = fit.Around(context.Background(), front, seen, native.New(), fit.Options{FalseReject: 0.05})
	if err != nil || len(res.HeldOut) != 60 || res.Calibration.Certificate.N != 60 {
		t.Errorf("parts that were seen calibrate too: %d, %v", res.Calibration.Certificate.N, err)
	}
	l.Groups = make([]int, 60)
	if _, err := fit.Around(context.Background(), front, l, native.New(), fit.Options{}); err == nil {
		t.Error("held-out parts of one group were taken for independent ones")
	}
}

// scoreWith runs a result's own graph and statistics.
func scoreWith(t *testing.T, res *fit.Result) func(part []byte) float64 {
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
	return func(part []byte) float64 {
		copy(s.Input(0), part)
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		raw, err := scorer.Raw([][]byte{s.Output(0), s.Output(1), s.Output(2)})
		if err != nil {
			t.Fatal(err)
		}
		fused, _, _ := res.Statistics.Fusion.Fuse(res.Statistics.Standardize(raw))
		return fused
	}
}
