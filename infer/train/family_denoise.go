package train

import "fmt"

// denoising reconstructs features from a noisy or partly missing copy of
// themselves (Vincent et al. 2008). It has no narrow code: what keeps it from
// copying is that the copy which it sees is not the one that it has to give.
func denoising(n *Net, r *Recipe, in, _ Shape, mean []float32) {
	n.restore(r, in, mean)
}

// multiLevel is denoising at several noise levels, all of which it is trained
// for; what leaves the package is the mean over one reconstruction from each
// (after the denoising of diffusion models, Ho et al. 2020).
func multiLevel(n *Net, r *Recipe, in, _ Shape, mean []float32) {
	n.restore(r, in, mean)
}

func (n *Net) restore(r *Recipe, in Shape, mean []float32) {
	x := n.Input("features", in)
	mu := n.Const("mean", in, mean)
	h := n.Conv("narrow", n.Sub("centered", x, mu), r.Network.Width, 1, 1, Relu6)
	scales := []int{h}
	for d := range r.Network.Depth {
		h = n.Conv(fmt.Sprintf("down%d", d), h, r.Network.Width, 3, 2, Relu6)
		scales = append(scales, h)
	}
	if r.Network.Attention {
		h = n.attention("attention", h)
	}
	n.Code = n.Dense("code", h, r.Network.Code, Linear)
	n.unbiased = false
	h = n.Add("known", h, n.Spread("spread", n.Code, n.Shape(h), Linear))
	for d := len(scales) - 2; d >= 0; d-- {
		s := n.Shape(scales[d])
		h = n.Up(fmt.Sprintf("up%d", d), h, s.H, s.W)
		h = n.Conv(fmt.Sprintf("grow%d", d), h, r.Network.Width, 3, 1, Relu6)
	}
	n.Output = n.Add("output", n.Conv("widen", h, in.C, 1, 1, Linear), mu)
}
