package inject_test

import (
	"bytes"
	"testing"

	"winnow/capture/inject"
	"winnow/edge"
)

func flat(level byte, format edge.PixelFormat) *edge.Frame {
	f := &edge.Frame{Width: 160, Height: 120, Format: format}
	f.Stride = f.Width * format.BytesPerPixel()
	f.Pix = bytes.Repeat([]byte{level}, f.Stride*f.Height)
	return f
}

func TestADefectAlwaysShowsAndStaysSmall(t *testing.T) {
	for _, format := range []edge.PixelFormat{edge.Gray8, edge.RGB24} {
		for _, level := range []byte{0, 100, 200, 255} {
			for _, kind := range []inject.Kind{inject.Blot, inject.Scratch} {
				for seed := range uint64(20) {
					f := flat(level, format)
					inject.Draw(f, inject.Default(kind), seed)
					changed, most := 0, 0
					for _, p := range f.Pix {
						if d := int(p) - int(level); d != 0 {
							changed, most = changed+1, max(most, d, -d)
						}
					}
					if share := float64(changed) / float64(len(f.Pix)); most < 60 || share > 0.05 {
						t.Errorf("%s on %d, seed %d: strongest change %d over %.1f %%", kind, level, seed, most, 100*share)
					}
				}
			}
		}
	}
}

func TestTheSameSeedDrawsTheSame(t *testing.T) {
	a, b, c := flat(80, edge.Gray8), flat(80, edge.Gray8), flat(80, edge.Gray8)
	inject.Draw(a, inject.Default(inject.Blot), 7)
	inject.Draw(b, inject.Default(inject.Blot), 7)
	inject.Draw(c, inject.Default(inject.Blot), 8)
	if !bytes.Equal(a.Pix, b.Pix) || bytes.Equal(a.Pix, c.Pix) {
		t.Error("the seed does not decide")
	}
}

func TestTinyPicturesAreNoTrouble(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 9}, {3, 2}} {
		f := &edge.Frame{Width: size[0], Height: size[1], Stride: size[0], Pix: make([]byte, size[0]*size[1])}
		for _, k := range []inject.Kind{inject.Blot, inject.Scratch} {
			inject.Draw(f, inject.Default(k), 1)
		}
	}
}
