package train

import "fmt"

// featureAE is the default: features minus their mean at each place, narrowed
// by a 1x1 convolution, halved depth times, brought to one code for the whole
// map, and back. The code is global, so a part's defect cannot pass through it
// as it would through a code that each place has for itself.
func featureAE(n *Net, r *Recipe, in, _ Shape, mean []float32) {
	x := n.Input("features", in)
	mu := n.Const("mean", in, mean)
	h := n.Conv("narrow", n.Sub("centered", x, mu), r.Network.Width, 1, 1, Relu6)
	sizes := []Shape{n.Shape(h)}
	for d := range r.Network.Depth {
		h = n.Conv(fmt.Sprintf("down%d", d), h, r.Network.Width, 3, 2, Relu6)
		sizes = append(sizes, n.Shape(h))
	}
	if r.Network.Attention {
		h = n.attention("attention", h)
	}
	n.Code = n.Dense("code", h, r.Network.Code, Linear)
	n.unbiased = false
	n.Output = n.Add("output", n.grow(r, n.Code, sizes, in.C), mu)
}

// grow decodes a code to the first of sizes, with c channels.
func (n *Net) grow(r *Recipe, code int, sizes []Shape, c int) int {
	h := n.Spread("spread", code, sizes[len(sizes)-1], Relu6)
	for d := len(sizes) - 2; d >= 0; d-- {
		h = n.Up(fmt.Sprintf("up%d", d), h, sizes[d].H, sizes[d].W)
		h = n.Conv(fmt.Sprintf("grow%d", d), h, r.Network.Width, 3, 1, Relu6)
	}
	return n.Conv("widen", h, c, 1, 1, Linear)
}

// attention weighs channels by what the whole map holds (squeeze and
// excitation, Hu et al. 2018).
func (n *Net) attention(name string, x int) int {
	c := n.Shape(x).C
	h := n.Dense(name+"/squeeze", n.Pool(name+"/pool", x), max(4, c/4), Relu)
	return n.Mul(name, x, n.Sigmoid(name+"/gate", n.Dense(name+"/excite", h, c, Linear)))
}
