package native

import (
	"encoding/binary"
	"fmt"
	"math"

	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// kernelStep runs a kernel operator on every picture of a batch.
type kernelStep struct {
	op       kernel.Op
	dst, src []int8
	batch    int
}

func (s *kernelStep) units() int   { return s.batch * s.op.Units() }
func (s *kernelStep) scratch() int { return s.op.Scratch() }

func (s *kernelStep) run(scratch []byte, from, to int) {
	n := s.op.Units()
	d, x := len(s.dst)/s.batch, len(s.src)/s.batch
	for from < to {
		b := from / n
		end := min(to, (b+1)*n)
		s.op.Run(s.dst[b*d:(b+1)*d], s.src[b*x:(b+1)*x], scratch, from-b*n, end-b*n)
		from = end
	}
}

// wideMACs is the work above which several threads pay.
const wideMACs = 200_000

// kernelLayer wraps a prepared operator.
func (l *lowering) kernelLayer(n *graph.Node, op kernel.Op, x, batch int, shape string) layer {
	i := op.Info()
	l.held += int64(i.Packed)
	return layer{
		step:  &kernelStep{op, l.int8s(n.Out), l.int8s(x), batch},
		shape: shape, kernel: i.Kernel, macs: i.MACs * int64(batch), density: i.Density,
		wide: i.MACs*int64(batch) > wideMACs,
	}
}

func (l *lowering) conv(n *graph.Node) (layer, error) {
	o := l.op(n).Options.(tflite.Conv2D)
	x, w, out := n.InShape, l.tensor(n.In[1]), l.tensor(n.Out).Shape
	weights, err := l.weights(n, n.In[1])
	if err != nil {
		return layer{}, err
	}
	d := kernel.Conv{
		InH: x[1], InW: x[2], InC: x[3], OutH: out[1], OutW: out[2], OutC: out[3],
		KH: w.Shape[1], KW: w.Shape[2], StrideH: o.StrideH, StrideW: o.StrideW,
		DilationH: o.DilationH, DilationW: o.DilationW, Up: n.Up,
		Weights: weights,
	}
	d.PadTop = padBefore(o.Padding, x[1]*n.Up, n.Pads.Top, n.Pads.Bottom, out[1], d.KH, o.StrideH, o.DilationH)
	d.PadLeft = padBefore(o.Padding, x[2]*n.Up, n.Pads.Left, n.Pads.Right, out[2], d.KW, o.StrideW, o.DilationW)
	if w.Shape[3] != x[3] {
		if d.Weights, err = l.ungroup(n, &d, w.Shape[3]); err != nil {
			return layer{}, err
		}
	}
	if err := l.arithmeticOf(n, n.In[0], n.In[1], bias(n, 2), out[3], o.Activation, &d.InZero, &d.Bias, &d.Requant); err != nil {
		return layer{}, err
	}
	op, err := l.set.Conv(d)
	if err != nil {
		return layer{}, l.refuse(n, "%v", err)
	}
	shape := fmt.Sprintf("%dx%dx%d->%d k%s s%d", out[1], out[2], x[3], out[3], window(d.KH, d.KW), o.StrideH)
	if n.Up > 1 {
		shape += fmt.Sprintf(" up%d", n.Up)
	}
	if o.DilationH > 1 {
		shape += fmt.Sprintf(" d%d", o.DilationH)
	}
	return l.kernelLayer(n, op, n.In[0], x[0], shape), nil
}

func window(h, w int) string {
	if h == w {
		return fmt.Sprint(h)
	}
	return fmt.Sprintf("%dx%d", h, w)
}

// padBefore is the padding in front of a dimension: what the folded PAD gave
// and what the operator adds around that.
func padBefore(p tflite.Padding, in, before, after, out, kernel, stride, dilation int) int {
	return before + tflite.PadBefore(p, in+before+after, out, kernel, stride, dilation)
}

// maxUngrouped bounds the weights of a grouped convolution written out.
const maxUngrouped = 32 << 20

// ungroup writes the weights of a grouped convolution, [O][KH][KW][group], out
// with zeros for the channels of the other groups. Blocks of zeros are skipped
// when the weights are packed.
func (l *lowering) ungroup(n *graph.Node, d *kernel.Conv, group int) ([]int8, error) {
	taps := d.KH * d.KW
	if d.InC > maxUngrouped/(d.OutC*taps) {
		return nil, l.refuse(n, "a grouped convolution of %d channels is too large", d.InC)
	}
	groups := d.InC / group
	full := make([]int8, d.OutC*taps*d.InC)
	for o := range d.OutC {
		first := o / (d.OutC / groups) * group
		for t := range taps {
			copy(full[(o*taps+t)*d.InC+first:], d.Weights[(o*taps+t)*group:][:group])
		}
	}
	return full, nil
}

func (l *lowering) depthwise(n *graph.Node) (layer, error) {
	o := l.op(n).Options.(tflite.DepthwiseConv2D)
	x, w, out := n.InShape, l.tensor(n.In[1]), l.tensor(n.Out).Shape
	weights, err := l.weights(n, n.In[1])
	if err != nil {
		return layer{}, err
	}
	d := kernel.Depthwise{
		InH: x[1], InW: x[2], InC: x[3], OutH: out[1], OutW: out[2], OutC: out[3],
		KH: w.Shape[1], KW: w.Shape[2], StrideH: o.StrideH, StrideW: o.StrideW,
		DilationH: o.DilationH, DilationW: o.DilationW, Weights: weights,
	}
	d.PadTop = padBefore(o.Padding, x[1], n.Pads.Top, n.Pads.Bottom, out[1], d.KH, o.StrideH, o.DilationH)
	d.PadLeft = padBefore(o.Padding, x[2], n.Pads.Left, n.Pads.Right, out[2], d.KW, o.StrideW, o.DilationW)
	if err := l.arithmeticOf(n, n.In[0], n.In[1], bias(n, 2), out[3], o.Activation, &d.InZero, &d.Bias, &d.Requant); err != nil {
		return layer{}, err
	}
	op, err := l.set.Depthwise(d)
	if err != nil {
		return layer{}, l.refuse(n, "%v", err)
	}
	shape := fmt.Sprintf("%dx%dx%d k%s s%d", out[1], out[2], out[3], window(d.KH, d.KW), o.StrideH)
	return l.kernelLayer(n, op, n.In[0], x[0], shape), nil
}

func (l *lowering) transposeConv(n *graph.Node) (layer, error) {
	o := l.op(n).Options.(tflite.TransposeConv)
	x, w, out := n.InShape, l.tensor(n.In[1]), l.tensor(n.Out).Shape
	weights, err := l.weights(n, n.In[1])
	if err != nil {
		return layer{}, err
	}
	d := kernel.Conv{
		InH: x[1], InW: x[2], InC: x[3], OutH: out[1], OutW: out[2], OutC: out[3],
		KH: w.Shape[1], KW: w.Shape[2], StrideH: o.StrideH, StrideW: o.StrideW,
		Transposed: true, Weights: weights,
	}
	// The padding is that of the convolution from the output to the input.
	d.PadTop = tflite.PadBefore(o.Padding, out[1], x[1], d.KH, o.StrideH, 1)
	d.PadLeft = tflite.PadBefore(o.Padding, out[2], x[2], d.KW, o.StrideW, 1)
	if err := l.arithmeticOf(n, n.In[2], n.In[1], bias(n, 3), out[3], o.Activation, &d.InZero, &d.Bias, &d.Requant); err != nil {
		return layer{}, err
	}
	if l.tensor(n.In[0]).Computed || o.Padding == tflite.Same && (d.KH < o.StrideH || d.KW < o.StrideW) {
		return l.builtinTranspose(n, d, x[0])
	}
	op, err := l.set.Conv(d)
	if err != nil {
		return layer{}, l.refuse(n, "%v", err)
	}
	shape := fmt.Sprintf("%dx%dx%d->%d k%s s%d transposed", out[1], out[2], x[3], out[3], window(d.KH, d.KW), o.StrideH)
	return l.kernelLayer(n, op, n.In[2], x[0], shape), nil
}

func (l *lowering) fullyConnected(n *graph.Node) (layer, error) {
	o := l.op(n).Options.(tflite.FullyConnected)
	w := l.tensor(n.In[1]).Shape
	weights, err := l.weights(n, n.In[1])
	if err != nil {
		return layer{}, err
	}
	d := kernel.FullyConnected{Rows: l.tensor(n.In[0]).Elements() / w[1], In: w[1], Out: w[0], Weights: weights}
	if err := l.arithmeticOf(n, n.In[0], n.In[1], bias(n, 2), w[0], o.Activation, &d.InZero, &d.Bias, &d.Requant); err != nil {
		return layer{}, err
	}
	op, err := l.set.FullyConnected(d)
	if err != nil {
		return layer{}, l.refuse(n, "%v", err)
	}
	return l.kernelLayer(n, op, n.In[0], 1, fmt.Sprintf("%dx%d->%d", d.Rows, d.In, d.Out)), nil
}

// bias is optional input i, -1 where it is missing.
func bias(n *graph.Node, i int) int {
	if i < len(n.In) {
		return n.In[i]
	}
	return -1
}

// weights checks constant weights and returns them. Kernels copy what they keep.
func (l *lowering) weights(n *graph.Node, i int) ([]int8, error) {
	t := l.tensor(i)
	switch {
	case t.Type != tflite.Int8:
		return nil, l.refuse(n, "weights %q are %v; the native engine computes on int8", t.Name, t.Type)
	case !t.Const():
		return nil, l.refuse(n, "weights %q are computed; the native engine needs them constant", t.Name)
	case len(t.Scales) == 0:
		return nil, l.refuse(n, "weights %q have no scale", t.Name)
	}
	for _, z := range t.ZeroPoints {
		if z != 0 {
			return nil, l.refuse(n, "weights %q have zero point %d, expected 0", t.Name, z)
		}
	}
	return kernel.Int8s(t.Data), nil
}

// arithmeticOf fills in the zero point of input x, the biases and the
// requantization of a node with weights w and channels outputs.
func (l *lowering) arithmeticOf(n *graph.Node, x, w, b, channels int, act tflite.Activation, zero *int32, biases *[]int32, r *kernel.Requant) error {
	if err := l.needInt8(n, x, n.Out); err != nil {
		return err
	}
	tx, tw, out := l.tensor(x), l.tensor(w), l.tensor(n.Out)
	*zero = tx.ZeroPoint()
	if b >= 0 {
		t := l.tensor(b)
		if t.Type != tflite.Int32 || !t.Const() {
			return l.refuse(n, "bias %q must be constant int32, it is %v", t.Name, t.Type)
		}
		*biases = int32s(t.Data)
	}
	if len(tw.Scales) != 1 && len(tw.Scales) != channels {
		return l.refuse(n, "%d scales for %d output channels", len(tw.Scales), channels)
	}
	r.Scale = make([]float32, channels)
	for c := range r.Scale {
		s := tw.Scales[c%len(tw.Scales)]
		r.Scale[c] = float32(tx.Scale()*s) / out.Scale()
		if !(r.Scale[c] < 256) {
			return l.refuse(n, "the scale ratio %g of channel %d is outside what LiteRT's kernels take", r.Scale[c], c)
		}
	}
	return l.clamp(n, act, &r.Zero, &r.Min, &r.Max)
}

// clamp fills in the zero point of the node's output and the range that the
// fused activation leaves.
func (l *lowering) clamp(n *graph.Node, act tflite.Activation, zero *int32, lo, hi *int8) error {
	t := l.tensor(n.Out)
	*zero, *lo, *hi = t.ZeroPoint(), -128, 127
	q := func(v float32) int8 { return quantize(v, 1/t.Scale(), t.ZeroPoint()) }
	switch act {
	case tflite.ActNone:
	case tflite.ActRelu:
		*lo = q(0)
	case tflite.ActRelu6:
		*lo, *hi = q(0), q(6)
	case tflite.ActReluN1To1:
		*lo, *hi = q(-1), q(1)
	default:
		return l.refuse(n, "fused activation %v cannot be run", act)
	}
	return nil
}

// quantize is XNNPACK's: the product and the sum rounded to float32, clamped,
// then rounded half to even.
func quantize(v, invScale float32, zero int32) int8 {
	y := float32(v*invScale) + float32(zero)
	return int8(math.RoundToEven(float64(min(max(y, -128), 127))))
}

func int32s(b []byte) []int32 {
	v := make([]int32, len(b)/4)
	for i := range v {
		v[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}
