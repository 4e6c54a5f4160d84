//go:build cgo && linux && (amd64 || arm64)

package train

import (
	"bytes"
	"fmt"
	"math"
	"runtime"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"
	"github.com/tensorflow/tensorflow/tensorflow/go/op"
)

// Built says whether this program can train.
const Built = true

// collectEvery is after how many runs tensors are freed: the binding frees them
// by finalizers, which alone come too late.
const collectEvery = 8

// tfMachine implements machine.
type tfMachine struct {
	p       plan
	g       *tfGraph
	session *tensorflow.Session
	runs    int

	input, target, second        output // int8 maps
	seed, rate, beta1, beta2, on output
	vars                         []*variable       // parameters, then Adam's two moments of each that is trained
	first                        map[int][]float32 // first values of variables that do not start at 0
	effectives                   []output          // of the parameters, as the layers use them
	maskVars                     []*variable       // of each parameter, nil where it has none
	loss, perPart                output
	terms                        []output
	train                        []*tensorflow.Operation
	evalOut, evalCode            output
	lows, highs                  []output
	adversary                    *adversary
}

func newMachine(p plan) (machine, error) {
	m := &tfMachine{p: p, g: &tfGraph{scope: op.NewScope()}, first: map[int][]float32{}}
	m.feeds()
	l := m.parameters()
	m.losses(l)
	graph, err := m.g.scope.Finalize()
	if err != nil {
		return nil, fmt.Errorf("the training graph: %w", err)
	}
	m.session, err = tensorflow.NewSession(graph, &tensorflow.SessionOptions{Config: sessionConfig(max(1, p.threads))})
	if err != nil {
		return nil, err
	}
	return m, m.initialize()
}

func (m *tfMachine) feeds() {
	g := m.g
	in := m.p.net.Shape(0)
	out := m.p.net.Shape(m.p.net.Output)
	maps := func(s Shape) output { return g.place(tensorflow.Int8, -1, int64(s.H), int64(s.W), int64(s.C)) }
	m.input, m.second, m.target = maps(in), maps(in), maps(out)
	m.seed = g.place(tensorflow.Int32, 2)
	m.rate, m.beta1, m.beta2, m.on = g.place(tensorflow.Float), g.place(tensorflow.Float), g.place(tensorflow.Float), g.place(tensorflow.Float)
}

// real turns an int8 map into features.
func (m *tfMachine) real(x output) output {
	return m.g.scale(op.Cast(m.g.s(), x, tensorflow.Float), featureStep)
}

// parameters makes a variable for each parameter and the value that layers use.
func (m *tfMachine) parameters() *lowering {
	l := &lowering{tfGraph: m.g, net: m.p.net, ranges: m.p.ranges}
	for i := range m.p.net.Params {
		l.handles = append(l.handles, m.g.variable(m.p.net.Params[i].Shape))
	}
	m.vars = append(m.vars, l.handles...)
	m.maskVars = make([]*variable, len(l.handles))
	for i, h := range l.handles {
		l.params = append(l.params, m.used(l, i, h.read))
	}
	m.effectives = l.params
	return l
}

// extra keeps v with the parameters in checkpoints; it starts at first.
func (m *tfMachine) extra(v *variable, first []float32) {
	m.first[len(m.vars)] = first
	m.vars = append(m.vars, v)
}

// used is the value of parameter i in layers: masked, bounded and rounded as the
// plan says.
func (m *tfMachine) used(l *lowering, i int, w output) output {
	p := &m.p.net.Params[i]
	if !p.Decay { // only the weights of layers decay
		return w
	}
	if m.p.masked {
		m.maskVars[i] = m.g.variable(p.Shape)
		w = m.g.mul(w, m.maskVars[i].read)
	}
	if bound := m.p.recipe.Regime.Spectral; bound > 0 && !m.p.net.folded { // folded weights are bounded already, but for the gain of their normalization
		w = m.bounded(l, p, w, bound)
	}
	if m.p.ranges != nil {
		axes, _ := m.p.net.rowAxes(i)
		w = l.roundedWeights(w, axes...)
	}
	return w
}

