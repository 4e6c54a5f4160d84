package infer

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"

	"winnow/models"
)

// Mask says how much each place of the picture counts: 0 is ignored, 255 counts
// in full. What does not count is replaced by the mean taught picture before the
// encoder sees it, which takes it out of every view, the latent one too. It is
// immutable.
type Mask struct {
	w, h  int
	pix   []uint8 // row-major
	fill  []byte  // the mean taught picture, as the graph takes it
	fillW int
	fillH int
	zeros []int32 // integral image of ignored pixels, (w+1)*(h+1)
	sums  []int64 // integral image of values
}

// leastSeen is the share of the picture that must count.
const leastSeen = 0.02

// NewMask of w x h values over the picture; it may have any size, and shrinks to
// models.MaxSide. fill is the mean taught picture as a graph of fillW x fillH
// pixels takes it.
func NewMask(pix []uint8, w, h int, fill []byte, fillW, fillH int) (*Mask, error) {
	if w < 1 || h < 1 || len(pix) != w*h || len(fill) != fillW*fillH*3 {
		return nil, fmt.Errorf("a mask of %d values for %dx%d, and %d bytes of picture for %dx%d", len(pix), w, h, len(fill), fillW, fillH)
	}
	m := &Mask{w: w, h: h, pix: pix, fill: fill, fillW: fillW, fillH: fillH}
	m.integrate()
	if w > models.MaxSide || h > models.MaxSide {
		sw, sh := min(w, models.MaxSide), min(h, models.MaxSide)
		return NewMask(m.resampled(sw, sh), sw, sh, fill, fillW, fillH)
	}
	switch ignored := m.Ignored(); {
	case ignored > 1-leastSeen:
		return nil, fmt.Errorf("the mask ignores %.1f %% of the picture: at least %.0f %% must be looked at (0 is ignored, 255 counts)", 100*ignored, 100*leastSeen)
	case m.sums[len(m.sums)-1] == 255*int64(w*h):
		return nil, errors.New("the mask is 255 all over: it ignores nothing (0 is ignored, 255 counts)")
	}
	return m, nil
}

func (m *Mask) integrate() {
	s := m.w + 1
	m.zeros, m.sums = make([]int32, s*(m.h+1)), make([]int64, s*(m.h+1))
	for y := range m.h {
		var zeros int32
		var sum int64
		for x := range m.w {
			v := m.pix[y*m.w+x]
			if v == 0 {
				zeros++
			}
			sum += int64(v)
			m.zeros[(y+1)*s+x+1] = m.zeros[y*s+x+1] + zeros
			m.sums[(y+1)*s+x+1] = m.sums[y*s+x+1] + sum
		}
	}
}

// over is what the mask says of its pixels [x0,x1) x [y0,y1): 0 where any of them
// is ignored, else their mean.
func (m *Mask) over(x0, y0, x1, y1 int) uint8 {
	s := m.w + 1
	if m.zeros[y1*s+x1]-m.zeros[y0*s+x1]-m.zeros[y1*s+x0]+m.zeros[y0*s+x0] > 0 {
		return 0
	}
	n := int64((x1 - x0) * (y1 - y0))
	return uint8((m.sums[y1*s+x1] - m.sums[y0*s+x1] - m.sums[y1*s+x0] + m.sums[y0*s+x0] + n/2) / n)
}

// resampled to w x h pixels.
func (m *Mask) resampled(w, h int) []uint8 {
	out := make([]uint8, w*h)
	for y := range h {
		y0, y1 := y*m.h/h, ((y+1)*m.h+h-1)/h
		for x := range w {
			out[y*w+x] = m.over(x*m.w/w, y0, ((x+1)*m.w+w-1)/w, y1)
		}
	}
	return out
}

// Ignored is the share of the mask's pixels that are ignored.
func (m *Mask) Ignored() float64 {
	return float64(m.zeros[len(m.zeros)-1]) / float64(m.w*m.h)
}

// Counts says of each pixel of the graph's input whether it counts for the better half,
// row-major.
func (m *Mask) Counts() []bool {
	out := make([]bool, m.fillW*m.fillH)
	for i, v := range m.resampled(m.fillW, m.fillH) {
		out[i] = v >= 128
	}
	return out
}

// hides reports whether rows from y0 to y1 of pictures of so many are ignored altogether; nil
// hides none.
func (m *Mask) hides(y0, y1, of int) bool {
	if m == nil {
		return false
	}
	s := m.w + 1
	above, below := y0*m.h/of, (y1*m.h+of-1)/of
	return m.sums[below*s+m.w] == m.sums[above*s+m.w]
}

