//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"errors"
	"fmt"

	"github.com/tensorflow/tensorflow/tensorflow/go/op"

	"winnow/infer/tflite"
)

// kernel is a constant weight tensor in TensorFlow's layout with what belongs to
// its output channels.
type kernel struct {
	dims    []int
	w       []int32
	bias    []int32
	scale   []float32     // input scale * weight scale / output scale
	channel func(int) int // output channel of weight i
	exact32 bool          // no sum can leave the integers that float32 holds
	builtin []float64     // where TensorFlow Lite's own rule holds: the scales in float64
}

// kernelOf reads weights (input iw) and bias (input ib, may be missing) of an
// operator that x flows into. order lists the file's dimensions in TensorFlow's
// order; outer is the place of the output channels among the file's dimensions.
func (l *lowering) kernelOf(o tflite.Op, x *tflite.Tensor, iw, ib int, outer int, order ...int) (*kernel, error) {
	t, y := l.tensor(o, iw), l.result(o)
	if !t.Const() {
		return nil, errors.New("the weights are not a constant")
	}
	if !isQuantized(x) || !isQuantized(y) || !isQuantized(t) {
		return nil, fmt.Errorf("types %v * %v -> %v: only 8-bit models can be run", x.Type, t.Type, y.Type)
	}
	stored, err := integers(t)
	if err != nil {
		return nil, err
	}
	if len(t.Scales) == 0 || len(x.Scales) == 0 || len(y.Scales) == 0 {
		return nil, errors.New("a tensor has no scale")
	}
	channels := t.Shape[outer]
	k := &kernel{bias: make([]int32, channels), scale: make([]float32, channels)}
	for c := range channels {
		k.scale[c] = x.Scale() * t.Scales[min(c, len(t.Scales)-1)] / y.Scale()
	}
	for i := range stored {
		stored[i] -= int32(t.ZeroPoints[0])
	}
	k.dims, k.w = transpose(stored, t.Shape, order)
	k.channel = channelOf(k.dims, indexOf(order, outer))
	if ib < len(o.Inputs) && o.Inputs[ib] >= 0 {
		if k.bias, err = integers(l.tensor(o, ib)); err != nil {
			return nil, err
		}
	}
	k.exact32 = k.largest(x) <= 1<<24
	return k, nil
}

// largest is a bound on every partial sum of the operator, from the weights at
// hand and the integers that x can hold.
func (k *kernel) largest(x *tflite.Tensor) int64 {
	to := targetOf(x, tflite.ActNone)
	most := int64(max(-to.least, to.most))
	sums := make([]int64, len(k.bias))
	for c, b := range k.bias {
		sums[c] = max(int64(b), -int64(b))
	}
	for i, w := range k.w {
		sums[k.channel(i)] += most * int64(max(w, -w))
	}
	var largest int64
	for _, s := range sums {
		largest = max(largest, s)
	}
	return largest
}

// linear applies an operator that is linear in its weights, adds the bias and
// brings the sums to the target.
func (l *lowering) linear(x output, k *kernel, to target, apply func(x, w output) output) output {
	b := &l.builder
	if !l.exact {
		w, bias := k.folded()
		y := op.BiasAdd(l.s(), apply(x, constant(b, w, k.dims...)), constant(b, bias, len(bias)))
		return l.fakeQuant(y, to)
	}
	var y output
	if k.exact32 {
		y = apply(x, constant(b, converted[float32](k.w), k.dims...))
		y = op.BiasAdd(l.s(), y, constant(b, converted[float32](k.bias), len(k.bias)))
	} else {
		y = apply(l.double(x), constant(b, converted[float64](k.w), k.dims...))
		y = op.BiasAdd(l.s(), y, constant(b, converted[float64](k.bias), len(k.bias)))
	}
	if k.builtin != nil {
		return l.builtin(y, k.builtin, to)
	}
	return l.round(l.mul(l.float(y), constant(b, k.scale, len(k.scale))), to)
}

