package pixfmt_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"winnow/capture/pixfmt"
	"winnow/edge"
)

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeBMP(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := bmp.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeTIFF(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, m, &tiff.Options{Compression: tiff.Deflate, Predictor: true}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// WebP files of 5x3 pixels, for which there is no encoder here: lossless
// (10, 20, 200), the same with alpha 7, lossy (90, 90, 90), and that with alpha 7.
const (
	losslessWebP   = "UklGRh4AAABXRUJQVlA4TBEAAAAvBIAAAAdQiioUuf+BiOh/AAA="
	alphaWebP      = "UklGRh4AAABXRUJQVlA4TBEAAAAvBIAAEAdQiioUuQeBiOh/AAA="
	lossyWebP      = "UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoFAAMAAIAIJaQAA3AA/vtmQAA="
	lossyAlphaWebP = "UklGRkgAAABXRUJQVlA4WAoAAAAQAAAABAAAAgAAQUxQSAoAAAABB9CDiAhERP8DVlA4IBgAAAAwAQCdASoFAAMAAIAIJaQAA3AA/vtmQAA="
)

// Bilevel TIFF files of 5x3 pixels, written by libtiff: fax groups 3 and 4, and group
// 4 with white as zero. All pixels are ones, which is white, white and black.
const (
	fax3TIFF      = "SUkqABIAAAAAE1MAE1MAE1MACQAAAQMAAQAAAAUAAAABAQMAAQAAAAMAAAACAQMAAQAAAAEAAAADAQMAAQAAAAMAAAAGAQMAAQAAAAEAAAARAQQAAQAAAAgAAAAWAQMAAQAAAAMAAAAXAQQAAQAAAAkAAAAcAQMAAQAAAAEAAAAAAAAA"
	fax4TIFF      = "SUkqAA4AAAAmp+ACACAJAAABAwABAAAABQAAAAEBAwABAAAAAwAAAAIBAwABAAAAAQAAAAMBAwABAAAABAAAAAYBAwABAAAAAQAAABEBBAABAAAACAAAABYBAwABAAAAAwAAABcBBAABAAAABgAAABwBAwABAAAAAQAAAAAAAAA="
	fax4WhiteTIFF = "SUkqAA4AAAAmp+ACACAJAAABAwABAAAABQAAAAEBAwABAAAAAwAAAAIBAwABAAAAAQAAAAMBAwABAAAABAAAAAYBAwABAAAAAAAAABEBBAABAAAACAAAABYBAwABAAAAAwAAABcBBAABAAAABgAAABwBAwABAAAAAQAAAAAAAAA="
)

func fromBase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encodeGIF(t testing.TB, g *gif.GIF) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pngHeader is a PNG that claims a size and holds no pixels.
func pngHeader(w, h uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, h), 8, 2, 0, 0, 0)
	b := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	b = append(b, ihdr...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(ihdr))
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fillPicture sets all pixels of m to c.
func fillPicture[M interface {
	image.Image
	Set(x, y int, c color.Color)
}](m M, c color.Color) M {
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			m.Set(x, y, c)
		}
	}
	return m
}

