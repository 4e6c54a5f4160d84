//go:build cgo && linux && (amd64 || arm64)

package train

import "github.com/tensorflow/tensorflow/tensorflow/go/op"

// adversary is a second network that tells reconstructions from what is real,
// patch by patch (Isola et al. 2017), trained with the hinge loss.
type adversary struct {
	net     *Net
	handles []*variable
	loss    output // its own
	term    output // what the autoencoder pays for being told apart
}

func newAdversary(m *tfMachine, t *terms) *adversary {
	a := &adversary{net: NewNet(t.r.Seed ^ 0x616476)}
	a.net.plain = true
	x := a.net.Input("map", m.p.net.Shape(m.p.net.Output))
	h := a.net.Conv("look", x, 32, 3, 2, Relu)
	h = a.net.Conv("again", h, 32, 3, 1, Relu)
	a.net.Output = a.net.Conv("judge", h, 1, 1, 1, Linear)
	l := &lowering{tfGraph: m.g, net: a.net}
	for i := range a.net.Params {
		v := m.g.variable(a.net.Params[i].Shape)
		m.extra(v, a.net.Params[i].Init)
		l.handles, l.params = append(l.handles, v), append(l.params, v.read)
	}
	a.handles = l.handles
	judge := func(x output) output { return l.pass(x, true)[a.net.Output] }
	hinge := func(x output) output { return m.g.overall(op.Relu(m.g.s(), m.g.add(m.g.num(1), x))) }
	real := judge(t.target)
	fake := judge(op.StopGradient(m.g.s(), t.out()))
	a.loss = m.g.add(hinge(op.Neg(m.g.s(), real)), hinge(fake))
	// Each patch pays between -advLimit and advLimit. Clipping would do that too, but
	// has no gradient left once the adversary is sure, and then the term does nothing.
	told := op.Neg(m.g.s(), judge(t.out()))
	a.term = m.g.scale(m.g.overall(op.Softsign(m.g.s(), told)), advLimit)
	return a
}
