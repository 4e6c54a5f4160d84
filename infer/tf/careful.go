//go:build cgo && linux && (amd64 || arm64)

package tf

import "winnow/infer/tflite"

// careful lists the tensors of m that fast mode rounds exactly too. Folding
// scales moves about one value in 10^5 by one step; where weights are large
// against the scale of what they make, the layers behind turn such a step into
// many. So scales are folded only where the rest of the graph cannot make more
// of one step than fast mode is allowed to differ.
func careful(m *tflite.Model) map[int]bool {
	found := map[int]bool{}
	grows := make([]float32, len(m.Tensors)) // steps of an output that one step can make
	for _, i := range m.Outputs {
		grows[i] = 1
	}
	for k := len(m.Ops) - 1; k >= 0; k-- {
		o := &m.Ops[k]
		behind := grows[o.Outputs[0]]
		x, w := o.Inputs[0], -1
		switch o.Code {
		case tflite.OpConv2D, tflite.OpDepthwiseConv2D, tflite.OpFullyConnected:
			w = o.Inputs[1]
		case tflite.OpTransposeConv:
			x, w = o.Inputs[2], o.Inputs[1]
		}
		if w >= 0 {
			g := gain(&m.Tensors[x], &m.Tensors[w], &m.Tensors[o.Outputs[0]])
			grows[x] = max(grows[x], behind*max(g, 1))
			continue
		}
		for _, i := range o.Inputs {
			if i >= 0 {
				grows[i] = max(grows[i], behind)
			}
		}
	}
	for i, g := range grows {
		found[i] = g > fastTolerance
	}
	return found
}

// gain is how many steps of y one step of x can move: the largest weight times
// its channel's scale.
func gain(x, w, y *tflite.Tensor) float32 {
	if w.Type != tflite.Int8 || len(w.Scales) == 0 || y.Scale() == 0 {
		return 0
	}
	channel := func(int) int { return 0 }
	if len(w.Scales) > 1 {
		channel = channelOf(w.Shape, w.Axis)
	}
	var most float32
	for i, b := range w.Data {
		q := float32(int8(b))
		most = max(most, max(q, -q)*w.Scales[channel(i)])
	}
	return most * x.Scale() / y.Scale()
}
