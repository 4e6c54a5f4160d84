package fit

import (
	"math"
	"slices"
)

// Constants of the search for parts that may not be good.
const (
	suspectScales = 2.2 // robust deviations above the median from which a part is named
	suspectShare  = 0.1 // of the parts that are named, at most
)

// Suspects names taught parts that look unlike the others, worst first: parts
// whose held-out score lies further above the median than a few robust standard
// deviations (1.4826 MAD; Rousseeuw and Croux, JASA 88, 1993). A bad part among
// the good is judged by a model that did not see it, so it cannot hide. Parts of
// one group hide each other no more than the model of the other groups does.
func Suspects(held []HeldOut) []int {
	scores := make([]float64, len(held))
	for i, h := range held {
		scores[i] = h.Fused
	}
	middle := median(slices.Clone(scores))
	off := make([]float64, len(scores))
	for i, s := range scores {
		off[i] = math.Abs(s - middle)
	}
	limit := middle + suspectScales*max(1.4826*median(off), 1e-6)
	var named []int
	for i, s := range scores {
		if s > limit {
			named = append(named, i)
		}
	}
	slices.SortStableFunc(named, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	return named[:min(len(named), max(1, int(suspectShare*float64(len(held)))))]
}
