//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"errors"
	"fmt"
	"math"

	"github.com/tensorflow/tensorflow/tensorflow/go/op"

	"winnow/infer/tflite"
)

// sum is ADD and SUB. XNNPACK brings the two scale ratios to integers of 21 bits
// under one shift and rounds half up; in float64 the same integers are exact.
// Source: xnn_init_qs8_add_minmax_scalar_params.
func (l *lowering) sum(o tflite.Op) (output, error) {
	xs, err := l.args8(o)
	if err != nil {
		return output{}, err
	}
	a, b, y := l.tensor(o, 0), l.tensor(o, 1), l.result(o)
	ra, rb := a.Scale()/y.Scale(), b.Scale()/y.Scale()
	to := targetOf(y, o.Options.(tflite.Arithmetic).Activation)
	sign := 1.0
	if o.Code == tflite.OpSub {
		sign = -1
	}
	if !l.exact {
		s := l.add(l.mul(xs[0], scalar(&l.builder, ra)), l.mul(xs[1], scalar(&l.builder, rb*float32(sign))))
		return l.fakeQuant(s, to), nil
	}
	_, exponent := math.Frexp(float64(max(ra, rb)))
	shift := 21 - exponent // 20 less the exponent of the larger ratio
	part := func(x output, ratio float32) output {
		m := math.RoundToEven(math.Ldexp(float64(ratio), shift))
		return l.mul(l.double(x), scalar(&l.builder, math.Ldexp(m, -shift)))
	}
	s := part(xs[0], ra)
	if sign > 0 {
		s = l.add(s, part(xs[1], rb))
	} else {
		s = l.sub(s, part(xs[1], rb))
	}
	s = l.floor(l.add(s, scalar(&l.builder, 0.5)))
	return l.clip(l.float(s), to.lo, to.hi), nil
}

// args8 returns two 8-bit inputs of an operator whose output is 8-bit too.
func (l *lowering) args8(o tflite.Op) (xs [2]output, err error) {
	for i := range xs {
		if !isQuantized(l.tensor(o, i)) || !isQuantized(l.result(o)) {
			return xs, errors.New("only 8-bit tensors can be combined")
		}
		if xs[i], err = l.arg(o, i); err != nil {
			return xs, err
		}
	}
	return xs, nil
}

// product is MUL: the integers' product under one float32 scale, or a table of squares
// in float32 where XNNPACK has one.
func (l *lowering) product(o tflite.Op) (output, error) {
	xs, err := l.args8(o)
	if err != nil {
		return output{}, err
	}
	a, b, y := l.tensor(o, 0), l.tensor(o, 1), l.result(o)
	to := targetOf(y, o.Options.(tflite.Arithmetic).Activation)
	if l.exact && l.m.Squares(&o) {
		square := func(q float32) float32 {
			v := float32(q * a.Scale())
			return quantized(float32(v*v), y)
		}
		return l.clip(l.tabled(xs[0], a, y, square), to.lo, to.hi), nil
	}
	return l.rescale(l.mul(xs[0], xs[1]), float32(a.Scale()*b.Scale())/y.Scale(), to), nil
}

// mean is MEAN over any axes: the exact sum under one float32 scale, and what moves
// the zero points added before it is rounded.
func (l *lowering) mean(o tflite.Op) (output, error) {
	x, y := l.tensor(o, 0), l.result(o)
	in, err := l.arg(o, 0)
	if err != nil {
		return output{}, err
	}
	if !isQuantized(x) || !isQuantized(y) {
		return output{}, errors.New("only 8-bit tensors can be averaged")
	}
	axes, err := l.arg(o, 1)
	if err != nil {
		return output{}, err
	}
	count := x.Elements() / max(1, y.Elements())
	if count*255 > 1<<24 {
		in = l.double(in)
	}
	s := l.reshape(op.Sum(l.s(), in, axes), y.Shape...)
	scale, to := float32(x.Scale()/y.Scale())*(1/float32(count)), targetOf(y, tflite.ActNone)
	if !l.exact {
		return l.rescale(s, scale, to), nil
	}
	zeros := float32(int64(count) * int64(x.ZeroPoint()))
	offset := float32(y.ZeroPoint()) - float32(zeros*scale)
	stored := l.float(l.add(s, l.cast(scalar(&l.builder, float64(count)*float64(x.ZeroPoint())), s.DataType())))
	rounded := op.Round(l.s(), l.add(l.mul(stored, scalar(&l.builder, scale)), scalar(&l.builder, offset)))
	return l.clip(l.sub(rounded, scalar(&l.builder, float32(y.ZeroPoint()))), to.lo, to.hi), nil
}

