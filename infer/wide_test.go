package infer

import (
	"math"
	"testing"

	"winnow/models"
)

// wide is a model of one level of 4x4 cells with two channels, over maps of 16x16.
func wide() *WideModel {
	return &WideModel{
		Step:   0.5,
		Levels: []WideLevel{{Grid: [2]int{4, 4}, Channels: 2, Energy: []float64{1, 2, 4, 8}}},
		Sum:    []float64{0.1, 1, 2, 3}, Map: []float64{1, 2, 3}, Hot: 5,
	}
}

// flat is a map of ones, and weights of one.
func flat() (m, weight []float64) {
	m, weight = make([]float64, 256), make([]float64, 256)
	for i := range m {
		m[i], weight[i] = 1, 1
	}
	return m, weight
}

// TestWideCellLiftsTheMap: where a large cell leaves what good parts hardly ever do, the
// map shows what they exceed as seldom, and no more; elsewhere it stays, and so does a place that
// weighs nothing.
func TestWideCellLiftsTheMap(t *testing.T) {
	w := NewWideMap(wide(), [2]int{16, 16})
	out := make([]byte, w.m.Size())
	out[2*5], out[2*5+1] = 0x81, 0x81 // -127: second row, second column
	m, weight := flat()
	weight[5*16+5] = 0
	w.lift(m, out, weight)
	if m[6*16+6] != 3 || m[5*16+5] != 1 {
		t.Errorf("inside %g, weighing nothing %g; want 3 and 1", m[6*16+6], m[5*16+5])
	}
	for _, i := range []int{0, 15, 12*16 + 12, 15 * 16} {
		if m[i] != 1 || w.shade[i] != 0 {
			t.Errorf("place %d is %g, its shade %g bits", i, m[i], w.shade[i])
		}
	}
	if w.shade[6*16+6] <= 2 || w.shade[5*16+5] != 0 {
		t.Errorf("shade inside %g, weighing nothing %g bits", w.shade[6*16+6], w.shade[5*16+5])
	}
}

// TestHotPlaceExplainsWhatIsAroundIt: around a place that stands out by itself nothing is
// lifted; where the cell is wide alone, it is.
func TestHotPlaceExplainsWhatIsAroundIt(t *testing.T) {
	w := NewWideMap(wide(), [2]int{16, 16})
	out := make([]byte, w.m.Size())
	for i := range out {
		out[i] = 100
	}
	m, weight := flat()
	m[4*16+4] = 6
	w.lift(m, out, weight)
	for y := range 16 {
		for x := range 16 {
			want := 3.0
			if y >= 1 && y <= 7 && x >= 1 && x <= 7 {
				want = 1
			}
			if y == 4 && x == 4 {
				want = 6
			}
			if got, shade := m[y*16+x], w.shade[y*16+x]; got != want || (shade > 0) != (want == 3) {
				t.Fatalf("place %d,%d is %g with a shade of %g bits, want %g", y, x, got, shade, want)
			}
		}
	}
}

// TestHotPlaceExplainsEveryCellThatHoldsIt: what a cell leaves is not shown at its other end
// either, far from the hot place; what another cell leaves is.
func TestHotPlaceExplainsEveryCellThatHoldsIt(t *testing.T) {
	w := NewWideMap(wide(), [2]int{32, 32})
	lifted := func(hot float64, cell int) float64 {
		out := make([]byte, w.m.Size())
		out[2*cell] = 100
		m, weight := make([]float64, 1024), make([]float64, 1024)
		for i := range m {
			m[i], weight[i] = 1, 1
		}
		m[0] = hot
		y, x := cell/4*8, cell%4*8
		w.lift(m, out, weight)
		return m[(y+7)*32+x+7]
	}
	if a, b, c := lifted(1, 0), lifted(6, 0), lifted(6, 5); a <= 1 || b != 1 || c <= 1 {
		t.Errorf("at the far end of a cell %g, of one with a hot place %g, of another %g", a, b, c)
	}
}

// TestSurpriseIsThatOfTheShare: half a knot's way is half a bit more, and beyond the last each
// time as much again counts one.
func TestSurpriseIsThatOfTheShare(t *testing.T) {
	for _, c := range []struct{ x, want float64 }{{0, 0}, {1, 0}, {1.5, 0.5}, {2, 1}, {3, 1.5}, {8, 3}, {16, 4}, {40, 7}} {
		if got := surprise([]float64{1, 2, 4, 8}, c.x); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("surprise of %g is %g, want %g", c.x, got, c.want)
		}
	}
}

// TestWideModelRefusesWhatCannotBe: each names what is wrong.
func TestWideModelRefusesWhatCannotBe(t *testing.T) {
	if err := wide().check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*WideModel){
		"no levels":          func(m *WideModel) { m.Levels = nil },
		"no step":            func(m *WideModel) { m.Step = 0 },
		"infinite step":      func(m *WideModel) { m.Step = math.Inf(1) },
		"hot of no number":   func(m *WideModel) { m.Hot = math.NaN() },
		"no grid":            func(m *WideModel) { m.Levels[0].Grid[1] = 0 },
		"a huge grid":        func(m *WideModel) { m.Levels[0].Grid[0] = 1 << 20 },
		"no channels":        func(m *WideModel) { m.Levels[0].Channels = 0 },
		"no energies":        func(m *WideModel) { m.Levels[0].Energy = nil },
		"equal energies":     func(m *WideModel) { m.Levels[0].Energy[1] = 1 },
		"energies below 0":   func(m *WideModel) { m.Levels[0].Energy[0] = -1 },
		"fewer sums":         func(m *WideModel) { m.Sum = m.Sum[2:] },
		"a map that falls":   func(m *WideModel) { m.Map[2] = 1 },
		"a sum of no number": func(m *WideModel) { m.Sum[1] = math.NaN() },
	} {
		m := wide()
		if spoil(m); m.check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestOutputsThatLackTheWideOneAreRefused: none, and one of another size, is an error, not a panic.
func TestOutputsThatLackTheWideOneAreRefused(t *testing.T) {
	s := &Statistics{Grid: [2]int{16, 16}, Channels: 2, ResidualScale: 1, PositionWeight: make([]float64, 256), Wide: wide(),
		Latent: LatentModel{Mean: make([]float64, 4), Scale: []float64{1, 1, 1, 1}, Rest: 1}}
	c, map2 := NewScorer(s), make([]byte, 512)
	outputs := [][]byte{nil, map2, map2, make([]byte, s.Wide.Size())}
	if _, err := c.Raw(outputs); err != nil {
		t.Fatal(err)
	}
	outputs[3] = outputs[3][1:]
	for _, o := range [][][]byte{outputs, outputs[:3]} {
		if _, err := c.Raw(o); err == nil {
			t.Errorf("%d outputs are taken", len(o))
		}
	}
}

// TestMapAndShadeLieWhereThePartWas: of a part that registration moved, both are moved back by
// whole cells, and what lies beyond the edge is the edge's; of one too far away, neither is.
func TestMapAndShadeLieWhereThePartWas(t *testing.T) {
	c := NewScorer(&Statistics{Grid: [2]int{16, 16}, Channels: 1, PositionWeight: make([]float64, 256), Wide: wide()})
	c.Map()[5*16+6], c.wide.shade[5*16+6] = 3, 8
	c.wide.shade[0] = 7
	p := &models.Package{Manifest: models.Manifest{Preprocess: models.Preprocess{Width: 64, Height: 32}}}
	j := &Judge{pkg: p, scorer: c, pre: &Preprocessor{register: new(registrar)}}
	j.finder.h, j.finder.w = c.Grid()
	for _, s := range []struct {
		dx, dy int // pixels, of which a cell holds 4 x 2
		beyond bool
		y, x   int
	}{{0, 0, false, 5, 6}, {8, -4, false, 3, 8}, {9, 1, false, 6, 8}, {-13, 5, false, 8, 3}, {8, -4, true, 5, 6}} {
		j.pre.register.dx, j.pre.register.dy, j.pre.register.beyond = s.dx, s.dy, s.beyond
		j.place()
		m, _, _ := j.Map()
		bits, h, w := j.Shade()
		if h != 16 || w != 16 || m[s.y*16+s.x] != 3 || bits[s.y*16+s.x] != 8 {
			t.Errorf("moved by %+v: map %v, shade %v", s, m, bits)
		}
		n := 0
		for i := range m {
			if m[i] == 3 || bits[i] == 8 {
				n++
			}
		}
		if n != 1 {
			t.Errorf("moved by %+v: %d places are marked", s, n)
		}
	}
	j.pre.register.dx, j.pre.register.dy, j.pre.register.beyond = 8, 0, false
	if bits, _, _ := j.Shade(); bits[0] != 7 || bits[2] != 7 || bits[3] != 0 {
		t.Errorf("the first row moved two cells right is %v", bits[:4])
	}
}

// TestWideShareIsOfWhatIsLookedAt: places that a mask takes out are no part of it.
func TestWideShareIsOfWhatIsLookedAt(t *testing.T) {
	m, weight := flat()
	for i := range weight {
		if i >= 64 {
			weight[i] = 0 // three quarters
		}
	}
	c := &Scorer{s: &Statistics{PositionWeight: weight}, wide: NewWideMap(wide(), [2]int{16, 16})}
	if n := c.wideShare(); n != 0 {
		t.Errorf("a share of %g before anything is judged", n)
	}
	out := make([]byte, c.wide.m.Size())
	for i := range out {
		out[i] = 100
	}
	c.wide.lift(m, out, weight)
	if n := c.wideShare(); n != 1 {
		t.Errorf("a part that is wide and faint all over has a share of %g", n)
	}
}
