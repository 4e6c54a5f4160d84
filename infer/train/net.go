package train

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Shape of a map: height, width, channels. A vector is 1 x 1 x n.
type Shape struct{ H, W, C int }

// Size is the number of values.
func (s Shape) Size() int { return s.H * s.W * s.C }

func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.H, s.W, s.C) }

// Op is what a node computes.
type Op uint8

// The operators. All keep the batch as their leading dimension.
const (
	OpInput     Op = iota // what is fed
	OpConst               // a map that no gradient moves
	OpConv                // SAME convolution, weights [KH,KW,In,Out]
	OpDepthwise           // SAME depthwise convolution, weights [KH,KW,C,1]
	OpDense               // all values to C values, weights [In,C]
	OpSpread              // 1x1xC to H x W x C' by a dense layer, weights [In,H*W*C']
	OpUp                  // nearest upsampling to H x W
	OpAdd
	OpSub
	OpMul     // product; a 1x1xC operand is broadcast
	OpConcat  // along channels
	OpPool    // mean over the whole map: 1x1xC
	OpSigmoid // 1/(1+exp(-x))
	OpSample  // In[0] + exp(In[1]/2)*noise while training, In[0] afterwards
)

// Act is an activation behind a layer.
type Act uint8

// Activations that int8 operators fuse.
const (
	Linear Act = iota
	Relu
	Relu6
)

// Param is a tensor of weights.
type Param struct {
	Name   string
	Shape  []int
	Init   []float32
	Frozen bool // no gradient moves it
	Decay  bool // weight decay applies
}

func (p *Param) size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Norm are the parameters of a batch normalization; all are -1 without one.
type Norm struct{ Gamma, Beta, Mean, Variance int }

var noNorm = Norm{-1, -1, -1, -1}

// Node is one operator. Parameters are indices into Net.Params, or -1.
type Node struct {
	Name           string
	Op             Op
	In             []int
	Out            Shape
	Kernel, Stride int
	Act            Act
	Weight, Bias   int
	Norm           Norm
}

// Net is a network in the order of its evaluation. It is built by the methods
// below, each of which returns the index of the node that it adds.
type Net struct {
	Nodes  []Node
	Params []Param
	// Code and Output are what leaves the network; the output has the shape of
	// the target. LogVariance is the second head of a variational code, or -1.
	Code, Output, LogVariance int
	// Centre is the parameter that the one-class objective draws codes to, or -1.
	Centre int

	rng      *rand.Rand
	plain    bool // layers have batch normalization unless this is set
	folded   bool // normalizations are in the weights
	unbiased bool // encoder layers have no bias: a guard against collapse
}

// NewNet whose initial weights follow from seed.
func NewNet(seed uint64) *Net {
	return &Net{rng: rand.New(rand.NewPCG(seed, 0x6e6574)), LogVariance: -1, Centre: -1}
}

func (n *Net) add(node Node) int {
	if node.Op != OpConv && node.Op != OpDepthwise && node.Op != OpDense && node.Op != OpSpread {
		node.Weight, node.Bias, node.Norm = orNone(node.Weight, node.Op == OpConst), -1, noNorm
	}
	n.Nodes = append(n.Nodes, node)
	return len(n.Nodes) - 1
}

func orNone(i int, keep bool) int {
	if keep {
		return i
	}
	return -1
}

// Shape of node i.
func (n *Net) Shape(i int) Shape { return n.Nodes[i].Out }

func (n *Net) param(p Param) int {
	n.Params = append(n.Params, p)
	return len(n.Params) - 1
}

// he draws weights of the deviation sqrt(2/fanIn) (He et al. 2015).
func (n *Net) he(name string, fanIn int, shape ...int) int {
	p := Param{Name: name, Shape: shape, Decay: true}
	p.Init = make([]float32, p.size())
	dev := math.Sqrt(2 / float64(fanIn))
	for i := range p.Init {
		p.Init[i] = float32(n.rng.NormFloat64() * dev)
	}
	return n.param(p)
}

func (n *Net) filled(name string, v float32, frozen bool, shape ...int) int {
	p := Param{Name: name, Shape: shape, Frozen: frozen}
	p.Init = make([]float32, p.size())
	for i := range p.Init {
		p.Init[i] = v
	}
	return n.param(p)
}

// layer adds bias or batch normalization to a layer of channels outputs: the
// bias is left out where a normalization follows.
func (n *Net) layer(node Node, channels int, normed bool) int {
	node.Bias, node.Norm = -1, noNorm
	switch {
	case normed:
		node.Norm = Norm{
			n.filled(node.Name+"/gamma", 1, false, channels), n.filled(node.Name+"/beta", 0, false, channels),
			n.filled(node.Name+"/mean", 0, true, channels), n.filled(node.Name+"/variance", 1, true, channels),
		}
	case !n.unbiased:
		node.Bias = n.filled(node.Name+"/bias", 0, false, channels)
	}
	return n.add(node)
}

// Input adds what is fed.
func (n *Net) Input(name string, s Shape) int { return n.add(Node{Name: name, Op: OpInput, Out: s}) }

