package lite0

import (
	"math"
	"slices"
)

// Map8 is a grid of eight-bit values.
type Map8 struct {
	H, W, C int
	V       []int8
}

// Input8 brings a picture to the eight-bit input, pixel-128.
func (p Picture) Input8() Map8 {
	m := Map8{p.H, p.W, 3, make([]int8, 3*p.W*p.H)}
	for i := range m.V {
		m.V[i] = int8(int(p.RGB[i]) - 128)
	}
	return m
}

// Run computes the network in integers as an engine does (convolutions bit for
// bit, additions within one step) and returns all its maps.
func (q *Quantized) Run(x Map8) []Map8 {
	maps := make([]Map8, len(q.Maps))
	maps[0] = x
	for i := range q.Nodes {
		q.step(&q.Nodes[i], maps)
	}
	return maps
}

func (q *Quantized) step(n *QNode, maps []Map8) {
	if n.Op == Add {
		maps[n.Output] = q.add(n, maps)
		return
	}
	maps[n.Output] = q.narrow(n, q.sums(n, maps[n.Inputs[0]]))
}

// sums returns the 32-bit sums of a convolution.
func (q *Quantized) sums(n *QNode, x Map8) grid[int32] {
	return convolve(&n.Window, n.Op == Depthwise, x.wide(q.Quants[n.Inputs[0]].Zero), widen(n.Weight), n.Bias)
}

// wide takes the zero point off, so that padding is 0.
func (m Map8) wide(zero int) grid[int32] {
	out := newGrid[int32](m.H, m.W, m.C)
	for i, v := range m.V {
		out.V[i] = int32(v) - int32(zero)
	}
	return out
}

func widen(w []int8) []int32 {
	out := make([]int32, len(w))
	for i, v := range w {
		out[i] = int32(v)
	}
	return out
}

// narrow scales sums to eight bits: float32 product, half to even, then the
// zero point and the clamp.
func (q *Quantized) narrow(n *QNode, sums grid[int32]) Map8 {
	in, to := q.Quants[n.Inputs[0]], q.Quants[n.Output]
	lo, hi := q.bounds(n)
	factor := make([]float32, len(n.Scales))
	for o, s := range n.Scales {
		factor[o] = float32(in.Scale*s) / to.Scale
	}
	out := Map8{sums.H, sums.W, sums.C, make([]int8, len(sums.V))}
	for i, v := range sums.V {
		r := math.RoundToEven(float64(float32(v) * factor[i%sums.C]))
		out.V[i] = int8(min(max(r+float64(to.Zero), lo), hi))
	}
	return out
}

func (q *Quantized) bounds(n *QNode) (lo, hi float64) {
	if !n.Relu6 {
		return -128, 127
	}
	to := q.Quants[n.Output]
	return max(-128, float64(to.Zero)), min(127, float64(to.Zero)+math.RoundToEven(6/float64(to.Scale)))
}

func (q *Quantized) add(n *QNode, maps []Map8) Map8 {
	a, b := maps[n.Inputs[0]], maps[n.Inputs[1]]
	qa, qb, to := q.Quants[n.Inputs[0]], q.Quants[n.Inputs[1]], q.Quants[n.Output]
	out := Map8{a.H, a.W, a.C, make([]int8, len(a.V))}
	for i := range a.V {
		v := float64(float64(qa.Scale)*float64(int(a.V[i])-qa.Zero)) + float64(float64(qb.Scale)*float64(int(b.V[i])-qb.Zero))
		out.V[i] = int8(min(max(math.RoundToEven(v/float64(to.Scale))+float64(to.Zero), -128), 127))
	}
	return out
}

// Real returns map id of a run as real values.
func (q *Quantized) Real(id int, m Map8) Map {
	out := newGrid[float32](m.H, m.W, m.C)
	for i, v := range m.V {
		out.V[i] = float32(int(v)-q.Quants[id].Zero) * q.Quants[id].Scale
	}
	return out
}

// Extremes returns the lowest and highest real value of every tap over
// pictures.
func (q *Quantized) Extremes(pictures []Picture) [][2]float32 {
	parts := make([][][2]int8, len(pictures))
	parallel(len(pictures), func(p int) {
		maps := q.Run(pictures[p].Input8())
		for _, t := range q.Taps {
			parts[p] = append(parts[p], [2]int8{slices.Min(maps[t.Map].V), slices.Max(maps[t.Map].V)})
		}
	})
	out := make([][2]float32, len(q.Taps))
	for i, t := range q.Taps {
		lo, hi := int8(127), int8(-128)
		for _, p := range parts {
			lo, hi = min(lo, p[i][0]), max(hi, p[i][1])
		}
		u := q.Quants[t.Map]
		out[i] = [2]float32{u.Scale * float32(int(lo)-u.Zero), u.Scale * float32(int(hi)-u.Zero)}
	}
	return out
}
