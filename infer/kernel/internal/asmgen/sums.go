package main

// Offsets of sumArgs in package kernel; its test compares them.
const (
	sumSrc    = 0
	sumN      = 8
	sumStride = 16
	sumDst    = 24
	sumSqr    = 32
	sumMask   = 40
)

// avx2Sums writes exact sums of int8 and of their squares.
func avx2Sums(f *file) {
	avx2Squares(f)
	avx2Channels(f)
	avx2Quarters(f)
}

// avx2Squares sums the squares of each cell.
func avx2Squares(f *file) {
	f.text("squaresAVX2", 8, `AX args, SI cell, CX cells left, DX bytes of a cell but for the last 1 to 16, R8 bytes to the last 16,
DI sums, R10 place in the cell. X0 sums, Y1 values, X15 which of the last 16 bytes count.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), SI", sumSrc)
	f.p("MOVQ %d(AX), CX", sumN)
	f.p("MOVQ %d(AX), R8", sumStride)
	f.p("MOVQ %d(AX), DI", sumDst)
	f.p("MOVQ %d(AX), AX", sumMask)
	f.p("VMOVDQU (AX), X15")
	f.p("LEAQ -1(R8), DX")
	f.p("ANDQ $-16, DX")
	f.p("SUBQ $16, R8")
	f.label("cell")
	f.p("VPAND (SI)(R8*1), X15, X0")
	f.p("VPMOVSXBW X0, Y0")
	f.p("VPMADDWD Y0, Y0, Y0")
	f.p("XORQ R10, R10")
	f.p("JMP more")
	f.label("vector")
	f.p("VPMOVSXBW (SI)(R10*1), Y1")
	f.p("VPMADDWD Y1, Y1, Y1")
	f.p("VPADDD Y1, Y0, Y0")
	f.p("ADDQ $16, R10")
	f.label("more")
	f.p("CMPQ R10, DX")
	f.p("JLT vector")
	f.p("VEXTRACTI128 $1, Y0, X1")
	f.p("VPADDD X1, X0, X0")
	f.p("VPSHUFD $0x4E, X0, X1")
	f.p("VPADDD X1, X0, X0")
	f.p("VPSHUFD $0xB1, X0, X1")
	f.p("VPADDD X1, X0, X0")
	f.p("VMOVD X0, (DI)")
	f.p("ADDQ $4, DI")
	f.p("LEAQ 16(SI)(R8*1), SI")
	f.p("DECQ CX")
	f.p("JNZ cell")
	f.p("VZEROUPPER")
	f.p("RET")
}

// avx2Channels sums 16 channels over pairs of cells.
func avx2Channels(f *file) {
	f.text("channelsAVX2", 8, `AX args, SI, DX cells of a pair, CX pairs left, R8 from cell to cell. Y0, Y1 sums of channels
0-3 and 8-11, 4-7 and 12-15, Y2, Y3 of squares; Y4, Y5 cells, Y6, Y7 side by side, Y8..Y11 what is added, Y15 ones.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), SI", sumSrc)
	f.p("MOVQ %d(AX), CX", sumN)
	f.p("MOVQ %d(AX), R8", sumStride)
	f.p("LEAQ (SI)(R8*1), DX")
	f.p("VPCMPEQW Y15, Y15, Y15")
	f.p("VPSRLW $15, Y15, Y15")
	for i := range 4 {
		f.p("VPXOR Y%d, Y%d, Y%d", i, i, i)
	}
	f.label("pair")
	f.p("VPMOVSXBW (SI), Y4")
	f.p("VPMOVSXBW (DX), Y5")
	f.p("VPUNPCKLWD Y5, Y4, Y6")
	f.p("VPUNPCKHWD Y5, Y4, Y7")
	for i := range 2 {
		f.p("VPMADDWD Y15, Y%d, Y%d", 6+i, 8+i)
		f.p("VPMADDWD Y%d, Y%d, Y%d", 6+i, 6+i, 10+i)
	}
	for i := range 4 {
		f.p("VPADDD Y%d, Y%d, Y%d", 8+i, i, i)
	}
	f.p("LEAQ (SI)(R8*2), SI")
	f.p("LEAQ (DX)(R8*2), DX")
	f.p("DECQ CX")
	f.p("JNZ pair")
	for i, off := range []int{sumDst, sumSqr} {
		f.p("MOVQ %d(AX), DI", off)
		f.p("VPERM2I128 $0x20, Y%d, Y%d, Y4", 2*i+1, 2*i)
		f.p("VPERM2I128 $0x31, Y%d, Y%d, Y5", 2*i+1, 2*i)
		f.p("VMOVDQU Y4, (DI)")
		f.p("VMOVDQU Y5, 32(DI)")
	}
	f.p("VZEROUPPER")
	f.p("RET")
}

