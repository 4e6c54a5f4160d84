package tflite

import (
	"fmt"
	"slices"
)

// clone copies everything but the bytes of constants.
func (m *Model) clone() *Model {
	c := *m
	c.Tensors = slices.Clone(m.Tensors)
	for i := range c.Tensors {
		c.Tensors[i].Shape = slices.Clone(c.Tensors[i].Shape)
	}
	c.Ops = slices.Clone(m.Ops)
	for i := range c.Ops {
		c.Ops[i].Inputs = slices.Clone(c.Ops[i].Inputs)
		c.Ops[i].Outputs = slices.Clone(c.Ops[i].Outputs)
	}
	c.Inputs, c.Outputs = slices.Clone(m.Inputs), slices.Clone(m.Outputs)
	c.Metadata = slices.Clone(m.Metadata)
	return &c
}

// Find returns the index of the tensor of that name, or -1.
func (m *Model) Find(name string) int {
	return slices.IndexFunc(m.Tensors, func(t Tensor) bool { return t.Name == name })
}

// Cut returns a model of what outputs need, in their order; everything else is
// left out, inputs that nothing needs too. Constants are shared. Tensor indices
// change; names do not. An index out of range comes out of Check.
func (m *Model) Cut(outputs []int) *Model {
	need := make([]bool, len(m.Tensors))
	for _, i := range outputs {
		if i >= 0 && i < len(need) {
			need[i] = true
		}
	}
	keep := make([]bool, len(m.Ops))
	for k := len(m.Ops) - 1; k >= 0; k-- {
		if keep[k] = need[m.Ops[k].Outputs[0]]; !keep[k] {
			continue
		}
		for _, i := range m.Ops[k].Inputs {
			if i >= 0 {
				need[i] = true
			}
		}
	}
	return m.only(need, keep, outputs)
}

func (m *Model) only(need, keep []bool, outputs []int) *Model {
	src := m.clone()
	c := *src
	c.Tensors, c.Ops = nil, nil
	to := make([]int, len(src.Tensors))
	for i := range src.Tensors {
		if to[i] = -1; need[i] {
			to[i] = len(c.Tensors)
			c.Tensors = append(c.Tensors, src.Tensors[i])
		}
	}
	move := func(v []int) []int {
		w := make([]int, 0, len(v))
		for _, i := range v {
			if i >= 0 && i < len(to) {
				i = to[i]
			}
			w = append(w, i)
		}
		return w
	}
	for k, o := range src.Ops {
		if keep[k] {
			o.Inputs, o.Outputs = move(o.Inputs), move(o.Outputs)
			c.Ops = append(c.Ops, o)
		}
	}
	c.Inputs = slices.DeleteFunc(move(m.Inputs), func(i int) bool { return i < 0 })
	c.Outputs = move(outputs)
	return &c
}

// Resize gives the only input another shape and works out every other one. The
// sizes of resize operators keep their ratio to their input. A graph that is not
// fully convolutional (a RESHAPE or FULLY_CONNECTED of a fixed size) is refused
// and left as it was.
func (m *Model) Resize(input []int) error {
	if len(m.Inputs) != 1 {
		return fmt.Errorf("resize: the model has %d inputs, expected one", len(m.Inputs))
	}
	c := m.clone()
	old := m.Tensors[m.Inputs[0]].Shape
	if len(old) != len(input) {
		return fmt.Errorf("resize: input shape %v cannot become %v", old, input)
	}
	c.Tensors[m.Inputs[0]].Shape = slices.Clone(input)
	for k := range c.Ops {
		if err := c.resizeOp(m, k); err != nil {
			return fmt.Errorf("resize to %v: %w", input, err)
		}
	}
	if err := c.Check(); err != nil {
		return fmt.Errorf("resize to %v: %w", input, err)
	}
	*m = *c
	return nil
}

// resizeOp works out operator k's output shape; was is the model before.
func (m *Model) resizeOp(was *Model, k int) error {
	o := &m.Ops[k]
	out := o.Outputs[0]
	switch o.Code {
	case OpResizeBilinear, OpResizeNearest:
		x, oldX, oldOut := m.in(o, 0).Shape, was.in(o, 0).Shape, was.Tensors[out].Shape
		if len(x) != 4 || len(oldX) != 4 {
			return m.fault(k, ErrUnsupported, "shape %v", x)
		}
		m.replaceInts(o, 1, scaled(x[1], oldX[1], oldOut[1]), scaled(x[2], oldX[2], oldOut[2]))
	case OpTransposeConv:
		x, oldX, oldOut := m.in(o, 2).Shape, was.in(o, 2).Shape, was.Tensors[out].Shape
		c := o.Options.(TransposeConv)
		m.replaceInts(o, 0, x[0], oldOut[1]+(x[1]-oldX[1])*c.StrideH, oldOut[2]+(x[2]-oldX[2])*c.StrideW, oldOut[3])
	}
	shape, err := m.OutputShape(o)
	if err != nil {
		return m.fault(k, ErrUnsupported, "%v", err)
	}
	m.Tensors[out].Shape = shape
	return nil
}

// scaled is n·out/in rounded to the nearest.
func scaled(n, in, out int) int { return max(1, (2*n*out+in)/(2*in)) }

// replaceInts puts a new constant at input i of o; others may share the old one.
func (m *Model) replaceInts(o *Op, i int, v ...int) {
	t := *m.in(o, i)
	if slices.Equal(t.Ints(), v) {
		return
	}
	t.Type, t.Shape, t.Data = Int32, []int{len(v)}, int32Bytes(v)
	m.Tensors = append(m.Tensors, t)
	o.Inputs[i] = len(m.Tensors) - 1
}
