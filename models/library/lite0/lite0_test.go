package lite0

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"

	"winnow/models/library/torch"
)

// small is a network of one block with made-up weights: stem, depthwise,
// project and a shortcut.
func small() *Graph {
	r := random(3)
	weights := func(n int) []float32 {
		w := make([]float32, n)
		for i := range w {
			w[i] = float32(r.between(-1000, 1000)) / 2000
		}
		return w
	}
	return &Graph{
		Maps: []MapInfo{{"image", 3, 1}, {"stem", 8, 2}, {"depthwise", 8, 2}, {"project", 8, 2}, {"block", 8, 2}},
		Nodes: []Node{
			{Op: Conv, Inputs: []int{0}, Output: 1, Window: Window{3, 2}, Relu6: true, Weight: weights(8 * 27), Bias: weights(8)},
			{Op: Depthwise, Inputs: []int{1}, Output: 2, Window: Window{5, 1}, Relu6: true, Weight: weights(8 * 25), Bias: weights(8)},
			{Op: Conv, Inputs: []int{2}, Output: 3, Window: Window{1, 1}, Weight: weights(64), Bias: weights(8)},
			{Op: Add, Inputs: []int{3, 1}, Output: 4},
		},
		Taps: []Tap{{0, 4}},
	}
}

func pictures(seed uint64, n int) []Picture {
	out := make([]Picture, n)
	for i := range out {
		out[i] = Draw(seed+uint64(i), 40, 33)
	}
	return out
}

// TestRoundingIsTheSameEverywhere fails where an architecture computes other
// bits than the one that this digest was taken on.
func TestRoundingIsTheSameEverywhere(t *testing.T) {
	q := Quantize(small(), pictures(0, 8), Options{Fit: true, Correct: true})
	h := sha256.New()
	for _, n := range q.Nodes {
		fmt.Fprintln(h, n.Weight, n.Bias)
		for _, s := range n.Scales {
			fmt.Fprintln(h, math.Float32bits(s))
		}
	}
	for _, u := range q.Quants {
		fmt.Fprintln(h, math.Float32bits(u.Scale), u.Zero)
	}
	const want = "b8ff686e3cf04f56"
	if got := hex.EncodeToString(h.Sum(nil))[:16]; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestRefinementsHelp(t *testing.T) {
	g, held := small(), pictures(100, 8)
	loss := func(o Options) float64 { return Compare(g, Quantize(g, pictures(0, 16), o), held)[0].Channel }
	plain, refined := loss(Options{}), loss(Options{Fit: true, Correct: true})
	if refined < plain || plain < 20 {
		t.Errorf("%.1f dB plain, %.1f dB with fit and correction; want more, and at least 20", plain, refined)
	}
}

func TestDescendNeverLoses(t *testing.T) {
	r := random(1)
	rows := make([][]float32, 200)
	for i := range rows {
		base := float32(r.between(-100, 100))
		for range 9 {
			rows[i] = append(rows[i], base+float32(r.between(-5, 5)))
		}
	}
	h := covariance(rows)
	for range 50 {
		w := make([]float32, 9)
		for i := range w {
			w[i] = float32(r.between(-1000, 1000)) / 1000
		}
		step := float32(largest(w) / 127)
		d := make([]float64, 9)
		for i := range w {
			d[i] = float64(roundWeight(w[i], step))*float64(step) - float64(w[i])
		}
		nearest := 0.0
		for i := range d {
			nearest += d[i] * dot(h[i], d)
		}
		if _, cost := descend(w, step, h); cost > nearest*(1+1e-9) {
			t.Errorf("error %g after the descent, %g before", cost, nearest)
		}
	}
}

// TestConvolve compares with the definition, written down plainly.
func TestConvolve(t *testing.T) {
	r := random(5)
	for _, c := range []struct{ h, w, in, out, kernel, stride int }{
		{5, 7, 3, 4, 3, 2}, {6, 6, 3, 4, 3, 2}, {4, 4, 8, 8, 1, 1}, {9, 5, 2, 4, 5, 1}, {1, 1, 3, 4, 5, 2},
	} {
		x := newGrid[int32](c.h, c.w, c.in)
		w := make([]int32, c.out*c.kernel*c.kernel*c.in)
		for _, v := range [][]int32{x.V, w} {
			for i := range v {
				v[i] = int32(r.between(-9, 9))
			}
		}
		n := Window{c.kernel, c.stride}
		got := convolve(&n, false, x, w, make([]int32, c.out))
		oh, ow := (c.h+c.stride-1)/c.stride, (c.w+c.stride-1)/c.stride
		top, left := max((oh-1)*c.stride+c.kernel-c.h, 0)/2, max((ow-1)*c.stride+c.kernel-c.w, 0)/2
		for i, v := range got.V {
			o, col, row := i%c.out, i/c.out%ow, i/c.out/ow
			want := int32(0)
			for k := range c.kernel * c.kernel * c.in {
				y, z := row*c.stride-top+k/c.in/c.kernel, col*c.stride-left+k/c.in%c.kernel
				if y >= 0 && y < c.h && z >= 0 && z < c.w {
					want += x.V[(y*c.w+z)*c.in+k%c.in] * w[o*c.kernel*c.kernel*c.in+k]
				}
			}
			if v != want {
				t.Fatalf("%+v: value %d is %d, want %d", c, i, v, want)
			}
		}
	}
}

func TestDrawIsDeterministic(t *testing.T) {
	h := sha256.New()
	for seed := range uint64(16) {
		h.Write(Draw(seed, 64, 48).RGB)
	}
	const want = "1b00e503c498c70d"
	if got := hex.EncodeToString(h.Sum(nil))[:16]; got != want {
		t.Errorf("digest %s, want %s: the shipped encoder's ranges came from other drawings", got, want)
	}
	if slices.Equal(Draw(1, 64, 48).RGB, Draw(9, 64, 48).RGB) {
		t.Error("two seeds of one kind give one picture")
	}
}

func TestLoadNamesWhatIsMissing(t *testing.T) {
	if _, err := Load(map[string]torch.Tensor{}); err == nil {
		t.Error("no weights at all were accepted")
	}
	if _, err := Load(map[string]torch.Tensor{"_conv_stem.weight": {Shape: []int{1}, Float: []float32{1}}}); err == nil {
		t.Error("a weight of another shape was accepted")
	}
}