// avx2Quarters blends four rows: VPMADDUBSW adds two products below 2^12.
func avx2Quarters(f *file) {
	f.text("quartersAVX2", 64, `DI dst, SI, DX, R8, R9 rows, CX bytes left, at least 32. Y0..Y3 rows, Y4, Y5 the upper two side by
side, then sums, Y6, Y7 the lower two, Y12 weights of the upper, Y13 of the lower, Y14 half, Y15 0x80.
The last vector overlaps.`)
	for i, reg := range []string{"DI", "SI", "DX", "R8", "R9", "CX"} {
		f.p("MOVQ %s+%d(FP), %s", []string{"dst", "tl", "tr", "bl", "br", "n"}[i], 8*i, reg)
	}
	for i, n := range []string{"upper+48", "lower+56"} {
		f.p("MOVQ %s(FP), AX", n)
		f.p("VMOVD AX, X%d", 12+i)
		f.p("VPBROADCASTW X%d, Y%d", 12+i, 12+i)
	}
	f.p("VPBROADCASTD flips<>(SB), Y15")
	f.p("VPCMPEQW Y14, Y14, Y14")
	f.p("VPSRLW $15, Y14, Y14")
	f.p("VPSLLW $3, Y14, Y14")
	f.label("next")
	for i, reg := range []string{"SI", "DX", "R8", "R9"} {
		f.p("VPXOR (%s), Y15, Y%d", reg, i)
	}
	for i := 0; i < 4; i += 2 {
		f.p("VPUNPCKLBW Y%d, Y%d, Y%d", i+1, i, 4+i)
		f.p("VPUNPCKHBW Y%d, Y%d, Y%d", i+1, i, 5+i)
	}
	for i := range 4 {
		f.p("VPMADDUBSW Y%d, Y%d, Y%d", 12+i/2, 4+i, 4+i)
	}
	for i := range 2 {
		f.p("VPADDW Y%d, Y%d, Y%d", 6+i, 4+i, 4+i)
		f.p("VPADDW Y14, Y%d, Y%d", 4+i, 4+i)
		f.p("VPSRLW $4, Y%d, Y%d", 4+i, 4+i)
	}
	f.p("VPACKUSWB Y5, Y4, Y4")
	f.p("VPXOR Y15, Y4, Y4")
	f.p("VMOVDQU Y4, (DI)")
	for _, reg := range []string{"DI", "SI", "DX", "R8", "R9"} {
		f.p("ADDQ $32, %s", reg)
	}
	f.p("SUBQ $32, CX")
	f.p("JZ done")
	f.p("CMPQ CX, $32")
	f.p("JGE next")
	for _, reg := range []string{"DI", "SI", "DX", "R8", "R9"} {
		f.p("LEAQ -32(%s)(CX*1), %s", reg, reg)
	}
	f.p("MOVQ $32, CX")
	f.p("JMP next")
	f.label("done")
	f.p("VZEROUPPER")
	f.p("RET")
}

const (
	opSADDW  = 0x0E601000 // 4S = 4S + 4H
	opSADDW2 = 0x4E601000
	opUMULL  = 0x2E20C000 // 8H = 8B * 8B
	opUMULL2 = 0x6E20C000
	opUMLAL  = 0x2E208000
	opUMLAL2 = 0x6E208000
	opRSHRN  = 0x0F0C8C00 // 8B from 8H, by 4
	opRSHRN2 = 0x4F0C8C00
)

// armSums is the same on arm64.
func armSums(f *file) {
	armSquares(f)
	armChannels(f)
	armQuarters(f)
}

// armAddSquares adds the squares of V4 to V0.
func armAddSquares(f *file) {
	f.op3(opSMULL, "SMULL", 4, 4, 5)
	f.op3(opSMULL2, "SMULL2", 4, 4, 6)
	f.op2(opSADALP, "SADALP", 5, 0)
	f.op2(opSADALP, "SADALP", 6, 0)
}

