package main

import "fmt"

// The AVX512-VNNI kernels multiply unsigned activations (value + 128) with signed
// weights by VPDPBUSD, whose 32-bit sums wrap; the packed bias holds -128 times
// the sum of the weights.

func vnni() *file {
	f := newFile()
	f.data("vnniOrder", 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
	vnniBlocks(f, "blocks16VNNI", 1)
	vnniBlocks(f, "blocks32VNNI", 2)
	vnniFlip(f)
	for pixels := 1; pixels <= 4; pixels *= 2 {
		vnniDepthwise(f, pixels)
	}
	for _, side := range []int{3, 5} {
		for stride := 1; stride <= 2; stride++ {
			for pixels := 1; pixels <= 2; pixels++ {
				slide{side, stride, pixels}.write(f)
			}
		}
	}
	vnniFlipPixels(f)
	for channels := 1; channels <= 4; channels++ {
		vnniLanes(f, channels)
	}
	vnniPlanes(f)
	vnniWeave(f)
	vnniVector(f)
	vbmiMap(f)
	return f
}

// vnniBlocks writes the kernel of vecs x 16 channels x 8 pixels.
func vnniBlocks(f *file, name string, vecs int) {
	const mr = 8
	f.text(name, 8, amd64Plan+`
Z0..Z15 sums: pixel i, vector v in Z(i*vectors+v); Z16, Z17 weights; Z18..Z25 four
inputs of a pixel in every lane; Z26..Z31 as vnniConstants has them; K1 mask.`)
	f.p("MOVQ a+0(FP), AX")
	vnniConstants(f, vecs)
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
		f.p("VMOVDQU32 %d(DI), Z%d", 64*v, 16+v)
	}
	for i := range mr {
		t := 18 + i
		f.p("VPBROADCASTD (R%d)(SI*1), Z%d", 8+i, t)
		for v := range vecs {
			f.p("VPDPBUSD Z%d, Z%d, Z%d", 16+v, t, i*vecs+v)
		}
	}
	f.p("ADDQ $%d, DI", 64*vecs)
	f.p("ADDQ $4, DX")
	f.p("DECQ CX")
	f.p("JNZ block")
	f.label("done")
	for i := 0; i < mr*vecs; i += 4 {
		var scale []string
		for j := range 4 {
			scale = append(scale, fmt.Sprintf("Z%d", 30+j%vecs))
		}
		vnniNarrow(f, i, scale, 26)
		f.p("VPERMD Z%d, Z29, Z%d", i, i)
	}
	f.p("MOVQ %d(AX), DI", argOut)
	f.p("CMPQ %d(AX), $0", argMask)
	f.p("JNZ partial")
	vnniStore(f, mr, 16*vecs, 0, false)
	f.label("next")
	tileFoot(f, mr)
	f.label("partial")
	vnniStore(f, mr, 16*vecs, 0, true)
	f.p("JMP next")
}

// vnniStore stores mr pixels of width channels, the lowest bytes of Z(z), Z(z+4),
// ... first; the masked form only the channels that K1 has.
func vnniStore(f *file, mr, width, z int, masked bool) {
	extract := map[int]string{16: "VEXTRACTI32X4", 32: "VEXTRACTI64X4"}[width]
	part := map[int]string{16: "X", 32: "Y", 64: "Z"}[width]
	for i := range mr {
		from, at := z+i/(64/width)*4, i%(64/width)
		f.p("MOVLQSX %d(BX), SI", 8*i+4)
		switch {
		case !masked && at == 0:
			f.p("VMOVDQU32 %s%d, (DI)(SI*1)", part, from)
		case !masked:
			f.p("%s $%d, Z%d, (DI)(SI*1)", extract, at, from)
		case at == 0:
			f.p("VMOVDQU8 %s%d, K1, (DI)(SI*1)", part, from)
		default:
			f.p("%s $%d, Z%d, %s%d", extract, at, from, part, from+1)
			f.p("VMOVDQU8 %s%d, K1, (DI)(SI*1)", part, from+1)
		}
	}
}

// vnniConstants loads what requantization needs: K1 the mask of the channels
// that exist, Z26 hi - zero, Z27 zero in 16 bits, Z28 lo in 8 bits, Z29 what
// brings four vectors narrowed lane by lane in order, Z30 and up scales.
func vnniConstants(f *file, scales int) {
	f.p("KMOVQ %d(AX), K1", argMask)
	f.p("VBROADCASTSS %d(AX), Z26", argHiF)
	f.p("VPBROADCASTD %d(AX), Z27", argZero2)
	f.p("VPBROADCASTD %d(AX), Z28", argLo4)
	f.p("VMOVDQU32 vnniOrder<>(SB), Z29")
	if scales > 0 {
		f.p("MOVQ %d(AX), SI", argScale)
	}
	for v := range scales {
		f.p("VMOVUPS %d(SI), Z%d", 64*v, 30+v)
	}
}

// vnniNarrow turns the sums in Z(z)..Z(z+3) into bytes of Z(z): each lane of 16
// bytes gets that lane's four of every vector. Saturation does what clamping to
// -128 and 127 would; sums that are too large for the conversion to int32 are
// stopped before, those that are too small become the least int32.
// Z(limits) up are hi - zero, zero in 16 bits and lo in 8 bits.
func vnniNarrow(f *file, z int, scale []string, limits int) {
	for i, s := range scale {
		f.p("VCVTDQ2PS Z%d, Z%d", z+i, z+i)
		f.p("VMULPS %s, Z%d, Z%d", s, z+i, z+i)
		f.p("VMINPS Z%d, Z%d, Z%d", limits, z+i, z+i)
		f.p("VCVTPS2DQ Z%d, Z%d", z+i, z+i)
	}
	for i := range 2 {
		f.p("VPACKSSDW Z%d, Z%d, Z%d", z+2*i+1, z+2*i, z+2*i)
		f.p("VPADDSW Z%d, Z%d, Z%d", limits+1, z+2*i, z+2*i)
	}
	f.p("VPACKSSWB Z%d, Z%d, Z%d", z+2, z, z)
	f.p("VPMAXSB Z%d, Z%d, Z%d", limits+2, z, z)
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
