package native

import "math"

// exp is e^x with the same bits on every processor, which math.Exp does not
// promise: argument reduction by ln 2, then the Taylor series, in steps that are
// each rounded to float64. Its relative error is below 1e-15, far below what a
// table of float32 or int8 can show.
func exp(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01 // the upper 32 bits of ln 2
		ln2Lo = 1.90821492927058770002e-10
		terms = 15
	)
	if x < -700 {
		return 0
	}
	k := math.RoundToEven(float64(min(x, 700) * math.Log2E))
	r := float64(x-float64(k*ln2Hi)) - float64(k*ln2Lo)
	sum := 1.0
	for n := terms; n > 0; n-- {
		sum = 1 + float64(float64(sum*r)/float64(n))
	}
	return math.Ldexp(sum, int(k))
}

// tanh is accurate enough for float32 from 1e-5 on, and x itself below that.
func tanh(x float64) float64 {
	if math.Abs(x) < 1e-5 {
		return x
	}
	e := exp(-2 * math.Abs(x))
	return math.Copysign(float64(1-e)/float64(1+e), x)
}
