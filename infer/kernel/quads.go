package kernel

import "unsafe"

// quadDW runs a depthwise convolution of multiplier 1 by kernels that read four
// places of the window at a time from padded rows: any four (quad kernels), or
// four rows of a column that then stays in registers while the window slides along
// (3x3 and 5x5). Its units are (band, channel block) pairs, each with packed rows
// of its own.
type quadDW struct {
	set    *Set
	lay    *layout
	d      Depthwise
	block  int // channels of a packed pixel, a multiple of 16
	blocks int
	rows   int // output rows of a band
	bands  int
	cols   int // packed columns
	panels []panel
	px     []int32    // in, out byte offsets of every pixel of a band, padded with the last one to whole tiles
	pxLast []int32    // the same for the last band
	strips [3][]int32 // the same of the first pixel of every row, and of every row and its second half, indexed by strips a row
	info   Info
}

// quadBytes bounds the packed input of a unit: it is read once for every place
// of the window, so it had better stay near.
const quadBytes = 96 << 10

// quadBlock bounds the channels of a unit, so that there are units to share.
const quadBlock = 128

// quadPixels bounds the pixels of a kernel call.
const quadPixels = 4

// newQuadDW is nil where the method does not fit.
func newQuadDW(s *Set, l *layout, d Depthwise) *quadDW {
	if d.OutC != d.InC || d.KH*d.KW > 128 || d.DilationH > 64 ||
		(d.OutW*d.StrideW+d.KW*d.DilationW)*(d.KH*d.DilationH+2*d.StrideH) > 1<<22 {
		return nil
	}
	o := &quadDW{set: s, lay: l, d: d}
	o.cols = (d.OutW-1)*d.StrideW + (d.KW-1)*d.DilationW + 1
	o.plan()
	sums := o.d.sums()
	for c := 0; c < d.OutC; {
		p := o.packPanel(c, sums)
		o.panels = append(o.panels, p)
		c += p.valid
	}
	o.addTables()
	o.d.Weights = nil
	o.info.MACs, o.info.Density = d.macs(), 1
	o.info.Kernel = s.Name() + " depthwise"
	return o
}

// inRows is the number of input rows that n output rows read.
func (o *quadDW) inRows(n int) int { return (n-1)*o.d.StrideH + (o.d.KH-1)*o.d.DilationH + 1 }

// plan takes as many channels as fit with all rows, else as many rows as fit
// with few channels.
func (o *quadDW) plan() {
	all := (o.d.OutC + 15) / 16 * 16
	o.rows, o.block = o.d.OutH, min(all, 64)
	for o.block+64 <= min(all, quadBlock) && o.inRows(o.rows)*o.cols*(o.block+64) <= quadBytes {
		o.block += 64
	}
	if rows := min(o.rows, 3); all-o.block < 64 && o.inRows(rows)*o.cols*all <= quadBytes {
		o.block = all // whole rows are copied in one go
	}
	for o.rows > 1 && o.inRows(o.rows)*o.cols*o.block > quadBytes {
		o.rows--
	}
	o.blocks = (o.d.OutC + o.block - 1) / o.block
	o.bands = (o.d.OutH + o.rows - 1) / o.rows
	o.rows = (o.d.OutH + o.bands - 1) / o.bands
	o.bands = (o.d.OutH + o.rows - 1) / o.rows
}

// slides says whether the sliding kernels know the window.
func (o *quadDW) slides() bool {
	d := &o.d
	return d.KH == d.KW && (d.KH == 3 || d.KH == 5) && d.StrideW <= 2 && d.DilationH == 1 && d.DilationW == 1
}

// place is tap k of group k/4 of a panel: a row and column of the window, no place
// where it is padding.
type place struct{ ky, kx int }

// quadPlaces lists the window four by four.
func (o *quadDW) quadPlaces() []place {
	var ps []place
	for ky := range o.d.KH {
		for kx := range o.d.KW {
			ps = append(ps, place{ky, kx})
		}
	}
	for len(ps)%4 != 0 {
		ps = append(ps, place{-1, 0})
	}
	return ps
}

