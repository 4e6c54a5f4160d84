package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// basis is the closed-form autoencoder over a whole feature map: code
// z = Pᵀ(x - mean), reconstruction Pz + mean, with P from the leading
// eigenvectors of the teach set's Gram matrix (the snapshot method; Sirovich,
// Quarterly of Applied Mathematics 45, 1987).
type basis struct {
	mean []float32
	p    *shelf // k rows of width float32: the columns of P
	k    int
	dev  []float64 // standard deviation of each code entry over the teach set
	sway []float64 // and of each behind those as conditions sway
	step float64   // of the features
}

// codeMax is the largest code entry that is represented: parts that are as alike as the
// features can tell have codes of next to nothing, which no eight bits are worth.
func (b *basis) codeMax() float64 {
	most := 6 * b.step
	for _, d := range b.dev {
		most = max(most, 6*d)
	}
	for _, d := range b.sway {
		most = max(most, swayReach*d)
	}
	return most
}

// CodeSize is how many code entries n parts support: at most most, and at most
// half of the parts.
func CodeSize(n, most int) int { return max(1, min(most, n/2)) }

// mostSnapshots bounds how many parts a basis is made from: its code gains little
// from more, and eigenvalues cost their third power.
const mostSnapshots = 512

// snapshots are the parts that bases are made from, of those of these folds: evenly taken, but
// some of another fold where all of them would be of one, whose own basis they must not make.
func snapshots(fold []int) []int {
	shots := thinned(upTo(len(fold)), mostSnapshots)
	f := fold[shots[0]]
	if slices.ContainsFunc(shots, func(p int) bool { return fold[p] != f }) {
		return shots
	}
	outside, inside := split(fold, f)
	others := thinned(outside, mostSnapshots/2)
	return slices.Sorted(slices.Values(append(others, thinned(inside, mostSnapshots-len(others))...)))
}

// snapshotsOutside are the snapshots that are not in fold f: where they are
// among the snapshots, and which parts they are.
func snapshotsOutside(fold []int, f int) (at, parts []int) {
	for i, p := range snapshots(fold) {
		if fold[p] != f {
			at, parts = append(at, i), append(parts, p)
		}
	}
	return at, parts
}

// thinned is most of idx at most, evenly taken.
func thinned(idx []int, most int) []int {
	out := make([]int, min(len(idx), most))
	for i := range out {
		out[i] = idx[i*len(idx)/len(out)]
	}
	return out
}

// newBasis from the rows idx of r, whose Gram matrix (under any common mean) is
// the part at of g, and from what conditions change along which more than along the last of
// those directions. What memory has no room for goes where kept has its own.
func newBasis(r *rows, g *mat.SymDense, at, idx []int, l sway, most int, kept *room) (*basis, error) {
	values, u, err := leading(center(g, at), CodeSize(len(idx), min(most, r.width/2))) // more would leave nothing of a small map
	if err != nil {
		return nil, err
	}
	b := &basis{mean: r.mean(idx), k: len(values), p: &shelf{room: kept}, step: float64(r.step)}
	coef := blas32.General{Rows: len(idx), Cols: b.k, Stride: b.k, Data: make([]float32, len(idx)*b.k)}
	for j, v := range values {
		b.dev = append(b.dev, math.Sqrt(v/float64(len(idx))))
		for i := range idx {
			coef.Data[i*b.k+j] = float32(u.At(i, j) / math.Sqrt(v))
		}
	}
	p := make([]float32, b.k*r.width)
	buf := make([]float32, len(idx)*r.chunk())
	err = r.chunks(func(from, to int) error {
		x := r.load(buf, idx, from, to, b.mean)
		out := blas32.General{Rows: b.k, Cols: to - from, Stride: r.width, Data: p[from:]}
		blas32.Gemm(blas.Trans, blas.NoTrans, 1, coef, x, 0, out)
		return nil
	})
	if err != nil {
		return nil, err
	}
	more, dev, err := l.beyond(p, b.k, b.dev[b.k-1])
	p, b.sway, b.k = append(p, more...), dev, b.k+len(dev)
	for i := 0; i < b.k && err == nil; i++ {
		err = b.p.addFloats(p[i*r.width : (i+1)*r.width])
	}
	return b, err
}

// rows of P, columns [from, to).
func (b *basis) rows(from, to int) blas32.General {
	n := to - from
	p := blas32.General{Rows: b.k, Cols: n, Stride: n, Data: make([]float32, b.k*n)}
	for i := range b.k {
		b.p.readFloats(p.Data[i*n:(i+1)*n], i, from)
	}
	return p
}

// encode returns the codes of the rows idx: len(idx) x k.
func (b *basis) encode(r *rows, idx []int) blas32.General {
	z := blas32.General{Rows: len(idx), Cols: b.k, Stride: b.k, Data: make([]float32, len(idx)*b.k)}
	buf := make([]float32, len(idx)*r.chunk())
	_ = r.chunks(func(from, to int) error {
		x := r.load(buf, idx, from, to, b.mean)
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, x, b.rows(from, to), 1, z)
		return nil
	})
	return z
}

// residual writes columns [from, to) of x - mean - Pz for the rows idx to dst.
func (b *basis) residual(dst []float32, r *rows, idx []int, z blas32.General, from, to int) blas32.General {
	x := r.load(dst, idx, from, to, b.mean)
	blas32.Gemm(blas.NoTrans, blas.NoTrans, -1, z, b.rows(from, to), 1, x)
	return x
}
