package tflite

import (
	"errors"
	"fmt"
	"slices"
)

// shapeRule returns the shape of an operator's output from the shapes of its
// inputs, its constants and its options, or why they do not fit together.
type shapeRule func(m *Model, o *Op) ([]int, error)

// shapeRuleOf returns the operator's rule; nil for those that Parse folds.
func shapeRuleOf(c OpCode) shapeRule {
	switch c {
	case OpConv2D:
		return convShape
	case OpDepthwiseConv2D:
		return depthwiseShape
	case OpTransposeConv:
		return transposeConvShape
	case OpAveragePool2D, OpMaxPool2D:
		return poolShape
	case OpFullyConnected:
		return fullyConnectedShape
	case OpAdd, OpSub, OpMul:
		return broadcastShape
	case OpPad, OpPadV2:
		return padShape
	case OpSpaceToBatch:
		return spaceToBatchShape
	case OpBatchToSpace:
		return batchToSpaceShape
	case OpMean:
		return meanShape
	case OpResizeBilinear, OpResizeNearest:
		return resizeShape
	case OpReshape:
		return reshapeShape
	case OpTile:
		return tileShape
	case OpConcatenation:
		return concatShape
	case OpSqueeze:
		return squeezeShape
	case OpExpandDims:
		return expandShape
	case OpSoftmax:
		return softmaxShape
	case OpRelu, OpRelu6, OpReluN1To1, OpLeakyRelu, OpLogistic, OpTanh,
		OpHardSwish, OpSqrt, OpQuantize, OpDequantize:
		return sameShape
	}
	return nil
}

// OutputShape is the shape that operator o makes of its inputs' shapes.
func (m *Model) OutputShape(o *Op) ([]int, error) {
	rule := shapeRuleOf(o.Code)
	if rule == nil {
		return nil, errors.New("it is supported only where its inputs are known before the run (the computation of a shape)")
	}
	for i, x := range o.Inputs {
		scalarShape := o.Code == OpReshape && i == 1
		if x >= 0 && m.Tensors[x].Elements() == 0 && !scalarShape {
			return nil, fmt.Errorf("input %q of shape %v is empty", m.Tensors[x].Name, m.Tensors[x].Shape)
		}
	}
	s, err := rule(m, o)
	if err != nil {
		return nil, err
	}
	if n, err := checkedElements(s, maxElements); err != nil || n == 0 {
		return nil, fmt.Errorf("its output would have shape %v", s)
	}
	return s, nil
}

// maxElements keeps products of shapes that are still being worked out small
// enough to multiply on, where int has 32 bits too.
const maxElements = defaultElements

func (m *Model) in(o *Op, i int) *Tensor { return &m.Tensors[o.Inputs[i]] }

func (m *Model) shape4(o *Op, i int) ([]int, error) {
	s := m.in(o, i).Shape
	if len(s) != 4 {
		return nil, fmt.Errorf("input %d has shape %v, expected 4 dimensions", i, s)
	}
	return s, nil
}

// maxInts bounds the integers that an operator reads: two a dimension, as PAD has them.
const maxInts = 2 * maxRank

// ints returns the integers of constant input i.
func (m *Model) ints(o *Op, i int) ([]int, error) {
	t := m.in(o, i)
	if !t.Const() || t.Type != Int32 && t.Type != Int64 {
		return nil, fmt.Errorf("input %d (%q) must be a constant of integers", i, t.Name)
	}
	if n := t.Elements(); n > maxInts {
		return nil, fmt.Errorf("input %d (%q) has %d integers, at most %d can be read", i, t.Name, n, maxInts)
	}
	return t.Ints(), nil
}

// OutDim is the length of one output dimension of a convolution or pool.
func OutDim(p Padding, in, kernel, stride, dilation int) int {
	if p == Same {
		return (in + stride - 1) / stride
	}
	return (in-(kernel-1)*dilation-1)/stride + 1
}

// PadBefore is the padding in front of one dimension, as TensorFlow divides it
// (the odd one goes behind).
func PadBefore(p Padding, in, out, kernel, stride, dilation int) int {
	if p == Valid {
		return 0
	}
	return max(0, (out-1)*stride+(kernel-1)*dilation+1-in) / 2
}

