package train

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"winnow/infer/native"
)

// Every recipe that ships is read, builds its network and learns: what it
// leaves of held-out parts falls, and its int8 graph gives the difference that
// its floats give.
func TestEveryRecipe(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			text, err := Text(name)
			if err != nil {
				t.Fatal(err)
			}
			r := tiny(t, string(text))
			r.Loop.Steps, r.Network.Levels, r.Network.Depth = 80, 2, min(2, r.Network.Depth)
			d := wavesData()
			if r.Source() == FromBoth {
				d = told(d)
			}
			m := trained(t, r, d)
			if first, last := m.Looks[0].Held, m.Looks[len(m.Looks)-1].Held; last >= first {
				t.Errorf("held-out loss %.3f at first, %.3f at last", first, last)
			}
			if len(m.Levels) == 0 && r.Source() != FromBoth {
				if cost := roundingCost(t, m, d); cost > 0.3 {
					t.Errorf("rounding changes the difference by %.3f of itself", cost)
				}
			}
			diffs, err := m.Differences(native.New(), d, d.Held)
			if err != nil || len(diffs) != len(d.Held.Inputs) {
				t.Fatalf("%d differences: %v", len(diffs), err)
			}
		})
	}
}

// told is data whose targets are smaller maps that follow from the inputs.
func told(d *Data) *Data {
	half := Shape{small.H / 2, small.W / 2, small.C}
	target := func(in []byte) []byte {
		out := make([]byte, half.Size())
		for i := range out {
			p, c := i/half.C, i%half.C
			y, x := p/half.W, p%half.W
			out[i] = in[((2*y)*small.W+2*x)*small.C+c]
		}
		return out
	}
	n := &Data{In: d.In, Out: half}
	add := func(v Views) (w Views) {
		for _, in := range v.Inputs {
			w.Inputs, w.Targets = append(w.Inputs, in), append(w.Targets, target(in))
		}
		return w
	}
	for _, v := range d.Train {
		n.Train = append(n.Train, add(v))
	}
	n.Held, n.Synthetic = add(d.Held), add(d.Synthetic)
	return n
}

// What passes beside a code of one value lets more of a part through than the
// code alone.
func TestSkip(t *testing.T) {
	left := func(skip int) float64 {
		r := tiny(t, `family = "conv-ae"`)
		r.Network.Code, r.Network.Skip, r.Network.Levels = 1, skip, 2
		m := trained(t, r, wavesData())
		return m.Looks[len(m.Looks)-1].Held
	}
	if with, without := left(4), left(0); with > 0.7*without {
		t.Errorf("held-out loss %.3f with a path beside the code, %.3f without", with, without)
	}
}

// Attention's gates are trained with the rest: without them nothing moves the
// weights of the squeeze.
func TestAttention(t *testing.T) {
	r := tiny(t, "[network]\nattention = true")
	r.Loop.Steps = 20
	d := wavesData()
	net := r.Build(d.In, d.Out, d.mean(), r.Seed)
	m := trained(t, r, d)
	moved := 0
	for _, p := range m.Members[0].Net.Params {
		for i := range net.Params {
			if strings.HasPrefix(p.Name, "attention/") && net.Params[i].Name == p.Name && distance(p.Init, net.Params[i].Init) > 1e-3 {
				moved++
			}
		}
	}
	if moved != 4 {
		t.Errorf("%d of the 4 tensors of the attention moved", moved)
	}
}

func distance(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]-b[i]) * float64(a[i]-b[i])
	}
	return math.Sqrt(sum)
}

// A multi-level model reconstructs once from each level and averages: one level
// alone gives something else, and the mean of all lies between them.
func TestLevelsAreAveraged(t *testing.T) {
	r := tiny(t, `family = "multi-level"`)
	r.Loop.Steps = 40
	d := wavesData()
	m := trained(t, r, d)
	if len(m.Levels) != 3 {
		t.Fatalf("levels %v", m.Levels)
	}
	whole, err := m.Differences(native.New(), d, d.Held)
	if err != nil {
		t.Fatal(err)
	}
	mean := make([]float64, len(whole[0]))
	for k := range m.Levels {
		one := &Model{Members: m.Members, Levels: m.Levels[k : k+1], Seed: m.Seed + uint64(k)}
		diffs, err := one.Differences(native.New(), d, d.Held)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(diffs[0], whole[0]) {
			t.Errorf("level %d alone gives what all give", k)
		}
		for i, b := range diffs[0] {
			mean[i] += float64(int8(b)) / float64(len(m.Levels))
		}
	}
	off := 0
	for i, b := range whole[0] {
		if math.Abs(float64(int8(b))-mean[i]) > 2.5 && math.Abs(mean[i]) < 120 {
			off++
		}
	}
	if off > len(mean)/50 {
		t.Errorf("%d of %d values are not the mean of the levels", off, len(mean))
	}
}
