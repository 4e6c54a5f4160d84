//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"errors"

	"math"
	"winnow/infer/tflite"
)

func activationRange(a tflite.Activation, scale, least, most float32) (lo, hi float32) {
	q := func(x float64) float32 {
		return float32(max(float64(least), min(float64(most), math.RoundToEven(x/float64(scale)))))
	}
	switch a {
	case tflite.ActRelu:
		return q(0), most
	case tflite.ActRelu6:
		return q(0), q(6)
	case tflite.ActReluN1To1:
		return q(-1), q(1)
	}
	return least, most
}
func (l *lowering) quantize(o tflite.Op) (output, error)       { return output{}, errors.New("todo") }
func (l *lowering) dequantize(o tflite.Op) (output, error)     { return output{}, errors.New("todo") }
func (l *lowering) softmax(o tflite.Op) (output, error)        { return output{}, errors.New("todo") }
func (l *lowering) resizeBilinear(o tflite.Op) (output, error) { return output{}, errors.New("todo") }
