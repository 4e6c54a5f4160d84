package infer

import (
	"fmt"
	"math"
	"math/bits"
)

// Registration moves the picture of a part to where the mean taught part lies. The
// shift is estimated by phase correlation (Kuglin and Hines, IEEE Conference on
// Cybernetics and Society 1975) of grey pictures of regSide x regSide cells under a
// Hann window, refined on pixels, and is whole pixels of the graph's input.
//
// A shift must be the same on every processor, so each product is rounded by
// itself, and sines and cosines come from square roots.
const (
	regSide  = 64
	regWhite = 0.05 // of the mean magnitude, added to each, so that noise alone has no say
	regFine  = 2    // pixels around the estimate that are tried
)

// MaxShift is the share of a side by which registration moves a part, at most.
const MaxShift = 0.125

// registrar holds the reference and the memory of one preprocessor.
type registrar struct {
	w, h      int
	reference []byte  // the mean taught picture, as the graph takes it
	grey      []uint8 // of it
	spectrum  field
	cur       field
	curGrey   []uint8
	window    []float64
	fft       *fft
	moved     []byte

	dx, dy int  // of the last picture: how far right and down it lay, in pixels
	beyond bool // it lay farther than MaxShift
}

// field is a picture of complex numbers, row-major.
type field struct{ re, im []float64 }

func newField() field {
	return field{make([]float64, regSide*regSide), make([]float64, regSide*regSide)}
}

// newRegistrar for graphs of w x h pixels.
func newRegistrar(reference []byte, w, h int) (*registrar, error) {
	if len(reference) != 3*w*h {
		return nil, fmt.Errorf("a reference of %d bytes for an input of %dx%d", len(reference), w, h)
	}
	r := &registrar{w: w, h: h, reference: reference, grey: make([]uint8, w*h), curGrey: make([]uint8, w*h),
		spectrum: newField(), cur: newField(), fft: newFFT(), moved: make([]byte, len(reference))}
	for i := range regSide {
		c, _ := r.fft.turn(2*i + 1) // cos of (i + 1/2) cells of regSide
		r.window = append(r.window, mul(0.5, 1-c))
	}
	greyOf(r.grey, reference)
	r.transform(r.spectrum, r.grey)
	return r, nil
}

// greyOf is (R+2G+B)/4 of an input.
func greyOf(dst []uint8, in []byte) {
	for i := range dst {
		p := in[3*i : 3*i+3 : 3*i+3]
		dst[i] = uint8((int(p[0]^0x80) + 2*int(p[1]^0x80) + int(p[2]^0x80)) >> 2)
	}
}

// transform writes the spectrum of grey to p.
func (r *registrar) transform(p field, grey []uint8) {
	total := 0.0
	for y := range regSide {
		y0, y1 := y*r.h/regSide, max((y+1)*r.h/regSide, y*r.h/regSide+1)
		for x := range regSide {
			x0, x1 := x*r.w/regSide, max((x+1)*r.w/regSide, x*r.w/regSide+1)
			sum := 0
			for yy := y0; yy < y1; yy++ {
				for _, v := range grey[yy*r.w+x0 : yy*r.w+x1] {
					sum += int(v)
				}
			}
			v := float64(sum) / float64((y1-y0)*(x1-x0))
			p.re[y*regSide+x] = v
			total += v
		}
	}
	mean := total / (regSide * regSide)
	for y := range regSide {
		for x := range regSide {
			i := y*regSide + x
			p.re[i] = mul(p.re[i]-mean, mul(r.window[y], r.window[x]))
			p.im[i] = 0
		}
	}
	r.fft.plane(p)
}

// run moves in, an input of the graph, to where the reference lies. What comes into
// the picture that way mirrors what lies along the edge, texture and noise and all.
func (r *registrar) run(in []byte) {
	greyOf(r.curGrey, in)
	r.transform(r.cur, r.curGrey)
	r.dx, r.dy = r.refine(r.coarse())
	r.beyond = r.dx > r.most(r.w) || -r.dx > r.most(r.w) || r.dy > r.most(r.h) || -r.dy > r.most(r.h)
	if r.beyond || r.dx == 0 && r.dy == 0 {
		return
	}
	copy(r.moved, in)
	for y := range r.h {
		src := r.moved[3*r.w*mirrored(y+r.dy, r.h):][:3*r.w]
		dst := in[3*r.w*y:][:3*r.w]
		for x := range r.w {
			k := 3 * mirrored(x+r.dx, r.w)
			copy(dst[3*x:3*x+3], src[k:k+3])
		}
	}
}

