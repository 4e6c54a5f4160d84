package pixfmt_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	"winnow/capture/pixfmt"
	"winnow/edge"
)

// packed stores one pixel pair of colour (y0, y1, u, v) in each format.
var onePair = map[pixfmt.FourCC]func(y0, y1, u, v byte) []byte{
	pixfmt.YUYV: func(y0, y1, u, v byte) []byte { return []byte{y0, u, y1, v} },
	pixfmt.UYVY: func(y0, y1, u, v byte) []byte { return []byte{u, y0, v, y1} },
	pixfmt.NV12: func(y0, y1, u, v byte) []byte { return []byte{y0, y1, u, v} },
}

// TestYUVAgreesWithBT601 compares with the equations of BT.601 in floating point.
func TestYUVAgreesWithBT601(t *testing.T) {
	var d pixfmt.Decoder
	for code, pack := range onePair {
		for _, full := range []bool{false, true} {
			for y := 0; y < 256; y += 5 {
				for u := 0; u < 256; u += 17 {
					for v := 0; v < 256; v += 17 {
						dst := edge.Frame{Format: edge.RGB24}
						l := pixfmt.Layout{Format: code, Width: 2, Height: 1, FullRange: full}
						if err := d.Convert(&dst, pack(byte(y), byte(y), byte(u), byte(v)), l); err != nil {
							t.Fatal(err)
						}
						want := bt601(float64(y), float64(u)-128, float64(v)-128, full)
						for c := range 3 {
							if diff := math.Abs(float64(dst.Pix[3+c]) - want[c]); diff > 0.51 {
								t.Fatalf("%v full=%v y=%d u=%d v=%d: channel %d is %d, want %.2f", code, full, y, u, v, c, dst.Pix[3+c], want[c])
							}
						}
					}
				}
			}
		}
	}
}

func bt601(y, u, v float64, full bool) [3]float64 {
	if !full {
		y, u, v = (y-16)*255/219, u*255/224, v*255/224
	}
	limit := func(x float64) float64 { return math.Min(math.Max(x, 0), 255) }
	return [3]float64{limit(y + 1.402*v), limit(y - 0.344136*u - 0.714136*v), limit(y + 1.772*u)}
}

// TestExactBytes pins bytes that every CPU must produce.
func TestExactBytes(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout pixfmt.Layout
		src    []byte
		format edge.PixelFormat
		want   []byte
	}{
		{"YUYV", pixfmt.Layout{Format: pixfmt.YUYV, Width: 2, Height: 1}, []byte{81, 90, 145, 240}, edge.RGB24, []byte{254, 0, 0, 255, 74, 74}},
		{"YUYV to grey", pixfmt.Layout{Format: pixfmt.YUYV, Width: 2, Height: 1}, []byte{16, 90, 235, 240}, edge.Gray8, []byte{0, 255}},
		{"YUYV full to grey", pixfmt.Layout{Format: pixfmt.YUYV, Width: 2, Height: 1, FullRange: true}, []byte{16, 90, 235, 240}, edge.Gray8, []byte{16, 235}},
		{"UYVY", pixfmt.Layout{Format: pixfmt.UYVY, Width: 2, Height: 1}, []byte{90, 81, 240, 145}, edge.RGB24, []byte{254, 0, 0, 255, 74, 74}},
		{"YUYV odd width", pixfmt.Layout{Format: pixfmt.YUYV, Width: 1, Height: 1}, []byte{81, 90, 145, 240}, edge.RGB24, []byte{254, 0, 0}},
		{"NV12", pixfmt.Layout{Format: pixfmt.NV12, Width: 2, Height: 2}, []byte{81, 145, 16, 235, 90, 240}, edge.RGB24, []byte{254, 0, 0, 255, 74, 74, 179, 0, 0, 255, 179, 178}},
		{"GREY", pixfmt.Layout{Format: pixfmt.GREY, Width: 2, Height: 2, Stride: 3}, []byte{1, 2, 99, 3, 4}, edge.Gray8, []byte{1, 2, 3, 4}},
		{"GREY to RGB", pixfmt.Layout{Format: pixfmt.GREY, Width: 2, Height: 1}, []byte{1, 2}, edge.RGB24, []byte{1, 1, 1, 2, 2, 2}},
		{"Y16", pixfmt.Layout{Format: pixfmt.Y16, Width: 2, Height: 1}, []byte{255, 1, 0, 2}, edge.Gray8, []byte{1, 2}},
		{"Y16 to RGB", pixfmt.Layout{Format: pixfmt.Y16, Width: 2, Height: 1}, []byte{255, 1, 0, 2}, edge.RGB24, []byte{1, 1, 1, 2, 2, 2}},
		{"RGB3", pixfmt.Layout{Format: pixfmt.RGB3, Width: 2, Height: 1}, []byte{1, 2, 3, 4, 5, 6}, edge.RGB24, []byte{1, 2, 3, 4, 5, 6}},
		{"BGR3", pixfmt.Layout{Format: pixfmt.BGR3, Width: 2, Height: 1}, []byte{3, 2, 1, 6, 5, 4}, edge.RGB24, []byte{1, 2, 3, 4, 5, 6}},
		{"BGR3 to grey", pixfmt.Layout{Format: pixfmt.BGR3, Width: 1, Height: 1}, []byte{0, 0, 255}, edge.Gray8, []byte{76}},
		{"region of YUYV", pixfmt.Layout{Format: pixfmt.YUYV, Width: 4, Height: 2, ROI: image.Rect(1, 1, 3, 2)},
			[]byte{0, 0, 0, 0, 0, 0, 0, 0, 16, 128, 126, 128, 235, 128, 16, 128}, edge.RGB24, []byte{128, 128, 128, 255, 255, 255}},
		{"region of RGB3", pixfmt.Layout{Format: pixfmt.RGB3, Width: 2, Height: 2, ROI: image.Rect(1, 0, 2, 2)},
			[]byte{0, 0, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6}, edge.RGB24, []byte{1, 2, 3, 4, 5, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := edge.Frame{Format: c.format}
			var d pixfmt.Decoder
			if err := d.Convert(&dst, c.src, c.layout); err != nil {
				t.Fatal(err)
			}
			if err := dst.Check(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(dst.Pix, c.want) {
				t.Errorf("got %v, want %v", dst.Pix, c.want)
			}
			if len(c.src) == c.layout.Size() {
				dst.Flags = 0
				if err := d.Convert(&dst, c.src[:len(c.src)-1], c.layout); !errors.Is(err, pixfmt.ErrShort) || dst.Flags != edge.FrameShort {
					t.Errorf("one byte less: %v, flags %b", err, dst.Flags)
				}
			}
		})
	}
}

