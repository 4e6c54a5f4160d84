package graph

import (
	"fmt"
	"math"
	"slices"

	"winnow/infer/tflite"
)

// align of every activation in the arena, in bytes: a cache line.
const align = 64

// Plan says where in one arena every activation lies.
type Plan struct {
	Size    int   // bytes of the arena
	offsets []int // by tensor; -1 for constants and what no node touches
}

// Offset of tensor i in the arena, -1 where it is not there.
func (p *Plan) Offset(i int) int { return p.offsets[i] }

// block is the bytes of one home tensor and the nodes between which they are
// needed, both included.
type block struct {
	home, size int
	from, to   int
	offset     int
}

// Plan lays the activations out so that tensors which are needed at the same
// time do not overlap: the largest first, each at the lowest offset that is
// free. Inputs keep their bytes over the whole run, outputs from where they are
// computed to the end. inPlace may let node k write over its first input.
// An arena above limit is refused before it is taken.
func (g *Graph) Plan(limit int, inPlace func(n *Node) bool) (*Plan, error) {
	g.shareInPlace(inPlace)
	blocks := g.lifetimes()
	slices.SortStableFunc(blocks, func(a, b block) int { return b.size - a.size })
	p := &Plan{offsets: make([]int, len(g.Model.Tensors))}
	for i := range blocks {
		b := &blocks[i]
		b.offset = lowest(blocks[:i], b)
		if b.offset > limit-b.size {
			t := &g.Model.Tensors[b.home]
			return nil, &tflite.Error{Kind: tflite.ErrLimit, Tensor: t.Name, Offset: t.Offset,
				Msg: fmt.Sprintf("activations need more than the %d bytes that are allowed; use a smaller input or raise the limit", limit)}
		}
		p.Size = max(p.Size, b.offset+b.size)
	}
	at := make(map[int]int, len(blocks))
	for _, b := range blocks {
		at[b.home] = b.offset
	}
	for i := range p.offsets {
		o, ok := at[g.Home(i)]
		if !ok {
			o = -1
		}
		p.offsets[i] = o
	}
	return p, nil
}

// shareInPlace lets nodes write over an input that nobody needs afterwards.
func (g *Graph) shareInPlace(ok func(n *Node) bool) {
	for k := range g.Nodes {
		n := &g.Nodes[k]
		if !ok(n) {
			continue
		}
		x := n.In[0]
		t := &g.Model.Tensors[x]
		if t.Const() || g.isInput(x) || t.Elements() != g.Model.Tensors[n.Out].Elements() || t.Type != g.Model.Tensors[n.Out].Type {
			continue
		}
		if g.uses(x) == 1 {
			g.home[n.Out] = x
		}
	}
}

func (g *Graph) isInput(i int) bool {
	return slices.ContainsFunc(g.Model.Inputs, func(x int) bool { return g.Home(x) == g.Home(i) })
}

func (g *Graph) lifetimes() []block {
	var blocks []block
	index := make(map[int]int)
	touch := func(i, from, to int) {
		if i < 0 || g.Model.Tensors[i].Const() {
			return
		}
		h := g.Home(i)
		k, ok := index[h]
		if !ok {
			k = len(blocks)
			index[h] = k
			blocks = append(blocks, block{home: h, from: from, to: to})
		}
		t := &g.Model.Tensors[i]
		size := math.MaxInt &^ (align - 1) // of what int cannot count where it has 32 bits
		if n := t.Type.Size(); t.Elements() <= (size-align)/n {
			size = (t.Elements()*n + align - 1) &^ (align - 1)
		}
		b := &blocks[k]
		b.size, b.from, b.to = max(b.size, size), min(b.from, from), max(b.to, to)
	}
	for _, i := range g.Model.Inputs {
		touch(i, -1, len(g.Nodes))
	}
	for k := range g.Nodes {
		for _, i := range g.Nodes[k].In {
			touch(i, k, k)
		}
		touch(g.Nodes[k].Out, k, k)
	}
	for _, i := range g.Model.Outputs {
		touch(i, len(g.Nodes), len(g.Nodes))
	}
	return blocks
}

// lowest is the smallest offset at which b meets none of placed in time and
// place.
func lowest(placed []block, b *block) int {
	var busy []block
	for _, p := range placed {
		if p.from <= b.to && b.from <= p.to {
			busy = append(busy, p)
		}
	}
	slices.SortFunc(busy, func(x, y block) int { return x.offset - y.offset })
	at := 0
	for _, p := range busy {
		if p.offset-at >= b.size {
			break
		}
		at = max(at, p.offset+p.size)
	}
	return at
}