// folded is the weights and biases times the channels' scales.
func (k *kernel) folded() (w, bias []float32) {
	w, bias = converted[float32](k.w), converted[float32](k.bias)
	for i := range w {
		w[i] *= k.scale[k.channel(i)]
	}
	for c := range bias {
		bias[c] *= k.scale[c]
	}
	return w, bias
}

func (l *lowering) conv(o tflite.Op) (output, error) {
	opt, x := o.Options.(tflite.Conv2D), l.tensor(o, 0)
	in, err := l.arg(o, 0)
	if err != nil {
		return output{}, err
	}
	k, err := l.kernelOf(o, x, 1, 2, 0, 1, 2, 3, 0) // OHWI to HWIO
	if err != nil {
		return output{}, err
	}
	k.dilate(opt.DilationH, opt.DilationW)
	strides := []int64{1, int64(opt.StrideH), int64(opt.StrideW), 1}
	groups := x.Shape[3] / k.dims[2]
	return l.linear(in, k, targetOf(l.result(o), opt.Activation), func(x, w output) output {
		if groups == 1 {
			return op.Conv2D(l.s(), x, w, strides, padding(opt.Padding))
		}
		// TensorFlow's CPU kernels take no groups: one convolution for each.
		axis := scalar(&l.builder, int32(3))
		xs := op.Split(l.s(), axis, x, int64(groups))
		ws := op.Split(l.s(), axis, w, int64(groups))
		ys := make([]output, min(len(xs), len(ws))) // empty after an error
		for g := range ys {
			ys[g] = op.Conv2D(l.s(), xs[g], ws[g], strides, padding(opt.Padding))
		}
		return op.ConcatV2(l.s(), ys, axis)
	}), nil
}

func (l *lowering) depthwise(o tflite.Op) (output, error) {
	opt, x := o.Options.(tflite.DepthwiseConv2D), l.tensor(o, 0)
	in, err := l.arg(o, 0)
	if err != nil {
		return output{}, err
	}
	k, err := l.kernelOf(o, x, 1, 2, 3, 1, 2, 0, 3) // 1HWC to HW1C, which is HWCM when read with C inputs
	if err != nil {
		return output{}, err
	}
	k.dilate(opt.DilationH, opt.DilationW)
	k.dims[2], k.dims[3] = x.Shape[3], k.dims[3]/x.Shape[3]
	y := l.result(o)
	return l.linear(in, k, targetOf(y, opt.Activation), func(x, w output) output {
		if opt.StrideH == opt.StrideW {
			strides := []int64{1, int64(opt.StrideH), int64(opt.StrideW), 1}
			return op.DepthwiseConv2dNative(l.s(), x, w, strides, padding(opt.Padding))
		}
		// TensorFlow's kernel takes equal strides only.
		return l.unevenDepthwise(x, w, l.tensor(o, 0).Shape, y.Shape, k.dims, opt)
	}), nil
}

// unevenDepthwise pads by hand, convolves with stride 1 and keeps the places
// that the strides name.
func (l *lowering) unevenDepthwise(x, w output, in, out, k []int, opt tflite.DepthwiseConv2D) output {
	if opt.Padding == tflite.Same {
		pads := [][2]int{{}, samePadding(in[1], out[1], k[0], opt.StrideH), samePadding(in[2], out[2], k[1], opt.StrideW), {}}
		zero := l.cast(scalar(&l.builder, float32(0)), x.DataType())
		x = op.PadV2(l.s(), x, l.table(pads), zero)
	}
	y := op.DepthwiseConv2dNative(l.s(), x, w, []int64{1, 1, 1, 1}, "VALID")
	return op.StridedSlice(l.s(), y, l.list(0, 0, 0, 0), l.list(out[0], out[1]*opt.StrideH, out[2]*opt.StrideW, out[3]),
		l.list(1, opt.StrideH, opt.StrideW, 1), op.StridedSliceEndMask(6))
}

