package native

import (
	"fmt"

	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// transposeStep is TRANSPOSE_CONV by LiteRT's builtin kernel, which runs where
// XNNPACK does not take the operator: with an output shape that operators work
// out (models without a fixed batch), or a kernel smaller than its stride with
// padding same. It differs in the requantization: a 31-bit multiplier and two
// roundings. A unit is an output row.
type transposeStep struct {
	d        kernel.Conv
	dst, src []int8
	mul      []multiplier
	weights  []int8 // a copy: [OutC][KH][KW][InC]
	batch    int
}

func (l *lowering) builtinTranspose(n *graph.Node, d kernel.Conv, batch int) (layer, error) {
	x, w, y := l.tensor(n.In[2]), l.tensor(n.In[1]), l.tensor(n.Out)
	s := &transposeStep{d: d, dst: l.int8s(n.Out), src: l.int8s(n.In[2]), batch: batch}
	for c := range d.OutC {
		v := float64(w.Scales[c%len(w.Scales)])
		s.mul = append(s.mul, newMultiplier(float64(float64(x.Scale())*v)/float64(y.Scale())))
	}
	s.weights = append(s.weights, d.Weights...)
	l.held += int64(len(s.weights))
	s.d.Weights = nil
	macs := int64(d.InH*d.InW*d.InC) * int64(d.KH*d.KW*d.OutC) * int64(batch)
	return layer{step: s, kernel: "builtin rule", macs: macs, wide: macs > wideMACs, op: tflite.OpTransposeConv.String(),
		shape: fmt.Sprintf("%dx%dx%d->%d k%s s%d transposed", d.OutH, d.OutW, d.InC, d.OutC, window(d.KH, d.KW), d.StrideH)}, nil
}

func (s *transposeStep) units() int   { return s.batch * s.d.OutH }
func (s *transposeStep) scratch() int { return 0 }

func (s *transposeStep) run(_ []byte, from, to int) {
	d := &s.d
	for u := from; u < to; u++ {
		src := s.src[u/d.OutH*d.InH*d.InW*d.InC:][:d.InH*d.InW*d.InC]
		for x := range d.OutW {
			dst := s.dst[(u*d.OutW+x)*d.OutC:][:d.OutC]
			for c := range dst {
				q := int64(s.requant(c, s.sum(src, u%d.OutH, x, c))) + int64(d.Zero)
				dst[c] = int8(min(max(q, int64(d.Min)), int64(d.Max)))
			}
		}
	}
}

// requant rounds as LiteRT does on x86-64: whole groups of eight channels by
// vector code, the rest one by one.
func (s *transposeStep) requant(c int, sum int32) int32 {
	if c < s.d.OutC&^7 {
		return s.mul[c].applyUp(sum)
	}
	return s.mul[c].apply(sum)
}

// sum is what arrives at output (y, x) of channel c: from input row i by kernel
// row y + pad - i*stride.
func (s *transposeStep) sum(src []int8, y, x, c int) int32 {
	d := &s.d
	var sum int32
	if d.Bias != nil {
		sum = d.Bias[c]
	}
	for ky := (y + d.PadTop) % d.StrideH; ky < d.KH; ky += d.StrideH {
		iy := (y + d.PadTop - ky) / d.StrideH
		if y+d.PadTop < ky || iy >= d.InH {
			continue
		}
		for kx := (x + d.PadLeft) % d.StrideW; kx < d.KW; kx += d.StrideW {
			ix := (x + d.PadLeft - kx) / d.StrideW
			if x+d.PadLeft < kx || ix >= d.InW {
				continue
			}
			in := src[(iy*d.InW+ix)*d.InC:][:d.InC]
			w := s.weights[((c*d.KH+ky)*d.KW+kx)*d.InC:][:d.InC]
			for i, v := range in {
				sum += (int32(v) - d.InZero) * int32(w[i])
			}
		}
	}
	return sum
}
