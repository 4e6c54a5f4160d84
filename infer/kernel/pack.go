package kernel

import (
	"encoding/binary"
	"maps"
	"slices"
	"unsafe"
)

// panel is width neighbouring (virtual) output channels with their weights.
type panel struct {
	first, valid, width int     // channels first..first+valid-1 are real
	offs                []int32 // of the blocks, in bytes of packed activations, or steps
	joined, n           int     // how many of offs stand for layout.join blocks each, and for one
	quads               int     // groups of four places of a quadDW panel
	wide                bool
	dense               bool    // every block of one pixel, in order
	w                   []byte  // the blocks, on a cache line
	bias                []int32 // width of them, zero points folded in
	scale               []float32
	ending              ending
	tail                tail
}

// tapWeights are the merged weights of one phase: [channel][dy][dx][InC], where
// channel t*OutC+o is output channel o of member t of the group.
type tapWeights struct {
	dys, dxs []int
	channels int
	inC      int
	w        []int32
	list     blockList // memory that panels are packed in, one after the other
}

// maxWidth is the width of the widest panel.
const maxWidth = 32

// merge makes m the weights of a phase; it takes m's memory again where it can.
func (m *tapWeights) merge(d *Conv, y, x *axis, ry, rx int) {
	m.dys, m.dxs, m.channels, m.inC = y.taps(ry), x.taps(rx), x.group*d.OutC, d.InC
	n := m.channels * len(m.dys) * len(m.dxs) * m.inC
	m.w = slices.Grow(m.w[:0], n)[:n]
	clear(m.w)
	for ky := range d.KH {
		dy, ok := y.tap(ry, 0, ky)
		if !ok {
			continue
		}
		iy := slices.Index(m.dys, dy)
		for t := range x.group {
			for kx := range d.KW {
				if dx, ok := x.tap(rx, t, kx); ok {
					m.add(d, t, iy, slices.Index(m.dxs, dx), ky, kx)
				}
			}
		}
	}
}

// add adds the weights of tap ky, kx to place iy, ix of member t.
func (m *tapWeights) add(d *Conv, t, iy, ix, ky, kx int) {
	for o := range d.OutC {
		to := m.w[(((t*d.OutC+o)*len(m.dys)+iy)*len(m.dxs)+ix)*m.inC:][:m.inC]
		from := d.Weights[((o*d.KH+ky)*d.KW+kx)*d.InC:][:d.InC]
		for i, v := range from {
			to[i] += int32(v)
		}
	}
}

// run is a stretch of weights whose activations lie one after the other.
type run struct{ at, n, off int } // index into a channel's weights, length, offset in elements

// runs cuts the window into runs; pitch is the elements of a packed row, and the
// window's upper left corner is y0, x0.
func (m *tapWeights) runs(y0, x0, pitch int) []run {
	var rs []run
	for iy, dy := range m.dys {
		for ix, dx := range m.dxs {
			off := (dy-y0)*pitch + (dx-x0)*m.inC
			at := (iy*len(m.dxs) + ix) * m.inC
			if ix > 0 && m.dxs[ix-1] == dx-1 {
				rs[len(rs)-1].n += m.inC
				continue
			}
			rs = append(rs, run{at, m.inC, off})
		}
	}
	return rs
}

// block gathers the weights of channels c0..c0+width-1 at 4 places of r from k
// on, [width][4], zero outside.
func (m *tapWeights) block(b []int32, c0, width int, r run, k int) {
	clear(b)
	size := len(m.dys) * len(m.dxs) * m.inC
	for c := range min(width, m.channels-c0) {
		from := m.w[(c0+c)*size+r.at+k:][:min(4, r.n-k)]
		for i, v := range from {
			b[c*4+i] = v
		}
	}
}

// blocksOf is the number of blocks that panelOf makes.
func (m *tapWeights) blocksOf(l *layout, rs []run, c0, width int) int {
	n := 0
	m.eachBlock(l, rs, c0, width, func(int, int32, []int32) { n++ })
	return n
}

