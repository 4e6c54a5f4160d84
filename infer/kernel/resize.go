package kernel

import "unsafe"

// Resizing a picture sums bytes times weights of 14 fraction bits, rounds half up
// and clamps to 0..255: out = clamp((sum(w*v) + 1<<13) >> 14). Output pixel i has
// weights weight[i] on the source pixels from first[i] on. Kernels read whole blocks
// of source pixels: where there are fewer weights, a block has zeros, and where it
// would reach beyond the end it begins earlier.

// resizeGroup is how many pixels of a row are made at a time.
const resizeGroup = 4

// rowArgs is what the kernels of rows take; asmgen knows its offsets.
type rowArgs struct {
	dst, src unsafe.Pointer
	groups   unsafe.Pointer // of rowGroup
	n        int            // groups, at least one
	w        unsafe.Pointer // int16, in the order of use
	blocks   int            // of a pixel: 4 source pixels of RGB, 16 of grey; 16 bytes are read
	orders   unsafe.Pointer // RGB: see rgbOrders
}

// rowGroup is where the pixels of a group begin: in the source, and the first one in
// the output.
type rowGroup struct {
	src [resizeGroup]int32
	dst int32
}

// mixArgs is what the kernels of columns take: n bytes of the sum of 2*pairs rows
// that lie stride bytes apart, with the top bit inverted.
type mixArgs struct {
	dst, src  unsafe.Pointer
	stride, n int
	w         unsafe.Pointer // int16
	pairs     int
}

// rowResize resizes rows; it is immutable.
type rowResize struct {
	s             *Set
	channels      int
	in, out       int // bytes
	blocks, taps  int // of a pixel, and source pixels of a block
	groups        []rowGroup
	w             []int16
	near          int // groups whose 16 bytes begin where the block does; later ones begin 4 earlier
	weightsOfNear int
}

// ResizeRows prepares the resizing of rows of width pixels of 1 or 3 channels; first
// does not descend. It is nil where there is no kernel for it. What it returns is safe
// for concurrent use; it wants dst of len(first) pixels and src of width, apart from
// each other.
func (s *Set) ResizeRows(first []int, weight [][]int32, width, channels int) func(dst, src []byte) {
	if !s.resizes() || len(first) < resizeGroup {
		return nil
	}
	r := &rowResize{s: s, channels: channels, in: width * channels, out: len(first) * channels, taps: 16}
	if channels == 3 {
		r.taps = 4
	}
	most := 1
	for _, w := range weight {
		most = max(most, len(w))
	}
	r.blocks = (most + r.taps - 1) / r.taps
	span := r.blocks * r.taps
	at, packed := blocksOf(first, weight, width, func(int) int { return span })
	if at == nil {
		return nil
	}
	for i := 0; i < len(first); i += resizeGroup {
		if !r.group(min(i, len(first)-resizeGroup), at, packed) {
			return nil
		}
	}
	return r.run
}

// blocksOf brings weights to int16 blocks of span(number of weights) that lie within
// n source pixels; nil where that is impossible.
func blocksOf(first []int, weight [][]int32, n int, span func(int) int) (at []int, packed [][]int16) {
	for i, w := range weight {
		k, sum := span(len(w)), 0
		if first[i] < 0 || first[i]+len(w) > n || k > n {
			return nil, nil
		}
		b := min(first[i], n-k)
		p := make([]int16, k)
		for j, v := range w {
			p[first[i]-b+j] = int16(v)
			if sum += int(max(v, -v)); int32(int16(v)) != v || sum > 1<<22 { // 255 times as much fits 32 bits
				return nil, nil
			}
		}
		at, packed = append(at, b), append(packed, p)
	}
	return at, packed
}

// group adds the group of output pixels from x on; false where its blocks cannot be
// read.
func (r *rowResize) group(x int, at []int, packed [][]int16) bool {
	g := rowGroup{dst: int32(x * r.channels)}
	near, far := r.near == len(r.groups), r.channels == 3
	for k := range g.src {
		begin := at[x+k] * r.channels
		g.src[k] = int32(begin)
		near = near && begin+(r.blocks-1)*r.taps*r.channels+16 <= r.in
		far = far && begin >= rgbBack
	}
	if !near && !far {
		return false
	}
	if !near {
		for k := range g.src {
			g.src[k] -= rgbBack
		}
	}
	for b := range r.blocks {
		if r.channels == 1 {
			for k := range g.src {
				r.w = append(r.w, packed[x+k][b*r.taps:][:r.taps]...)
			}
			continue
		}
		r.w = appendRGB(r.w, packed[x:x+resizeGroup], b*r.taps)
	}
	if r.groups = append(r.groups, g); near {
		r.near, r.weightsOfNear = len(r.groups), len(r.w)
	}
	return true
}

func (r *rowResize) run(dst, src []byte) {
	dst, src = dst[:r.out], src[:r.in]
	a := rowArgs{dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&src[0]), blocks: r.blocks}
	if a.n = r.near; a.n > 0 {
		a.groups, a.w, a.orders = unsafe.Pointer(&r.groups[0]), unsafe.Pointer(&r.w[0]), unsafe.Pointer(&rgbOrders[0])
		r.s.row(r.channels, &a)
	}
	if a.n = len(r.groups) - r.near; a.n > 0 {
		a.groups, a.w, a.orders = unsafe.Pointer(&r.groups[r.near]), unsafe.Pointer(&r.w[r.weightsOfNear]), unsafe.Pointer(&rgbOrders[1])
		r.s.row(r.channels, &a)
	}
}

// rgbBack is how many bytes earlier the last blocks of an RGB row are read: 16 bytes
// are four pixels and four bytes.
const rgbBack = 4

// columnResize resizes columns; it is immutable.
type columnResize struct {
	s       *Set
	height  int
	row     int // bytes
	at      []int
	weights [][]int16
}

// ResizeColumns prepares the resizing of columns of height rows of row bytes; nil
// where there is no kernel for it. What it returns is safe for concurrent use; it
// writes output row y with the top bit of each byte inverted, and wants all rows of
// the source, one after the other, apart from dst.
func (s *Set) ResizeColumns(first []int, weight [][]int32, height, row int) func(dst, src []byte, y int) {
	if !s.resizes() || row < mixLeast {
		return nil
	}
	at, packed := blocksOf(first, weight, height, func(n int) int { return (n + 1) &^ 1 })
	if at == nil {
		return nil
	}
	return (&columnResize{s, height, row, at, packed}).run
}

func (r *columnResize) run(dst, src []byte, y int) {
	dst, src = dst[:r.row], src[:r.height*r.row]
	w := r.weights[y]
	r.s.mix(&mixArgs{dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&src[r.at[y]*r.row]), stride: r.row, n: r.row,
		w: unsafe.Pointer(&w[0]), pairs: len(w) / 2})
}
