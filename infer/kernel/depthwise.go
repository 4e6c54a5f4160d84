package kernel

import "unsafe"

// depthwiseOp is a depthwise convolution that says which part of the output a
// unit is.
type depthwiseOp interface {
	Op
	region(u int) (c0, c1, y0, y1 int)
}

// newDW is nil where no method fits.
func newDW(s *Set, l *layout, d Depthwise) depthwiseOp {
	if l.dwQuads {
		if o := newQuadDW(s, l, d); o != nil {
			return o
		}
		return nil
	}
	if o := newBlockDW(s, l, d); o != nil {
		return o
	}
	return nil
}

// blockDW runs a depthwise convolution of multiplier 1. Input rows are
// interleaved in groups (dwRows neighbouring rows of a channel side by side), so
// that one instruction sums several rows of several channels. Groups start every
// dwEvery rows; output rows fall into phases by where in a group they start.
//
// Its units are (channel block, band) pairs, each with an input of its own.
type blockDW struct {
	set      *Set
	lay      *layout
	d        Depthwise
	phases   int // output row = phases*q + phase
	advance  int // groups from one q to the next
	block    int // channels of a channel block, a multiple of the width
	blocks   int
	rows     int // q rows of a band
	bands    int
	cols     int       // packed columns
	chunk    int       // channels that lie together
	perGroup int       // elements of a packed group of rows of a chunk
	groups   int       // groups of a band
	plane    int       // elements of a chunk's groups
	weights  [][]panel // [phase][channels / width]
	tables   []table
	info     Info
}

// dwEvery is how far groups of rows lie apart: interleaved pairs follow each
// other, quadruples overlap by half, so that three rows always lie in one.
const dwEvery = 2

// dwBytes bounds the packed input of a unit.
const dwBytes = 64 << 10

// newBlockDW is nil where the method does not fit.
func newBlockDW(s *Set, l *layout, d Depthwise) *blockDW {
	if d.OutC != d.InC || l.dwRows == 0 || d.KH*d.KW > 128 || d.DilationH > 64 ||
		(d.OutW*d.StrideW+d.KW*d.DilationW)*(d.KH*d.DilationH+2*d.StrideH) > 1<<22 {
		return nil
	}
	o := &blockDW{set: s, lay: l, d: d}
	o.phases = dwEvery / gcd(dwEvery, d.StrideH)
	o.advance = o.phases * d.StrideH / dwEvery
	o.cols = (d.OutW-1)*d.StrideW + (d.KW-1)*d.DilationW + 1
	o.plan()
	for p := range o.phases {
		o.weights = append(o.weights, o.packPhase(p))
	}
	for _, b := range []int{0, o.bands - 1} {
		for p := range o.phases {
			o.addTable(o.bandRows(b, p))
		}
	}
	o.d.Weights = nil
	o.info.MACs, o.info.Density = d.macs(), 1
	o.info.Kernel = s.Name() + " depthwise"
	return o
}

// plan chooses channel block and band so that a packed unit stays near L1.
func (o *blockDW) plan() {
	d, l := &o.d, o.lay
	all := (d.OutH + o.phases - 1) / o.phases
	bytes := func(block, rows int) int { return o.bandGroups(rows) * o.cols * block * l.dwRows * l.elem }
	o.block, o.rows = 16, all
	for o.rows > 1 && bytes(16, o.rows) > dwBytes {
		o.rows--
	}
	for o.block*2 < 2*d.OutC && o.block < 128 && bytes(o.block*2, o.rows) <= dwBytes/2 {
		o.block *= 2
	}
	o.block = min(o.block, (d.OutC+l.dwWidth-1)/l.dwWidth*l.dwWidth)
	o.blocks = (d.OutC + o.block - 1) / o.block
	o.bands = (all + o.rows - 1) / o.rows
	o.rows = (all + o.bands - 1) / o.bands
	o.bands = (all + o.rows - 1) / o.rows
	o.chunk = o.block
	if l.dwPlanes {
		o.chunk = l.dwWidth
	}
	o.perGroup = o.cols * o.chunk * l.dwRows
	o.groups = o.bandGroups(o.rows)
	o.plane = o.groups * o.perGroup
}

// bandGroups is the number of row groups that q rows read.
func (o *blockDW) bandGroups(q int) int {
	last := (q*o.phases-1)*o.d.StrideH + (o.d.KH-1)*o.d.DilationH
	return last/dwEvery + 1
}

