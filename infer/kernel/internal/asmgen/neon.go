package main

import "fmt"

// The kernels for cores without dot product: SMULL and SMLAL sum two products of
// bytes in 16 bits, which is exact because packed weights lie in -127..127
// (2*127*128 < 2^15); SADALP adds neighbouring lanes to 32 bits. A block is
// [2][channels][2]: V16.. inputs 0, 1 of the channels, then inputs 2, 3. V24..V27
// pairs of activations in all lanes, V28..V30 products, V31 the magic number.

const neonMR = 4

func neon() *file {
	f := neonBytes()
	armBlocks(f, "wide16NEON", armTile{highSums, neonMR, 4}, false, neonWide, neonWidePair)
	armBlocks(f, "wide8NEON", armTile{highSums, neonMR, 2}, false, neonWide, neonWidePair)
	return f
}

// neonWide adds a block of 16-bit weights, [4][channels]: V0..V3 activations of
// the pixels, V4.. weights.
func neonWide(f *file, nv int) {
	for i := range neonMR {
		f.p("FMOVS (R%d)(R14), F%d", 8+i, i)
		f.op2(opSXTL8, "SXTL", i, i)
	}
	neonWideHalf(f, nv, 0)
}

// neonWidePair adds two blocks that follow each other.
func neonWidePair(f *file, nv int) {
	for i := range neonMR {
		f.p("FMOVD (R%d)(R14), F%d", 8+i, i)
		f.op2(opSXTL8, "SXTL", i, i)
	}
	neonWideHalf(f, nv, 0)
	neonWideHalf(f, nv, 4)
}

// neonWideHalf adds the products of activations first..first+3.
func neonWideHalf(f *file, nv, first int) {
	for k := 0; k < 4; k += 2 {
		f.p("VLD1.P %d(R5), %s", 16*nv, regs(4, nv))
		for i := range neonMR {
			for j := range nv { // two inputs of nv/2 vectors of eight channels
				acc := 16 + i*nv + 2*(j%(nv/2))
				f.mlaElem(opSMLALH, "SMLAL", i, first+k+j/(nv/2), 4+j, acc)
				f.mlaElem(opSMLALH2, "SMLAL2", i, first+k+j/(nv/2), 4+j, acc+1)
			}
		}
	}
}

// mlaElem is SMLAL of Vn and 16-bit element k of Vm, k < 8, m < 16, to Vd.
func (f *file) mlaElem(op uint32, name string, m, k, n, d int) {
	h, l, b := uint32(k>>2), uint32(k>>1&1), uint32(k&1)
	f.word(op|l<<21|b<<20|uint32(m)<<16|h<<11|uint32(n)<<5|uint32(d), "%s V%d.H[%d], V%d, V%d", name, m, k, n, d)
}

func neonBytes() *file {
	return arm(armISA{
		name:    "NEON",
		mr:      neonMR,
		steps:   true,
		sums:    keptSums,
		dwSums:  keptSums,
		block:   func(f *file, nv int) { neonOne(f, neonMR, nv, "(R14)") },
		joined:  func(f *file, nv int) { neonPair(f, neonMR, nv, "(R14)") },
		dense:   neonDense,
		rest:    neonRest,
		dwMR:    neonDW,
		rows:    neonRows,
		rowPair: neonRowPair,
		nextTo:  neonNextTo,
		vector: func(f *file) { // V24..V27 weights, V28 activations
			f.p("VDUP V28.H[1], V29.H8")
			f.p("VDUP V28.H[0], V28.H8")
			neonDot(f, 0, 4, 24, 28, 30)
		},
		zip: func(f *file) {
			armZip(f, "zipNEON", 2, 1)
			armZip(f, "zipThreeNEON", 2, 3)
		},
	})
}

// neonOne adds a block and moves the pixels on.
func neonOne(f *file, mr, nv int, step string) {
	f.p("VLD1.P %d(R5), %s", 16*nv, regs(16, nv))
	for i := range mr {
		f.p("VLD2R.P "+neonStep(4, step)+", [V24.H8, V25.H8]", 8+i)
		neonDot(f, i*nv, nv, 16, 24, 28)
	}
}