// Register moves in to where reference lies; both are inputs of a graph of w x h
// pixels.
func Register(reference, in []byte, w, h int) error {
	r, err := newRegistrar(reference, w, h)
	if err == nil {
		r.run(in)
	}
	return err
}

func (r *registrar) most(side int) int { return int(mul(MaxShift, float64(side))) }

// mirrored is i within 0..n-1, reflected at the ends.
func mirrored(i, n int) int {
	if i < 0 {
		i = -1 - i
	}
	if i >= n {
		i = 2*n - 1 - i
	}
	return i
}

// coarse is where the phases of both pictures correlate best, in pixels.
func (r *registrar) coarse() (dx, dy float64) {
	mean := 0.0
	for i := range r.cur.re {
		a, b, c, d := r.cur.re[i], r.cur.im[i], r.spectrum.re[i], r.spectrum.im[i]
		// cur times the conjugate of the reference; conjugated again, so that a
		// forward transform does for the inverse
		r.cur.re[i], r.cur.im[i] = mul(a, c)+mul(b, d), mul(a, d)-mul(b, c)
		mean += math.Sqrt(mul(r.cur.re[i], r.cur.re[i]) + mul(r.cur.im[i], r.cur.im[i]))
	}
	floor := mul(regWhite, mean/(regSide*regSide)) + 1e-9
	for i := range r.cur.re {
		k := lowPass(i) / (math.Sqrt(mul(r.cur.re[i], r.cur.re[i])+mul(r.cur.im[i], r.cur.im[i])) + floor)
		r.cur.re[i], r.cur.im[i] = mul(r.cur.re[i], k), mul(r.cur.im[i], k)
	}
	r.fft.plane(r.cur)
	best := 0
	for i, v := range r.cur.re {
		if v > r.cur.re[best] {
			best = i
		}
	}
	x, y := best%regSide, best/regSide
	fx := r.between(x, func(k int) float64 { return r.cur.re[y*regSide+k] })
	fy := r.between(y, func(k int) float64 { return r.cur.re[k*regSide+x] })
	return mul(fx, float64(r.w)) / regSide, mul(fy, float64(r.h)) / regSide
}

// lowPass is the weight of frequency i of a plane: high ones are mostly noise.
func lowPass(i int) float64 {
	x, y := wrap(i%regSide), wrap(i/regSide)
	f := float64(x*x+y*y) / (regSide * regSide / 16) // 1 at a quarter of the sampling rate
	return 1 / (1 + mul(f, f))
}

// wrap is a number of cells between -regSide/2 and regSide/2.
func wrap(k int) int {
	if k >= regSide/2 {
		return k - regSide
	}
	return k
}

// between is the top of the parabola through the peak at k and its neighbours.
func (r *registrar) between(k int, at func(k int) float64) float64 {
	a, b, c := at((k+regSide-1)%regSide), at(k), at((k+1)%regSide)
	if curve := a - 2*b + c; curve < 0 {
		return float64(wrap(k)) + mul(0.5, a-c)/curve
	}
	return float64(wrap(k))
}

// refine is the whole shift near (dx, dy), or none at all, under which the pictures
// differ least.
func (r *registrar) refine(dx, dy float64) (int, int) {
	bx, by := int(math.RoundToEven(dx)), int(math.RoundToEven(dy))
	x, y, least := 0, 0, r.difference(0, 0, math.MaxInt)
	for ty := by - regFine; ty <= by+regFine; ty++ {
		for tx := bx - regFine; tx <= bx+regFine; tx++ {
			if d := r.difference(tx, ty, least); d < least {
				x, y, least = tx, ty, d
			}
		}
	}
	return x, y
}