func TestReadImageOfEveryKind(t *testing.T) {
	r := image.Rect(0, 0, 5, 3)
	blue := color.NRGBA{10, 20, 200, 255}
	greys := color.Palette{color.Gray{0}, color.Gray{90}}
	colours := color.Palette{color.Gray{0}, blue}
	ghosts := color.Palette{color.Gray{0}, color.NRGBA{10, 20, 200, 0}}
	for _, c := range []struct {
		name string
		file []byte
		want []byte // of each pixel; its length says grey or RGB
	}{
		{"grey.png", encodePNG(t, fillPicture(image.NewGray(r), color.Gray{90})), []byte{90}},
		{"grey16.png", encodePNG(t, fillPicture(image.NewGray16(r), color.Gray16{0x5aff})), []byte{0x5a}},
		{"rgb.png", encodePNG(t, fillPicture(image.NewNRGBA(r), blue)), []byte{10, 20, 200}},
		{"rgb16.png", encodePNG(t, fillPicture(image.NewRGBA64(r), color.NRGBA64{0x1234, 0x5678, 0x9abc, 0xffff})), []byte{0x12, 0x56, 0x9a}},
		{"alpha.png", encodePNG(t, fillPicture(image.NewNRGBA(r), color.NRGBA{10, 20, 200, 7})), []byte{10, 20, 200}},
		{"palette.png", encodePNG(t, fillPicture(image.NewPaletted(r, colours), blue)), []byte{10, 20, 200}},
		{"clearpalette.png", encodePNG(t, fillPicture(image.NewPaletted(r, ghosts), ghosts[1])), []byte{10, 20, 200}},
		{"greypalette.png", encodePNG(t, fillPicture(image.NewPaletted(r, greys), color.Gray{90})), []byte{90}},
		{"rgb.bmp", encodeBMP(t, fillPicture(image.NewRGBA(r), blue)), []byte{10, 20, 200}},
		{"grey.bmp", encodeBMP(t, fillPicture(image.NewGray(r), color.Gray{90})), []byte{90}},
		{"grey.tiff", encodeTIFF(t, fillPicture(image.NewGray(r), color.Gray{90})), []byte{90}},
		{"grey16.tif", encodeTIFF(t, fillPicture(image.NewGray16(r), color.Gray16{0x5aff})), []byte{0x5a}},
		{"rgb.tif", encodeTIFF(t, fillPicture(image.NewNRGBA(r), blue)), []byte{10, 20, 200}},
		{"palette.tif", encodeTIFF(t, fillPicture(image.NewPaletted(r, colours), blue)), []byte{10, 20, 200}},
		{"fax3.tif", fromBase64(t, fax3TIFF), []byte{255}},
		{"fax4.tif", fromBase64(t, fax4TIFF), []byte{255}},
		{"fax4white.tif", fromBase64(t, fax4WhiteTIFF), []byte{0}},
		{"lossless.webp", fromBase64(t, losslessWebP), []byte{10, 20, 200}},
		{"alpha.webp", fromBase64(t, alphaWebP), []byte{10, 20, 200}},
		{"lossy.webp", fromBase64(t, lossyWebP), []byte{90, 90, 90}},
		{"lossyalpha.webp", fromBase64(t, lossyAlphaWebP), []byte{90, 90, 90}},
		{"grey.jpg", encodeJPEG(t, fillPicture(image.NewGray(r), color.Gray{90})), []byte{90}},
		{"misnamed.gif", encodePNG(t, fillPicture(image.NewGray(r), color.Gray{90})), []byte{90}},
		{"colour.gif", encodeGIF(t, still(fillPicture(image.NewPaletted(r, colours), blue))), []byte{10, 20, 200}},
		{"grey.gif", encodeGIF(t, still(fillPicture(image.NewPaletted(r, greys), color.Gray{90}))), []byte{90}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := pixfmt.ReadImage(write(t, c.name, c.file))
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Check(); err != nil {
				t.Fatal(err)
			}
			if want := bytes.Repeat(c.want, 15); f.Width != 5 || f.Height != 3 || !bytes.Equal(f.Pix, want) {
				t.Errorf("%dx%d %v %v, want 5x3 of %v", f.Width, f.Height, f.Format, f.Pix, c.want)
			}
		})
	}
}

func still(m *image.Paletted) *gif.GIF {
	return &gif.GIF{Image: []*image.Paletted{m}, Delay: []int{4}}
}

func TestGreyWithAlphaStaysGrey(t *testing.T) {
	// Colour type 4, which the standard encoder does not write: 1x1, value 90, alpha 128.
	raw := encodePNG(t, fillPicture(image.NewGray(image.Rect(0, 0, 1, 1)), color.Gray{90}))
	file := bytes.Clone(raw[:8])
	for b := raw[8:]; len(b) > 0; {
		n := binary.BigEndian.Uint32(b)
		kind, data := string(b[4:8]), bytes.Clone(b[8:8+n])
		switch kind {
		case "IHDR":
			data[9] = 4
		case "IDAT":
			// stored zlib block: filter 0, grey 90, alpha 128; Adler-32 of it
			data = []byte{0x78, 1, 1, 3, 0, 0xfc, 0xff, 0, 90, 128, 1, 0x36, 0, 0xdb}
			binary.BigEndian.PutUint32(data[10:], adler([]byte{0, 90, 128}))
		}
		chunk := append([]byte(kind), data...)
		file = binary.BigEndian.AppendUint32(file, uint32(len(data)))
		file = binary.BigEndian.AppendUint32(append(file, chunk...), crc32.ChecksumIEEE(chunk))
		b = b[12+n:]
	}
	f, err := pixfmt.ReadImage(write(t, "ga.png", file))
	if err != nil || f.Format != edge.Gray8 || f.Pix[0] != 90 {
		t.Errorf("%+v, %v; want one grey pixel of 90", f, err)
	}
}

