package main

import "fmt"

// slide is a depthwise kernel that walks along output rows: the columns of the
// window, four rows of each unpacked, stay in registers until the window has left
// them. The fifth row of a window of five is read four places and one at a time.
type slide struct {
	side   int // of the window, 3 or 5
	stride int // along the row
	pixels int // strips that are computed side by side, 64/pixels channels each
}

const slidePlan = `AX args, BX strips, CX pixels left, DI weights, biases, scales, SI pitch, R8, R9 next
column of each strip, R10, R11 fifth row at the window, R12, R13 output, R14 bytes
of a packed pixel, R15 three of them. Z0..Z19 columns of the window, four vectors
each; Z20..Z23 sums; Z24..Z28 temporary; Z29 hi - zero, Z30 zero in 16 bits, Z31 lo
in 8 bits; K1 mask.`

const (
	slideSums = 20
	slideTmp  = 24
)

// fours is how many groups of 256 bytes of weights there are.
func (k slide) fours() int { return map[int]int{3: 3, 5: 7}[k.side] }

// write writes the kernel. A tile of blockArgs is one strip a pixel: length output
// pixels in a row, px their first. Weights are followed by biases and scales.
func (k slide) write(f *file) {
	f.text(fmt.Sprintf("slide%ds%dx%dVNNI", k.side, k.stride, 64/k.pixels), 8, slidePlan)
	f.p("MOVQ a+0(FP), AX")
	f.p("KMOVQ %d(AX), K1", argMask)
	f.p("VBROADCASTSS %d(AX), Z29", argHiF)
	f.p("VPBROADCASTD %d(AX), Z30", argZero2)
	f.p("VPBROADCASTD %d(AX), Z31", argLo4)
	f.p("MOVQ %d(AX), BX", argPx)
	f.p("MOVQ %d(AX), DI", argW)
	f.p("MOVQ %d(AX), SI", argPitch)
	f.p("MOVQ %d(AX), R14", argStep)
	f.p("LEAQ (R14)(R14*2), R15")
	f.label("strip")
	k.start(f)
	f.label("pixel")
	for v := range 4 {
		f.p("VMOVDQU32 %d(DI), Z%d", 256*k.fours()+64*v, slideSums+v)
	}
	for i := range 4 * k.side {
		f.p("VPDPBUSD %d(DI), Z%d, Z%d", 64*i, i, slideSums+i%4)
	}
	k.advance(f)
	if k.side == 5 {
		k.fifthRow(f)
	}
	var scale []string
	for v := range 4 {
		scale = append(scale, fmt.Sprintf("%d(DI)", 256*(k.fours()+1)+64*v))
	}
	vnniNarrow(f, slideSums, scale, 29)
	f.p("CMPQ %d(AX), $0", argMask)
	f.p("JNZ partial")
	k.store(f, false)
	f.label("next")
	for i := range k.pixels {
		f.p("ADDQ %d(AX), R%d", argSkip, 12+i)
	}
	f.p("DECQ CX")
	f.p("JNZ pixel")
	f.p("ADDQ $%d, BX", 8*k.pixels)
	f.p("DECQ %d(AX)", argTiles)
	f.p("JNZ strip")
	f.p("VZEROUPPER")
	f.p("RET")
	f.label("partial")
	k.store(f, true)
	f.p("JMP next")
}

// start points to the first window of each strip and loads its columns.
func (k slide) start(f *file) {
	for i := range k.pixels {
		f.p("MOVLQSX %d(BX), R%d", 8*i, 8+i)
		f.p("ADDQ %d(AX), R%d", argIn, 8+i)
		f.p("MOVLQSX %d(BX), R%d", 8*i+4, 12+i)
		f.p("ADDQ %d(AX), R%d", argOut, 12+i)
		if k.side == 5 {
			f.p("LEAQ (R%d)(SI*4), R%d", 8+i, 10+i)
		}
	}
	f.p("MOVQ %d(AX), CX", argLen)
	for c := range k.side {
		k.column(f, c)
	}
}

// load reads the bytes at place, an index, of the strips' pointers from R(base) on.
func (k slide) load(f *file, base int, place string, z int) {
	if k.pixels == 1 {
		f.p("VMOVDQU32 (R%d)%s, Z%d", base, place, z)
		return
	}
	f.p("VMOVDQU32 (R%d)%s, Y%d", base, place, z)
	f.p("VINSERTI64X4 $1, (R%d)%s, Z%d, Z%d", base+1, place, z, z)
}

