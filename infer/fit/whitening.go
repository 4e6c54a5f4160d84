package fit

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// Whitening is how what the closed form leaves of a part is set against what it leaves
// of good parts.
type Whitening int

// Ways to whiten, and both together.
const (
	WhitenNothing  Whitening = 0
	WhitenPlaces   Whitening = 1 // every channel is set against itself at each place
	WhitenChannels Whitening = 2 // channels that vary together are set apart
	WhitenBoth               = WhitenPlaces | WhitenChannels
)

func (w Whitening) String() string {
	return [...]string{"nothing", "places", "channels", "both"}[w]
}

// Shares of the pairs of a held-out part and a drawn defect which the reconstruction ranks
// wrongly that a way to whiten must spare, and one in the number of parts beside, as few of
// them rank by chance: whitened parts bear less that taught ones did not show, and the second
// way costs each part its time beside the first.
const (
	whiteningWorth   = 1.0 / 19
	whitenedTwiceFor = 1.0 / 10
)

// chooseWhitening scores held-out parts and drawn defects with what is left of them as it
// is and whitened either way, and, where the better way is worth it, both ways; it keeps the
// simplest that tells the defects as well as any, from parts in other conditions too, and returns
// its scores. Where parts repeat to a pixel, places set against themselves show faint defects
// at quiet ones; where they do not, the variance at one place is little more than chance, but
// channels may still vary together.
func (ft *fitter) chooseWhitening() (held, odd []HeldOut, err error) {
	ways := []Whitening{WhitenNothing, WhitenPlaces, WhitenChannels}
	if len(ft.oddDesc) == 0 {
		ways = ways[:1] // nothing to choose by
	}
	all, err := ft.crossFit(ways...)
	if err != nil {
		return nil, nil, err
	}
	best := all[0]
	consider := func(ways []Whitening, scored []crossFitted, worth float64) {
		bar := best.wrongly() * (1 - worth - 1/float64(len(best.held)))
		for i, c := range scored {
			if w := c.wrongly(); w < bar {
				best, ft.whiten, bar = c, ways[i], w
			}
		}
	}
	if consider(ways[1:], all[1:], whiteningWorth); ft.whiten != WhitenNothing {
		both := []Whitening{WhitenBoth}
		if all, err = ft.crossFit(both...); err != nil {
			return nil, nil, err
		}
		consider(both, all, whitenedTwiceFor)
	}
	return best.held, best.odd, nil
}

// wrongly is the share of pairs of a part and a drawn defect that the reconstruction ranks
// wrongly; those of parts in other conditions weigh swayCounts beside those of held-out ones.
func (c *crossFitted) wrongly() float64 {
	of := func(held []HeldOut) float64 {
		return 1 - DrawnAUROC(held, c.odd, func(h HeldOut) float64 { return h.Raw.Reconstruction })
	}
	if len(c.swayed) == 0 {
		return of(c.held)
	}
	return (of(c.held) + swayCounts*of(c.swayed)) / (1 + swayCounts)
}

// Constants of the whitening.
const (
	whiteToChannel = 0.3    // shrinks the variance of a channel at a cell towards that of the channel at all cells
	whiteToAll     = 0.05   // and of all channels
	whiteRidge     = 0.1    // of the covariance of channels, in their mean variance
	whiteCells     = 40_000 // cells that a covariance is made from, about
)

// whitener makes what a level leaves of good parts alike: every channel at every cell is
// brought nearly to one variance, so that a channel counts less at a place where good
// parts vary in it, more where they never do; then channels that vary together are set
// apart, so that what they never do together counts more (the symmetric inverse root of
// their covariance over all cells; Kessy, Lewin and Strimmer, The American Statistician
// 72, 2018). Both leave the mean square about as it is.
type whitener struct {
	place []float32 // a factor for each channel at each cell; nil: none
	apart []float32 // channels x channels; nil: none
}

