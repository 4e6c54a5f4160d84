package pixfmt

import (
	"image"
	"io"
	"math"

	"golang.org/x/image/webp"
)

// decodeWebP is webp.Decode with colours as the format means them: a lossy file
// holds luminance from 16 to 235 and colour differences from 16 to 240 (RFC
// 9649, section 2.5: ITU-R BT.601), where image.YCbCr means 0 to 255. Alpha is
// dropped.
func decodeWebP(r io.Reader) (image.Image, error) {
	img, err := webp.Decode(r)
	if err != nil {
		return nil, err
	}
	if m, ok := img.(*image.NYCbCrA); ok {
		img = &m.YCbCr
	}
	if m, ok := img.(*image.YCbCr); ok {
		fullRange(m)
	}
	return img, nil
}

func fullRange(m *image.YCbCr) {
	luma, chroma := stretch(16, 219, 0), stretch(128, 224, 128)
	for i, v := range m.Y {
		m.Y[i] = luma[v]
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = chroma[m.Cb[i]], chroma[m.Cr[i]]
	}
}

// stretch is the table that widens span around from to 255 around to.
func stretch(from, span, to int) (t [256]uint8) {
	for v := range t {
		wide := math.Round(float64(v-from) * 255 / float64(span))
		t[v] = uint8(min(max(wide+float64(to), 0), 255))
	}
	return t
}
