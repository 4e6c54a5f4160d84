package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// Constants of the residual model, from the experiment that found the recipe.
const (
	scaleShrink    = 0.2    // weight of the median in each cell's variance
	whitenRidge    = 0.01   // added to the unit-mean covariance before it is inverted
	covarianceRows = 40_000 // cells that a covariance is estimated from, about
)

// residuals holds, fold by fold, the sums from which statistics of what a trained
// reconstruction leaves follow, for any set of folds.
type residuals struct {
	channels, cells int
	count           []int       // parts of each fold
	sum, sqr        [][]float64 // fold, column: sums of residual and of its square
	cov             [][]float64 // fold: channels x channels, upper triangle; of scaled residuals
	rows            []int       // cells behind each cov
	inside          [][]int
	// source writes columns [from, to) of what fold f leaves to dst.
	source func(dst []float32, f, from, to int) blas32.General
}

// covariances of all folds, centered and scaled by what all of them leave.
func (s *residuals) covariances(r *rows, n int, tick func() error) error {
	all := s.model(upTo(n))
	for f := range n {
		s.covariance(r, f, all, r.data.len())
		if err := tick(); err != nil {
			return err
		}
	}
	return nil
}

// moments sums residuals and their squares over the parts of fold f.
func (s *residuals) moments(r *rows, f int) {
	sum, sqr := make([]float64, r.width), make([]float64, r.width)
	buf := make([]float32, len(s.inside[f])*r.chunk())
	_ = r.chunks(func(from, to int) error {
		x := s.source(buf, f, from, to)
		for i := range x.Rows {
			for j, v := range x.Data[i*x.Stride:][:x.Cols] {
				sum[from+j] += float64(v)
				sqr[from+j] += float64(v) * float64(v)
			}
		}
		return nil
	})
	s.sum, s.sqr = append(s.sum, sum), append(s.sqr, sqr)
}

// covariance sums outer products of the residuals of fold f, centered by
// all's offset and divided by its scale, over every stride-th cell.
func (s *residuals) covariance(r *rows, f int, all *residualModel, parts int) {
	c := s.channels
	stride := max(1, parts*s.cells/covarianceRows)
	total := make([]float64, c*c)
	part := blas32.Symmetric{N: c, Stride: c, Data: make([]float32, c*c), Uplo: blas.Upper}
	buf := make([]float32, len(s.inside[f])*r.chunk())
	gathered := make([]float32, 0, len(buf))
	count := 0
	_ = r.chunks(func(from, to int) error {
		x := s.source(buf, f, from, to)
		gathered = gathered[:0]
		for i := range x.Rows {
			for j := 0; j < x.Cols; j += c {
				cell := (from + j) / c
				if (cell+i)%stride == 0 {
					gathered = all.center(gathered, x.Data[i*x.Stride+j:][:c], cell)
				}
			}
		}
		n := len(gathered) / c
		if n == 0 {
			return nil
		}
		blas32.Syrk(blas.Trans, 1, blas32.General{Rows: n, Cols: c, Stride: c, Data: gathered}, 0, part)
		for i, v := range part.Data {
			total[i] += float64(v)
		}
		count += n
		return nil
	})
	s.cov, s.rows = append(s.cov, total), append(s.rows, count)
}

// residualModel is what is known of the residuals of good parts: their mean at
// each place and channel, their scale at each cell, and the whitening of
// scaled residuals over channels.
type residualModel struct {
	channels int
	offset   []float32
	scale    []float64
	whiten   *mat.Dense // channels x channels, symmetric
}

// center appends (v - offset)/scale of one cell to dst.
func (m *residualModel) center(dst, v []float32, cell int) []float32 {
	k := float32(1 / m.scale[cell])
	for i, x := range v {
		dst = append(dst, (x-m.offset[cell*m.channels+i])*k)
	}
	return dst
}

// model of the residuals in the given folds, without whitening.
func (s *residuals) model(of []int) *residualModel {
	m := &residualModel{channels: s.channels, offset: make([]float32, s.channels*s.cells), scale: make([]float64, s.cells)}
	n := 0.0
	for _, f := range of {
		n += float64(s.count[f])
	}
	for cell := range m.scale {
		v := 0.0
		for j := cell * s.channels; j < (cell+1)*s.channels; j++ {
			sum, sqr := 0.0, 0.0
			for _, f := range of {
				sum += s.sum[f][j]
				sqr += s.sqr[f][j]
			}
			m.offset[j] = float32(sum / n)
			v += max(0, sqr/n-sum/n*sum/n)
		}
		m.scale[cell] = v / float64(s.channels)
	}
	sorted := slices.Sorted(slices.Values(m.scale))
	median := max(sorted[len(sorted)/2], 1e-6)
	for i, v := range m.scale {
		m.scale[i] = math.Sqrt((1-scaleShrink)*v + scaleShrink*median)
	}
	return m
}

// whitened is model with its whitening: the inverse square root of the
// covariance of scaled residuals, which is shrunk by a ridge.
func (s *residuals) whitened(of []int) (*residualModel, error) {
	m := s.model(of)
	c := s.channels
	cov := mat.NewSymDense(c, nil)
	n := 0
	for _, f := range of {
		n += s.rows[f]
	}
	for i := range c {
		for j := i; j < c; j++ {
			v := 0.0
			for _, f := range of {
				v += s.cov[f][i*c+j]
			}
			v /= float64(n)
			if i == j {
				v += whitenRidge
			}
			cov.SetSym(i, j, v)
		}
	}
	var err error
	m.whiten, err = inverseRoot(cov, whitenRidge/2)
	return m, err
}