// whitener of what is left of parts, in rows parts of left. Channels that conditions move
// together, in rows swayed, are set apart as well, weighing swayCounts.
func (l *levelFit) whitener(parts, swayed []int, how Whitening) (*whitener, error) {
	w := new(whitener)
	if how&WhitenPlaces != 0 {
		w.place = l.placeFactors(parts)
	}
	if how&WhitenChannels == 0 {
		return w, nil
	}
	c := l.channels
	cov := make([]float32, c*c)
	l.addCovariance(cov, 1, w.place, parts)
	l.addCovariance(cov, swayCounts, w.place, swayed)
	power := 0.0
	for i := range c {
		power += float64(cov[i*c+i]) / float64(c)
	}
	sym := mat.NewSymDense(c, nil)
	for i := range c {
		for j := i; j < c; j++ {
			v := float64(cov[i*c+j]) / max(power, 1e-9)
			if i == j {
				v += whiteRidge
			}
			sym.SetSym(i, j, v)
		}
	}
	apart, err := inverseRoot(sym, whiteRidge/2)
	if err != nil {
		return nil, err
	}
	w.apart = make([]float32, c*c)
	for i := range w.apart {
		w.apart[i] = float32(apart.At(i/c, i%c))
	}
	return w, nil
}

// addCovariance adds weight times the covariance of channels, over about whiteCells cells of what the
// rows of left hold times the factors of place.
func (l *levelFit) addCovariance(sum []float32, weight float32, place []float32, of []int) {
	c, cells := l.channels, 0
	cov := blas32.Symmetric{N: c, Stride: c, Data: make([]float32, c*c), Uplo: blas.Upper}
	stride := max(1, len(of)*l.h*l.w/whiteCells)
	l.eachLeft(place, of, func(i int, row []float32) {
		picked := row[:0]
		for cell := i % stride; cell < l.h*l.w; cell += stride {
			picked = append(picked, row[cell*c:(cell+1)*c]...)
		}
		if n := len(picked) / c; n > 0 {
			cells += n
			blas32.Syrk(blas.Trans, 1, blas32.General{Rows: n, Cols: c, Stride: c, Data: picked}, 1, cov)
		}
	})
	for i, v := range cov.Data {
		sum[i] += weight * v / float32(max(cells, 1))
	}
}

// rowsAt are the rows at which at has idx.
func rowsAt(at, idx []int) []int {
	rows := make([]int, len(idx))
	for i, p := range idx {
		rows[i] = at[p]
	}
	return rows
}

// eachLeft calls fn with each of the rows of left, times the factors of place; fn may spoil
// the row.
func (l *levelFit) eachLeft(place []float32, of []int, fn func(i int, row []float32)) {
	buf, row := make([]byte, l.x.width), make([]float32, l.x.width)
	for i, at := range of {
		for j, b := range l.left.view(buf, at, 0, l.x.width) {
			row[j] = float32(int8(b)) * l.x.step * leftStep
		}
		if place != nil {
			for j, f := range place {
				row[j] *= f
			}
		}
		fn(i, row)
	}
}

// placeFactors bring what is left of every channel at every cell, in rows parts of left,
// nearly to one variance, and leave its mean square as it is.
func (l *levelFit) placeFactors(parts []int) []float32 {
	v, w := make([]float64, l.x.width), make([]float32, l.x.width)
	l.eachLeft(nil, parts, func(_ int, row []float32) {
		for i, d := range row {
			v[i] += float64(d) * float64(d) / float64(len(parts))
		}
	})
	channel, all := make([]float64, l.channels), 0.0
	for i, x := range v {
		channel[i%l.channels] += x / float64(l.h*l.w)
		all += x / float64(len(v))
	}
	if all == 0 {
		for i := range w {
			w[i] = 1
		}
		return w
	}
	mean := 0.0
	for i, x := range v {
		v[i] += whiteToChannel*channel[i%l.channels] + whiteToAll*all
		mean += x / v[i] / float64(len(v))
	}
	for i, x := range v {
		w[i] = float32(math.Sqrt(all / x / mean))
	}
	return w
}

// whiteEnergy is the energy of what is left of parts, whitened.
func (l *levelFit) whiteEnergy(w *whitener, parts []int) [][]float32 {
	c := l.channels
	energy := make([][]float32, len(l.energy))
	apart := blas32.General{Rows: c, Cols: c, Stride: c, Data: w.apart}
	out := blas32.General{Rows: l.h * l.w, Cols: c, Stride: c, Data: make([]float32, l.x.width)}
	l.eachLeft(w.place, rowsAt(l.leftAt, parts), func(i int, row []float32) {
		energy[parts[i]] = make([]float32, l.h*l.w)
		if w.apart != nil {
			blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, blas32.General{Rows: l.h * l.w, Cols: c, Stride: c, Data: row}, apart, 0, out)
			row = out.Data
		}
		l.square(energy[parts[i]], row, 0)
	})
	return energy
}
