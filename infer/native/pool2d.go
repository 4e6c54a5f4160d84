package native

import (
	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// pool2D lowers AVERAGE_POOL_2D and MAX_POOL_2D.
func (l *lowering) pool2D(n *graph.Node) (layer, error) {
	if err := l.keepsQuant(n, n.In[0]); err != nil {
		return layer{}, err
	}
	o := l.op(n).Options.(tflite.Pool2D)
	x, out := n.InShape, l.tensor(n.Out).Shape
	d := kernel.AvgPool{InH: x[1], InW: x[2], C: x[3], OutH: out[1], OutW: out[2],
		KH: o.FilterH, KW: o.FilterW, StrideH: o.StrideH, StrideW: o.StrideW}
	d.PadTop = tflite.PadBefore(o.Padding, x[1], out[1], o.FilterH, o.StrideH, 1)
	d.PadLeft = tflite.PadBefore(o.Padding, x[2], out[2], o.FilterW, o.StrideW, 1)
	var zero int32
	if err := l.clamp(n, o.Activation, &zero, &d.Min, &d.Max); err != nil {
		return layer{}, err
	}
	dst, src := l.int8s(n.Out), l.int8s(n.In[0])
	if n.Code == tflite.OpMaxPool2D {
		y := layer{step: &maxPool{d, dst, src, x[0]}, kernel: "generic"}
		return y, nil
	}
	op, err := l.set.AvgPool(d)
	if err != nil {
		return layer{}, l.refuse(n, "%v", err)
	}
	return layer{step: &kernelStep{op, dst, src, x[0]}, kernel: op.Info().Kernel, wide: len(dst) > 1<<13}, nil
}

// maxPool takes the largest of each window's pixels inside the picture.
type maxPool struct {
	d        kernel.AvgPool
	dst, src []int8
	batch    int
}

func (s *maxPool) units() int   { return s.batch * s.d.OutH }
func (s *maxPool) scratch() int { return 0 }

func (s *maxPool) run(_ []byte, from, to int) {
	d := &s.d
	for u := from; u < to; u++ {
		src := s.src[u/d.OutH*d.InH*d.InW*d.C:][:d.InH*d.InW*d.C]
		for x := range d.OutW {
			s.pixel(s.dst[(u*d.OutW+x)*d.C:][:d.C], src, u%d.OutH*d.StrideH-d.PadTop, x*d.StrideW-d.PadLeft)
		}
	}
}

func (s *maxPool) pixel(dst, src []int8, y0, x0 int) {
	d := &s.d
	for i := range dst {
		dst[i] = -128
	}
	for y := max(y0, 0); y < min(y0+d.KH, d.InH); y++ {
		for x := max(x0, 0); x < min(x0+d.KW, d.InW); x++ {
			px := src[(y*d.InW+x)*d.C:][:len(dst)]
			for i, v := range px {
				dst[i] = max(dst[i], v)
			}
		}
	}
	for i, v := range dst {
		dst[i] = min(max(v, d.Min), d.Max)
	}
}
