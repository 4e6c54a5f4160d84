package main

// Offsets of zipArgs in package kernel.
const (
	zipDst     = 0
	zipRow     = 8 // 16, 24, 32
	zipN       = 40
	zipPixels  = 48
	zipSrcStep = 56
	zipDstStep = 64
	zipMask    = 72
	zipMore    = 80 // 88, 96, 104
	zipGroup   = 112
	zipPlane   = 120
)

// avx2Depthwise writes the kernel of 8 pixels x 8 channels over pairs of rows.
func avx2Depthwise(f *file) {
	const mr = 8
	f.text("depthwiseAVX2", 8, amd64Plan+`
Y0..Y7 sums of the pixels, 8 channels each; Y12 weights of two rows; Y8..Y11 products.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), BX", argPx)
	tileHead(f, mr)
	f.p("VMOVDQU (SI), Y0")
	for i := 1; i < mr; i++ {
		f.p("VMOVDQA Y0, Y%d", i)
	}
	f.label("block")
	f.p("MOVLQSX (DX), SI")
	f.p("VMOVDQU (DI), Y12")
	for i := range mr {
		f.p("VPMADDWD (R%d)(SI*1), Y12, Y%d", 8+i, 8+i%4)
		f.p("VPADDD Y%d, Y%d, Y%d", 8+i%4, i, i)
	}
	f.p("ADDQ $32, DI")
	f.p("ADDQ $4, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	avx2Scale(f, mr, 1)
	avx2Store8(f, mr)
	tileFoot(f, mr)
}

// avx2Store8 stores mr rounded sums of 8 channels each.
func avx2Store8(f *file, mr int) {
	for i := 0; i < mr; i += 2 { // pixel i in the low half, i+1 in the high half
		f.p("VPACKSSDW Y%d, Y%d, Y%d", i+1, i, i)
		f.p("VPERMQ $0xD8, Y%d, Y%d", i, i)
		f.p("VPADDSW Y14, Y%d, Y%d", i, i)
		f.p("VPACKSSWB Y%d, Y%d, Y%d", i, i, i)
		f.p("VPMAXSB Y15, Y%d, Y%d", i, i)
		f.p("MOVLQSX %d(BX), R8", 8*i+4)
		f.p("MOVLQSX %d(BX), R9", 8*i+12)
		f.p("VEXTRACTI128 $1, Y%d, X%d", i, i+1)
		f.p("VMOVQ X%d, (DI)(R8*1)", i)
		f.p("VMOVQ X%d, (DI)(R9*1)", i+1)
	}
}

// zipHead loads the arguments of a zip kernel of n rows into R8.. and starts its
// loops over pixels and, step channels at a time, over channels (SI).
func zipHead(f *file, rows int) {
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), DI", zipDst)
	for i := range rows {
		f.p("MOVQ %d(AX), R%d", zipRow+8*i, 8+i)
	}
	f.p("MOVQ %d(AX), BX", zipPixels)
	f.label("pixel")
	f.p("XORQ SI, SI")
	f.p("MOVQ DI, DX")
	f.label("channels")
}

func zipFoot(f *file, rows, step, bytes int) {
	f.p("ADDQ $%d, DX", bytes)
	f.p("ADDQ $%d, SI", step)
	f.p("CMPQ SI, %d(AX)", zipN)
	f.p("JLT channels")
	f.p("ADDQ %d(AX), DI", zipDstStep)
	for i := range rows {
		f.p("ADDQ %d(AX), R%d", zipSrcStep, 8+i)
	}
	f.p("DECQ BX")
	f.p("JNZ pixel")
	f.p("VZEROUPPER")
	f.p("RET")
}

const zipPlan = `AX args, BX pixels left, SI channel, DX destination of the channel, DI of the
pixel, R8 up: the rows at the pixel.`

// avx2Zip writes pairs of rows as int16, 8 channels at a time.
func avx2Zip(f *file) {
	f.text("zipAVX2", 8, zipPlan)
	zipHead(f, 2)
	f.p("VMOVQ (R8)(SI*1), X0")
	f.p("VMOVQ (R9)(SI*1), X1")
	f.p("VPUNPCKLBW X1, X0, X0")
	f.p("VPMOVSXBW X0, Y0")
	f.p("VMOVDQU Y0, (DX)")
	zipFoot(f, 2, 8, 32)
}
