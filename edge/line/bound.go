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
// were seen, at the given confidence above 0.5: 59 of 59 give 0.9505 at 0.95.
func LowerBound(hits, n uint64, confidence float64) float64 {
	if n == 0 || hits == 0 || hits > n {
		return 0
	}
	// Bisection: P(Binomial(n, p) >= hits) grows with p, and is about a half at the rate itself.
	lo, hi := 0.0, float64(hits)/float64(n)
	for range 60 {
		p := float64(lo+hi) / 2
		if atLeast(n, hits, p) > 1-confidence {
			hi = p
		} else {
			lo = p
		}
	}
	return lo
}

// atLeast is P(Binomial(n, p) >= k) for k >= n*p, where the terms fall from the first.
func atLeast(n, k uint64, p float64) float64 {
	logTerm := logFactorial(n) - logFactorial(k) - logFactorial(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p)
	term, odds := math.Exp(logTerm), p/(1-p)
	sum := term
	for i := k; i < n && term > sum*1e-17; i++ {
		term *= float64(n-i) / float64(i+1) * odds
		sum += term
	}
	return min(sum, 1)
}

func logFactorial(n uint64) float64 {
	v, _ := math.Lgamma(float64(n) + 1)
	return v
}

func ceil(x float64) uint64 { return uint64(math.Ceil(x)) }
