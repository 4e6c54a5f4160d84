package kernel

import (
	"encoding/binary"
	"unsafe"
)

// blockConv runs a convolution by block kernels. Its units are (band, panel)
// pairs, bands outermost; a band is a range of q rows whose input is packed once
// into scratch.
type blockConv struct {
	set    *Set
	lay    *layout
	d      Conv
	y, x   axis
	y0, x0 int // upper left corner of the window, relative to step*q
	reach  int // rows of the window
	cols   int // packed columns
	pitch  int // elements of a packed row
	rows   int // q rows of a band
	bands  int
	panels int // panels of every phase
	stage  int // bytes from pixel to pixel where panels are not full
	phases []phase
	tables []table
	window *window // where windows are copied before
	inLen  int     // elements of the input
	info   Info
}

// phase is one of the interleaved plain convolutions that make up the operator.
type phase struct {
	ry, rx int
	panels []panel
}

// table lists the pixels of a band, padded to whole tiles with the last one.
type table struct {
	rows, cols, tiles int
	px                []int32 // in, out byte offsets, to write in place
	staged            []int32 // the same, to write partial panels one after the other

	// Where dense kernels may run:
	tall   int                   // pixels of each stretch, else 0
	rest   int                   // pixels behind them that go one by one
	spread [2][2*maxMR + 2]int32 // the same offsets of the first pixels of stretches and of the rest, and staged
}

const (
	bandBytes    = 48 << 10  // packed activations that leave room in L2 ...
	bandBytesBig = 192 << 10 // ... and more where weights would be streamed again for every band
	slack        = 64        // bytes behind the packed rows that blocks may read
)

// fits says whether block kernels take the convolution: merged weights must fit 16
// bits, phases must not multiply weights without end, offsets must fit 32 bits.
func (d *Conv) fits() bool {
	phases := 1
	if d.Transposed {
		phases = d.StrideH * d.StrideW
	}
	reach := (d.KH-1)*d.DilationH + 1
	wide := (d.OutW*d.StrideW + d.KW*d.DilationW) * d.InC
	return d.KH*d.KW <= 128 && d.Up <= 4 && phases <= 256 && reach*wide < 1<<29
}

// newBlockConv is nil where block kernels do not fit.
func newBlockConv(s *Set, l *layout, d Conv) *blockConv {
	if !d.fits() {
		return nil
	}
	info := Info{MACs: d.macs(), Density: density(d.Weights, d.OutC, d.KH*d.KW, d.InC)}
	inLen := d.InH * d.InW * d.InC
	var w *window
	if l.dense && d.gathers() {
		w, d = newWindow(d)
	}
	if d.pointwise() {
		d.InH, d.OutH, d.InW, d.OutW = d.InH*d.InW, d.OutH*d.OutW, 1, 1
	}
	var best *blockConv
	for _, t := range groups(&d) {
		if c := packConv(s, l, d, t); best == nil || c.info.Done < best.info.Done {
			best = c
		}
	}
	best.d.Weights = nil
	best.info.MACs, best.info.Density = info.MACs, info.Density
	best.window, best.inLen = w, inLen
	best.band()
	return best
}

// pointwise says whether every output pixel reads just its own input pixel.
func (d *Conv) pointwise() bool {
	return d.KH == 1 && d.KW == 1 && d.StrideH == 1 && d.StrideW == 1 && d.PadTop == 0 && d.PadLeft == 0 &&
		d.Up == 1 && d.InH == d.OutH && d.InW == d.OutW
}

// maxGrouped bounds the merged weights of a group of pixels.
const maxGrouped = 4 << 20

// groups lists the group sizes that may pay.
func groups(d *Conv) []int {
	ts := []int{1}
	switch {
	case d.Transposed || d.OutC > 8:
	case d.Up > 1:
		if d.OutW%d.Up == 0 && d.Up*d.OutC <= 16 {
			ts = append(ts, d.Up)
		}
	case d.KW > 1 && d.StrideW == 1:
		for t := 2; t*d.OutC <= 16; t++ {
			cols := min(d.KW*t, (d.KW-1)*d.DilationW+t)
			if d.OutW%t == 0 && d.KH*cols <= maxGrouped/(t*d.OutC*d.InC) {
				ts = append(ts, t)
			}
		}
	}
	return ts
}

