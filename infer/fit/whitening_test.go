package fit

import (
	"math"
	"math/rand/v2"
	"testing"
)

// leavings is a level of 4x4 cells of two channels, of which n parts leave what draw gives.
func leavings(t *testing.T, n int, draw func(row []float64)) *levelFit {
	t.Helper()
	l := &levelFit{level: level{h: 4, w: 4, channels: 2}, left: &shelf{room: &room{left: MemoryRoom}}}
	l.x = rows{width: l.width(), channels: l.channels, step: 1}
	l.energy = make([][]float32, n)
	row, b := make([]float64, l.x.width), make([]byte, l.x.width)
	for range n {
		draw(row)
		for i, v := range row {
			b[i] = byte(int8(max(-127, min(127, math.Round(v)))))
		}
		at, err := l.left.add(b)
		if err != nil {
			t.Fatal(err)
		}
		l.leftAt = append(l.leftAt, at)
	}
	return l
}

// TestPlacesAreMadeAlike: what varies eight times as much as the rest in one channel at one
// cell is brought near it, and the mean square stays; a level of which nothing is left
// stays as it is.
func TestPlacesAreMadeAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n, loud = 400, 10
	l := leavings(t, n, func(row []float64) {
		for i := range row {
			if row[i] = 5 * r.NormFloat64(); i == loud {
				row[i] *= 8
			}
		}
	})
	before := make([]float64, l.x.width)
	l.eachLeft(nil, upTo(n), func(_ int, row []float32) {
		for i, v := range row {
			before[i] += float64(v) * float64(v) / n
		}
	})
	w := l.placeFactors(upTo(n))
	total, white := 0.0, 0.0
	for i, v := range before {
		total += v
		white += v * float64(w[i]) * float64(w[i])
	}
	if math.Abs(white/total-1) > 1e-3 {
		t.Errorf("the mean square is %.4f times what it was", white/total)
	}
	ratio := before[loud] / before[0] * float64(w[loud]*w[loud]/(w[0]*w[0]))
	if ratio > 8 || ratio < 0.5 {
		t.Errorf("of %.0f times the variance of the others, %.1f are left", before[loud]/before[0], ratio)
	}
	still := leavings(t, 1, func(row []float64) { clear(row) })
	for i, v := range still.placeFactors([]int{0}) {
		if v != 1 {
			t.Fatalf("where nothing is left, value %d is multiplied by %g", i, v)
		}
	}
}

// TestChannelsAreSetApart: of two channels that go together, what both do counts less than
// what one does without the other, and the energy is that of the channels so whitened, in
// about the units it was.
func TestChannelsAreSetApart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 400
	l := leavings(t, n, func(row []float64) {
		for i := 0; i < len(row); i += 2 {
			both := 20 * r.NormFloat64()
			row[i], row[i+1] = both+4*r.NormFloat64(), both+4*r.NormFloat64()
		}
		row[6], row[7] = row[6]/4, row[7]/4 // a quieter place
	})
	before := 0.0
	l.eachLeft(nil, upTo(n), func(_ int, row []float32) {
		for _, v := range row {
			before += float64(v) * float64(v) / float64(n*len(row))
		}
	})
	for _, how := range []Whitening{WhitenChannels, WhitenBoth} {
		w, err := l.whitener(upTo(n), nil, how)
		if err != nil {
			t.Fatal(err)
		}
		if (w.place != nil) != (how == WhitenBoth) {
			t.Fatalf("%v: factors of places %v", how, w.place)
		}
		a := w.apart
		together, alone := math.Hypot(float64(a[0]+a[1]), float64(a[2]+a[3])), math.Hypot(float64(a[0]-a[1]), float64(a[2]-a[3]))
		if alone < 2*together {
			t.Errorf("%v: a step of both channels counts %.2f, of one against the other %.2f", how, together, alone)
		}
		energy, mean := l.whiteEnergy(w, upTo(n)), 0.0
		for _, part := range energy {
			for _, e := range part {
				mean += float64(e) / (n * 16)
			}
		}
		if mean < before/3 || mean > before {
			t.Errorf("%v: a mean square of %.0f, %.0f before", how, mean, before)
		}
		want := 0.0
		l.eachLeft(w.place, []int{7}, func(_ int, row []float32) {
			x, y := row[2*3], row[2*3+1]
			for c := range 2 {
				d := float64(x*a[c] + y*a[2+c])
				want += d * d / 2
			}
		})
		if got := float64(energy[7][3]); math.Abs(got-want) > 1e-4*want {
			t.Errorf("%v: energy at cell 3: %g, want %g", how, got, want)
		}
	}
}
