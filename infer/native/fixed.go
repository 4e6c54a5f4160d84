package native

import "math"

// Fixed-point arithmetic of LiteRT's builtin kernels, for the operators that
// XNNPACK does not take. Sources: gemmlowp/fixedpoint/fixedpoint.h,
// tensorflow/lite/kernels/internal/quantization_util.cc.

// multiplier is m * 2^(shift-31), with m in [2^30, 2^31).
type multiplier struct {
	m     int32
	shift int
}

// newMultiplier is QuantizeMultiplier.
func newMultiplier(v float64) multiplier {
	if v == 0 {
		return multiplier{}
	}
	f, e := math.Frexp(v)
	q := int64(math.Round(f * (1 << 31)))
	if q == 1<<31 {
		q, e = q/2, e+1
	}
	switch {
	case e < -31:
		return multiplier{}
	case e > 30:
		return multiplier{math.MaxInt32, 30}
	}
	return multiplier{int32(q), e}
}

// apply is MultiplyByQuantizedMultiplier with its two roundings.
func (m multiplier) apply(x int32) int32 {
	v := int64(x) << max(m.shift, 0)
	v = min(max(v, math.MinInt32), math.MaxInt32)
	return int32(divideByPowerOfTwo(doublingHighMul(v, int64(m.m), 31), max(-m.shift, 0)))
}

// applyUp is the same as the vector code of the optimized kernels has it: its
// second rounding takes ties up.
func (m multiplier) applyUp(x int32) int32 {
	v := int64(x) << max(m.shift, 0)
	v = min(max(v, math.MinInt32), math.MaxInt32)
	v = doublingHighMul(v, int64(m.m), 31)
	if n := -m.shift; n > 0 {
		v = (v + int64(1)<<(n-1)) >> n
	}
	return int32(v)
}

// doublingHighMul is SaturatingRoundingDoublingHighMul of numbers of bits+1
// bits: a*b / 2^bits, rounded half away from zero for a*b > 0.
func doublingHighMul(a, b int64, bits int) int64 {
	if a == b && a == -1<<bits {
		return 1<<bits - 1
	}
	nudge := int64(1) << (bits - 1)
	if a*b < 0 {
		nudge = 1 - nudge
	}
	return (a*b + nudge) / (1 << bits)
}

// divideByPowerOfTwo is RoundingDivideByPOT: x / 2^n rounded half away from
// zero.
func divideByPowerOfTwo(x int64, n int) int64 {
	mask := int64(1)<<n - 1
	threshold := mask >> 1
	if x < 0 {
		threshold++
	}
	if x&mask > threshold {
		return x>>n + 1
	}
	return x >> n
}

// half is DownScaleInt32ToInt16Multiplier.
func (m multiplier) half() int64 {
	const round = 1 << 15
	if m.m >= math.MaxInt32-round {
		return math.MaxInt16
	}
	return (int64(m.m) + round) >> 16
}

func saturate16(v int64) int64 { return min(max(v, math.MinInt16), math.MaxInt16) }

func saturate8(v int64) int8 { return int8(min(max(v, -128), 127)) }
