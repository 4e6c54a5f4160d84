//go:build cgo && linux && (amd64 || arm64)

package tf

import "math"

// These functions of q - zeroPoint follow the fixed-point arithmetic of the
// integer kernels, so that exact mode can check native's. Sources: gemmlowp's
// fixedpoint.h, tensorflow/lite/kernels/internal/{common.h,quantization_util.cc}.

// clamped is RELU, RELU6 and RELU_N1_TO_1 between scales (QuantizedReluX in
// tensorflow/lite/kernels/activations.cc); lo and hi are real numbers.
func clamped(in, out float32, lo, hi float32) func(float32) float32 {
	m, shift := multiplier(float64(in / out))
	bound := func(v float32) float64 { return math.Round(float64(v / out)) }
	return func(q float32) float32 {
		v := scaleBy(int64(q), m, shift)
		return float32(min(max(float64(v), bound(lo)), bound(hi)))
	}
}

// leakyRelu has both slopes in 1/256 (XNNPACK, xnn_init_qs8_lrelu_scalar_params), or,
// where the lower one is too flat for that, in 31 bits
// (tensorflow/lite/kernels/internal/reference/leaky_relu.h).
func leakyRelu(in, out, alpha float32) func(float32) float32 {
	ratio := in / out
	if flat := float32(ratio * alpha); flat > -1.0/256 && flat < 1.0/256 {
		upM, upShift := multiplier(float64(ratio))
		downM, downShift := multiplier(float64(float32(in*alpha) / out))
		return func(q float32) float32 {
			if q < 0 {
				return float32(scaleBy(int64(q), downM, downShift))
			}
			return float32(scaleBy(int64(q), upM, upShift))
		}
	}
	slope := func(r float32) int64 { return int64(math.RoundToEven(float64(256 * r))) }
	positive, negative := slope(ratio), slope(ratio*alpha)
	return func(q float32) float32 {
		m := positive
		if q < 0 {
			m = negative
		}
		return float32((int64(q)*m + 128) >> 8)
	}
}

// hardSwish works in 16 bits (tensorflow/lite/kernels/internal/reference/hard_swish.h).
func hardSwish(in, out float32) func(float32) float32 {
	fine := float32(1.0/128) * in
	outM, outShift := multiplier(float64(fine / out))
	reluM, reluShift := multiplier(float64(fine / float32(3.0/32768)))
	outM, reluM = narrow(outM), narrow(reluM)
	return func(q float32) float32 {
		x := int16Of(int64(q) * 128)
		relu := x
		if reluShift > 0 {
			relu = int16Of(relu << (reluShift - 1))
		}
		relu = highMul(relu, reluM, 15)
		if reluShift > 0 {
			relu = int16Of(relu << 1)
		} else {
			relu = shiftRound(relu, -reluShift)
		}
		relu = (relu + 1<<15) >> 1                            // in 0..2^15: relu6(x+3)/6
		y := int16Of(relu * highMul(x, outM, 15) / (1 << 15)) // truncates
		return float32(shiftRound(y, -outShift))
	}
}

// multiplier splits v into m * 2^(shift-31) with m in [2^30, 2^31).
func multiplier(v float64) (m int64, shift int) {
	f, e := math.Frexp(v)
	m = int64(math.Round(f * (1 << 31)))
	switch {
	case m == 1<<31:
		return 1 << 30, e + 1
	case e < -31:
		return 0, 0
	}
	return m, e
}

// scaleBy is x*m*2^(shift-31), rounded to the nearest twice.
func scaleBy(x, m int64, shift int) int64 {
	return shiftRound(highMul(x<<max(shift, 0), m, 31), max(-shift, 0))
}

// narrow brings a 32-bit multiplier to 16 bits.
func narrow(m int64) int64 { return min((m+1<<15)>>16, math.MaxInt16) }

// highMul is a*b / 2^bits, rounded to the nearest. It saturates the one product
// that does not fit.
func highMul(a, b int64, bits int) int64 {
	p := a * b
	if p == 1<<(2*bits) {
		return 1<<bits - 1
	}
	half := int64(1) << (bits - 1)
	if p < 0 {
		return (p + 1 - half) / (1 << bits)
	}
	return (p + half) / (1 << bits)
}

// shiftRound is x / 2^n, rounded half away from zero.
func shiftRound(x int64, n int) int64 {
	if n == 0 {
		return x
	}
	half := int64(1) << (n - 1)
	if x < 0 {
		return -((-x + half) >> n)
	}
	return (x + half) >> n
}

func int16Of(v int64) int64 { return min(max(v, math.MinInt16), math.MaxInt16) }
