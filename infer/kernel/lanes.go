package kernel

// laneConv runs a convolution with few output channels and stride 1, or of an
// upsampled picture, with neighbouring pixels in the lanes of vectors. A unit is a
// band of q rows. Packed rows are planes: four channels of every pixel, then the
// next four. Each phase and channel of an output row is computed on its own, into
// planes of bytes, which are then woven into pixels.
type laneConv struct {
	set    *Set
	lay    *layout
	d      Conv
	y, x   axis
	y0, x0 int // upper left corner of the window
	reach  int // rows of the window
	cols   int // packed columns that are read
	plane  int // bytes of a plane of a packed row
	tiles  int // of lanePixels pixels in a row of a phase
	rows   int // q rows of a band
	phases []phase
	weave  []byte // tables of Set.weave
	info   Info
}

// lanePixels is the number of pixels of a tile.
const lanePixels = 64

// laneBytes bounds the packed rows of a band.
const laneBytes = 32 << 10

// newLaneConv is nil where the method does not fit or does not pay.
func newLaneConv(s *Set, l *layout, d Conv) *laneConv {
	if !l.lanes || d.OutC > 4 || d.InC%16 != 0 || d.InW < 16 || d.Transposed || d.StrideH != 1 || d.StrideW != 1 ||
		!d.fits() || d.OutW%d.Up != 0 || d.OutW/d.Up < lanePixels || d.OutC*d.Up > 8 {
		return nil
	}
	o := &laneConv{set: s, lay: l, d: d}
	o.y, o.x = d.axes()
	y0, y1 := o.y.window()
	x0, x1 := o.x.window()
	o.y0, o.x0, o.reach = y0, x0, y1-y0+1
	o.tiles = (o.x.count(0) + lanePixels - 1) / lanePixels
	o.cols = o.x.count(0) + x1 - x0
	o.plane = 4 * (o.tiles*lanePixels + x1 - x0)
	row := o.plane * d.InC / 4
	o.rows = max(1, min(o.y.count(0), laneBytes/row-o.reach+1))
	o.weave = weaveTables(o.x.phases * d.OutC)
	o.info = Info{Kernel: s.Name() + " lanes", MACs: d.macs(), Density: density(d.Weights, d.OutC, d.KH*d.KW, d.InC), Packed: len(o.weave)}
	var m tapWeights
	for ry := range o.y.phases {
		for rx := range o.x.phases {
			m.merge(&d, &o.y, &o.x, ry, rx)
			o.phases = append(o.phases, phase{ry, rx, []panel{o.packPhase(&m)}})
		}
	}
	o.d.Weights = nil
	return o
}

// packPhase packs the weights of a phase, [OutC][4] a block.
func (o *laneConv) packPhase(m *tapWeights) panel {
	p := panel{width: o.d.OutC, valid: o.d.OutC}
	var rs []run
	for iy, dy := range m.dys {
		for ix, dx := range m.dxs {
			for k := 0; k < m.inC; k += 4 { // one place after the other: they are planes apart
				rs = append(rs, run{at: (iy*len(m.dxs)+ix)*m.inC + k, n: 4, off: ((dy-o.y0)*m.inC/4+k/4)*o.plane + (dx-o.x0)*4})
			}
		}
	}
	m.list.reset()
	m.eachBlock(o.lay, rs, 0, p.width, func(part int, off int32, w []int32) { m.list.add(o.lay, part, off, w, p.width) })
	m.list.finish(o.lay, &p)
	p.finish(o.d.Bias, &o.d.Requant, m.sums(), o.d.InZero+o.lay.offset(), o.d.OutC)
	o.info.Done += int64(o.y.count(0)) * int64(o.x.count(0)) * int64(p.width*4*len(p.offs))
	o.info.Packed += len(p.w) + 4*len(p.offs) + 8*p.width
	return p
}

