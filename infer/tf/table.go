//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"errors"
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
	return l.tabled(in, x, y, func(q float32) float32 { return quantized(f(q*x.Scale()), y) }), nil
}

// tabled looks f up for every q - zeroPoint of x; f gives the same of y.
func (l *lowering) tabled(in output, x, y *tflite.Tensor, f func(float32) float32) output {
	from := targetOf(x, tflite.ActNone)
	values := make([]float32, 256)
	for i := range values {
		values[i] = f(from.least + float32(i))
	}
	index := l.cast(l.sub(in, scalar(&l.builder, from.least)), tensorflow.Int32)
	return l.lookUp(constant(&l.builder, values, 256), index)
}

// quantized is what tensor t holds for real v, less its zero point: product and
// sum are rounded to float32, clamped, then rounded half to even (XNNPACK,
// xnn_qs8_quantize).
func quantized(v float32, t *tflite.Tensor) float32 {
	to, zero := targetOf(t, tflite.ActNone), float32(t.ZeroPoint())
	y := float32(v*(1/t.Scale())) + zero
	y = min(max(y, to.least+zero), to.most+zero)
	return float32(math.RoundToEven(float64(y))) - zero
}

// function is what a unary operator computes on real numbers (XNNPACK,
// src/reference/unary-elementwise.cc).
func function(o tflite.Op) (func(float32) float32, error) {
	switch o.Code {
	case tflite.OpLogistic:
		return func(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }, nil
	case tflite.OpTanh:
		return func(x float32) float32 { return float32(math.Tanh(float64(x))) }, nil
	case tflite.OpSqrt:
		return func(x float32) float32 { return float32(math.Sqrt(float64(x))) }, nil
	case tflite.OpHardSwish:
		return func(x float32) float32 { return float32(x/6) * min(max(x+3, 0), 6) }, nil
	case tflite.OpLeakyRelu:
		alpha := o.Options.(tflite.LeakyRelu).Alpha
		return func(x float32) float32 {
			if x < 0 {
				return alpha * x
			}
			return x
		}, nil
	case tflite.OpRelu:
		return func(x float32) float32 { return max(x, 0) }, nil
	case tflite.OpRelu6:
		return func(x float32) float32 { return min(max(x, 0), 6) }, nil
	case tflite.OpReluN1To1:
		return func(x float32) float32 { return min(max(x, -1), 1) }, nil
	}
	return nil, errors.New("this function cannot be run")
}

// quantize is QUANTIZE, from real numbers or from another 8-bit tensor. Between
// 8-bit tensors the ratio of the scales counts in 1/256 (XNNPACK,
// xnn_init_qs8_cvt_scalar_params).
func (l *lowering) quantize(o tflite.Op) (output, error) {
	x, y := l.tensor(o, 0), l.result(o)
	in, err := l.arg(o, 0)
	switch {
	case err != nil:
		return output{}, err
	case x.Type == tflite.Float32 && isQuantized(y):
		return l.round(l.mul(in, scalar(&l.builder, 1/y.Scale())), targetOf(y, tflite.ActNone)), nil
	case !isQuantized(x) || !isQuantized(y):
		return output{}, fmt.Errorf("from %v to %v cannot be run", x.Type, y.Type)
	}
	to := targetOf(y, tflite.ActNone)
	ratio := math.RoundToEven(float64(256 * float32(x.Scale()/y.Scale())))
	return l.tabled(in, x, y, func(q float32) float32 {
		v := math.Floor((float64(q)*ratio + 128) / 256)
		return min(max(float32(v), to.least), to.most)
	}), nil
}

// dequantize is DEQUANTIZE: real numbers from an 8-bit tensor.
func (l *lowering) dequantize(o tflite.Op) (output, error) {
	x, y := l.tensor(o, 0), l.result(o)
	if !isQuantized(x) || y.Type != tflite.Float32 {
		return output{}, fmt.Errorf("from %v to %v cannot be run", x.Type, y.Type)
	}
	in, err := l.arg(o, 0)
	return l.mul(in, scalar(&l.builder, x.Scale())), err
}

func (l *lowering) softmax(tflite.Op) (output, error) {
	return output{}, errors.New("this operator cannot be run")
}
