package native

import (
	"math"
	"slices"

	"winnow/infer/graph"
	"winnow/infer/kernel"
)

// meanStep averages over some dimensions: XNNPACK's integer sum, then
// float32(sum - n*zero) * scale rounded half to even.
type meanStep struct {
	dst, src []int8
	sums     []int32
	in       []int
	gone     []bool
	bias     int32
	scale    float32
	zero     int32
}

func (l *lowering) mean(n *graph.Node) (layer, error) {
	if err := l.needInt8(n, n.In[0], n.Out); err != nil {
		return layer{}, err
	}
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	s := &meanStep{dst: l.int8s(n.Out), src: l.int8s(n.In[0]), in: x.Shape, zero: y.ZeroPoint()}
	s.gone = make([]bool, len(x.Shape))
	count := 1
	for _, a := range l.tensor(n.In[1]).Ints() {
		if a < 0 {
			a += len(x.Shape)
		}
		if !s.gone[a] {
			count *= x.Shape[a]
		}
		s.gone[a] = true
	}
	s.sums = make([]int32, len(s.dst))
	s.bias = -int32(count) * x.ZeroPoint()
	s.scale = meanScale(x.Scale(), y.Scale(), count)
	if op := l.meanWindow(s, x.ZeroPoint(), count); op != nil {
		return l.kernelLayer(n, op, n.In[0], x.Shape[0], ""), nil
	}
	return layer{step: s, kernel: "generic"}, nil
}

// meanWindow is the mean over height and width as a depthwise convolution of weights
// 1, whose arithmetic is the same; nil for other dimensions and large pictures.
func (l *lowering) meanWindow(s *meanStep, zero int32, count int) kernel.Op {
	if !slices.Equal(s.gone, []bool{false, true, true, false}) || count > maxMeanWindow {
		return nil
	}
	d := kernel.Depthwise{InH: s.in[1], InW: s.in[2], InC: s.in[3], OutH: 1, OutW: 1, OutC: s.in[3], KH: s.in[1], KW: s.in[2],
		StrideH: 1, StrideW: 1, InZero: zero, Weights: make([]int8, count*s.in[3]),
		Requant: kernel.Requant{Scale: make([]float32, s.in[3]), Zero: s.zero, Min: -128, Max: 127}}
	for i := range d.Weights {
		d.Weights[i] = 1
	}
	for i := range d.Scale {
		d.Scale[i] = s.scale
	}
	op, err := l.set.Depthwise(d)
	if err != nil {
		return nil
	}
	return op
}

// maxMeanWindow is the largest picture that a depthwise kernel takes as one window.
const maxMeanWindow = 128

func meanScale(in, out float32, count int) float32 {
	return float32(in/out) / float32(count)
}

func (s *meanStep) units() int   { return 1 }
func (s *meanStep) scratch() int { return 0 }

func (s *meanStep) run([]byte, int, int) {
	for i := range s.sums {
		s.sums[i] = s.bias
	}
	s.add(s.src, s.sums, 0)
	for i, v := range s.sums {
		q := math.RoundToEven(float64(float32(float32(v)*s.scale))) + float64(s.zero)
		s.dst[i] = int8(min(max(q, -128), 127))
	}
}

// add sums src, which has dimensions d and up, into sums.
func (s *meanStep) add(src []int8, sums []int32, d int) {
	if !slices.Contains(s.gone[d:], true) {
		for i, v := range src {
			sums[i] += int32(v)
		}
		return
	}
	k, m := len(src)/s.in[d], len(sums)
	if !s.gone[d] {
		m /= s.in[d]
	}
	for i := range s.in[d] {
		to := sums
		if !s.gone[d] {
			to = sums[i*m : (i+1)*m]
		}
		if d+1 == len(s.in) {
			to[0] += int32(src[i])
			continue
		}
		s.add(src[i*k:(i+1)*k], to[:m], d+1)
	}
}
