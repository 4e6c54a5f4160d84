package lite0

// Affine says what became of the channels of a map: the map now holds
// Gain[c]*(v-Mean[c]), so v = held/Gain[c] + Mean[c].
type Affine struct {
	Gain, Mean []float32
}

// headroom is how far beyond the drawings a channel may rise before its own
// gain, and not the network's clamp at 6, limits it.
const headroom = 1.5

// maxGain bounds what is done for channels that hardly ever speak.
const maxGain = 64

// Equalize returns a network that computes the same with channels that use the
// int8 range alike (cross-layer equalization; Nagel et al., "Data-Free
// Quantization Through Weight Equalization and Bias Correction", 2019). One
// scale a map has to do for all its channels, so:
//
//   - channels of block outputs, on which no clamp acts, are brought to mean 0
//     and deviation 1 over the pictures. Maps that a shortcut joins share their
//     gains. The convolutions around take up the change exactly.
//   - channels behind a clamp at 6 that stay well below it are raised; the
//     following weights fall. Beyond headroom times what the pictures reach
//     they would be clamped where the published network would not.
//
// The second result tells, by map, how to undo it.
func Equalize(g *Graph, pictures []Picture) (*Graph, []Affine) {
	s := g.measure(pictures)
	affine := make([]Affine, len(g.Maps))
	for id, m := range g.Maps {
		affine[id] = identity(m.Channels)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Relu6 {
			affine[n.Output] = raise(s.out[n.Output])
		} else {
			affine[n.Output] = standardize(s.out[n.Output])
		}
	}
	g.shareGains(affine, s)
	out := *g
	out.Nodes = make([]Node, len(g.Nodes))
	for i, n := range g.Nodes {
		out.Nodes[i] = n.rescale(affine)
	}
	return &out, affine
}

func identity(n int) Affine {
	a := Affine{make([]float32, n), make([]float32, n)}
	for c := range a.Gain {
		a.Gain[c] = 1
	}
	return a
}

func raise(s []channel) Affine {
	a := identity(len(s))
	for c, v := range s {
		if v.max > 0 {
			a.Gain[c] = float32(min(max(6/(headroom*v.max), 1), maxGain))
		}
	}
	return a
}

func standardize(s []channel) Affine {
	a := identity(len(s))
	for c, v := range s {
		a.Mean[c] = float32(v.mean())
		a.Gain[c] = float32(1 / max(v.deviation(), 1e-3))
	}
	return a
}

// shareGains gives the maps that additions join the gains of the last of them,
// and the summand that is computed anew the difference of the means.
func (g *Graph) shareGains(affine []Affine, s statistics) {
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		if n.Op != Add {
			continue
		}
		branch, shortcut := n.Inputs[0], n.Inputs[1]
		affine[branch].Gain, affine[shortcut].Gain = affine[n.Output].Gain, affine[n.Output].Gain
		for c := range affine[branch].Mean {
			affine[branch].Mean[c] = affine[n.Output].Mean[c] - affine[shortcut].Mean[c]
		}
	}
}

// rescale moves the gains and means of the maps around n into its weights.
// Means of padded inputs are 0, so that padding still means 0.
func (n Node) rescale(affine []Affine) Node {
	if n.Op == Add {
		return n
	}
	from, to := affine[n.Inputs[0]], affine[n.Output]
	weight, bias := make([]float32, len(n.Weight)), make([]float32, len(n.Bias))
	out, in := len(bias), len(from.Gain)
	shift := make([]float64, out)
	for i, w := range n.Weight {
		o, c := i/(len(n.Weight)/out), i%in
		if n.Op == Depthwise {
			o = c
		}
		shift[o] += float64(float64(w) * float64(from.Mean[c]))
		weight[i] = float32(float64(w) * float64(to.Gain[o]) / float64(from.Gain[c]))
	}
	for o, b := range n.Bias {
		bias[o] = float32(float64(to.Gain[o]) * (float64(b) + shift[o] - float64(to.Mean[o])))
	}
	n.Weight, n.Bias = weight, bias
	return n
}

// Undo returns m in the units of the published network.
func (a Affine) Undo(m Map) Map {
	out := newGrid[float32](m.H, m.W, m.C)
	for i, v := range m.V {
		out.V[i] = float32(v/a.Gain[i%m.C]) + a.Mean[i%m.C]
	}
	return out
}
