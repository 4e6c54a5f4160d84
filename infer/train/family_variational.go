package train

import "fmt"

// variational is the feature autoencoder whose code is a distribution: while
// training the decoder gets a draw from it, afterwards its mean (Kingma and
// Welling 2014). objectives.kl draws the distribution to the standard normal.
func variational(n *Net, r *Recipe, in, _ Shape, mean []float32) {
	x := n.Input("features", in)
	mu := n.Const("mean", in, mean)
	h := n.Conv("narrow", n.Sub("centered", x, mu), r.Network.Width, 1, 1, Relu6)
	sizes := []Shape{n.Shape(h)}
	for d := range r.Network.Depth {
		h = n.Conv(fmt.Sprintf("down%d", d), h, r.Network.Width, 3, 2, Relu6)
		sizes = append(sizes, n.Shape(h))
	}
	n.Code = n.Dense("code", h, r.Network.Code, Linear)
	spread := n.Dense("log-variance", h, r.Network.Code, Linear)
	for i := range n.Params[n.Nodes[spread].Weight].Init {
		n.Params[n.Nodes[spread].Weight].Init[i] /= 10 // begin near one deviation
	}
	z := n.Sample("draw", n.Code, spread)
	n.Output = n.Add("output", n.grow(r, z, sizes, in.C), mu)
}
