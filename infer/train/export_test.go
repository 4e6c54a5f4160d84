package train

import (
	"bytes"
	"math"
	"testing"

	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/tf"
	"winnow/infer/tf/lazy"
	"winnow/infer/tflite"
)

// graphOf a model behind one int8 input of features: code and difference.
func graphOf(t *testing.T, m *Model, d *Data) []byte {
	t.Helper()
	b := tflite.NewBuilder("autoencoder")
	in := b.AddInput("features", []int{1, d.In.H, d.In.W, d.In.C}, fit.FeatureQuant)
	code, diff := m.Append(b, in, -1)
	g, err := b.Model(code, diff)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := g.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func outputs(t *testing.T, e infer.Engine, model, input []byte) [][]byte {
	t.Helper()
	s, err := e.Load(model, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	copy(s.Input(0), input)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	var outs [][]byte
	for i := range s.Outputs() {
		outs = append(outs, bytes.Clone(s.Output(i)))
	}
	return outs
}

// roundingCost is the root mean square of what eight bits change in the
// reconstruction of held-out parts, over that of what is left in floats.
func roundingCost(t *testing.T, m *Model, d *Data) float64 {
	t.Helper()
	model := graphOf(t, m, d)
	floats, err := newMachine(plan{net: m.Members[0].Net, recipe: tiny(t, ""), threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer floats.state().close()
	recs, _, err := floats.reconstruct(d.Held.Inputs)
	if err != nil {
		t.Fatal(err)
	}
	change, left := 0.0, 0.0
	for k, in := range d.Held.Inputs {
		diff := outputs(t, native.New(), model, in)[1]
		for i := range in {
			want := featureStep*float64(int8(in[i])) - float64(recs[k][i])
			got := featureStep * float64(int8(diff[i]))
			change += (got - want) * (got - want)
			left += want * want
		}
	}
	return math.Sqrt(change / left)
}

// What TensorFlow trained in floats, with batch normalization, is the same
// network in eight bits: rounding moves the difference by less than a part of
// what it is. Both engines give the same bytes.
func TestExport(t *testing.T) {
	d := wavesData()
	m := trained(t, tiny(t, ""), d)
	if cost := roundingCost(t, m, d); cost > 0.25 {
		t.Errorf("rounding changes the difference by %.3f of itself", cost)
	}
	model := graphOf(t, m, d)
	other, err := tf.Open(tf.Config{Load: lazy.Loader("")})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range d.Held.Inputs[:4] {
		a, b := outputs(t, native.New(), model, in), outputs(t, other, model, in)
		for i := range a {
			if !bytes.Equal(a[i], b[i]) {
				t.Errorf("output %d differs between native and TensorFlow", i)
			}
		}
	}
}

// Normalization folded into weights computes what it computed apart: without
// folding its gain and bias the reconstruction would be another one.
func TestFolding(t *testing.T) {
	d := wavesData()
	r := tiny(t, "")
	net := r.Build(d.In, d.Out, d.mean(), 1)
	values := make([][]float32, len(net.Params))
	for i := range values { // statistics far from those of an untrained net
		values[i] = append([]float32(nil), net.Params[i].Init...)
		for j := range values[i] {
			if !net.Params[i].Decay {
				values[i][j] += 0.3 + 0.1*float32(j%5)
			}
		}
	}
	tensorLibrary(t)
	apart, err := newMachine(plan{net: net, recipe: r, threads: 1, weights: values})
	if err != nil {
		t.Fatal(err)
	}
	defer apart.state().close()
	folded, err := newMachine(plan{net: net.Folded(values), recipe: r, threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer folded.state().close()
	a, _, err := apart.reconstruct(d.Held.Inputs[:1])
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := folded.reconstruct(d.Held.Inputs[:1])
	if err != nil {
		t.Fatal(err)
	}
	for i := range a[0] {
		if math.Abs(float64(a[0][i]-b[0][i])) > 1e-3 {
			t.Fatalf("value %d: %g apart, %g folded", i, a[0][i], b[0][i])
		}
	}
}

// An output channel whose weights are all cut still gives its bias, as it does in
// floats, and so does one that has faded to next to nothing.
func TestBiasOfCutChannel(t *testing.T) {
	const cut, faded, bias = 3, 5, 1.5
	for name, layer := range map[string]func(*Net, int) int{
		"convolution": func(n *Net, x int) int { return n.Conv("layer", x, small.C, 3, 1, Linear) },
		"depthwise":   func(n *Net, x int) int { return n.Depthwise("layer", x, 3, 1, Linear) },
		"dense":       func(n *Net, x int) int { return n.Dense("layer", x, small.C, Linear) },
	} {
		t.Run(name, func(t *testing.T) {
			n := NewNet(1)
			n.Output = layer(n, n.Input("in", small))
			n.Code = n.Pool("code", n.Output)
			node := &n.Nodes[n.Output]
			w := n.Params[node.Weight].Init
			for i := range w {
				switch i % small.C {
				case cut:
					w[i] = 0
				case faded:
					w[i] *= 1e-13
				}
			}
			n.Params[node.Bias].Init[cut], n.Params[node.Bias].Init[faded] = bias, -bias
			b := tflite.NewBuilder("layer alone")
			in := b.AddInput("in", []int{1, small.H, small.W, small.C}, fit.FeatureQuant)
			ranges := []Range{featureRange, featureRange, featureRange}
			_, out := n.Append(b, ranges, "", in)
			s, err := sessionOf(native.New(), b, out)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			copy(s.Input(0), waves(1, 1)[0])
			if err := s.Run(); err != nil {
				t.Fatal(err)
			}
			for c, want := range map[int]float64{cut: bias, faded: -bias} {
				if got := featureStep * float64(int8(s.Output(0)[c])); got != want {
					t.Errorf("channel %d gives %g, its bias is %g", c, got, want)
				}
			}
		})
	}
}

// A layer that has died, so that its values never leave zero, and a mean of nothing
// are written on a grid that the kernels take: the package gives zeros there.
func TestDeadLayerIsWritten(t *testing.T) {
	n := NewNet(1)
	n.plain = true
	x := n.Input("in", small)
	mu := n.Const("mean", small, make([]float32, small.Size()))
	dead := n.Conv("dead", n.Sub("centered", x, mu), 16, 3, 1, Relu6)
	for i := range n.Params[n.Nodes[dead].Bias].Init {
		n.Params[n.Nodes[dead].Bias].Init[i] = -100
	}
	n.Code = n.Dense("code", dead, 4, Linear)
	n.Output = n.Add("output", n.Spread("spread", n.Code, small, Linear), mu)
	tensorLibrary(t)
	floats, err := newMachine(plan{net: n, recipe: tiny(t, ""), threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer floats.state().close()
	for name, parts := range map[string][][]byte{"parts that vary": waves(4, 1), "parts of nothing": {make([]byte, small.Size())}} {
		ranges, err := floats.extremes(parts)
		if err != nil {
			t.Fatal(err)
		}
		m := &Model{Members: []Member{{Net: n, Ranges: ranges}}}
		d := &Data{In: small, Out: small}
		diffs, err := m.Differences(native.New(), d, Views{Inputs: parts})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(diffs[0], parts[0]) {
			t.Errorf("%s: nothing is reconstructed, yet something is missing from the difference", name)
		}
	}
}
