package fit

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// outerRows are gathered before they are added up.
const outerRows = 128

// outerSum is the sum of the outer products of rows with themselves. It is added up beside
// whoever brings the rows, in the order they came in, so that it is the same to the bit on
// any number of processors.
type outerSum struct {
	sum   blas32.Symmetric
	rows  blas32.General // not yet in sum
	spare []float32
	added chan struct{} // closed when sum may be used again; nil: it may
}

func newOuterSum(width int) *outerSum {
	return &outerSum{
		sum:  blas32.Symmetric{N: width, Stride: width, Data: make([]float32, width*width), Uplo: blas.Upper},
		rows: blas32.General{Cols: width, Stride: width},
	}
}

// next is room for one more row: all of it must be written before the next call.
func (s *outerSum) next() []float32 {
	if s.rows.Rows == outerRows {
		s.add()
	}
	if s.rows.Data == nil {
		s.rows.Data = make([]float32, outerRows*s.rows.Cols)
	}
	s.rows.Rows++
	return s.rows.Data[(s.rows.Rows-1)*s.rows.Cols:][:s.rows.Cols]
}

// add begins to add the rows up.
func (s *outerSum) add() {
	s.wait()
	rows, added := s.rows, make(chan struct{})
	s.rows.Rows, s.rows.Data, s.spare = 0, s.spare, s.rows.Data
	s.added = added
	go func() {
		blas32.Syrk(blas.Trans, 1, rows, 1, s.sum)
		close(added)
	}()
}

func (s *outerSum) wait() {
	if s.added != nil {
		<-s.added
	}
	s.added = nil
}

// total of all rows so far: the upper triangle of a matrix, width x width.
func (s *outerSum) total() []float32 {
	if s.rows.Rows > 0 {
		s.add()
	}
	s.wait()
	s.rows.Data, s.spare = nil, nil // seldom are there more to come
	return s.sum.Data
}
