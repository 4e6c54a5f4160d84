package tflite

import (
	"fmt"
	"math"
	"slices"
)

// finish folds what is known before the run and checks the rest. r carries the
// budget for what folding allocates.
func (m *Model) finish(r *reader, lim Limits) error {
	if err := m.checkTensors(lim.Elements); err != nil {
		return err
	}
	if err := m.checkIndices(); err != nil {
		return err
	}
	if err := m.fold(r); err != nil {
		return err
	}
	return m.Check()
}

// Check returns the first reason why the model is not sound: an index out of
// range, a tensor used before it is computed or computed twice, a shape that is
// not what the operator makes. Parse and Builder.Model have called it; call it
// after changing a Model by hand.
func (m *Model) Check() error {
	if err := m.checkTensors(defaultElements); err != nil {
		return err
	}
	if err := m.checkIndices(); err != nil {
		return err
	}
	if err := m.checkOrder(); err != nil {
		return err
	}
	for k := range m.Ops {
		if err := m.checkOp(k); err != nil {
			return err
		}
	}
	return nil
}

// fault makes an Error at operator k.
func (m *Model) fault(k int, kind error, format string, args ...any) error {
	o := &m.Ops[k]
	e := &Error{Kind: kind, Op: fmt.Sprintf("%v #%d", o.Code, k), Offset: place(o.Offset), Msg: fmt.Sprintf(format, args...)}
	if len(o.Outputs) > 0 && o.Outputs[0] >= 0 && o.Outputs[0] < len(m.Tensors) {
		e.Tensor = m.Tensors[o.Outputs[0]].Name
	}
	return e
}

// Refuse is the error of an engine that cannot run operator k; it names
// operator, tensor and file offset.
func (m *Model) Refuse(k int, format string, args ...any) error {
	return m.fault(k, ErrUnsupported, format, args...)
}

// place is -1 for what was not read from a file.
func place(offset int) int {
	if offset == 0 {
		return -1
	}
	return offset
}

func (m *Model) checkTensors(limit int) error {
	for i := range m.Tensors {
		t := &m.Tensors[i]
		if msg := t.fault(limit); msg != "" {
			return &Error{Kind: ErrMalformed, Tensor: t.Name, Offset: place(t.Offset), Msg: msg}
		}
	}
	return nil
}

// maxRank bounds the dimensions of a tensor, far above what operators have: work on
// them is recursive, and its cost grows with their square.
const maxRank = 16

func (t *Tensor) fault(limit int) string {
	n, err := checkedElements(t.Shape, limit)
	switch {
	case len(t.Shape) > maxRank:
		return fmt.Sprintf("%d dimensions, at most %d can be read", len(t.Shape), maxRank)
	case err != nil:
		return err.Error()
	case t.Type.Size() == 0:
		return "element type " + t.Type.String()
	case t.Data != nil && len(t.Data) != n*t.Type.Size():
		return fmt.Sprintf("%d bytes of data for shape %v of %v", len(t.Data), t.Shape, t.Type)
	case len(t.Scales) != len(t.ZeroPoints):
		return fmt.Sprintf("%d scales but %d zero points", len(t.Scales), len(t.ZeroPoints))
	case len(t.Scales) > 1 && (t.Axis < 0 || t.Axis >= len(t.Shape) || t.Shape[t.Axis] != len(t.Scales)):
		return fmt.Sprintf("%d scales along dimension %d of shape %v", len(t.Scales), t.Axis, t.Shape)
	}
	return t.quantFault()
}

func (t *Tensor) quantFault() string {
	for i, s := range t.Scales {
		z := t.ZeroPoints[i]
		switch {
		case !(s >= 0) || math.IsInf(float64(s), 0):
			return fmt.Sprintf("scale %v", s)
		case t.Type == Int8 && (z < -128 || z > 127), t.Type == UInt8 && (z < 0 || z > 255), z < math.MinInt32, z > math.MaxInt32:
			return fmt.Sprintf("zero point %d of %v", z, t.Type)
		}
	}
	return ""
}

func (m *Model) checkIndices() error {
	bad := func(i int) bool { return i < 0 || i >= len(m.Tensors) }
	if slices.ContainsFunc(m.Inputs, bad) || slices.ContainsFunc(m.Outputs, bad) || len(m.Outputs) == 0 {
		return &Error{Kind: ErrMalformed, Offset: -1, Msg: fmt.Sprintf("inputs %v and outputs %v of %d tensors", m.Inputs, m.Outputs, len(m.Tensors))}
	}
	for k := range m.Ops {
		o := &m.Ops[k]
		if _, known := opInfos[o.Code]; !known {
			return m.fault(k, ErrUnsupported, "this operator cannot be run")
		}
		if len(o.Outputs) != 1 || bad(o.Outputs[0]) {
			return m.fault(k, ErrMalformed, "outputs %v of %d tensors, expected one", o.Outputs, len(m.Tensors))
		}
		if msg := m.inputFault(o); msg != "" {
			return m.fault(k, ErrMalformed, "%s", msg)
		}
	}
	return nil
}

// inputFault says what is wrong with the input indices of o, or "".
func (m *Model) inputFault(o *Op) string {
	info := opInfos[o.Code]
	if len(o.Inputs) < info.minIn || len(o.Inputs) > info.maxIn {
		return fmt.Sprintf("%d inputs, expected %d to %d", len(o.Inputs), info.minIn, info.maxIn)
	}
	for i, x := range o.Inputs {
		if missing := x == -1 && i >= info.minIn && takesBias(o.Code); !missing && (x < 0 || x >= len(m.Tensors)) {
			return fmt.Sprintf("input %d is tensor %d of %d", i, x, len(m.Tensors))
		}
	}
	return ""
}

// takesBias says that the last input may be missing.
func takesBias(c OpCode) bool {
	return c == OpConv2D || c == OpDepthwiseConv2D || c == OpTransposeConv || c == OpFullyConnected
}

// checkOrder follows the values: each is given, constant, or computed once
// before its use.
func (m *Model) checkOrder() error {
	known := make([]bool, len(m.Tensors))
	for i := range m.Tensors {
		known[i] = m.Tensors[i].Const()
	}
	for _, i := range m.Inputs {
		if known[i] {
			return &Error{Kind: ErrMalformed, Tensor: m.Tensors[i].Name, Offset: place(m.Tensors[i].Offset), Msg: "an input that is constant or named twice"}
		}
		known[i] = true
	}
	for k := range m.Ops {
		for _, i := range m.Ops[k].Inputs {
			if i >= 0 && !known[i] {
				return m.fault(k, ErrMalformed, "tensor %q is used before it is computed", m.Tensors[i].Name)
			}
		}
		out := m.Ops[k].Outputs[0]
		if known[out] {
			return m.fault(k, ErrMalformed, "its output is given or computed already")
		}
		known[out] = true
	}
	for _, i := range m.Outputs {
		if !known[i] {
			return &Error{Kind: ErrMalformed, Tensor: m.Tensors[i].Name, Offset: place(m.Tensors[i].Offset), Msg: "an output that nothing computes"}
		}
	}
	return nil
}

func (m *Model) checkOp(k int) error {
	o := &m.Ops[k]
	shape, err := m.OutputShape(o)
	if err != nil {
		return m.fault(k, ErrUnsupported, "%v", err)
	}
	if got := m.Tensors[o.Outputs[0]].Shape; !slices.Equal(got, shape) {
		return m.fault(k, ErrMalformed, "its output has shape %v, expected %v", got, shape)
	}
	return nil
}
