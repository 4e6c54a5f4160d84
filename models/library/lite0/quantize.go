package lite0

import "math"

// Quant is the quantization of a map: real = Scale * (q - Zero).
type Quant struct {
	Scale float32
	Zero  int
}

// Quantized is the network in eight bits.
type Quantized struct {
	Maps   []MapInfo
	Quants []Quant // of the maps
	Nodes  []QNode
	Taps   []Tap
}

// QNode is a node with int8 weights, symmetric, one scale an output channel.
// The scale of bias o is the input's scale times Scales[o].
type QNode struct {
	Op     Op
	Inputs []int
	Output int
	Window
	Relu6  bool
	Weight []int8
	Scales []float32
	Bias   []int32

	in     float32   // scale of the input
	floors []float64 // least Scales that engines can work with
}

// Options choose among the refinements; the zero value rounds plainly. They are
// there to measure what each is worth.
type Options struct {
	Fit     bool // choose weights by the error that they leave together (fit.go)
	Correct bool // move the biases by the mean error that rounding leaves
}

// Quantize rounds g, with ranges and corrections taken on the pictures.
func Quantize(g *Graph, pictures []Picture, o Options) *Quantized {
	s := g.measure(pictures)
	q := &Quantized{Maps: g.Maps, Quants: g.quants(pictures, s), Taps: g.Taps}
	r := newRounder(g, q, pictures, o, s)
	for i := range g.Nodes {
		r.node(i)
	}
	return q
}

// Limits on what an engine can scale by: the factor from sums to output is kept
// in [minFactor, 256) (XNNPACK refuses others), biases within 30 bits.
const (
	minFactor = 1.0 / (1 << 24)
	maxBias   = 1 << 30
)

// round returns the eight-bit form of n, weights to the nearest step. The step
// of an output channel is the one of least squared error up to its largest
// weight.
func (n *Node) round(in, out Quant) QNode {
	q := QNode{Op: n.Op, Inputs: n.Inputs, Output: n.Output, Window: n.Window, Relu6: n.Relu6}
	if n.Op == Add {
		return q
	}
	q.Weight = make([]int8, len(n.Weight))
	q.Scales = make([]float32, len(n.Bias))
	q.Bias = make([]int32, len(n.Bias))
	q.in, q.floors = in.Scale, make([]float64, len(n.Bias))
	for o := range n.Bias {
		row := n.row(o)
		q.floors[o] = max(minFactor*float64(out.Scale)/float64(in.Scale), math.Abs(float64(n.Bias[o]))/float64(in.Scale)/maxBias)
		q.Scales[o] = float32(max(stepOf(row), q.floors[o]))
		for i, w := range row {
			q.Weight[n.at(o, i)] = roundWeight(w, q.Scales[o])
		}
		q.Bias[o] = roundBias(float64(n.Bias[o]), in.Scale, q.Scales[o])
	}
	return q
}

// row returns the weights of output channel o.
func (n *Node) row(o int) []float32 {
	out := make([]float32, len(n.Weight)/len(n.Bias))
	for i := range out {
		out[i] = n.Weight[n.at(o, i)]
	}
	return out
}

// at is the index in Weight of weight i of output channel o.
func (n *Node) at(o, i int) int {
	if n.Op == Depthwise {
		return i*len(n.Bias) + o
	}
	return o*(len(n.Weight)/len(n.Bias)) + i
}

func stepOf(row []float32) float64 {
	top := largest(row)
	best, least := top/127, math.Inf(1)
	for i := range 41 {
		step := float32(top / 127 * (1 - float64(i)/100))
		sum := 0.0
		for _, w := range row {
			d := float64(w) - float64(float64(roundWeight(w, step))*float64(step))
			sum += float64(d * d)
		}
		if sum < least {
			best, least = float64(step), sum
		}
	}
	return best
}

func roundWeight(w, step float32) int8 {
	if step == 0 {
		return 0
	}
	return int8(min(max(roundHalfEven(float64(w)/float64(step)), -127), 127))
}

func roundBias(b float64, in, step float32) int32 {
	s := float64(in) * float64(step)
	if s == 0 {
		return 0
	}
	return int32(min(max(roundHalfEven(b/s), -maxBias), maxBias))
}

func roundHalfEven(v float64) float64 { return math.RoundToEven(v) }