// losses adds both passes, the objectives and the optimizer.
func (m *tfMachine) losses(l *lowering) {
	g, r := m.g, m.p.recipe
	x := m.real(m.input)
	code := m.p.net.Shape(m.p.net.Code)
	l.noise = op.StatelessRandomNormal(g.s(), g.ints(r.Loop.Batch, code.H, code.W, code.C), g.add(m.seed, g.ints(7, 7)))
	t := &terms{lowering: l, r: r, target: m.real(m.target)}
	t.nodes = l.pass(m.corrupted(x, 0), true)
	if m.needsViews() {
		t.second = l.pass(m.corrupted(m.real(m.second), 1), true)
	}
	m.perPart = t.perPart()
	total := g.scale(g.mean(m.perPart, 0), 0) // every weight is reached, whatever objectives are on
	for _, o := range objectives() {
		if w := o.weight(r); w > 0 {
			v := o.term(t)
			m.terms = append(m.terms, v)
			total = g.add(total, g.scale(v, w))
		}
	}
	if m.p.teacher != nil {
		total = g.add(total, g.scale(m.distance(t, x), r.Compress.Distill))
	}
	if r.Objectives.Adversarial > 0 {
		m.adversary = newAdversary(m, t)
		v := m.adversary.term
		m.terms = append(m.terms, v)
		total = g.add(total, g.mul(g.scale(v, r.Objectives.Adversarial), m.on))
	}
	m.loss = total
	m.train = append(m.train, m.optimize(total, l.handles, m.p.net.Params)...)
	if m.adversary != nil {
		m.train = append(m.train, m.optimize(m.adversary.loss, m.adversary.handles, m.adversary.net.Params)...)
	}
	m.train = append(m.train, l.updates...)
	m.measure(l, x)
}

// measure adds the pass that shows what the network makes of whole inputs.
func (m *tfMachine) measure(l *lowering, x output) {
	nodes := l.pass(x, false)
	m.evalOut, m.evalCode = nodes[m.p.net.Output], nodes[m.p.net.Code]
	for _, v := range nodes {
		axes := m.g.ints(0, 1, 2, 3)
		m.lows = append(m.lows, op.Min(m.g.s(), v, axes))
		m.highs = append(m.highs, op.Max(m.g.s(), v, axes))
	}
}

// needsViews reports whether an objective compares views.
func (m *tfMachine) needsViews() bool { return m.p.recipe.Objectives.needViews() }

// corrupted is x with the recipe's noise and missing places; which sets two
// views apart.
func (m *tfMachine) corrupted(x output, which int) output {
	g, r := m.g, &m.p.recipe.Regime
	in := m.p.net.Shape(0)
	b := m.p.recipe.Loop.Batch
	if r.Noise > 0 {
		n := op.StatelessRandomNormal(g.s(), g.ints(b, in.H, in.W, in.C), g.add(m.seed, g.ints(which, 11)))
		x = g.add(x, g.mul(n, m.deviations(b, which)))
	}
	if r.Mask > 0 {
		u := op.StatelessRandomUniform(g.s(), g.ints(b, in.H, in.W, 1), g.add(m.seed, g.ints(which, 13)))
		keep := op.Cast(g.s(), op.GreaterEqual(g.s(), u, g.num(r.Mask)), tensorflow.Float)
		x = g.mul(x, keep)
	}
	return x
}

// deviations of the noise: the recipe's, or for families of several levels one
// of them for each part.
func (m *tfMachine) deviations(b, which int) output {
	g, r := m.g, m.p.recipe
	if families()[r.Family].levels == nil {
		return g.num(r.Regime.Noise)
	}
	n := len(r.Regime.Levels)
	levels := make([]float32, n)
	for i, v := range r.Regime.Levels {
		levels[i] = float32(v)
	}
	u := op.StatelessRandomUniform(g.s(), g.ints(b, 1, 1, 1), g.add(m.seed, g.ints(which, 17)))
	i := op.Cast(g.s(), op.Floor(g.s(), g.scale(u, float64(n)-1e-3)), tensorflow.Int32)
	return op.GatherV2(g.s(), g.floats(levels, n), i, op.Const(g.s(), int32(0)))
}

// distance to what the dense network reconstructs from the same parts.
func (m *tfMachine) distance(t *terms, x output) output {
	dense := &lowering{tfGraph: m.g, net: m.p.teacher}
	for i := range m.p.teacher.Params {
		dense.params = append(dense.params, m.g.floats(m.p.teacher.Params[i].Init, m.p.teacher.Params[i].Shape...))
	}
	want := op.StopGradient(m.g.s(), dense.pass(x, false)[m.p.teacher.Output])
	return m.g.overall(m.g.square(m.g.sub(t.out(), want)))
}

