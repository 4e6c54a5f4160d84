package kernel

import (
	"encoding/binary"
	"unsafe"
)

// Quarters blends four rows of int8 as bilinear resizing by a factor of two, or
// any whose positions are quarters, does: each of the pairs (tl, tr), (bl, br)
// by x/4, the two results by y/4, rounded half up. x and y are 0..3, all rows
// have dst's length and lie apart from it. Without a kernel it works on eight values
// at a time, four in each of two words of 16-bit lanes; values are shifted to 0..255
// so that no lane is signed.
func (s *Set) Quarters(dst, tl, tr, bl, br []int8, x, y uint64) {
	n := len(dst)
	if s.quarters(dst, tl, tr, bl, br, (4-x)*(4-y)|x*(4-y)<<8, (4-x)*y|x*y<<8) {
		return
	}
	out, a, b, c, d := raw(dst), raw(tl[:n]), raw(tr[:n]), raw(bl[:n]), raw(br[:n])
	// The weights of the four rows in sixteenths.
	wa, wb, wc, wd := (4-x)*(4-y), x*(4-y), (4-x)*y, x*y
	i := 0
	for ; i+8 <= n; i += 8 {
		p, q := binary.LittleEndian.Uint64(a[i:i+8])^bias8, binary.LittleEndian.Uint64(b[i:i+8])^bias8
		r, t := binary.LittleEndian.Uint64(c[i:i+8])^bias8, binary.LittleEndian.Uint64(d[i:i+8])^bias8
		even := (wa*(p&low8) + wb*(q&low8) + wc*(r&low8) + wd*(t&low8) + half4) >> 4 & low8
		odd := (wa*(p>>8&low8) + wb*(q>>8&low8) + wc*(r>>8&low8) + wd*(t>>8&low8) + half4) >> 4 & low8
		binary.LittleEndian.PutUint64(out[i:i+8], (even|odd<<8)^bias8)
	}
	for ; i < n; i++ {
		l := (4-int32(y))*int32(tl[i]) + int32(y)*int32(bl[i])
		r := (4-int32(y))*int32(tr[i]) + int32(y)*int32(br[i])
		dst[i] = int8(((4-int32(x))*l + int32(x)*r + 8) >> 4)
	}
}

const (
	bias8 = 0x8080808080808080
	low8  = 0x00ff00ff00ff00ff
	half4 = 0x0008000800080008
)

func raw(v []int8) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)) }
