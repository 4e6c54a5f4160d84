package train

import "fmt"

// convAE reconstructs the picture itself: a feature pyramid down to one code and
// back, with narrow paths beside the code at each scale where the recipe asks
// for them (Ronneberger et al. 2015; Lin et al. 2017). The paths are narrow so
// that a defect does not simply pass.
func convAE(n *Net, r *Recipe, in, _ Shape, mean []float32) {
	x := n.Input("blocks", in)
	mu := n.Const("mean", in, mean)
	h := n.Conv("narrow", n.Sub("centered", x, mu), r.Network.Width, 1, 1, Relu6)
	scales := []int{h}
	for d := range r.Network.Levels {
		h = n.Conv(fmt.Sprintf("down%d", d), h, r.Network.Width, 3, 2, Relu6)
		scales = append(scales, h)
	}
	if r.Network.Attention {
		h = n.attention("attention", h)
	}
	n.Code = n.Dense("code", h, r.Network.Code, Linear)
	n.unbiased = false
	h = n.Spread("spread", n.Code, n.Shape(h), Relu6)
	for d := len(scales) - 2; d >= 0; d-- {
		s := n.Shape(scales[d])
		h = n.Up(fmt.Sprintf("up%d", d), h, s.H, s.W)
		if r.Network.Skip > 0 {
			h = n.lateral(fmt.Sprintf("beside%d", d), h, scales[d], r)
		}
		h = n.Conv(fmt.Sprintf("grow%d", d), h, r.Network.Width, 3, 1, Relu6)
	}
	n.Output = n.Add("output", n.Conv("widen", h, in.C, 1, 1, Linear), mu)
}

// lateral adds what passes beside the code at one scale: skip channels of it.
func (n *Net) lateral(name string, h, from int, r *Recipe) int {
	thin := n.Conv(name+"/thin", from, r.Network.Skip, 1, 1, Relu6)
	return n.Add(name, h, n.Conv(name+"/wide", thin, r.Network.Width, 1, 1, Relu6))
}
