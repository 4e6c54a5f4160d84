package native_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"winnow/infer"
	"winnow/infer/kernel"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

// TestUpsampledConvolutionsHaveKernels: a convolution behind a nearest upsampling by
// any factor runs on the set's kernels, and gives the generic set's bytes.
func TestUpsampledConvolutionsHaveKernels(t *testing.T) {
	q := tflite.Quant{Scale: 0.1, ZeroPoint: -7}
	for _, up := range []int{2, 4, 5, 8, 16} {
		b := tflite.NewBuilder("upsampled")
		x := b.AddInput("x", []int{1, 2, 3, 8}, q)
		w := make([]int8, 5*3*3*8)
		for i := range w {
			w[i] = int8(i*37%255 - 127)
		}
		y := b.Conv2D("y", b.ResizeNearest("up", x, 2*up, 3*up, tflite.Resize{}), b.AddWeights("w", []int{5, 3, 3, 8}, w, []float32{0.01}, 0), -1,
			tflite.Conv2D{StrideH: 1, StrideW: 1}, q)
		m, err := b.Model(y)
		if err != nil {
			t.Fatal(err)
		}
		data, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		for _, set := range slices.Backward(kernel.Sets()) {
			s, err := native.NewWith(set.Name()).Load(data, infer.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r := rand.New(rand.NewPCG(1, uint64(up)))
			for i := range s.Input(0) {
				s.Input(0)[i] = byte(r.IntN(256))
			}
			if err := s.Run(); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = slices.Clone(s.Output(0))
			}
			if !slices.Equal(s.Output(0), want) {
				t.Errorf("%s: upsampling by %d: other bytes than generic", set.Name(), up)
			}
			layers, err := s.(infer.Profiler).Profile(1)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range layers {
				if l.Op == "CONV_2D" && l.Kernel == "generic" && set.Name() != "generic" {
					t.Errorf("%s: no kernel behind an upsampling by %d", set.Name(), up)
				}
			}
		}
	}
}
