package train

import "fmt"

// student tells the encoder's features from the picture, having seen good parts
// only; on a defect it tells them wrong (Bergmann et al. 2020; Batzner et al.
// 2024). Where it halves the map is where the encoder's grid lies.
func student(n *Net, r *Recipe, in, out Shape, mean []float32) {
	x := n.Input("blocks", in)
	h := n.Conv("look", x, r.Network.Width, 3, 1, Relu6)
	for d := 0; n.Shape(h).H > out.H; d++ {
		h = n.Conv(fmt.Sprintf("down%d", d), h, r.Network.Width, 3, 2, Relu6)
		h = n.Conv(fmt.Sprintf("deep%d", d), h, r.Network.Width, 3, 1, Relu6)
	}
	if r.Network.Attention {
		h = n.attention("attention", h)
	}
	n.Code = n.Pool("code", h)
	n.unbiased = false
	n.Output = n.Add("output", n.Conv("tell", h, out.C, 1, 1, Linear), n.Const("mean", out, mean))
}
