package main

import (
	"fmt"
	"path/filepath"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"winnow/infer/fit"
)

// forecast says how long teaching so many parts will take on this machine, and
// how much memory, from two short measurements: the encoder, and a matrix
// product. Reading the pictures is not in it.
func (t *teacher) forecast(parts int) (time.Duration, int64, error) {
	drawn := 0
	if t.defects != nil {
		drawn = min(t.defects.each*((parts+t.defects.of-1)/t.defects.of), mostDefects)
	}
	encoder, err := least(3, t.session.Run)
	if err != nil {
		return 0, 0, err
	}
	const n = 256
	a := blas32.General{Rows: n, Cols: n, Stride: n, Data: make([]float32, n*n)}
	c := blas32.Symmetric{N: n, Stride: n, Data: make([]float32, n*n), Uplo: blas.Upper}
	product, _ := least(3, func() error { blas32.Syrk(blas.Trans, 1, a, 0, c); return nil })
	e := fit.EstimateFit(t.features.Taps, t.options(fit.Options{}), parts, drawn)
	sessions := 3 * time.Duration(parts+drawn) * encoder // the encoder, and the graphs of the folds
	products := time.Duration(e.MACs / (n * n * n / 2) * float64(product))
	return sessions + products, processBytes + e.Bytes + e.Bytes*teachGarbage/100, nil
}

// processBytes is what a program that teaches takes before it fits: itself, the
// encoder's session, pictures.
const processBytes = 60 << 20

// spillFolder is where a package goes: there is room for more than memory holds.
func spillFolder(out string) string {
	if out == "" {
		return ""
	}
	return filepath.Dir(out)
}

// least time of n runs.
func least(n int, run func() error) (time.Duration, error) {
	best := time.Duration(0)
	for i := range n {
		start := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		if d := time.Since(start); i == 0 || d < best {
			best = d
		}
	}
	return best, nil
}

// forecastText of a teaching.
func forecastText(parts, w, h int, d time.Duration, bytes int64) string {
	return fmt.Sprintf("teaching %d parts at %dx%d: about %s and %d MiB of memory", parts, w, h, d.Round(time.Second)+time.Second, bytes>>20)
}