func (o *blockDW) bandRows(b, phase int) int {
	return min(o.rows, (o.d.OutH-phase+o.phases-1)/o.phases-b*o.rows)
}

// packPhase packs the weights of output rows phase, phase+phases, ...
func (o *blockDW) packPhase(phase int) []panel {
	var ps []panel
	sums := o.d.sums()
	for c := 0; c < o.d.OutC; c += o.lay.dwWidth {
		ps = append(ps, o.packChannels(phase, c, sums))
	}
	return ps
}

// sums are the sums of each channel's weights.
func (d *Depthwise) sums() []weightSum {
	s := make([]weightSum, d.OutC)
	for i, w := range d.Weights {
		s[i%d.OutC].add(int32(w))
	}
	return s
}

// packChannels covers the kernel's rows by as few groups as there can be, for
// each column of the kernel.
func (o *blockDW) packChannels(phase, c0 int, sums []weightSum) panel {
	d, l := &o.d, o.lay
	p := panel{first: c0, width: l.dwWidth, valid: min(l.dwWidth, d.OutC-c0)}
	var w []byte
	for ky := 0; ky < d.KH; {
		row := phase*d.StrideH + ky*d.DilationH
		group := row / dwEvery
		next := ky
		for next < d.KH && phase*d.StrideH+next*d.DilationH < group*dwEvery+l.dwRows {
			next++
		}
		for kx := range d.KW {
			off := group*o.perGroup + kx*d.DilationW*o.chunk*l.dwRows
			w = o.appendTap(w, &p, off, ky, next, kx, phase*d.StrideH-group*dwEvery)
		}
		ky = next
	}
	p.w = aligned(len(w))
	p.n = len(p.offs)
	if l.dwPairs {
		p.pairTaps(w, l.dwWidth*l.dwRows)
	} else {
		copy(p.w, w)
	}
	p.finish(d.Bias, &d.Requant, sums, d.InZero+l.offset(), d.OutC)
	if l.dwSteps {
		p.offs = steps(p.offs)
	}
	px := int64((d.OutH-phase+o.phases-1)/o.phases) * int64(d.OutW)
	o.info.Done += px * int64((p.n+2*p.joined)*l.dwWidth*l.dwRows)
	o.info.Packed += len(w) + 4*len(p.offs) + 8*p.width
	return p
}

// pairTaps puts pairs of taps whose activations follow each other first; size is
// the bytes of a tap's weights and activations, w all weights in the order of p.offs.
func (p *panel) pairTaps(w []byte, size int) {
	var first, singles []int32
	var rest []byte
	joined := p.w[:0]
	for i := 0; i < len(p.offs); {
		if i+1 < len(p.offs) && p.offs[i+1] == p.offs[i]+int32(size) {
			first, joined = append(first, p.offs[i]), append(joined, w[i*size:(i+2)*size]...)
			i += 2
			continue
		}
		singles, rest = append(singles, p.offs[i]), append(rest, w[i*size:(i+1)*size]...)
		i++
	}
	copy(p.w[len(joined):], rest)
	p.offs, p.joined, p.n = append(first, singles...), len(first), len(singles)
}

// appendTap appends the weights of rows from..to-1 of column kx, once for each
// part that the packed type can hold; row ky sits in slot first+ky*dilation.
func (o *blockDW) appendTap(w []byte, p *panel, off, from, to, kx, first int) []byte {
	d, l := &o.d, o.lay
	b, part := make([]int32, l.dwWidth*l.dwRows), make([]int32, l.dwWidth*l.dwRows)
	for ky := from; ky < to; ky++ {
		for c := range p.valid {
			b[c*l.dwRows+first+ky*d.DilationH] = int32(d.Weights[(ky*d.KW+kx)*d.OutC+p.first+c])
		}
	}
	for once := true; l.cut(part, b) || once; once = false {
		p.offs = append(p.offs, int32(off*l.elem))
		for _, v := range part {
			w = append(w, byte(v))
			if l.wElem == 2 {
				w = append(w, byte(v>>8))
			}
		}
	}
	return w
}