// Cells is how much each cell of a grid counts, 0..1, row-major: as much as its
// most counting pixel, so that only cells that are ignored altogether are 0.
func (m *Mask) Cells(h, w int) []float64 {
	out := make([]float64, h*w)
	for y := range h {
		for x := range w {
			most := uint8(0)
			for my := y * m.h / h; my < max(y*m.h/h+1, ((y+1)*m.h+h-1)/h); my++ {
				for mx := x * m.w / w; mx < max(x*m.w/w+1, ((x+1)*m.w+w-1)/w); mx++ {
					most = max(most, m.pix[my*m.w+mx])
				}
			}
			out[y*w+x] = float64(most) / 255
		}
	}
	return out
}

// veil is a mask laid over the graph's input for frames of one size.
type veil struct {
	keep []uint8  // of each pixel
	runs [][2]int // of pixels that do not count in full
}

// veil for frames whose pixels go into the input by xs and ys. An input pixel that
// any ignored frame pixel has a part in is ignored: nothing under the mask gets
// through. So the mask grows by up to one input pixel.
func (m *Mask) veil(xs, ys []taps, srcW, srcH int) *veil {
	v := &veil{keep: make([]uint8, len(xs)*len(ys))}
	for y, ty := range ys {
		y0, y1 := ty.First*m.h/srcH, ((ty.First+len(ty.Weight))*m.h+srcH-1)/srcH
		for x, tx := range xs {
			i := y*len(xs) + x
			v.keep[i] = m.over(tx.First*m.w/srcW, y0, ((tx.First+len(tx.Weight))*m.w+srcW-1)/srcW, y1)
			if v.keep[i] == 255 {
				continue
			}
			if n := len(v.runs); n > 0 && v.runs[n-1][1] == i {
				v.runs[n-1][1] = i + 1
			} else {
				v.runs = append(v.runs, [2]int{i, i + 1})
			}
		}
	}
	return v
}

// lay v over in, an input of the graph: what does not count becomes fill.
func (v *veil) lay(in, fill []byte) {
	for _, r := range v.runs {
		for i := r[0]; i < r[1]; i++ {
			k := int(v.keep[i])
			if k == 0 {
				copy(in[3*i:3*i+3], fill[3*i:3*i+3])
				continue
			}
			for c := 3 * i; c < 3*i+3; c++ {
				in[c] = uint8((int(in[c]^0x80)*k+int(fill[c]^0x80)*(255-k)+127)/255) ^ 0x80
			}
		}
	}
}

// Files are the mask and the mean taught picture as PNG, as a package carries them.
func (m *Mask) Files() (mask, reference []byte, err error) {
	var b bytes.Buffer
	if err := png.Encode(&b, &image.Gray{Pix: m.pix, Stride: m.w, Rect: image.Rect(0, 0, m.w, m.h)}); err != nil {
		return nil, nil, err
	}
	reference, err = EncodeInput(m.fill, m.fillW, m.fillH)
	return b.Bytes(), reference, err
}

// EncodeInput writes an int8 input of a graph of w x h pixels as a PNG.
func EncodeInput(in []byte, w, h int) ([]byte, error) {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		p := img.Pix[4*i : 4*i+4]
		p[0], p[1], p[2], p[3] = in[3*i]^0x80, in[3*i+1]^0x80, in[3*i+2]^0x80, 255
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

// decodeInput undoes EncodeInput.
func decodeInput(b []byte, w, h int) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if img.Bounds() != image.Rect(0, 0, w, h) {
		return nil, fmt.Errorf("it is %v, %dx%d is needed", img.Bounds(), w, h)
	}
	rgba := image.NewNRGBA(img.Bounds())
	draw.Draw(rgba, rgba.Rect, img, image.Point{}, draw.Src)
	out := make([]byte, w*h*3)
	for i := range w * h {
		out[3*i], out[3*i+1], out[3*i+2] = rgba.Pix[4*i]^0x80, rgba.Pix[4*i+1]^0x80, rgba.Pix[4*i+2]^0x80
	}
	return out, nil
}

// maskOf a package; nil where it has none.
func maskOf(p *models.Package) (*Mask, error) {
	if p.Mask == nil {
		return nil, nil
	}
	img, err := png.Decode(bytes.NewReader(p.Mask)) // its size was checked when the package was read
	if err != nil {
		return nil, fmt.Errorf("mask: %w", err)
	}
	grey, ok := img.(*image.Gray)
	if !ok {
		return nil, errors.New("mask: it is not grey")
	}
	m := p.Manifest.Preprocess
	fill, err := decodeInput(p.Reference, m.Width, m.Height)
	if err != nil {
		return nil, fmt.Errorf("reference picture: %w", err)
	}
	w, h := grey.Rect.Dx(), grey.Rect.Dy()
	pix := make([]uint8, 0, w*h)
	for y := range h {
		pix = append(pix, grey.Pix[y*grey.Stride:][:w]...)
	}
	return NewMask(pix, w, h, fill, m.Width, m.Height)
}