// maxWindow bounds strides, dilations and kernels, so that arithmetic on
// positions cannot overflow.
const maxWindow = 1 << 16

func window(p Padding, in, kernel, stride, dilation int) (int, error) {
	switch {
	case p > Valid:
		return 0, fmt.Errorf("padding %d is neither same nor valid", p)
	case min(stride, dilation, kernel) < 1 || max(stride, dilation, kernel) > maxWindow:
		return 0, fmt.Errorf("stride %d, dilation %d or kernel %d is out of range", stride, dilation, kernel)
	case kernel-1 > maxElements/dilation:
		return 0, fmt.Errorf("kernel %d with dilation %d is out of range", kernel, dilation)
	case p == Valid && in < (kernel-1)*dilation+1:
		return 0, fmt.Errorf("kernel %d with dilation %d is larger than its input %d", kernel, dilation, in)
	}
	return OutDim(p, in, kernel, stride, dilation), nil
}

func windows(p Padding, x []int, kh, kw, sh, sw, dh, dw, channels int) ([]int, error) {
	h, err := window(p, x[1], kh, sh, dh)
	if err != nil {
		return nil, err
	}
	w, err := window(p, x[2], kw, sw, dw)
	if err != nil {
		return nil, err
	}
	return []int{x[0], h, w, channels}, nil
}

func convShape(m *Model, o *Op) ([]int, error) {
	x, err := m.shape4(o, 0)
	if err != nil {
		return nil, err
	}
	w, err := m.shape4(o, 1)
	if err != nil {
		return nil, err
	}
	if w[3] < 1 || x[3]%w[3] != 0 || w[0]%(x[3]/w[3]) != 0 {
		return nil, fmt.Errorf("weights %v do not fit %d input channels", w, x[3])
	}
	if err := m.checkBias(o, 2, w[0]); err != nil {
		return nil, err
	}
	c := o.Options.(Conv2D)
	return windows(c.Padding, x, w[1], w[2], c.StrideH, c.StrideW, c.DilationH, c.DilationW, w[0])
}

func depthwiseShape(m *Model, o *Op) ([]int, error) {
	x, err := m.shape4(o, 0)
	if err != nil {
		return nil, err
	}
	w, err := m.shape4(o, 1)
	if err != nil {
		return nil, err
	}
	if w[0] != 1 || w[3] < 1 || w[3]%x[3] != 0 {
		return nil, fmt.Errorf("weights %v do not fit %d input channels", w, x[3])
	}
	if err := m.checkBias(o, 2, w[3]); err != nil {
		return nil, err
	}
	c := o.Options.(DepthwiseConv2D)
	return windows(c.Padding, x, w[1], w[2], c.StrideH, c.StrideW, c.DilationH, c.DilationW, w[3])
}

// checkBias checks optional input i.
func (m *Model) checkBias(o *Op, i, channels int) error {
	if i >= len(o.Inputs) || o.Inputs[i] < 0 {
		return nil
	}
	if n := m.in(o, i).Elements(); n != channels {
		return fmt.Errorf("%d biases for %d output channels", n, channels)
	}
	return nil
}

func transposeConvShape(m *Model, o *Op) ([]int, error) {
	out, err := m.ints(o, 0)
	if err != nil {
		return nil, err
	}
	w, err := m.shape4(o, 1)
	if err != nil {
		return nil, err
	}
	x, err := m.shape4(o, 2)
	if err != nil {
		return nil, err
	}
	c := o.Options.(TransposeConv)
	if len(out) != 4 || out[0] != x[0] || out[3] != w[0] || w[3] != x[3] {
		return nil, fmt.Errorf("output %v and weights %v do not fit input %v", out, w, x)
	}
	if err := m.checkBias(o, 3, w[0]); err != nil {
		return nil, err
	}
	// A transposed convolution is the reverse of a convolution from out to x.
	for d := 1; d <= 2; d++ {
		stride := [...]int{0, c.StrideH, c.StrideW}[d]
		if n, err := window(c.Padding, out[d], w[d], stride, 1); err != nil || n != x[d] {
			return nil, fmt.Errorf("output %v with weights %v, strides %d and %d and padding %v does not fit input %v", out, w, c.StrideH, c.StrideW, c.Padding, x)
		}
	}
	return out, nil
}

