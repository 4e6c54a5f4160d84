package fit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// Constants of the local view. They were chosen on drawn defects and held-out
// parts of several products, and are the same for all.
const (
	surroundReach = 2      // cells from a place to the neighbours that foretell it
	surroundRidge = 0.1    // of the regression, in variances of a feature
	localDirs     = 16     // directions that the local view looks along
	localRidge    = 0.02   // of the covariance of what is left, in its mean variance
	localRows     = 20_000 // places that a regression is made from, about
	placeParts    = 20     // parts at which half of a place's own mean is believed
	spreadParts   = 100    // and half of its own spread
	oddCover      = 102    // cover of a cell, of 255, from which it counts as defective
	oddPlaces     = 24     // places taken of one drawn defect, at most
	windowCells   = 9      // a place and its eight neighbours
	localHeadroom = 24     // deviations that the range of the local output holds
)

// surround holds, fold by fold, the sums from which the local model of any set
// of folds follows: second moments of windows of features at fixed places, the
// mean window at each place, and the mean feature map. A window is a place and
// its eight neighbours at surroundReach, features in int8 steps of featureStep;
// beyond the border features count as the mean.
type surround struct {
	grid     [2]int
	channels int
	places   []int
	count    []int
	outer    []*outerSum // fold: of windows
	at       [][]float32 // fold: sum of windows at each place
	mean     [][]float32 // fold: sum of the feature map
	odd      []oddWindow
	o        *Options // nil: every cell counts
}

// oddWindow is a window at a defective place of drawn defect of.
type oddWindow struct {
	of, place int
	values    []byte
}

func newSurround(grid [2]int, channels, folds, parts int) *surround {
	s := &surround{grid: grid, channels: channels}
	s.places = spreadPlaces(grid, max(24, localRows/max(1, parts)))
	w := s.width()
	for range folds {
		s.count = append(s.count, 0)
		s.outer = append(s.outer, newOuterSum(w))
		s.at = append(s.at, make([]float32, len(s.places)*w))
		s.mean = append(s.mean, make([]float32, grid[0]*grid[1]*channels))
	}
	return s
}

// width of a window in values.
func (s *surround) width() int { return windowCells * s.channels }

// spreadPlaces takes about n cells of a grid, evenly and never in step with its rows.
func spreadPlaces(grid [2]int, n int) []int {
	cells := grid[0] * grid[1]
	n = min(n, cells)
	out := make([]int, n)
	for i := range out {
		from, to := i*cells/n, (i+1)*cells/n
		out[i] = from + int(math.Mod(float64(i)*0.6180339887, 1)*float64(to-from))
	}
	return out
}

// window copies the window at place of feature map f into dst, int8 values.
func (s *surround) window(dst, f []byte, place int) {
	y, x, c := place/s.grid[1], place%s.grid[1], s.channels
	for k := range windowCells {
		yy, xx := y+(k/3-1)*surroundReach, x+(k%3-1)*surroundReach
		to := dst[k*c : (k+1)*c]
		if yy < 0 || xx < 0 || yy >= s.grid[0] || xx >= s.grid[1] {
			clear(to)
			continue
		}
		copy(to, f[(yy*s.grid[1]+xx)*c:])
	}
}

// add takes the feature map of a good part of fold f in.
func (s *surround) add(f int, features []byte) {
	s.count[f]++
	for i, b := range features {
		s.mean[f][i] += featureStep * float32(int8(b))
	}
	w := s.width()
	win := make([]byte, w)
	for i, place := range s.places {
		s.window(win, features, place)
		row, sum := s.outer[f].next(), s.at[f][i*w:][:w]
		for j, b := range win {
			v := featureStep * float32(int8(b))
			row[j] = v
			sum[j] += v
		}
	}
}

// spend lets go of what models follow from: none can be had from then on.
func (s *surround) spend() { s.outer, s.at, s.mean, s.odd = nil, nil, nil, nil }

// defective reports whether a cell of which a defect covers so much counts as such.
func defective(cover byte) bool { return cover > oddCover }

// addOdd takes the defective places of drawn defect of in.
func (s *surround) addOdd(of int, features, cover []byte) {
	n := 0
	for _, c := range cover {
		if defective(c) {
			n++
		}
	}
	stride, seen := max(1, (n+oddPlaces-1)/oddPlaces), 0
	for place, c := range cover {
		if !defective(c) {
			continue
		}
		if seen++; seen%stride == 0 {
			w := oddWindow{of, place, make([]byte, s.width())}
			s.window(w.values, features, place)
			s.odd = append(s.odd, w)
		}
	}
}

