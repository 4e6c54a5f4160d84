package kernel

import "unsafe"

// sumArgs is what the kernels of sums take; asmgen knows its offsets.
type sumArgs struct {
	src    unsafe.Pointer
	n      int            // cells; channels: pairs of cells, at least one
	stride int            // bytes of a cell, at least sumsLeast
	dst    unsafe.Pointer // int32: sum of squares of each cell; channels: sums of 16 channels
	sqr    unsafe.Pointer // int32; channels: sums of their squares
	mask   unsafe.Pointer // squares: which of a cell's last 16 bytes lie behind whole vectors
}

const (
	sumsLeast = 16
	sumsMost  = 1<<17 - 2 // squares that certainly fit 32 bits together
)

// keep is 16 bytes that leave out everything, then 16 that leave out nothing.
var keep = func() (k [32]byte) {
	for i := 16; i < 32; i++ {
		k[i] = 0xff
	}
	return k
}()

// SquareSums writes the sum of the squares of each of len(dst) cells that follow each
// other in v, which holds int8. It reports false, and does nothing, where there is no
// kernel for it.
func (s *Set) SquareSums(dst []int32, v []byte) bool {
	if s.isa == isaGeneric || len(dst) == 0 {
		return false
	}
	n := len(v) / len(dst)
	if n < sumsLeast || n > sumsMost {
		return false
	}
	v = v[:n*len(dst)]
	s.squares(&sumArgs{src: unsafe.Pointer(&v[0]), n: len(dst), stride: n, dst: unsafe.Pointer(&dst[0]),
		mask: unsafe.Pointer(&keep[(n-1)%16+1])})
	return true
}

// ChannelSums writes the sum of each of len(sum) channels over the cells that follow
// each other in v, which holds int8, and of their squares. It reports false, and does
// nothing, where there is no kernel for it.
func (s *Set) ChannelSums(sum, sqr []int32, v []byte) bool {
	ch := len(sum)
	if s.isa == isaGeneric || ch < sumsLeast || len(v)/ch < 2 || len(v)/ch > sumsMost {
		return false
	}
	cells := len(v) / ch
	v, sqr = v[:cells*ch], sqr[:ch]
	for i := 0; i < ch; i += 16 {
		at := min(i, ch-16)
		s.channels(&sumArgs{src: unsafe.Pointer(&v[at]), n: cells / 2, stride: ch, dst: unsafe.Pointer(&sum[at]), sqr: unsafe.Pointer(&sqr[at])})
	}
	if cells%2 == 1 {
		for i, b := range v[(cells-1)*ch:] {
			x := int32(int8(b))
			sum[i], sqr[i] = sum[i]+x, sqr[i]+x*x
		}
	}
	return true
}