// weaveTables says for each vector of 16 of the n*16 bytes that 16 bytes of n planes
// make, and for each plane, which of the plane's bytes go there.
func weaveTables(n int) []byte {
	t := make([]byte, n*n*16)
	for v := range n {
		for p := range n {
			for i := range 16 {
				to := &t[(v*n+p)*16+i]
				if *to = 0x80; (16*v+i)%n == p {
					*to = byte((16*v + i) / n)
				}
			}
		}
	}
	return t
}

func (o *laneConv) Info() Info { return o.info }
func (o *laneConv) Units() int { return (o.y.count(0) + o.rows - 1) / o.rows }

// Scratch: packed rows, planes of one output row.
func (o *laneConv) Scratch() int {
	return 64 + o.packedBytes() + o.x.phases*o.d.OutC*o.tiles*lanePixels
}

func (o *laneConv) packedBytes() int {
	return ((o.rows+o.reach-1)*o.plane*o.d.InC/4 + 63) &^ 63
}

func (o *laneConv) Run(dst, src []int8, scratch []byte, from, to int) {
	dst, src = dst[:o.d.OutH*o.d.OutW*o.d.OutC], src[:o.d.InH*o.d.InW*o.d.InC]
	buf := align(scratch[:o.Scratch()])
	o.lay.fill(buf, 0, o.packedBytes(), o.d.InZero)
	for u := from; u < to; u++ {
		first := u * o.rows
		n := min(o.rows, o.y.count(0)-first)
		for i := range n + o.reach - 1 {
			o.packRow(buf[i*o.plane*o.d.InC/4:], src, first+o.y0+i)
		}
		for i := range n {
			for ry := range o.y.phases {
				o.row(dst, buf[i*o.plane*o.d.InC/4:], buf[o.packedBytes():], first+i, ry)
			}
		}
	}
}

// packRow packs input row iy; columns outside the picture hold zero points already.
func (o *laneConv) packRow(buf []byte, src []int8, iy int) {
	inC := o.d.InC
	if iy < 0 || iy >= o.d.InH {
		o.lay.fill(buf, 0, o.plane*inC/4, o.d.InZero)
		return
	}
	from := max(0, o.x0)
	n := min(o.d.InW, o.x0+o.cols) - from
	a := zipArgs{n: inC / 16, srcStep: inC, dstStep: o.plane}
	for x := 0; x < n; x += a.pixels {
		a.pixels = (n - x) &^ 15
		if a.pixels == 0 {
			x, a.pixels = n-16, 16 // some of these once more
		}
		a.dst, a.rows[0] = ptr(buf[(from+x-o.x0)*4:]), ptr(src[(iy*o.d.InW+from+x)*inC:])
		o.set.planes(&a)
	}
}

// row computes output row q of phase ry from the packed rows that start at buf.
func (o *laneConv) row(dst []int8, buf, planes []byte, q, ry int) {
	y := q*o.y.phases + ry
	if y >= o.d.OutH {
		return
	}
	width := o.tiles * lanePixels
	for i := range o.phases {
		p := &o.phases[i]
		if p.ry != ry {
			continue
		}
		w := &p.panels[0]
		a := blockArgs{in: ptr(buf), tiles: o.tiles, offs: ptr(w.offs), n: len(w.offs), w: ptr(w.w), bias: ptr(w.bias), scale: ptr(w.scale),
			out: ptr(planes[p.rx*o.d.OutC*width:]), pitch: width}
		a.requant(&o.d.Requant)
		o.set.lanes(o.d.OutC, &a)
	}
	n, count := o.x.phases*o.d.OutC, o.x.count(0)
	a := zipArgs{n: n, srcStep: width}
	a.rows[1] = ptr(o.weave)
	for x := 0; x < count; x += a.pixels {
		a.pixels = (count - x) &^ 63
		if a.pixels == 0 {
			x, a.pixels = count-64, 64
		}
		a.dst, a.rows[0] = ptr(dst[y*o.d.OutW*o.d.OutC+x*n:]), ptr(planes[x:])
		o.set.weave(&a)
	}
}
