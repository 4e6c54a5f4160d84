package train

import (
	"fmt"
	"math"

	"winnow/infer/fit"
	"winnow/infer/tflite"
)

// featureStep is the real value of one step of a feature.
var featureStep = float64(fit.FeatureQuant.Scale)

// featureRange is what a feature's eight bits hold.
var featureRange = Range{-128 * featureStep, 127 * featureStep}

// settled returns the ranges of n's nodes as int8 tensors have them: inputs and
// the output in feature steps, sigmoids and joined maps as TFLite rules, others
// as measured.
func (n *Net) settled(measured []Range) []Range {
	r := append([]Range(nil), measured...)
	for i := range n.Nodes {
		switch n.Nodes[i].Op {
		case OpInput:
			r[i] = featureRange
		case OpSigmoid:
			r[i] = Range{0, 255.0 / 256}
		case OpUp:
			r[i] = r[n.Nodes[i].In[0]]
		case OpSample:
			r[i] = r[n.Nodes[i].In[0]]
		}
		if n.Nodes[i].Act != Linear {
			r[i].Low = 0
		}
	}
	for i := range n.Nodes {
		if n.Nodes[i].Op == OpConcat {
			n.join(r, i)
		}
	}
	r[n.Output] = featureRange
	return r
}

// join gives all maps that node i joins one range.
func (n *Net) join(r []Range, i int) {
	for _, x := range n.Nodes[i].In {
		r[i] = r[i].widen(r[x].Low, r[x].High)
	}
	for _, x := range n.Nodes[i].In {
		for ; ; x = n.Nodes[x].In[0] {
			r[x] = r[i]
			if op := n.Nodes[x].Op; op != OpUp && op != OpSample {
				break
			}
		}
	}
}

// writer appends a net to a .tflite graph.
type writer struct {
	*tflite.Builder
	net    *Net
	ranges []Range
	prefix string
	tensor []int // of each node, -1 where nothing needs it
}

// Append adds n's operators, int8, behind the tensors that feed its inputs in
// order, and returns the tensors of its code [1,k] and output. n is folded.
// names are given prefix, so that several networks fit into one graph.
func (n *Net) Append(b *tflite.Builder, ranges []Range, prefix string, inputs ...int) (code, output int) {
	w := &writer{Builder: b, net: n, ranges: n.settled(ranges), prefix: prefix, tensor: make([]int, len(n.Nodes))}
	need := n.needed()
	for i := range n.Nodes {
		switch {
		case n.Nodes[i].Op == OpInput:
			w.tensor[i], inputs = inputs[0], inputs[1:]
		case need[i]:
			w.tensor[i] = w.node(i)
		default:
			w.tensor[i] = -1
		}
	}
	return b.Reshape(prefix+"code/flat", w.tensor[n.Code], 1, n.Shape(n.Code).Size()), w.tensor[n.Output]
}

// needed says which nodes code and output depend on.
func (n *Net) needed() []bool {
	need := make([]bool, len(n.Nodes))
	need[n.Code], need[n.Output] = true, true
	for i := len(n.Nodes) - 1; i >= 0; i-- {
		if !need[i] {
			continue
		}
		for k, x := range n.Nodes[i].In {
			need[x] = need[x] || n.Nodes[i].Op != OpSample || k == 0
		}
	}
	return need
}

func (w *writer) quant(i int) tflite.Quant {
	scale, zero := w.ranges[i].Grid()
	return tflite.Quant{Scale: float32(scale), ZeroPoint: zero}
}

var activations = [...]tflite.Activation{Linear: tflite.ActNone, Relu: tflite.ActRelu, Relu6: tflite.ActRelu6}

func (w *writer) node(i int) int {
	n := &w.net.Nodes[i]
	name := w.prefix + n.Name
	in := func(k int) int { return w.tensor[n.In[k]] }
	switch n.Op {
	case OpConst:
		return w.constant(name, n)
	case OpConv, OpDense, OpSpread:
		return w.conv(name, i, in(0))
	case OpDepthwise:
		wt := w.weights(name, n, in(0), []int{1, n.Kernel, n.Kernel, n.Out.C}, 3)
		o := tflite.DepthwiseConv2D{StrideH: n.Stride, StrideW: n.Stride, Activation: activations[n.Act]}
		return w.DepthwiseConv2D(name, in(0), wt, w.bias(name, n, in(0), wt), o, w.quant(i))
	case OpUp:
		return w.ResizeNearest(name, in(0), n.Out.H, n.Out.W, tflite.Resize{})
	case OpAdd:
		return w.Add(name, in(0), in(1), tflite.ActNone, w.quant(i))
	case OpSub:
		return w.Sub(name, in(0), in(1), tflite.ActNone, w.quant(i))
	case OpMul:
		return w.Mul(name, in(0), in(1), tflite.ActNone, w.quant(i))
	case OpConcat:
		var xs []int
		for k := range n.In {
			xs = append(xs, in(k))
		}
		return w.Concat(name, 3, xs...)
	case OpPool:
		return w.Mean(name, in(0), true, w.quant(i), 1, 2)
	case OpSigmoid:
		return w.Logistic(name, in(0))
	}
	return in(0) // OpSample: its mean
}

