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
	regHalf  = regSide/2 + 1 // columns of the spectrum of a real picture that say all
	regWhite = 0.05          // of the mean magnitude, added to each, so that noise alone has no say
	regFine  = 2             // pixels around the estimate that are tried
	regWorth = 64            // a picture without anything to go by stays where it is
)

// MaxShift is the share of a side by which registration moves a part, at most.
const MaxShift = 0.125

// registrar holds the reference and the memory of one preprocessor.
type registrar struct {
	w, h     int
	grey     []uint8 // of the mean taught picture
	level    int     // of its middle, in 1/256 levels
	spectrum field   // of it
	cur      field
	curGrey  []uint8 // in every rows-th row, and those that are looked at closely
	rows     int     // of how many one is looked at
	columns  []int   // of pixels, at which cells begin
	window   []float64
	pass     []float64 // weight of each frequency of a field
	cells    []float64
	fft      *fft
	moved    []byte

	dx, dy int  // of the last picture: how far right and down it lay, in pixels
	beyond bool // it lay farther than MaxShift
}

// field is half of the spectrum of a real picture of regSide x regSide cells,
// row-major: the columns from 0 to regHalf-1, of which the others are mirror images.
type field struct{ re, im []float64 }

func newField() field {
	return field{make([]float64, regSide*regHalf), make([]float64, regSide*regHalf)}
}

// newRegistrar for graphs of w x h pixels.
func newRegistrar(reference []byte, w, h int) (*registrar, error) {
	if len(reference) != 3*w*h {
		return nil, fmt.Errorf("a reference of %d bytes for an input of %dx%d", len(reference), w, h)
	}
	r := &registrar{w: w, h: h, rows: 1, grey: make([]uint8, w*h), curGrey: make([]uint8, w*h),
		spectrum: newField(), cur: newField(), cells: make([]float64, regSide*regSide), fft: newFFT(), moved: make([]byte, len(reference))}
	if h >= 2*regSide {
		r.rows = 2 // each row of cells has some
	}
	for i := range regSide {
		c, _ := r.fft.turn(2*i + 1) // cos of (i + 1/2) cells of regSide
		r.window = append(r.window, mul(0.5, 1-c))
	}
	for i := range r.cur.re {
		r.pass = append(r.pass, lowPass(i%regHalf, i/regHalf))
	}
	for x := range regSide + 1 {
		r.columns = append(r.columns, x*w/regSide)
	}
	greyRow(r.grey, reference)
	r.level = r.levelOf(r.grey)
	r.transform(r.spectrum, r.grey, reference)
	return r, nil
}

// greyRow writes (R+2G+B)/4 of each pixel of an input to dst.
func greyRow(dst []uint8, in []byte) {
	const flip = 0x80 // brings a byte of an input to 0..255
	grey := func(r, g, b byte) uint8 {
		return uint8((uint(r^flip) + 2*uint(g^flip) + uint(b^flip)) >> 2)
	}
	for len(dst) >= 4 && len(in) >= 12 {
		dst[0], dst[1] = grey(in[0], in[1], in[2]), grey(in[3], in[4], in[5])
		dst[2], dst[3] = grey(in[6], in[7], in[8]), grey(in[9], in[10], in[11])
		dst, in = dst[4:], in[12:]
	}
	for i := range dst {
		dst[i] = grey(in[3*i], in[3*i+1], in[3*i+2])
	}
}

// transform writes the spectrum of an input to p, and its rows that are looked at to
// grey.
func (r *registrar) transform(p field, grey []uint8, in []byte) {
	total := 0.0
	for y := range regSide {
		row := r.cells[y*regSide:][:regSide]
		n := r.sumRow(row, grey, in, y*r.h/regSide, max((y+1)*r.h/regSide, y*r.h/regSide+1))
		for x := range row {
			row[x] /= float64(n * max(r.columns[x+1]-r.columns[x], 1))
			total += row[x]
		}
	}
	mean := total / (regSide * regSide)
	for y := range regSide {
		row := r.cells[y*regSide:][:regSide]
		for x := range row {
			row[x] = mul(row[x]-mean, mul(r.window[y], r.window[x]))
		}
	}
	r.fft.forward(p, r.cells)
}

// sumRow sums the cells of one row, which pixels from row y0 to y1 of in lie in, and
// returns how many rows it looked at.
func (r *registrar) sumRow(cells []float64, grey []uint8, in []byte, y0, y1 int) (rows int) {
	clear(cells)
	for y := y0 + (r.rows-y0%r.rows)%r.rows; y < y1; y += r.rows {
		row := grey[y*r.w:][:r.w]
		greyRow(row, in[3*y*r.w:][:3*r.w])
		for x := range cells {
			sum, x0 := 0, r.columns[x]
			for _, v := range row[x0:max(r.columns[x+1], x0+1)] {
				sum += int(v)
			}
			cells[x] += float64(sum)
		}
		rows++
	}
	return rows
}

