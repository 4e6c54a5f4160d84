package fit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// chunkColumns is about how many columns of the teach matrix are held as floats
// at a time.
const chunkColumns = 4096

// rows is the teach matrix: one int8 row a part, each a feature map of cells of
// the same number of channels. Real value = step * int8.
type rows struct {
	data     *shelf
	width    int // cells * channels
	channels int
	step     float32
}

// chunk is how many columns are worked on at a time: whole cells.
func (r *rows) chunk() int { return max(1, chunkColumns/r.channels) * r.channels }

// load writes columns [from, to) of the parts in idx into dst, minus mean
// (which may be nil), and returns them as a matrix.
func (r *rows) load(dst []float32, idx []int, from, to int, mean []float32) blas32.General {
	n := to - from
	g := blas32.General{Rows: len(idx), Cols: n, Stride: n, Data: dst[:len(idx)*n]}
	buf := make([]byte, n)
	for i, p := range idx {
		src := r.data.view(buf, p, from, to)
		out := g.Data[i*n:][:n]
		for j, b := range src {
			out[j] = r.step * float32(int8(b))
		}
		if mean != nil {
			for j, m := range mean[from:to] {
				out[j] -= m
			}
		}
	}
	return g
}

// chunks calls fn for consecutive column ranges.
func (r *rows) chunks(fn func(from, to int) error) error {
	for from := 0; from < r.width; from += r.chunk() {
		if err := fn(from, min(from+r.chunk(), r.width)); err != nil {
			return err
		}
	}
	return nil
}

// mean of the parts in idx, column by column.
func (r *rows) mean(idx []int) []float32 {
	sum := make([]int32, r.width)
	buf := make([]byte, r.width)
	for _, p := range idx {
		for j, b := range r.data.view(buf, p, 0, r.width) {
			sum[j] += int32(int8(b))
		}
	}
	m := make([]float32, r.width)
	for j, s := range sum {
		m[j] = r.step * float32(s) / float32(len(idx))
	}
	return m
}

// gram is the n x n matrix of inner products of the n rows idx minus mean.
func (r *rows) gram(idx []int, mean []float32, tick func() error) (*mat.SymDense, error) {
	n := len(idx)
	sum := make([]float64, n*n)
	part := blas32.Symmetric{N: n, Stride: n, Data: make([]float32, n*n), Uplo: blas.Upper}
	buf := make([]float32, n*r.chunk())
	err := r.chunks(func(from, to int) error {
		blas32.Syrk(blas.NoTrans, 1, r.load(buf, idx, from, to, mean), 0, part)
		for i := range n {
			for j := i; j < n; j++ {
				sum[i*n+j] += float64(part.Data[i*n+j])
			}
		}
		return tick()
	})
	return mat.NewSymDense(n, sum), err
}

// center returns the part of g that idx names, centered in feature space: the
// Gram matrix of those rows minus their own mean.
func center(g *mat.SymDense, idx []int) *mat.SymDense {
	n := len(idx)
	row, all := make([]float64, n), 0.0
	for i, a := range idx {
		for _, b := range idx {
			row[i] += g.At(a, b)
		}
		row[i] /= float64(n)
		all += row[i] / float64(n)
	}
	c := mat.NewSymDense(n, nil)
	for i, a := range idx {
		for j := i; j < n; j++ {
			c.SetSym(i, j, g.At(a, idx[j])-row[i]-row[j]+all)
		}
	}
	return c
}

// leading returns the k largest eigenvalues of s, descending, and their
// eigenvectors as the columns of an n x k matrix. Signs are fixed so that the
// entry largest in size is positive. Eigenvalues that are nothing beside the
// first are left out, so fewer than k may come back.
func leading(s *mat.SymDense, k int) ([]float64, *mat.Dense, error) {
	var e mat.EigenSym
	if !e.Factorize(s, true) {
		return nil, nil, fmt.Errorf("eigenvalues of a %dx%[1]d matrix did not converge", s.SymmetricDim())
	}
	n := s.SymmetricDim()
	values := e.Values(nil)
	var vec mat.Dense
	e.VectorsTo(&vec)
	k = min(k, n)
	for k > 1 && values[n-k] < 1e-6*values[n-1] {
		k--
	}
	out := mat.NewDense(n, k, nil)
	top := make([]float64, k)
	for i := range k {
		top[i] = max(values[n-1-i], 1e-12)
		big := 0.0
		for r := range n {
			if v := vec.At(r, n-1-i); math.Abs(v) > math.Abs(big) {
				big = v
			}
		}
		sign := math.Copysign(1, big)
		for r := range n {
			out.Set(r, i, sign*vec.At(r, n-1-i))
		}
	}
	return top, out, nil
}

func upTo(n int) []int {
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	return idx
}
