package tflite

import (
	"encoding/binary"
	"slices"
)

// fold computes what does not depend on the input: the shapes that the Keras
// converter works out at run time for models without a fixed batch (SHAPE,
// STRIDED_SLICE, PACK, CONCATENATION, MUL, RESHAPE on integers) and the dense form of sparse weights
// (DENSIFY). The operators disappear, their outputs become constants.
func (m *Model) fold(r *reader) error {
	m.emptyConstants()
	dense := make(map[int]int) // what DENSIFY makes, and the constant that Parse has made dense
	useDense := func(v []int) {
		for i, x := range v {
			if d, ok := dense[x]; ok {
				v[i] = d
			}
		}
	}
	kept := m.Ops[:0]
	for k := range m.Ops {
		useDense(m.Ops[k].Inputs)
		if m.Ops[k].Code == opDensify {
			dense[m.Ops[k].Outputs[0]] = m.Ops[k].Inputs[0]
			continue
		}
		m.openShape(k)
		data := m.foldOp(&m.Ops[k], r)
		if r.err != nil {
			return m.fault(k, ErrLimit, "%v", r.err)
		}
		if data == nil {
			kept = append(kept, m.Ops[k])
			continue
		}
		out := &m.Tensors[m.Ops[k].Outputs[0]]
		if n, err := checkedBytes(out.Shape, out.Type, maxConstBytes); err != nil || n != len(data) {
			return m.fault(k, ErrMalformed, "its output has shape %v of %v, expected %d bytes", out.Shape, out.Type, len(data))
		}
		out.Data, out.Computed = data, true
	}
	m.Ops = kept
	useDense(m.Outputs)
	return nil
}

// openShape works out the output's shape of operator k where the file leaves it
// open. What does not fit is left to Check.
func (m *Model) openShape(k int) {
	o := &m.Ops[k]
	out := &m.Tensors[o.Outputs[0]]
	if !out.open || shapeRuleOf(o.Code) == nil || out.Const() {
		return
	}
	if s, err := m.OutputShape(o); err == nil {
		out.Shape = s
	}
}

// emptyConstants tells constants without elements from activations.
func (m *Model) emptyConstants() {
	given := make([]bool, len(m.Tensors))
	for k := range m.Ops {
		given[m.Ops[k].Outputs[0]] = true
	}
	for _, i := range m.Inputs {
		given[i] = true
	}
	for i := range m.Tensors {
		t := &m.Tensors[i]
		if t.Data == nil && t.Elements() == 0 && !given[i] {
			t.Data = []byte{}
		}
	}
}

// foldOp returns the bytes of o's output, or nil where they are not known.
func (m *Model) foldOp(o *Op, r *reader) []byte {
	x := m.in(o, 0)
	switch o.Code {
	case OpShape:
		return foldShape(x, o, r)
	case OpStridedSlice:
		return m.foldSlice(o, r)
	case OpMul:
		return m.foldMul(o, r)
	case OpReshape, OpSqueeze, OpExpandDims:
		if x.Const() && x.Type == Int32 {
			return x.Data
		}
	case OpPack, OpConcatenation:
		return m.foldPack(o, r)
	}
	return nil
}

func foldShape(x *Tensor, o *Op, r *reader) []byte {
	if o.Options.(ShapeOf).Type != Int32 || !r.take(o.Offset, len(x.Shape), 4) {
		return nil
	}
	return int32Bytes(x.Shape)
}

// foldSlice takes x[begin:end] of a vector of constants, with stride 1.
func (m *Model) foldSlice(o *Op, r *reader) []byte {
	c, x := o.Options.(StridedSlice), m.in(o, 0)
	for i := 1; i <= 3; i++ {
		if m.in(o, i).Elements() != 1 {
			return nil
		}
	}
	begin, end, stride := m.in(o, 1).Ints(), m.in(o, 2).Ints(), m.in(o, 3).Ints()
	if !x.Const() || x.Type != Int32 || len(x.Shape) != 1 || len(begin) != 1 || len(end) != 1 || !slices.Equal(stride, []int{1}) || c.Ellipsis|c.NewAxis != 0 {
		return nil
	}
	n := x.Shape[0]
	from, to := clampIndex(begin[0], n), clampIndex(end[0], n)
	if c.Begin != 0 {
		from = 0
	}
	if c.End != 0 {
		to = n
	}
	if c.ShrinkAxis != 0 {
		to = from + 1
	}
	if from >= to || to > n || !r.take(o.Offset, to-from, 4) {
		return nil
	}
	return slices.Clone(x.Data[4*from : 4*to])
}

func clampIndex(i, n int) int {
	if i < 0 {
		i += n
	}
	return min(max(i, 0), n)
}

// foldPack joins scalars (PACK) or vectors (CONCATENATION) of integers.
func (m *Model) foldPack(o *Op, r *reader) []byte {
	n := 0
	for i := range o.Inputs {
		x := m.in(o, i)
		scalar := len(x.Shape) == 0 && o.Code == OpPack
		vector := len(x.Shape) == 1 && o.Code == OpConcatenation
		if !x.Const() || x.Type != Int32 || !scalar && !vector {
			return nil
		}
		n += len(x.Data)
	}
	if !r.take(o.Offset, n, 1) {
		return nil
	}
	data := make([]byte, 0, n)
	for i := range o.Inputs {
		data = append(data, m.in(o, i).Data...)
	}
	return data
}

// foldMul multiplies two single integers.
func (m *Model) foldMul(o *Op, r *reader) []byte {
	a, b := m.in(o, 0), m.in(o, 1)
	if !a.Const() || !b.Const() || a.Type != Int32 || b.Type != Int32 || len(a.Data) != 4 || len(b.Data) != 4 || !r.take(o.Offset, 1, 4) {
		return nil
	}
	return int32Bytes([]int{a.Ints()[0] * b.Ints()[0]})
}

func int32Bytes(v []int) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(int32(x)))
	}
	return b
}