// run moves in, an input of the graph, to where the reference lies. What comes into
// the picture that way mirrors what lies along the edge, texture and noise and all.
func (r *registrar) run(in []byte) {
	r.transform(r.cur, r.curGrey, in)
	r.lookClosely(in)
	r.dx, r.dy = r.refine(r.coarse())
	r.beyond = r.dx > r.most(r.w) || -r.dx > r.most(r.w) || r.dy > r.most(r.h) || -r.dy > r.most(r.h)
	if r.beyond || r.dx == 0 && r.dy == 0 {
		return
	}
	copy(r.moved, in)
	from, to := max(0, -r.dx), min(r.w, r.w-r.dx) // columns that need no mirror
	for y := range r.h {
		src := r.moved[3*r.w*mirrored(y+r.dy, r.h):][:3*r.w]
		dst := in[3*r.w*y:][:3*r.w]
		copy(dst[3*from:3*to], src[3*(from+r.dx):])
		r.mirror(dst, src, 0, from)
		r.mirror(dst, src, to, r.w)
	}
}

// mirror fills columns of a row with what they mirror.
func (r *registrar) mirror(dst, src []byte, from, to int) {
	for x := from; x < to; x++ {
		k := 3 * mirrored(x+r.dx, r.w)
		copy(dst[3*x:3*x+3], src[k:k+3])
	}
}

// Register moves in to where reference lies; both are inputs of a graph of w x h
// pixels. It returns how far right and down in lay, and whether that is too far to move
// it.
func Register(reference, in []byte, w, h int) (dx, dy int, beyond bool, err error) {
	r, err := newRegistrar(reference, w, h)
	if err != nil {
		return 0, 0, false, err
	}
	r.run(in)
	return r.dx, r.dy, r.beyond, nil
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
	mean, sizes := 0.0, r.cells[:len(r.cur.re)]
	for i := range r.cur.re {
		a, b, c, d := r.cur.re[i], r.cur.im[i], r.spectrum.re[i], r.spectrum.im[i]
		// cur times the conjugate of the reference; conjugated again, so that a
		// forward transform does for the inverse
		r.cur.re[i], r.cur.im[i] = mul(a, c)+mul(b, d), mul(a, d)-mul(b, c)
		size := math.Sqrt(mul(r.cur.re[i], r.cur.re[i]) + mul(r.cur.im[i], r.cur.im[i]))
		sizes[i] = size
		if x := i % regHalf; x > 0 && x < regHalf-1 {
			size *= 2 // its mirror image has as much
		}
		mean += size
	}
	floor := mul(regWhite, mean/(regSide*regSide)) + 1e-9
	for i := range r.cur.re {
		k := r.pass[i] / (sizes[i] + floor)
		r.cur.re[i], r.cur.im[i] = mul(r.cur.re[i], k), mul(r.cur.im[i], k)
	}
	r.fft.real(r.cells, r.cur)
	best := 0
	for i, v := range r.cells {
		if v > r.cells[best] {
			best = i
		}
	}
	x, y := best%regSide, best/regSide
	fx := r.between(x, func(k int) float64 { return r.cells[y*regSide+k] })
	fy := r.between(y, func(k int) float64 { return r.cells[k*regSide+x] })
	return mul(fx, float64(r.w)) / regSide, mul(fy, float64(r.h)) / regSide
}