func TestLayoutsThatAreRefused(t *testing.T) {
	for name, l := range map[string]pixfmt.Layout{
		"unknown format": {Format: 0x31313131, Width: 2, Height: 2},
		"no width":       {Format: pixfmt.GREY, Height: 2},
		"negative":       {Format: pixfmt.GREY, Width: -2, Height: -2},
		"huge":           {Format: pixfmt.GREY, Width: 1 << 30, Height: 1 << 30},
		"stride":         {Format: pixfmt.RGB3, Width: 4, Height: 4, Stride: 11},
		"negative step":  {Format: pixfmt.RGB3, Width: 4, Height: 4, Stride: -12},
		"beyond 32 bits": {Format: pixfmt.NV12, Width: 4, Height: 16384, Stride: 1 << 17},
		"region outside": {Format: pixfmt.GREY, Width: 4, Height: 4, ROI: image.Rect(2, 2, 5, 4)},
	} {
		var d pixfmt.Decoder
		var dst edge.Frame
		if err := d.Convert(&dst, make([]byte, 1<<12), l); err == nil || dst.Flags&edge.FrameError == 0 {
			t.Errorf("%s: %v, flags %b; want an error and FrameError", name, err, dst.Flags)
		}
	}
}

func TestConvertAllocatesNothing(t *testing.T) {
	src := make([]byte, 64*64*3)
	for _, code := range pixfmt.Formats() {
		if code.Compressed() {
			continue
		}
		var d pixfmt.Decoder
		dst := edge.Frame{Format: edge.RGB24}
		l := pixfmt.Layout{Format: code, Width: 64, Height: 64}
		if n := testing.AllocsPerRun(20, func() {
			if err := d.Convert(&dst, src, l); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations a frame", code, n)
		}
	}
}

// ramp is a colour picture that JPEG keeps well.
func ramp(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{byte(x * 255 / w), byte(y * 255 / h), 90, 255})
		}
	}
	return m
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withoutHuffman cuts the DHT segments out, as motion JPEG cameras do.
func withoutHuffman(b []byte) []byte {
	out := bytes.Clone(b[:2])
	for i := 2; ; {
		n := 2 + int(b[i+2])<<8 + int(b[i+3])
		if b[i+1] == 0xda {
			return append(out, b[i:]...)
		}
		if b[i+1] != 0xc4 {
			out = append(out, b[i:i+n]...)
		}
		i += n
	}
}

func TestMotionJPEG(t *testing.T) {
	whole := encodeJPEG(t, ramp(48, 32))
	l := pixfmt.Layout{Format: pixfmt.MJPG, Width: 48, Height: 32}
	var d pixfmt.Decoder
	var a, b, grey, part edge.Frame
	a.Format, b.Format, part.Format = edge.RGB24, edge.RGB24, edge.RGB24
	if err := d.Convert(&a, whole, l); err != nil {
		t.Fatal(err)
	}
	if p := a.Row(16)[3*24:]; math.Abs(float64(p[0])-127) > 8 || math.Abs(float64(p[2])-90) > 8 {
		t.Errorf("centre is %v", p[:3])
	}
	if err := d.Convert(&b, append(withoutHuffman(whole), 0, 0, 0), l); err != nil {
		t.Fatalf("frame without Huffman tables and with padding: %v", err)
	}
	if !bytes.Equal(a.Pix, b.Pix) {
		t.Error("the standard Huffman tables decode to another picture")
	}
	if err := d.Convert(&grey, whole, l); err != nil || grey.Check() != nil || len(grey.Pix) != 48*32 {
		t.Errorf("grey: %v, %v", err, grey.Check())
	}
	l.ROI = image.Rect(8, 8, 16, 16)
	if err := d.Convert(&part, whole, l); err != nil || !bytes.Equal(part.Row(0), a.Row(8)[24:48]) {
		t.Errorf("region: %v", err)
	}
}

