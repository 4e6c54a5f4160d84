//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"
	"github.com/tensorflow/tensorflow/tensorflow/go/op"

	"winnow/infer/tflite"
)

// target is what sums are brought to: the integers q - zeroPoint of a tensor,
// which its type and its operator's activation bound.
type target struct {
	least, most float32 // that the type can hold
	lo, hi      float32 // that the activation lets pass
}

func targetOf(t *tflite.Tensor, a tflite.Activation) target {
	least, most := -128-float32(t.ZeroPoint()), 127-float32(t.ZeroPoint())
	if t.Type == tflite.UInt8 {
		least, most = -float32(t.ZeroPoint()), 255-float32(t.ZeroPoint())
	}
	to := target{least, most, least, most}
	switch a {
	case tflite.ActRelu:
		to.lo = quantized(0, t)
	case tflite.ActRelu6:
		to.lo, to.hi = quantized(0, t), quantized(6, t)
	case tflite.ActReluN1To1:
		to.lo, to.hi = quantized(-1, t), quantized(1, t)
	}
	return to
}

// round brings float32 x to the nearest integers of the target, ties to even.
func (l *lowering) round(x output, to target) output {
	return l.clip(op.Round(l.s(), x), to.lo, to.hi)
}

// fakeQuant does the same in one operation, with ties rounded up.
func (l *lowering) fakeQuant(x output, to target) output {
	y := op.FakeQuantWithMinMaxArgs(l.s(), x, op.FakeQuantWithMinMaxArgsMin(to.least), op.FakeQuantWithMinMaxArgsMax(to.most))
	if to.lo > to.least || to.hi < to.most {
		y = l.clip(y, to.lo, to.hi)
	}
	return y
}

// rescale multiplies integers (float32 or float64) by a float32 scale and
// rounds: XNNPACK's "fp32" requantization.
func (l *lowering) rescale(x output, scale float32, to target) output {
	y := l.mul(l.float(x), scalar(&l.builder, scale))
	if !l.exact {
		return l.fakeQuant(y, to)
	}
	return l.round(y, to)
}

// builtin brings exact sums (float32 or float64) to the target by TensorFlow
// Lite's own rule: a multiplier of 31 bits for each channel and two roundings, of
// which the second takes ties up in whole groups of eight channels, which its
// vector code does, and away from zero in the rest. Source:
// tensorflow/lite/kernels/internal/common.h, MultiplyByQuantizedMultiplier.
func (l *lowering) builtin(sums output, scales []float64, to target) output {
	n := len(scales)
	ms, shifts, halves, away := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for c, v := range scales {
		m, shift := multiplier(v)
		ms[c] = m << max(shift, 0)
		if shift < 0 {
			shifts[c], halves[c] = int64(-shift), 1<<(-shift-1)
			if c >= n&^7 {
				away[c] = 1
			}
		}
	}
	b := &l.builder
	v := l.mul(l.cast(sums, tensorflow.Int64), constant(b, ms, n))
	v = op.RightShift(l.s(), l.add(v, scalar(b, int64(1)<<30)), scalar(b, int64(31)))
	negative := op.RightShift(l.s(), v, scalar(b, int64(63))) // -1 or 0
	v = l.add(l.add(v, constant(b, halves, n)), l.mul(negative, constant(b, away, n)))
	v = op.RightShift(l.s(), v, constant(b, shifts, n))
	return l.clip(l.float(v), to.lo, to.hi)
}
