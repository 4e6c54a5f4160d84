package main

import "fmt"

// The depthwise kernels read four places of the window at a time, as they lie in
// packed rows, and bring the four bytes of each channel together in registers.

// vnniDepthwise writes the kernel of 64/pixels channels x that many pixels; each
// offset of blockArgs is one place, n counts fours of them. Unpacking works within
// lanes of 16 bytes, so vector v holds channels 4v..4v+3 of every 16; weights,
// biases and scales are packed like that, and narrowing undoes it.
func vnniDepthwise(f *file, pixels int) {
	f.text(fmt.Sprintf("depthwise%dVNNI", 64/pixels), 8, amd64Plan+`
Z0..Z3 four places, then unpacked; Z4..Z7 half unpacked; Z8..Z11 sums; Z12..Z15
biases; Z16..Z19 scales; Z26..Z28 as vnniConstants has them; K1 mask.`)
	f.p("MOVQ a+0(FP), AX")
	vnniConstants(f, 0)
	f.p("MOVQ %d(AX), SI", argBias)
	for v := range 4 {
		f.p("VMOVDQU32 %d(SI), Z%d", 64*v, 12+v)
	}
	f.p("MOVQ %d(AX), SI", argScale)
	for v := range 4 {
		f.p("VMOVUPS %d(SI), Z%d", 64*v, 16+v)
	}
	f.p("MOVQ %d(AX), BX", argPx)
	tileHead(f, pixels)
	for v := range 4 {
		f.p("VMOVDQA32 Z%d, Z%d", 12+v, 8+v)
	}
	f.label("block")
	for i := range 4 {
		f.p("MOVLQSX %d(DX), SI", 4*i)
		vnniGather(f, pixels, i)
	}
	vnniUnpack4(f)
	for v := range 4 {
		f.p("VPDPBUSD %d(DI), Z%d, Z%d", 64*v, v, 8+v)
	}
	f.p("ADDQ $256, DI")
	f.p("ADDQ $16, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	vnniNarrow(f, 8, []string{"Z16", "Z17", "Z18", "Z19"}, 26)
	f.p("MOVQ %d(AX), DI", argOut)
	f.p("CMPQ %d(AX), $0", argMask)
	f.p("JNZ partial")
	vnniStore(f, pixels, 64/pixels, 8, false)
	f.label("next")
	tileFoot(f, pixels)
	f.label("partial")
	vnniStore(f, pixels, 64/pixels, 8, true)
	f.p("JMP next")
}

// vnniGather loads 64/pixels bytes of each pixel of the tile at SI into Z(z).
func vnniGather(f *file, pixels, z int) {
	f.p("VMOVDQU32 (R8)(SI*1), %s%d", map[int]string{1: "Z", 2: "Y", 4: "X"}[pixels], z)
	insert := map[int]string{2: "VINSERTI64X4", 4: "VINSERTI32X4"}[pixels]
	for i := 1; i < pixels; i++ {
		f.p("%s $%d, (R%d)(SI*1), Z%d, Z%d", insert, i, 8+i, z, z)
	}
}

// vnniUnpack4 brings the bytes of Z0..Z3 side by side: vector v of the result, in
// Z0..Z3, holds bytes 4v..4v+3 of every lane.
func vnniUnpack4(f *file) {
	f.p("VPUNPCKLBW Z1, Z0, Z4")
	f.p("VPUNPCKHBW Z1, Z0, Z5")
	f.p("VPUNPCKLBW Z3, Z2, Z6")
	f.p("VPUNPCKHBW Z3, Z2, Z7")
	f.p("VPUNPCKLWD Z6, Z4, Z0")
	f.p("VPUNPCKHWD Z6, Z4, Z1")
	f.p("VPUNPCKLWD Z7, Z5, Z2")
	f.p("VPUNPCKHWD Z7, Z5, Z3")
}

// vnniFlipPixels copies n bytes of each pixel with the top bit inverted. It writes
// whole vectors, so up to 63 bytes behind each pixel too.
func vnniFlipPixels(f *file) {
	f.text("flipPixelsVNNI", 8, `AX args, BX pixels left, SI source and DI destination of the pixel, CX bytes
left, DX, R8 places in them; K1 the last bytes; Z31 0x80 in every byte.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), DI", zipDst)
	f.p("MOVQ %d(AX), SI", zipRow)
	f.p("MOVQ %d(AX), BX", zipPixels)
	f.p("KMOVQ %d(AX), K1", zipMask)
	f.p("MOVL $0x80808080, CX")
	f.p("VPBROADCASTD CX, Z31")
	f.label("pixel")
	f.p("MOVQ %d(AX), CX", zipN)
	f.p("MOVQ SI, DX")
	f.p("MOVQ DI, R8")
	f.label("wide")
	f.p("CMPQ CX, $64")
	f.p("JLT tail")
	f.p("VPXORD (DX), Z31, Z0")
	f.p("VMOVDQU32 Z0, (R8)")
	f.p("ADDQ $64, DX")
	f.p("ADDQ $64, R8")
	f.p("SUBQ $64, CX")
	f.p("JMP wide")
	f.label("tail")
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.p("VMOVDQU8.Z (DX), K1, Z0")
	f.p("VPXORD Z0, Z31, Z0")
	f.p("VMOVDQU32 Z0, (R8)")
	f.label("done")
	f.p("ADDQ %d(AX), SI", zipSrcStep)
	f.p("ADDQ %d(AX), DI", zipDstStep)
	f.p("DECQ BX")
	f.p("JNZ pixel")
	f.p("VZEROUPPER")
	f.p("RET")
}