// difference of the picture moved back by (dx, dy) and the reference, without what
// their levels differ in the mean, over a grid of pixels of the middle: the sum of
// the absolute differences in 1/256 levels, or anything from least on.
func (r *registrar) difference(dx, dy, least int) int {
	mx, my := r.w/6, r.h/6
	if mx+dx < 0 || r.w-mx+dx > r.w || my+dy < 0 || r.h-my+dy > r.h {
		return math.MaxInt
	}
	n, bias := 0, 0
	for y := my; y < r.h-my; y += 4 {
		a := r.grey[y*r.w+mx:][:r.w-2*mx]
		b := r.curGrey[(y+dy)*r.w+mx+dx:][:len(a)]
		for x := 0; x < len(a); x += 2 {
			bias += int(b[x]) - int(a[x])
			n++
		}
	}
	bias = 256 * bias / max(n, 1)
	sum := 0
	for y := my; y < r.h-my && sum < least; y += 4 {
		a := r.grey[y*r.w+mx:][:r.w-2*mx]
		b := r.curGrey[(y+dy)*r.w+mx+dx:][:len(a)]
		for x := 0; x < len(a); x += 2 {
			d := 256*(int(b[x])-int(a[x])) - bias
			sum += max(d, -d)
		}
	}
	return sum
}

// fft of regSide points, radix 2, in place.
type fft struct {
	cos, sin []float64 // of k whole turns over 2*regSide
	order    []int
	re, im   []float64 // of a column
}

func newFFT() *fft {
	const n = 2 * regSide // twice as fine as the transform needs, for the window
	f := &fft{cos: make([]float64, n), sin: make([]float64, n), re: make([]float64, regSide), im: make([]float64, regSide)}
	f.cos[0], f.sin[n/4] = 1, 1
	f.cos[n/2], f.sin[3*n/4] = -1, -1
	// Halve the angle from a quarter turn down: cos(a/2) = sqrt((1+cos a)/2); every
	// other angle of a level is the sum of one of the level above and the new one.
	for step := n / 4; step > 1; step /= 2 {
		half := step / 2
		c := math.Sqrt(mul(0.5, 1+f.cos[step]))
		s := math.Sqrt(mul(0.5, 1-f.cos[step]))
		for k := 0; k < n; k += step {
			f.cos[k+half] = mul(f.cos[k], c) - mul(f.sin[k], s)
			f.sin[k+half] = mul(f.sin[k], c) + mul(f.cos[k], s)
		}
	}
	for i := range regSide {
		f.order = append(f.order, int(bits.Reverse32(uint32(i))>>(32-bits.TrailingZeros(regSide))))
	}
	return f
}

// turn is cosine and sine of k parts of 2*regSide of a turn.
func (f *fft) turn(k int) (c, s float64) {
	k %= 2 * regSide
	return f.cos[k], f.sin[k]
}

// plane transforms p forward over rows and columns.
func (f *fft) plane(p field) {
	for y := range regSide {
		f.line(p.re[y*regSide:][:regSide], p.im[y*regSide:][:regSide])
	}
	for x := range regSide {
		for y := range regSide {
			f.re[y], f.im[y] = p.re[y*regSide+x], p.im[y*regSide+x]
		}
		f.line(f.re, f.im)
		for y := range regSide {
			p.re[y*regSide+x], p.im[y*regSide+x] = f.re[y], f.im[y]
		}
	}
}

// line transforms regSide points forward.
func (f *fft) line(re, im []float64) {
	for i, k := range f.order {
		if i < k {
			re[i], re[k], im[i], im[k] = re[k], re[i], im[k], im[i]
		}
	}
	for size := 2; size <= regSide; size *= 2 {
		half, stride := size/2, 2*regSide/size
		for from := 0; from < regSide; from += size {
			for k := range half {
				c, s := f.cos[k*stride], f.sin[k*stride]
				a, b := from+k, from+k+half
				tr := mul(re[b], c) + mul(im[b], s)
				ti := mul(im[b], c) - mul(re[b], s)
				re[b], im[b] = re[a]-tr, im[a]-ti
				re[a], im[a] = re[a]+tr, im[a]+ti
			}
		}
	}
}
