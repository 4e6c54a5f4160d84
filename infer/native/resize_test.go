package native

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"winnow/edge"
	"winnow/infer"
	"winnow/infer/kernel"
)

// TestPreprocessorWithKernels: frames of any size, format and region come out as plain
// Go makes them, with every set of kernels.
func TestPreprocessorWithKernels(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	for _, set := range kernel.Sets() {
		for i := range rounds {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			f := &edge.Frame{Width: 16 + r.IntN(1085), Height: 16 + r.IntN(300)}
			w, h := 4+r.IntN(300), 1+r.IntN(300)
			switch r.IntN(4) {
			case 0:
				w, h = 16+r.IntN(20), 16+r.IntN(20)
			case 1:
				w = f.Width
			}
			if r.IntN(2) == 0 {
				f.Format = edge.RGB24
			}
			f.Stride = f.Width*f.Format.BytesPerPixel() + r.IntN(2)*r.IntN(30)
			f.Pix = make([]byte, (f.Height-1)*f.Stride+f.Width*f.Format.BytesPerPixel())
			for k := range f.Pix {
				f.Pix[k] = byte(max(0, min(255, r.IntN(320)-32)))
			}
			var roi *[4]int
			if r.IntN(2) == 0 {
				x0, y0 := r.IntN(f.Width-15), r.IntN(f.Height-15)
				roi = &[4]int{x0, y0, x0 + 16 + r.IntN(f.Width-x0-15), y0 + 16 + r.IntN(f.Height-y0-15)}
			}
			plain, fast := infer.NewPreprocessor(w, h, roi), infer.NewPreprocessor(w, h, roi)
			fast.SetKernels(set)
			want, got := make([]byte, w*h*3), make([]byte, w*h*3)
			if err := plain.Run(f, want); err != nil {
				t.Fatal(err)
			}
			if err := fast.Run(f, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: round %d: %dx%d, format %v, region %v, to %dx%d: another picture", set.Name(), i, f.Width, f.Height, f.Format, roi, w, h)
			}
		}
	}
}
