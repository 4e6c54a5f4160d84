package train

import "math"

// normEpsilon keeps a channel that never varies finite.
const normEpsilon = 1e-3

// Folded returns the net with the given parameter values as its initial ones
// and batch normalizations multiplied into the weights before them: y =
// gamma*(w·x - mean)/sqrt(variance + epsilon) + beta is one layer with a bias.
func (n *Net) Folded(values [][]float32) *Net {
	f := &Net{Code: n.Code, Output: n.Output, LogVariance: n.LogVariance, Centre: n.Centre, rng: n.rng, plain: true, folded: true}
	f.Nodes = append([]Node(nil), n.Nodes...)
	to := make([]int, len(n.Params)) // of each parameter in f, counted from 1
	keep := func(i int) int {
		if i < 0 {
			return -1
		}
		if to[i] == 0 {
			p := n.Params[i]
			p.Init = append([]float32(nil), values[i]...)
			to[i] = f.param(p) + 1
		}
		return to[i] - 1
	}
	for k := range f.Nodes {
		node := &f.Nodes[k]
		m := node.Norm
		node.Weight, node.Bias, node.Norm = keep(node.Weight), keep(node.Bias), noNorm
		if m.Gamma < 0 {
			continue
		}
		gain := make([]float32, len(values[m.Gamma]))
		bias := make([]float32, len(gain))
		for c := range gain {
			g := float64(values[m.Gamma][c]) / math.Sqrt(float64(values[m.Variance][c])+normEpsilon)
			gain[c] = float32(g)
			bias[c] = float32(float64(values[m.Beta][c]) - float64(values[m.Mean][c])*g)
		}
		w := &f.Params[node.Weight]
		for i := range w.Init { // channels of outputs are the innermost of both kinds of weights
			w.Init[i] *= gain[i%len(gain)]
		}
		node.Bias = f.param(Param{Name: node.Name + "/bias", Shape: []int{len(bias)}, Init: bias})
	}
	f.Centre = keep(n.Centre)
	return f
}

// rowAxes of parameter i: the axes over which one output channel's weights
// extend, and the node that has them.
func (n *Net) rowAxes(i int) (axes []int, node int) {
	for k := range n.Nodes {
		if n.Nodes[k].Weight != i {
			continue
		}
		switch n.Nodes[k].Op {
		case OpConv:
			return []int{0, 1, 2}, k
		case OpDepthwise:
			return []int{0, 1, 3}, k
		case OpDense, OpSpread:
			return []int{0}, k
		}
	}
	return nil, -1
}
