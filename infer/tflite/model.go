package tflite

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is the element type of a tensor, numbered as in the schema.
type DType uint8

// Element types that tensors of readable files have.
const (
	Float32 DType = 0
	Float16 DType = 1
	Int32   DType = 2
	UInt8   DType = 3
	Int64   DType = 4
	Bool    DType = 6
	Int16   DType = 7
	Int8    DType = 9
)

var dtypeNames = map[DType]string{
	Float32: "float32", Float16: "float16", Int32: "int32", UInt8: "uint8",
	Int64: "int64", Bool: "bool", Int16: "int16", Int8: "int8",
}

func (d DType) String() string {
	if n, ok := dtypeNames[d]; ok {
		return n
	}
	return fmt.Sprintf("type(%d)", uint8(d))
}

// Size in bytes of one element; 0 for types that are not supported.
func (d DType) Size() int {
	switch d {
	case Float32, Int32:
		return 4
	case Float16, Int16:
		return 2
	case Int64:
		return 8
	case UInt8, Int8, Bool:
		return 1
	}
	return 0
}

// Model is the one subgraph of a .tflite file.
type Model struct {
	Version     int
	Description string
	Tensors     []Tensor
	Ops         []Op  // in execution order
	Inputs      []int // indices into Tensors
	Outputs     []int
	Metadata    []Metadata
}

// Metadata is a named buffer of the file, such as "TFLITE_METADATA".
type Metadata struct {
	Name string
	Data []byte
}

// Tensor is a constant or an activation. real = Scale * (q - ZeroPoint).
type Tensor struct {
	Name       string
	Shape      []int // NHWC for pictures; nil for a scalar
	Type       DType
	Scales     []float32 // none: not quantized; one: per tensor; else one per index of dimension Axis
	ZeroPoints []int64   // as long as Scales
	Axis       int
	Data       []byte // little-endian; nil for activations; what was stored sparse is dense here
	Sparse     bool   // the file stored it sparse
	Computed   bool   // a constant that operators of the file worked out from shapes
	Offset     int    // in the file, for messages; 0 when built
	open       bool   // the file leaves dimensions of Shape open (batch), so they are worked out
}

// Const reports whether the tensor's values are part of the model.
func (t *Tensor) Const() bool { return t.Data != nil }

// Elements is the number of values.
func (t *Tensor) Elements() int { return elements(t.Shape) }

// Quantized reports whether the tensor has a scale.
func (t *Tensor) Quantized() bool { return len(t.Scales) > 0 }

// Scale of a per-tensor quantized tensor, 0 when it is not quantized.
func (t *Tensor) Scale() float32 {
	if len(t.Scales) == 0 {
		return 0
	}
	return t.Scales[0]
}

// ZeroPoint of a per-tensor quantized tensor.
func (t *Tensor) ZeroPoint() int32 {
	if len(t.ZeroPoints) == 0 {
		return 0
	}
	return int32(t.ZeroPoints[0])
}

// Ints returns the values of an int32 or int64 constant.
func (t *Tensor) Ints() []int {
	switch t.Type {
	case Int32:
		v := make([]int, len(t.Data)/4)
		for i := range v {
			v[i] = int(int32(binary.LittleEndian.Uint32(t.Data[4*i:])))
		}
		return v
	case Int64:
		v := make([]int, len(t.Data)/8)
		for i := range v {
			v[i] = int(int64(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
		return v
	}
	return nil
}

// Floats returns the values of a float32 constant.
func (t *Tensor) Floats() []float32 {
	if t.Type != Float32 {
		return nil
	}
	v := make([]float32, len(t.Data)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return v
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Op is one operator. A missing optional input is -1.
type Op struct {
	Code    OpCode
	Version int
	Inputs  []int
	Outputs []int
	Options any // the struct that options.go names for Code, by value; nil where Code has none
	Offset  int // in the file, for messages; 0 when built
}

// Squares reports whether LiteRT computes operator o, a MUL, as a square: XNNPACK does
// so with a tensor times itself, but where a function of one operand makes the tensor
// for this operator alone.
func (m *Model) Squares(o *Op) bool {
	x := o.Inputs[0]
	if x != o.Inputs[1] {
		return false
	}
	reads, alone := 0, false
	count := func(v []int) {
		for _, i := range v {
			if i == x {
				reads++
			}
		}
	}
	for k := range m.Ops {
		p := &m.Ops[k]
		count(p.Inputs)
		if p.Outputs[0] == x {
			alone = p.Code == OpLogistic || p.Code == OpTanh || p.Code == OpLeakyRelu || p.Code == OpQuantize
		}
	}
	count(m.Outputs)
	return !alone || reads > 2
}
