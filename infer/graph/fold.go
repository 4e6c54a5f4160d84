package graph

import (
	"slices"

	"winnow/infer/tflite"
)

// foldTiles finds the operators by which the Keras converter writes UpSampling2D
// without RESIZE_NEAREST_NEIGHBOR and makes one upsampling of them:
//
//	[1,H,W,C] view [1,H,1,W,C]    tile in dim 2
//	          view [1,up*H,W,1,C] tile in dim 3   view [1,up*H,up*W,C]
//
// A view is RESHAPE or EXPAND_DIMS; the middle one may be two of them.
func (g *Graph) foldTiles() {
	for i := 0; i < len(g.Nodes); i++ {
		for _, n := range []int{5, 6} {
			if i+n > len(g.Nodes) {
				break
			}
			up := g.tiledUp(g.Nodes[i : i+n])
			if up == 0 {
				continue
			}
			first, last := &g.Nodes[i], g.Nodes[i+n-1]
			first.Code, first.UpOnly, first.Up = tflite.OpResizeNearest, true, up
			first.Op, first.Out = last.Op, last.Out
			first.In = first.In[:1]
			g.Nodes = slices.Delete(g.Nodes, i+1, i+n)
			break
		}
	}
}

// tiledUp returns the factor, or 0 where the chain n is something else.
func (g *Graph) tiledUp(n []Node) int {
	last := len(n) - 1
	for i := range n {
		tile := i == 1 || i == last-1
		if tile && n[i].Code != tflite.OpTile || !tile && n[i].Code != tflite.OpReshape && n[i].Code != tflite.OpExpandDims {
			return 0
		}
		if i > 0 && (n[i].In[0] != n[i-1].Out || g.uses(n[i-1].Out) != 1) {
			return 0
		}
	}
	x, out := g.shape(n[0].In[0]), g.shape(n[last].Out)
	if len(x) != 4 || len(out) != 4 || x[0] != 1 || out[1]%x[1] != 0 {
		return 0
	}
	h, w, c, up := x[1], x[2], x[3], out[1]/x[1]
	for i, want := range map[int][]int{0: {1, h, 1, w, c}, 1: {1, h, up, w, c}, last - 2: {1, h * up, w, 1, c}, last - 1: {1, h * up, w, up, c}, last: {1, h * up, w * up, c}} {
		if !slices.Equal(g.shape(n[i].Out), want) {
			return 0
		}
	}
	return up
}

// foldResizes marks RESIZE_NEAREST_NEIGHBOR by a whole number. Without
// align_corners, output y reads input floor(y/up) with and without
// half_pixel_centers.
func (g *Graph) foldResizes() {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Code != tflite.OpResizeNearest || n.UpOnly {
			continue
		}
		x, out := n.InShape, g.shape(n.Out)
		align := g.Model.Ops[n.Op].Options.(tflite.Resize).AlignCorners
		if up := out[1] / x[1]; !align && up > 0 && up <= maxUp && out[1] == up*x[1] && out[2] == up*x[2] {
			n.UpOnly, n.Up, n.In = true, up, n.In[:1]
		}
	}
}

// maxUp keeps clear of sizes where float32 coordinates might round.
const maxUp = 16

// foldViews removes the operators that only rename a shape.
func (g *Graph) foldViews() {
	g.drop(func(n *Node) bool {
		switch n.Code {
		case tflite.OpReshape, tflite.OpSqueeze, tflite.OpExpandDims:
		default:
			return false
		}
		x := n.In[0]
		if g.Model.Tensors[x].Const() {
			return false
		}
		g.home[n.Out] = g.Home(x) // not x: a long chain of views must not make every look-up long
		return true
	})
}

// foldIntoConvs moves PAD and upsampling into the convolution that is their only
// reader.
func (g *Graph) foldIntoConvs() {
	gone := make(map[int]bool)
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		conv := g.reader(n.Out)
		if conv == nil || !samePicture(g, n, conv) {
			continue
		}
		if g.foldPad(n, conv) || g.foldUp(n, conv) {
			gone[n.Out], n.In = true, nil
		}
	}
	g.drop(func(n *Node) bool { return gone[n.Out] })
}

// samePicture says that conv reads n's output under the shape that n gave it.
func samePicture(g *Graph, n, conv *Node) bool {
	if conv.Code != tflite.OpConv2D && conv.Code != tflite.OpDepthwiseConv2D {
		return false
	}
	return conv.In[0] == n.Out && conv.Up == 1
}

func (g *Graph) foldPad(n, conv *Node) bool {
	if n.Code != tflite.OpPad || len(n.InShape) != 4 {
		return false
	}
	x, out := &g.Model.Tensors[n.In[0]], &g.Model.Tensors[n.Out]
	if x.Scale() != out.Scale() || x.ZeroPoint() != out.ZeroPoint() || x.Type != tflite.Int8 {
		return false
	}
	p := g.Model.Tensors[n.In[1]].Ints()
	if p[0]+p[1]+p[6]+p[7] != 0 {
		return false
	}
	conv.Pads.Top += p[2]
	conv.Pads.Bottom += p[3]
	conv.Pads.Left += p[4]
	conv.Pads.Right += p[5]
	conv.In[0], conv.InShape = n.In[0], n.InShape
	return true
}

// maxFolded is the largest upsampling that kernels of convolutions take.
const maxFolded = 4

func (g *Graph) foldUp(n, conv *Node) bool {
	if !n.UpOnly || n.Up > maxFolded || conv.Code != tflite.OpConv2D {
		return false
	}
	if o := g.Model.Ops[conv.Op].Options.(tflite.Conv2D); o.StrideH != 1 || o.StrideW != 1 {
		return false
	}
	// The convolution takes over the input's zero point and scale, so they must be the output's.
	x, out := &g.Model.Tensors[n.In[0]], &g.Model.Tensors[n.Out]
	if x.Type != out.Type || x.Scale() != out.Scale() || x.ZeroPoint() != out.ZeroPoint() {
		return false
	}
	conv.Up, conv.In[0], conv.InShape = n.Up, n.In[0], n.InShape
	return true
}
