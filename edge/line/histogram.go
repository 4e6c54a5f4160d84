package line

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width is 1/16 of their value, so
// a quantile is at most 6.25 % too high and never too low. The zero value is
// empty. Durations below zero count as zero. It is not safe for concurrent use.
type Histogram struct {
	N       uint64
	Max     time.Duration
	buckets [41 * 16]uint64 // up to 2^44 ns, five hours; what is longer goes to the last
}

// Add counts d.
func (h *Histogram) Add(d time.Duration) {
	h.N++
	h.Max = max(h.Max, d)
	h.buckets[bucket(d)]++
}

// bucket numbers 0..15 hold one nanosecond each, then 16 a power of two.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 16 {
		return int(v)
	}
	shift := bits.Len64(v) - 5
	return min((shift+1)*16+int(v>>shift)-16, len(Histogram{}.buckets)-1)
}

// upper is the largest duration in bucket i.
func upper(i int) time.Duration {
	if i < 16 {
		return time.Duration(i)
	}
	shift := i/16 - 1
	return time.Duration(uint64(i%16+16+1)<<shift - 1)
}

// Below returns how many of the durations were at most d, where a bucket that d
// lies in counts as above.
func (h *Histogram) Below(d time.Duration) uint64 {
	var sum uint64
	for i, n := range h.buckets {
		if upper(i) > d {
			break
		}
		sum += n
	}
	return sum
}

// Quantile returns an upper bound of the q-quantile of what was counted,
// 0 <= q <= 1; zero for an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.N == 0 {
		return 0
	}
	return h.rank(max(1, ceil(q*float64(h.N))))
}

// rank returns the k-th smallest, counted from 1.
func (h *Histogram) rank(k uint64) time.Duration {
	var sum uint64
	for i, n := range h.buckets {
		sum += n
		if sum >= k {
			return min(upper(i), h.Max)
		}
	}
	return h.Max
}

// Bound returns a duration that the q-quantile of the line itself, not only of
// this sample, does not exceed with the given confidence. ok is false if the
// sample is too small to say so: 2995 parts are needed for q = 0.999 at 95 %.
// It is the distribution-free order-statistic bound: the k-th smallest of N
// with P(Binomial(N, q) < k) >= confidence.
func (h *Histogram) Bound(q, confidence float64) (d time.Duration, ok bool) {
	k, ok := boundRank(h.N, q, confidence)
	if !ok {
		return 0, false
	}
	return h.rank(k), true
}
