package native

import (
	"math"

	"winnow/infer/graph"
	"winnow/infer/tflite"
)

// softmaxStep runs over the last dimension as LiteRT's builtin kernel does on
// x86-64, in float32 from a table of exp (XNNPACK takes no int8 softmax;
// tensorflow/lite/kernels/internal/optimized/optimized_ops.h). A unit is a row.
type softmaxStep struct {
	dst, src []int8
	row      int
	table    [256]float32 // exp(-scale * beta * (255 - i))
	outScale float32
	zero     int32
}

func (l *lowering) softmax(n *graph.Node) (layer, error) {
	if err := l.needInt8(n, n.In[0], n.Out); err != nil {
		return layer{}, err
	}
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	if y.Scale() != 1.0/256 || y.ZeroPoint() != -128 {
		return layer{}, l.refuse(n, "its output must have scale 1/256 and zero point -128")
	}
	s := &softmaxStep{dst: l.int8s(n.Out), src: l.int8s(n.In[0]), row: x.Shape[len(x.Shape)-1], outScale: y.Scale(), zero: y.ZeroPoint()}
	scale := float32(-x.Scale() * l.op(n).Options.(tflite.Softmax).Beta)
	for i := range s.table {
		s.table[255-i] = float32(exp(float64(float32(scale * float32(i)))))
	}
	return layer{step: s, kernel: "generic"}, nil
}

func (s *softmaxStep) units() int   { return len(s.dst) / s.row }
func (s *softmaxStep) scratch() int { return 0 }

func (s *softmaxStep) run(_ []byte, from, to int) {
	for r := from; r < to; r++ {
		s.rowOf(s.dst[r*s.row:(r+1)*s.row], s.src[r*s.row:(r+1)*s.row])
	}
}

func (s *softmaxStep) rowOf(dst, src []int8) {
	top := int32(-128)
	for _, v := range src {
		top = max(top, int32(v))
	}
	var sum float32
	for _, v := range src {
		sum += s.table[255-top+int32(v)]
	}
	inv := 1 / float32(sum*s.outScale)
	for i, v := range src {
		p := float32(s.table[255-top+int32(v)] * inv)
		dst[i] = int8(max(-128, min(127, int32(math.Round(float64(p)))+s.zero)))
	}
}