func armSquares(f *file) {
	f.text("squaresNEON", 8, `R0 args, R1 cell, R2 cells left, R3 bytes of a cell, R4 sums, R5 which of the last 16 bytes count,
R6 bytes of a cell but for the last 1 to 16, R7 place in the cell, R8 bytes left of R6. V0 sums, V4 values,
V5, V6 squares, V15 which of the last 16 bytes count.`)
	f.p("MOVD a+0(FP), R0")
	for i, off := range []int{sumSrc, sumN, sumStride, sumDst, sumMask} {
		f.p("MOVD %d(R0), R%d", off, 1+i)
	}
	f.p("VLD1 (R5), [V15.B16]")
	f.p("SUB $1, R3, R6")
	f.p("AND $-16, R6, R6")
	f.label("cell")
	f.p("VEOR V0.B16, V0.B16, V0.B16")
	f.p("MOVD R1, R7")
	f.p("ADD R3, R1, R1")
	f.p("SUB $16, R1, R9")
	f.p("VLD1 (R9), [V4.B16]")
	f.p("VAND V15.B16, V4.B16, V4.B16")
	armAddSquares(f)
	f.p("MOVD R6, R8")
	f.p("CBZ R8, done")
	f.label("vector")
	f.p("VLD1.P 16(R7), [V4.B16]")
	armAddSquares(f)
	f.p("SUBS $16, R8, R8")
	f.p("BNE vector")
	f.label("done")
	f.p("VADDV V0.S4, V0")
	f.p("VMOV V0.S[0], R9")
	f.p("MOVW.P R9, 4(R4)")
	f.p("SUBS $1, R2, R2")
	f.p("BNE cell")
	f.p("RET")
}

func armChannels(f *file) {
	f.text("channelsNEON", 8, `R0 args, R1 cell, R2 cells left, two at a time, R3 from cell to cell. V0..V3 sums of 16 channels,
V4..V7 of their squares, V8 cell, V9..V12 in 16 bits, squared.`)
	f.p("MOVD a+0(FP), R0")
	for i, off := range []int{sumSrc, sumN, sumStride, sumDst, sumSqr} {
		f.p("MOVD %d(R0), R%d", off, 1+i)
	}
	f.p("LSL $1, R2, R2")
	for i := range 8 {
		f.p("VEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	f.label("next")
	f.p("VLD1.P (R1)(R3), [V8.B16]")
	f.op2(opSXTL8, "SXTL", 8, 9)
	f.op2(opSXTL82, "SXTL2", 8, 10)
	f.op3(opSMULL, "SMULL", 8, 8, 11)
	f.op3(opSMULL2, "SMULL2", 8, 8, 12)
	for i := range 4 {
		f.op3(opSADDW, "SADDW", 9+i, 2*i, 2*i)
		f.op3(opSADDW2, "SADDW2", 9+i, 2*i+1, 2*i+1)
	}
	f.p("SUBS $1, R2, R2")
	f.p("BNE next")
	f.p("VST1 %s, (R4)", regs(0, 4))
	f.p("VST1 %s, (R5)", regs(4, 4))
	f.p("RET")
}

func armQuarters(f *file) {
	f.text("quartersNEON", 64, `R0 dst, R1..R4 rows, R5 bytes left, at least 16, R6, R7 weights. V0..V3 rows, V4, V5 sums,
V8..V11 weights, V15 0x80. The last vector overlaps.`)
	for i, n := range []string{"dst", "tl", "tr", "bl", "br", "n", "upper", "lower"} {
		f.p("MOVD %s+%d(FP), R%d", n, 8*i, i)
	}
	for i := range 4 {
		if i%2 == 1 {
			f.p("LSR $8, R%d, R%d", 6+i/2, 6+i/2)
		}
		f.p("VDUP R%d, V%d.B16", 6+i/2, 8+i)
	}
	f.p("MOVD $128, R8")
	f.p("VDUP R8, V15.B16")
	f.label("next")
	for i := range 4 {
		f.p("VLD1.P 16(R%d), [V%d.B16]", 1+i, i)
		f.p("VEOR V15.B16, V%d.B16, V%d.B16", i, i)
		if i == 0 {
			f.op3(opUMULL, "UMULL", 8, 0, 4)
			f.op3(opUMULL2, "UMULL2", 8, 0, 5)
			continue
		}
		f.op3(opUMLAL, "UMLAL", 8+i, i, 4)
		f.op3(opUMLAL2, "UMLAL2", 8+i, i, 5)
	}
	f.op2(opRSHRN, "RSHRN $4,", 4, 4)
	f.op2(opRSHRN2, "RSHRN2 $4,", 5, 4)
	f.p("VEOR V15.B16, V4.B16, V4.B16")
	f.p("VST1.P [V4.B16], 16(R0)")
	f.p("SUBS $16, R5, R5")
	f.p("BEQ done")
	f.p("CMP $16, R5")
	f.p("BGE next")
	f.p("SUB $16, R5, R5")
	for i := range 5 {
		f.p("ADD R5, R%d, R%d", i, i)
	}
	f.p("MOVD $16, R5")
	f.p("B next")
	f.label("done")
	f.p("RET")
}