// Const adds a map that stays as it is.
func (n *Net) Const(name string, s Shape, v []float32) int {
	w := n.param(Param{Name: name, Shape: []int{1, s.H, s.W, s.C}, Init: v, Frozen: true})
	return n.add(Node{Name: name, Op: OpConst, Out: s, Weight: w})
}

// Conv adds a k x k convolution to c channels; a linear one has a bias and no
// normalization.
func (n *Net) Conv(name string, x, c, k, stride int, act Act) int {
	in := n.Shape(x)
	node := Node{Name: name, Op: OpConv, In: []int{x}, Kernel: k, Stride: stride, Act: act}
	node.Out = Shape{(in.H + stride - 1) / stride, (in.W + stride - 1) / stride, c}
	node.Weight = n.he(name+"/weights", k*k*in.C, k, k, in.C, c)
	return n.layer(node, c, act != Linear && !n.plain)
}

// Depthwise adds a k x k depthwise convolution.
func (n *Net) Depthwise(name string, x, k, stride int, act Act) int {
	in := n.Shape(x)
	node := Node{Name: name, Op: OpDepthwise, In: []int{x}, Kernel: k, Stride: stride, Act: act}
	node.Out = Shape{(in.H + stride - 1) / stride, (in.W + stride - 1) / stride, in.C}
	node.Weight = n.he(name+"/weights", k*k, k, k, in.C, 1)
	return n.layer(node, in.C, act != Linear && !n.plain)
}

// Dense adds a linear layer from all values of x to c values.
func (n *Net) Dense(name string, x, c int, act Act) int {
	in := n.Shape(x).Size()
	node := Node{Name: name, Op: OpDense, In: []int{x}, Out: Shape{1, 1, c}, Act: act}
	node.Weight = n.he(name+"/weights", in, in, c)
	return n.layer(node, c, false)
}

// Spread adds a linear layer from all values of x to a map of shape s.
func (n *Net) Spread(name string, x int, s Shape, act Act) int {
	in := n.Shape(x).Size()
	node := Node{Name: name, Op: OpSpread, In: []int{x}, Out: s, Act: act}
	node.Weight = n.he(name+"/weights", in, in, s.Size())
	return n.layer(node, s.Size(), false)
}

// Up adds nearest upsampling to h x w.
func (n *Net) Up(name string, x, h, w int) int {
	return n.add(Node{Name: name, Op: OpUp, In: []int{x}, Out: Shape{h, w, n.Shape(x).C}})
}

// Add adds x + y.
func (n *Net) Add(name string, x, y int) int { return n.both(name, OpAdd, x, y) }

// Sub adds x - y.
func (n *Net) Sub(name string, x, y int) int { return n.both(name, OpSub, x, y) }

// Mul adds x · y; y may be 1x1xC.
func (n *Net) Mul(name string, x, y int) int { return n.both(name, OpMul, x, y) }

func (n *Net) both(name string, op Op, x, y int) int {
	return n.add(Node{Name: name, Op: op, In: []int{x, y}, Out: n.Shape(x)})
}

// Concat joins the channels of xs.
func (n *Net) Concat(name string, xs ...int) int {
	s := n.Shape(xs[0])
	for _, x := range xs[1:] {
		s.C += n.Shape(x).C
	}
	return n.add(Node{Name: name, Op: OpConcat, In: xs, Out: s})
}

// Pool adds the mean over the map.
func (n *Net) Pool(name string, x int) int {
	return n.add(Node{Name: name, Op: OpPool, In: []int{x}, Out: Shape{1, 1, n.Shape(x).C}})
}

// Sigmoid adds 1/(1+exp(-x)).
func (n *Net) Sigmoid(name string, x int) int {
	return n.add(Node{Name: name, Op: OpSigmoid, In: []int{x}, Out: n.Shape(x)})
}

// Sample adds a draw from the normal distribution of mean x and log variance v.
func (n *Net) Sample(name string, x, v int) int {
	n.LogVariance = v
	return n.add(Node{Name: name, Op: OpSample, In: []int{x, v}, Out: n.Shape(x)})
}

// MACs of one evaluation, dense.
func (n *Net) MACs() int64 {
	total := int64(0)
	for i := range n.Nodes {
		total += n.macs(i)
	}
	return total
}

func (n *Net) macs(i int) int64 {
	node := &n.Nodes[i]
	o := int64(node.Out.Size())
	switch node.Op {
	case OpConv:
		return o * int64(node.Kernel*node.Kernel*n.Shape(node.In[0]).C)
	case OpDepthwise:
		return o * int64(node.Kernel*node.Kernel)
	case OpDense, OpSpread:
		return o * int64(n.Shape(node.In[0]).Size())
	}
	return 0
}

// Weights is how many values gradients move.
func (n *Net) Weights() int {
	total := 0
	for i := range n.Params {
		if !n.Params[i].Frozen {
			total += n.Params[i].size()
		}
	}
	return total
}

// Activations is how many values one evaluation holds, all layers together:
// what training keeps for the gradients.
func (n *Net) Activations() int {
	total := 0
	for i := range n.Nodes {
		total += n.Nodes[i].Out.Size()
	}
	return total
}