func packConv(s *Set, l *layout, d Conv, group int) *blockConv {
	c := &blockConv{set: s, lay: l, d: d}
	c.y, c.x = d.axes()
	c.x.split(group)
	y0, y1 := c.y.window()
	x0, x1 := c.x.window()
	c.y0, c.x0, c.reach = y0, x0, y1-y0+1
	c.cols = (c.x.count(0)-1)*c.x.step + x1 - c.x0 + 1
	c.pitch = (c.cols*d.InC + 3) &^ 3
	if c.cols == 1 {
		c.pitch = d.InC
	}
	var m tapWeights
	for ry := range c.y.phases {
		for rx := range c.x.phases {
			m.merge(&d, &c.y, &c.x, ry, rx)
			ps := m.panels(l, &c.d, m.runs(c.y0, c.x0, c.pitch))
			c.phases = append(c.phases, phase{ry, rx, ps})
			c.count(ps, int64(c.y.count(ry))*int64(c.x.count(rx)))
		}
	}
	for _, p := range c.phases {
		c.panels = max(c.panels, len(p.panels))
	}
	return c
}

// count adds the work of a phase to info, with an epilogue taken as one and a
// half blocks.
func (c *blockConv) count(ps []panel, pixels int64) {
	for _, p := range ps {
		c.info.Done += pixels * int64(p.width*(4*p.blocks(c.lay)+6))
		c.info.Packed += len(p.w) + 4*len(p.offs) + 8*p.width
	}
}

// band chooses the bands and lays out their tables.
func (c *blockConv) band() {
	c.stage = c.partial()
	budget := bandBytes
	if c.info.Packed > 128<<10 {
		budget = bandBytesBig
	}
	all := c.y.count(0)
	row := c.pitch * c.lay.elem * c.y.step
	c.rows = max(1, min(all, (budget-c.inRows(1)*c.pitch*c.lay.elem)/row+1))
	if tile := c.lay.mr; c.x.count(0) < tile && c.rows > tile && c.rows < all {
		c.rows -= c.rows % tile
	}
	c.bands = (all + c.rows - 1) / c.rows
	c.rows = (all + c.bands - 1) / c.bands
	if tile := c.lay.mr; c.x.count(0) == 1 && c.bands > 1 {
		c.rows = (c.rows + tile - 1) / tile * tile
	}
	if w := c.window; w != nil {
		c.rows = (c.rows + w.d.OutW - 1) / w.d.OutW * w.d.OutW
	}
	c.bands = (all + c.rows - 1) / c.rows
	for _, p := range c.phases {
		for _, b := range []int{0, c.bands - 1} {
			c.addTable(c.bandRows(b, p.ry), c.x.count(p.rx))
		}
	}
	c.info.Kernel = c.set.Name() + " blocks"
	for _, t := range c.tables {
		c.info.Packed += 4 * (len(t.px) + len(t.staged))
	}
}

// inRows is the number of input rows that n q rows read.
func (c *blockConv) inRows(n int) int {
	return (n-1)*c.y.step + c.reach
}

// bandRows is the number of q rows of phase ry in band b.
func (c *blockConv) bandRows(b, ry int) int {
	return min(c.rows, c.y.count(ry)-b*c.rows)
}

func (c *blockConv) addTable(rows, cols int) {
	if rows < 1 || cols < 1 || c.tableOf(rows, cols) != nil {
		return
	}
	n := rows * cols
	t := table{rows: rows, cols: cols, tiles: (n + c.lay.mr - 1) / c.lay.mr}
	if c.lay.dense && c.pointwise() && n >= c.lay.mr {
		c.spread(&t)
	}
	staged := c.stage
	outX := c.x.phases * c.x.group * c.d.OutC
	outY := c.y.phases * c.d.OutW * c.d.OutC
	for i := range t.tiles * c.lay.mr {
		q, g := min(i, n-1)/cols, min(i, n-1)%cols
		in := (q*c.y.step*c.pitch + g*c.x.step*c.d.InC) * c.lay.elem
		t.px = append(t.px, int32(in), int32(q*outY+g*outX))
		if staged > 0 {
			t.staged = append(t.staged, int32(in), int32(i*staged))
		}
	}
	c.tables = append(c.tables, t)
}

