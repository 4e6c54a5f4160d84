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
					f.dotElem(t, 0, 24+j, i*nv+j)
				}
			}
		},
		quad: dotQuad,
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
				f.dotElem(28, 0, 24+j, j)
			}
		},
		zip: func(f *file) { armZip(f, "zipDot", 4) },
	})
}

// dotQuad keeps 16 activations of each pixel in V24..V29 and takes the weights of
// two vectors of channels at a time through V30, V31.
func dotQuad(f *file, nv int) {
	for i := range armMR {
		f.load16(8+i, 24+i)
	}
	for k := range 4 {
		for j := 0; j < nv; j += 2 {
			f.p("VLD1.P 32(R5), %s", regs(30, 2))
			for i := range armMR {
				f.dotElem(24+i, k, 30, i*nv+j)
				f.dotElem(24+i, k, 31, i*nv+j+1)
			}
		}
	}
}