func adler(b []byte) uint32 {
	s1, s2 := uint32(1), uint32(0)
	for _, v := range b {
		s1 = (s1 + uint32(v)) % 65521
		s2 = (s2 + s1) % 65521
	}
	return s2<<16 | s1
}

func TestFilesThatAreRefused(t *testing.T) {
	whole := encodePNG(t, ramp(40, 40))
	animated := encodeGIF(t, disposals())
	for _, c := range []struct {
		name string
		file []byte
		want error
		text string
	}{
		{"huge.png", pngHeader(20000, 20000), pixfmt.ErrTooLarge, "20000x20000"},
		{"huge.gif", []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), pixfmt.ErrTooLarge, "65535x65535"},
		{"headeronly.png", pngHeader(20, 20), pixfmt.ErrTruncated, ""},
		{"truncated.png", whole[:len(whole)/2], pixfmt.ErrTruncated, ""},
		{"truncated.jpg", encodeJPEG(t, ramp(64, 64))[:700], pixfmt.ErrTruncated, ""},
		{"truncated.bmp", encodeBMP(t, ramp(20, 20))[:200], pixfmt.ErrTruncated, ""},
		{"truncated.tif", encodeTIFF(t, ramp(20, 20))[:60], pixfmt.ErrTruncated, ""},
		{"endless.tif", []byte("II*\x00\xf0\xff\xff\xff"), pixfmt.ErrTruncated, ""},
		{"truncated.webp", fromBase64(t, losslessWebP)[:30], pixfmt.ErrTruncated, ""},
		{"truncated.gif", animated[:len(animated)/2], pixfmt.ErrTruncated, ""},
		{"tiny.gif", []byte("GIF8"), pixfmt.ErrTruncated, ""},
		{"text.png", []byte("hello, this is no picture at all"), pixfmt.ErrNotPicture, ""},
		{"short.png", []byte("x"), pixfmt.ErrNotPicture, ""},
		{"model.jpg", []byte("\x1c\x00\x00\x00TFL3"), pixfmt.ErrNotPicture, ""},
		{"empty.png", nil, nil, "empty"},
		{"nopicture.gif", append(bytes.Clone(animated[:13]), 0x3b), nil, "without a picture"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.name, c.file)
			_, err := pixfmt.ReadImage(path)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q must be one line that names the file and %q", err, c.text)
			}
		})
	}
	if _, err := pixfmt.ReadImage(filepath.Join(t.TempDir(), "none.png")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := pixfmt.ReadImage(t.TempDir()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("folder: %v", err)
	}
}

// disposals is a GIF of four 4x4 frames, each with another disposal method.
func disposals() *gif.GIF {
	pal := color.Palette{color.RGBA{}, color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}, color.RGBA{0, 0, 255, 255}}
	frame := func(r image.Rectangle, index uint8) *image.Paletted {
		m := image.NewPaletted(r, pal)
		for i := range m.Pix {
			m.Pix[i] = index
		}
		return m
	}
	holed := frame(image.Rect(0, 0, 4, 2), 3)
	holed.Pix[0] = 0 // transparent
	return &gif.GIF{
		Image:    []*image.Paletted{frame(image.Rect(0, 0, 4, 4), 1), frame(image.Rect(0, 0, 2, 2), 2), holed, frame(image.Rect(3, 3, 4, 4), 2)},
		Delay:    []int{1, 2, 3, 4},
		Disposal: []byte{gif.DisposalNone, gif.DisposalPrevious, gif.DisposalBackground, gif.DisposalNone},
	}
}

