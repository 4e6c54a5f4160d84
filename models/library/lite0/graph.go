package lite0

import (
	"errors"
	"fmt"
	"math"

	"winnow/models/library/torch"
)

// Op is the kind of a node.
type Op uint8

// Kinds of nodes.
const (
	Conv      Op = iota // full convolution, padding SAME
	Depthwise           // one filter a channel, padding SAME
	Add                 // sum of two maps
)

// Node computes one map. Batch norms are folded into Weight and Bias.
type Node struct {
	Op     Op
	Inputs []int // maps, by index into Graph.Maps
	Output int
	Window
	Relu6  bool      // clamp the output to 0..6
	Weight []float32 // layout: package comment
	Bias   []float32
}

// MapInfo describes one map of the network.
type MapInfo struct {
	Name     string
	Channels int
	Stride   int // input pixels a cell
}

// Tap is a map whose values are features.
type Tap struct {
	Block int // its block, counted from 0
	Map   int
}

// Graph is the truncated network; map 0 is the picture.
type Graph struct {
	Maps  []MapInfo
	Nodes []Node // in order of execution
	Taps  []Tap
}

// stages of EfficientNet-Lite0 up to the last tap: Table 1 of Tan and Le,
// "EfficientNet" (2019), without squeeze-and-excitation, ReLU6 for swish.
var stages = [...]struct{ repeat, kernel, stride, expand, in, out int }{
	{1, 3, 1, 1, 32, 16},
	{2, 3, 2, 6, 16, 24},
	{2, 5, 2, 6, 24, 40},
	{3, 3, 2, 6, 40, 80},
	{3, 5, 1, 6, 80, 112},
	{4, 5, 2, 6, 112, 192},
}

// batchNormEpsilon is TensorFlow's for this network, not torch's default.
const batchNormEpsilon = 1e-3

// tapped reports whether the output of block i is a tap: the ends of the stages
// whose cells span 4, 8, 16, 16 and 32 pixels.
func tapped(i int) bool { return i == 2 || i == 4 || i == 7 || i == 10 || i == 14 }

// Load builds the network from the state dictionary that
// efficientnet-lite0-57934424.pth holds.
func Load(state map[string]torch.Tensor) (*Graph, error) {
	l := &graphLoader{state: state, g: &Graph{Maps: []MapInfo{{Name: "image", Channels: 3, Stride: 1}}}}
	x := l.conv(0, "_conv_stem", "_bn0", "stem", Node{Op: Conv, Window: Window{3, 2}, Relu6: true}, 32)
	block := 0
	for _, s := range stages {
		for i := range s.repeat {
			stride := s.stride
			if i > 0 {
				stride = 1
			}
			x = l.block(x, block, s.kernel, stride, s.expand, s.out)
			if tapped(block) {
				l.g.Taps = append(l.g.Taps, Tap{block, x})
			}
			block++
		}
	}
	return l.g, l.err
}

type graphLoader struct {
	state map[string]torch.Tensor
	g     *Graph
	err   error
}

// block adds an inverted residual: expand 1x1, depthwise, project 1x1, and the
// shortcut where shape allows it.
func (l *graphLoader) block(x, i, kernel, stride, expand, out int) int {
	from, name := fmt.Sprintf("_blocks.%d.", i), fmt.Sprintf("block%d", i)
	in := l.g.Maps[x].Channels
	y := x
	if expand != 1 {
		y = l.conv(y, from+"_expand_conv", from+"_bn0", name+"/expand", Node{Op: Conv, Window: Window{1, 1}, Relu6: true}, in*expand)
	}
	y = l.conv(y, from+"_depthwise_conv", from+"_bn1", name+"/depthwise", Node{Op: Depthwise, Window: Window{kernel, stride}, Relu6: true}, in*expand)
	if stride != 1 || in != out {
		return l.conv(y, from+"_project_conv", from+"_bn2", name, Node{Op: Conv, Window: Window{1, 1}}, out)
	}
	y = l.conv(y, from+"_project_conv", from+"_bn2", name+"/project", Node{Op: Conv, Window: Window{1, 1}}, out)
	sum := l.newMap(MapInfo{name, out, l.g.Maps[x].Stride})
	l.g.Nodes = append(l.g.Nodes, Node{Op: Add, Inputs: []int{y, x}, Output: sum})
	return sum
}

func (l *graphLoader) newMap(m MapInfo) int {
	l.g.Maps = append(l.g.Maps, m)
	return len(l.g.Maps) - 1
}

// conv adds n, a convolution of map x followed by a batch norm, and returns its
// output map.
func (l *graphLoader) conv(x int, conv, norm, name string, n Node, out int) int {
	from := l.g.Maps[x]
	in := from.Channels
	if n.Op == Depthwise {
		in = 1
	}
	n.Inputs, n.Output = []int{x}, l.newMap(MapInfo{name, out, from.Stride * n.Stride})
	w := l.tensor(conv+".weight", out, in, n.Kernel, n.Kernel)
	gain, shift := l.fold(norm, out)
	if l.err != nil {
		return n.Output
	}
	n.Bias, n.Weight = shift, make([]float32, len(w))
	area := n.Kernel * n.Kernel
	for o := range out {
		for i := range in {
			for k := range area {
				v := float32(float64(w[(o*in+i)*area+k]) * gain[o])
				if n.Op == Depthwise {
					n.Weight[k*out+o] = v
				} else {
					n.Weight[(o*area+k)*in+i] = v
				}
			}
		}
	}
	l.g.Nodes = append(l.g.Nodes, n)
	return n.Output
}

// fold returns a batch norm as gain and shift: gamma/sqrt(var+eps) and
// beta - mean*gain.
func (l *graphLoader) fold(norm string, n int) (gain []float64, shift []float32) {
	gamma, beta := l.tensor(norm+".weight", n), l.tensor(norm+".bias", n)
	mean, variance := l.tensor(norm+".running_mean", n), l.tensor(norm+".running_var", n)
	if l.err != nil {
		return nil, nil
	}
	for c := range n {
		g := float64(gamma[c]) / math.Sqrt(float64(variance[c])+batchNormEpsilon)
		gain = append(gain, g)
		shift = append(shift, float32(float64(beta[c])-float64(float64(mean[c])*g)))
	}
	return gain, shift
}

// tensor returns the values of a weight after checking its shape.
func (l *graphLoader) tensor(name string, shape ...int) []float32 {
	t, ok := l.state[name]
	if !ok {
		l.err = errors.Join(l.err, fmt.Errorf("weights: %q is missing", name))
		return nil
	}
	if fmt.Sprint(t.Shape) != fmt.Sprint(shape) || t.Float == nil {
		l.err = errors.Join(l.err, fmt.Errorf("weights: %q has shape %v, want %v of float32", name, t.Shape, shape))
		return nil
	}
	return t.Float
}
