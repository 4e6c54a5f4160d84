package fit

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"winnow/infer"
)

// swaying is a level of n rows of noise, to the first swayed of which what conditions do is added
// along two fixed directions, the second a fifth as far; where known, all rows vary along
// the first of them as well.
func swaying(t *testing.T, n, swayed int, known bool) (l *levelFit, along [2][]float64, idx []int) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 3))
	l = &levelFit{level: level{h: 8, w: 8, channels: 4}}
	of := func() rows {
		return rows{width: l.width(), channels: l.channels, step: 0.5, data: &shelf{room: &room{left: MemoryRoom}}}
	}
	l.x, l.swayed = of(), of()
	for d := range along {
		along[d] = make([]float64, l.width())
		for i := range along[d] {
			along[d][i] = math.Sin(float64((d+1)*i) * 2 * math.Pi / float64(l.width()))
		}
	}
	add := func(to *rows, v []float64) {
		b := make([]byte, len(v))
		for i, x := range v {
			b[i] = byte(int8(max(-127, min(127, math.RoundToEven(x)))))
		}
		if _, err := to.data.add(b); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		v := make([]float64, l.width())
		own := 0.0
		if known {
			own = 25 * r.NormFloat64()
		}
		for j := range v {
			v[j] = 3*r.NormFloat64() + own*along[0][j]
		}
		add(&l.x, v)
		if i < swayed {
			a, b := 20*r.NormFloat64(), 4*r.NormFloat64()
			for j := range v {
				v[j] += a*along[0][j] + b*along[1][j]
			}
			add(&l.swayed, v)
			idx = append(idx, i)
		}
	}
	return l, along, idx
}

// TestConditionsAddTheirDirections: a basis gains the directions along which conditions change parts
// more than parts vary in the last of its own, orthonormal to them, and what conditions do is
// reconstructed then; where parts vary so themselves it gains only what is new.
func TestConditionsAddTheirDirections(t *testing.T) {
	for _, known := range []bool{false, true} {
		const n, own = 60, 6
		l, along, idx := swaying(t, n, 24, known)
		all := upTo(n)
		g, err := l.x.gram(all, l.x.mean(all), func() error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		of := make([]swayed, len(idx))
		for i, p := range idx {
			of[i] = swayed{source: p}
		}
		plain, err := newBasis(&l.x, g, all, all, sway{}, own, &room{left: MemoryRoom})
		if err != nil {
			t.Fatal(err)
		}
		b, err := newBasis(&l.x, g, all, all, l.sway(of, idx), own, &room{left: MemoryRoom})
		if err != nil {
			t.Fatal(err)
		}
		want := 2
		if known {
			want = 1
		}
		if plain.k != own || b.k != own+want || len(b.sway) != want {
			t.Fatalf("known %t: %d directions and %d of conditions, without other conditions %d", known, b.k, len(b.sway), plain.k)
		}
		p := b.rows(0, l.width())
		for i := range b.k {
			for j := range b.k {
				dot := 0.0
				for k := range l.width() {
					dot += float64(p.Data[i*p.Stride+k]) * float64(p.Data[j*p.Stride+k])
				}
				if unit := i == j; math.Abs(dot) > 1e-3 && !unit || math.Abs(dot-1) > 1e-3 && unit {
					t.Errorf("known %t: directions %d and %d have the product %.4f", known, i, j, dot)
				}
			}
		}
		left := func(b *basis, d int) float64 {
			power, of := 0.0, 0.0
			p := b.rows(0, l.width())
			for _, v := range along[d] {
				of += v * v
			}
			for i := range b.k {
				dot := 0.0
				for k, v := range along[d] {
					dot += float64(p.Data[i*p.Stride+k]) * v
				}
				power += dot * dot
			}
			return 1 - power/of
		}
		for d := range along {
			if got := left(b, d); got > 0.1 {
				t.Errorf("known %t: %.2f of direction %d is left", known, got, d)
			}
		}
		if got := left(plain, 1); got < 0.5 {
			t.Errorf("known %t: only %.2f of what conditions do is left without knowing conditions", known, got)
		}
	}
}

// TestWindowsVaryAsConditionsChangeThem: the second moment of a change in every window is added
// with its weight.
func TestWindowsVaryAsConditionsChangeThem(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	s := newSurround([2]int{fieldSide, fieldSide}, fieldChannels, 1, 50)
	var plain []byte
	for range 50 {
		plain = field(r)
		s.add(0, plain)
	}
	_, before := s.moments([]int{0})
	swayed := make([]byte, len(plain))
	for i, b := range plain {
		swayed[i] = byte(int8(b) + int8(i%fieldChannels) + 1)
	}
	for first := range 3 {
		s.addChange(0, swayed, plain, 10.0/3, first, 3)
	}
	_, after := s.moments([]int{0})
	centre := 4 * fieldChannels
	for i := range fieldChannels {
		for j := range fieldChannels {
			want := 10.0 / 50 * featureStep * featureStep * float64((i+1)*(j+1))
			if got := after.At(centre+i, centre+j) - before.At(centre+i, centre+j); math.Abs(got-want) > 1e-3*want+1e-5 {
				t.Errorf("channels %d and %d: %.5f more, want %.5f", i, j, got, want)
			}
		}
	}
}

// TestDescriptorsVaryAsConditionsChangeThem: what conditions change of descriptors is nearer to
// good parts than a change of the same length that conditions do not make.
func TestDescriptorsVaryAsConditionsChangeThem(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	const n, d = 60, 20
	desc := make([][]float64, n)
	for i := range desc {
		desc[i] = make([]float64, d)
		for j := range desc[i] {
			desc[i][j] = r.NormFloat64()
		}
	}
	change := func(from int) []float64 {
		c := make([]float64, d)
		for j := from; j < d; j += 2 {
			c[j] = 6
		}
		return c
	}
	for _, changes := range [][][]float64{nil, {change(0), change(0)}} {
		m, err := latentModel(desc, changes, upTo(n), 0, 8)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Basis) != 8+len(changes) {
			t.Errorf("with %d changes: %d directions, want 8 and one for each change", len(changes), len(m.Basis))
		}
		as, unlike := far(&m, change(0)), far(&m, change(1))
		if changes == nil && (as < 0.5*unlike || as > 2*unlike) || changes != nil && as > 0.5*unlike {
			t.Errorf("with %d changes: %.2f as conditions do, %.2f otherwise", len(changes), as, unlike)
		}
	}
}

