package pixfmt

import (
	"image"
	"image/color"

	"winnow/capture"
	"winnow/edge"
)

// FromImage copies img to dst: Gray8 if img is grey by its type or palette,
// else RGB24. dst's memory is used where it suffices.
func FromImage(img image.Image, dst *edge.Frame) {
	b := img.Bounds()
	format := edge.RGB24
	if isGrey(img) {
		format = edge.Gray8
	}
	capture.Reshape(dst, b.Dx(), b.Dy(), format)
	copyImage(dst, img, b)
}

// isGrey reports whether img cannot hold colour.
func isGrey(img image.Image) bool {
	switch m := img.(type) {
	case *image.Gray, *image.Gray16:
		return true
	case *image.Paletted:
		return greyPalette(m.Palette)
	}
	return false
}

// greyPalette reports whether every entry of p, without its alpha, has equal channels.
func greyPalette(p color.Palette) bool {
	for _, c := range p {
		if v := straight(c); v[0] != v[1] || v[1] != v[2] {
			return false
		}
	}
	return true
}

// copyImage writes region r of img to dst, which has r's size, in dst's format.
func copyImage(dst *edge.Frame, img image.Image, r image.Rectangle) {
	grey := dst.Format == edge.Gray8
	if grey && copyLuminance(dst, img, r) {
		return
	}
	row := rowReader(img, r)
	if !grey {
		for y := range r.Dy() {
			row(r.Min.Y+y, dst.Row(y))
		}
		return
	}
	line := make([]byte, 3*r.Dx())
	for y := range r.Dy() {
		row(r.Min.Y+y, line)
		fromRGB(dst.Row(y), line, 0, true)
	}
}

// copyLuminance copies img where it holds a plane of luminance as it is.
func copyLuminance(dst *edge.Frame, img image.Image, r image.Rectangle) bool {
	for y := range r.Dy() {
		switch m := img.(type) {
		case *image.Gray:
			copy(dst.Row(y), m.Pix[m.PixOffset(r.Min.X, r.Min.Y+y):])
		case *image.YCbCr:
			copy(dst.Row(y), m.Y[m.YOffset(r.Min.X, r.Min.Y+y):])
		default:
			return false
		}
	}
	return true
}

// rowReader returns a function that writes row y of img, columns of r, as RGB.
func rowReader(img image.Image, r image.Rectangle) func(y int, out []byte) {
	x0 := r.Min.X
	switch m := img.(type) {
	case *image.Gray:
		return func(y int, out []byte) { fromGrey(out, m.Pix[m.PixOffset(x0, y):][:r.Dx()], 1, false) }
	case *image.Gray16:
		return func(y int, out []byte) { spread(out, m.Pix[m.PixOffset(x0, y):], 2, 0, 0, 0) }
	case *image.NRGBA:
		return func(y int, out []byte) { spread(out, m.Pix[m.PixOffset(x0, y):], 4, 0, 1, 2) }
	case *image.NRGBA64:
		return func(y int, out []byte) { spread(out, m.Pix[m.PixOffset(x0, y):], 8, 0, 2, 4) }
	case *image.RGBA:
		if m.Opaque() {
			return func(y int, out []byte) { spread(out, m.Pix[m.PixOffset(x0, y):], 4, 0, 1, 2) }
		}
	case *image.RGBA64:
		if m.Opaque() {
			return func(y int, out []byte) { spread(out, m.Pix[m.PixOffset(x0, y):], 8, 0, 2, 4) }
		}
	case *image.Paletted:
		return palettedRows(m, x0)
	case *image.YCbCr:
		return func(y int, out []byte) { ycbcrRow(out, m, x0, y) }
	}
	return func(y int, out []byte) { anyRow(out, img, x0, y) }
}

// spread takes bytes r, g and b of each step bytes of src.
func spread(out, src []byte, step, r, g, b int) {
	for i := 0; i+2 < len(out); i += 3 {
		out[i], out[i+1], out[i+2] = src[r], src[g], src[b]
		src = src[min(step, len(src)):]
	}
}

func palettedRows(m *image.Paletted, x0 int) func(y int, out []byte) {
	var table [256][3]byte
	for i, c := range m.Palette[:min(len(m.Palette), 256)] {
		table[i] = straight(c)
	}
	return func(y int, out []byte) {
		src := m.Pix[m.PixOffset(x0, y):]
		for i := 0; i+2 < len(out); i += 3 {
			copy(out[i:i+3], table[src[i/3]][:])
		}
	}
}

func ycbcrRow(out []byte, m *image.YCbCr, x0, y int) {
	yi := m.YOffset(x0, y)
	for i := 0; i+2 < len(out); i += 3 {
		c := m.COffset(x0+i/3, y)
		out[i], out[i+1], out[i+2] = color.YCbCrToRGB(m.Y[yi], m.Cb[c], m.Cr[c])
		yi++
	}
}

func anyRow(out []byte, img image.Image, x0, y int) {
	for i := 0; i+2 < len(out); i += 3 {
		p := straight(img.At(x0+i/3, y))
		copy(out[i:i+3], p[:])
	}
}

// straight is the colour of c without its alpha.
func straight(c color.Color) [3]byte {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [3]byte{n.R, n.G, n.B}
}

// ToImage returns a copy of f as *image.Gray or, opaque, *image.NRGBA: what
// the standard encoders take fastest. f must pass Check.
func ToImage(f *edge.Frame) image.Image {
	r := image.Rect(0, 0, f.Width, f.Height)
	if f.Format == edge.Gray8 {
		m := image.NewGray(r)
		for y := range f.Height {
			copy(m.Pix[y*m.Stride:], f.Row(y))
		}
		return m
	}
	m := image.NewNRGBA(r)
	for y := range f.Height {
		out := m.Pix[y*m.Stride:]
		for x, row := 0, f.Row(y); x < f.Width; x++ {
			out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = row[3*x], row[3*x+1], row[3*x+2], 255
		}
	}
	return m
}