// averagePool is the mean of the places of each window that lie inside the
// picture, rounded half away from zero, in stored integers, as TensorFlow Lite's
// kernel has it.
func (l *lowering) averagePool(o tflite.Op) (output, error) {
	opt, x, y := o.Options.(tflite.Pool2D), l.tensor(o, 0), l.result(o)
	in, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	size := []int64{1, int64(opt.FilterH), int64(opt.FilterW), 1}
	strides := []int64{1, int64(opt.StrideH), int64(opt.StrideW), 1}
	to := targetOf(y, opt.Activation)
	if l.exact && opt.FilterH*opt.FilterW*255 > 1<<21 {
		in = l.double(in)
	}
	mean := op.AvgPool(l.s(), in, size, strides, padding(opt.Padding))
	if !l.exact {
		return l.fakeQuant(mean, to), nil
	}
	b := &l.builder
	n, counts := windows(x.Shape, y.Shape, opt)
	// The mean is sum/n but for two roundings, so times n it lies nearest the sum.
	count := constant(b, n, 1, y.Shape[1], y.Shape[2], 1)
	zero := scalar(b, float32(x.ZeroPoint()))
	sum := op.Round(l.s(), l.mul(mean, l.cast(count, mean.DataType())))
	stored := l.add(l.float(sum), l.mul(count, zero)) // sum of q
	half := constant(b, counts, 1, y.Shape[1], y.Shape[2], 1)
	q := l.double(l.add(op.Abs(l.s(), stored), half))
	q = l.float(l.floor(l.div(q, l.double(count))))
	q = l.mul(q, op.Sign(l.s(), stored))
	return l.clip(l.sub(q, zero), to.lo, to.hi), nil
}

// windows returns how many places of each window lie inside, and half of that,
// rounded down.
func windows(in, out []int, opt tflite.Pool2D) (count, half []float32) {
	var pad [2][2]int
	if opt.Padding == tflite.Same {
		pad = [2][2]int{samePadding(in[1], out[1], opt.FilterH, opt.StrideH), samePadding(in[2], out[2], opt.FilterW, opt.StrideW)}
	}
	inside := func(i, stride, pad, filter, n int) int {
		from := i*stride - pad
		return min(from+filter, n) - max(from, 0)
	}
	for y := range out[1] {
		for x := range out[2] {
			n := inside(y, opt.StrideH, pad[0][0], opt.FilterH, in[1]) * inside(x, opt.StrideW, pad[1][0], opt.FilterW, in[2])
			count, half = append(count, float32(n)), append(half, float32(n/2))
		}
	}
	return count, half
}

// concat joins tensors of one scale.
func (l *lowering) concat(o tflite.Op) (output, error) {
	opt, y := o.Options.(tflite.Concat), l.result(o)
	var xs []output
	for i := range o.Inputs {
		x := l.tensor(o, i)
		if x.Scale() != y.Scale() || x.ZeroPoint() != y.ZeroPoint() {
			return output{}, fmt.Errorf("input %d has scale %g and zero point %d, the output %g and %d: they must agree", i, x.Scale(), x.ZeroPoint(), y.Scale(), y.ZeroPoint())
		}
		v, err := l.arg(o, i)
		if err != nil {
			return output{}, err
		}
		xs = append(xs, v)
	}
	joined := xs[0]
	if len(xs) > 1 {
		joined = op.ConcatV2(l.s(), xs, scalar(&l.builder, int32(opt.Axis)))
	}
	return l.activated(joined, y, opt.Activation), nil
}