func poolShape(m *Model, o *Op) ([]int, error) {
	x, err := m.shape4(o, 0)
	if err != nil {
		return nil, err
	}
	c := o.Options.(Pool2D)
	return windows(c.Padding, x, c.FilterH, c.FilterW, c.StrideH, c.StrideW, 1, 1, x[3])
}

func fullyConnectedShape(m *Model, o *Op) ([]int, error) {
	x, w := m.in(o, 0), m.in(o, 1).Shape
	if len(w) != 2 || w[1] < 1 || len(x.Shape) < 1 || x.Elements()%w[1] != 0 {
		return nil, fmt.Errorf("weights %v do not fit input %v", w, x.Shape)
	}
	if err := m.checkBias(o, 2, w[0]); err != nil {
		return nil, err
	}
	if o.Options.(FullyConnected).KeepDims {
		n := len(x.Shape) - 1
		if x.Shape[n] != w[1] {
			return nil, fmt.Errorf("weights %v do not fit input %v", w, x.Shape)
		}
		return append(slices.Clone(x.Shape[:n]), w[0]), nil
	}
	return []int{x.Elements() / w[1], w[0]}, nil
}

func broadcastShape(m *Model, o *Op) ([]int, error) {
	a, b := m.in(o, 0).Shape, m.in(o, 1).Shape
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i := range b {
		k := len(a) - len(b) + i
		switch {
		case a[k] == b[i] || b[i] == 1:
		case a[k] == 1:
			out[k] = b[i]
		default:
			return nil, fmt.Errorf("shapes %v and %v do not fit together", a, b)
		}
	}
	return out, nil
}

func padShape(m *Model, o *Op) ([]int, error) {
	x := m.in(o, 0).Shape
	pads, err := m.ints(o, 1)
	if err != nil {
		return nil, err
	}
	if len(pads) != 2*len(x) {
		return nil, fmt.Errorf("%d paddings for shape %v", len(pads), x)
	}
	out := slices.Clone(x)
	for i := range out {
		if min(pads[2*i], pads[2*i+1]) < 0 || max(pads[2*i], pads[2*i+1]) > 1<<24 {
			return nil, fmt.Errorf("paddings %v are out of range", pads)
		}
		out[i] += pads[2*i] + pads[2*i+1]
	}
	return out, nil
}

func meanShape(m *Model, o *Op) ([]int, error) {
	x := m.in(o, 0).Shape
	axes, err := m.ints(o, 1)
	if err != nil {
		return nil, err
	}
	gone, err := axisSet(axes, len(x))
	if err != nil {
		return nil, err
	}
	var out []int
	for i, d := range x {
		switch {
		case !gone[i]:
			out = append(out, d)
		case o.Options.(Reduce).KeepDims:
			out = append(out, 1)
		}
	}
	return out, nil
}

// axisSet marks axes, which may be negative, of rank dimensions.
func axisSet(axes []int, rank int) ([]bool, error) {
	set := make([]bool, rank)
	for _, a := range axes {
		if a < 0 {
			a += rank
		}
		if a < 0 || a >= rank {
			return nil, fmt.Errorf("axes %v of %d dimensions", axes, rank)
		}
		set[a] = true
	}
	return set, nil
}

func resizeShape(m *Model, o *Op) ([]int, error) {
	x, err := m.shape4(o, 0)
	if err != nil {
		return nil, err
	}
	size, err := m.ints(o, 1)
	if err != nil {
		return nil, err
	}
	if len(size) != 2 || min(size[0], size[1]) < 1 {
		return nil, fmt.Errorf("size %v, expected height and width", size)
	}
	if c := o.Options.(Resize); c.AlignCorners && c.HalfPixelCenters {
		return nil, errors.New("align_corners and half_pixel_centers exclude each other")
	}
	return []int{x[0], size[0], size[1], x[3]}, nil
}

func reshapeShape(m *Model, o *Op) ([]int, error) {
	x := m.in(o, 0)
	var want []int
	switch {
	case len(o.Inputs) > 1 && o.Inputs[1] >= 0:
		var err error
		if want, err = m.ints(o, 1); err != nil {
			return nil, err
		}
	case o.Options != nil:
		want = o.Options.(Reshape).NewShape
	}
	return fillShape(want, x.Elements())
}

