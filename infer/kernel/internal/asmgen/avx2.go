package main

// The AVX2 kernels multiply int16 with VPMADDWD, which is exact: VPMADDUBSW
// would take bytes but saturates its 16-bit sums.
//
// General registers of all block kernels on amd64:
//
//	AX arguments   BX pixel table   CX blocks left   DX offsets   DI weights
//	SI offset of the block          R8.. one pointer a pixel of the tile

const amd64Plan = `AX args, BX pixel table, CX blocks left, DX offsets, DI weights, SI block offset,
R8 up: pointer of each pixel of the tile.`

func avx2() *file {
	f := newFile()
	avx2Blocks16(f)
	avx2Blocks8(f)
	avx2Widen(f)
	avx2Depthwise(f)
	avx2Zip(f)
	avx2Vector(f)
	avx2Add(f)
	avx2Mul(f)
	avx2Map(f)
	avx2Resize(f)
	avx2Sums(f)
	return f
}

// tileHead points R8.. to the pixels of the tile and rewinds the block list.
func tileHead(f *file, mr int) {
	f.label("tile")
	for i := range mr {
		f.p("MOVLQSX %d(BX), R%d", 8*i, 8+i)
	}
	for i := range mr {
		f.p("ADDQ %d(AX), R%d", argIn, 8+i)
	}
	f.p("MOVQ %d(AX), DI", argW)
	f.p("MOVQ %d(AX), DX", argOffs)
	f.p("MOVQ %d(AX), CX", argN)
	f.p("MOVQ %d(AX), SI", argBias)
}

// tileFoot steps to the next tile.
func tileFoot(f *file, mr int) {
	f.p("ADDQ $%d, BX", 8*mr)
	f.p("DECQ %d(AX)", argTiles)
	f.p("JNZ tile")
	f.p("VZEROUPPER")
	f.p("RET")
}