// slidePlaces lists the window as the sliding kernels take it: columns of up to four
// rows, then the fifth row's first four, then its last.
func (o *quadDW) slidePlaces() []place {
	var ps []place
	for kx := range o.d.KW {
		for ky := range 4 {
			if ky >= o.d.KH {
				ky = -1
			}
			ps = append(ps, place{ky, kx})
		}
	}
	if o.d.KH == 5 {
		ps = append(ps, place{4, 0}, place{4, 1}, place{4, 2}, place{4, 3}, place{4, 4}, place{-1, 0}, place{-1, 0}, place{-1, 0})
	}
	return ps
}

// packPanel packs the channels from c0 on that one kernel call takes. The offsets
// of a panel for sliding kernels stay empty; its biases and scales follow its
// weights.
func (o *quadDW) packPanel(c0 int, sums []weightSum) panel {
	d, rest := &o.d, o.d.OutC-c0
	p := panel{first: c0, width: 64}
	switch {
	case rest <= 16:
		p.width = 16
	case rest <= 48:
		p.width = 32
	}
	p.valid = min(p.width, rest)
	places := o.quadPlaces()
	slide := o.slides() && p.width > 16
	if slide {
		places = o.slidePlaces()
	}
	p.quads = len(places) / 4
	p.w = aligned((p.quads + 2) * 256)
	for i, at := range places {
		if !slide {
			p.offs = append(p.offs, int32((max(0, at.ky)*d.DilationH*o.cols+at.kx*d.DilationW)*o.block))
		}
		if at.ky >= 0 {
			o.packPlace(&p, i, d.Weights[(at.ky*d.KW+at.kx)*d.OutC+c0:])
		}
	}
	p.finish(d.Bias, &d.Requant, sums, d.InZero+o.lay.offset(), d.OutC)
	p.bias, p.scale = spread(p.bias), spread(p.scale)
	copy(p.w[p.quads*256:], view[byte](p.bias))
	copy(p.w[p.quads*256+256:], view[byte](p.scale))
	o.info.Done += int64(d.OutH*d.OutW) * int64(p.quads*4*p.width)
	o.info.Packed += len(p.w) + 4*len(p.offs) + 8*64
	return p
}

// packPlace puts the weights of one place in slot i of the panel.
func (o *quadDW) packPlace(p *panel, i int, w []int8) {
	for c := range p.valid {
		for at := c; at < 64; at += p.width {
			p.w[i/4*256+4*quadLane(at)+i%4] = byte(w[c])
		}
	}
}

// quadLane is the 32-bit lane of four vectors that byte i of 64 goes to when it is
// unpacked: lane of 16 bytes i/16, vector i%16/4.
func quadLane(i int) int { return i%16/4*16 + i/16*4 + i%4 }

// spread repeats v, a divisor of 64 long, over the lanes of four vectors.
func spread[T any](v []T) []T {
	all := make([]T, 64)
	for i := range all {
		all[quadLane(i)] = v[i%len(v)]
	}
	return all
}

// view is v's memory as numbers of another type.
func view[T, S any](v []S) []T {
	var s S
	var t T
	return unsafe.Slice((*T)(ptr(v)), len(v)*int(unsafe.Sizeof(s))/int(unsafe.Sizeof(t)))
}

// at is where pixel x of row q reads and writes.
func (o *quadDW) at(q, x int) (in, out int32) {
	return int32((q*o.d.StrideH*o.cols + x*o.d.StrideW) * o.block), int32((q*o.d.OutW + x) * o.d.OutC)
}

func (o *quadDW) addTables() {
	w := o.d.OutW
	o.px, o.pxLast = o.pixels(o.rows), o.pixels(o.d.OutH-(o.bands-1)*o.rows)
	if o.slides() {
		for n := 1; n <= 2; n++ {
			for i := range o.rows * n {
				in, out := o.at(i/n, i%n*(w-o.strip(n)))
				o.strips[n] = append(o.strips[n], in, out)
			}
		}
	}
	o.info.Packed += 4 * (len(o.px) + len(o.pxLast) + len(o.strips[1]) + len(o.strips[2]))
}

// pixels lists the pixels of some rows.
func (o *quadDW) pixels(rows int) []int32 {
	var px []int32
	n := rows * o.d.OutW
	for i := range (n + quadPixels - 1) / quadPixels * quadPixels {
		in, out := o.at(min(i, n-1)/o.d.OutW, min(i, n-1)%o.d.OutW)
		px = append(px, in, out)
	}
	return px
}

