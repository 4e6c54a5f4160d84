package tflite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Quant is the quantization of a tensor: real = Scale * (q - ZeroPoint).
type Quant struct {
	Scale     float32
	ZeroPoint int
}

// Builder makes int8 graphs. Every method returns the index of the tensor that
// it adds, with its shape worked out; the caller gives names and quantization.
// The first fault sticks and comes out of Model.
type Builder struct {
	m   Model
	err error
}

// NewBuilder starts an empty graph.
func NewBuilder(description string) *Builder {
	return &Builder{m: Model{Version: 3, Description: description}}
}

// Extend starts with a copy of m, whose tensors keep their indices, so that a
// graph can go on from any of them. Constants are shared, not copied.
func Extend(m *Model) *Builder {
	b := &Builder{m: *m.clone()}
	b.m.Outputs = nil
	return b
}

// Tensor describes tensor i as it stands.
func (b *Builder) Tensor(i int) Tensor {
	if i < 0 || i >= len(b.m.Tensors) {
		return Tensor{}
	}
	return b.m.Tensors[i]
}

// AddMetadata appends a named buffer to the file.
func (b *Builder) AddMetadata(name string, data []byte) {
	b.m.Metadata = append(b.m.Metadata, Metadata{name, data})
}

// Model returns the graph that computes outputs, in this order. The builder
// must not be used afterwards.
func (b *Builder) Model(outputs ...int) (*Model, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.m.Outputs = outputs
	if err := b.m.Check(); err != nil {
		return nil, err
	}
	return &b.m, nil
}

// AddTensor adds t as it is.
func (b *Builder) AddTensor(t Tensor) int {
	b.m.Tensors = append(b.m.Tensors, t)
	return len(b.m.Tensors) - 1
}

// AddInput adds an int8 input.
func (b *Builder) AddInput(name string, shape []int, q Quant) int {
	i := b.AddTensor(quantized(name, shape, Int8, q))
	b.m.Inputs = append(b.m.Inputs, i)
	return i
}

func quantized(name string, shape []int, t DType, q Quant) Tensor {
	return Tensor{Name: name, Shape: slices.Clone(shape), Type: t, Scales: []float32{q.Scale}, ZeroPoints: []int64{int64(q.ZeroPoint)}}
}

// AddWeights adds int8 constants, symmetric, with one scale or one for each
// index of dimension axis.
func (b *Builder) AddWeights(name string, shape []int, w []int8, scales []float32, axis int) int {
	t := Tensor{Name: name, Shape: slices.Clone(shape), Type: Int8, Scales: scales, ZeroPoints: make([]int64, len(scales)), Axis: axis}
	t.Data = make([]byte, len(w))
	for i, v := range w {
		t.Data[i] = byte(v)
	}
	return b.AddTensor(t)
}

// AddConst adds int8 constants with per-tensor quantization, as an operand of
// arithmetic.
func (b *Builder) AddConst(name string, shape []int, v []int8, q Quant) int {
	i := b.AddWeights(name, shape, v, []float32{q.Scale}, 0)
	b.m.Tensors[i].ZeroPoints[0] = int64(q.ZeroPoint)
	return i
}

// AddBias adds int32 constants for an operator on x with weights w; their scales
// are the products of both scales, as TFLite requires.
func (b *Builder) AddBias(name string, x, w int, bias []int32) int {
	tx, tw := b.Tensor(x), b.Tensor(w)
	t := Tensor{Name: name, Shape: []int{len(bias)}, Type: Int32, ZeroPoints: make([]int64, len(tw.Scales))}
	for _, s := range tw.Scales {
		t.Scales = append(t.Scales, tx.Scale()*s)
	}
	for _, v := range bias {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(v))
	}
	return b.AddTensor(t)
}

// AddInts adds int32 constants such as a size or axes.
func (b *Builder) AddInts(name string, v ...int) int {
	return b.AddTensor(Tensor{Name: name, Shape: []int{len(v)}, Type: Int32, Data: int32Bytes(v)})
}

// AddFloats adds float32 constants.
func (b *Builder) AddFloats(name string, shape []int, v []float32) int {
	t := Tensor{Name: name, Shape: slices.Clone(shape), Type: Float32, Data: []byte{}}
	for _, f := range v {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(f))
	}
	return b.AddTensor(t)
}

// AddOp adds any operator with one output of type t; q is left out for float32.
// The other methods are shorthands for it.
func (b *Builder) AddOp(name string, code OpCode, options any, t DType, q Quant, inputs ...int) int {
	// LiteRT wants a missing bias left out rather than named -1.
	for takesBias(code) && len(inputs) > opInfos[code].minIn && inputs[len(inputs)-1] == -1 {
		inputs = inputs[:len(inputs)-1]
	}
	o := Op{Code: code, Inputs: inputs, Options: options, Version: opInfos[code].version}
	shape, err := b.shapeOf(&o)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("%v %q: %w", code, name, err)
	}
	x := quantized(name, shape, t, q)
	if t == Float32 {
		x.Scales, x.ZeroPoints = nil, nil
	}
	out := b.AddTensor(x)
	o.Outputs = []int{out}
	b.m.Ops = append(b.m.Ops, o)
	return out
}

func (b *Builder) shapeOf(o *Op) ([]int, error) {
	if msg := b.m.inputFault(o); msg != "" {
		return nil, errors.New(msg)
	}
	if b.err != nil {
		return nil, b.err
	}
	return b.m.OutputShape(o)
}