// eachBlock calls use for every part of every place's weights that has a value in it.
func (m *tapWeights) eachBlock(l *layout, rs []run, c0, width int, use func(part int, off int32, w []int32)) {
	var block, cut [4 * maxWidth]int32
	b, part := block[:4*width], cut[:4*width]
	for _, r := range rs {
		for k := 0; k < r.n; k += 4 {
			m.block(b, c0, width, r, k)
			for n := 0; l.cut(part, b); n++ {
				use(n, int32((r.off+k)*l.elem), part)
			}
		}
	}
}

// panelOf packs the channels c0..c0+width-1.
func (m *tapWeights) panelOf(l *layout, rs []run, c0, width int) panel {
	p := panel{first: c0, width: width, valid: min(width, m.channels-c0)}
	m.list.reset()
	m.eachBlock(l, rs, c0, width, func(part int, off int32, w []int32) { m.list.add(l, part, off, w, width) })
	m.list.finish(l, &p)
	return p
}

// blockList collects packed blocks: part 0 of every place, then what did not fit
// the packed type in part 1, and so on.
type blockList struct {
	offs [][]int32
	w    [][]byte
}

// reset empties the list and keeps its memory.
func (b *blockList) reset() {
	for i := range b.offs {
		b.offs[i], b.w[i] = b.offs[i][:0], b.w[i][:0]
	}
}

func (b *blockList) add(l *layout, part int, off int32, w []int32, width int) {
	if part == len(b.offs) {
		b.offs, b.w = append(b.offs, nil), append(b.w, nil)
	}
	b.offs[part] = append(b.offs[part], off)
	b.w[part] = l.appendBlock(b.w[part], w, width)
}

// finish hands the blocks to p in order, quads first.
func (b *blockList) finish(l *layout, p *panel) {
	offs := slices.Concat(b.offs...)
	n := 0
	for _, w := range b.w {
		n += len(w)
	}
	p.w = aligned(n)
	all := p.w[:0]
	for _, w := range b.w {
		all = append(all, w...)
	}
	p.offs, p.n = offs, len(offs)
	p.dense = l.dense && inOrder(offs)
	if l.join > 0 {
		p.join(l, slices.Clone(all))
	}
	if l.steps {
		p.offs = steps(p.offs)
	}
}

// inOrder says whether blocks follow each other from 0 on.
func inOrder(offs []int32) bool {
	for i, v := range offs {
		if v != int32(4*i) {
			return false
		}
	}
	return true
}

// join puts blocks whose activations follow each other first; w are all blocks in
// the order of p.offs.
func (p *panel) join(l *layout, w []byte) {
	offs, joined := p.offs, p.w[:0]
	var first, singles []int32
	var rest []byte
	size := 4 * p.width * l.wElem
	for i := 0; i < len(offs); {
		n := 1
		for n < l.join && i+n < len(offs) && offs[i+n] == offs[i]+int32(4*n*l.elem) {
			n++
		}
		if n == l.join {
			first, joined = append(first, offs[i]), append(joined, w[i*size:(i+n)*size]...)
			i += n
			continue
		}
		singles, rest = append(singles, offs[i]), append(rest, w[i*size:(i+1)*size]...)
		i++
	}
	copy(p.w[len(joined):], rest)
	p.offs, p.joined, p.n = append(first, singles...), len(first), len(singles)
}

// steps are the first of offs, the way from each to the next, and 0.
func steps(offs []int32) []int32 {
	s := make([]int32, 0, len(offs)+1)
	at := int32(0)
	for _, v := range offs {
		s = append(s, v-at)
		at = v
	}
	return append(s, 0)
}

// blocks is the number of blocks of the panel.
func (p *panel) blocks(l *layout) int { return p.n + p.joined*l.join }

// cut moves what fits a packed weight from rest to part; false if rest was zero.
func (l *layout) cut(part, rest []int32) bool {
	any := int32(0)
	for i, v := range rest {
		any |= v
		part[i] = max(l.wMin, min(l.wMax, v))
		rest[i] = v - part[i]
	}
	return any != 0
}

// appendBlock appends a [width][4] block as [4/pair][width][pair].
func (l *layout) appendBlock(w []byte, b []int32, width int) []byte {
	for k := 0; k < 4; k += l.pair {
		for c := range width {
			for _, v := range b[c*4+k : c*4+k+l.pair] {
				w = append(w, byte(v))
				if l.wElem == 2 {
					w = append(w, byte(v>>8))
				}
			}
		}
	}
	return w
}

