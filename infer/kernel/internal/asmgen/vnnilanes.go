package main

import "fmt"

// Where there are few output channels, neighbouring pixels fill the lanes instead:
// four inputs of 16 pixels in a vector, the weights of a channel in every lane.

// vnniLanes writes the kernel of channels x 64 pixels; a tile of blockArgs is the
// next 64 pixels of a row, whose offsets count from the pixel before.
func vnniLanes(f *file, channels int) {
	f.text(fmt.Sprintf("lanes%dVNNI", channels), 8, `AX args, BX tiles left, CX blocks left, DX offsets, DI weights, SI block offset, R8
pixels, R9 output, R10 output of a channel. Z0.. sums: channel c, pixels 16j up in
Z(4c+j); Z16..Z19 inputs; Z20 weights; Z26..Z29 as vnniConstants has them.`)
	f.p("MOVQ a+0(FP), AX")
	vnniConstants(f, 0)
	f.p("MOVQ %d(AX), BX", argTiles)
	f.p("MOVQ %d(AX), R8", argIn)
	f.p("MOVQ %d(AX), R9", argOut)
	f.label("tile")
	f.p("MOVQ %d(AX), SI", argBias)
	for i := range 4 * channels {
		f.p("VPBROADCASTD %d(SI), Z%d", i/4*4, i)
	}
	f.p("MOVQ %d(AX), DI", argW)
	f.p("MOVQ %d(AX), DX", argOffs)
	f.p("MOVQ %d(AX), CX", argN)
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.label("block")
	f.p("MOVLQSX (DX), SI")
	for j := range 4 {
		f.p("VMOVDQU32 %d(R8)(SI*1), Z%d", 64*j, 16+j)
	}
	for c := range channels {
		f.p("VPBROADCASTD %d(DI), Z%d", 4*c, 20+c)
		for j := range 4 {
			f.p("VPDPBUSD Z%d, Z%d, Z%d", 20+c, 16+j, 4*c+j)
		}
	}
	f.p("ADDQ $%d, DI", 4*channels)
	f.p("ADDQ $4, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	f.label("done")
	f.p("MOVQ %d(AX), SI", argScale)
	f.p("MOVQ R9, R10")
	for c := range channels {
		f.p("VBROADCASTSS %d(SI), Z20", 4*c)
		vnniNarrow(f, 4*c, []string{"Z20", "Z20", "Z20", "Z20"}, 26)
		f.p("VPERMD Z%d, Z29, Z%d", 4*c, 4*c)
		f.p("VMOVDQU32 Z%d, (R10)", 4*c)
		f.p("ADDQ %d(AX), R10", argPitch)
	}
	f.p("ADDQ $256, R8")
	f.p("ADDQ $64, R9")
	f.p("DECQ BX")
	f.p("JNZ tile")
	f.p("VZEROUPPER")
	f.p("RET")
}

// vnniPlanes writes the kernel that brings pixels of 16n bytes to 4n planes of four
// bytes a pixel, the top bits inverted, 16 pixels at a time.
func vnniPlanes(f *file) {
	f.text("planesVNNI", 8, `AX args, BX sixteens of channels left, CX pixels left, SI source and DI plane of the
sixteen, R8 source, R9..R12 plane places, R13 bytes of a pixel, R14 three of them.
Z0..Z3 every fourth pixel, a lane each; Z4..Z7 half transposed; Z31 0x80 in every byte.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), DI", zipDst)
	f.p("MOVQ %d(AX), SI", zipRow)
	f.p("MOVQ %d(AX), BX", zipN)
	f.p("MOVQ %d(AX), R13", zipSrcStep)
	f.p("LEAQ (R13)(R13*2), R14")
	f.p("MOVL $0x80808080, CX")
	f.p("VPBROADCASTD CX, Z31")
	f.label("sixteen")
	f.p("MOVQ SI, R8")
	f.p("MOVQ DI, R9")
	for i := range 3 {
		f.p("MOVQ R%d, R%d", 9+i, 10+i)
		f.p("ADDQ %d(AX), R%d", zipDstStep, 10+i)
	}
	f.p("MOVQ %d(AX), CX", zipPixels)
	f.label("pixels")
	for l := range 4 {
		for i, place := range []string{"(R8)", "(R8)(R13*1)", "(R8)(R13*2)", "(R8)(R14*1)"} {
			if l == 0 {
				f.p("VMOVDQU32 %s, X%d", place, i)
				continue
			}
			f.p("VINSERTI32X4 $%d, %s, Z%d, Z%d", l, place, i, i)
		}
		f.p("LEAQ (R8)(R13*4), R8")
	}
	f.p("VPUNPCKLDQ Z1, Z0, Z4")
	f.p("VPUNPCKHDQ Z1, Z0, Z5")
	f.p("VPUNPCKLDQ Z3, Z2, Z6")
	f.p("VPUNPCKHDQ Z3, Z2, Z7")
	f.p("VPUNPCKLQDQ Z6, Z4, Z0")
	f.p("VPUNPCKHQDQ Z6, Z4, Z1")
	f.p("VPUNPCKLQDQ Z7, Z5, Z2")
	f.p("VPUNPCKHQDQ Z7, Z5, Z3")
	for i := range 4 {
		f.p("VPXORD Z%d, Z31, Z%d", i, i)
		f.p("VMOVDQU32 Z%d, (R%d)", i, 9+i)
		f.p("ADDQ $64, R%d", 9+i)
	}
	f.p("SUBQ $16, CX")
	f.p("JNZ pixels")
	f.p("ADDQ $16, SI")
	for range 4 {
		f.p("ADDQ %d(AX), DI", zipDstStep)
	}
	f.p("DECQ BX")
	f.p("JNZ sixteen")
	f.p("VZEROUPPER")
	f.p("RET")
}

// vnniWeave writes the kernel that interleaves n planes of bytes, 64 of each at a
// time. Lane l takes bytes 16l up of each plane to the n vectors of 16 bytes behind
// dst + 16nl; rows[1] holds, for each of these and each plane, where in the plane a
// byte comes from, or the top bit where it comes from another.
func vnniWeave(f *file) {
	f.text("weaveVNNI", 8, `AX args, BX bytes left of each plane, SI place in the first plane, DI destination,
R8 place in a plane, R9 tables, CX planes left, DX vectors left, R10 16n, R11 32n,
R12 48n. Z0 result, Z1 bytes of a plane, Z2 where they go.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), DI", zipDst)
	f.p("MOVQ %d(AX), SI", zipRow)
	f.p("MOVQ %d(AX), BX", zipPixels)
	f.p("MOVQ %d(AX), R10", zipN)
	f.p("SHLQ $4, R10")
	f.p("LEAQ (R10)(R10*1), R11")
	f.p("LEAQ (R10)(R10*2), R12")
	f.label("next")
	f.p("MOVQ %d(AX), R9", zipRow+8)
	f.p("MOVQ %d(AX), DX", zipN)
	f.label("vector")
	f.p("VPXORD Z0, Z0, Z0")
	f.p("MOVQ SI, R8")
	f.p("MOVQ %d(AX), CX", zipN)
	f.label("plane")
	f.p("VMOVDQU32 (R8), Z1")
	f.p("VBROADCASTI32X4 (R9), Z2")
	f.p("VPSHUFB Z2, Z1, Z1")
	f.p("VPORD Z1, Z0, Z0")
	f.p("ADDQ %d(AX), R8", zipSrcStep)
	f.p("ADDQ $16, R9")
	f.p("DECQ CX")
	f.p("JNZ plane")
	f.p("VMOVDQU32 X0, (DI)")
	f.p("VEXTRACTI32X4 $1, Z0, (DI)(R10*1)")
	f.p("VEXTRACTI32X4 $2, Z0, (DI)(R11*1)")
	f.p("VEXTRACTI32X4 $3, Z0, (DI)(R12*1)")
	f.p("ADDQ $16, DI")
	f.p("DECQ DX")
	f.p("JNZ vector")
	f.p("ADDQ R12, DI")
	f.p("ADDQ $64, SI")
	f.p("SUBQ $64, BX")
	f.p("JNZ next")
	f.p("VZEROUPPER")
	f.p("RET")
}
