package evaluate

import (
	"math"
	"sort"
)

// scored is a score with its truth.
type scored struct {
	score float64
	bad   bool
}

// AUROC is the probability that a bad score is above a good one, ties counted
// half (Mann-Whitney). It is NaN where one of the two is empty.
func AUROC(good, bad []float64) float64 {
	if len(good) == 0 || len(bad) == 0 {
		return math.NaN()
	}
	all := merge(good, bad)
	rankSum := 0.0
	for i := 0; i < len(all); {
		j, nb := i, 0
		for ; j < len(all) && all[j].score == all[i].score; j++ {
			if all[j].bad {
				nb++
			}
		}
		rankSum += float64(nb) * float64(i+1+j) / 2
		i = j
	}
	n, m := float64(len(bad)), float64(len(good))
	return (rankSum - n*(n+1)/2) / (n * m)
}

// AveragePrecision is the area under the precision-recall curve as a step
// function; ties enter together.
func AveragePrecision(good, bad []float64) float64 {
	if len(good) == 0 || len(bad) == 0 {
		return math.NaN()
	}
	ap, last := 0.0, 0.0
	sweep(good, bad, func(_ float64, tp, fp int) {
		recall := float64(tp) / float64(len(bad))
		ap += (recall - last) * float64(tp) / float64(tp+fp)
		last = recall
	})
	return ap
}

// BestF1 is the largest F1 of any threshold.
func BestF1(good, bad []float64) float64 {
	if len(good) == 0 || len(bad) == 0 {
		return math.NaN()
	}
	best := 0.0
	sweep(good, bad, func(_ float64, tp, fp int) {
		best = max(best, 2*float64(tp)/float64(tp+fp+len(bad)))
	})
	return best
}

// CaughtAt is the share of bad scores above the threshold at which at most
// rate of the good ones are above it.
func CaughtAt(good, bad []float64, rate float64) float64 {
	if len(good) == 0 || len(bad) == 0 {
		return math.NaN()
	}
	threshold := thresholdAt(good, rate)
	n := 0
	for _, b := range bad {
		if b > threshold {
			n++
		}
	}
	return float64(n) / float64(len(bad))
}

// thresholdAt is the lowest score that at most rate of the good ones exceed.
func thresholdAt(good []float64, rate float64) float64 {
	g := append([]float64(nil), good...)
	sort.Float64s(g)
	return g[len(g)-1-min(len(g)-1, int(math.Floor(rate*float64(len(g)))))]
}

// merge returns all scores, ascending.
func merge(good, bad []float64) []scored {
	all := make([]scored, 0, len(good)+len(bad))
	for _, v := range good {
		all = append(all, scored{v, false})
	}
	for _, v := range bad {
		all = append(all, scored{v, true})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].score < all[j].score })
	return all
}

// sweep calls fn for each distinct threshold from the top with the numbers of
// bad and good scores at or above it.
func sweep(good, bad []float64, fn func(threshold float64, tp, fp int)) {
	all := merge(good, bad)
	tp, fp := 0, 0
	for i := len(all) - 1; i >= 0; {
		s := all[i].score
		for ; i >= 0 && all[i].score == s; i-- {
			if all[i].bad {
				tp++
			} else {
				fp++
			}
		}
		fn(s, tp, fp)
	}
}
