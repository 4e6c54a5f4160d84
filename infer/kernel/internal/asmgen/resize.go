package main

// Offsets of rowArgs and mixArgs in package kernel; its test compares them.
const (
	rowDst    = 0
	rowSrc    = 8
	rowGroups = 16
	rowN      = 24
	rowW      = 32
	rowBlocks = 40
	rowOrders = 48

	mixDst    = 0
	mixSrc    = 8
	mixStride = 16
	mixN      = 24
	mixW      = 32
	mixPairs  = 40
)

// rowGroup is the size of a group of four pixels: where each begins in the source,
// and where the first one lies in the output.
const rowGroup = 20

// avx2Resize writes the kernels that resize pictures: sums of bytes times weights of
// 14 fraction bits, two of which VPMADDWD adds exactly.
func avx2Resize(f *file) {
	f.data("halves", 1<<13)
	f.data("flips", 0x80808080)
	f.data("threes", 0x04020100, 0x09080605, 0x0E0D0C0A, 0x80808080)
	avx2RowRGB(f)
	avx2RowGray(f)
	avx2Mix(f)
}

const rowPlan = `AX args, BX groups, CX blocks left, DX weights, DI dst, SI src, R8 blocks,
R9 groups left, R10..R13 pixels of the group.`

// avx2RowHead loads the arguments and points R10..R13 to a group's pixels.
func avx2RowHead(f *file) {
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), DI", rowDst)
	f.p("MOVQ %d(AX), SI", rowSrc)
	f.p("MOVQ %d(AX), BX", rowGroups)
	f.p("MOVQ %d(AX), R9", rowN)
	f.p("MOVQ %d(AX), DX", rowW)
	f.p("MOVQ %d(AX), R8", rowBlocks)
	f.p("MOVQ %d(AX), AX", rowOrders)
}

func avx2RowPixels(f *file) {
	f.label("group")
	for i := range 4 {
		f.p("MOVLQSX %d(BX), R%d", 4*i, 10+i)
		f.p("ADDQ SI, R%d", 10+i)
	}
	f.p("MOVQ R8, CX")
}

func avx2RowBlockEnd(f *file, step int) {
	f.p("ADDQ $128, DX")
	for i := range 4 {
		f.p("ADDQ $%d, R%d", step, 10+i)
	}
	f.p("DECQ CX")
	f.p("JNZ block")
}

func avx2RowEnd(f *file) {
	f.p("ADDQ $%d, BX", rowGroup)
	f.p("DECQ R9")
	f.p("JNZ group")
	f.p("VZEROUPPER")
	f.p("RET")
}

func avx2RowRGB(f *file) {
	f.text("rowRGBAVX2", 8, rowPlan+`
Y0 sums of pixels 0, 1, Y1 of 2, 3; Y2, Y3 four source pixels of each, Y4..Y7 channels of two
of them side by side; Y12 order of the result, Y13 half, Y14, Y15 orders of source pixels 0, 1 and 2, 3.`)
	avx2RowHead(f)
	f.p("VMOVDQU threes<>(SB), X12")
	f.p("VPBROADCASTD halves<>(SB), Y13")
	f.p("VBROADCASTI128 0(AX), Y14")
	f.p("VBROADCASTI128 16(AX), Y15")
	avx2RowPixels(f)
	f.p("VMOVDQU Y13, Y0")
	f.p("VMOVDQU Y13, Y1")
	f.label("block")
	for h := range 2 {
		f.p("VMOVDQU (R%d), X%d", 10+2*h, 2+h)
		f.p("VINSERTI128 $1, (R%d), Y%d, Y%d", 11+2*h, 2+h, 2+h)
	}
	for i := range 4 {
		f.p("VPSHUFB Y%d, Y%d, Y%d", 14+i%2, 2+i/2, 4+i)
		f.p("VPMADDWD %d(DX), Y%d, Y%d", 32*i, 4+i, 4+i)
		f.p("VPADDD Y%d, Y%d, Y%d", 4+i, i/2, i/2)
	}
	avx2RowBlockEnd(f, 12)
	for i := range 2 {
		f.p("VPSRAD $14, Y%d, Y%d", i, i)
	}
	f.p("VPACKSSDW Y1, Y0, Y0")
	f.p("VPACKUSWB Y0, Y0, Y0")
	f.p("VEXTRACTI128 $1, Y0, X1")
	f.p("VPUNPCKLDQ X1, X0, X0")
	f.p("VPSHUFB X12, X0, X0")
	f.p("MOVLQSX 16(BX), R10")
	f.p("VMOVQ X0, (DI)(R10*1)")
	f.p("VPEXTRD $2, X0, 8(DI)(R10*1)")
	avx2RowEnd(f)
}

