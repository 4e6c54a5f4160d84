package main

// The dot product kernels: SDOT sums four products of bytes in each 32-bit lane,
// exactly. Tiles of five pixels leave registers for four vectors of weights at
// once: V20..V23 weights, V24..V28 activations.

const dotMR = 5

func dot() *file {
	return arm(armISA{
		name:   "Dot",
		mr:     dotMR,
		sums:   keptSums,
		dwSums: lowSums,
		dwMR:   6,
		block: func(f *file, nv int) {
			f.p("VLD1.P %d(R5), %s", 16*nv, regs(20, nv))
			for i := range dotMR {
				f.p("FMOVS (R%d)(R14), F%d", 8+i, 24+i)
				for j := range nv {
					f.dotElem(24+i, 0, 20+j, i*nv+j)
				}
			}
		},
		joined: dotQuad,
		dense:  dotDense,
		rest:   dotRest,
		rows: func(f *file) { // V24..V27 weights, V28..V31 activations
			f.p("VLD1.P 64(R5), %s", regs(24, 4))
			for i := range 6 {
				f.p("VLD1.P (R%d)(R14), %s", 8+i, regs(28, 4))
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
		zip: func(f *file) {
			armZip(f, "zipDot", 4, 1)
			armZip(f, "zipThreeDot", 4, 3)
		},
	})
}

// dotQuad keeps 16 activations of each pixel.
func dotQuad(f *file, nv int) {
	for i := range dotMR {
		f.load16(8+i, 14, 24+i)
	}
	dotKept(f, dotMR, nv, 4)
}

// dotKept adds n blocks whose activations are in V24...
func dotKept(f *file, mr, nv, n int) {
	for k := range n {
		f.p("VLD1.P %d(R5), %s", 16*nv, regs(20, nv))
		for i := range mr {
			for j := range nv {
				f.dotElem(24+i, k, 20+j, i*nv+j)
			}
		}
	}
}

// dotDense adds four blocks.
func dotDense(f *file, mr, nv int) {
	for i := range mr {
		f.load16(14, 8+i, 24+i)
	}
	f.p("ADD $16, R14")
	dotKept(f, mr, nv, 4)
}

// dotRest adds two blocks and one.
func dotRest(f *file, mr, nv int) {
	f.p("TBZ $1, R2, one")
	for i := range mr {
		f.p("FMOVD (R14)(R%d), F%d", 8+i, 24+i)
	}
	f.p("ADD $8, R14")
	dotKept(f, mr, nv, 2)
	f.p("TBZ $0, R2, done")
	f.label("one")
	for i := range mr {
		f.p("FMOVS (R14)(R%d), F%d", 8+i, 24+i)
	}
	f.p("ADD $4, R14")
	dotKept(f, mr, nv, 1)
}
