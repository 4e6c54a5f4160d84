// Package exchange tests online whether numbers still come as they came before:
// whether the sequence of seeds and live values is exchangeable. It is pure
// arithmetic, takes a bounded memory and allocates nothing for a value.
//
// Each value gets a smoothed conformal p-value against a bag of earlier ones.
// While the sequence is exchangeable these p-values are independent and uniform,
// exactly, whatever the distribution and however few the seeds: the bag grows by
// every value, so that p-values do not share a fixed calibration set (Vovk,
// Gammerman, Shafer, Algorithmic Learning in a Random World, section 8.2). Once
// the bag is full, one of its values and the new one, drawn by lot, leaves: what
// is left is independent of the ranks seen so far, so exactness stays.
//
// A mixture of bets against uniformity is summed up as the Shiryaev-Roberts
// statistic R (Vovk, Petej, Nouretdinov, Ahlberg, Carlsson, Gammerman, "Retrain
// or not retrain: conformal test martingales for change-point detection", COPA
// 2021): R - n is a martingale, so by Doob's inequality R exceeds a limit c within
// N values with probability at most N/c, and the mean number of values to a false
// alarm is at least c.
package exchange

import (
	"math"
	"math/rand/v2"
	"slices"
)

// DefaultBag is how many values a Test remembers at most: 32 KiB.
const DefaultBag = 4096

// Test is one online test of exchangeability. It is not safe for concurrent use.
type Test struct {
	bag    []float64 // ascending
	full   int
	lots   *rand.Rand
	wealth [bets]float64
	seen   int
}

// NewTest begins with seeds, values that are exchangeable with live ones as long
// as nothing changes; their order does not matter, and there may be none. bag
// bounds the memory (0: DefaultBag); seeds beyond it are left out by lot. lots
// seeds the randomness, so a run can be repeated.
func NewTest(seeds []float64, bag int, lots uint64) *Test {
	if bag <= 0 {
		bag = DefaultBag
	}
	t := &Test{full: bag, bag: make([]float64, 0, bag), lots: rand.New(rand.NewPCG(lots, 0x65786368))}
	for _, s := range seeds {
		if !math.IsNaN(s) {
			t.insert(s)
		}
	}
	return t
}

// Add observes one live value and returns its p-value: small for a value above
// most of the bag. A value that is no number is passed over with p-value NaN.
func (t *Test) Add(x float64) float64 {
	if math.IsNaN(x) {
		return x
	}
	p := t.pvalue(x)
	t.insert(x)
	t.bet(p)
	t.seen++
	return p
}

// pvalue is (values above x + u*(values equal to x, itself included)) / (n + 1)
// with u uniform on (0, 1].
func (t *Test) pvalue(x float64) float64 {
	lo, _ := slices.BinarySearch(t.bag, x)
	hi := lo
	for hi < len(t.bag) && t.bag[hi] == x {
		hi++
	}
	u := 1 - t.lots.Float64()
	return (float64(len(t.bag)-hi) + u*float64(hi-lo+1)) / float64(len(t.bag)+1)
}

// insert puts x into the bag. A full bag loses one of its values and x by lot.
func (t *Test) insert(x float64) {
	at, _ := slices.BinarySearch(t.bag, x)
	if len(t.bag) < t.full {
		t.bag = append(t.bag, 0)
		copy(t.bag[at+1:], t.bag[at:])
		t.bag[at] = x
		return
	}
	switch out := t.lots.IntN(len(t.bag) + 1); { // a place among bag and x together
	case out < at:
		copy(t.bag[out:at-1], t.bag[out+1:at])
		t.bag[at-1] = x
	case out > at:
		copy(t.bag[at+1:out], t.bag[at:out-1])
		t.bag[at] = x
	}
}

// bets is the number of densities on [0,1] that are bet with.
const bets = 8

// sticky is the share of each bet's wealth that stays with it from value to value.
const sticky = 0.99

// densities at p: each integrates to 1. They look for values that have risen or
// fallen a little, clearly or far, that spread more, and that spread less.
func densities(p float64) [bets]float64 {
	p = min(max(p, 1e-12), 1-1e-12)
	q := 1 - p
	rp, rq := math.Sqrt(p), math.Sqrt(q)
	return [bets]float64{
		1 + 0.9*(q-p), 1 - 0.9*(q-p),
		0.5 / rp, 0.5 / rq,
		0.25 / (rp * math.Sqrt(rp)), 0.25 / (rq * math.Sqrt(rq)),
		1 / (math.Pi * rp * rq), 6 * p * q,
	}
}

// bet moves the Shiryaev-Roberts statistic on: a unit of wealth is put in anew,
// evenly, and all is staked on the value's p-value.
func (t *Test) bet(p float64) {
	sum := 1.0
	for _, w := range t.wealth {
		sum += (1 - sticky) * w
	}
	for k, d := range densities(p) {
		t.wealth[k] = min(d*(sticky*t.wealth[k]+sum/bets), math.MaxFloat64/(2*bets))
	}
}

// Evidence is the Shiryaev-Roberts statistic R: on average the number of values
// seen while nothing changes, and growing exponentially once something has.
func (t *Test) Evidence() float64 {
	sum := 0.0
	for _, w := range t.wealth {
		sum += w
	}
	return sum
}

// Seen is the number of live values since the start.
func (t *Test) Seen() int { return t.seen }

// Limit on the evidence of each of several tests such that within parts values
// the probability of one or more false alarms of all tests together is at most rate.
func Limit(parts int, rate float64, tests int) float64 {
	return float64(parts) * float64(tests) / rate
}
