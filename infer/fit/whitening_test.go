package fit

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"winnow/infer/native"
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

// TestWaysAtOnceScoreAsEachAlone: one graph of a fold that whitens in several ways gives
// each part, part in other conditions and drawn defect the scores of a graph of one way.
func TestWaysAtOnceScoreAsEachAlone(t *testing.T) {
	taps := []Tap{{Name: "fine", Height: 16, Width: 16, Channels: 3, Scale: 0.1}, {Name: "deep", Height: 8, Width: 8, Channels: 2, Scale: 0.1}}
	r := rand.New(rand.NewPCG(2, 2))
	part := func() (maps [][]byte) {
		for _, tap := range taps {
			m := make([]byte, tap.size())
			for i := range m {
				m[i] = byte(int8(20*math.Sin(float64(i)) + 8*r.NormFloat64()))
			}
			maps = append(maps, m)
		}
		return maps
	}
	f := NewFeatures(taps)
	defer f.Close()
	cover := make([]byte, 16*16)
	cover[40] = 255
	for i := range 20 {
		err := f.Add(i, part())
		if err == nil {
			err = f.AddSwayed(i, part())
		}
		if err == nil {
			err = f.AddDrawn(i, 0, part(), cover, 16, 16)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ft := &fitter{o: Options{}.withDefaults(taps), eng: native.New(), features: f, taps: taps, grid: [2]int{8, 8}, ctx: context.Background()}
	ft.fold, ft.folds = folds(f.groups, ft.o.Folds, 0)
	if err := ft.standardize(); err != nil {
		t.Fatal(err)
	}
	for _, l := range ft.levels {
		defer l.close()
		if err := l.learn(ft); err != nil {
			t.Fatal(err)
		}
	}
	ways := []Whitening{WhitenNothing, WhitenPlaces, WhitenChannels, WhitenBoth}
	all, err := ft.crossFit(ways...)
	if err != nil {
		t.Fatal(err)
	}
	for i, way := range ways {
		alone, err := ft.crossFit(way)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(all[i], alone[0]) {
			t.Errorf("%v scores otherwise beside others than alone", way)
		}
		if i > 0 && reflect.DeepEqual(all[i].odd, all[0].odd) {
			t.Errorf("%v scores as nothing does", way)
		}
	}
}
