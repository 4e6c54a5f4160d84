package infer

import (
	"math"
	"slices"

	"winnow/edge"
)

// repairer bridges what a frame lacks: pixels and lines that are known to be dead and
// hold their dead value, and, where no taught frame had such lines, rows and columns that
// hold one value from end to end between lines that are full of change, and stand out
// from those. A defect has texture or noise and does not fill a line to the bit; in a
// drawing or on a clipped ground, where it might, lines say nothing. A known pixel or line
// that shows anything else is alive. Integer arithmetic throughout; the caller's
// frame is never written to.
type repairer struct {
	sensor              *Sensor
	roi                 *[4]int // of frames, in which rows may be lost; nil: all of them
	mask                *Mask   // under which none may; nil: there is none
	dead                []deadPixel
	isDead              map[int]bool // pixels, by number
	deadRow, deadColumn []bool

	copied  edge.Frame
	dirty   bool // copied is a copy of the frame at hand
	rows    []int
	columns []int
}

func newRepairer(s *Sensor) *repairer {
	r := &repairer{sensor: s, isDead: map[int]bool{}}
	if s != nil {
		r.dead = s.pixels()
		for _, d := range r.dead {
			r.isDead[d.y*s.Width+d.x] = true
		}
		r.deadRow, r.deadColumn = make([]bool, s.Height), make([]bool, s.Width)
		for _, d := range s.Lines {
			if d.Column {
				r.deadColumn[d.At] = true
			} else {
				r.deadRow[d.At] = true
			}
		}
	}
	return r
}

// run returns f with what it lacks bridged, valid until the next call, the share of
// its pixels that lacked, and whether too much is missing to judge it.
func (r *repairer) run(f *edge.Frame) (whole *edge.Frame, missing float64, bad bool) {
	r.dirty = false
	n := r.bridgePixels(f)
	all := float64(f.Width * f.Height)
	if r.sensor == nil {
		return f, 0, false
	}
	part := r.judged(f)
	if share := r.sensor.lost(&part, r.mask); share > 0 {
		return f, share, true
	}
	r.rows, r.columns = deadLines(f, r.sensor, r.rows[:0], r.columns[:0])
	lines := len(r.rows)*f.Width + len(r.columns)*f.Height
	if missing = float64(n+lines) / all; missing > mostMissing {
		return f, missing, true
	}
	if lines > 0 {
		r.copy(f)
		r.bridgeLines()
	}
	return r.result(f), missing, false
}

// judged is the part of f that is looked at.
func (r *repairer) judged(f *edge.Frame) edge.Frame {
	part := *f
	if r.roi != nil {
		part.Pix = f.Pix[r.roi[1]*f.Stride+r.roi[0]*f.Format.BytesPerPixel():]
		part.Width, part.Height = r.roi[2]-r.roi[0], r.roi[3]-r.roi[1]
	}
	return part
}

func (r *repairer) result(f *edge.Frame) *edge.Frame {
	if r.dirty {
		return &r.copied
	}
	return f
}

// copy makes r.copied a copy of f, once a frame.
func (r *repairer) copy(f *edge.Frame) {
	if !r.dirty {
		copyInto(&r.copied, f)
		r.dirty = true
	}
}

// lost is the share of rows that hold one value at an edge of f, where it is so
// much larger than in any taught frame that this one must have been cut off on its way.
// Rows that m, which may be nil, ignores altogether are not missed.
func (s *Sensor) lost(f *edge.Frame, m *Mask) float64 {
	top, bottom := edgeShares(f, 0)
	lost := 0.0
	rows := func(share float64) int { return int(math.Round(share * float64(f.Height))) }
	if top > s.Top+max(edgeRows, s.Top/2) && !bright(valueAt(f, 0, 0)) && !m.hides(0, rows(top), f.Height) {
		lost = top
	}
	if bottom > s.Bottom+max(edgeRows, s.Bottom/2) && !bright(valueAt(f, 0, f.Height-1)) && !m.hides(f.Height-rows(bottom), f.Height, f.Height) {
		lost = max(lost, bottom)
	}
	return lost
}

