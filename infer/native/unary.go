package native

import (
	"encoding/binary"
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

// unary lowers an operator that works element by element: its 256 values are
// computed once.
func (l *lowering) unary(n *graph.Node) (layer, error) {
	if n.Code == tflite.OpSqrt && l.tensor(n.In[0]).Type == tflite.Float32 && l.tensor(n.Out).Type == tflite.Float32 {
		return l.sqrt(n)
	}
	if err := l.needInt8(n, n.In[0], n.Out); err != nil {
		return layer{}, err
	}
	f, err := l.function(n)
	if err != nil {
		return layer{}, err
	}
	s := &mapStep{set: l.set, dst: l.int8s(n.Out), src: l.int8s(n.In[0])}
	zero := l.tensor(n.In[0]).ZeroPoint()
	for q := int32(-128); q <= 127; q++ {
		s.table[uint8(q)] = f(q - zero)
	}
	return layer{step: s, kernel: "table", wide: len(s.dst) > 8*mapChunk}, nil
}

// function is the operator on an input less its zero point.
func (l *lowering) function(n *graph.Node) (func(int32) int8, error) {
	x, y, o := l.tensor(n.In[0]), l.tensor(n.Out), l.op(n)
	switch o.Code {
	case tflite.OpLogistic:
		return l.viaFloat(n, 1.0/256, -128, logistic)
	case tflite.OpTanh:
		return l.viaFloat(n, 1.0/128, 0, func(v float32) float32 { return float32(tanh(float64(v))) })
	case tflite.OpRelu:
		return relu(x, y, 0, math.Inf(1)), nil
	case tflite.OpRelu6:
		return relu(x, y, 0, 6), nil
	case tflite.OpReluN1To1:
		return relu(x, y, -1, 1), nil
	case tflite.OpHardSwish:
		return l.hardSwish(n, x, y)
	case tflite.OpLeakyRelu:
		return l.leakyRelu(n, x, y, o.Options.(tflite.LeakyRelu).Alpha)
	}
	return nil, l.refuse(n, "the native engine cannot run it on %v", x.Type)
}

// viaFloat is XNNPACK's table for LOGISTIC and TANH, whose output quantization
// TFLite fixes (src/reference/unary-elementwise.cc).
func (l *lowering) viaFloat(n *graph.Node, scale float32, zero int32, f func(float32) float32) (func(int32) int8, error) {
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	if y.Scale() != scale || y.ZeroPoint() != zero {
		return nil, l.refuse(n, "its output must have scale %g and zero point %d", scale, zero)
	}
	return func(v int32) int8 { return quantize(f(float32(v)*x.Scale()), 1/scale, zero) }, nil
}

func logistic(v float32) float32 {
	switch {
	case v > 100:
		return 1
	case v < -100:
		return 0
	}
	e := exp(float64(v))
	return float32(e / (1 + e))
}

// relu is the builtin kernel of RELU, RELU6 and RELU_N1_TO_1
// (tensorflow/lite/kernels/activations.cc, QuantizedReluX).
func relu(x, y *tflite.Tensor, lo, hi float64) func(int32) int8 {
	m := newMultiplier(float64(x.Scale() / y.Scale()))
	zero := int64(y.ZeroPoint())
	bound := func(v float64) int64 {
		if math.IsInf(v, 1) {
			return 127
		}
		return zero + int64(math.Round(float64(float32(v)/y.Scale())))
	}
	qlo, qhi := max(bound(lo), -128), min(bound(hi), 127)
	return func(v int32) int8 {
		return saturate8(min(max(zero+int64(m.apply(v)), qlo), qhi))
	}
}

// leakyRelu is XNNPACK's, both slopes in 1/256
// (src/qs8-vlrelu, xnn_init_qs8_lrelu_scalar_params); where the lower slope is too
// flat for that, XNNPACK leaves the operator to the builtin kernel
// (tensorflow/lite/kernels/internal/reference/leaky_relu.h, QuantizeLeakyRelu).
func (l *lowering) leakyRelu(n *graph.Node, x, y *tflite.Tensor, alpha float32) (func(int32) int8, error) {
	positive := x.Scale() / y.Scale()
	negative := float32(positive * alpha)
	if positive < 0x1p-8 || positive > 0x1p7 || !(negative >= -0x1.FFFC00p6 && negative <= 0x1p7) {
		return nil, l.refuse(n, "scale ratios %g and %g are outside what LiteRT's kernel takes", positive, negative)
	}
	if negative > -0x1p-8 && negative < 0x1p-8 {
		up, down := newMultiplier(float64(positive)), newMultiplier(float64(float32(x.Scale()*alpha)/y.Scale()))
		return func(v int32) int8 {
			m := up
			if v < 0 {
				m = down
			}
			return saturate8(int64(m.apply(v)) + int64(y.ZeroPoint()))
		}, nil
	}
	mp := int64(math.RoundToEven(float64(256 * positive)))
	mn := int64(math.RoundToEven(float64(256 * negative)))
	return func(v int32) int8 {
		m := mp
		if v < 0 {
			m = mn
		}
		return saturate8((int64(v)*m+128)>>8 + int64(y.ZeroPoint()))
	}, nil
}

// hardSwish is the builtin kernel, in 16-bit fixed point
// (tensorflow/lite/kernels/internal/reference/hard_swish.h).
func (l *lowering) hardSwish(n *graph.Node, x, y *tflite.Tensor) (func(int32) int8, error) {
	hires := float32(1.0/128) * x.Scale()
	out := newMultiplier(float64(hires / y.Scale()))
	rel := newMultiplier(float64(hires / float32(3.0/32768)))
	if out.shift > 0 {
		return nil, l.refuse(n, "its output scale %g is too small for its input scale %g", y.Scale(), x.Scale())
	}
	om, rm := out.half(), rel.half()
	return func(v int32) int8 {
		in := saturate16(int64(v) << 7)
		r := in
		if rel.shift > 0 {
			r = saturate16(r << (rel.shift - 1))
		}
		r = doublingHighMul(r, rm, 15)
		if rel.shift > 0 {
			r = saturate16(r << 1)
		}
		r = divideByPowerOfTwo(r, max(-rel.shift, 0))
		r = (r + 1<<15) >> 1
		q := saturate16(r * doublingHighMul(in, om, 15) / (1 << 15))
		return saturate8(divideByPowerOfTwo(q, -out.shift) + int64(y.ZeroPoint()))
	}, nil
}

// sqrt lowers SQRT, which the Keras converter leaves in float32 between
// DEQUANTIZE and QUANTIZE. LiteRT's own square root is an approximation that
// depends on the CPU in its last bits, so its bytes can be given only where they
// are quantized again.
func (l *lowering) sqrt(n *graph.Node) (layer, error) {
	if !l.g.OnlyReadBy(n.Out, tflite.OpQuantize) {
		return layer{}, l.refuse(n, "in float32 it can be run only in front of QUANTIZE: LiteRT's last bits depend on the CPU")
	}
	dst, src := l.bytes(n.Out), l.bytes(n.In[0])
	return moved((len(dst)/4+mapChunk-1)/mapChunk, func(from, to int) {
		for i := 4 * from * mapChunk; i < min(4*to*mapChunk, len(dst)); i += 4 {
			v := math.Float32frombits(binary.LittleEndian.Uint32(src[i:]))
			binary.LittleEndian.PutUint32(dst[i:], math.Float32bits(float32(math.Sqrt(float64(v)))))
		}
	}), nil
}
