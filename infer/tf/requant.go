//go:build cgo && linux && (amd64 || arm64)

package tf

import (
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