func (r *repairer) bridgePixels(f *edge.Frame) (n int) {
	if len(r.dead) == 0 || f.Width != r.sensor.Width || f.Height != r.sensor.Height {
		return 0
	}
	for _, d := range r.dead {
		if valueAt(f, d.x, d.y) != d.value {
			continue
		}
		if mean, ok := around(f, d.x, d.y, func(x, y int) bool { return r.deadRow[y] || r.deadColumn[x] || r.isDead[y*f.Width+x] }); ok {
			r.copy(f)
			setAt(&r.copied, d.x, d.y, mean)
			n++
		}
	}
	return n
}

// bridgeLines replaces dead rows and columns of r.copied by what lies beside them.
func (r *repairer) bridgeLines() {
	f := &r.copied
	bpp := f.Format.BytesPerPixel()
	bridge(r.rows, f.Height, func(to, a, b int) {
		dst, p, q := f.Row(to), f.Row(a), f.Row(b)
		for i := range dst {
			dst[i] = uint8((int(p[i]) + int(q[i]) + 1) / 2)
		}
	})
	bridge(r.columns, f.Width, func(to, a, b int) {
		for y := range f.Height {
			row := f.Row(y)
			for c := range bpp {
				row[to*bpp+c] = uint8((int(row[a*bpp+c]) + int(row[b*bpp+c]) + 1) / 2)
			}
		}
	})
}

// bridge calls mend for each of the dead lines, ascending, of n, with the nearest
// living ones before and behind it, or twice the one there is.
func bridge(dead []int, n int, mend func(to, a, b int)) {
	for i := 0; i < len(dead); {
		j := i + 1
		for j < len(dead) && dead[j] == dead[j-1]+1 {
			j++
		}
		a, b := dead[i]-1, dead[j-1]+1
		if a < 0 {
			a = b
		}
		if b >= n {
			b = a
		}
		if a >= 0 && a < n {
			for _, to := range dead[i:j] {
				mend(to, a, b)
			}
		}
		i = j
	}
}

// line is a row or a column of a frame: n pixels from at on, step bytes apart.
type line struct{ at, n, step int }

func rowOf(f *edge.Frame, y int) line { return line{y * f.Stride, f.Width, f.Format.BytesPerPixel()} }
func columnOf(f *edge.Frame, x int) line {
	return line{x * f.Format.BytesPerPixel(), f.Height, f.Stride}
}

// constant reports whether l holds one value but for at most lineCrossed pixels,
// whose numbers it appends to odd.
func (l line) constant(f *edge.Frame, odd []int) ([]int, bool) {
	start := len(odd)
	base, ok := l.usual(f)
	if !ok {
		return odd, false
	}
	bpp := len(base)
	for i := range l.n {
		if !same(f.Pix[l.at+i*l.step:][:bpp], base) {
			if odd = append(odd, i); len(odd)-start > lineCrossed {
				return odd[:start], false
			}
		}
	}
	return odd, true
}

// usual is the value that three of five pixels spread over l have: lines that cross
// a dead one cover few of its pixels. Most living lines are told here.
func (l line) usual(f *edge.Frame) ([]byte, bool) {
	bpp := f.Format.BytesPerPixel()
	var value [5]uint32
	for k := range value {
		value[k] = l.value(f, (k+1)*l.n/6, bpp)
	}
	for k := range 3 {
		n := 0
		for _, v := range value {
			if v == value[k] {
				n++
			}
		}
		if n >= 3 {
			return f.Pix[l.at+(k+1)*l.n/6*l.step:][:bpp], true
		}
	}
	return nil, false
}

// lively reports whether many of 64 pixels spread over l differ from the next one, as
// those of textured or noisy lines do. A part before a clipped ground makes a line
// lively; ground alone and flat drawings do not.
func (l line) lively(f *edge.Frame) bool {
	const of = 64
	bpp, changes := f.Format.BytesPerPixel(), 0
	for k := range of {
		if i := k * (l.n - 1) / of; l.value(f, i, bpp) != l.value(f, i+1, bpp) {
			changes++
		}
	}
	return changes >= of/lineLively
}

// value is pixel i of l as one number.
func (l line) value(f *edge.Frame, i, bpp int) uint32 {
	p := f.Pix[l.at+i*l.step:][:bpp]
	if len(p) == 1 {
		return uint32(p[0])
	}
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
}

