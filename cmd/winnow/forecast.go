package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/infer/fit"
)

// forecast says how long teaching so many parts will take on this machine, and
// how much memory, from three short measurements: a picture from its file to the
// encoder's input, the encoder, and a matrix product.
func (t *teacher) forecast(path string, parts int) (time.Duration, int64, error) {
	frame := new(edge.Frame)
	picture, err := least(2, func() error {
		if err := pixfmt.ReadImageInto(frame, path); err != nil {
			return err
		}
		return t.pre.Run(frame, t.picture)
	})
	if err != nil {
		return 0, 0, err
	}
	drawn, swayed := 0, 0
	if t.defects != nil {
		drawn, swayed = t.defects.counts(parts)
	}
	encoder, err := least(3, t.session.Run)
	if err != nil {
		return 0, 0, err
	}
	const n = 256
	a := blas32.General{Rows: n, Cols: n, Stride: n, Data: make([]float32, n*n)}
	c := blas32.Symmetric{N: n, Stride: n, Data: make([]float32, n*n), Uplo: blas.Upper}
	product, _ := least(3, func() error { blas32.Syrk(blas.Trans, 1, a, 0, c); return nil })
	e := fit.EstimateFit(t.features.Taps, t.options(fit.Options{}), parts, drawn, swayed)
	pictures := time.Duration(parts) * picture
	sessions := 8 * time.Duration(parts+drawn+swayed) * encoder                // the encoder, the graphs of the folds up to four times, drawing
	products := time.Duration(2 * e.MACs / (n * n * n / 2) * float64(product)) // half of them in float64, on one processor
	return pictures + sessions + products, processBytes + e.Bytes + e.Bytes*teachGarbage/100, nil
}

// decodeBytes is what reading the largest of sv's pictures takes beyond what
// processBytes holds: pixels as they are decoded and as they are judged, and of a
// progressive JPEG all coefficients.
func decodeBytes(sv survey) (most int64) {
	for i, p := range sv.usable {
		a := int64(sv.areas[i]) - usualArea
		switch strings.ToLower(filepath.Ext(p.Path)) {
		case ".jpg", ".jpeg":
			most = max(most, 16*a)
		default:
			most = max(most, 11*a)
		}
	}
	return most
}

// usualArea is the pixels of a picture that processBytes has room for.
const usualArea = 1 << 20

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