func (l *lowering) fullyConnected(o tflite.Op) (output, error) {
	opt, x, y := o.Options.(tflite.FullyConnected), l.tensor(o, 0), l.result(o)
	in, err := l.arg(o, 0)
	if err != nil {
		return output{}, err
	}
	k, err := l.kernelOf(o, x, 1, 2, 0, 1, 0) // OI to IO
	if err != nil {
		return output{}, err
	}
	flat := l.reshape(in, -1, k.dims[0])
	sums := l.linear(flat, k, targetOf(y, opt.Activation), func(x, w output) output { return op.MatMul(l.s(), x, w) })
	return l.reshape(sums, y.Shape...), nil
}

func (l *lowering) transposeConv(o tflite.Op) (output, error) {
	opt, x, y := o.Options.(tflite.TransposeConv), l.tensor(o, 2), l.result(o)
	in, err := l.arg(o, 2)
	if err != nil {
		return output{}, err
	}
	k, err := l.kernelOf(o, x, 1, 3, 0, 1, 2, 0, 3) // OHWI to HWOI
	if err != nil {
		return output{}, err
	}
	// XNNPACK leaves these to TensorFlow Lite: an output shape that the model
	// works out, a kernel with gaps.
	if l.tensor(o, 0).Computed || opt.Padding == tflite.Same && (k.dims[0] < opt.StrideH || k.dims[1] < opt.StrideW) {
		w := l.tensor(o, 1).Scales
		for c := range k.bias {
			k.builtin = append(k.builtin, float64(x.Scale())*float64(w[min(c, len(w)-1)])/float64(y.Scale()))
		}
	}
	strides := []int64{1, int64(opt.StrideH), int64(opt.StrideW), 1}
	return l.linear(in, k, targetOf(y, opt.Activation), func(x, w output) output {
		return op.Conv2DBackpropInput(l.s(), l.list(y.Shape...), w, x, strides, padding(opt.Padding))
	}), nil
}

// dilate puts the zeros between the weights that a dilated kernel skips:
// TensorFlow's own dilation does not cover every kernel on a CPU.
func (k *kernel) dilate(dh, dw int) {
	if dh <= 1 && dw <= 1 {
		return
	}
	h, w, rest := k.dims[0], k.dims[1], k.dims[2]*k.dims[3]
	wide := (w-1)*dw + 1
	out := make([]int32, ((h-1)*dh+1)*wide*rest)
	for y := range h {
		for x := range w {
			copy(out[(y*dh*wide+x*dw)*rest:][:rest], k.w[(y*w+x)*rest:])
		}
	}
	k.w, k.dims[0], k.dims[1] = out, (h-1)*dh+1, wide
}

func padding(p tflite.Padding) string {
	if p == tflite.Same {
		return "SAME"
	}
	return "VALID"
}

// samePadding is what SAME adds before and after a dimension.
func samePadding(in, out, kernel, stride int) [2]int {
	total := max(0, (out-1)*stride+kernel-in)
	return [2]int{total / 2, total - total/2}
}

// transpose brings v of the given shape into the order of dimensions.
func transpose(v []int32, shape, order []int) (dims []int, w []int32) {
	strides := make([]int, len(shape))
	step := 1
	for d := len(shape) - 1; d >= 0; d-- {
		strides[d] = step
		step *= shape[d]
	}
	dims = make([]int, len(order))
	for i, d := range order {
		dims[i] = shape[d]
	}
	w = make([]int32, len(v))
	at := make([]int, len(order))
	for i := range w {
		from := 0
		for j, d := range order {
			from += at[j] * strides[d]
		}
		w[i] = v[from]
		for j := len(at) - 1; j >= 0; j-- {
			if at[j]++; at[j] < dims[j] {
				break
			}
			at[j] = 0
		}
	}
	return dims, w
}

// channelOf returns the index along dimension d of flat index i.
func channelOf(dims []int, d int) func(int) int {
	inner := 1
	for _, n := range dims[d+1:] {
		inner *= n
	}
	n := dims[d]
	return func(i int) int { return i / inner % n }
}

func indexOf(v []int, x int) int {
	for i, y := range v {
		if x == y {
			return i
		}
	}
	return -1
}
