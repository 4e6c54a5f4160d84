//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"fmt"
	"math"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"

	"winnow/infer/tflite"
)

// unary is every function of one 8-bit number: all 256 results are worked out
// here and looked up in the graph, in both modes.
func (l *lowering) unary(o tflite.Op) (output, error) {
	x, y := l.tensor(o, 0), l.result(o)
	if !isQuantized(x) || x.Type != y.Type {
		return output{}, fmt.Errorf("types %v -> %v: only 8-bit models can be run", x.Type, y.Type)
	}
	in, err := l.arg(o, 0)
	if err != nil {
		return output{}, err
	}
	f, err := function(o)
	if err != nil {
		return output{}, err
	}
	from, to := targetOf(x, tflite.ActNone), targetOf(y, tflite.ActNone)
	values := make([]float32, 256)
	for i := range values {
		// In float32, as the reference kernels of XNNPACK and TensorFlow Lite.
		real := x.Scale() * (from.least + float32(i))
		q := math.RoundToEven(float64(float32(f(float64(real))) / y.Scale()))
		values[i] = float32(max(float64(to.least), min(float64(to.most), q)))
	}
	index := l.cast(l.sub(in, scalar(&l.builder, from.least)), tensorflow.Int32)
	return l.lookUp(constant(&l.builder, values, 256), index), nil
}

// function is what a unary operator computes on real numbers.
func function(o tflite.Op) (func(float64) float64, error) {
	switch o.Code {
	case tflite.OpLogistic:
		return func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, nil
	case tflite.OpTanh:
		return math.Tanh, nil
	case tflite.OpSqrt:
		return func(x float64) float64 { return math.Sqrt(max(x, 0)) }, nil
	case tflite.OpHardSwish:
		return func(x float64) float64 { return x * min(max(x+3, 0), 6) / 6 }, nil
	case tflite.OpLeakyRelu:
		alpha := float64(o.Options.(tflite.LeakyRelu).Alpha)
		return func(x float64) float64 {
			if x < 0 {
				return alpha * x
			}
			return x
		}, nil
	case tflite.OpRelu:
		return func(x float64) float64 { return max(x, 0) }, nil
	case tflite.OpRelu6:
		return func(x float64) float64 { return min(max(x, 0), 6) }, nil
	case tflite.OpReluN1To1:
		return func(x float64) float64 { return min(max(x, -1), 1) }, nil
	}
	return nil, fmt.Errorf("this function cannot be run")
}