// column loads the next column of the window into place c, unpacked, and moves on.
// Where the window has three rows, the fourth byte is the third row again, and its
// weight is zero.
func (k slide) column(f *file, c int) {
	const t = slideTmp
	k.load(f, 8, "", t)
	k.load(f, 8, "(SI*1)", t+1)
	k.load(f, 8, "(SI*2)", t+2)
	fourth := t + 2
	if k.side == 5 {
		fourth = t + 3
		k.each(f, "ADDQ SI", 8)
		k.load(f, 8, "(SI*2)", fourth)
		k.each(f, "SUBQ SI", 8)
	}
	k.each(f, "ADDQ R14", 8)
	k.unpack(f, fourth, func(v int, op string, x, y int) {
		f.p("%s Z%d, Z%d, Z%d", op, y, x, 4*c+v)
	})
}

// each applies an instruction to the strips' pointers from R(base) on.
func (k slide) each(f *file, op string, base int) {
	for i := range k.pixels {
		f.p("%s, R%d", op, base+i)
	}
}

// unpack brings the bytes of the three temporary registers and of Z(fourth) side by
// side; last does the final step of vector v, from its two halves.
func (k slide) unpack(f *file, fourth int, last func(v int, op string, x, y int)) {
	const t = slideTmp
	f.p("VPUNPCKLBW Z%d, Z%d, Z%d", t+1, t, t+4)
	f.p("VPUNPCKHBW Z%d, Z%d, Z%d", t+1, t, t)
	f.p("VPUNPCKLBW Z%d, Z%d, Z%d", fourth, t+2, t+1)
	f.p("VPUNPCKHBW Z%d, Z%d, Z%d", fourth, t+2, t+2)
	last(0, "VPUNPCKLWD", t+4, t+1)
	last(1, "VPUNPCKHWD", t+4, t+1)
	last(2, "VPUNPCKLWD", t, t+2)
	last(3, "VPUNPCKHWD", t, t+2)
}

// advance moves the window on: columns to the left, new ones from the right.
func (k slide) advance(f *file) {
	keep := k.side - k.stride
	for i := range 4 * keep {
		f.p("VMOVDQA32 Z%d, Z%d", 4*k.stride+i, i)
	}
	for c := keep; c < k.side; c++ {
		k.column(f, c)
	}
}

// fifthRow adds the fifth row of the window: four places, then the last one four
// times, with weights for one of them only.
func (k slide) fifthRow(f *file) {
	const t = slideTmp
	for i, place := range []string{"", "(R14*1)", "(R14*2)", "(R15*1)"} {
		k.load(f, 10, place, t+i)
	}
	at := 256 * k.side
	add := func(v int, op string, x, y int) {
		f.p("%s Z%d, Z%d, Z%d", op, y, x, t+3)
		f.p("VPDPBUSD %d(DI), Z%d, Z%d", at+64*v, t+3, slideSums+v)
	}
	k.unpack(f, t+3, add)
	k.load(f, 10, "(R14*4)", t)
	at += 256
	f.p("VPUNPCKLBW Z%d, Z%d, Z%d", t, t, t+4)
	f.p("VPUNPCKHBW Z%d, Z%d, Z%d", t, t, t)
	add(0, "VPUNPCKLWD", t+4, t+4)
	add(1, "VPUNPCKHWD", t+4, t+4)
	add(2, "VPUNPCKLWD", t, t)
	add(3, "VPUNPCKHWD", t, t)
	for range k.stride {
		k.each(f, "ADDQ R14", 10)
	}
}

// store stores the pixel of each strip, all channels or those that K1 has.
func (k slide) store(f *file, masked bool) {
	const z = slideSums
	switch {
	case k.pixels == 1 && masked:
		f.p("VMOVDQU8 Z%d, K1, (R12)", z)
	case k.pixels == 1:
		f.p("VMOVDQU32 Z%d, (R12)", z)
	case masked:
		f.p("VEXTRACTI64X4 $1, Z%d, Y%d", z, z+1)
		f.p("VMOVDQU8 Y%d, K1, (R12)", z)
		f.p("VMOVDQU8 Y%d, K1, (R13)", z+1)
	default:
		f.p("VMOVDQU32 Y%d, (R12)", z)
		f.p("VEXTRACTI64X4 $1, Z%d, (R13)", z)
	}
}