func (o *blockDW) addTable(rows int) {
	if rows < 1 || o.tableOf(rows) != nil {
		return
	}
	d, l := &o.d, o.lay
	n := rows * d.OutW
	t := table{rows: rows, cols: d.OutW, tiles: (n + l.dwMR - 1) / l.dwMR}
	for i := range t.tiles * l.dwMR {
		q, x := min(i, n-1)/d.OutW, min(i, n-1)%d.OutW
		in := (q*o.advance*o.perGroup + x*d.StrideW*o.chunk*l.dwRows) * l.elem
		t.px = append(t.px, int32(in), int32((q*o.phases*d.OutW+x)*d.OutC))
		if d.OutC%l.dwWidth != 0 {
			t.staged = append(t.staged, int32(in), int32(i*l.dwWidth))
		}
	}
	o.info.Packed += 4 * (len(t.px) + len(t.staged))
	o.tables = append(o.tables, t)
}

func (o *blockDW) tableOf(rows int) *table {
	for i := range o.tables {
		if o.tables[i].rows == rows {
			return &o.tables[i]
		}
	}
	return nil
}

func (o *blockDW) Info() Info { return o.info }
func (o *blockDW) Units() int { return o.blocks * o.bands }

// region is the channels and output rows of unit u.
func (o *blockDW) region(u int) (c0, c1, y0, y1 int) {
	rows := o.rows * o.phases
	c0, y0 = u/o.bands*o.block, u%o.bands*rows
	return c0, min(c0+o.block, o.d.OutC), y0, min(y0+rows, o.d.OutH)
}

// Scratch: packed groups, a line of zero points, staged outputs.
func (o *blockDW) Scratch() int { return 64 + o.packedBytes() + o.lineBytes() + o.stageBytes() }

func (o *blockDW) packedBytes() int {
	return (o.block/o.chunk*o.plane*o.lay.elem + slack + 63) &^ 63
}

func (o *blockDW) lineBytes() int { return (o.d.InW*o.d.InC + 63) &^ 63 }
func (o *blockDW) stageBytes() int {
	n := 0
	for _, t := range o.tables {
		n = max(n, len(t.staged)/2*o.lay.dwWidth)
	}
	return n
}

func (o *blockDW) Run(dst, src []int8, scratch []byte, from, to int) {
	dst, src = dst[:o.d.OutH*o.d.OutW*o.d.OutC], src[:o.d.InH*o.d.InW*o.d.InC]
	buf := align(scratch[:o.Scratch()])
	line := buf[o.packedBytes():][:o.d.InW*o.d.InC]
	fillWith(line, byte(o.d.InZero))
	o.padSides(buf)
	for u := from; u < to; u++ {
		o.unit(dst, src, buf, int8s(line), u/o.bands*o.block, u%o.bands)
	}
}

// sides are the packed columns where the picture begins and ends.
func (o *blockDW) sides() (left, right int) {
	left = min(o.d.PadLeft, o.cols)
	return left, max(left, min(o.cols, left+o.d.InW))
}

// padSides fills what lies beside the picture, in the same place for every unit:
// before the first row, and from the end of each to the next.
func (o *blockDW) padSides(buf []byte) {
	left, right := o.sides()
	px := o.chunk * o.lay.dwRows
	o.lay.fill(buf, 0, left*px, o.d.InZero)
	for at, all := 0, o.block/o.chunk*o.plane; at < all; at += o.perGroup {
		o.lay.fill(buf, at+right*px, min((o.cols-right+left)*px, all-at-right*px), o.d.InZero)
	}
}

// unit computes band b of the channel block that starts at c0.
func (o *blockDW) unit(dst, src []int8, buf []byte, line []int8, c0, b int) {
	d, l := &o.d, o.lay
	n := min(o.block, d.OutC-c0)
	if left, right := o.sides(); left < right {
		o.packRows(buf, src, line, b, c0, n)
	}
	for p, ps := range o.weights {
		t := o.tableOf(o.bandRows(b, p))
		if t == nil {
			continue
		}
		base := (b*o.rows*o.phases + p) * d.OutW * d.OutC
		for c := 0; c < n; c += l.dwWidth {
			in := buf[(c/o.chunk*o.plane+c%o.chunk*l.dwRows)*l.elem:]
			o.channels(dst[base+c0+c:], in, buf, t, &ps[(c0+c)/l.dwWidth])
		}
	}
}