func avx2RowGray(f *file) {
	f.text("rowGrayAVX2", 8, rowPlan+`
Y0..Y3 sums of the four pixels, Y4..Y7 sixteen source pixels of each, X13 half.`)
	avx2RowHead(f)
	f.p("VPBROADCASTD halves<>(SB), X13")
	avx2RowPixels(f)
	for i := range 4 {
		f.p("VPXOR Y%d, Y%d, Y%d", i, i, i)
	}
	f.label("block")
	for i := range 4 {
		f.p("VPMOVZXBW (R%d), Y%d", 10+i, 4+i)
		f.p("VPMADDWD %d(DX), Y%d, Y%d", 32*i, 4+i, 4+i)
		f.p("VPADDD Y%d, Y%d, Y%d", 4+i, i, i)
	}
	avx2RowBlockEnd(f, 16)
	f.p("VPHADDD Y1, Y0, Y0")
	f.p("VPHADDD Y3, Y2, Y2")
	f.p("VPHADDD Y2, Y0, Y0")
	f.p("VEXTRACTI128 $1, Y0, X1")
	f.p("VPADDD X1, X0, X0")
	f.p("VPADDD X13, X0, X0")
	f.p("VPSRAD $14, X0, X0")
	f.p("VPACKSSDW X0, X0, X0")
	f.p("VPACKUSWB X0, X0, X0")
	f.p("MOVLQSX 16(BX), R10")
	f.p("VMOVD X0, (DI)(R10*1)")
	avx2RowEnd(f)
}

func avx2Mix(f *file) {
	f.text("mixAVX2", 8, `AX args, DI dst, SI src, CX bytes left, at least 32, DX weights, R8 from row to row, R9 pairs of rows,
R10, R11 rows of a pair, R12 its weights, R13 pairs left. Y0..Y3 sums, Y4..Y7 rows, Y8 weights,
Y9..Y12 rows side by side, Y14 half, Y15 0x80. The last vector overlaps.`)
	f.p("MOVQ a+0(FP), AX")
	for _, a := range []struct {
		off int
		reg string
	}{{mixDst, "DI"}, {mixSrc, "SI"}, {mixN, "CX"}, {mixW, "DX"}, {mixStride, "R8"}, {mixPairs, "R9"}} {
		f.p("MOVQ %d(AX), %s", a.off, a.reg)
	}
	f.p("VPBROADCASTD halves<>(SB), Y14")
	f.p("VPBROADCASTD flips<>(SB), Y15")
	f.label("next")
	for i := range 4 {
		f.p("VMOVDQU Y14, Y%d", i)
	}
	f.p("MOVQ SI, R10")
	f.p("LEAQ (SI)(R8*1), R11")
	f.p("MOVQ DX, R12")
	f.p("MOVQ R9, R13")
	f.label("pair")
	f.p("VPBROADCASTD (R12), Y8")
	for i := range 2 {
		f.p("VPMOVZXBW %d(R10), Y%d", 16*i, 4+i)
		f.p("VPMOVZXBW %d(R11), Y%d", 16*i, 6+i)
		f.p("VPUNPCKLWD Y%d, Y%d, Y%d", 6+i, 4+i, 9+2*i)
		f.p("VPUNPCKHWD Y%d, Y%d, Y%d", 6+i, 4+i, 10+2*i)
	}
	for i := range 4 {
		f.p("VPMADDWD Y8, Y%d, Y%d", 9+i, 9+i)
		f.p("VPADDD Y%d, Y%d, Y%d", 9+i, i, i)
	}
	f.p("LEAQ (R10)(R8*2), R10")
	f.p("LEAQ (R11)(R8*2), R11")
	f.p("ADDQ $4, R12")
	f.p("DECQ R13")
	f.p("JNZ pair")
	for i := range 4 {
		f.p("VPSRAD $14, Y%d, Y%d", i, i)
	}
	f.p("VPACKSSDW Y1, Y0, Y0")
	f.p("VPACKSSDW Y3, Y2, Y2")
	f.p("VPACKUSWB Y2, Y0, Y0")
	f.p("VPERMQ $0xD8, Y0, Y0")
	f.p("VPXOR Y15, Y0, Y0")
	f.p("VMOVDQU Y0, (DI)")
	f.p("ADDQ $32, SI")
	f.p("ADDQ $32, DI")
	f.p("SUBQ $32, CX")
	f.p("JZ done")
	f.p("CMPQ CX, $32")
	f.p("JGE next")
	f.p("LEAQ -32(SI)(CX*1), SI")
	f.p("LEAQ -32(DI)(CX*1), DI")
	f.p("MOVQ $32, CX")
	f.p("JMP next")
	f.label("done")
	f.p("VZEROUPPER")
	f.p("RET")
}

