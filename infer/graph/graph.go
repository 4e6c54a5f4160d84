package graph

import (
	"slices"

	"winnow/infer/tflite"
)

// Node is one operator that has something to compute.
type Node struct {
	Op   int           // index into Model.Ops of the operator that names it
	Code tflite.OpCode // of that operator
	In   []int         // tensors; -1 where an optional input is missing
	Out  int           // tensor
	Up   int           // nearest upsampling of input 0 that is folded in, else 1
	Pads Pads          // folded in: around input 0, after upsampling
	// UpOnly says that the node is nothing but the nearest upsampling by Up of a
	// picture of InShape.
	UpOnly  bool
	InShape []int // of input 0 as the node sees it, before Up and Pads
}

// Pads is a frame of zero points around a picture.
type Pads struct{ Top, Left, Bottom, Right int }

// Graph is a model ready to be walked.
type Graph struct {
	Model *tflite.Model
	Nodes []Node
	home  []int // tensor whose bytes a tensor shares; itself for most
}

// New folds m, which Check has passed, into a graph.
func New(m *tflite.Model) *Graph {
	g := &Graph{Model: m, home: make([]int, len(m.Tensors))}
	for i := range g.home {
		g.home[i] = i
	}
	for k := range m.Ops {
		o := &m.Ops[k]
		g.Nodes = append(g.Nodes, Node{
			Op: k, Code: o.Code, In: slices.Clone(o.Inputs), Out: o.Outputs[0], Up: 1,
			InShape: g.inShape(o),
		})
	}
	g.foldTiles()
	g.foldResizes()
	g.foldViews()
	g.foldIntoConvs()
	return g
}

func (g *Graph) inShape(o *tflite.Op) []int {
	i := o.Inputs[0]
	if o.Code == tflite.OpTransposeConv {
		i = o.Inputs[2]
	}
	return g.Model.Tensors[i].Shape
}

// Home is the tensor in whose bytes tensor i lies.
func (g *Graph) Home(i int) int {
	for g.home[i] != i {
		i = g.home[i]
	}
	return i
}

// uses counts who reads tensor i or what shares its bytes; outputs count too.
func (g *Graph) uses(i int) int {
	n := 0
	for _, node := range g.Nodes {
		for _, x := range node.In {
			if x >= 0 && g.Home(x) == g.Home(i) {
				n++
			}
		}
	}
	for _, x := range g.Model.Outputs {
		if g.Home(x) == g.Home(i) {
			n++
		}
	}
	return n
}

func (g *Graph) shape(i int) []int { return g.Model.Tensors[i].Shape }

// reader returns the only node that reads tensor i, or nil.
func (g *Graph) reader(i int) *Node {
	if g.uses(i) != 1 {
		return nil
	}
	for k := range g.Nodes {
		if slices.ContainsFunc(g.Nodes[k].In, func(x int) bool { return x >= 0 && g.Home(x) == g.Home(i) }) {
			return &g.Nodes[k]
		}
	}
	return nil
}

// OnlyReadBy reports whether nothing but nodes of that operator read tensor i,
// which is no output.
func (g *Graph) OnlyReadBy(i int, code tflite.OpCode) bool {
	n := 0
	for k := range g.Nodes {
		if g.Nodes[k].Code == code && g.Nodes[k].In[0] == i {
			n++
		}
	}
	return n == g.uses(i)
}

// drop removes the nodes that gone says yes to.
func (g *Graph) drop(gone func(n *Node) bool) {
	kept := g.Nodes[:0]
	for i := range g.Nodes {
		if !gone(&g.Nodes[i]) {
			kept = append(kept, g.Nodes[i])
		}
	}
	g.Nodes = kept
}
