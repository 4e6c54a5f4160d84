//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"bytes"
	"encoding/binary"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"
	"github.com/tensorflow/tensorflow/tensorflow/go/op"
)

// builder adds single operations to a graph. Every operation gets a scope of its
// own, since op.Scope makes names of scopes unique but not those of operations.
type builder struct {
	scope *op.Scope
}

type output = tensorflow.Output

func (b *builder) s() *op.Scope { return b.scope.SubScope("n") }

// number is what constants are made of.
type number interface {
	int32 | int64 | float32 | float64
}

// constant of shape [dims...] with values in row-major order.
func constant[T number](b *builder, values []T, dims ...int) output {
	var typ tensorflow.DataType
	switch any(values).(type) {
	case []int32:
		typ = tensorflow.Int32
	case []int64:
		typ = tensorflow.Int64
	case []float32:
		typ = tensorflow.Float
	case []float64:
		typ = tensorflow.Double
	}
	raw := new(bytes.Buffer)
	if err := binary.Write(raw, binary.LittleEndian, values); err != nil {
		b.fail(err)
		return output{}
	}
	t, err := tensorflow.ReadTensor(typ, wide(dims), raw)
	if err != nil {
		b.fail(err)
		return output{}
	}
	return op.Const(b.s(), t)
}

// scalar constant.
func scalar[T number](b *builder, v T) output { return constant(b, []T{v}) }

// list is a constant vector of int32, as shapes, axes and paddings are given.
func (b *builder) list(v ...int) output {
	w := make([]int32, len(v))
	for i, x := range v {
		w[i] = int32(x)
	}
	return constant(b, w, len(w))
}

// table is a constant of paddings: one before and after for each dimension.
func (b *builder) table(v [][2]int) output {
	w := make([]int32, 0, 2*len(v))
	for _, p := range v {
		w = append(w, int32(p[0]), int32(p[1]))
	}
	return constant(b, w, len(v), 2)
}

func (b *builder) fail(err error) { b.scope.UpdateErr("", err) }

func (b *builder) add(x, y output) output { return op.AddV2(b.s(), x, y) }
func (b *builder) sub(x, y output) output { return op.Sub(b.s(), x, y) }
func (b *builder) mul(x, y output) output { return op.Mul(b.s(), x, y) }
func (b *builder) div(x, y output) output { return op.RealDiv(b.s(), x, y) }
func (b *builder) floor(x output) output  { return op.Floor(b.s(), x) }

func (b *builder) float(x output) output  { return b.cast(x, tensorflow.Float) }
func (b *builder) double(x output) output { return b.cast(x, tensorflow.Double) }

func (b *builder) cast(x output, to tensorflow.DataType) output {
	if b.scope.Err() != nil || x.DataType() == to { // after an error x is void
		return x
	}
	return op.Cast(b.s(), x, to)
}

func (b *builder) reshape(x output, dims ...int) output { return op.Reshape(b.s(), x, b.list(dims...)) }

// clip keeps float32 x within [lo, hi].
func (b *builder) clip(x output, lo, hi float32) output {
	return op.Minimum(b.s(), op.Maximum(b.s(), x, scalar(b, lo)), scalar(b, hi))
}

// pick takes the indices along one axis.
func (b *builder) pick(x output, axis int, indices []int) output {
	return op.GatherV2(b.s(), x, b.list(indices...), scalar(b, int32(axis)))
}

func wide(v []int) []int64 {
	w := make([]int64, len(v))
	for i, x := range v {
		w[i] = int64(x)
	}
	return w
}

// converted changes the type of numbers.
func converted[To, From number](v []From) []To {
	w := make([]To, len(v))
	for i, x := range v {
		w[i] = To(x)
	}
	return w
}

// lookUp takes values[index] for every index.
func (b *builder) lookUp(values, index output) output {
	return op.GatherV2(b.s(), values, index, scalar(b, int32(0)))
}
