package line

import "math"

// boundRank returns the smallest k <= n with P(Binomial(n, q) <= k-1) >= c.
// The sum runs down from the top, over the upper tail
// P(X >= k) = sum over i >= k of C(n,i) q^i (1-q)^(n-i), which must stay <= 1-c.
func boundRank(n uint64, q, c float64) (uint64, bool) {
	if n == 0 || !(q > 0 && q < 1) || !(c > 0 && c < 1) {
		return 0, false
	}
	logTerm := float64(n) * math.Log(q) // of i = n
	odds := math.Log(1-q) - math.Log(q)
	tail, k := 0.0, n+1
	for i := n; ; i-- {
		tail += math.Exp(logTerm)
		if tail > 1-c || i == 0 {
			break
		}
		k = i
		// C(n,i-1) = C(n,i) * i / (n-i+1)
		logTerm += math.Log(float64(i)) - math.Log(float64(n-i+1)) + odds
	}
	return k, k <= n
}

// LowerBound is the Clopper-Pearson lower bound of a rate of which hits of n
// were seen, at the given confidence: 59 of 59 give 0.9505 at 0.95.
func LowerBound(hits, n uint64, confidence float64) float64 {
	if n == 0 || hits == 0 || hits > n {
		return 0
	}
	lo, hi := 0.0, 1.0
	for range 60 { // bisection: P(Binomial(n, p) >= hits) grows with p
		p := float64(lo+hi) / 2
		if atLeast(n, hits, p) > 1-confidence {
			hi = p
		} else {
			lo = p
		}
	}
	return lo
}

// atLeast is P(Binomial(n, p) >= k).
func atLeast(n, k uint64, p float64) float64 {
	logTerm := float64(n) * math.Log(p)
	odds := math.Log(1-p) - math.Log(p)
	sum := 0.0
	for i := n; ; i-- {
		sum += math.Exp(logTerm)
		if i <= k {
			return min(sum, 1)
		}
		logTerm += math.Log(float64(i)) - math.Log(float64(n-i+1)) + odds
	}
}

func ceil(x float64) uint64 { return uint64(math.Ceil(x)) }