// sums are the sums of each channel's weights.
func (m *tapWeights) sums() []weightSum {
	s := make([]weightSum, m.channels)
	size := len(m.w) / max(1, m.channels)
	for c := range s {
		for _, v := range m.w[c*size : (c+1)*size] {
			s[c].add(v)
		}
	}
	return s
}

// panels packs a whole phase.
func (m *tapWeights) panels(l *layout, d *Conv, rs []run) []panel {
	var ps []panel
	for c := 0; c < m.channels; {
		p := m.bestPanel(l, rs, c)
		c += p.width
		ps = append(ps, p)
	}
	sums := m.sums()
	for i := range ps {
		ps[i].finish(d.Bias, &d.Requant, sums, d.InZero+l.offset(), d.OutC)
	}
	return ps
}

// bestPanel takes the narrowest panel that holds what is left, else the widest
// one that pays: a double panel reads activations once for both halves but
// cannot skip what only one of them does not need.
func (m *tapWeights) bestPanel(l *layout, rs []run, c int) panel {
	narrow := slices.Index(l.widths, 16)
	for i := len(l.widths) - 1; i >= narrow; i-- {
		if w := l.widths[i]; m.channels-c <= w || w == 16 {
			narrow = i
			break
		}
	}
	width := l.widths[narrow]
	blocks := m.blocksOf(l, rs, c, width)
	if l.wide != nil && blocks > 0 && 5*m.blocksOf(l.wide, rs, c, width) < 4*blocks {
		p := m.panelOf(l.wide, rs, c, width) // a wide block costs a quarter more
		p.wide = true
		return p
	}
	if l.widths[0] == 32 && m.channels-c > 16 && 20*m.blocksOf(l, rs, c, 32) <= 11*(blocks+m.blocksOf(l, rs, c+16, 16)) {
		width = 32
	}
	return m.panelOf(l, rs, c, width)
}

// finish fills bias, scale and ending: sum((a-zero)*w) = sum(a*w) - zero*sum(w).
func (p *panel) finish(bias []int32, r *Requant, sums []weightSum, zero int32, outC int) {
	p.bias, p.scale = make([]int32, p.width), make([]float32, p.width)
	most := 0.0
	for i := range p.valid {
		c := p.first + i
		p.bias[i] = biasOf(bias, c%outC) - zero*sums[c].sum
		p.scale[i] = r.Scale[c%outC]
		most = max(most, sums[c].reach(biasOf(bias, c%outC))*float64(p.scale[i]))
	}
	p.ending, p.tail = endingOf(r, most)
}

func sortedKeys(m map[int]bool) []int { return slices.Sorted(maps.Keys(m)) }

// packRow writes n activations of src at element at of buf.
func (s *Set) packRow(l *layout, buf []byte, at int, src []int8) {
	if l.elem == 2 {
		s.widen(int16s(buf)[at:at+len(src)], src)
		return
	}
	to := buf[at : at+len(src)]
	if l.flip == 0 {
		copy(to, bytesOf(src))
		return
	}
	s.flip(to, bytesOf(src), l.flip)
}

// fill writes n zero points at element at of buf.
func (l *layout) fill(buf []byte, at, n int, zero int32) {
	if n <= 0 {
		return
	}
	if l.elem == 2 {
		b := int16s(buf)[at : at+n]
		for i := range b {
			b[i] = int16(zero)
		}
		return
	}
	fillWith(buf[at:at+n], byte(zero)^l.flip)
}

// fillWith fills b with v.
func fillWith(b []byte, v byte) {
	done := min(len(b), 64)
	i := 0
	for ; i+8 <= done; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(v)*0x0101010101010101)
	}
	for ; i < done; i++ {
		b[i] = v
	}
	for ; done < len(b); done *= 2 {
		copy(b[done:], b[:done])
	}
}

// widen sign-extends src.
func (s *Set) widen(dst []int16, src []int8) {
	for i := s.widenHead(dst, src); i < len(src); i++ {
		dst[i] = int16(src[i])
	}
}

// flip writes src with the bits of m inverted.
func (s *Set) flip(dst, src []byte, m byte) {
	for i := s.flipHead(dst, src, m); i < len(src); i++ {
		dst[i] = src[i] ^ m
	}
}

func ptr[T any](s []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }
