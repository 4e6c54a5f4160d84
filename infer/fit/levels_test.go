package fit

import (
	"math"
	"slices"
	"testing"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

func TestLevels(t *testing.T) {
	taps := func(w, h int) []Tap {
		at := func(n, cell int) int { return (n + cell - 1) / cell }
		var out []Tap
		for _, c := range [][2]int{{8, 40}, {16, 80}, {16, 112}, {32, 192}} {
			out = append(out, Tap{Height: at(h, c[0]), Width: at(w, c[0]), Channels: c[1]})
		}
		return out
	}
	for _, c := range []struct {
		w, h int
		want [][3]int // tap, height, width
	}{
		{256, 256, [][3]int{{0, 16, 16}, {0, 8, 8}, {1, 16, 16}, {3, 4, 4}, {0, 16, 16}, {0, 4, 4}}},
		{320, 224, [][3]int{{0, 14, 20}, {0, 7, 10}, {1, 14, 20}, {3, 4, 5}, {0, 14, 20}, {0, 4, 5}}},
		{512, 512, [][3]int{{0, 16, 16}, {0, 8, 8}, {1, 16, 16}, {3, 4, 4}, {0, 16, 16}, {0, 4, 4}}},
		{96, 96, [][3]int{{0, 6, 6}, {0, 3, 3}, {1, 6, 6}, {3, 2, 2}, {0, 6, 6}, {0, 2, 2}}},
	} {
		ts := taps(c.w, c.h)
		g := ts[1:][gridOf(ts[1:])]
		var got [][3]int
		for _, l := range levelsOf(ts, [2]int{g.Height, g.Width}) {
			got = append(got, [3]int{l.tap, l.h, l.w})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%dx%d: %v, want %v", c.w, c.h, got, c.want)
		}
	}
	if got := levelsOf([]Tap{{Height: 8, Width: 8, Channels: 3}}, [2]int{8, 8}); len(got) != 3 || got[1].pool != 2 || got[2].pool != 4 || !got[2].contrast {
		t.Errorf("one tap: %v", got)
	}
	if got := levelsOf([]Tap{{Height: 1, Width: 3, Channels: 3}}, [2]int{1, 3}); len(got) != 1 {
		t.Errorf("a tap of three cells: %v", got)
	}
}

// TestContrastIsHalfTheMeanDeviation within the cells of its level, in its own steps,
// which are finer than the tap's.
func TestContrastIsHalfTheMeanDeviation(t *testing.T) {
	tap := Tap{Name: "tap", Height: 6, Width: 4, Channels: 2, Scale: 0.5, ZeroPoint: 3}
	c := &composer{Builder: tflite.NewBuilder("contrast"), grid: [2]int{3, 2}}
	in := c.AddInput(tap.Name, []int{1, tap.Height, tap.Width, tap.Channels}, tap.quant())
	ls := levelsOf([]Tap{tap}, c.grid)
	i := slices.IndexFunc(ls, func(l level) bool { return l.contrast })
	m, err := c.Model(c.pooled(ls, []Tap{tap}, []int{in})[i])
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := native.New().Load(b, infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := s.Input(0)
	for j := range x {
		x[j] = byte(int8(3 + j%2)) // each channel of one value everywhere
	}
	for ch, v := range []int8{3 + 8, 3 - 8} {
		x[(2*4+2)*2+ch], x[(3*4+3)*2+ch] = byte(v), byte(v) // in two of four cells of one: a mean deviation of 4 or 4.5 steps
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	q := ls[i].of([]Tap{tap})
	for j, v := range s.Output(0) {
		got, want := float64(q.Scale)*float64(int(int8(v))-q.ZeroPoint), 0.0
		if cell := j / 2; cell == 3 {
			want = []float64{4, 4.5}[j%2] / 2 * 0.5
		}
		if math.Abs(got-want) > 0.13 {
			t.Errorf("cell %d, channel %d: contrast %.3f, want %.3f", j/2, j%2, got, want)
		}
	}
}

// levelsWith are two levels of a 4x4 grid, the second of 2x2, with these energies in
// every one of four parts.
func levelsWith(fine, coarse []float32) []*levelFit {
	ls := []*levelFit{{level: level{h: 4, w: 4, channels: 3}}, {level: level{h: 2, w: 2, channels: 5}}}
	for range 4 {
		ls[0].energy, ls[1].energy = append(ls[0].energy, fine), append(ls[1].energy, coarse)
	}
	return ls
}

// TestLevelsCountAlike: whatever a level's units and channels, the worst cell of a
// usual part counts 1, in units that all share.
func TestLevelsCountAlike(t *testing.T) {
	fine, coarse := slices.Repeat([]float32{2}, 16), slices.Repeat([]float32{300}, 4)
	fine[5], coarse[2] = 8, 900
	for _, l := range levelsWith(fine, coarse) {
		m, err := l.model(nil, upTo(4), nil, WhitenNothing)
		if err != nil {
			t.Fatal(err)
		}
		peak := float64(slices.Max(l.energy[0])) * float64(l.channels) // sum of squares over the channels
		if got := m.unit() * m.unit() * peak; math.Abs(got-1) > 1e-9 {
			t.Errorf("%dx%d: the worst cell counts %g", l.h, l.w, got)
		}
	}
}

// TestVariablePlacesCountLess, but less so than in proportion, also where a coarse
// level varies: all the cells under it.
func TestVariablePlacesCountLess(t *testing.T) {
	fine, coarse := slices.Repeat([]float32{1}, 16), slices.Repeat([]float32{1}, 4)
	fine[0] = 16
	scale := func() []float64 {
		ls := levelsWith(fine, coarse)
		return placeScale(ls, []levelModel{{gain: 1, energy: ls[0].energy}, {gain: 1, energy: ls[1].energy}}, upTo(4), [2]int{4, 4})
	}
	s := scale()
	if ratio := s[0] / s[15]; ratio < 1.2 || ratio > math.Sqrt(17.0/2)-0.5 {
		t.Errorf("a place with 8.5 times the energy is divided by %.2f times more", ratio)
	}
	fine[0], coarse[3] = 1, 16
	s = scale()
	for _, c := range []int{10, 11, 14, 15} {
		if s[c] <= 1.2*s[0] || s[c] != s[15] {
			t.Errorf("cell %d under a coarse one that varies is divided by %.2f, others by %.2f", c, s[c], s[0])
		}
	}
}

// TestCalmedParts: a held-out part that is restless everywhere is brought down as a
// judged one is, with its members; a usual part stays.
func TestCalmedParts(t *testing.T) {
	held, odd := make([]HeldOut, 5), make([]HeldOut, 1)
	for i := range held {
		held[i] = HeldOut{Raw: infer.Deviations{Reconstruction: 8, Local: 3}, quiet: 2}
	}
	held[4].quiet = 8
	held[4].Members[1].Reconstruction = 6
	odd[0] = HeldOut{Raw: infer.Deviations{Reconstruction: 8}, quiet: 2.0 / 64}
	if c := calmed(held, odd); c.Quiet != 2 {
		t.Errorf("calm %+v", c)
	}
	half := 1 / math.Sqrt2 // four times as restless, fourth root
	if a, b := held[0].Raw.Reconstruction, held[4].Raw.Reconstruction; a != 8 || math.Abs(b-8*half) > 1e-9 {
		t.Errorf("usual %g, restless %g", a, b)
	}
	if got := held[4].Members[1].Reconstruction; math.Abs(got-6*half) > 1e-9 || held[4].Raw.Local != 3 {
		t.Errorf("member %g, surroundings %g", got, held[4].Raw.Local)
	}
	if got := odd[0].Raw.Reconstruction; math.Abs(got-8/half) > 1e-9 {
		t.Errorf("a drawn defect on a part that is 64 times as quiet: %g, a factor of 4 is believed", got)
	}
}
