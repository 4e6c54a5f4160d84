package main

// Offsets of Add in package kernel.
const (
	addMulA  = 0
	addMulB  = 4
	addBias  = 8
	addShift = 12
	addZero  = 16
	addMin   = 20 // int8
	addMax   = 21
)

// Offsets of Mul in package kernel.
const (
	mulZeroA = 0
	mulZeroB = 4
	mulScale = 8
	mulZero  = 12
	mulMin   = 16 // int8
	mulMax   = 17
)

const vectorPlan = `AX args, BX blocks of the panels, CX blocks left, DX offsets, DI weights,
SI block offset, R8 activations, R9 bias, R10 scale, R11 output.`

// vectorHead loads the arguments and starts the loop over panels.
func vectorHead(f *file) {
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), BX", argPx)
	f.p("MOVQ %d(AX), DX", argOffs)
	f.p("MOVQ %d(AX), DI", argW)
	f.p("MOVQ %d(AX), R8", argIn)
	f.p("MOVQ %d(AX), R9", argBias)
	f.p("MOVQ %d(AX), R10", argScale)
	f.p("MOVQ %d(AX), R11", argOut)
	f.label("panel")
	f.p("MOVLQSX (BX), CX")
}

func vectorFoot(f *file) {
	f.p("ADDQ $4, BX")
	f.p("ADDQ $64, R9")
	f.p("ADDQ $64, R10")
	f.p("ADDQ $16, R11")
	f.p("DECQ %d(AX)", argTiles)
	f.p("JNZ panel")
	f.p("VZEROUPPER")
	f.p("RET")
}

