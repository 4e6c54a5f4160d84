package main

// The kernels for cores without dot product: SMULL and SMLAL sum two products of
// bytes in 16 bits, which is exact because packed weights lie in -127..127
// (2*127*128 < 2^15); SADALP adds neighbouring lanes to 32 bits. A block is
// [2][channels][2]: V24.. inputs 0, 1 of the channels, then inputs 2, 3.
// V28, V29 activations; V30, V31 products.

func neon() *file {
	f := neonBytes()
	armBlocks(f, "wide16NEON", armTile{highSums, dwMR, 4}, neonWide, nil)
	armBlocks(f, "wide8NEON", armTile{highSums, dwMR, 2}, neonWide, nil)
	return f
}

// neonWide adds a block of 16-bit weights, [4][channels]: V0..V5 activations of
// the pixels, V6, V7 weights of one input.
func neonWide(f *file, nv int) {
	for i := range dwMR {
		f.p("FMOVS (R%d)(R14), F%d", 8+i, i)
		f.op2(opSXTL8, "SXTL", i, i)
	}
	for k := range 4 {
		f.p("VLD1.P %d(R5), %s", 8*nv, regs(6, nv/2))
		for i := range dwMR {
			for j := range nv / 2 {
				acc := 8 + i*nv + 2*j
				f.mlaElem(opSMLALH, "SMLAL", i, k, 6+j, acc)
				f.mlaElem(opSMLALH2, "SMLAL2", i, k, 6+j, acc+1)
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
		name: "NEON",
		mr:   dwMR,
		block: func(f *file, nv int) {
			f.p("VLD1.P %d(R5), %s", 16*nv, regs(24, nv))
			for i := range dwMR {
				f.p("FMOVS (R%d)(R14), F28", 8+i)
				neonDot(f, i*nv, nv)
			}
		},
		quad: nil,
		rows: func(f *file) {
			f.p("VLD1.P 32(R5), %s", regs(24, 2))
			for i := range dwMR {
				f.p("VLD1.P (R%d)(R14), %s", 8+i, regs(28, 2))
				for j := range 2 {
					f.op3(opSMULL, "SMULL", 28+j, 24+j, 30)
					f.op2(opSADALP, "SADALP", 30, i*4+2*j)
					f.op3(opSMULL2, "SMULL2", 28+j, 24+j, 31)
					f.op2(opSADALP, "SADALP", 31, i*4+2*j+1)
				}
			}
		},
		vector: func(f *file) { neonDot(f, 0, 4) },
		zip:    func(f *file) { armZip(f, "zipNEON", 2) },
	})
}

// neonDot adds a block times the four activations in V28 to Vacc...
func neonDot(f *file, acc, nv int) {
	f.p("VDUP V28.H[1], V29.H8")
	f.p("VDUP V28.H[0], V28.H8")
	for j := range nv / 2 {
		lo, hi := 24+j, 24+nv/2+j
		f.op3(opSMULL, "SMULL", 28, lo, 30)
		f.op3(opSMLAL, "SMLAL", 29, hi, 30)
		f.op3(opSMULL2, "SMULL2", 28, lo, 31)
		f.op3(opSMLAL2, "SMLAL2", 29, hi, 31)
		f.op2(opSADALP, "SADALP", 30, acc+2*j)
		f.op2(opSADALP, "SADALP", 31, acc+2*j+1)
	}
}
