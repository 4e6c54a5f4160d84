package train

import (
	"bytes"
	"context"
	"math"
	"testing"

	"winnow/infer/native"
)

// apart is how far two sets of differences lie apart, over what the first leaves.
func apart(a, b [][]byte) float64 {
	change, left := 0.0, 1e-12
	for i := range a {
		for j := range a[i] {
			x, y := float64(int8(a[i][j])), float64(int8(b[i][j]))
			change, left = change+(x-y)*(x-y), left+x*x
		}
	}
	return math.Sqrt(change / left)
}

func floatDifferences(t *testing.T, m *Model, r *Recipe, d *Data) [][]byte {
	t.Helper()
	f, err := m.Float(config(t), r, d)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	diffs, err := f.Differences(d.Held)
	if err != nil {
		t.Fatal(err)
	}
	return diffs
}

// One dense network gives its floats, its eight bits and its pruned copies:
// floats lie near the eight bits, and pruning changes only the copy.
func TestOneDenseNetwork(t *testing.T) {
	r, d := compressed(t, 1, 0, 0), wavesData()
	m := trained(t, r, d)
	float := floatDifferences(t, m, r, d)
	rounded, err := m.Differences(native.New(), d, d.Held)
	if err != nil {
		t.Fatal(err)
	}
	if a := apart(float, rounded); a > 0.3 || a == 0 {
		t.Errorf("rounding changes %.3f of what the network leaves", a)
	}
	cut := compressed(t, 0.25, 100, 100)
	n, err := m.Compressed(context.Background(), config(t), cut, d)
	if err != nil {
		t.Fatal(err)
	}
	for i, diff := range floatDifferences(t, n, cut, d) {
		if !bytes.Equal(diff, float[i]) {
			t.Fatalf("the float network of the pruned copy leaves something else of part %d", i)
		}
	}
	if work, blocks := open(n.Members[0].Net); work > 0.27 || blocks > 0.27 {
		t.Errorf("%.2f of the work and %.2f of the blocks are left, 0.25 was asked for", work, blocks)
	}
	if work, _ := open(m.Members[0].Net); work < 0.99 {
		t.Errorf("pruning a copy left %.2f of the work of the network itself", work)
	}
	cost, err := n.Cost(native.New(), d, 2)
	if err != nil || cost.Prunable <= 0 || cost.Network < cost.Prunable {
		t.Errorf("cost %+v: %v", cost, err)
	}
}

// Families of several noise levels are averaged in float as in eight bits.
func TestFloatLevels(t *testing.T) {
	r, d := tiny(t, `family = "multi-level"`), wavesData()
	r.Loop.Steps = 40
	m := trained(t, r, d)
	rounded, err := m.Differences(native.New(), d, d.Held)
	if err != nil {
		t.Fatal(err)
	}
	if a := apart(floatDifferences(t, m, r, d), rounded); a > 0.3 {
		t.Errorf("rounding changes %.3f of what three levels leave", a)
	}
}

// A bound on singular values holds while weights are trained. Behind it lies
// normalization, which is folded into the weights afterwards: what they are then
// is not bounded again, neither in floats nor where ranges are measured.
func TestBoundIsNotAppliedTwice(t *testing.T) {
	r, d := tiny(t, ""), wavesData()
	r.Regime.Spectral = 1
	r.Validation.Every = r.Loop.Steps // one look: at what is kept
	m := trained(t, r, d)
	rounded, err := m.Differences(native.New(), d, d.Held)
	if err != nil {
		t.Fatal(err)
	}
	for what, diffs := range map[string][][]byte{"in floats": floatDifferences(t, m, r, d), "in eight bits": rounded} {
		left := 0.0
		for _, diff := range diffs {
			for _, b := range diff {
				v := featureStep * float64(int8(b))
				left += v * v / float64(len(diffs)*len(diff))
			}
		}
		if want := m.Looks[0].Held; math.Abs(left-want) > 0.1*want {
			t.Errorf("%s the network leaves %.3f of held-out parts, it left %.3f when it was trained", what, left, want)
		}
	}
}
