package kernel

import "math"

// ending is how a tile of sums becomes bytes, where kernels know several ways.
type ending int

const (
	endSaturating ending = iota // whatever the sums are
	endPlain                    // scaled sums and zero point fit 16 bits; nothing to clamp, nothing to add
	endShifted                  // they fit; the zero point is added and the range is clamped
)

// tail holds what endPlain and endShifted need in registers: a float32 below 2^22
// and the magic number make one whose low bits are the integer, halves rounded to
// even. That stays true with an even zero point added, too.
type tail struct {
	zero   [8]int16 // the zero point where it is odd
	lo, hi [16]int8
	magic  [4]float32
}

const (
	endMagic = 1<<23 + 1<<22
	endMost  = 32000 // leaves room for the zero point and for float32 rounding below 2^15
)

// endingOf chooses the ending of sums that are most, once scaled.
func endingOf(r *Requant, most float64) (ending, tail) {
	if !(most <= endMost) {
		return endSaturating, tail{}
	}
	e, t := endPlain, tail{}
	even, odd := r.Zero, int32(0)
	if r.Zero%2 != 0 {
		even, odd = 0, r.Zero
	}
	if odd != 0 || r.Min > -128 || r.Max < 127 {
		e = endShifted
	}
	for i := range t.magic {
		t.magic[i] = float32(endMagic + even)
	}
	for i := range t.zero {
		t.zero[i] = int16(odd)
	}
	for i := range t.lo {
		t.lo[i], t.hi[i] = r.Min, r.Max
	}
	return e, t
}

// weightSum is what is to be known of all weights of a channel together: their
// sum, as int32 wraps, and that of their magnitudes.
type weightSum struct {
	sum  int32
	span int64
}

func (s *weightSum) add(w int32) {
	s.sum += w
	s.span += int64(max(w, -w))
}

// reach is the largest magnitude of bias + sum((a-zero)*w) for any input, infinite
// where int32 may wrap.
func (s *weightSum) reach(bias int32) float64 {
	n := math.Abs(float64(bias)) + 255*float64(s.span)
	if n > math.MaxInt32 {
		return math.Inf(1)
	}
	return n
}
