package native

import (
	"encoding/binary"
	"math"

	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// convert lowers QUANTIZE and DEQUANTIZE.
func (l *lowering) convert(n *graph.Node) (layer, error) {
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	src, dst := l.bytes(n.In[0]), l.bytes(n.Out)
	isByte := func(t tflite.DType) bool { return t == tflite.Int8 || t == tflite.UInt8 }
	for _, t := range []*tflite.Tensor{x, y} {
		if isByte(t.Type) && (len(t.Scales) != 1 || !(t.Scales[0] > 0)) {
			return layer{}, l.refuse(n, "tensor %q needs one scale above 0", t.Name)
		}
	}
	switch {
	case x.Type == tflite.Float32 && isByte(y.Type):
		return moved((len(dst)+mapChunk-1)/mapChunk, quantizer(dst, src, y)), nil
	case isByte(x.Type) && y.Type == tflite.Float32:
		return moved((len(src)+mapChunk-1)/mapChunk, dequantizer(dst, src, x)), nil
	case isByte(x.Type) && isByte(y.Type):
		if r := x.Scale() / y.Scale(); !(r >= 0x1p-8 && r <= 0x1p7) {
			return layer{}, l.refuse(n, "the scale ratio %g is outside what LiteRT's kernel takes", r)
		}
		s := &mapStep{set: l.set, dst: kernel.Int8s(dst), src: kernel.Int8s(src)}
		requantTable(&s.table, x, y)
		return layer{step: s, kernel: "table"}, nil
	}
	return layer{}, l.refuse(n, "from %v to %v cannot be run", x.Type, y.Type)
}

// byteRange is the smallest and largest value of an 8-bit type.
func byteRange(t tflite.DType) (lo, hi float32) {
	if t == tflite.UInt8 {
		return 0, 255
	}
	return -128, 127
}

func quantizer(dst, src []byte, y *tflite.Tensor) func(from, to int) {
	inv, zero := 1/y.Scale(), float32(y.ZeroPoint())
	lo, hi := byteRange(y.Type)
	return func(from, to int) {
		for i := from * mapChunk; i < min(to*mapChunk, len(dst)); i++ {
			v := math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
			v = min(max(float32(v*inv), lo-zero), hi-zero)
			dst[i] = byte(int32(math.RoundToEven(float64(v))) + int32(zero))
		}
	}
}

func dequantizer(dst, src []byte, x *tflite.Tensor) func(from, to int) {
	var table [256]uint32
	for i := range table {
		v := int32(i)
		if x.Type == tflite.Int8 {
			v = int32(int8(i))
		}
		table[i] = math.Float32bits(float32(v-x.ZeroPoint()) * x.Scale())
	}
	return func(from, to int) {
		for i := from * mapChunk; i < min(to*mapChunk, len(src)); i++ {
			binary.LittleEndian.PutUint32(dst[4*i:], table[src[i]])
		}
	}
}

// requantTable is XNNPACK's conversion between 8-bit types: the ratio of scales
// in 1/256 (src/microparams-init.c, xnn_init_qs8_cvt).
func requantTable(t *kernel.Table, x, y *tflite.Tensor) {
	mul := int32(math.RoundToEven(float64(256 * float32(x.Scale()/y.Scale()))))
	lo, hi := byteRange(y.Type)
	for i := range t {
		v := int32(i)
		if x.Type == tflite.Int8 {
			v = int32(int8(i))
		}
		q := ((v-x.ZeroPoint())*mul + 128) >> 8
		t[i] = int8(uint8(max(int32(lo), min(int32(hi), q+y.ZeroPoint()))))
	}
}