// Constants of Adam (Kingma and Ba 2015).
const (
	adamBeta1   = 0.9
	adamBeta2   = 0.999
	adamEpsilon = 1e-7
)

// optimize adds one step of Adam down loss for each variable that is not
// frozen, then decoupled weight decay (Loshchilov and Hutter 2019). handles and
// params belong together; moments are kept in m.vars.
func (m *tfMachine) optimize(loss output, handles []*variable, params []Param) []*tensorflow.Operation {
	g := m.g
	var free []int
	var reads []output
	for i := range params {
		if !params[i].Frozen {
			free, reads = append(free, i), append(reads, handles[i].read)
		}
	}
	grads := op.Gradients(g.s(), []output{loss}, reads)
	if g.scope.Err() != nil {
		return nil
	}
	var ops []*tensorflow.Operation
	for k, i := range free {
		h := handles[i]
		first, second := g.variable(h.shape), g.variable(h.shape)
		m.vars = append(m.vars, first, second)
		if grads[k].Op == nil { // nothing of the loss depends on it
			continue
		}
		step := op.ResourceApplyAdam(g.s(), h.handle, first.handle, second.handle, m.beta1, m.beta2, m.rate,
			g.num(adamBeta1), g.num(adamBeta2), g.num(adamEpsilon), grads[k])
		ops = append(ops, step)
		if d := m.p.recipe.Loop.Decay; d > 0 && params[i].Decay {
			less := g.mul(g.scale(h.read, d), m.rate)
			ops = append(ops, op.AssignSubVariableOp(g.s().WithControlDependencies(step), h.handle, less))
		}
	}
	return ops
}

// initialize gives every variable its first value.
func (m *tfMachine) initialize() error {
	values := make([][]float32, len(m.vars))
	for i := range values {
		n := 1
		for _, d := range m.vars[i].shape {
			n *= d
		}
		values[i] = make([]float32, n)
	}
	for i := range m.p.net.Params {
		values[i] = m.p.net.Params[i].Init
		if m.p.weights != nil {
			values[i] = m.p.weights[i]
		}
	}
	for i, v := range m.first {
		values[i] = v
	}
	return m.restore(values, make([][]float32, len(m.maskVars)))
}

func (m *tfMachine) state() machineState { return m }

func (m *tfMachine) run(feeds map[output]*tensorflow.Tensor, fetches []output, targets []*tensorflow.Operation) ([]*tensorflow.Tensor, error) {
	out, err := m.session.Run(feeds, fetches, targets)
	if m.runs++; m.runs%collectEvery == 0 {
		runtime.GC()
	}
	return out, err
}

// mapTensor is a tensor of int8 maps.
func mapTensor(rows [][]byte, s Shape) (*tensorflow.Tensor, error) {
	var buf bytes.Buffer
	for _, r := range rows {
		buf.Write(r)
	}
	return tensorflow.ReadTensor(tensorflow.Int8, []int64{int64(len(rows)), int64(s.H), int64(s.W), int64(s.C)}, &buf)
}

func (m *tfMachine) step(b batch) (outcome, error) {
	feeds, err := m.feed(b)
	if err != nil {
		return outcome{}, err
	}
	out, err := m.run(feeds, append([]output{m.loss, m.perPart}, m.terms...), m.train)
	if err != nil {
		return outcome{}, err
	}
	var o outcome
	for i, t := range out {
		v, err := floatsOf(t)
		switch {
		case err != nil:
			return o, err
		case i == 0:
			o.loss = v[0]
		case i == 1:
			o.perPart = v
		default:
			o.terms = append(o.terms, v[0])
		}
	}
	if math.IsNaN(float64(o.loss)) || math.IsInf(float64(o.loss), 0) {
		return o, fmt.Errorf("the loss of step %d is %v: choose a smaller loop.rate", b.step, o.loss)
	}
	return o, nil
}

func (m *tfMachine) feed(b batch) (map[output]*tensorflow.Tensor, error) {
	in := m.p.net.Shape(0)
	if b.targets == nil {
		b.targets = b.inputs
	}
	x, err := mapTensor(b.inputs, in)
	if err != nil {
		return nil, err
	}
	y, err := mapTensor(b.targets, m.p.net.Shape(m.p.net.Output))
	if err != nil {
		return nil, err
	}
	feeds := map[output]*tensorflow.Tensor{m.input: x, m.target: y}
	if m.needsViews() {
		if feeds[m.second], err = mapTensor(b.second, in); err != nil {
			return nil, err
		}
	}
	for k, v := range map[output]any{
		m.seed: b.seed[:], m.rate: float32(b.rate), m.on: float32(b.adversarial),
		m.beta1: float32(math.Pow(adamBeta1, float64(b.step))), m.beta2: float32(math.Pow(adamBeta2, float64(b.step))),
	} {
		if feeds[k], err = tensorflow.NewTensor(v); err != nil {
			return nil, err
		}
	}
	return feeds, nil
}

