package fit

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Constants of the search for parts that may not be good.
const (
	companyParts  = 512  // compared with each other, at most: the cost grows with their square
	companyRidge  = 1    // of the regression on the others, in mean squares of a part
	worstCells    = 3    // whose mean is what is left of a part at its worst
	wholeWeight   = 0.5  // of what is left of the whole of it, in robust deviations of both
	unlikeScales  = 2.4  // upper deviations above the median from which a part is named
	suspectScales = 3    // the same of a part's held-out score, whose tail is long: squares are summed in it
	upperQuantile = 0.82 // that upper deviations are taken from: above it bad parts may be
	suspectShare  = 0.1  // of the parts that are named, at most
)

// unlike is what of a part all others leave unexplained, those of its own group among
// them: roots of mean squares.
type unlike struct {
	worst float64 // at its worst cells
	whole float64 // mean of all cells
}

// company divides the parts into those that are compared with each other: whole groups,
// so that each part meets its siblings, unless that leaves companies so unequal that
// one is too large to compare or another too small to tell.
func (ft *fitter) company() (of []int, n int) {
	parts := ft.features.Len()
	want := (parts + companyParts - 1) / companyParts
	of, n = folds(ft.features.groups[:parts], want, ft.o.Seed)
	for f := range n {
		if _, inside := split(of, f); n < want || len(inside) > 2*companyParts || 2*n*len(inside) < parts {
			return folds(upTo(parts), want, ft.o.Seed)
		}
	}
	return of, n
}

// standAlone writes, for every part, the energy of what is left of it after ridge
// regression on the others in its company. With A the inverse of the ridged Gram matrix
// that is the sum of A_ij x_j / A_ii over all parts j, i among them, for every part
// i at once (the residual of leaving one out; Cook and Weisberg, Residuals and
// Influence in Regression, 1982, section 2.2).
func (l *levelFit) standAlone(ft *fitter, company []int, companies int) error {
	tick := func() error { return ft.tick("looking for parts unlike the others") }
	l.alone = make([][]float32, len(company))
	for f := range companies {
		_, of := split(company, f)
		mean := l.x.mean(of)
		g, err := l.x.gram(of, mean, tick)
		if err != nil {
			return err
		}
		w, err := leaveOneOut(g)
		if err != nil {
			return err
		}
		for _, p := range of {
			l.alone[p] = make([]float32, l.h*l.w)
		}
		in, out := make([]float32, len(of)*l.x.chunk()), make([]float32, len(of)*l.x.chunk())
		err = l.x.chunks(func(from, to int) error {
			n := to - from
			left := blas32.General{Rows: len(of), Cols: n, Stride: n, Data: out[:len(of)*n]}
			blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, w, l.x.load(in, of, from, to, mean), 0, left)
			for i, p := range of {
				l.square(l.alone[p], left.Data[i*n:][:n], from)
			}
			return tick()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leaveOneOut are the weights of all rows in what the others leave of each, from the
// rows' Gram matrix g.
func leaveOneOut(g *mat.SymDense) (blas32.General, error) {
	n := g.SymmetricDim()
	ridge := companyRidge * max(mat.Trace(g)/float64(n), 1e-6)
	for i := range n {
		g.SetSym(i, i, g.At(i, i)+ridge)
	}
	w := blas32.General{Rows: n, Cols: n, Stride: n, Data: make([]float32, n*n)}
	var ch mat.Cholesky
	var a mat.SymDense
	if !ch.Factorize(g) {
		return w, fmt.Errorf("the comparison of %d parts did not decompose", n)
	}
	if err := ch.InverseTo(&a); err != nil {
		return w, fmt.Errorf("comparing %d parts: %w", n, err)
	}
	for i := range n {
		for j := range n {
			w.Data[i*n+j] = float32(a.At(i, j) / a.At(i, i))
		}
	}
	return w, nil
}

// compare joins what the levels tell of each part.
func (ft *fitter) compare(held []HeldOut) {
	n := len(held)
	gains, spread := make([]float64, len(ft.levels)), make([]float64, ft.grid[0]*ft.grid[1])
	for i, l := range ft.levels {
		gains[i] = peakGain(l.alone, upTo(n), l.least())
		for _, e := range l.alone {
			addOver(l, spread, ft.grid, e, gains[i]/float64(n))
		}
	}
	weight := make([]float64, len(spread))
	for c, v := range shrunkRoots(spread) {
		weight[c] = 1 / v
	}
	ft.o.count(weight, ft.grid)
	cells := make([]float64, len(spread))
	for p := range held {
		clear(cells)
		for i, l := range ft.levels {
			addOver(l, cells, ft.grid, l.alone[p], gains[i])
		}
		u := &held[p].unlike
		for c, v := range cells {
			cells[c] = math.Sqrt(v) * weight[c]
			u.whole += cells[c] / float64(len(cells))
		}
		slices.Sort(cells)
		worst := cells[max(0, len(cells)-worstCells):]
		for _, v := range worst {
			u.worst += v / float64(len(worst))
		}
	}
}

// Suspects names taught parts that look unlike the others, worst first: those of which
// the others leave more unexplained, or whose held-out score lies further above the
// median, than a few deviations of parts above the median. No bad part is judged by what it taught itself, so it cannot hide.
//
// Both are asked because each is blind to something. A good part of a rare kind stands
// out among other groups but not beside its siblings; bad parts of one group hide each
// other there, but not from the model of the other groups.
func Suspects(held []HeldOut) []int {
	of := func(f func(HeldOut) float64) []float64 {
		v := make([]float64, len(held))
		for i, h := range held {
			v[i] = f(h)
		}
		return v
	}
	unlike := robust(of(func(h HeldOut) float64 { return h.unlike.worst }))
	for i, v := range robust(of(func(h HeldOut) float64 { return h.unlike.whole })) {
		unlike[i] += wholeWeight * v
	}
	unlike = upper(unlike)
	fused := upper(of(func(h HeldOut) float64 { return h.Fused }))
	var named []int
	for i := range held {
		unlike[i] = max(unlike[i]/unlikeScales, fused[i]/suspectScales)
		if unlike[i] > 1 {
			named = append(named, i)
		}
	}
	slices.SortStableFunc(named, func(a, b int) int { return cmp.Compare(unlike[b], unlike[a]) })
	return named[:min(len(named), max(1, int(suspectShare*float64(len(held)))))]
}

// robust are v in robust standard deviations (1.4826 MAD; Rousseeuw and Croux, JASA
// 88, 1993) above their median.
func robust(v []float64) []float64 {
	middle, scale := spreadOf(v)
	return scaled(v, middle, scale)
}

// upper are v in standard deviations above their median as parts above it have them:
// the distance of upperQuantile in those of a normal distribution, or the robust
// standard deviation where that is more. Good parts with a long upper tail, as small
// and varied sets have it, are then no outliers.
func upper(v []float64) []float64 {
	middle, scale := spreadOf(v)
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	quantile := stat.Quantile(upperQuantile, stat.LinInterp, sorted, nil)
	return scaled(v, middle, max(scale, (quantile-middle)/distuv.UnitNormal.Quantile(upperQuantile)))
}

// spreadOf v is its median and its robust standard deviation.
func spreadOf(v []float64) (middle, scale float64) {
	middle = median(slices.Clone(v))
	off := make([]float64, len(v))
	for i, s := range v {
		off[i] = math.Abs(s - middle)
	}
	return middle, max(1.4826*median(off), 1e-6)
}

func scaled(v []float64, middle, scale float64) []float64 {
	out := make([]float64, len(v))
	for i, s := range v {
		out[i] = (s - middle) / scale
	}
	return out
}
