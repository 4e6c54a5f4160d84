package native

import (
	"math"

	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// mapStep applies a function of one int8 by its table.
type mapStep struct {
	set      *kernel.Set
	dst, src []int8
	table    kernel.Table
}

// mapChunk is how many elements make a unit.
const mapChunk = 4096

func (s *mapStep) units() int   { return (len(s.dst) + mapChunk - 1) / mapChunk }
func (s *mapStep) scratch() int { return 0 }

func (s *mapStep) run(_ []byte, from, to int) {
	a, z := from*mapChunk, min(to*mapChunk, len(s.dst))
	s.set.Map(s.dst[a:z], s.src[a:z], &s.table)
}

// unary lowers an operator that works element by element.
func (l *lowering) unary(n *graph.Node) (layer, error) {
	if err := l.needInt8(n, n.In[0], n.Out); err != nil {
		return layer{}, err
	}
	f, err := l.function(n)
	if err != nil {
		return layer{}, err
	}
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	s := &mapStep{set: l.set, dst: l.int8s(n.Out), src: l.int8s(n.In[0])}
	for q := -128; q <= 127; q++ {
		v := float32(int32(q)-x.ZeroPoint()) * x.Scale()
		s.table[uint8(int8(q))] = quantize(f(v), 1/y.Scale(), y.ZeroPoint())
	}
	return layer{step: s, kernel: "table", wide: len(s.dst) > 8*mapChunk}, nil
}

// function is the operator on real numbers, by XNNPACK's reference
// (src/reference/unary-elementwise.cc).
func (l *lowering) function(n *graph.Node) (func(float32) float32, error) {
	switch o := l.op(n); o.Code {
	case tflite.OpLogistic:
		return logistic, nil
	case tflite.OpTanh:
		return func(v float32) float32 { return float32(math.Tanh(float64(v))) }, nil
	case tflite.OpRelu:
		return func(v float32) float32 { return max(v, 0) }, nil
	case tflite.OpRelu6:
		return func(v float32) float32 { return min(max(v, 0), 6) }, nil
	case tflite.OpReluN1To1:
		return func(v float32) float32 { return min(max(v, -1), 1) }, nil
	case tflite.OpSqrt:
		return func(v float32) float32 { return float32(math.Sqrt(float64(v))) }, nil
	case tflite.OpHardSwish:
		return func(v float32) float32 { return float32(v/6) * max(min(v+3, 6), 0) }, nil
	case tflite.OpLeakyRelu:
		alpha := o.Options.(tflite.LeakyRelu).Alpha
		return func(v float32) float32 {
			if v < 0 {
				return v * alpha
			}
			return v
		}, nil
	}
	return nil, l.refuse(n, "the native engine cannot run it")
}

func logistic(v float32) float32 {
	switch {
	case v > 100:
		return 1
	case v < -100:
		return 0
	}
	e := math.Exp(float64(v))
	return float32(e / (1 + e))
}
