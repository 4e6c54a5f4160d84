//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"fmt"

	"github.com/tensorflow/tensorflow/tensorflow/go/op"

	"winnow/infer/tflite"
)

// These operators move values and change none; they need input and output of
// one scale, which same checks.

// same returns input 0 of an operator that may not change values.
func (l *lowering) same(o tflite.Op) (output, error) {
	x, y := l.tensor(o, 0), l.result(o)
	if x.Type != y.Type || isQuantized(x) && (x.Scale() != y.Scale() || x.ZeroPoint() != y.ZeroPoint()) {
		return output{}, fmt.Errorf("input is %v, scale %g, zero point %d, output %v, %g, %d: they must agree", x.Type, x.Scale(), x.ZeroPoint(), y.Type, y.Scale(), y.ZeroPoint())
	}
	return l.arg(o, 0)
}

// reshaped is every operator whose output has the input's values in order.
func (l *lowering) reshaped(o tflite.Op) (output, error) {
	x, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	return l.reshape(x, l.result(o).Shape...), nil
}

func (l *lowering) tile(o tflite.Op) (output, error) {
	x, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	times, err := l.arg(o, 1)
	if err != nil {
		return output{}, err
	}
	return op.Tile(l.s(), x, times), nil
}

func (l *lowering) pad(o tflite.Op) (output, error) {
	x, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	pads, err := l.arg(o, 1)
	if err != nil {
		return output{}, err
	}
	fill := scalar(&l.builder, float32(0)) // the zero point
	if !isQuantized(l.tensor(o, 0)) {
		fill = l.cast(fill, x.DataType())
	}
	if len(o.Inputs) > 2 {
		if fill, err = l.arg(o, 2); err != nil {
			return output{}, err
		}
		fill = l.reshape(fill)
	}
	return op.PadV2(l.s(), x, pads, fill), nil
}

func (l *lowering) stridedSlice(o tflite.Op) (output, error) {
	opt := o.Options.(tflite.StridedSlice)
	x, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	var at [3]output
	for i := range at {
		if at[i], err = l.arg(o, i+1); err != nil {
			return output{}, err
		}
	}
	return op.StridedSlice(l.s(), x, at[0], at[1], at[2],
		op.StridedSliceBeginMask(int64(opt.Begin)), op.StridedSliceEndMask(int64(opt.End)), op.StridedSliceEllipsisMask(int64(opt.Ellipsis)),
		op.StridedSliceNewAxisMask(int64(opt.NewAxis)), op.StridedSliceShrinkAxisMask(int64(opt.ShrinkAxis))), nil
}

func (l *lowering) pack(o tflite.Op) (output, error) {
	opt := o.Options.(tflite.Pack)
	xs := make([]output, len(o.Inputs))
	for i := range xs {
		var err error
		if xs[i], err = l.arg(o, i); err != nil {
			return output{}, err
		}
	}
	return op.Pack(l.s(), xs, op.PackAxis(int64(opt.Axis))), nil
}

func (l *lowering) maxPool(o tflite.Op) (output, error) {
	opt := o.Options.(tflite.Pool2D)
	x, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	y := op.MaxPool(l.s(), x, []int64{1, int64(opt.FilterH), int64(opt.FilterW), 1}, []int64{1, int64(opt.StrideH), int64(opt.StrideW), 1}, padding(opt.Padding))
	return l.activated(y, l.result(o), opt.Activation), nil
}

// activated clips integers of tensor t to the range of an activation.
func (l *lowering) activated(y output, t *tflite.Tensor, a tflite.Activation) output {
	to := targetOf(t, a)
	if a == tflite.ActNone {
		return y
	}
	return l.clip(y, to.lo, to.hi)
}

// blocks is SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, between which converters put
// dilated convolutions.
func (l *lowering) blocks(o tflite.Op) (output, error) {
	x, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	size, err := l.arg(o, 1)
	if err != nil {
		return output{}, err
	}
	edges, err := l.arg(o, 2)
	if err != nil {
		return output{}, err
	}
	if o.Code == tflite.OpBatchToSpace {
		return op.BatchToSpaceND(l.s(), x, size, edges), nil
	}
	return op.SpaceToBatchND(l.s(), x, size, edges), nil
}
