package tflite

import (
	"encoding/binary"
	"slices"
)

// fold computes what does not depend on the input: the shapes that the Keras
// converter works out at run time for models without a fixed batch (SHAPE,
// STRIDED_SLICE, PACK on integers) and the dense form of sparse weights
// (DENSIFY). The operators disappear, their outputs become constants.
func (m *Model) fold(r *reader) error {
	m.emptyConstants()
	kept := m.Ops[:0]
	for k := range m.Ops {
		if m.Ops[k].Code == opDensify {
			m.useInstead(k)
			continue
		}
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
		out.Data = data
	}
	m.Ops = kept
	return nil
}

// emptyConstants tells constants without elements from activations.
func (m *Model) emptyConstants() {
	computed := make([]bool, len(m.Tensors))
	for k := range m.Ops {
		computed[m.Ops[k].Outputs[0]] = true
	}
	for i := range m.Tensors {
		t := &m.Tensors[i]
		if t.Data == nil && t.Elements() == 0 && !computed[i] && !slices.Contains(m.Inputs, i) {
			t.Data = []byte{}
		}
	}
}

// useInstead makes everybody after DENSIFY operator k read its input, which
// Parse has made dense.
func (m *Model) useInstead(k int) {
	x, out := m.Ops[k].Inputs[0], m.Ops[k].Outputs[0]
	replace := func(v []int) {
		for i := range v {
			if v[i] == out {
				v[i] = x
			}
		}
	}
	for i := k + 1; i < len(m.Ops); i++ {
		replace(m.Ops[i].Inputs)
	}
	replace(m.Outputs)
}

// foldOp returns the bytes of o's output, or nil where they are not known.
func (m *Model) foldOp(o *Op, r *reader) []byte {
	x := m.in(o, 0)
	switch o.Code {
	case OpShape:
		return foldShape(x, o, r)
	case OpStridedSlice:
		return m.foldSlice(o, r)
	case OpPack:
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

// foldPack joins scalar constants.
func (m *Model) foldPack(o *Op, r *reader) []byte {
	if !r.take(o.Offset, len(o.Inputs), 4) {
		return nil
	}
	var data []byte
	for i := range o.Inputs {
		x := m.in(o, i)
		if !x.Const() || x.Type != Int32 || len(x.Data) != 4 {
			return nil
		}
		data = append(data, x.Data...)
	}
	return data
}

func int32Bytes(v []int) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(int32(x)))
	}
	return b
}