// spread cuts the pixels into one stretch for each pixel of a tile, which overlap
// where one by one the rest would cost more than another tile.
func (c *blockConv) spread(t *table) {
	mr := c.lay.mr
	t.tall, t.rest = t.rows/mr, t.rows%mr
	if t.rest > c.lay.denseRest {
		t.tall, t.rest = t.tiles, 0
	}
	for i := range mr + 1 {
		first := i * t.tall
		if i < mr {
			first = min(first, t.rows-t.tall)
		}
		for k, skip := range []int{c.d.OutC, c.stage} {
			t.spread[k][2*i], t.spread[k][2*i+1] = int32(first*c.pitch*c.lay.elem), int32(first*skip)
		}
	}
}

// pointwise says whether every row is one pixel that is read whole.
func (c *blockConv) pointwise() bool {
	return c.cols == 1 && c.reach == 1 && c.y.phases == 1 && c.y.step == 1 && c.d.OutW == 1 && c.pitch%4 == 0
}

func (c *blockConv) tableOf(rows, cols int) *table {
	for i := range c.tables {
		if t := &c.tables[i]; t.rows == rows && t.cols == cols {
			return t
		}
	}
	return nil
}

// partial is the width of the widest panel that is not full, 0 without; phases
// may choose different ones.
func (c *blockConv) partial() int {
	n := 0
	if c.lay.masked {
		return 0
	}
	for _, p := range c.phases {
		for _, q := range p.panels {
			if q.valid < q.width {
				n = max(n, q.width)
			}
		}
	}
	return n
}

func (c *blockConv) Info() Info { return c.info }
func (c *blockConv) Units() int { return c.bands * c.panels }

func (c *blockConv) Scratch() int {
	n := 64 + c.packedBytes() + c.stageBytes()
	if c.window != nil {
		n += c.window.scratch(c.rows)
	}
	return n
}

func (c *blockConv) packedBytes() int {
	return (c.inRows(c.rows)*c.pitch*c.lay.elem + slack + 63) &^ 63
}

func (c *blockConv) stageBytes() int {
	n := 0
	for _, t := range c.tables {
		n = max(n, t.tiles*c.lay.mr*c.stage)
	}
	return n
}

func (c *blockConv) Run(dst, src []int8, scratch []byte, from, to int) {
	dst, src = dst[:c.d.OutH*c.d.OutW*c.d.OutC], src[:c.inLen]
	buf := align(scratch[:c.Scratch()])
	packed := -1
	var in []byte
	for u := from; u < to; u++ {
		b := u / c.panels
		if b != packed {
			in = c.pack(buf, src, b)
			packed = b
		}
		for i := range c.phases {
			if p := &c.phases[i]; u%c.panels < len(p.panels) {
				c.panel(dst, in, buf[c.packedBytes():], b, p, &p.panels[u%c.panels])
			}
		}
	}
}

// pack brings the input rows of a band to buf, and returns where they are: in src
// itself where they lie there as kernels want them and no block ends behind them.
func (c *blockConv) pack(buf []byte, src []int8, b int) []byte {
	first := b*c.rows*c.y.step + c.y0
	n := c.inRows(c.bandRows(b, 0))
	if c.window != nil {
		c.window.gather(c.set, c.lay, buf, buf[c.packedBytes()+c.stageBytes():], src, first, n)
		return buf
	}
	row := c.d.InW * c.d.InC
	if c.cols == c.d.InW && c.x0 == 0 && c.pitch == row && first >= 0 && first+n <= c.d.InH {
		rows := src[first*row : (first+n)*row]
		if c.lay.elem == 1 && c.lay.flip == 0 && c.d.InC%4 == 0 {
			return bytesOf(rows)
		}
		c.set.packRow(c.lay, buf, 0, rows)
		return buf
	}
	for i := range n {
		c.set.packLine(c.lay, &c.d, buf, i*c.pitch, src, first+i, c.x0, c.cols)
	}
	return buf
}

