package kernel

import "unsafe"

// layout says how an instruction set wants its operands.
//
// Weights are packed in blocks of width output channels x 4 inputs, a block as
// [4/pair][width][pair], so that one vector holds pair neighbouring inputs of
// each channel. Activations are packed as elem bytes each, value ^ flip for
// one byte elements.
type layout struct {
	elem   int   // bytes of a packed activation
	flip   byte  // 0x80 where the instruction takes unsigned activations
	wElem  int   // bytes of a packed weight
	wMin   int32 // what one packed weight can hold; a merged weight outside is
	wMax   int32 // split over several blocks with the same offset
	pair   int   // inputs that one instruction sums
	mr     int   // pixels a tile
	widths []int // panel widths, widest first; all but 32 pack a block alone
	masked bool  // kernels store parts of a panel by themselves
	lanes  bool  // there are kernels with pixels in lanes, for few output channels
	join   int   // so many blocks in a row are taken at once, where not 0
	steps  bool  // block kernels walk from block to block: offsets but the first are relative, and a last 0 follows

	dense bool // there are kernels for panels that read every input of every pixel

	denseRest int // most pixels beyond whole tiles that their kernels of one pixel take

	wide *layout // for panels whose weights are mostly too large for one block; nil: none

	dwQuads  bool // depthwise convolutions are quadDW ones, else:
	dwRows   int  // input rows that are interleaved for depthwise kernels
	dwWidth  int  // channels a depthwise tile
	dwMR     int  // pixels a depthwise tile
	dwPlanes bool // dwWidth channels of all pixels of a unit lie together
	dwPairs  bool // depthwise kernels take two taps at once whose activations follow each other: joined counts them
	dwThree  bool // three groups of rows are interleaved at once
	dwSteps  bool // the same for taps of depthwise kernels
}

// maxMR is the most pixels of a block kernel's tile.
const maxMR = 8

// offset is what packing adds to every activation, as the kernels see it.
func (l *layout) offset() int32 { return int32(l.flip) }

// blockArgs is what a block kernel gets; the generated assembly knows its layout.
//
//	for each tile of mr pixels:  acc[p][c] = bias[c]
//	    for each block b:        acc[p][c] += in[px[p].in + offs[b] ...] . w[b][c]
//	        (the first joined offsets stand for layout.join blocks each)
//	    out[px[p].out + c] = requantized acc[p][c]
type blockArgs struct {
	in     unsafe.Pointer // 0: packed activations
	px     unsafe.Pointer // 8: pairs of int32 byte offsets (in, out), tiles*mr of them
	tiles  int            // 16
	offs   unsafe.Pointer // 24: joined + n int32 byte offsets, or steps
	n      int            // 32: blocks that are not joined
	w      unsafe.Pointer // 40: the blocks in the order of their offsets
	bias   unsafe.Pointer // 48: width int32
	scale  unsafe.Pointer // 56: width float32
	out    unsafe.Pointer // 64
	zero   int32          // 72
	lo     int32          // 76
	hi     int32          // 80
	hiF    float32        // 84: hi - zero
	zero2  int32          // 88: zero in both 16-bit halves
	lo4    int32          // 92: lo in all four bytes
	joined int            // 96
	mask   uint64         // 104: channels to store where the panel is not full, else 0; only where the layout is masked

	// Sliding depthwise kernels only, all in bytes but length; of these, dense ones use skip.
	pitch  int // 112: from packed row to packed row
	step   int // 120: from packed pixel to packed pixel
	skip   int // 128: from output pixel to output pixel
	length int // 136: output pixels of a strip

	// Of a panel, where kernels know more than one ending.
	tail   unsafe.Pointer // 144
	ending ending         // 152
}

func (a *blockArgs) requant(r *Requant) {
	a.zero, a.lo, a.hi = r.Zero, int32(r.Min), int32(r.Max)
	a.hiF = float32(a.hi - a.zero)
	a.zero2 = int32(uint32(uint16(a.zero)) * 0x10001)
	a.lo4 = int32(uint32(uint8(a.lo)) * 0x1010101)
}

// aligned returns n zero bytes that start on a cache line, the rest of which is
// readable too.
func aligned(n int) []byte {
	b := make([]byte, n+127)
	return align(b)[: n : n+64]
}

// align cuts b so that it starts on a cache line; it loses at most 63 bytes.
func align(b []byte) []byte {
	return b[-uintptr(unsafe.Pointer(&b[0]))&63:]
}

func int16s(b []byte) []int16 {
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}

func int8s(b []byte) []int8 {
	return unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
}

func bytesOf(b []int8) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
}
