package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"winnow/infer"
)

// Constants of the fusion's fit.
const (
	fusionPull  = 0.3 // pulls the weights of standardized evidence to where they start
	fusionTrust = 6   // powers of e that a unit of sensitivity is worth to a view's start
	fusionSteps = 50  // Newton steps, half length: converged long before
)

// Between these shares of the variance that the reconstruction foretells, it comes to
// count in full: below, what it leaves is all that there is to see.
const (
	repeatsNothing = 0.05
	RepeatsEnough  = 0.25
)

// fusionStart is what reconstruction, surroundings and latent weigh where all tell
// drawn defects alike. The surroundings' view was pointed by drawn defects, so what it
// makes of others of their kind flatters it; the others never saw one.
var fusionStart = [3]float64{0.7, 0.1, 0.2}

// startFor is fusionStart where a reconstruction foretells the share repeat of what
// varies. Where nothing repeats by place it speaks for no place, and the surroundings
// take its part.
func startFor(repeat float64, local bool) [3]float64 {
	start := fusionStart
	if local {
		counts := min(max((repeat-repeatsNothing)/(RepeatsEnough-repeatsNothing), 0), 1)
		start[0] *= counts
		start[1] += fusionStart[0] - start[0]
	}
	return start
}

// fuse fits the weights of the fusion by logistic regression of drawn defects
// against held-out good parts, both classes weighing the same, with weights that
// are not negative and a pull towards where they start: at start times what drawn
// defects speak for (started). With nothing drawn they are start.
//
// Newton's method on the penalized likelihood; weights at zero whose gradient
// would drive them below stay there (Bertsekas, SIAM J. Control 20, 1982).
func fuse(s *infer.Member, local bool, start [3]float64, good, odd []infer.Deviations) infer.Fusion {
	views := 3
	rows := make([][3]float64, 0, len(good)+len(odd))
	for _, d := range append(append([]infer.Deviations{}, good...), odd...) {
		rows = append(rows, evidence(s, local, d))
	}
	spread := spreads(rows[:len(good)])
	if !local {
		spread[1] = math.Inf(1) // its column vanishes
	}
	f := logistic{spread: spread, good: len(good)}
	for i := range rows {
		for v := range views {
			rows[i][v] /= spread[v]
		}
	}
	f.start = start
	if len(odd) > 0 {
		f.start = started(start, rows, len(good), local)
	}
	w := [4]float64{f.start[0], f.start[1], f.start[2], -1}
	if len(odd) > 0 {
		for range fusionSteps {
			w = f.step(rows, w)
		}
	}
	return f.weights(w, local)
}

type logistic struct {
	spread [3]float64
	start  [3]float64
	good   int
}

// started is what views start from, times what drawn defects speak for: a view's weight falls
// exponentially with how much less sensitive it is than the best one. A view that tells
// markedly less than another is then all but out, however it is favoured otherwise, as
// pointless evidence would drown the other's; views that tell alike are left to
// base, for what drawn defects say of them is little more than chance.
func started(base [3]float64, rows [][3]float64, good int, local bool) (start [3]float64) {
	var d [3]float64
	best := 0.0
	for v := range d {
		column := make([]float64, len(rows))
		for i, r := range rows {
			column[i] = r[v]
		}
		d[v] = sensitivity(AUROC(column[:good], column[good:]), len(rows)-good)
		if v != 1 || local {
			best = max(best, d[v])
		}
	}
	sum := 0.0
	for v := range start {
		if v != 1 || local {
			start[v] = base[v] * math.Exp(fusionTrust*(d[v]-best))
			sum += start[v]
		}
	}
	for v := range start {
		start[v] /= sum
	}
	return start
}

// sensitivity is the index d' of signal detection (Green and Swets, 1966) that an AUROC
// measured on n odd parts amounts to: by how many standard deviations good and odd parts
// would lie apart if both were normal. Less than chance is none.
func sensitivity(auroc float64, n int) float64 {
	a := min(max(auroc, 0.5), 1-0.5/float64(n))
	return 2 * math.Erfinv(2*a-1)
}