// foretold is what the windows of good parts in some folds teach: the mean map,
// and the map K from a window to what its eight neighbours leave unexplained of
// its centre.
type foretold struct {
	mean  []float32  // feature map: to be taken off every part's
	left  *mat.Dense // K: width x channels
	white *mat.Dense // channels x channels: makes what is left white
	scale float64    // root mean square of what is left
}

// foretell learns from the given folds.
//
// The centre of a window is regressed on its eight neighbours by ridge
// regression, after each place's own mean, believed the more the more parts
// there are, is taken off. All of it follows from the sums.
func (s *surround) foretell(of []int) (*foretold, error) {
	parts, moments := s.moments(of)
	w, c := s.width(), s.channels
	share := float64(parts) / float64(parts+placeParts)
	t := &foretold{mean: make([]float32, len(s.mean[0]))}
	for _, f := range of {
		for i, v := range s.mean[f] {
			t.mean[i] += v * float32(share) / float32(parts)
		}
	}
	around := append(upTo(4*c), make([]int, 4*c)...)
	for i := range 4 * c {
		around[4*c+i] = 5*c + i
	}
	normal, cross := mat.NewSymDense(8*c, nil), mat.NewDense(8*c, c, nil)
	for i, p := range around {
		for j := i; j < len(around); j++ {
			normal.SetSym(i, j, moments.At(p, around[j]))
		}
		normal.SetSym(i, i, moments.At(p, p)+surroundRidge)
		for j := range c {
			cross.Set(i, j, moments.At(p, 4*c+j))
		}
	}
	var ch mat.Cholesky
	var coef mat.Dense
	if !ch.Factorize(normal) {
		return nil, fmt.Errorf("the surroundings of %d feature channels did not decompose", c)
	}
	if err := ch.SolveTo(&coef, cross); err != nil {
		return nil, fmt.Errorf("foretelling features from their surroundings: %w", err)
	}
	t.left = mat.NewDense(w, c, nil)
	for j := range c {
		t.left.Set(4*c+j, j, 1)
		for i, p := range around {
			t.left.Set(p, j, -coef.At(i, j))
		}
	}
	return t, t.whiten(moments)
}

// moments are the second moments of windows in some folds, each place's own
// mean taken off as far as it is believed, and how many parts they have.
func (s *surround) moments(of []int) (parts int, m *mat.SymDense) {
	w := s.width()
	sum := blas32.Symmetric{N: w, Stride: w, Data: make([]float32, w*w), Uplo: blas.Upper}
	at := blas32.General{Rows: len(s.places), Cols: w, Stride: w, Data: make([]float32, len(s.places)*w)}
	for _, f := range of {
		parts += s.count[f]
		for i, v := range s.outer[f].total() {
			sum.Data[i] += v
		}
		for i, v := range s.at[f] {
			at.Data[i] += v
		}
	}
	n, share := float32(parts), float32(parts)/float32(parts+placeParts)
	blas32.Syrk(blas.Trans, -(2*share-share*share)/n, at, 1, sum)
	total := float64(parts * len(s.places))
	m = mat.NewSymDense(w, nil)
	for i := range w {
		for j := i; j < w; j++ {
			m.SetSym(i, j, float64(sum.Data[i*w+j])/total)
		}
	}
	return parts, m
}

// whiten sets scale and white from the second moments of windows.
func (t *foretold) whiten(moments *mat.SymDense) error {
	_, c := t.left.Dims()
	var half, cov mat.Dense
	half.Mul(moments, t.left)
	cov.Mul(t.left.T(), &half)
	power := 0.0
	for i := range c {
		power += max(0, cov.At(i, i)) / float64(c)
	}
	t.scale = math.Sqrt(max(power, 1e-9))
	white := mat.NewSymDense(c, nil)
	for i := range c {
		for j := i; j < c; j++ {
			v := (cov.At(i, j) + cov.At(j, i)) / 2 / (t.scale * t.scale)
			if i == j {
				v += localRidge
			}
			white.SetSym(i, j, v)
		}
	}
	var err error
	t.white, err = inverseRoot(white, localRidge/2)
	return err
}

// inverseRoot is the symmetric inverse square root of s, whose eigenvalues
// count as at least floor.
func inverseRoot(s *mat.SymDense, floor float64) (*mat.Dense, error) {
	var e mat.EigenSym
	if !e.Factorize(s, true) {
		return nil, fmt.Errorf("the covariance of %d feature channels did not decompose", s.SymmetricDim())
	}
	var v, scaled mat.Dense
	e.VectorsTo(&v)
	values := e.Values(nil)
	scaled.Apply(func(_, j int, x float64) float64 { return x / math.Sqrt(math.Sqrt(max(values[j], floor))) }, &v)
	out := new(mat.Dense)
	out.Mul(&scaled, scaled.T())
	return out, nil
}
