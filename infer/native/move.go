package native

import (
	"encoding/binary"

	"winnow/infer/graph"
	"winnow/infer/tflite"
)

// funcStep is a step whose units are calls of f; for data movement, which is
// never hot.
type funcStep struct {
	n int
	f func(from, to int)
}

func (s *funcStep) units() int                 { return s.n }
func (s *funcStep) scratch() int               { return 0 }
func (s *funcStep) run(_ []byte, from, to int) { s.f(from, to) }
func moved(n int, f func(from, to int)) layer  { return layer{step: &funcStep{n, f}, kernel: "copy"} }
func sameQuant(a, b *tflite.Tensor) bool {
	return a.Type == b.Type && a.Scale() == b.Scale() && a.ZeroPoint() == b.ZeroPoint()
}
func (l *lowering) int8Only(n *graph.Node) error { return l.needInt8(n, n.In[0], n.Out) }

// upsample repeats pixels; the graph has found that the factor is whole.
func (l *lowering) upsample(n *graph.Node) (layer, error) {
	if err := l.keepsQuant(n, n.In[0]); err != nil {
		return layer{}, err
	}
	s, up, set := n.InShape, n.Up, l.set
	dst, src := l.int8s(n.Out), l.int8s(n.In[0])
	row := s[2] * s[3]
	return moved(s[0]*s[1], func(from, to int) {
		set.Upsample(dst[from*up*up*row:to*up*up*row], src[from*row:to*row], to-from, s[2], s[3], up)
	}), nil
}

// keepsQuant refuses a node that moves values between tensors of different
// quantization.
func (l *lowering) keepsQuant(n *graph.Node, x int) error {
	if err := l.needInt8(n, x, n.Out); err != nil {
		return err
	}
	if a, b := l.tensor(x), l.tensor(n.Out); !sameQuant(a, b) {
		return l.refuse(n, "tensor %q and its output differ in quantization", a.Name)
	}
	return nil
}

// pad lowers PAD and PADV2 that no convolution has taken in. Bytes are moved, so
// that float32 tensors, which the Keras converter pads too, need nothing else.
func (l *lowering) pad(n *graph.Node) (layer, error) {
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	size := x.Type.Size()
	fill := byte(0)
	if float := x.Type == tflite.Float32 && y.Type == x.Type && n.Code == tflite.OpPad; !float {
		if err := l.keepsQuant(n, n.In[0]); err != nil {
			return layer{}, err
		}
		fill = byte(y.ZeroPoint())
	}
	if n.Code == tflite.OpPadV2 {
		v := l.tensor(n.In[2])
		if !v.Const() || len(v.Data) != 1 || !sameQuant(v, y) {
			return layer{}, l.refuse(n, "padding value %q must be one constant quantized as the output", v.Name)
		}
		fill = v.Data[0]
	}
	in, out := append(x.Shape[:len(x.Shape):len(x.Shape)], size), append(y.Shape[:len(y.Shape):len(y.Shape)], size)
	pads := append(l.tensor(n.In[1]).Ints(), 0, 0)
	dst, src := l.bytes(n.Out), l.bytes(n.In[0])
	return moved(1, func(int, int) {
		for i := range dst {
			dst[i] = fill
		}
		copyBlock(dst, src, in, out, pads)
	}), nil
}

// copyBlock copies src of shape in to where it lies in dst of shape out, pads[2d]
// from its start in dimension d.
func copyBlock(dst, src []byte, in, out, pads []int) {
	if len(in) == 1 {
		copy(dst[pads[0]:], src[:in[0]])
		return
	}
	si, so := 1, 1
	for d := 1; d < len(in); d++ {
		si *= in[d]
		so *= out[d]
	}
	for i := range in[0] {
		copyBlock(dst[(i+pads[0])*so:][:so], src[i*si:][:si], in[1:], out[1:], pads[2:])
	}
}

// tile lowers TILE that is no upsampling.
func (l *lowering) tile(n *graph.Node) (layer, error) {
	if err := l.keepsQuant(n, n.In[0]); err != nil {
		return layer{}, err
	}
	in, times := l.tensor(n.In[0]).Shape, l.tensor(n.In[1]).Ints()
	dst, src := l.int8s(n.Out), l.int8s(n.In[0])
	return moved(1, func(int, int) { tileBlock(dst, src, in, times) }), nil
}

// tileBlock writes src repeated in every dimension and returns how much that is.
func tileBlock(dst, src []int8, in, times []int) int {
	if len(in) == 0 {
		return copy(dst, src)
	}
	n := 0
	if len(in) == 1 {
		n = copy(dst, src[:in[0]])
	} else {
		s := len(src) / in[0]
		for i := range in[0] {
			n += tileBlock(dst[n:], src[i*s:(i+1)*s], in[1:], times[1:])
		}
	}
	for i := 1; i < times[0]; i++ {
		copy(dst[i*n:(i+1)*n], dst[:n])
	}
	return n * times[0]
}

// concat lowers CONCATENATION of tensors that share the output's quantization.
func (l *lowering) concat(n *graph.Node) (layer, error) {
	o := l.op(n).Options.(tflite.Concat)
	if o.Activation != tflite.ActNone {
		return layer{}, l.refuse(n, "fused activation %v cannot be run", o.Activation)
	}
	out := l.tensor(n.Out).Shape
	axis := o.Axis
	if axis < 0 {
		axis += len(out)
	}
	outer := 1
	for _, d := range out[:axis] {
		outer *= d
	}
	var srcs [][]byte
	for _, i := range n.In {
		if err := l.keepsQuant(n, i); err != nil {
			return layer{}, err
		}
		srcs = append(srcs, l.bytes(i))
	}
	dst := l.bytes(n.Out)
	row := len(dst) / outer
	return moved(outer, func(from, to int) {
		at := from * row
		for _, s := range srcs {
			k := len(s) / outer
			scatter(dst[at:to*row], s[from*k:to*k], k, row)
			at += k
		}
	}), nil
}

// scatter copies src, k bytes at a time, to where they start every step bytes of
// dst. Channels are few dozens of bytes, which words move faster than copy does.
func scatter(dst, src []byte, k, step int) {
	words := k%8 == 0 && k <= 64
	for at := 0; len(src) > 0; at += step {
		to, from := dst[at:at+k], src[:k]
		src = src[k:]
		if !words {
			copy(to, from)
			continue
		}
		for i := 0; i < k; i += 8 {
			binary.LittleEndian.PutUint64(to[i:i+8], binary.LittleEndian.Uint64(from[i:i+8]))
		}
	}
}