func avx2Blocks16(f *file) {
	const mr = 6
	f.text("blocks16AVX2", 8, amd64Plan+`
Y0..Y11 sums: pixel i, channels 0-7 in Y(2i), 8-15 in Y(2i+1); Y12, Y13 weights
of two inputs; Y14 two inputs of a pixel in every lane; Y15 products.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), BX", argPx)
	tileHead(f, mr)
	for i := range mr {
		f.p("VMOVDQU 0(SI), Y%d", 2*i)
		f.p("VMOVDQU 32(SI), Y%d", 2*i+1)
	}
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.label("block")
	f.p("MOVLQSX (DX), SI")
	for pair := range 2 {
		f.p("VMOVDQU %d(DI), Y12", 64*pair)
		f.p("VMOVDQU %d(DI), Y13", 64*pair+32)
		for i := range mr {
			f.p("VPBROADCASTD %d(R%d)(SI*1), Y14", 4*pair, 8+i)
			f.p("VPMADDWD Y12, Y14, Y15")
			f.p("VPADDD Y15, Y%d, Y%d", 2*i, 2*i)
			f.p("VPMADDWD Y13, Y14, Y14")
			f.p("VPADDD Y14, Y%d, Y%d", 2*i+1, 2*i+1)
		}
	}
	f.p("ADDQ $128, DI")
	f.p("ADDQ $4, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	f.label("done")
	avx2Scale(f, 2*mr, 2)
	for i := 0; i < 2*mr; i += 2 {
		f.p("VPACKSSDW Y%d, Y%d, Y%d", i+1, i, i)
		f.p("VPERMQ $0xD8, Y%d, Y%d", i, i)
		f.p("VPADDSW Y14, Y%d, Y%d", i, i)
	}
	for i := 0; i < mr; i += 2 {
		f.p("MOVLQSX %d(BX), R8", 8*i+4)
		f.p("MOVLQSX %d(BX), R9", 8*i+12)
		f.p("VPACKSSWB Y%d, Y%d, Y%d", 2*i+2, 2*i, 2*i)
		f.p("VPERMQ $0xD8, Y%d, Y%d", 2*i, 2*i)
		f.p("VPMAXSB Y15, Y%d, Y%d", 2*i, 2*i)
		f.p("VMOVDQU X%d, (DI)(R8*1)", 2*i)
		f.p("VEXTRACTI128 $1, Y%d, (DI)(R9*1)", 2*i)
	}
	tileFoot(f, mr)
}

// avx2Scale turns n registers of sums into rounded int32 without the zero
// point, not above hi; register i has the scales of vector i mod vecs. It leaves
// the zero point in the 16-bit lanes of Y14, lo in the bytes of Y15, and the
// output in DI.
func avx2Scale(f *file, n, vecs int) {
	f.p("MOVQ %d(AX), SI", argScale)
	f.p("MOVQ %d(AX), DI", argOut)
	for v := range vecs {
		f.p("VMOVUPS %d(SI), Y%d", 32*v, 12+v)
	}
	f.p("VBROADCASTSS %d(AX), Y15", argHiF)
	for i := range n {
		f.p("VCVTDQ2PS Y%d, Y%d", i, i)
		f.p("VMULPS Y%d, Y%d, Y%d", 12+i%vecs, i, i)
		f.p("VMINPS Y15, Y%d, Y%d", i, i)
		f.p("VCVTPS2DQ Y%d, Y%d", i, i)
	}
	f.p("VPBROADCASTD %d(AX), Y14", argZero2)
	f.p("VPBROADCASTD %d(AX), Y15", argLo4)
}

func avx2Blocks8(f *file) {
	const mr = 6
	f.text("blocks8AVX2", 8, amd64Plan+`
Y0..Y5 sums of the pixels; Y6..Y11 products; Y12, Y13 weights of two inputs each;
Y14, Y15 two inputs of a pixel in every lane.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), BX", argPx)
	tileHead(f, mr)
	for i := range mr {
		f.p("VMOVDQU 0(SI), Y%d", i)
	}
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.label("block")
	f.p("MOVLQSX (DX), SI")
	f.p("VMOVDQU 0(DI), Y12")
	f.p("VMOVDQU 32(DI), Y13")
	for i := range mr {
		f.p("VPBROADCASTD 0(R%d)(SI*1), Y14", 8+i)
		f.p("VPBROADCASTD 4(R%d)(SI*1), Y15", 8+i)
		f.p("VPMADDWD Y12, Y14, Y14")
		f.p("VPMADDWD Y13, Y15, Y15")
		f.p("VPADDD Y14, Y%d, Y%d", i, i)
		f.p("VPADDD Y15, Y%d, Y%d", i, i)
	}
	f.p("ADDQ $64, DI")
	f.p("ADDQ $4, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	f.label("done")
	avx2Scale(f, mr, 1)
	avx2Store8(f, mr)
	tileFoot(f, mr)
}

// avx2Widen sign-extends n >= 16 bytes; the last vector overlaps the one before.
func avx2Widen(f *file) {
	f.text("widenAVX2", 24, "DI dst, SI src, CX bytes left, at least 16; the last vector overlaps.")
	f.p("MOVQ dst+0(FP), DI")
	f.p("MOVQ src+8(FP), SI")
	f.p("MOVQ n+16(FP), CX")
	f.label("wide")
	f.p("CMPQ CX, $64")
	f.p("JLT narrow")
	for i := range 4 {
		f.p("VPMOVSXBW %d(SI), Y%d", 16*i, i)
	}
	for i := range 4 {
		f.p("VMOVDQU Y%d, %d(DI)", i, 32*i)
	}
	f.p("ADDQ $64, SI")
	f.p("ADDQ $128, DI")
	f.p("SUBQ $64, CX")
	f.p("JMP wide")
	f.label("narrow")
	f.p("CMPQ CX, $16")
	f.p("JLT tail")
	f.p("VPMOVSXBW (SI), Y0")
	f.p("VMOVDQU Y0, (DI)")
	f.p("ADDQ $16, SI")
	f.p("ADDQ $32, DI")
	f.p("SUBQ $16, CX")
	f.p("JMP narrow")
	f.label("tail")
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.p("VPMOVSXBW -16(SI)(CX*1), Y0")
	f.p("VMOVDQU Y0, -32(DI)(CX*2)")
	f.label("done")
	f.p("VZEROUPPER")
	f.p("RET")
}