// lowPass is the weight of frequency x, y of a spectrum: high ones are mostly noise.
func lowPass(x, y int) float64 {
	x, y = wrap(x), wrap(y)
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

// refine is the whole shift near (dx, dy) under which the pictures differ least, if
// they differ less than unmoved by one part in regWorth.
func (r *registrar) refine(dx, dy float64) (int, int) {
	bx, by := int(math.RoundToEven(dx)), int(math.RoundToEven(dy))
	bias := r.levelOf(r.curGrey) - r.level
	none := r.difference(0, 0, bias, math.MaxInt)
	x, y, least := 0, 0, none-none/regWorth
	if d := r.difference(bx, by, bias, least); d < least { // most likely, so that others are given up early
		x, y, least = bx, by, d
	}
	for ty := by - regFine; ty <= by+regFine; ty++ {
		for tx := bx - regFine; tx <= bx+regFine; tx++ {
			if d := r.difference(tx, ty, bias, least); d < least {
				x, y, least = tx, ty, d
			}
		}
	}
	return x, y
}

// Of the middle a row in four and a column in four are looked at closely, each at
// another place of its four: edges that lie four pixels apart are not passed over.
const (
	regRows    = 4
	regColumns = 4
)

// closely is the row and the first column, from the middle's corner, that are looked at
// k-th.
func closely(k int) (y, x int) { return regRows*k + k%regRows, k % regColumns }

// middle is where that begins.
func (r *registrar) middle() (x, y int) { return r.w / 6, (r.h/6 + regRows - 1) / regRows * regRows }

// lookClosely writes the rows that are looked at closely to curGrey.
func (r *registrar) lookClosely(in []byte) {
	_, my := r.middle()
	for k := 0; ; k++ {
		y, _ := closely(k)
		if y += my; y >= r.h-my {
			return
		}
		if y%r.rows != 0 { // the others have been looked at
			greyRow(r.curGrey[y*r.w:][:r.w], in[3*y*r.w:][:3*r.w])
		}
	}
}

// levelOf the middle of a grey picture, in 1/256 levels.
func (r *registrar) levelOf(grey []uint8) int {
	mx, my := r.middle()
	n, sum := 0, 0
	for k := 0; ; k++ {
		y, x := closely(k)
		if y += my; y >= r.h-my {
			return 256 * sum / max(n, 1)
		}
		for a := grey[y*r.w+mx:][:r.w-2*mx]; x < len(a); x += regColumns {
			sum += int(a[x])
			n++
		}
	}
}

// difference of the middle of the picture and what it would lie on in the reference if
// it had been moved by (dx, dy), without bias, by which their levels differ: the sum of
// the absolute differences in 1/256 levels, or anything from least on.
func (r *registrar) difference(dx, dy, bias, least int) int {
	mx, my := r.middle()
	if mx-dx < 0 || r.w-mx-dx > r.w || my-dy < 0 || r.h-my-dy > r.h {
		return math.MaxInt
	}
	sum := 0
	for k := 0; sum < least; k++ {
		y, x := closely(k)
		if y += my; y >= r.h-my {
			break
		}
		b := r.curGrey[y*r.w+mx:][:r.w-2*mx]
		for a := r.grey[(y-dy)*r.w+mx-dx:][:len(b)]; x < len(a); x += regColumns {
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
	re, im   []float64 // of a line
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

// forward writes the spectrum of real cells to p: two rows at once, one of them as
// imaginary part, then the columns that say all.
func (f *fft) forward(p field, cells []float64) {
	const n = regSide
	for y := 0; y < n; y += 2 {
		copy(f.re, cells[y*n:][:n])
		copy(f.im, cells[(y+1)*n:][:n])
		f.line(f.re, f.im)
		for x := range regHalf {
			m := (n - x) % n
			p.re[y*regHalf+x], p.im[y*regHalf+x] = mul(0.5, f.re[x]+f.re[m]), mul(0.5, f.im[x]-f.im[m])
			p.re[(y+1)*regHalf+x], p.im[(y+1)*regHalf+x] = mul(0.5, f.im[x]+f.im[m]), mul(0.5, f.re[m]-f.re[x])
		}
	}
	f.columns(p)
}

// real writes the real cells that p transforms forward to, and uses p up.
func (f *fft) real(cells []float64, p field) {
	const n = regSide
	f.columns(p)
	for y := 0; y < n; y += 2 {
		for x := range regHalf { // row y, and i times the next, with what mirrors them
			ar, ai, br, bi := p.re[y*regHalf+x], p.im[y*regHalf+x], p.re[(y+1)*regHalf+x], p.im[(y+1)*regHalf+x]
			m := (n - x) % n
			f.re[m], f.im[m] = ar+bi, br-ai
			f.re[x], f.im[x] = ar-bi, ai+br
		}
		f.line(f.re, f.im)
		copy(cells[y*n:][:n], f.re)
		copy(cells[(y+1)*n:][:n], f.im)
	}
}

// columns transforms the columns of p forward.
func (f *fft) columns(p field) {
	for x := range regHalf {
		for y := range regSide {
			f.re[y], f.im[y] = p.re[y*regHalf+x], p.im[y*regHalf+x]
		}
		f.line(f.re, f.im)
		for y := range regSide {
			p.re[y*regHalf+x], p.im[y*regHalf+x] = f.re[y], f.im[y]
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
	for i := 0; i < regSide; i += 2 { // of two points, where there is nothing to turn
		re[i], re[i+1] = re[i]+re[i+1], re[i]-re[i+1]
		im[i], im[i+1] = im[i]+im[i+1], im[i]-im[i+1]
	}
	for size := 4; size <= regSide; size *= 2 {
		half, stride := size/2, 2*regSide/size
		for from := 0; from < regSide; from += size {
			lr, li := re[from:][:half], im[from:][:half]
			hr, hi := re[from+half:][:half], im[from+half:][:half]
			for k := range lr {
				c, s := f.cos[k*stride], f.sin[k*stride]
				tr := mul(hr[k], c) + mul(hi[k], s)
				ti := mul(hi[k], c) - mul(hr[k], s)
				hr[k], hi[k] = lr[k]-tr, li[k]-ti
				lr[k], li[k] = lr[k]+tr, li[k]+ti
			}
		}
	}
}
