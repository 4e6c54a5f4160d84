package fit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"

	"winnow/edge"
	"winnow/infer"
	"winnow/models"
)

// unsureBand is how many good parts may lie in the band below the threshold, for
// each that may lie above it.
const unsureBand = 0.5

// Confidence of every certificate.
const Confidence = 0.95

// LeastRate is the smallest false-reject rate that can be asked for: it takes three million parts
// to prove it.
const LeastRate = 1e-6

// CanAsk reports whether a false-reject rate can be asked for.
func CanAsk(rate float64) bool { return rate >= LeastRate && rate < 1 }

// Rank is which of n held-out scores, the largest being the first, is the threshold for
// an asked false-reject rate.
func Rank(rate float64, n int) int { return max(1, int(math.Floor(rate*float64(n+1)))) }

// Calibrate draws a threshold from held-out scores of good parts for an asked
// false-reject rate, and the certificate that goes with it. Parts of one group
// are not independent, so each group speaks through one of its parts, drawn by
// seed. method is "split" where the scorer never saw the parts, "cross" where
// each was scored by a model of the other folds.
//
// Below the threshold lies the band of unsure parts, half as many good ones as
// above it.
//
// The threshold is the k-th largest of n scores with k = floor(rate*(n+1)), at
// least 1: a new good part exceeds it with probability at most k/(n+1) (Vovk et
// al., section 2.2). The certificate is the exact upper confidence bound on the
// rate given the calibration set: the x at which Binomial(n, x) has at most
// k-1 successes with probability 1-Confidence (Clopper and Pearson, 1934).
func Calibrate(scores []float64, groups []int, rate float64, method string, seed uint64) (models.Calibration, error) {
	var c models.Calibration
	if len(scores) == 0 || len(groups) != len(scores) {
		return c, fmt.Errorf("calibration needs held-out good parts: %d scores, %d groups", len(scores), len(groups))
	}
	if !CanAsk(rate) {
		return c, fmt.Errorf("a false-reject rate of %g cannot be asked for: it lies between %g and 1", rate, LeastRate)
	}
	for i, s := range scores {
		if math.IsNaN(s) || math.IsInf(s, 0) {
			return c, fmt.Errorf("held-out part %d has score %g", i, s)
		}
	}
	c.Scores = representatives(scores, groups, seed)
	n := len(c.Scores)
	k := Rank(rate, n)
	c.FalseReject = rate
	c.Threshold = c.Scores[n-k]
	c.UnsureAbove = c.Scores[max(0, n-k-int(unsureBand*rate*float64(n+1)))]
	c.MapScale = 1
	c.Certificate = edge.Certificate{Bound: UpperBound(k-1, n, Confidence), Confidence: Confidence, N: n, Method: method}
	return c, nil
}

// representatives returns one score a group, ascending.
func representatives(scores []float64, groups []int, seed uint64) []float64 {
	members := map[int][]float64{}
	var order []int
	for i, g := range groups {
		if members[g] == nil {
			order = append(order, g)
		}
		members[g] = append(members[g], scores[i])
	}
	slices.Sort(order)
	r := rand.New(rand.NewPCG(seed, 0x63616c))
	out := make([]float64, 0, len(order))
	for _, g := range order {
		out = append(out, members[g][r.IntN(len(members[g]))])
	}
	slices.Sort(out)
	return out
}

// UpperBound is the exact one-sided upper confidence bound on a rate of which
// x events were seen in n independent trials.
func UpperBound(x, n int, confidence float64) float64 {
	if x >= n {
		return 1
	}
	lo, hi := float64(x)/float64(n), 1.0
	for range 100 {
		mid := (lo + hi) / 2
		if binomialCDF(x, n, mid) > 1-confidence {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// binomialCDF is the probability of at most x successes in n trials.
func binomialCDF(x, n int, p float64) float64 {
	if p <= 0 {
		return 1
	}
	sum := 0.0
	lg := func(v int) float64 { l, _ := math.Lgamma(float64(v + 1)); return l }
	for i := 0; i <= x; i++ {
		sum += math.Exp(lg(n) - lg(i) - lg(n-i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}

// PartsFor is how many independent good parts it takes to prove a rate when
// none of them may exceed the threshold.
func PartsFor(rate, confidence float64) int {
	return int(math.Ceil(math.Log(1-confidence) / math.Log1p(-rate)))
}

// Promise says in one sentence what a certificate is worth, and what would be
// needed for the rate that was asked for.
func Promise(c models.Calibration) string {
	cert := c.Certificate
	s := fmt.Sprintf("false-reject rate at most %s %% at %.0f %% confidence, from %d good parts", AtMost(100*cert.Bound), 100*cert.Confidence, cert.N)
	if cert.Method == "cross" {
		s += " (cross-fitted: each was judged by a model that had not seen it)"
	}
	if cert.Bound <= c.FalseReject {
		return s
	}
	s += fmt.Sprintf("; %.4g %% was asked for: ", 100*c.FalseReject)
	if best := UpperBound(0, cert.N, cert.Confidence); best > c.FalseReject {
		n := PartsFor(c.FalseReject, cert.Confidence)
		return s + fmt.Sprintf("%d good parts can prove that, drawn with --false-reject %.3g; %d prove %s %% at best",
			n, provingRate(c.FalseReject, n, cert.Confidence), cert.N, AtMost(100*best))
	}
	return s + fmt.Sprintf("drawn with --false-reject %.3g these parts would prove that", provingRate(c.FalseReject, cert.N, cert.Confidence))
}

// AtMost says v in two digits that are no less.
func AtMost(v float64) string {
	if !(v > 1e-9) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	places := 1 - int(math.Floor(math.Log10(v)))
	unit := math.Pow10(-places)
	said := strconv.FormatFloat(math.Ceil(v/unit-1e-9)*unit, 'f', max(places, 0), 64)
	if places > 0 {
		said = strings.TrimRight(strings.TrimRight(said, "0"), ".")
	}
	return said
}

// provingRate is what a threshold must be drawn for so that n good parts prove a rate: as
// many of them may exceed it as the certificate bears.
func provingRate(rate float64, n int, confidence float64) float64 {
	k := 1 + sort.Search(n-1, func(i int) bool { return UpperBound(1+i, n, confidence) > rate })
	return (float64(k) + 0.5) / float64(n+1)
}

// view fits the log-domain standardization of one raw score: median and
// 1.4826 MAD, not below half the standard deviation.
func view(raw []float64) infer.View {
	l := make([]float64, len(raw))
	typical := max(median(slices.Clone(raw)), 1e-6)
	mean := 0.0
	for i, v := range raw {
		l[i] = infer.Log(v)
		mean += l[i] / float64(len(raw))
	}
	dev := 0.0
	for _, v := range l {
		dev += (v - mean) * (v - mean) / float64(len(raw))
	}
	m := median(l)
	for i, v := range l {
		l[i] = math.Abs(v - m)
	}
	return infer.View{LogMedian: m, LogScale: max(1.4826*median(l), 0.5*math.Sqrt(dev), 1e-3), Median: typical}
}

// median of v, which it sorts.
func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
