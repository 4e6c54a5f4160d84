//go:build cgo && linux && (amd64 || arm64)

package train

import "github.com/tensorflow/tensorflow/tensorflow/go/op"

// bounded is w with its largest singular value, as a matrix of inputs by
// outputs, held at or below bound: w·min(1, bound/sigma). Sigma comes from one
// step of power iteration at each training step, from where the last one ended
// (Miyato et al. 2018).
func (m *tfMachine) bounded(l *lowering, p *Param, w output, bound float64) output {
	g := m.g
	out := p.Shape[len(p.Shape)-1]
	if out == 1 { // depthwise: a row for each channel
		out = p.Shape[len(p.Shape)-2]
	}
	u := g.variable([]int{1, out})
	m.extra(u, ones(out))
	flat := op.Reshape(g.s(), w, g.ints(-1, out))
	unit := func(x output) output {
		return op.StopGradient(g.s(), g.mul(x, op.Rsqrt(g.s(), g.add(g.sum(g.square(x), 0, 1), g.num(1e-12)))))
	}
	v := unit(op.MatMul(g.s(), u.read, flat, op.MatMulTransposeB(true)))
	next := unit(op.MatMul(g.s(), v, flat))
	l.updates = append(l.updates, op.AssignVariableOp(g.s(), u.handle, next))
	sigma := g.sum(g.mul(op.MatMul(g.s(), v, flat), next), 0, 1)
	return g.mul(w, op.Minimum(g.s(), g.num(1), g.div(g.num(bound), op.Maximum(g.s(), sigma, g.num(1e-12)))))
}

func ones(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 1 + float32(i%7)/8 // not orthogonal to a constant nor equal to one
	}
	return v
}