// neonPair adds two blocks that follow each other and moves the pixels on.
func neonPair(f *file, mr, nv int, step string) {
	f.p("VLD1.P %d(R5), %s", 16*nv, regs(16, nv))
	f.p("VLD1.P %d(R5), %s", 16*nv, regs(20, nv))
	for i := range mr {
		f.p("VLD4R.P "+neonStep(8, step)+", [V24.H8, V25.H8, V26.H8, V27.H8]", 8+i)
		neonDot(f, i*nv, nv, 16, 24, 28)
		neonDot(f, i*nv, nv, 20, 26, 28)
	}
}

// neonStep is the address of register %d, which moves by a register, or by n.
func neonStep(n int, register string) string {
	if register == "" {
		return fmt.Sprintf("%d(R%%d)", n)
	}
	return "(R%d)" + register
}

// neonDense adds four blocks.
func neonDense(f *file, mr, nv int) {
	neonPair(f, mr, nv, "")
	neonPair(f, mr, nv, "")
}

// neonRest adds two blocks and one.
func neonRest(f *file, mr, nv int) {
	f.p("TBZ $1, R2, one")
	neonPair(f, mr, nv, "")
	f.p("TBZ $0, R2, done")
	f.label("one")
	neonOne(f, mr, nv, "")
}

// neonDot adds the block in Vw.. times the activations in Va, Va+1 to Vacc.., by
// products in Vp.. or V30 and Vp+1.
func neonDot(f *file, acc, nv, w, a, p int) {
	for j := range nv / 2 {
		lo, hi, q := w+j, w+nv/2+j, min(p+2*j, 30)
		f.op3(opSMULL, "SMULL", a, lo, q)
		f.op3(opSMULL2, "SMULL2", a, lo, p+1)
		f.op3(opSMLAL, "SMLAL", a+1, hi, q)
		f.op3(opSMLAL2, "SMLAL2", a+1, hi, p+1)
		f.op2(opSADALP, "SADALP", q, acc+2*j)
		f.op2(opSADALP, "SADALP", p+1, acc+2*j+1)
	}
}

// neonDW pixels leave registers for the weights and activations of two taps.
const neonDW = 5

// neonRows adds a tap of two rows: V20, V21 weights, V24, V25 activations.
func neonRows(f *file) {
	f.p("VLD1.P 32(R5), %s", regs(20, 2))
	for i := range neonDW {
		f.p("VLD1.P (R%d)(R14), %s", 8+i, regs(24, 2))
		for j := range 2 {
			q := 28 + 2*j
			f.op3(opSMULL, "SMULL", 24+j, 20+j, q)
			f.op3(opSMULL2, "SMULL2", 24+j, 20+j, 29)
			f.op2(opSADALP, "SADALP", q, i*4+2*j)
			f.op2(opSADALP, "SADALP", 29, i*4+2*j+1)
		}
	}
}

// neonRowPair adds two taps: their products fit 16 bits together, too.
func neonRowPair(f *file) {
	f.p("MOVW.P 4(R7), R14")
	f.p("MOVW.P 4(R7), R15")
	f.p("VLD1.P 64(R5), %s", regs(20, 4))
	for i := range neonDW {
		f.p("VLD1.P (R%d)(R14), %s", 8+i, regs(24, 2))
		f.p("VLD1.P (R%d)(R15), %s", 8+i, regs(26, 2))
		neonTwoTaps(f, i)
	}
}

// neonNextTo adds two taps whose activations follow each other.
func neonNextTo(f *file) {
	f.p("VLD1.P 64(R5), %s", regs(20, 4))
	for i := range neonDW {
		f.p("VLD1.P (R%d)(R14), %s", 8+i, regs(24, 4))
		neonTwoTaps(f, i)
	}
}

// neonTwoTaps adds the taps in V24, V25 and V26, V27 to pixel i's sums.
func neonTwoTaps(f *file, i int) {
	for j := range 2 {
		q := 28 + 2*j
		f.op3(opSMULL, "SMULL", 24+j, 20+j, q)
		f.op3(opSMULL2, "SMULL2", 24+j, 20+j, 29)
		f.op3(opSMLAL, "SMLAL", 26+j, 22+j, q)
		f.op3(opSMLAL2, "SMLAL2", 26+j, 22+j, 29)
		f.op2(opSADALP, "SADALP", q, i*4+2*j)
		f.op2(opSADALP, "SADALP", 29, i*4+2*j+1)
	}
}