// conv writes convolutions, and dense layers as convolutions of one place, so
// that their weights have a scale for each output channel.
func (w *writer) conv(name string, i, x int) int {
	n := &w.net.Nodes[i]
	in := w.net.Shape(n.In[0])
	k, stride, inC, outC := n.Kernel, n.Stride, in.C, n.Out.C
	if n.Op != OpConv {
		k, stride, inC, outC = 1, 1, in.Size(), n.Out.Size()
		if in.H*in.W > 1 {
			x = w.Reshape(name+"/flat", x, 1, 1, 1, inC)
		}
	}
	wt := w.weights(name, n, x, []int{outC, k, k, inC}, 0)
	o := tflite.Conv2D{StrideH: stride, StrideW: stride, Activation: activations[n.Act]}
	out := w.Conv2D(name, x, wt, w.bias(name, n, x, wt), o, w.quant(i))
	if n.Op == OpSpread {
		out = w.Reshape(name+"/map", out, 1, n.Out.H, n.Out.W, n.Out.C)
	}
	return out
}

// weights writes those of n behind tensor x in TFLite's order, [Out,KH,KW,In] or
// [1,KH,KW,C], with a symmetric scale for each output channel.
func (w *writer) weights(name string, n *Node, x int, shape []int, axis int) int {
	v := w.net.Params[n.Weight].Init
	tx := w.Tensor(x)
	in := tx.Scale()
	channels := shape[axis]
	rest := len(v) / channels
	q, scales := make([]int8, len(v)), make([]float32, channels)
	for c := range channels {
		most := float32(1e-12)
		for j := range rest {
			most = max(most, v[j*channels+c], -v[j*channels+c])
		}
		if n.Bias >= 0 { // it has to stay within 30 bits of the sum's scale, also where all weights are cut
			b := w.net.Params[n.Bias].Init
			most = max(most, 127*float32(math.Abs(float64(b[c%len(b)])))/in/(1<<30))
		}
		scales[c] = most / 127
		for j := range rest {
			to := j*channels + c // depthwise weights keep their order
			if axis == 0 {
				to = c*rest + j
			}
			q[to] = int8(math.RoundToEven(float64(v[j*channels+c] / scales[c])))
		}
	}
	return w.AddWeights(name+"/weights", shape, q, scales, axis)
}

func (w *writer) bias(name string, n *Node, x, wt int) int {
	if n.Bias < 0 {
		return -1
	}
	v := w.net.Params[n.Bias].Init
	tx := w.Tensor(x)
	in, scales := float64(tx.Scale()), w.Tensor(wt).Scales
	q := make([]int32, len(v))
	for i := range v {
		q[i] = int32(math.RoundToEven(max(-1<<30, min(1<<30, float64(v[i])/(in*float64(scales[i%len(scales)]))))))
	}
	return w.AddBias(name+"/bias", x, wt, q)
}

func (w *writer) constant(name string, n *Node) int {
	v := w.net.Params[n.Weight].Init
	most := 0.0
	for _, x := range v {
		most = max(most, math.Abs(float64(x)))
	}
	if most < leastWidth {
		most = 1
	}
	q := make([]int8, len(v))
	for i, x := range v {
		q[i] = int8(math.RoundToEven(float64(x) * 127 / most))
	}
	return w.AddConst(name, []int{1, n.Out.H, n.Out.W, n.Out.C}, q, tflite.Quant{Scale: float32(most / 127)})
}

// Append adds all members of m behind features (and picture, for families that
// see it), the mean of what they reconstruct, and its difference from features.
func (m *Model) Append(b *tflite.Builder, features, blocks int) (code, difference int) {
	var outs []int
	in := features
	if blocks >= 0 {
		in = blocks
	}
	for k, member := range m.Members {
		for l, x := range m.levels(b, in, member.Net.Shape(0)) {
			c, out := member.Net.Append(b, member.Ranges, fmt.Sprintf("m%d.%d/", k, l), x)
			if len(outs) == 0 {
				code = c
			}
			outs = append(outs, out)
		}
	}
	return code, b.Sub("difference", features, m.average(b, outs), tflite.ActNone, fit.FeatureQuant)
}

// average of outs, all in feature steps. A depthwise convolution divides.
func (m *Model) average(b *tflite.Builder, outs []int) int {
	sum := outs[0]
	for k, o := range outs[1:] {
		q := tflite.Quant{Scale: fit.FeatureQuant.Scale * float32(k+2)}
		sum = b.Add(fmt.Sprintf("sum%d", k), sum, o, tflite.ActNone, q)
	}
	if len(outs) == 1 {
		return sum
	}
	c := b.Tensor(sum).Shape[3]
	w, scales := make([]int8, c), make([]float32, c)
	for i := range c {
		w[i], scales[i] = 127, 1/(127*float32(len(outs)))
	}
	wt := b.AddWeights("mean/weights", []int{1, 1, 1, c}, w, scales, 3)
	return b.DepthwiseConv2D("mean", sum, wt, -1, tflite.DepthwiseConv2D{StrideH: 1, StrideW: 1}, fit.FeatureQuant)
}

// levels are the inputs that a member gets: features, or for families of
// several noise levels features plus a fixed draw of noise at each level.
func (m *Model) levels(b *tflite.Builder, features int, s Shape) []int {
	if len(m.Levels) == 0 {
		return []int{features}
	}
	var xs []int
	for l, dev := range m.Levels {
		name := fmt.Sprintf("noise%d", l)
		noise := b.AddConst(name, []int{1, s.H, s.W, s.C}, fixedNoise(s, m.Seed+uint64(l)), tflite.Quant{Scale: float32(dev / 32)})
		xs = append(xs, b.Add(name+"/added", features, noise, tflite.ActNone, fit.FeatureQuant))
	}
	return xs
}
