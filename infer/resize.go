package infer

import (
	"fmt"

	"winnow/edge"
)

// coefBits is the fixed-point precision of the resize weights.
const coefBits = 14

// taps are the weights of one output pixel: source pixels First.. with
// Weight/2^coefBits each, which sum to exactly 1.
type taps struct {
	First  int
	Weight []int32
}

// triangle returns the weights that bring n source pixels to m: a triangle
// filter as wide as a source pixel when enlarging and as an output pixel when
// reducing, so that nothing is skipped (the "bilinear" of most picture
// libraries). It is computed in integers.
func triangle(n, m int) []taps {
	out := make([]taps, m)
	support := max(n, m) // half width, in units of 1/(2m) source pixels: 2*max(n,m)
	for i := range out {
		centre := (2*i + 1) * n
		first, last := (centre-2*support)/(2*m), (centre+2*support)/(2*m)
		first, last = max(first, 0), min(last, n-1)
		for reach := func(j int) bool { d := (2*j+1)*m - centre; return max(d, -d) >= 2*support }; ; {
			if reach(first) {
				first++
			} else if reach(last) {
				last--
			} else {
				break
			}
		}
		raw := make([]int64, 0, last-first+1)
		sum := int64(0)
		for j := first; j <= last; j++ {
			d := (2*j+1)*m - centre
			w := int64(max(0, 2*support-max(d, -d)))
			raw, sum = append(raw, w), sum+w
		}
		out[i] = taps{First: first, Weight: normalize(raw, sum)}
	}
	return out
}

// normalize scales raw to sum to exactly 2^coefBits; what rounding leaves over
// goes to the largest weight.
func normalize(raw []int64, sum int64) []int32 {
	w := make([]int32, len(raw))
	left, best := int64(1)<<coefBits, 0
	for i, r := range raw {
		v := (r<<coefBits + sum/2) / sum
		w[i] = int32(v)
		left -= v
		if r > raw[best] {
			best = i
		}
	}
	w[best] += int32(left)
	return w
}

// Preprocessor brings frames to a graph's input: int8 NHWC [1][height][width][3],
// value = pixel-128, grey repeated over the three channels. It keeps the
// weights of the last frame size, so frames of one camera cost no allocation.
// It is not safe for concurrent use.
type Preprocessor struct {
	width, height int
	roi           *[4]int
	mask          *Mask // nil: everything counts
	veil          *veil // of the mask, for the last frame size
	repair        *repairer
	register      *registrar // nil: parts are taken where they lie
	missing       float64    // of the last frame
	bad           bool       // so much that it cannot be judged
	kernels       Kernels    // nil: plain Go

	srcW, srcH int
	format     edge.PixelFormat
	xs, ys     []taps
	same       bool                         // rows keep their width
	resizeRow  func(dst, src []byte)        // a kernel; nil: plain Go
	resizeCol  func(dst, src []byte, y int) // likewise
	rows       []uint8                      // source rows after the horizontal pass
	sums       []int32                      // of one output row
	line       []uint8                      // and what they come to, of grey
}

// NewPreprocessor for graphs of width x height pixels; roi (x0,y0,x1,y1 in
// frame pixels) may be nil for the whole frame.
func NewPreprocessor(width, height int, roi *[4]int) *Preprocessor {
	p := &Preprocessor{width: width, height: height, roi: roi}
	p.SetSensor(nil)
	return p
}

// SetSensor tells what is known of the camera, from the next frame on; nil is
// nothing.
func (p *Preprocessor) SetSensor(s *Sensor) {
	p.repair = newRepairer(s)
	p.repair.roi, p.repair.mask = p.roi, p.mask
}

// SetKernels makes the preprocessor use k from the next frame on, which changes no
// bit of what it writes; nil is plain Go.
func (p *Preprocessor) SetKernels(k Kernels) { p.kernels, p.xs = k, nil }

