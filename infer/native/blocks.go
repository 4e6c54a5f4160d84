package native

import (
	"winnow/infer/graph"
	"winnow/infer/tflite"
)

// blocks lowers SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, between which the Keras
// converter puts some dilated convolutions. Picture (y, x) of batch b lies at
// ((y%bh)*bw + x%bw)*batch + b, (y/bh, x/bw), where y and x count the padding.
func (l *lowering) blocks(n *graph.Node) (layer, error) {
	if err := l.keepsQuant(n, n.In[0]); err != nil {
		return layer{}, err
	}
	s := &blockStep{dst: l.int8s(n.Out), src: l.int8s(n.In[0])}
	s.bh, s.bw = two(l.tensor(n.In[1]).Ints())
	edges := l.tensor(n.In[2]).Ints()
	s.top, s.left = edges[0], edges[2]
	s.fill = int8(l.tensor(n.Out).ZeroPoint())
	s.space, s.blocked = l.tensor(n.In[0]).Shape, l.tensor(n.Out).Shape
	if n.Code == tflite.OpBatchToSpace {
		s.space, s.blocked, s.back = s.blocked, s.space, true
	}
	return layer{step: s, kernel: "copy"}, nil
}

func two(v []int) (a, b int) { return v[0], v[1] }

// blockStep moves pixels between a picture and its blocks; a unit is a batch of
// the blocked side.
type blockStep struct {
	dst, src       []int8
	space, blocked []int // shapes of both sides
	bh, bw         int
	top, left      int
	fill           int8
	back           bool // from blocked to space
}

func (s *blockStep) units() int   { return s.blocked[0] }
func (s *blockStep) scratch() int { return 0 }

func (s *blockStep) run(_ []byte, from, to int) {
	c := s.space[3]
	for u := from; u < to; u++ {
		b, block := u%s.space[0], u/s.space[0]
		for i := range s.blocked[1] {
			y := i*s.bh + block/s.bw - s.top
			for j := range s.blocked[2] {
				x := j*s.bw + block%s.bw - s.left
				at := ((u*s.blocked[1]+i)*s.blocked[2] + j) * c
				s.pixel(at, ((b*s.space[1]+y)*s.space[2]+x)*c, y >= 0 && y < s.space[1] && x >= 0 && x < s.space[2])
			}
		}
	}
}

// pixel moves one pixel between at, on the blocked side, and pos.
func (s *blockStep) pixel(at, pos int, inside bool) {
	c := s.space[3]
	switch {
	case s.back && inside:
		copy(s.dst[pos:pos+c], s.src[at:])
	case !s.back && inside:
		copy(s.dst[at:at+c], s.src[pos:])
	case !s.back:
		for i := range s.dst[at : at+c] {
			s.dst[at+i] = s.fill
		}
	}
}