// AUROC is the share of pairs in which the odd part scores above the good one; equal
// scores count half (the Mann-Whitney statistic).
func AUROC(good, odd []float64) float64 {
	sorted := slices.Clone(good)
	slices.Sort(sorted)
	sum := 0.0
	for _, v := range odd {
		lo, _ := slices.BinarySearch(sorted, v)
		hi, _ := slices.BinarySearch(sorted, math.Nextafter(v, math.Inf(1)))
		sum += float64(lo) + float64(hi-lo)/2
	}
	return sum / float64(len(good)*len(odd))
}

// DrawnAUROC is how often a drawn defect of odd scores above a held-out good part.
func DrawnAUROC(held, odd []HeldOut, score func(HeldOut) float64) float64 {
	of := func(hs []HeldOut) []float64 {
		out := make([]float64, len(hs))
		for i, h := range hs {
			out[i] = score(h)
		}
		return out
	}
	return AUROC(of(held), of(odd))
}

// spreads is the standard deviation of each column, at least a little.
func spreads(rows [][3]float64) (out [3]float64) {
	for v := range out {
		mean, sqr := 0.0, 0.0
		for _, r := range rows {
			mean += r[v] / float64(len(rows))
			sqr += r[v] * r[v] / float64(len(rows))
		}
		out[v] = math.Sqrt(max(0, sqr-mean*mean)) + 1e-6
	}
	return out
}

// step is half a Newton step from w: three weights and the intercept.
func (f *logistic) step(rows [][3]float64, w [4]float64) [4]float64 {
	g, h := f.derivatives(rows, w)
	var free []int
	for i := range w {
		if i == 3 || w[i] > 0 || g[i] < 0 {
			free = append(free, i)
		}
	}
	a, b := mat.NewSymDense(len(free), nil), mat.NewVecDense(len(free), nil)
	for i, p := range free {
		b.SetVec(i, -g[p])
		for j := i; j < len(free); j++ {
			a.SetSym(i, j, h[p][free[j]])
		}
	}
	var ch mat.Cholesky
	var d mat.VecDense
	if !ch.Factorize(a) || ch.SolveVecTo(&d, b) != nil {
		return w
	}
	for i, p := range free {
		w[p] += 0.5 * d.AtVec(i)
		if p < 3 {
			w[p] = max(w[p], 0)
		}
	}
	return w
}

// derivatives of the penalized loss at w.
func (f *logistic) derivatives(rows [][3]float64, w [4]float64) (g [4]float64, h [4][4]float64) {
	for i, r := range rows {
		x := [4]float64{r[0], r[1], r[2], 1}
		y, weight := 0.0, 0.5/float64(f.good)
		if i >= f.good {
			y, weight = 1, 0.5/float64(len(rows)-f.good)
		}
		u := 0.0
		for k := range x {
			u += w[k] * x[k]
		}
		p := 1 / (1 + math.Exp(-max(-30, min(30, u))))
		for k := range x {
			g[k] += weight * (p - y) * x[k]
			for l := range x {
				h[k][l] += weight * p * (1 - p) * x[k] * x[l]
			}
		}
	}
	for k := range 3 {
		g[k] += fusionPull * (w[k] - f.start[k])
		h[k][k] += fusionPull
	}
	h[3][3] += 1e-9
	return g, h
}

// weights of unscaled evidence, summing to 1.
func (f *logistic) weights(w [4]float64, local bool) infer.Fusion {
	var u [3]float64
	sum := 0.0
	for v := range u {
		if v != 1 || local {
			u[v] = w[v] / f.spread[v]
			sum += u[v]
		}
	}
	if !(sum > 0) {
		if local {
			return infer.Fusion{Reconstruction: 1, Local: 1, Latent: 1, Root: true}
		}
		return infer.Fusion{Reconstruction: 1, Latent: 1, Root: true}
	}
	return infer.Fusion{Reconstruction: u[0] / sum, Local: u[1] / sum, Latent: u[2] / sum, Root: true}
}