// Missing is the share of the last frame that held no picture: dead pixels and
// lines, which are bridged, or rows that never came. Where bad is true it is too
// much to judge the frame.
func (p *Preprocessor) Missing() (share float64, bad bool) { return p.missing, p.bad }

// SetReference makes the preprocessor move each part to where it lies in the
// reference, an input of the graph, from the next frame on; nil is nowhere.
func (p *Preprocessor) SetReference(reference []byte) (err error) {
	if p.register = nil; reference != nil {
		p.register, err = newRegistrar(reference, p.width, p.height)
	}
	return err
}

// Shift is how far right and down of the reference the last part lay, in pixels of
// the graph's input: it was moved back. Where beyond is true it lay too far to be
// moved.
func (p *Preprocessor) Shift() (dx, dy int, beyond bool) {
	if p.register == nil {
		return 0, 0, false
	}
	return p.register.dx, p.register.dy, p.register.beyond
}

// SetMask makes the preprocessor ignore what m says, from the next frame on; nil
// is nothing. m's mean picture must have the input's size.
func (p *Preprocessor) SetMask(m *Mask) error {
	if m != nil && (m.fillW != p.width || m.fillH != p.height) {
		return fmt.Errorf("a mask for inputs of %dx%d, the graph takes %dx%d", m.fillW, m.fillH, p.width, p.height)
	}
	p.mask, p.veil, p.xs, p.repair.mask = m, nil, nil, m
	return nil
}

// Hide lays the mask over a graph's input that was changed after Run, and over
// cover, which says how much of each pixel the change covers (0..255). It reports
// what share of the cover is left.
func (p *Preprocessor) Hide(in, cover []byte) float64 {
	if p.veil == nil {
		return 1
	}
	p.veil.lay(in, p.mask.fill)
	all, left := 0, 0
	for i, c := range cover {
		cover[i] = uint8(int(c) * int(p.veil.keep[i]) / 255)
		all, left = all+int(c), left+int(cover[i])
	}
	if all == 0 {
		return 0
	}
	return float64(left) / float64(all)
}

// MinSide is the smallest frame, in pixels a side, that can be judged.
const MinSide = 16

// Run writes f to dst, which has width*height*3 bytes.
func (p *Preprocessor) Run(f *edge.Frame, dst []byte) error {
	if err := f.Check(); err != nil {
		return err
	}
	x0, y0, x1, y1 := 0, 0, f.Width, f.Height
	if p.roi != nil {
		x0, y0, x1, y1 = p.roi[0], p.roi[1], p.roi[2], p.roi[3]
		if x1 > f.Width || y1 > f.Height {
			return fmt.Errorf("region of interest %v lies outside the %dx%d frame", *p.roi, f.Width, f.Height)
		}
	}
	if x1-x0 < MinSide || y1-y0 < MinSide {
		return fmt.Errorf("picture of %dx%d pixels is too small to judge: at least %dx%d are needed", x1-x0, y1-y0, MinSide, MinSide)
	}
	if len(dst) != p.width*p.height*3 {
		return fmt.Errorf("graph input has %d bytes, %dx%dx3 are needed", len(dst), p.width, p.height)
	}
	p.prepare(x1-x0, y1-y0, f.Format)
	p.horizontal(f, x0, y0) // before the repair, which looks all over the frame: it finds it in the cache
	var whole *edge.Frame
	if whole, p.missing, p.bad = p.repair.run(f); whole != f {
		p.horizontal(whole, x0, y0)
	}
	p.vertical(dst)
	if p.veil != nil {
		p.veil.lay(dst, p.mask.fill)
	}
	if p.register != nil {
		p.register.run(dst)
	}
	return nil
}