func TestAnimationComposesFrames(t *testing.T) {
	path := write(t, "a.gif", encodeGIF(t, disposals()))
	a, err := pixfmt.OpenAnimation(path)
	if err != nil {
		t.Fatal(err)
	}
	// r, g, b: the colours above; k: black, what lies under everything.
	want := []string{
		"rrrr rrrr rrrr rrrr",
		"ggrr ggrr rrrr rrrr",
		"rbbb bbbb rrrr rrrr", // frame 1 is undone; its first pixel shows through
		"kkkk kkkk rrrr rrrg", // frame 2's box is cleared
	}
	if a.Len() != len(want) || a.Delay(2).Milliseconds() != 30 {
		t.Fatalf("%d frames, third shown %v", a.Len(), a.Delay(2))
	}
	for _, i := range []int{0, 1, 2, 3, 1, 3, 0, 0} {
		var f edge.Frame
		if err := a.Frame(&f, i); err != nil {
			t.Fatal(err)
		}
		if got := letters(&f); got != want[i] {
			t.Errorf("frame %d is %s, want %s", i, got, want[i])
		}
	}
	var f edge.Frame
	if err := a.Frame(&f, 4); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("frame 4 of 4: %v", err)
	}
}

// letters names the dominant channel of each pixel.
func letters(f *edge.Frame) string {
	var rows []string
	for y := range f.Height {
		var b strings.Builder
		for row := f.Row(y); len(row) > 0; row = row[3:] {
			b.WriteByte("krgb"[1*(row[0]/255)+2*(row[1]/255)+3*(row[2]/255)])
		}
		rows = append(rows, b.String())
	}
	return strings.Join(rows, " ")
}

func TestReadImageIntoKeepsMemory(t *testing.T) {
	path := write(t, "a.png", encodePNG(t, ramp(8, 8)))
	dst := edge.Frame{Pix: make([]byte, 1000)}
	first := &dst.Pix[0]
	if err := pixfmt.ReadImageInto(&dst, path); err != nil || &dst.Pix[0] != first {
		t.Errorf("%v; memory kept: %v", err, &dst.Pix[0] == first)
	}
}

func TestWritePNGIsReadBack(t *testing.T) {
	dir := t.TempDir()
	for _, format := range []edge.PixelFormat{edge.Gray8, edge.RGB24} {
		n := format.BytesPerPixel()
		f := edge.Frame{Width: 3, Height: 2, Stride: 3*n + 2, Format: format, Pix: make([]byte, 2*(3*n+2))}
		for i := range f.Pix {
			f.Pix[i] = byte(11 * i)
		}
		path := filepath.Join(dir, "f.png")
		if err := pixfmt.WritePNG(path, &f); err != nil {
			t.Fatal(err)
		}
		got, err := pixfmt.ReadImage(path)
		if err != nil || got.Format != format || !bytes.Equal(got.Row(1), f.Row(1)) {
			t.Errorf("%v: %+v, %v", format, got, err)
		}
	}
	if err := pixfmt.WritePNG(filepath.Join(dir, "g.png"), &edge.Frame{}); err == nil {
		t.Error("an empty frame was written")
	}
	if err := pixfmt.WritePNG(filepath.Join(dir, "none", "g.png"), &edge.Frame{Pix: []byte{1}, Width: 1, Height: 1, Stride: 1}); err == nil {
		t.Error("a folder that is missing was no error")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files left, want f.png only", len(entries))
	}
}

func FuzzDecodeImage(f *testing.F) {
	f.Add(encodePNG(f, ramp(9, 7)))
	f.Add(encodeJPEG(f, ramp(9, 7)))
	f.Add(encodeBMP(f, ramp(9, 7)))
	f.Add(encodeGIF(f, disposals()))
	f.Add(encodeTIFF(f, ramp(9, 7)))
	for _, s := range []string{losslessWebP, alphaWebP, lossyWebP, lossyAlphaWebP} {
		f.Add(fromBase64(f, s))
	}
	f.Add(pngHeader(20000, 20000))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		var dst edge.Frame
		err := pixfmt.DecodeImage(&dst, bytes.NewReader(b), "fuzz")
		if err == nil && dst.Check() != nil {
			t.Fatal(dst.Check())
		}
	})
}
