package lite0

import "math"

// Rounding weights one by one ignores that neighbouring inputs move together: a
// depthwise filter that takes differences of neighbours is ruined when its
// errors add up. Here the steps of one output channel are chosen for the least
// mean squared error of its sums, over windows of what the rounded network
// gives it: the error of weights off by d is dᵀHd, H the covariance of the
// inputs (their mean is the bias's business). Coordinate descent from the
// nearest steps finds a minimum (the aim of Nagel et al., "Up or Down? Adaptive
// Rounding for Post-Training Quantization", 2020, without their relaxation).

// Bounds on the fit: windows looked at for one node, sweeps over its weights,
// and the share of the mean variance that is added to every input's, so that
// nothing is fitted to directions in which the drawings do not move.
const (
	maxWindows = 6144
	maxSweeps  = 20
	ridge      = 0.02
)

// fit chooses the weights of q anew, on the pictures run so far.
func (r *rounder) fit(n *Node, q *QNode) {
	if n.Op == Depthwise {
		parallel(len(n.Bias), func(c int) { n.fitChannel(q, c, covariance(r.windows(n, c, 1))) })
		return
	}
	h := covariance(r.windows(n, 0, r.g.Maps[n.Inputs[0]].Channels))
	parallel(len(n.Bias), func(o int) { n.fitChannel(q, o, h) })
}

// windows returns what the kernel of n sees, channels first to first+count, at
// positions spread evenly over all pictures.
func (r *rounder) windows(n *Node, first, count int) [][]float32 {
	id := n.Inputs[0]
	cells := 0
	for _, maps := range r.maps {
		cells += ceilDiv(maps[id].H, n.Stride) * ceilDiv(maps[id].W, n.Stride)
	}
	step, at := max(cells/maxWindows, 1), 0
	var out [][]float32
	for _, maps := range r.maps {
		m := maps[id]
		h, w := ceilDiv(m.H, n.Stride), ceilDiv(m.W, n.Stride)
		for ; at < h*w; at += step {
			row := at/w*n.Stride - n.before(m.H, h)
			col := at%w*n.Stride - n.before(m.W, w)
			out = append(out, m.window(row, col, n.Kernel, first, count, r.q.Quants[id].Zero))
		}
		at -= h * w
	}
	return out
}

// window copies count channels of the cells from row, col on; 0 outside.
func (m Map8) window(row, col, kernel, first, count, zero int) []float32 {
	out := make([]float32, kernel*kernel*count)
	for k := range kernel * kernel {
		y, x := row+k/kernel, col+k%kernel
		if y < 0 || y >= m.H || x < 0 || x >= m.W {
			continue
		}
		for c, v := range m.V[(y*m.W+x)*m.C+first:][:count] {
			out[k*count+c] = float32(int(v) - zero)
		}
	}
	return out
}

// covariance of the rows, with the ridge on its diagonal.
func covariance(rows [][]float32) [][]float64 {
	k := len(rows[0])
	mean, h := make([]float64, k), make([][]float64, k)
	for _, row := range rows {
		for i, v := range row {
			mean[i] += float64(v)
		}
	}
	centred := make([][]float64, k) // by input, then window
	for i := range centred {
		centred[i] = make([]float64, len(rows))
		for w, row := range rows {
			centred[i][w] = float64(row[i]) - mean[i]/float64(len(rows))
		}
	}
	parallel(k, func(i int) {
		h[i] = make([]float64, k)
		for j := range i + 1 {
			h[i][j] = dot(centred[i], centred[j])
		}
	})
	trace := 0.0
	for i := range h {
		trace += h[i][i]
		for j := range i {
			h[j][i] = h[i][j]
		}
	}
	for i := range h {
		h[i][i] += float64(trace/float64(k)*ridge) + 1e-9
	}
	return h
}

// dot sums in four strands, whose order is part of the result.
func dot(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i] * b[i])
		s1 += float64(a[i+1] * b[i+1])
		s2 += float64(a[i+2] * b[i+2])
		s3 += float64(a[i+3] * b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// fitChannel chooses step and weights of output channel o for least error
// under h.
func (n *Node) fitChannel(q *QNode, o int, h [][]float64) {
	row := n.row(o)
	tries := 3
	if n.Op == Depthwise {
		tries = 25
	}
	floor, best := q.floors[o], math.Inf(1)
	for t := range tries {
		step := float32(max(largest(row)/127*(1-float64(0.4*float64(t)/float64(tries))), floor))
		w, cost := descend(row, step, h)
		if cost >= best {
			continue
		}
		best = cost
		q.Scales[o] = step
		for i, v := range w {
			q.Weight[n.at(o, i)] = v
		}
	}
	q.Bias[o] = roundBias(float64(n.Bias[o]), q.in, q.Scales[o])
}

// descend returns the steps nearest to row after coordinate descent, and their
// error.
func descend(row []float32, step float32, h [][]float64) ([]int8, float64) {
	q, d := make([]int8, len(row)), make([]float64, len(row))
	for i, w := range row {
		q[i] = roundWeight(w, step)
		d[i] = float64(float64(q[i])*float64(step)) - float64(w)
	}
	slope := make([]float64, len(row)) // Hd
	for i := range slope {
		slope[i] = dot(h[i], d)
	}
	for range maxSweeps {
		moved := false
		for i := range row {
			to := min(max(roundHalfEven(float64(q[i])-slope[i]/(h[i][i]*float64(step))), -127), 127)
			by := float64((to - float64(q[i])) * float64(step))
			if by == 0 {
				continue
			}
			q[i], d[i], moved = int8(to), d[i]+by, true
			for j, v := range h[i] {
				slope[j] += float64(v * by)
			}
		}
		if !moved {
			break
		}
	}
	return q, dot(d, slope)
}

func largest(row []float32) float64 {
	top := 0.0
	for _, w := range row {
		top = max(top, math.Abs(float64(w)))
	}
	return top
}