// contrast is the mean difference, in levels, of lines a and b.
func contrast(f *edge.Frame, a, b line) int {
	sum, bpp := 0, f.Format.BytesPerPixel()
	for i := range a.n {
		p, q := f.Pix[a.at+i*a.step:][:bpp], f.Pix[b.at+i*b.step:][:bpp]
		for c := range p {
			d := int(p[c]) - int(q[c])
			sum += max(d, -d)
		}
	}
	return sum / (a.n * bpp)
}

// deadLines appends the dead rows and columns of f, ascending: those that s, which
// may be nil, knows and that hold their values, and those that look dead, unless s says
// that parts have such lines. What interrupts one must be dead lines across it.
func deadLines(f *edge.Frame, s *Sensor, rows, columns []int) ([]int, []int) {
	var oddRows, oddColumns [][]int
	if s != nil && len(s.Lines) > 0 && f.Width == s.Width && f.Height == s.Height {
		rows, oddRows = holding(f, s.Lines, false, rows)
		columns, oddColumns = holding(f, s.Lines, true, columns)
	}
	if s == nil || !s.Striped {
		rows, oddRows = candidates(f, rows, oddRows, f.Height, rowOf)
		columns, oddColumns = candidates(f, columns, oddColumns, f.Width, columnOf)
	}
	for changed := true; changed; {
		before := len(rows) + len(columns)
		rows, oddRows = crossedBy(rows, oddRows, columns)
		columns, oddColumns = crossedBy(columns, oddColumns, rows)
		changed = len(rows)+len(columns) < before
	}
	slices.Sort(rows)
	slices.Sort(columns)
	return slices.Compact(rows), slices.Compact(columns)
}

// holding appends the known rows, or columns, that hold their values but for few
// pixels, with the numbers of those.
func holding(f *edge.Frame, known []DeadLine, columns bool, dst []int) ([]int, [][]int) {
	var odd [][]int
	for _, d := range known {
		if d.Column != columns {
			continue
		}
		own := d.of(f)
		base, ok := own.usual(f)
		if !ok || !same(base, d.Value[:len(base)]) {
			continue
		}
		if crossed, ok := own.constant(f, nil); ok {
			dst, odd = append(dst, d.At), append(odd, crossed)
		}
	}
	return dst, odd
}

// candidates appends the lines that are constant but for few pixels, in bundles of at
// most lineBundle between lively lines, and stand out from those; and the numbers of
// those pixels.
func candidates(f *edge.Frame, dst []int, odd [][]int, n int, of func(*edge.Frame, int) line) ([]int, [][]int) {
	var buf [lineCrossed + 2]int
	room := buf[:0]
	constant := func(i int) (ok bool) {
		room, ok = of(f, i).constant(f, room[:0])
		return ok
	}
	for from := 0; from < n; from++ {
		if _, usual := of(f, from).usual(f); !usual || from > 0 && !of(f, from-1).lively(f) {
			continue
		}
		to := from
		for to < n && to-from <= lineBundle && constant(to) {
			to++
		}
		if to == from || to-from > lineBundle || to < n && !of(f, to).lively(f) || !apartFrom(f, from, to, n, of) {
			continue
		}
		for i := from; i < to; i++ {
			crossed, _ := of(f, i).constant(f, nil)
			dst, odd = append(dst, i), append(odd, crossed)
		}
		from = to
	}
	return dst, odd
}

// apartFrom reports whether lines from..to-1 of n stand out from those beside them.
func apartFrom(f *edge.Frame, from, to, n int, of func(*edge.Frame, int) line) bool {
	least := math.MaxInt
	if from > 0 {
		least = min(least, contrast(f, of(f, from), of(f, from-1)))
	}
	if to < n {
		least = min(least, contrast(f, of(f, to-1), of(f, to)))
	}
	return least != math.MaxInt && least >= lineContrast
}

// crossedBy keeps the lines whose odd pixels all lie in across.
func crossedBy(lines []int, odd [][]int, across []int) ([]int, [][]int) {
	keep := 0
	for i := range lines {
		ok := true
		for _, at := range odd[i] {
			ok = ok && slices.Contains(across, at)
		}
		if ok {
			lines[keep], odd[keep] = lines[i], odd[i]
			keep++
		}
	}
	return lines[:keep], odd[:keep]
}