// avx2Vector writes the kernel of one vector x many panels of 16 outputs.
func avx2Vector(f *file) {
	f.text("vectorAVX2", 8, vectorPlan+`
Y0, Y1 sums of inputs 0, 1 of each block, Y2, Y3 of 2, 3; Y4..Y7 weights; Y8, Y9 activations.`)
	vectorHead(f)
	f.p("VMOVDQU (R9), Y0")
	f.p("VMOVDQU 32(R9), Y1")
	f.p("VPXOR Y2, Y2, Y2")
	f.p("VPXOR Y3, Y3, Y3")
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.label("block")
	f.p("MOVLQSX (DX), SI")
	for i := range 2 {
		f.p("VPBROADCASTD %d(R8)(SI*1), Y%d", 4*i, 8+i)
	}
	for i := range 4 {
		f.p("VPMOVSXBW %d(DI), Y%d", 16*i, 4+i)
	}
	for i := range 4 {
		f.p("VPMADDWD Y%d, Y%d, Y%d", 8+i/2, 4+i, 4+i)
		f.p("VPADDD Y%d, Y%d, Y%d", 4+i, i, i)
	}
	f.p("PREFETCHT0 1024(DI)")
	f.p("ADDQ $64, DI")
	f.p("ADDQ $4, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	f.label("done")
	f.p("VPADDD Y2, Y0, Y0")
	f.p("VPADDD Y3, Y1, Y1")
	f.p("VBROADCASTSS %d(AX), Y15", argHiF)
	for i := range 2 {
		f.p("VCVTDQ2PS Y%d, Y%d", i, i)
		f.p("VMULPS %d(R10), Y%d, Y%d", 32*i, i, i)
		f.p("VMINPS Y15, Y%d, Y%d", i, i)
		f.p("VCVTPS2DQ Y%d, Y%d", i, i)
	}
	f.p("VPBROADCASTD %d(AX), Y14", argZero2)
	f.p("VPBROADCASTD %d(AX), Y15", argLo4)
	f.p("VPACKSSDW Y1, Y0, Y0")
	f.p("VPERMQ $0xD8, Y0, Y0")
	f.p("VPADDSW Y14, Y0, Y0")
	f.p("VEXTRACTI128 $1, Y0, X1")
	f.p("VPACKSSWB X1, X0, X0")
	f.p("VPMAXSB X15, X0, X0")
	f.p("VMOVDQU X0, (R11)")
	vectorFoot(f)
}

// vnniVector is the same with VPDPBUSD.
func vnniVector(f *file) {
	f.text("vectorVNNI", 8, vectorPlan+" Z0 sums, Z1 activations.")
	vectorHead(f)
	f.p("VMOVDQU32 (R9), Z0")
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.label("block")
	f.p("MOVLQSX (DX), SI")
	f.p("VPBROADCASTD (R8)(SI*1), Z1")
	f.p("VPDPBUSD (DI), Z1, Z0")
	f.p("PREFETCHT0 1024(DI)")
	f.p("ADDQ $64, DI")
	f.p("ADDQ $4, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	f.label("done")
	f.p("VBROADCASTSS %d(AX), Z29", argHiF)
	f.p("VPBROADCASTD %d(AX), Z28", argZero)
	f.p("VPBROADCASTD %d(AX), Z27", argLo)
	f.p("VPSUBD Z28, Z27, Z27")
	f.p("VCVTDQ2PS Z0, Z0")
	f.p("VMULPS (R10), Z0, Z0")
	f.p("VMINPS Z29, Z0, Z0")
	f.p("VCVTPS2DQ Z0, Z0")
	f.p("VPMAXSD Z27, Z0, Z0")
	f.p("VPADDD Z28, Z0, Z0")
	f.p("VPMOVSDB Z0, (R11)")
	vectorFoot(f)
}

// avx2Elements begins a function of pairs of elements: its arguments, and from offsets of
// its parameters what avx2Bytes needs of the output.
func avx2Elements(f *file, zero, least, most int) {
	f.p("MOVQ dst+0(FP), DI")
	f.p("MOVQ a+8(FP), SI")
	f.p("MOVQ b+16(FP), DX")
	f.p("MOVQ n+24(FP), CX")
	f.p("MOVQ p+32(FP), AX")
	f.p("VPBROADCASTW %d(AX), Y12", zero)
	f.p("VPBROADCASTB %d(AX), X13", least)
	f.p("VPBROADCASTB %d(AX), X14", most)
}

// avx2Pairs begins its loop: 16 elements of a in Y0 and Y2, of b in Y1 and Y3.
func avx2Pairs(f *file) {
	f.label("next")
	for i := range 2 {
		f.p("VPMOVSXBD %d(SI), Y%d", 8*i, 2*i)
		f.p("VPMOVSXBD %d(DX), Y%d", 8*i, 2*i+1)
	}
}

// avx2Add writes the quantized addition of n elements, a multiple of 16.
func avx2Add(f *file) {
	f.text("addAVX2", 40, `DI dst, SI a, DX b, CX elements left, AX parameters. Y8 multiplier of a, Y9 of b,
Y10 bias, X11 shift, Y12 zero point in 16 bits, X13 least, X14 greatest value.`)
	avx2Elements(f, addZero, addMin, addMax)
	f.p("VPBROADCASTD %d(AX), Y8", addMulA)
	f.p("VPBROADCASTD %d(AX), Y9", addMulB)
	f.p("VPBROADCASTD %d(AX), Y10", addBias)
	f.p("VMOVD %d(AX), X11", addShift)
	avx2Pairs(f)
	for i := range 2 {
		f.p("VPMULLD Y8, Y%d, Y%d", 2*i, 2*i)
		f.p("VPMULLD Y9, Y%d, Y%d", 2*i+1, 2*i+1)
		f.p("VPADDD Y10, Y%d, Y%d", 2*i, 2*i)
		f.p("VPADDD Y%d, Y%d, Y%d", 2*i+1, 2*i, 2*i)
		f.p("VPSRAD X11, Y%d, Y%d", 2*i, 2*i)
	}
	avx2Bytes(f)
}

// avx2Mul writes the quantized product of n elements, a multiple of 16.
func avx2Mul(f *file) {
	f.text("mulAVX2", 40, `DI dst, SI a, DX b, CX elements left, AX parameters. Y8 zero point of a, Y9 of b,
Y10 scale, Y12 zero point in 16 bits, X13 least, X14 greatest value.`)
	avx2Elements(f, mulZero, mulMin, mulMax)
	f.p("VPBROADCASTD %d(AX), Y8", mulZeroA)
	f.p("VPBROADCASTD %d(AX), Y9", mulZeroB)
	f.p("VBROADCASTSS %d(AX), Y10", mulScale)
	avx2Pairs(f)
	for i := range 2 {
		f.p("VPSUBD Y8, Y%d, Y%d", 2*i, 2*i)
		f.p("VPSUBD Y9, Y%d, Y%d", 2*i+1, 2*i+1)
		f.p("VPMULLD Y%d, Y%d, Y%d", 2*i+1, 2*i, 2*i)
		f.p("VCVTDQ2PS Y%d, Y%d", 2*i, 2*i)
		f.p("VMULPS Y10, Y%d, Y%d", 2*i, 2*i)
		f.p("VCVTPS2DQ Y%d, Y%d", 2*i, 2*i)
	}
	avx2Bytes(f)
}

// avx2Bytes ends a loop of elements: the 16 integers of Y0 and Y2 become bytes.
func avx2Bytes(f *file) {
	f.p("VPACKSSDW Y2, Y0, Y0")
	f.p("VPERMQ $0xD8, Y0, Y0")
	f.p("VPADDSW Y12, Y0, Y0")
	f.p("VEXTRACTI128 $1, Y0, X1")
	f.p("VPACKSSWB X1, X0, X0")
	f.p("VPMAXSB X13, X0, X0")
	f.p("VPMINSB X14, X0, X0")
	f.p("VMOVDQU X0, (DI)")
	f.p("ADDQ $16, SI")
	f.p("ADDQ $16, DX")
	f.p("ADDQ $16, DI")
	f.p("SUBQ $16, CX")
	f.p("JNZ next")
	f.p("VZEROUPPER")
	f.p("RET")
}

// avx2Map writes the table lookup of n bytes, a multiple of 32. VPSHUFB looks up
// 16 entries and gives 0 where the top bit is set: x - 16*j + 0x70 saturated has
// it clear only for x in 16*j..16*j+15.
func avx2Map(f *file) {
	f.text("mapAVX2", 32, `DI dst, SI src, CX bytes left, DX table. Y0 x - 16*j, Y1 lookup, Y2 result,
Y3 entries 16*j.., Y14 0x70, Y15 0x10 in every byte.`)
	f.p("MOVQ dst+0(FP), DI")
	f.p("MOVQ src+8(FP), SI")
	f.p("MOVQ n+16(FP), CX")
	f.p("MOVQ t+24(FP), DX")
	for i, v := range []string{"0x70707070", "0x10101010"} {
		reg := 14 + i
		f.p("MOVL $%s, AX", v)
		f.p("VMOVD AX, X%d", reg)
		f.p("VPBROADCASTD X%d, Y%d", reg, reg)
	}
	f.label("next")
	f.p("VMOVDQU (SI), Y0")
	f.p("VPXOR Y2, Y2, Y2")
	for j := range 16 {
		f.p("VBROADCASTI128 %d(DX), Y3", 16*j)
		f.p("VPADDUSB Y14, Y0, Y1")
		f.p("VPSHUFB Y1, Y3, Y1")
		f.p("VPOR Y1, Y2, Y2")
		if j < 15 {
			f.p("VPSUBB Y15, Y0, Y0")
		}
	}
	f.p("VMOVDQU Y2, (DI)")
	f.p("ADDQ $32, SI")
	f.p("ADDQ $32, DI")
	f.p("SUBQ $32, CX")
	f.p("JNZ next")
	f.p("VZEROUPPER")
	f.p("RET")
}

// vbmiMap writes the table lookup of n bytes, a multiple of 64, for AVX512-VBMI:
// VPERMI2B looks up 128 entries and ignores the top bit.
func vbmiMap(f *file) {
	f.text("mapVBMI", 32, `DI dst, SI src, CX bytes left, DX table. Z0..Z3 table, Z4 x, then its lookup in the
lower half, Z5 in the upper half; K1 where the top bit is set.`)
	f.p("MOVQ dst+0(FP), DI")
	f.p("MOVQ src+8(FP), SI")
	f.p("MOVQ n+16(FP), CX")
	f.p("MOVQ t+24(FP), DX")
	for i := range 4 {
		f.p("VMOVDQU32 %d(DX), Z%d", 64*i, i)
	}
	f.label("next")
	f.p("VMOVDQU32 (SI), Z4")
	f.p("VMOVDQA32 Z4, Z5")
	f.p("VPMOVB2M Z4, K1")
	f.p("VPERMI2B Z1, Z0, Z4")
	f.p("VPERMI2B Z3, Z2, Z5")
	f.p("VMOVDQU8 Z5, K1, Z4")
	f.p("VMOVDQU32 Z4, (DI)")
	f.p("ADDQ $64, SI")
	f.p("ADDQ $64, DI")
	f.p("SUBQ $64, CX")
	f.p("JNZ next")
	f.p("VZEROUPPER")
	f.p("RET")
}
