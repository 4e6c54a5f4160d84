package train

import "math"

// Range of a node's values, 0 included.
type Range struct{ Low, High float64 }

// widen r to hold lo and hi.
func (r Range) widen(lo, hi float64) Range { return Range{min(r.Low, lo), max(r.High, hi)} }

// leastWidth is the range below which a node holds nothing but zero.
const leastWidth = 1e-6

// Grid is the 8-bit grid of r: real = scale*(q - zero), q from -128 to 127. Zero
// is on the grid, as convolutions with padding need.
func (r Range) Grid() (scale float64, zero int) {
	lo, hi := min(r.Low, 0), max(r.High, 0)
	if hi-lo < leastWidth { // any grid holds zero, but kernels take no scales so far apart
		lo, hi = 0, 1
	}
	scale = float64(float32((hi - lo) / 255))
	return scale, int(math.RoundToEven(max(-128, min(127, -128-lo/scale))))
}
