package native

import (
	"math"
	"slices"

	"winnow/infer/graph"
	"winnow/infer/kernel"
)

// meanStep averages over some dimensions by XNNPACK's rule of ai-edge-litert 2.3.0: the
// plain integer sum times scale, plus offset, which holds both zero points, each rounded
// to float32; then half to even.
type meanStep struct {
	set           *kernel.Set
	dst           []int8
	src           []byte // int8
	sums, squares []int32
	in            []int
	gone          []bool
	cells         bool // sums can be taken of whole channels that follow each other in one picture
	scale, offset float32
}

func (l *lowering) mean(n *graph.Node) (layer, error) {
	if err := l.needInt8(n, n.In[0], n.Out); err != nil {
		return layer{}, err
	}
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	s := &meanStep{set: l.set, dst: l.int8s(n.Out), src: l.bytes(n.In[0]), in: x.Shape}
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
	name := "generic"
	if s.cells = slices.Equal(s.gone, []bool{false, true, true, false}); s.cells {
		s.squares = make([]int32, x.Shape[3])
		name = l.set.Name()
	}
	s.scale = meanScale(x.Scale(), y.Scale(), count)
	zeros := float32(count) * float32(x.ZeroPoint())
	s.offset = float32(y.ZeroPoint()) - float32(zeros*s.scale)
	return layer{step: s, kernel: name}, nil
}

func meanScale(in, out float32, count int) float32 {
	return float32(in/out) / float32(count)
}

func (s *meanStep) units() int   { return 1 }
func (s *meanStep) scratch() int { return 0 }

func (s *meanStep) run([]byte, int, int) {
	if !s.channels() {
		clear(s.sums)
		s.add(kernel.Int8s(s.src), s.sums, 0)
	}
	for i, v := range s.sums {
		q := math.RoundToEven(float64(float32(float32(v)*s.scale) + s.offset))
		s.dst[i] = int8(min(max(q, -128), 127))
	}
}

// channels sums over height and width where there is a kernel for it.
func (s *meanStep) channels() bool {
	if !s.cells {
		return false
	}
	n, c := s.in[1]*s.in[2]*s.in[3], s.in[3]
	for i := range s.in[0] {
		if !s.set.ChannelSums(s.sums[i*c:(i+1)*c], s.squares, s.src[i*n:(i+1)*n]) {
			return false
		}
	}
	return true
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