func (m *tfMachine) reconstruct(inputs [][]byte) (outputs, codes [][]float32, err error) {
	for from := 0; from < len(inputs); from += m.p.recipe.Loop.Batch {
		part := inputs[from:min(from+m.p.recipe.Loop.Batch, len(inputs))]
		x, err := mapTensor(part, m.p.net.Shape(0))
		if err != nil {
			return nil, nil, err
		}
		out, err := m.run(map[output]*tensorflow.Tensor{m.input: x}, []output{m.evalOut, m.evalCode}, nil)
		if err != nil {
			return nil, nil, err
		}
		for k, dst := range []*[][]float32{&outputs, &codes} {
			v, err := floatsOf(out[k])
			if err != nil {
				return nil, nil, err
			}
			n := len(v) / len(part)
			for i := range part {
				*dst = append(*dst, v[i*n:(i+1)*n])
			}
		}
	}
	return outputs, codes, nil
}

func (m *tfMachine) extremes(inputs [][]byte) ([]Range, error) {
	ranges := make([]Range, len(m.lows))
	for from := 0; from < len(inputs); from += m.p.recipe.Loop.Batch {
		x, err := mapTensor(inputs[from:min(from+m.p.recipe.Loop.Batch, len(inputs))], m.p.net.Shape(0))
		if err != nil {
			return nil, err
		}
		out, err := m.run(map[output]*tensorflow.Tensor{m.input: x}, append(append([]output(nil), m.lows...), m.highs...), nil)
		if err != nil {
			return nil, err
		}
		for i := range ranges {
			lo, err := floatsOf(out[i])
			if err != nil {
				return nil, err
			}
			hi, err := floatsOf(out[len(m.lows)+i])
			if err != nil {
				return nil, err
			}
			ranges[i] = ranges[i].widen(float64(lo[0]), float64(hi[0]))
		}
	}
	return ranges, nil
}

func (m *tfMachine) save() ([][]float32, error) {
	var reads []output
	for _, v := range m.vars {
		reads = append(reads, v.read)
	}
	return m.fetch(reads)
}

func (m *tfMachine) effective() ([][]float32, error) { return m.fetch(m.effectives) }

func (m *tfMachine) fetch(from []output) ([][]float32, error) {
	out, err := m.run(nil, from, nil)
	if err != nil {
		return nil, err
	}
	values := make([][]float32, len(out))
	for i, t := range out {
		if values[i], err = floatsOf(t); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (m *tfMachine) restore(values, masks [][]float32) error {
	if masks != nil {
		if err := m.mask(masks); err != nil {
			return err
		}
	}
	if values == nil {
		return nil
	}
	if len(values) != len(m.vars) {
		return fmt.Errorf("a checkpoint of %d tensors for a network of %d", len(values), len(m.vars))
	}
	return m.assign(m.vars, values)
}

func (m *tfMachine) assign(vars []*variable, values [][]float32) error {
	feeds := map[output]*tensorflow.Tensor{}
	var ops []*tensorflow.Operation
	for i, v := range vars {
		t, err := floatTensor(values[i], v.shape...)
		if err != nil {
			return fmt.Errorf("tensor %d: %w", i, err)
		}
		feeds[v.feed] = t
		ops = append(ops, v.assign)
	}
	if len(ops) == 0 {
		return nil
	}
	_, err := m.run(feeds, nil, ops)
	return err
}

// mask sets what each weight is multiplied by; nil is 1.
func (m *tfMachine) mask(values [][]float32) error {
	var vars []*variable
	var set [][]float32
	for i, v := range m.maskVars {
		if v == nil {
			continue
		}
		mask := values[i]
		if mask == nil {
			mask = make([]float32, m.p.net.Params[i].size())
			for j := range mask {
				mask[j] = 1
			}
		}
		vars, set = append(vars, v), append(set, mask)
	}
	return m.assign(vars, set)
}

func (m *tfMachine) close() error { return m.session.Close() }
