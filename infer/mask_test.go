package infer

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"winnow/edge"
	"winnow/models"
)

func noiseFrame(r *rand.Rand, w, h int, f edge.PixelFormat) *edge.Frame {
	bpp := f.BytesPerPixel()
	out := &edge.Frame{Pix: make([]byte, w*h*bpp), Width: w, Height: h, Stride: w * bpp, Format: f}
	for i := range out.Pix {
		out.Pix[i] = byte(r.IntN(256))
	}
	return out
}

// blockMask is 255 but for a block of zeros and a stripe of 128 below it.
func blockMask(t *testing.T, w, h, inW, inH int) *Mask {
	t.Helper()
	pix := bytes.Repeat([]byte{255}, w*h)
	for y := h / 4; y < h/2; y++ {
		for x := w / 3; x < 2*w/3; x++ {
			pix[y*w+x] = 0
		}
	}
	for x := range w {
		pix[(h-1)*w+x] = 128
	}
	fill := bytes.Repeat([]byte{10}, inW*inH*3)
	m, err := NewMask(pix, w, h, fill, inW, inH)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Whatever lies under the mask, in frames, masks and regions of any size, the
// graph's input stays the same to the bit; what lies well outside changes it.
func TestNothingGetsThroughTheMask(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for n := range 60 {
		w, h := 40+r.IntN(300), 40+r.IntN(300)
		mw, mh := 20+r.IntN(300), 20+r.IntN(300)
		const inW, inH = 96, 64
		m := blockMask(t, mw, mh, inW, inH)
		roi, x0, y0, rw, rh := (*[4]int)(nil), 0, 0, w, h
		if n%3 == 0 {
			x0, y0, rw, rh = 5, 3, w-11, h-9
			roi = &[4]int{x0, y0, x0 + rw, y0 + rh}
		}
		p := NewPreprocessor(inW, inH, roi)
		if err := p.SetMask(m); err != nil {
			t.Fatal(err)
		}
		f := noiseFrame(r, w, h, edge.PixelFormat(n%2))
		a, b := make([]byte, inW*inH*3), make([]byte, inW*inH*3)
		if err := p.Run(f, a); err != nil {
			t.Fatal(err)
		}
		bpp := f.Format.BytesPerPixel()
		hidden := 0
		for y := range rh {
			for x := range rw {
				// pixels that touch the block of zeros in any place
				left, right := x*mw/rw, ((x+1)*mw+rw-1)/rw
				top, low := y*mh/rh, ((y+1)*mh+rh-1)/rh
				if right > mw/3 && left < 2*mw/3 && low > mh/4 && top < mh/2 {
					hidden++
					for c := range bpp {
						f.Pix[(y0+y)*f.Stride+(x0+x)*bpp+c] ^= 0xff
					}
				}
			}
		}
		if err := p.Run(f, b); err != nil {
			t.Fatal(err)
		}
		if hidden == 0 || !bytes.Equal(a, b) {
			t.Fatalf("%dx%d under a mask of %dx%d: %d pixels changed under it, input equal: %v", w, h, mw, mh, hidden, bytes.Equal(a, b))
		}
		for i := range bpp {
			f.Pix[(y0+rh/8)*f.Stride+(x0+rw/8)*bpp+i] ^= 0xff
		}
		if err := p.Run(f, b); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(a, b) {
			t.Fatalf("%dx%d under a mask of %dx%d: a pixel outside the mask changes nothing", w, h, mw, mh)
		}
	}
}

func TestMaskMixes(t *testing.T) {
	const side = 64
	m := blockMask(t, side, side, side, side)
	p := NewPreprocessor(side, side, nil)
	if err := p.SetMask(m); err != nil {
		t.Fatal(err)
	}
	f := grayFrame(side, side)
	for i := range f.Pix {
		f.Pix[i] = 200
	}
	in := make([]byte, side*side*3)
	if err := p.Run(f, in); err != nil {
		t.Fatal(err)
	}
	at := func(x, y int) int { return int(in[3*(y*side+x)] ^ 0x80) }
	const mean = 128 + 10 // of fill
	if at(2, 2) != 200 || at(side/2, side/3) != mean || at(3, side-1) != (200*128+mean*127+127)/255 {
		t.Errorf("outside %d, inside %d, half %d", at(2, 2), at(side/2, side/3), at(3, side-1))
	}
	cover := make([]byte, side*side)
	cover[side/3*side+side/2], cover[2*side+2] = 100, 100
	in[3*(side/3*side+side/2)] = 77
	if left := p.Hide(in, cover); left != 0.5 || at(side/2, side/3) != mean || cover[2*side+2] != 100 || cover[side/3*side+side/2] != 0 {
		t.Errorf("hidden: %g of the cover is left", left)
	}
	if n := testing.AllocsPerRun(10, func() { _ = p.Run(f, in) }); n != 0 {
		t.Errorf("%g allocations a frame", n)
	}
	c := m.Cells(4, 4)
	if c[0] != 1 || c[4+1] != 1 || c[8] != 1 || m.Cells(8, 8)[3*8+4] != 0 {
		t.Errorf("cells %v", c)
	}
}

func TestMaskSurvivesThePackage(t *testing.T) {
	m := blockMask(t, 50, 30, 96, 64)
	p := &models.Package{Manifest: models.Manifest{Preprocess: models.Preprocess{Width: 96, Height: 64}}}
	var err error
	if p.Mask, p.Reference, err = m.Files(); err != nil {
		t.Fatal(err)
	}
	again, err := maskOf(p)
	if err != nil || !bytes.Equal(again.pix, m.pix) || !bytes.Equal(again.fill, m.fill) {
		t.Errorf("read back: %v", err)
	}
	p.Manifest.Preprocess.Width = 128
	if _, err := maskOf(p); err == nil {
		t.Error("a mean picture of another size was taken")
	}
	p.Reference = nil
	if _, err := maskOf(p); err == nil {
		t.Error("a mask without a mean picture was taken")
	}
}

func TestSenselessMasksAreRefused(t *testing.T) {
	fill := make([]byte, 32*32*3)
	for what, pix := range map[string][]byte{
		"all white": bytes.Repeat([]byte{255}, 100), "all black": make([]byte, 100), "short": make([]byte, 99),
	} {
		if _, err := NewMask(pix, 10, 10, fill, 32, 32); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	big := bytes.Repeat([]byte{255}, 4096*8)
	big[4096*3+100] = 0
	m, err := NewMask(big, 4096, 8, fill, 32, 32)
	if err != nil || m.w != 2048 || m.pix[3*2048+50] != 0 || m.pix[3*2048+51] != 255 {
		t.Errorf("a mask of 4096 pixels: %v", err)
	}
	if NewPreprocessor(64, 64, nil).SetMask(m) == nil {
		t.Error("a mask for another input was taken")
	}
}
