//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"errors"
	"fmt"
	"math"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"
	"github.com/tensorflow/tensorflow/tensorflow/go/op"

	"winnow/infer/tflite"
)

// unary is every function of one 8-bit number: all 256 results are worked out
// here and looked up in the graph, in both modes. The square root is the one
// that converters leave in real numbers.
func (l *lowering) unary(o tflite.Op) (output, error) {
	x, y := l.tensor(o, 0), l.result(o)
	in, err := l.arg(o, 0)
	if err != nil {
		return output{}, err
	}
	if o.Code == tflite.OpSqrt && x.Type == tflite.Float32 && y.Type == tflite.Float32 {
		return op.Sqrt(l.s(), in), nil
	}
	if x.Type != tflite.Int8 || y.Type != tflite.Int8 {
		return output{}, fmt.Errorf("types %v -> %v: only int8 models can be run", x.Type, y.Type)
	}
	f, err := function(o, x, y)
	if err != nil {
		return output{}, err
	}
	to := targetOf(y, tflite.ActNone)
	return l.tabled(in, x, y, func(q float32) float32 { return min(max(f(q), to.least), to.most) }), nil
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

// function is what a unary operator makes of q - zeroPoint, before its result is
// clamped to 8 bits. LOGISTIC and TANH go by XNNPACK's reference
// (src/reference/unary-elementwise.cc), the others by integer kernels.
func function(o tflite.Op, x, y *tflite.Tensor) (func(float32) float32, error) {
	real := func(f func(float64) float64) func(float32) float32 {
		return func(q float32) float32 { return quantized(float32(f(float64(q*x.Scale()))), y) }
	}
	switch o.Code {
	case tflite.OpLogistic:
		return real(func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }), nil
	case tflite.OpTanh:
		return real(math.Tanh), nil
	case tflite.OpHardSwish:
		return hardSwish(x.Scale(), y.Scale()), nil
	case tflite.OpLeakyRelu:
		return leakyRelu(x.Scale(), y.Scale(), o.Options.(tflite.LeakyRelu).Alpha), nil
	case tflite.OpRelu:
		return clamped(x.Scale(), y.Scale(), 0, math.MaxFloat32), nil
	case tflite.OpRelu6:
		return clamped(x.Scale(), y.Scale(), 0, 6), nil
	case tflite.OpReluN1To1:
		return clamped(x.Scale(), y.Scale(), -1, 1), nil
	}
	return nil, errors.New("this function cannot be run on 8 bits")
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
	if err != nil {
		return output{}, err
	}
	if l.mode == Exact { // what was rounded up to 0 is -0 until it is an integer
		in = l.cast(l.cast(in, tensorflow.Int32), tensorflow.Float)
	}
	return l.mul(in, scalar(&l.builder, x.Scale())), nil
}

// softmax runs over the last dimension as TensorFlow Lite's int8 kernel does: a
// table of exp over the distance from the largest, a float32 sum in order, one
// reciprocal (optimized_ops.h, Softmax for 8 bits).
func (l *lowering) softmax(o tflite.Op) (output, error) {
	x, y := l.tensor(o, 0), l.result(o)
	in, err := l.arg(o, 0)
	if err != nil {
		return output{}, err
	}
	if x.Type != tflite.Int8 || y.Type != tflite.Int8 || y.Scale() != 1.0/256 || y.ZeroPoint() != -128 {
		return output{}, errors.New("int8 with an output of scale 1/256 and zero point -128 is needed")
	}
	exps := make([]float32, 256)
	scale := float32(-x.Scale() * o.Options.(tflite.Softmax).Beta)
	for i := range exps {
		exps[i] = float32(math.Exp(float64(float32(scale * float32(i)))))
	}
	b, last := &l.builder, len(x.Shape)-1
	largest := op.Max(l.s(), in, b.list(last), op.MaxKeepDims(true))
	below := l.cast(l.sub(largest, in), tensorflow.Int32)
	e := l.lookUp(constant(b, exps, 256), below)
	// Sum may add in any order, a running sum cannot.
	sum := l.pick(op.Cumsum(l.s(), e, scalar(b, int32(last))), last, []int{x.Shape[last] - 1})
	inv := l.div(scalar(b, float32(1)), l.mul(sum, scalar(b, y.Scale())))
	q := l.floor(l.add(l.double(l.mul(e, inv)), scalar(b, 0.5)))
	return l.clip(l.float(q), 0, 255), nil
}