// TestChannelsThatConditionsMoveAreSetApart: two channels that conditions move together count less
// together, and no less apart, than without other conditions.
func TestChannelsThatConditionsMoveAreSetApart(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	const parts, swayed = 200, 40
	drawn := 0
	l := leavings(t, parts+swayed, func(row []float64) {
		drawn++
		for i := 0; i < len(row); i += 2 {
			row[i], row[i+1] = 10*r.NormFloat64(), 10*r.NormFloat64()
			if drawn > parts {
				sway := 30 * r.NormFloat64()
				row[i], row[i+1] = row[i]+sway, row[i+1]+sway
			}
		}
	})
	ratio := func(swayed []int) float64 { // of what counts of both moving together and against each other
		w, err := l.whitener(upTo(parts), swayed, WhitenChannels)
		if err != nil {
			t.Fatal(err)
		}
		a := w.apart
		return float64((a[0] + a[1]) / (a[0] - a[1]))
	}
	if got := ratio(nil); got < 0.9 || got > 1.1 {
		t.Errorf("without other conditions, moving together counts %.2f times moving apart", got)
	}
	if got := ratio(upTo(parts + swayed)[parts:]); got > 0.8 {
		t.Errorf("with other conditions, moving together still counts %.2f times moving apart", got)
	}
}

// TestSwayedBelongsToItsPart: what is held out with a part holds its likeness in other conditions
// out as well, and what is no part, or no feature map of one, is refused.
func TestSwayedBelongsToItsPart(t *testing.T) {
	f := NewFeatures([]Tap{{Name: "tap", Height: 1, Width: 1, Channels: 2, Scale: 1}})
	defer f.Close()
	for i := range 3 {
		if err := f.Add(i, [][]byte{{1, 2}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []int{2, 0, 2} {
		if err := f.AddSwayed(part, [][]byte{{3, 4}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []int{-1, 3} {
		if err := f.AddSwayed(part, [][]byte{{3, 4}}); err == nil {
			t.Errorf("part %d of 3 is taken", part)
		}
	}
	if err := f.AddSwayed(0, [][]byte{{3}}); err == nil {
		t.Error("half a feature map is taken")
	}
	if f.Swayed() != 3 {
		t.Errorf("%d in other conditions, want 3", f.Swayed())
	}
	for part, want := range [][]int{{1}, nil, {0, 2}} {
		if got := f.swayedOf([]int{part}); !slices.Equal(got, want) {
			t.Errorf("of part %d in other conditions: %v, want %v", part, got, want)
		}
	}
}

// TestPartsInOtherConditionsWeighAChoice: pairs with parts in other conditions count a tenth of those
// with held-out parts.
func TestPartsInOtherConditionsWeighAChoice(t *testing.T) {
	at := func(scores ...float64) []HeldOut {
		h := make([]HeldOut, len(scores))
		for i, v := range scores {
			h[i].Raw.Reconstruction = v
		}
		return h
	}
	c := crossFitted{held: at(1, 2, 3, 4), odd: at(3.5, 5)}
	if got, want := c.wrongly(), 1.0/8; math.Abs(got-want) > 1e-12 {
		t.Errorf("%.4f of pairs are ranked wrongly, want %.4f", got, want)
	}
	c.swayed = at(4, 9)
	if got, want := c.wrongly(), (1.0/8+swayCounts*3.0/4)/(1+swayCounts); math.Abs(got-want) > 1e-12 {
		t.Errorf("with other conditions, %.4f of pairs are ranked wrongly, want %.4f", got, want)
	}
}

// far is the Mahalanobis distance of a descriptor.
func far(m *infer.LatentModel, desc []float64) float64 {
	sum, rest := 0.0, 0.0
	x := make([]float64, len(desc))
	for j, v := range desc {
		x[j] = (v - m.Mean[j]) / m.Scale[j]
		rest += x[j] * x[j]
	}
	for i, b := range m.Basis {
		z := 0.0
		for j, v := range x {
			z += v * b[j]
		}
		sum, rest = sum+z*z/m.Variance[i], rest-z*z
	}
	return math.Sqrt(sum + rest/m.Rest)
}