// fillShape replaces the one -1 of want so that it holds n elements.
func fillShape(want []int, n int) ([]int, error) {
	out, open, known := slices.Clone(want), -1, 1
	for i, d := range out {
		switch {
		case d == -1 && open < 0:
			open = i
		case d < 1 || known > n/d:
			return nil, fmt.Errorf("shape %v does not hold %d elements", want, n)
		default:
			known *= d
		}
	}
	if open >= 0 {
		out[open] = n / known
		known *= out[open]
	}
	if known != n {
		return nil, fmt.Errorf("shape %v does not hold %d elements", want, n)
	}
	return out, nil
}

func tileShape(m *Model, o *Op) ([]int, error) {
	x := m.in(o, 0).Shape
	times, err := m.ints(o, 1)
	if err != nil {
		return nil, err
	}
	if len(times) != len(x) {
		return nil, fmt.Errorf("%d multiples for shape %v", len(times), x)
	}
	out := slices.Clone(x)
	for i, n := range times {
		if n < 1 || n > maxElements/max(out[i], 1) {
			return nil, fmt.Errorf("multiples %v are out of range", times)
		}
		out[i] *= n
	}
	return out, nil
}

func concatShape(m *Model, o *Op) ([]int, error) {
	first := m.in(o, 0).Shape
	axis := o.Options.(Concat).Axis
	if axis < 0 {
		axis += len(first)
	}
	if axis < 0 || axis >= len(first) {
		return nil, fmt.Errorf("axis %d of shape %v", o.Options.(Concat).Axis, first)
	}
	out := slices.Clone(first)
	for i := 1; i < len(o.Inputs); i++ {
		s := m.in(o, i).Shape
		if len(s) != len(first) || !slices.Equal(s[:axis], first[:axis]) || !slices.Equal(s[axis+1:], first[axis+1:]) {
			return nil, fmt.Errorf("shapes %v and %v do not join along axis %d", first, s, axis)
		}
		if out[axis] += s[axis]; out[axis] > maxElements {
			return nil, fmt.Errorf("more than %d along axis %d", maxElements, axis)
		}
	}
	return out, nil
}

func squeezeShape(m *Model, o *Op) ([]int, error) {
	x := m.in(o, 0).Shape
	dims := o.Options.(Squeeze).Dims
	gone, err := axisSet(dims, len(x))
	if err != nil {
		return nil, err
	}
	var out []int
	for i, d := range x {
		drop := gone[i] || len(dims) == 0 && d == 1
		if drop && d != 1 {
			return nil, fmt.Errorf("dimension %d of shape %v is not 1", i, x)
		}
		if !drop {
			out = append(out, d)
		}
	}
	return out, nil
}

func expandShape(m *Model, o *Op) ([]int, error) {
	x := m.in(o, 0).Shape
	axis, err := m.ints(o, 1)
	if err != nil {
		return nil, err
	}
	if len(axis) != 1 || axis[0] < -len(x)-1 || axis[0] > len(x) {
		return nil, fmt.Errorf("axis %v for shape %v", axis, x)
	}
	a := axis[0]
	if a < 0 {
		a += len(x) + 1
	}
	return slices.Insert(slices.Clone(x), a, 1), nil
}

func softmaxShape(m *Model, o *Op) ([]int, error) {
	if len(m.in(o, 0).Shape) == 0 {
		return nil, errors.New("its input is a scalar and has no last dimension")
	}
	return sameShape(m, o)
}

func sameShape(m *Model, o *Op) ([]int, error) { return slices.Clone(m.in(o, 0).Shape), nil }

// checkedElements multiplies dimensions that nobody has checked.
func checkedElements(shape []int, limit int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > limit/d {
			return 0, fmt.Errorf("shape %v is out of range", shape)
		}
		n *= d
	}
	return n, nil
}

// maxConstBytes bounds one constant.
const maxConstBytes = 1 << 30

func checkedBytes(shape []int, t DType, limit int) (int, error) {
	n, err := checkedElements(shape, limit/max(1, t.Size()))
	return n * t.Size(), err
}
