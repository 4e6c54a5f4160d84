package native

import (
	"math"
	"slices"

	"winnow/infer/graph"
	"winnow/infer/kernel"
)

// meanStep averages over some dimensions by XNNPACK's rule, in steps that are each
// rounded to float32: the sum times scale, plus what moves the zero points, rounded
// half to even.
type meanStep struct {
	set       *kernel.Set
	dst, src  []int8
	sums, sqr []int32
	in        []int
	gone      []bool
	window    bool // over height and width
	scale     float32
	offset    float32
}

func (l *lowering) mean(n *graph.Node) (layer, error) {
	if err := l.needInt8(n, n.In[0], n.Out); err != nil {
		return layer{}, err
	}
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	s := &meanStep{set: l.set, dst: l.int8s(n.Out), src: l.int8s(n.In[0]), in: x.Shape}
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
	if l.held += 4 * int64(len(s.dst)); l.held > l.most {
		return layer{}, l.refuse(n, "its sums take %d bytes, with all weights more than the %d that are allowed", 4*len(s.dst), l.most)
	}
	s.sums = make([]int32, len(s.dst))
	s.scale = float32(x.Scale()/y.Scale()) * (1 / float32(count))
	s.offset = float32(y.ZeroPoint()) - float32(float32(int64(count)*int64(x.ZeroPoint()))*s.scale)
	kernel := "generic"
	if s.window = slices.Equal(s.gone, []bool{false, true, true, false}); s.window {
		s.sqr = make([]int32, x.Shape[3])
		kernel = l.set.Name() + " sums"
	}
	return layer{step: s, kernel: kernel}, nil
}

func (s *meanStep) units() int   { return 1 }
func (s *meanStep) scratch() int { return 0 }

func (s *meanStep) run([]byte, int, int) {
	if !s.window || !s.channels() {
		clear(s.sums)
		s.add(s.src, s.sums, 0)
	}
	for i, v := range s.sums {
		q := math.RoundToEven(float64(float32(float32(v)*s.scale) + s.offset))
		s.dst[i] = int8(min(max(q, -128), 127))
	}
}

// channels sums each picture's channels by a kernel; false where there is none.
func (s *meanStep) channels() bool {
	c := s.in[3]
	n := len(s.src) / s.in[0]
	for b := range s.in[0] {
		if !s.set.ChannelSums(s.sums[b*c:(b+1)*c], s.sqr, kernel.Bytes(s.src[b*n:(b+1)*n])) {
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
