package main

// The dot product kernels: SDOT sums four products of bytes in each 32-bit lane,
// exactly. V24..V27 weights, V28..V31 activations.

func dot() *file {
	return arm(armISA{
		name: "Dot",
		block: func(f *file, nv int) {
			f.p("VLD1.P %d(R5), %s", 16*nv, regs(24, nv))
			for i := range armMR {
				t := 28 + i%4
				f.p("FMOVS (R%d)(R14), F%d", 8+i, t)
				for j := range nv {
					f.op3(opSDOTElem, "SDOT", t, 24+j, i*nv+j)
				}
			}
		},
		rows: func(f *file) {
			f.p("VLD1.P 64(R5), %s", regs(24, 4))
			for i := range armMR {
				f.p("ADD R14, R%d, R15", 8+i)
				f.p("VLD1 (R15), %s", regs(28, 4))
				for j := range 4 {
					f.op3(opSDOT, "SDOT", 28+j, 24+j, i*4+j)
				}
			}
		},
		vector: func(f *file) {
			for j := range 4 {
				f.op3(opSDOTElem, "SDOT", 28, 24+j, j)
			}
		},
		zip: func(f *file) { armZip(f, "zipDot", 4) },
	})
}
