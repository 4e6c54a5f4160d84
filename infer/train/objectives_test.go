package train

import (
	"math"
	"testing"
)

// codesOf returns the codes that m's first member gives inputs.
func codesOf(t *testing.T, m *Model, inputs [][]byte) [][]float32 {
	t.Helper()
	f, err := newMachine(plan{net: m.Members[0].Net, recipe: tiny(t, ""), threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer f.state().close()
	_, codes, err := f.reconstruct(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

// lastTerm is the mean of objective k over the last steps of m.
func lastTerm(m *Model, k int) float64 {
	sum, n := 0.0, 0
	for _, p := range m.Curve[len(m.Curve)*3/4:] {
		sum += float64(p.Terms[k])
		n++
	}
	return sum / float64(n)
}

// viewsData gives every part a second view: the same part a little brighter.
func viewsData() *Data {
	d := wavesData()
	for i := range d.Train {
		v := make([]byte, small.Size())
		for j, b := range d.Train[i].Inputs[0] {
			v[j] = byte(int8(max(-128, min(127, int(int8(b))+12))))
		}
		d.Train[i].Inputs = append(d.Train[i].Inputs, v)
	}
	return d
}

// Each term of the loss goes down where it is asked for, compared with a run in
// which it is only watched: a weight so small that it moves nothing.
func TestTermsFallWhereTheyAreAskedFor(t *testing.T) {
	const watched = "1e-9"
	for _, c := range []struct {
		key, family, weight string
		least               float64 // share by which the term is smaller
	}{
		{"ssim", "feature-ae", "1.0", 0.02},
		{"contrastive", "feature-ae", "1.0", 0.3},
		{"multi_view", "feature-ae", "5.0", 0.3},
		{"one_class", "feature-ae", "1.0", 0.3},
		{"kl", "variational", "0.1", 0.3},
	} {
		t.Run(c.key, func(t *testing.T) {
			run := func(weight string) float64 {
				r := tiny(t, "family = \""+c.family+"\"\n[augment]\nvariants = 1\n[objectives]\nmse = 1.0\n"+c.key+" = "+weight)
				r.Regime.Noise = 0.1
				m := trained(t, r, viewsData())
				if n := len(m.Curve[0].Terms); n != 2 {
					t.Fatalf("%d terms are reported, want mse and %s", n, c.key)
				}
				return lastTerm(m, 1)
			}
			on, off := run(c.weight), run(watched)
			if on > off*(1-c.least) {
				t.Errorf("%.4f where it is asked for, %.4f where it is only watched", on, off)
			}
		})
	}
}

// The one-class term's guards hold: all parts are near the centre, but codes do
// not collapse onto one point, and the encoder has nothing that could make them.
func TestOneClassDoesNotCollapse(t *testing.T) {
	r := tiny(t, "[objectives]\nmse = 0.0\none_class = 1.0")
	d := wavesData()
	for _, n := range r.Build(d.In, d.Out, d.mean(), 1).Nodes {
		if n.Name == "code" && (n.Bias >= 0 || n.Norm.Gamma >= 0) {
			t.Error("the code has a bias, which alone can reach the centre")
		}
	}
	codes := codesOf(t, trained(t, r, d), d.Held.Inputs)
	spread := 0.0
	for j := range codes[0] {
		mean, sqr := 0.0, 0.0
		for _, z := range codes {
			mean += float64(z[j]) / float64(len(codes))
			sqr += float64(z[j]) * float64(z[j]) / float64(len(codes))
		}
		spread += math.Sqrt(max(0, sqr-mean*mean)) / float64(len(codes[0]))
	}
	if spread < 0.3 {
		t.Errorf("codes deviate by %.3f: they have collapsed", spread)
	}
}

// The discriminator counts from its start on and not before: until then the
// loss is that of a run without it.
func TestAdversaryStarts(t *testing.T) {
	run := func(weight float64) []float32 {
		r := tiny(t, "")
		r.Loop.Steps, r.Objectives.Adversarial, r.Objectives.AdvStart = 40, weight, 20
		m := trained(t, r, wavesData())
		if weight > 0 {
			for _, p := range m.Curve {
				if v := math.Abs(float64(p.Terms[1])); v > advLimit {
					t.Errorf("step %d: the term is %.2f, beyond its bound", p.Step, v)
				}
			}
		}
		return losses(m)
	}
	with, without := run(0.1), run(0)
	if at := firstDifference(with, without); at != 20 {
		t.Errorf("losses differ from step %d on, want 20", at)
	}
}

// The adversary moves the network where it is sure of itself, too: on maps of many
// strong channels its judgement is far from 0 from the first step on.
func TestAdversaryMovesTheNetwork(t *testing.T) {
	loud := wavesData()
	for _, v := range append([]Views{loud.Held, loud.Synthetic}, loud.Train...) {
		for _, row := range v.Inputs {
			for i, b := range row {
				row[i] = byte(int8(max(-127, min(127, 12*int(int8(b))))))
			}
		}
	}
	mse := func(weight float64) []float32 {
		r := tiny(t, "")
		r.Loop.Steps, r.Objectives.Adversarial, r.Objectives.AdvStart = 10, weight, 0
		var terms []float32
		for _, p := range trained(t, r, loud).Curve {
			terms = append(terms, p.Terms[0])
		}
		return terms
	}
	if at := firstDifference(mse(0.1), mse(0)); at < 0 || at > 2 {
		t.Errorf("the reconstruction differs from step %d on", at)
	}
}

// A network that is asked to agree on views without having any is refused.
func TestViewsAreNeeded(t *testing.T) {
	r := tiny(t, "")
	r.Objectives.Contrastive = 1
	if _, err := Train(t.Context(), config(t), r, wavesData()); err == nil {
		t.Error("a contrastive objective ran on parts of one view")
	}
}