// packLine packs cols columns from x0 on of input row iy of d at element at.
func (s *Set) packLine(l *layout, d *Conv, buf []byte, at int, src []int8, iy, x0, cols int) {
	if iy < 0 || iy >= d.InH {
		l.fill(buf, at, cols*d.InC, d.InZero)
		return
	}
	left := max(0, min(-x0, cols))
	a := min(max(x0, 0), d.InW)
	z := max(a, min(d.InW, x0+cols))
	l.fill(buf, at, left*d.InC, d.InZero)
	s.packRow(l, buf, at+left*d.InC, src[(iy*d.InW+a)*d.InC:(iy*d.InW+z)*d.InC])
	done := left + z - a
	l.fill(buf, at+done*d.InC, (cols-done)*d.InC, d.InZero)
}

// panel computes one panel of one phase of a band, from its packed rows in, with
// the outputs of panels that are not full in stage first.
func (c *blockConv) panel(dst []int8, in, stage []byte, b int, p *phase, q *panel) {
	t := c.tableOf(c.bandRows(b, p.ry), c.x.count(p.rx))
	if t == nil {
		return // the last band has no row of this phase
	}
	base := ((b*c.rows*c.y.phases+p.ry)*c.d.OutW+p.rx)*c.d.OutC + q.first
	a := blockArgs{in: ptr(in), px: ptr(t.px), tiles: t.tiles, offs: ptr(q.offs), joined: q.joined, n: q.n,
		w: ptr(q.w), bias: ptr(q.bias), scale: ptr(q.scale), tail: unsafe.Pointer(&q.tail), ending: q.ending}
	a.requant(&c.d.Requant)
	whole, spread := q.valid == q.width || c.lay.masked, &t.spread[0]
	if whole {
		a.out, a.mask, a.skip = ptr(dst[base:]), partMask(q.valid, q.width), c.d.OutC
	} else {
		a.px, a.out, a.skip, spread = ptr(t.staged), ptr(stage), c.stage, &t.spread[1]
	}
	if t.tall > 0 && q.dense && 4*q.blocks(c.lay) == c.pitch && c.pitch >= 16 {
		a.joined, a.n = c.pitch/16, c.pitch%16/4
		a.px, a.tiles = ptr(spread[:]), t.tall
		c.set.dense(q.width, &a)
		if t.rest > 0 {
			a.px, a.tiles = ptr(spread[2*c.lay.mr:]), t.rest
			c.set.denseOne(q.width, &a)
		}
	} else {
		c.set.blocks(q.width, q.wide, &a)
	}
	if whole {
		return
	}
	unstage(dst[base:], int8s(stage), t, q.valid, c.stage)
}

// partMask has a bit for every channel of a panel that is not full.
func partMask(valid, width int) uint64 {
	if valid == width {
		return 0
	}
	return 1<<valid - 1
}

// unstage moves rows of cols pixels of valid channels each from a panel, where
// they lie width bytes apart, to their places.
func unstage(dst, stage []int8, t *table, valid, width int) {
	fast := 0
	if t.cols > 1 && valid <= 16 && int(t.px[3]-t.px[1]) == valid {
		// Side by side: whole words may spill over the following pixels, which come
		// later, but not over the end of the row.
		fast = t.cols - 16/valid - 1
	}
	for row := range t.rows {
		px, from := t.px[2*row*t.cols:], stage[row*t.cols*width:]
		x := 0
		for ; x < fast; x++ {
			to, b := bytesOf(dst[px[2*x+1]:][:16]), bytesOf(from[x*width:])
			binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(b))
			if valid > 8 {
				binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(b[8:]))
			}
		}
		for ; x < t.cols; x++ {
			copy(dst[px[2*x+1]:][:valid], from[x*width:])
		}
	}
}