func (o *blockDW) channels(dst []int8, in, buf []byte, t *table, q *panel) {
	a := blockArgs{in: ptr(in), px: ptr(t.px), tiles: t.tiles, offs: ptr(q.offs), joined: q.joined, n: q.n,
		w: ptr(q.w), bias: ptr(q.bias), scale: ptr(q.scale), tail: unsafe.Pointer(&q.tail), ending: q.ending}
	a.requant(&o.d.Requant)
	if q.valid == q.width {
		a.out = ptr(dst)
		o.set.depthwise(&a)
		return
	}
	stage := buf[o.packedBytes()+o.lineBytes():]
	a.px, a.out = ptr(t.staged), ptr(stage)
	o.set.depthwise(&a)
	unstage(dst, int8s(stage), t, q.valid, q.width)
}

// zipArgs is what a zip kernel gets: for each pixel and channel it writes the
// values of the rows side by side. The generated assembly knows its layout.
type zipArgs struct {
	dst     unsafe.Pointer    // 0
	rows    [4]unsafe.Pointer // 8, 16, 24, 32
	n       int               // 40: channels, a multiple of the zip kernel's step
	pixels  int               // 48
	srcStep int               // 56: bytes from pixel to pixel
	dstStep int               // 64
	mask    uint64            // 72: flipPixels: the last n%64 bytes of a pixel
	more    [4]unsafe.Pointer // 80, 88, 96, 104: zipThree: rows 4..7
	group   int               // 112: bytes from a group of rows to the next
	plane   int               // 120: bytes from 16 channels to the next, where the layout has planes
}

// packRows interleaves the rows of band b, n channels from c0 on, one group or three
// at a time.
func (o *blockDW) packRows(buf []byte, src, line []int8, b, c0, n int) {
	d, l := &o.d, o.lay
	left, right := o.sides()
	px := o.chunk * l.dwRows
	fast := n &^ (o.set.zipStep() - 1)
	a := zipArgs{n: fast, pixels: right - left, srcStep: d.InC, dstStep: px * l.elem, group: o.perGroup * l.elem, plane: o.plane * l.elem}
	if fast == d.InC && fast == o.block && !l.dwPlanes {
		a.n, a.pixels = fast*a.pixels, 1 // they follow each other without a gap
	}
	iy := b*o.rows*o.phases*d.StrideH - d.PadTop
	for g, all := 0, o.bandGroups(o.bandRows(b, 0)); g < all; {
		k := 1
		if l.dwThree && all-g >= 3 {
			k = 3
		}
		at, y := g*o.perGroup+left*px, iy+g*dwEvery
		if fast > 0 {
			a.dst = ptr(buf[at*l.elem:])
			for i := range l.dwRows + dwEvery*(k-1) {
				*a.row(i) = ptr(o.inputRow(src, line, y+i)[c0:])
			}
			if k == 3 {
				o.set.zipThree(&a)
			} else {
				o.set.zip(&a)
			}
		}
		for i := 0; i < k && fast < n; i++ {
			o.zipRest(buf, at+i*o.perGroup, src, line, y+i*dwEvery, c0, fast, n)
		}
		g += k
	}
}

// inputRow is row y of the picture, or zero points outside of it.
func (o *blockDW) inputRow(src, line []int8, y int) []int8 {
	if uint(y) >= uint(o.d.InH) {
		return line
	}
	return src[y*len(line):][:len(line)]
}

// zipRest is the plain form of the zip kernels for what they leave, channels
// c0+from..c0+to-1 of the rows from y on.
func (o *blockDW) zipRest(buf []byte, at int, src, line []int8, y, c0, from, to int) {
	l := o.lay
	left, right := o.sides()
	px := o.chunk * l.dwRows
	at += from/o.chunk*o.plane + from%o.chunk*l.dwRows
	for r := range l.dwRows {
		row := o.inputRow(src, line, y+r)[c0:]
		for x := range right - left {
			for i := from; i < to; i++ {
				l.put(buf, at+x*px+(i-from)*l.dwRows+r, row[x*o.d.InC+i])
			}
		}
	}
}

// row is where the pointer to row i of a zip kernel is.
func (a *zipArgs) row(i int) *unsafe.Pointer {
	if i >= len(a.rows) {
		return &a.more[i-len(a.rows)]
	}
	return &a.rows[i]
}

// put writes one activation at element at.
func (l *layout) put(buf []byte, at int, v int8) {
	if l.elem == 2 {
		int16s(buf)[at] = int16(v)
		return
	}
	buf[at] = byte(v) ^ l.flip
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