const (
	opSMLAL16   = 0x0E608000 // 4S += 4H * 4H
	opSMLAL162  = 0x4E608000
	opADDP      = 0x4EA0BC00 // 4S
	opSQRSHRUN  = 0x2F128C00 // 4H unsigned from 4S, by 14
	opSQRSHRUN2 = 0x6F128C00
	opUQXTN     = 0x2E214800 // 8B from 8H
	opUQXTN2    = 0x6E214800
)

// armResize is the same on arm64, where a narrowing shift rounds and clamps.
func armResize(f *file) {
	armRowRGB(f)
	armRowGray(f)
	armMix(f)
}

const armRowPlan = `R0 args, R1 dst, R2 src, R3 groups, R4 groups left, R5 weights, R6 blocks, R7 orders,
R8..R11 pixels of the group, R12 blocks left, R13 bytes of a block.`

func armRowHead(f *file) {
	f.p("MOVD a+0(FP), R0")
	for i, off := range []int{rowDst, rowSrc, rowGroups, rowN, rowW, rowBlocks, rowOrders} {
		f.p("MOVD %d(R0), R%d", off, 1+i)
	}
}

func armRowPixels(f *file) {
	f.label("group")
	for i := range 4 {
		f.p("MOVW %d(R3), R%d", 4*i, 8+i)
		f.p("ADD R2, R%d, R%d", 8+i, 8+i)
	}
	for i := range 4 {
		f.p("VEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	f.p("MOVD R6, R12")
	f.label("block")
}

func armRowEnd(f *file) {
	f.p("ADD $%d, R3, R3", rowGroup)
	f.p("SUBS $1, R4, R4")
	f.p("BNE group")
	f.p("RET")
}

func armRowRGB(f *file) {
	f.text("rowRGBNEON", 8, armRowPlan+`
V0..V3 sums of the four pixels, V4 four source pixels of one, V5, V6 the same in 16 bits, V8, V9 weights,
V16 order of source pixels, V17 of the result.`)
	armRowHead(f)
	f.p("MOVD $12, R13")
	f.p("VLD1 (R7), [V16.B16, V17.B16]")
	armRowPixels(f)
	f.p("VLD1.P 32(R5), [V8.B16, V9.B16]")
	for i := range 4 {
		f.p("VLD1.P (R%d)(R13), [V4.B16]", 8+i)
		f.p("VTBL V16.B16, [V4.B16], V4.B16")
		f.p("VUXTL V4.B8, V5.H8")
		f.p("VUXTL2 V4.B16, V6.H8")
		for tap := range 4 {
			op, name := uint32(opSMLALH), "SMLAL"
			if tap%2 == 1 {
				op, name = opSMLALH2, "SMLAL2"
			}
			f.mlaElem(op, name, 8+i/2, i%2*4+tap, 5+tap/2, i)
		}
	}
	f.p("SUBS $1, R12, R12")
	f.p("BNE block")
	armRound(f)
	f.p("VTBL V17.B16, [V4.B16], V4.B16")
	f.p("MOVW 16(R3), R8")
	f.p("ADD R1, R8, R8")
	f.p("VST1.P [V4.B8], 8(R8)")
	f.p("VMOV V4.S[2], R9")
	f.p("MOVW R9, (R8)")
	armRowEnd(f)
}

// armRound rounds V0..V3 to the bytes of V4.
func armRound(f *file) {
	for i := 0; i < 4; i += 2 {
		f.op2(opSQRSHRUN, "SQRSHRUN $14,", i, i)
		f.op2(opSQRSHRUN2, "SQRSHRUN2 $14,", i+1, i)
	}
	f.op2(opUQXTN, "UQXTN", 0, 4)
	f.op2(opUQXTN2, "UQXTN2", 2, 4)
}

func armRowGray(f *file) {
	f.text("rowGrayNEON", 8, armRowPlan+`
V0..V3 sums of the four pixels, V4 sixteen source pixels of one, V5, V6 the same in 16 bits, V8, V9 weights.`)
	armRowHead(f)
	armRowPixels(f)
	for i := range 4 {
		f.p("VLD1.P 16(R%d), [V4.B16]", 8+i)
		f.p("VLD1.P 32(R5), [V8.B16, V9.B16]")
		f.p("VUXTL V4.B8, V5.H8")
		f.p("VUXTL2 V4.B16, V6.H8")
		for h := range 2 {
			f.op3(opSMLAL16, "SMLAL", 8+h, 5+h, i)
			f.op3(opSMLAL162, "SMLAL2", 8+h, 5+h, i)
		}
	}
	f.p("SUBS $1, R12, R12")
	f.p("BNE block")
	f.op3(opADDP, "ADDP", 1, 0, 0)
	f.op3(opADDP, "ADDP", 3, 2, 2)
	f.op3(opADDP, "ADDP", 2, 0, 0)
	f.op2(opSQRSHRUN, "SQRSHRUN $14,", 0, 0)
	f.op2(opUQXTN, "UQXTN", 0, 0)
	f.p("MOVW 16(R3), R8")
	f.p("VMOV V0.S[0], R9")
	f.p("MOVW R9, (R1)(R8)")
	armRowEnd(f)
}

func armMix(f *file) {
	f.text("mixNEON", 8, `R0 args, R1 dst, R2 src, R3 from row to row, R4 bytes left, at least 16, R5 weights, R6 pairs of rows,
R8 row, R9 weights, R10 rows left. V0..V3 sums, V4 row, V5, V6 the same in 16 bits, V8 weight, V15 0x80.
The last vector overlaps.`)
	f.p("MOVD a+0(FP), R0")
	for i, off := range []int{mixDst, mixSrc, mixStride, mixN, mixW, mixPairs} {
		f.p("MOVD %d(R0), R%d", off, 1+i)
	}
	f.p("LSL $1, R6, R6")
	f.p("MOVD $128, R7")
	f.p("VDUP R7, V15.B16")
	f.label("next")
	for i := range 4 {
		f.p("VEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	f.p("MOVD R2, R8")
	f.p("MOVD R5, R9")
	f.p("MOVD R6, R10")
	f.label("row")
	f.p("VLD1.P (R8)(R3), [V4.B16]")
	f.p("VLD1R.P 2(R9), [V8.H8]")
	f.p("VUXTL V4.B8, V5.H8")
	f.p("VUXTL2 V4.B16, V6.H8")
	for h := range 2 {
		f.op3(opSMLAL16, "SMLAL", 8, 5+h, 2*h)
		f.op3(opSMLAL162, "SMLAL2", 8, 5+h, 2*h+1)
	}
	f.p("SUBS $1, R10, R10")
	f.p("BNE row")
	armRound(f)
	f.p("VEOR V15.B16, V4.B16, V4.B16")
	f.p("VST1.P [V4.B16], 16(R1)")
	f.p("ADD $16, R2, R2")
	f.p("SUBS $16, R4, R4")
	f.p("BEQ done")
	f.p("CMP $16, R4")
	f.p("BGE next")
	f.p("SUB $16, R4, R4")
	f.p("ADD R4, R1, R1")
	f.p("ADD R4, R2, R2")
	f.p("MOVD $16, R4")
	f.p("B next")
	f.label("done")
	f.p("RET")
}