func (p *Preprocessor) prepare(w, h int, format edge.PixelFormat) {
	if w == p.srcW && h == p.srcH && format == p.format && p.xs != nil {
		return
	}
	p.srcW, p.srcH, p.format = w, h, format
	p.xs, p.ys = triangle(w, p.width), triangle(h, p.height)
	p.same = w == p.width
	if p.mask != nil {
		p.veil = p.mask.veil(p.xs, p.ys, w, h)
	}
	p.rows = make([]uint8, h*p.width*format.BytesPerPixel())
	p.sums = make([]int32, p.width*format.BytesPerPixel())
	p.line = make([]uint8, len(p.sums))
	p.resizeRow, p.resizeCol = nil, nil
	if p.kernels != nil {
		first, weight := split(p.xs)
		p.resizeRow = p.kernels.ResizeRows(first, weight, w, format.BytesPerPixel())
		first, weight = split(p.ys)
		p.resizeCol = p.kernels.ResizeColumns(first, weight, h, len(p.line))
	}
}

// split is ts as Kernels take them.
func split(ts []taps) (first []int, weight [][]int32) {
	for _, t := range ts {
		first, weight = append(first, t.First), append(weight, t.Weight)
	}
	return first, weight
}

// horizontal resizes each source row to the output width.
func (p *Preprocessor) horizontal(f *edge.Frame, x0, y0 int) {
	c := f.Format.BytesPerPixel()
	for y := range p.srcH {
		src := f.Row(y0 + y)[x0*c:]
		dst := p.rows[y*p.width*c:][:p.width*c]
		switch {
		case p.same:
			copy(dst, src)
		case p.resizeRow != nil:
			p.resizeRow(dst, src)
		case c == 1:
			grayRow(dst, src, p.xs)
		default:
			rgbRow(dst, src, p.xs)
		}
	}
}

func grayRow(dst, src []uint8, xs []taps) {
	for x := range xs {
		t := &xs[x]
		s := src[t.First:][:len(t.Weight)]
		sum := int32(1) << (coefBits - 1)
		for i, w := range t.Weight {
			sum += w * int32(s[i])
		}
		dst[x] = clamp8(sum >> coefBits)
	}
}

func rgbRow(dst, src []uint8, xs []taps) {
	for x := range xs {
		t := &xs[x]
		s := src[t.First*3:][:len(t.Weight)*3]
		const half = int32(1) << (coefBits - 1)
		r, g, b := half, half, half
		for i, w := range t.Weight {
			q := s[i*3 : i*3+3 : i*3+3]
			r += w * int32(q[0])
			g += w * int32(q[1])
			b += w * int32(q[2])
		}
		d := dst[x*3 : x*3+3 : x*3+3]
		d[0], d[1], d[2] = clamp8(r>>coefBits), clamp8(g>>coefBits), clamp8(b>>coefBits)
	}
}

// vertical resizes the columns and writes pixel-128 as int8.
func (p *Preprocessor) vertical(dst []byte) {
	c := p.format.BytesPerPixel()
	row := p.width * c
	for y := range p.height {
		out := dst[y*p.width*3:][:p.width*3]
		line := out
		if c == 1 {
			line = p.line
		}
		if p.resizeCol != nil {
			p.resizeCol(line, p.rows, y)
		} else {
			t := &p.ys[y]
			p.column(line, p.rows[t.First*row:][:len(t.Weight)*row], t.Weight)
		}
		if c == 3 {
			continue
		}
		for x, v := range line {
			o := out[3*x : 3*x+3 : 3*x+3]
			o[0], o[1], o[2] = v, v, v
		}
	}
}

// column writes the weighted sum of the rows of src, minus 128.
func (p *Preprocessor) column(out, src []uint8, weight []int32) {
	if len(weight) == 1 {
		for x, v := range src {
			out[x] = v ^ 0x80
		}
		return
	}
	sums := p.sums
	for i, w := range weight {
		line := src[i*len(sums):][:len(sums)]
		if i == 0 {
			for x, v := range line {
				sums[x] = w*int32(v) + 1<<(coefBits-1)
			}
			continue
		}
		for x, v := range line {
			sums[x] += w * int32(v)
		}
	}
	for x, v := range sums {
		out[x] = clamp8(v>>coefBits) ^ 0x80
	}
}

func clamp8(v int32) uint8 { return uint8(max(0, min(255, v))) }
