package tf

import (
	"encoding/binary"
	"fmt"
	"math"

	"winnow/infer"
	"winnow/infer/tflite"
)

// Difference is where two engines part: the first layer in the order of
// execution whose values lie further apart than was allowed.
type Difference struct {
	Operator  string // such as "CONV_2D #3"; "" where only the whole graph differs
	Tensor    string // the operator's output
	Index     []int  // of the first value that differs
	Reference float64
	Other     float64 // the values there, as stored
	Count     int     // how many values of the tensor differ
	Of        int
	Largest   float64 // difference
}

func (d *Difference) String() string {
	return fmt.Sprintf("%s: tensor %q differs in %d of %d values, by %g at most; first at %v: %g, not %g",
		d.Operator, d.Tensor, d.Count, d.Of, d.Largest, d.Index, d.Other, d.Reference)
}

// Compare runs a model on two engines with the same inputs (one for each of the
// model's, little-endian) and returns nil where no output differs by more than
// tolerance steps. Else it runs both again with every activation as an output
// and returns the first that differs. It takes memory for all activations.
func Compare(model []byte, inputs [][]byte, reference, other infer.Engine, tolerance int) (*Difference, error) {
	m, err := tflite.Parse(model, tflite.Limits{})
	if err != nil {
		return nil, err
	}
	d, err := compare(model, inputs, reference, other, tolerance)
	if d == nil || err != nil {
		return nil, err
	}
	wide, err := everyLayer(m)
	if err != nil {
		return nil, fmt.Errorf("comparing layer by layer: %w", err)
	}
	layer, err := compare(wide, inputs, reference, other, tolerance)
	if err != nil {
		return nil, fmt.Errorf("comparing layer by layer: %w", err)
	}
	if layer == nil { // what an engine folds together differs, none of its parts alone
		d.Operator = "whole graph"
		return d, nil
	}
	for k, o := range m.Ops {
		if m.Tensors[o.Outputs[0]].Name == layer.Tensor {
			layer.Operator = fmt.Sprintf("%v #%d", o.Code, k)
			break
		}
	}
	return layer, nil
}

// everyLayer is the model with every activation as an output, in the order of
// execution.
func everyLayer(m *tflite.Model) ([]byte, error) {
	c := *m
	c.Outputs = nil
	for _, o := range m.Ops {
		t := o.Outputs[0]
		switch m.Tensors[t].Type {
		case tflite.Int8, tflite.UInt8, tflite.Float32:
			c.Outputs = append(c.Outputs, t)
		}
	}
	return c.Marshal()
}

// compare returns the first output that differs.
func compare(model []byte, inputs [][]byte, reference, other infer.Engine, tolerance int) (*Difference, error) {
	want, err := reference.Load(model, infer.Options{})
	if err != nil {
		return nil, err
	}
	defer want.Close()
	got, err := other.Load(model, infer.Options{})
	if err != nil {
		return nil, err
	}
	defer got.Close()
	for _, s := range []infer.Session{want, got} {
		if err := run(s, inputs); err != nil {
			return nil, err
		}
	}
	for i, t := range want.Outputs() {
		if d := differs(t, want.Output(i), got.Output(i), tolerance); d != nil {
			return d, nil
		}
	}
	return nil, nil
}

func run(s infer.Session, inputs [][]byte) error {
	if len(inputs) != len(s.Inputs()) {
		return fmt.Errorf("%d inputs given, the model has %d", len(inputs), len(s.Inputs()))
	}
	for i, in := range inputs {
		if len(in) != len(s.Input(i)) {
			return fmt.Errorf("input %d has %d bytes, the model takes %d", i, len(in), len(s.Input(i)))
		}
		copy(s.Input(i), in)
	}
	return s.Run()
}

// differs compares two contents of one tensor.
func differs(t infer.Tensor, want, got []byte, tolerance int) *Difference {
	allowed := float64(tolerance)
	if t.Type == infer.Float32 {
		allowed *= float64(max(t.Scale, 1e-6))
	}
	d := &Difference{Tensor: t.Name, Of: t.Elements()}
	for i := range d.Of {
		a, b := valueAt(t.Type, want, i), valueAt(t.Type, got, i)
		off := math.Abs(a - b)
		if off <= allowed && (tolerance > 0 || math.Signbit(a) == math.Signbit(b)) { // 0 and -0 differ in their bits
			continue
		}
		if d.Count++; d.Count == 1 {
			d.Index, d.Reference, d.Other = position(i, t.Shape), a, b
		}
		d.Largest = max(d.Largest, off)
	}
	if d.Count == 0 {
		return nil
	}
	return d
}

func valueAt(t infer.DType, b []byte, i int) float64 {
	switch t {
	case infer.Int8:
		return float64(int8(b[i]))
	case infer.UInt8:
		return float64(b[i])
	case infer.Int16:
		return float64(int16(binary.LittleEndian.Uint16(b[2*i:])))
	case infer.Int32:
		return float64(int32(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
}

// position of flat index i in a tensor.
func position(i int, shape []int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d], i = i%shape[d], i/shape[d]
	}
	return at
}