func TestBrokenJPEGIsFlagged(t *testing.T) {
	whole := encodeJPEG(t, ramp(48, 32))
	l := pixfmt.Layout{Format: pixfmt.MJPG, Width: 48, Height: 32}
	for _, c := range []struct {
		name string
		src  []byte
		want edge.FrameFlags
	}{
		{"empty", nil, edge.FrameShort},
		{"cut in the header", whole[:100], edge.FrameShort},
		{"cut in the data", whole[:len(whole)-40], edge.FrameShort},
		{"no start marker", append([]byte{0, 0}, whole[2:]...), edge.FrameError},
		{"other size", encodeJPEG(t, ramp(32, 32)), edge.FrameError},
		{"no scan", []byte{0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0}, edge.FrameError},
	} {
		var d pixfmt.Decoder
		dst := edge.Frame{Format: edge.RGB24}
		if err := d.Convert(&dst, c.src, l); err == nil || dst.Flags != c.want {
			t.Errorf("%s: %v, flags %b, want %b", c.name, err, dst.Flags, c.want)
		}
	}
}

func TestFourCCNames(t *testing.T) {
	for _, c := range pixfmt.Formats() {
		if got, err := pixfmt.ParseFourCC(c.String()); err != nil || got != c {
			t.Errorf("%v: %v %v", c, got, err)
		}
	}
	if got, err := pixfmt.ParseFourCC("Y16"); err != nil || got != pixfmt.Y16 {
		t.Errorf("Y16: %v %v", got, err)
	}
	if _, err := pixfmt.ParseFourCC("H264"); err == nil {
		t.Error("H264 was accepted")
	}
}

func FuzzConvert(f *testing.F) {
	jpg := encodeJPEG(f, ramp(16, 16))
	f.Add(uint8(0), uint16(16), uint16(16), uint16(0), uint16(0), uint16(0), jpg)
	f.Add(uint8(7), uint16(16), uint16(16), uint16(0), uint16(0), uint16(0), jpg)
	f.Add(uint8(7), uint16(16), uint16(16), uint16(0), uint16(2), uint16(2), withoutHuffman(jpg))
	f.Add(uint8(5), uint16(3), uint16(3), uint16(4), uint16(1), uint16(1), make([]byte, 20))
	f.Fuzz(func(t *testing.T, code uint8, w, h, stride, x, y uint16, src []byte) {
		all := pixfmt.Formats()
		l := pixfmt.Layout{Format: all[int(code)%len(all)], Width: int(w % 300), Height: int(h % 300), Stride: int(stride)}
		if x > 0 {
			l.ROI = image.Rect(int(x), int(y), int(x)+9, int(y)+7)
		}
		for _, format := range []edge.PixelFormat{edge.Gray8, edge.RGB24} {
			var d pixfmt.Decoder
			dst := edge.Frame{Format: format}
			err := d.Convert(&dst, src, l)
			if (err != nil) != (dst.Flags != 0) {
				t.Fatalf("error %v with flags %b", err, dst.Flags)
			}
			if err == nil && dst.Check() != nil {
				t.Fatal(dst.Check())
			}
		}
	})
}

func BenchmarkConvert1080p(b *testing.B) {
	src := make([]byte, 1920*1080*3)
	r := rand.NewChaCha8([32]byte{})
	r.Read(src)
	for _, code := range []pixfmt.FourCC{pixfmt.GREY, pixfmt.RGB3, pixfmt.BGR3, pixfmt.YUYV, pixfmt.NV12} {
		b.Run(code.String(), func(b *testing.B) {
			var d pixfmt.Decoder
			dst := edge.Frame{Format: edge.RGB24}
			l := pixfmt.Layout{Format: code, Width: 1920, Height: 1080}
			b.SetBytes(1920 * 1080)
			for b.Loop() {
				if err := d.Convert(&dst, src, l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestLastColumnAlone: a region of interest may be the odd column at the very end.
func TestLastColumnAlone(t *testing.T) {
	for _, c := range []pixfmt.FourCC{pixfmt.YUYV, pixfmt.UYVY, pixfmt.NV12} {
		l := pixfmt.Layout{Format: c, Width: 8, Height: 4, ROI: image.Rect(7, 0, 8, 4)}
		f := edge.Frame{Format: edge.RGB24}
		if err := new(pixfmt.Decoder).Convert(&f, make([]byte, l.Size()), l); err != nil {
			t.Error(err)
		}
	}
}
