package fit

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// basis is the closed-form autoencoder over the whole feature map: code
// z = Pᵀ(x - mean), reconstruction Pz + mean, with P from the leading
// eigenvectors of the teach set's Gram matrix (the snapshot method; Sirovich,
// Quarterly of Applied Mathematics 45, 1987).
type basis struct {
	mean []float32
	p    []float32 // k rows of width values: the columns of P
	k    int
	dev  []float64 // standard deviation of each code entry over the teach set
}

// CodeSize is how many code entries n parts support: at most most, and at most
// a quarter of the parts, so that the code generalizes.
func CodeSize(n, most int) int { return max(1, min(most, n/4)) }

// newBasis from the rows idx of r, whose Gram matrix (under any common mean) is g.
func newBasis(r *rows, g *mat.SymDense, idx []int, most int) (*basis, error) {
	values, u, err := leading(center(g, idx), CodeSize(len(idx), most))
	if err != nil {
		return nil, err
	}
	b := &basis{mean: r.mean(idx), k: len(values)}
	coef := blas32.General{Rows: len(idx), Cols: b.k, Stride: b.k, Data: make([]float32, len(idx)*b.k)}
	for j, v := range values {
		b.dev = append(b.dev, math.Sqrt(v/float64(len(idx))))
		for i := range idx {
			coef.Data[i*b.k+j] = float32(u.At(i, j) / math.Sqrt(v))
		}
	}
	b.p = make([]float32, b.k*r.width)
	buf := make([]float32, len(idx)*r.chunk())
	err = r.chunks(func(from, to int) error {
		x := r.load(buf, idx, from, to, b.mean)
		out := blas32.General{Rows: b.k, Cols: to - from, Stride: r.width, Data: b.p[from:]}
		blas32.Gemm(blas.Trans, blas.NoTrans, 1, coef, x, 0, out)
		return nil
	})
	return b, err
}

// encode returns the codes of the rows idx: len(idx) x k.
func (b *basis) encode(r *rows, idx []int) blas32.General {
	z := blas32.General{Rows: len(idx), Cols: b.k, Stride: b.k, Data: make([]float32, len(idx)*b.k)}
	buf := make([]float32, len(idx)*r.chunk())
	_ = r.chunks(func(from, to int) error {
		x := r.load(buf, idx, from, to, b.mean)
		p := blas32.General{Rows: b.k, Cols: to - from, Stride: r.width, Data: b.p[from:]}
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, x, p, 1, z)
		return nil
	})
	return z
}

// residual writes columns [from, to) of x - mean - Pz for the rows idx to dst.
func (b *basis) residual(dst []float32, r *rows, idx []int, z blas32.General, from, to int) blas32.General {
	x := r.load(dst, idx, from, to, b.mean)
	p := blas32.General{Rows: b.k, Cols: to - from, Stride: r.width, Data: b.p[from:]}
	blas32.Gemm(blas.NoTrans, blas.NoTrans, -1, z, p, 1, x)
	return x
}
