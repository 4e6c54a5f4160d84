package main

// The AVX512-VNNI kernels multiply unsigned activations (value + 128) with signed
// weights by VPDPBUSD, whose 32-bit sums wrap; the packed bias holds -128 times
// the sum of the weights.

func vnni() *file {
	f := newFile()
	vnniBlocks(f, "blocks16VNNI", 1)
	vnniBlocks(f, "blocks32VNNI", 2)
	vnniFlip(f)
	vnniDepthwise(f)
	vnniZip(f)
	vnniVector(f)
	return f
}

// vnniBlocks writes the kernel of vecs x 16 channels x 8 pixels.
func vnniBlocks(f *file, name string, vecs int) {
	const mr = 8
	f.text(name, 8, amd64Plan+`
Z0.. sums: pixel i, vector v in Z(i*vectors+v); Z30, Z31 weights; Z16..Z29 four
inputs of a pixel in every lane.`)
	f.p("MOVQ a+0(FP), AX")
	f.p("MOVQ %d(AX), BX", argPx)
	tileHead(f, mr)
	for i := range mr {
		for v := range vecs {
			f.p("VMOVDQU32 %d(SI), Z%d", 64*v, i*vecs+v)
		}
	}
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.label("block")
	f.p("MOVLQSX (DX), SI")
	for v := range vecs {
		f.p("VMOVDQU32 %d(DI), Z%d", 64*v, 30+v)
	}
	for i := range mr {
		t := 16 + i
		f.p("VPBROADCASTD (R%d)(SI*1), Z%d", 8+i, t)
		for v := range vecs {
			f.p("VPDPBUSD Z%d, Z%d, Z%d", 30+v, t, i*vecs+v)
		}
	}
	f.p("ADDQ $%d, DI", 64*vecs)
	f.p("ADDQ $4, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	f.label("done")
	vnniScale(f, mr*vecs, vecs)
	for i := range mr {
		f.p("MOVLQSX %d(BX), SI", 8*i+4)
		for v := range vecs {
			f.p("VPMOVSDB Z%d, %d(DI)(SI*1)", i*vecs+v, 16*v)
		}
	}
	tileFoot(f, mr)
}

// vnniScale turns n registers of sums into int32 results in range; it leaves the
// output in DI.
func vnniScale(f *file, n, vecs int) {
	f.p("MOVQ %d(AX), SI", argScale)
	f.p("MOVQ %d(AX), DI", argOut)
	for v := range vecs {
		f.p("VMOVUPS %d(SI), Z%d", 64*v, 30+v)
	}
	f.p("VBROADCASTSS %d(AX), Z29", argHiF)
	f.p("VPBROADCASTD %d(AX), Z28", argZero)
	f.p("VPBROADCASTD %d(AX), Z27", argLo)
	f.p("VPSUBD Z28, Z27, Z27 // lo - zero, so that adding cannot wrap")
	for i := range n {
		f.p("VCVTDQ2PS Z%d, Z%d", i, i)
		f.p("VMULPS Z%d, Z%d, Z%d", 30+i%vecs, i, i)
		f.p("VMINPS Z29, Z%d, Z%d", i, i)
		f.p("VCVTPS2DQ Z%d, Z%d", i, i)
		f.p("VPMAXSD Z27, Z%d, Z%d", i, i)
		f.p("VPADDD Z28, Z%d, Z%d", i, i)
	}
}

// vnniFlip inverts the top bit of n >= 64 bytes; the last vector overlaps the
// one before, from src again, so dst must not be src.
func vnniFlip(f *file) {
	f.text("flipVNNI", 24, "DI dst, SI src, CX bytes left, at least 64; Z31 0x80 in every byte.")
	f.p("MOVQ dst+0(FP), DI")
	f.p("MOVQ src+8(FP), SI")
	f.p("MOVQ n+16(FP), CX")
	f.p("MOVL $0x80808080, AX")
	f.p("VPBROADCASTD AX, Z31")
	f.label("wide")
	f.p("CMPQ CX, $64")
	f.p("JLT tail")
	f.p("VPXORD (SI), Z31, Z0")
	f.p("VMOVDQU32 Z0, (DI)")
	f.p("ADDQ $64, SI")
	f.p("ADDQ $64, DI")
	f.p("SUBQ $64, CX")
	f.p("JMP wide")
	f.label("tail")
	f.p("TESTQ CX, CX")
	f.p("JZ done")
	f.p("VPXORD -64(SI)(CX*1), Z31, Z0")
	f.p("VMOVDQU32 Z0, -64(DI)(CX*1)")
	f.label("done")
	f.p("VZEROUPPER")
	f.p("RET")
}
