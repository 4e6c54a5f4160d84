package native

import (
	"math"
	"math/rand/v2"
	"testing"

	"winnow/infer"
	"winnow/infer/kernel"
)

// TestScorerWithKernels: raw views and maps of random outputs are those of plain Go to
// the bit, with every set of kernels.
func TestScorerWithKernels(t *testing.T) {
	for _, set := range kernel.Sets() {
		for i := range 200 {
			r := rand.New(rand.NewPCG(uint64(i), 9))
			h, w, ch := 1+r.IntN(20), 1+r.IntN(20), 1+r.IntN(100)
			s := &infer.Statistics{Grid: [2]int{h, w}, Channels: ch, ResidualScale: r.Float64() + 0.01,
				PositionWeight: floats(r, h*w), Latent: latent(r, ch)}
			s.Local = &infer.LocalModel{Grid: [2]int{2 * h, w}, Channels: 1 + r.IntN(40), Step: r.Float64() + 0.01, Peaks: i % 3, PositionWeight: floats(r, 2*h*w)}
			s.Local.View.Median, s.Views[0].Median = 1, 2
			outputs := make([][]byte, infer.OutLocal+1)
			outputs[infer.OutResidual], outputs[infer.OutFeatures] = int8s(r, h*w*ch), int8s(r, h*w*ch)
			outputs[infer.OutLocal] = int8s(r, 2*h*w*s.Local.Channels)
			plain, fast := infer.NewScorer(s), infer.NewScorer(s)
			fast.SetKernels(set)
			want, err := plain.Raw(outputs)
			if err != nil {
				t.Fatal(err)
			}
			got, err := fast.Raw(outputs)
			if err != nil {
				t.Fatal(err)
			}
			if got != want || *fast.Ensemble() != *plain.Ensemble() {
				t.Fatalf("%s: round %d: %dx%dx%d: %+v, want %+v", set.Name(), i, h, w, ch, got, want)
			}
			for k, v := range fast.Map() {
				if math.Float64bits(v) != math.Float64bits(plain.Map()[k]) {
					t.Fatalf("%s: round %d: %dx%dx%d: cell %d is %g, want %g", set.Name(), i, h, w, ch, k, v, plain.Map()[k])
				}
			}
		}
	}
}

func floats(r *rand.Rand, n int) []float64 {
	f := make([]float64, n)
	for i := range f {
		f[i] = r.Float64() + 0.1
	}
	return f
}

func int8s(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return b
}

func latent(r *rand.Rand, ch int) infer.LatentModel {
	m := infer.LatentModel{FirstChannel: r.IntN(ch), Rest: 1}
	n := 2 * (ch - m.FirstChannel)
	m.Mean, m.Scale, m.Variance = floats(r, n), floats(r, n), floats(r, r.IntN(11))
	for range m.Variance {
		m.Basis = append(m.Basis, floats(r, n))
	}
	return m
}
