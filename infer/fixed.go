package infer

import "math"

// The arithmetic between a graph's integer outputs and a verdict must give the
// same bits on every processor. Go may fuse x*y+z into one rounding on arm64,
// and its math package has assembly for some functions on some processors, so
// here every product is rounded by a conversion and the logarithm is our own.

// mul is a*b rounded to float64, never fused with a following addition.
func mul(a, b float64) float64 { return float64(a * b) }

// Log is the natural logarithm of x > 0, within 2 units in the last place and
// the same bits on every processor. It reduces x to m*2^e with m in
// [sqrt(1/2), sqrt(2)) and sums the odd series of 2*atanh((m-1)/(m+1)).
func Log(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Inf(int(math.Copysign(1, x-1)))
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	s := (m - 1) / (m + 1)
	s2 := mul(s, s)
	sum := 0.0
	for k := 21; k >= 1; k -= 2 {
		sum = mul(sum, s2) + 1/float64(k)
	}
	return mul(2*s, sum) + mul(float64(e), math.Ln2)
}
