package lite0

// number is what maps hold: float32 in the reference, int32 in the rounded
// network before its sums are scaled back to eight bits.
type number interface{ float32 | int32 }

// grid is one picture's worth of values, [H][W][C].
type grid[T number] struct {
	H, W, C int
	V       []T
}

// Map is a grid of the float reference.
type Map = grid[float32]

func newGrid[T number](h, w, c int) grid[T] { return grid[T]{h, w, c, make([]T, h*w*c)} }

// Input brings RGB bytes to the network's input, (x-127)/128.
func Input(rgb []byte, w, h int) Map {
	m := newGrid[float32](h, w, 3)
	for i, p := range rgb[:len(m.V)] {
		m.V[i] = float32(int(p)-127) / 128
	}
	return m
}

// Run computes the network in float32, the reference for everything rounded,
// and returns all its maps by index. Sums run over rows, columns, then input
// channels, with the bias first.
func (g *Graph) Run(x Map) []Map { return g.run(x, func(*Node, Map) {}) }

// run calls before with every node and its output as it is before the clamp.
func (g *Graph) run(x Map, before func(*Node, Map)) []Map {
	maps := make([]Map, len(g.Maps))
	maps[0] = x
	for i := range g.Nodes {
		n := &g.Nodes[i]
		out := n.float(maps)
		before(n, out)
		if n.Relu6 {
			for i, v := range out.V {
				out.V[i] = min(max(v, 0), 6)
			}
		}
		maps[n.Output] = out
	}
	return maps
}

func (n *Node) float(maps []Map) Map {
	x := maps[n.Inputs[0]]
	if n.Op != Add {
		return convolve(&n.Window, n.Op == Depthwise, x, n.Weight, n.Bias)
	}
	out := newGrid[float32](x.H, x.W, x.C)
	for i, v := range maps[n.Inputs[1]].V {
		out.V[i] = x.V[i] + v
	}
	return out
}