// strip is the length of a strip where a row is cut in n; they may overlap.
func (o *quadDW) strip(n int) int { return (o.d.OutW + n - 1) / n }

func (o *quadDW) Info() Info { return o.info }
func (o *quadDW) Units() int { return o.blocks * o.bands }

// region is the channels and output rows of unit u.
func (o *quadDW) region(u int) (c0, c1, y0, y1 int) {
	c0, y0 = u%o.blocks*o.block, u/o.blocks*o.rows
	return c0, min(c0+o.block, o.d.OutC), y0, min(y0+o.rows, o.d.OutH)
}

// Scratch: packed rows, a row of zero points.
func (o *quadDW) Scratch() int { return 64 + o.packedBytes() + o.cols*o.block }

// packedBytes has room for the two columns that sliding kernels read ahead.
func (o *quadDW) packedBytes() int {
	return (o.inRows(o.rows)*o.cols*o.block + 2*o.block + slack + 63) &^ 63
}

func (o *quadDW) Run(dst, src []int8, scratch []byte, from, to int) {
	d := &o.d
	dst, src = dst[:d.OutH*d.OutW*d.OutC], src[:d.InH*d.InW*d.InC]
	buf := align(scratch[:o.Scratch()])
	line := buf[o.packedBytes():][:o.cols*o.block]
	o.lay.fill(line, 0, len(line), d.InZero)
	for u := from; u < to; u++ {
		c0, c1, y0, y1 := o.region(u)
		o.pack(buf, src, line, c0, c1, y0*d.StrideH-d.PadTop, o.inRows(y1-y0))
		for i := range o.panels {
			if p := &o.panels[i]; p.first >= c0 && p.first < c1 {
				o.panel(dst[y0*d.OutW*d.OutC:], buf[p.first-c0:], p, y1-y0)
			}
		}
	}
}

// pack brings channels c0..c1-1 of n input rows from y0 on to buf. What lies
// between the pixels of two rows is padding of both, written in one go, and after
// the pixels before it because those may spill over.
func (o *quadDW) pack(buf []byte, src []int8, line []byte, c0, c1, y0, n int) {
	d := &o.d
	left := min(d.PadLeft, o.cols)
	right := min(o.cols, left+d.InW)
	row, done := o.cols*o.block, 0
	for i := range n {
		y := y0 + i
		if y < 0 || y >= d.InH || left == right {
			continue
		}
		at := i*row + left*o.block
		for done < at {
			done += copy(buf[done:at], line)
		}
		o.packPixels(buf[at:], src[y*d.InW*d.InC+c0:], c1-c0, right-left)
		done = i*row + right*o.block
	}
	for done < n*row {
		done += copy(buf[done:n*row], line)
	}
}

// packPixels packs n channels of some pixels in a row.
func (o *quadDW) packPixels(buf []byte, src []int8, n, pixels int) {
	if n == o.d.InC && n == o.block {
		o.set.flip(buf[:n*pixels], bytesOf(src[:n*pixels]), o.lay.flip)
		return
	}
	a := zipArgs{dst: ptr(buf), n: n, pixels: pixels, srcStep: o.d.InC, dstStep: o.block}
	a.rows[0] = ptr(src)
	o.set.flipPixels(&a)
}

// panel computes the channels of a panel in some rows.
func (o *quadDW) panel(dst []int8, buf []byte, p *panel, rows int) {
	a := blockArgs{in: ptr(buf), offs: ptr(p.offs), n: p.quads, w: ptr(p.w), bias: ptr(p.bias), scale: ptr(p.scale),
		out: ptr(dst[p.first:]), mask: partMask(p.valid, p.width)}
	a.requant(&o.d.Requant)
	pixels := 64 / p.width
	if len(p.offs) > 0 {
		a.px, a.tiles = ptr(o.px), (rows*o.d.OutW+pixels-1)/pixels
		if rows < o.rows {
			a.px = ptr(o.pxLast)
		}
		o.set.depthwiseQuads(p.width, &a)
		return
	}
	a.px, a.tiles = ptr(o.strips[pixels]), rows
	a.pitch, a.step, a.skip, a.length = o.cols*o.block, o.block, o.d.OutC, o.strip(pixels)
	o.set.slide(o.d.KH, o.d.StrideW, p.width, &a)
}
