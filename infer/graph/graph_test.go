package graph_test

import (
	"errors"
	"testing"

	"winnow/infer/graph"
	"winnow/infer/tflite"
)

var q = tflite.Quant{Scale: 0.1, ZeroPoint: 5}

func weights(b *tflite.Builder, o, k, i int) int {
	return b.AddWeights("w", []int{o, k, k, i}, make([]int8, o*k*k*i), []float32{1}, 0)
}

// build makes a graph of what f adds to an 8x6x4 input.
func build(t *testing.T, f func(b *tflite.Builder, x int) []int) *graph.Graph {
	t.Helper()
	b := tflite.NewBuilder("")
	out := f(b, b.AddInput("x", []int{1, 8, 6, 4}, q))
	m, err := b.Model(out...)
	if err != nil {
		t.Fatal(err)
	}
	return graph.New(m)
}

func codes(g *graph.Graph) []tflite.OpCode {
	var c []tflite.OpCode
	for _, n := range g.Nodes {
		c = append(c, n.Code)
	}
	return c
}

func TestUpsamplingAndPadGoIntoTheConvolution(t *testing.T) {
	conv := tflite.Conv2D{StrideH: 1, StrideW: 1, Padding: tflite.Valid}
	g := build(t, func(b *tflite.Builder, x int) []int {
		x = b.ResizeNearest("up", x, 16, 12, tflite.Resize{HalfPixelCenters: true})
		x = b.Pad("pad", x, []int{0, 1, 2, 0}, []int{0, 3, 4, 0})
		return []int{b.Conv2D("conv", x, weights(b, 4, 3, 4), -1, conv, q)}
	})
	if len(g.Nodes) != 1 {
		t.Fatalf("nodes %v", codes(g))
	}
	n := g.Nodes[0]
	if n.Up != 2 || n.Pads != (graph.Pads{Top: 1, Left: 2, Bottom: 3, Right: 4}) || n.InShape[1] != 8 {
		t.Errorf("%+v", n)
	}
}

// TestTilesAreOneUpsampling is the older form of UpSampling2D.
func TestTilesAreOneUpsampling(t *testing.T) {
	g := build(t, func(b *tflite.Builder, x int) []int {
		x = b.Tile("t1", b.Reshape("r1", x, 1, 8, 1, 6, 4), 1, 1, 2, 1, 1)
		x = b.Tile("t2", b.Reshape("r2", x, 1, 16, 6, 1, 4), 1, 1, 1, 2, 1)
		return []int{b.Reshape("r3", x, 1, 16, 12, 4)}
	})
	if len(g.Nodes) != 1 || !g.Nodes[0].UpOnly || g.Nodes[0].Up != 2 {
		t.Errorf("nodes %v", codes(g))
	}
}

// TestExpandedTilesAreOneUpsampling is what models without a fixed batch hold.
func TestExpandedTilesAreOneUpsampling(t *testing.T) {
	g := build(t, func(b *tflite.Builder, x int) []int {
		expand := func(name string, x, axis int) int {
			return b.AddOp(name, tflite.OpExpandDims, nil, tflite.Int8, q, x, b.AddInts(name+"/axis", axis))
		}
		x = b.Reshape("r1", b.Tile("t1", expand("e1", x, 2), 1, 1, 2, 1, 1), 1, 16, 6, 4)
		x = b.Tile("t2", expand("e2", x, 3), 1, 1, 1, 2, 1)
		return []int{b.Reshape("r2", x, 1, 16, 12, 4)}
	})
	if len(g.Nodes) != 1 || !g.Nodes[0].UpOnly || g.Nodes[0].Up != 2 {
		t.Errorf("nodes %v", codes(g))
	}
}

// TestSharedResultsStay: what somebody else reads too cannot be folded away.
func TestSharedResultsStay(t *testing.T) {
	conv := tflite.Conv2D{StrideH: 1, StrideW: 1}
	g := build(t, func(b *tflite.Builder, x int) []int {
		up := b.ResizeNearest("up", x, 16, 12, tflite.Resize{})
		return []int{b.Conv2D("conv", up, weights(b, 4, 3, 4), -1, conv, q), up}
	})
	if len(g.Nodes) != 2 {
		t.Errorf("nodes %v", codes(g))
	}
	g = build(t, func(b *tflite.Builder, x int) []int {
		conv.StrideH = 2
		up := b.ResizeNearest("up", x, 16, 12, tflite.Resize{})
		return []int{b.Conv2D("conv", up, weights(b, 4, 3, 4), -1, conv, q)}
	})
	if len(g.Nodes) != 2 {
		t.Errorf("stride 2 took an upsampling in: %v", codes(g))
	}
}

func TestViewsShareTheirBytes(t *testing.T) {
	g := build(t, func(b *tflite.Builder, x int) []int {
		x = b.Relu("relu", x, q)
		return []int{b.Relu("out", b.Reshape("flat", x, 1, 192), q)}
	})
	if len(g.Nodes) != 2 || g.Home(g.Nodes[1].In[0]) != g.Nodes[0].Out {
		t.Errorf("nodes %v", codes(g))
	}
}

// TestPlanKeepsApartWhatLivesTogether checks every pair of tensors of a chain
// with a long shortcut.
func TestPlanKeepsApartWhatLivesTogether(t *testing.T) {
	g := build(t, func(b *tflite.Builder, x int) []int {
		first := b.Relu("first", x, q)
		y := first
		for range 6 {
			y = b.MaxPool("pool", y, tflite.Pool2D{StrideH: 1, StrideW: 1, FilterH: 3, FilterW: 3})
		}
		return []int{b.Add("add", first, y, tflite.ActNone, q)}
	})
	p, err := g.Plan(1<<20, func(*graph.Node) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	// Input, shortcut and two pools that take turns: 4 x 192 bytes.
	if p.Size != 4*192 {
		t.Errorf("%d bytes", p.Size)
	}
	for i, n := range g.Nodes {
		for _, x := range n.In {
			if p.Offset(x) == p.Offset(n.Out) {
				t.Errorf("node %d overwrites its input", i)
			}
		}
		if i > 0 && i < len(g.Nodes)-1 && p.Offset(n.Out) == p.Offset(g.Nodes[0].Out) {
			t.Errorf("node %d overwrites the shortcut", i)
		}
	}
}

func TestInPlaceSparesTheInput(t *testing.T) {
	g := build(t, func(b *tflite.Builder, x int) []int {
		return []int{b.Relu6("b", b.Relu("a", x, q), q)}
	})
	p, err := g.Plan(1<<20, func(*graph.Node) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	in := g.Model.Inputs[0]
	if p.Offset(g.Nodes[0].Out) == p.Offset(in) || p.Offset(g.Nodes[1].Out) != p.Offset(g.Nodes[0].Out) {
		t.Error("the input must stay, the rest may share")
	}
}

func TestPlanRefusesAnArenaAboveTheLimit(t *testing.T) {
	g := build(t, func(b *tflite.Builder, x int) []int { return []int{b.Relu("a", x, q)} })
	if _, err := g.Plan(383, func(*graph.Node) bool { return false }); !errors.Is(err, tflite.ErrLimit) {
		t.Errorf("error %v", err)
	}
}
