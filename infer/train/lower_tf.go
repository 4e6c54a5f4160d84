//go:build cgo && linux && (amd64 || arm64)

package train

import (
	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"
	"github.com/tensorflow/tensorflow/tensorflow/go/op"
)

// normMomentum is the share of the old running statistics that stays at a step.
const normMomentum = 0.9

// lowering puts a net into a TensorFlow graph. Its weights are made once and
// shared by the pass that trains and the one that measures.
type lowering struct {
	*tfGraph
	net     *Net
	params  []output // effective values: masked, bounded, rounded
	handles []*variable
	ranges  []Range // of each node while training with rounding; nil without
	updates []*tensorflow.Operation
	noise   output // standard normal of the code's shape, for OpSample
}

// pass evaluates the net for input x and returns every node's value. training
// takes the batch's own statistics for normalization and draws samples.
func (l *lowering) pass(x output, training bool) []output {
	v := make([]output, len(l.net.Nodes))
	for i := range l.net.Nodes {
		n := &l.net.Nodes[i]
		v[i] = l.node(n, v, x, training)
		if l.ranges != nil && n.Op != OpUp && n.Op != OpConst {
			v[i] = l.rounded(v[i], l.ranges[i])
		}
	}
	return v
}

func (l *lowering) node(n *Node, v []output, x output, training bool) output {
	var a output
	if len(n.In) > 0 {
		a = v[n.In[0]]
	}
	switch n.Op {
	case OpInput:
		return x
	case OpConst:
		return l.params[n.Weight]
	case OpConv:
		return l.finish(n, op.Conv2D(l.s(), a, l.params[n.Weight], []int64{1, int64(n.Stride), int64(n.Stride), 1}, "SAME"), training)
	case OpDepthwise:
		return l.finish(n, op.DepthwiseConv2dNative(l.s(), a, l.params[n.Weight], []int64{1, int64(n.Stride), int64(n.Stride), 1}, "SAME"), training)
	case OpDense, OpSpread:
		y := op.MatMul(l.s(), l.flat(a, l.net.Shape(n.In[0]).Size()), l.params[n.Weight])
		if n.Bias >= 0 {
			y = l.add(y, l.params[n.Bias])
		}
		return l.activate(l.map4(y, n.Out), n.Act)
	case OpUp:
		return op.ResizeNearestNeighbor(l.s(), a, l.ints(n.Out.H, n.Out.W))
	case OpAdd:
		return l.add(a, v[n.In[1]])
	case OpSub:
		return l.sub(a, v[n.In[1]])
	case OpMul:
		return l.mul(a, v[n.In[1]])
	case OpConcat:
		return l.concat(n, v)
	case OpPool:
		return op.Mean(l.s(), a, l.ints(1, 2), op.MeanKeepDims(true))
	case OpSigmoid:
		return op.Sigmoid(l.s(), a)
	}
	return l.sample(a, v[n.In[1]], training)
}

func (l *lowering) concat(n *Node, v []output) output {
	var xs []output
	for _, i := range n.In {
		xs = append(xs, v[i])
	}
	return op.ConcatV2(l.s(), xs, op.Const(l.s(), int32(3)))
}

// sample draws from the code's distribution (Kingma and Welling 2014).
func (l *lowering) sample(mean, logVariance output, training bool) output {
	if !training {
		return mean
	}
	return l.add(mean, l.mul(op.Exp(l.s(), l.scale(logVariance, 0.5)), l.noise))
}

// finish adds bias or normalization, and the activation.
func (l *lowering) finish(n *Node, y output, training bool) output {
	switch {
	case n.Bias >= 0:
		y = op.BiasAdd(l.s(), y, l.params[n.Bias])
	case n.Norm.Gamma >= 0:
		y = l.normalize(n.Norm, y, training)
	}
	return l.activate(y, n.Act)
}

func (l *lowering) activate(y output, a Act) output {
	switch a {
	case Relu:
		return op.Relu(l.s(), y)
	case Relu6:
		return op.Relu6(l.s(), y)
	}
	return y
}

func (l *lowering) normalize(m Norm, y output, training bool) output {
	gamma, beta := l.params[m.Gamma], l.params[m.Beta]
	if !training {
		out, _, _, _, _, _ := op.FusedBatchNormV3(l.s(), y, gamma, beta, l.params[m.Mean], l.params[m.Variance],
			op.FusedBatchNormV3IsTraining(false), op.FusedBatchNormV3Epsilon(normEpsilon))
		return out
	}
	none := l.floats(nil, 0)
	out, mean, variance, _, _, _ := op.FusedBatchNormV3(l.s(), y, gamma, beta, none, none,
		op.FusedBatchNormV3IsTraining(true), op.FusedBatchNormV3Epsilon(normEpsilon))
	l.follow(m.Mean, mean)
	l.follow(m.Variance, variance)
	return out
}

// follow moves running statistic p towards v at every step.
func (l *lowering) follow(p int, v output) {
	h := l.handles[p]
	moved := l.add(l.scale(h.read, normMomentum), l.scale(v, 1-normMomentum))
	l.updates = append(l.updates, op.AssignVariableOp(l.s(), h.handle, moved))
}

// rounded is x on the 8-bit grid of r, with a straight-through gradient.
func (l *lowering) rounded(x output, r Range) output {
	scale, zero := r.Grid()
	return l.onGrid(x, scale, zero)
}

func (l *lowering) onGrid(x output, scale float64, zero int) output {
	lo, hi := scale*float64(-128-zero), scale*float64(127-zero)
	q := op.FakeQuantWithMinMaxArgs(l.s(), x, op.FakeQuantWithMinMaxArgsMin(float32(lo)), op.FakeQuantWithMinMaxArgsMax(float32(hi)))
	return l.through(op.Minimum(l.s(), op.Maximum(l.s(), x, l.num(lo)), l.num(hi)), q)
}

// roundedWeights is w on a symmetric 8-bit grid for each output channel, axes
// being all others, with a straight-through gradient.
func (l *lowering) roundedWeights(w output, axes ...int) output {
	most := op.Max(l.s(), op.Abs(l.s(), w), l.ints(axes...), op.MaxKeepDims(true))
	step := op.Maximum(l.s(), l.scale(most, 1.0/127), l.num(1e-12))
	return l.through(w, l.mul(op.Round(l.s(), l.div(w, step)), step))
}
