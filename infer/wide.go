package infer

import (
	"errors"
	"fmt"
	"math"
)

// WideModel is how OutWide becomes what the map of the reconstruction shows beside what
// scores a part: deviations that are wide and faint, an uneven surface or a broad
// shade, which no single place of the fine map tells from noise. It never changes a score.
//
// Every level of OutWide reconstructs the part in large cells. How seldom a good part leaves as
// much at a cell is that cell's surprise, -log2 of the share of good cells that exceed it
// (Shannon's self-information); surprises of all levels add up, as the logarithms of
// independent p-values do (Fisher, Statistical Methods for Research Workers, 1932). The sum is
// shown as the value of the map that good parts exceed as seldom, but never as more than the
// last of Map, so that what is wide tints a map and makes no region by itself. A place that
// stands out explains what large cells around it leave: there the fine map alone is shown.
type WideModel struct {
	Step   float64     `json:"step"` // real value of one step of OutWide
	Levels []WideLevel `json:"levels"`

	// Sum[i] and Map[i] are what one in 2^i places of good parts exceed: of the levels'
	// surprises, and of the map of the reconstruction. Both rise; Map is no longer than Sum.
	Sum []float64 `json:"sum"`
	Map []float64 `json:"map"`
	Hot float64   `json:"hot"` // value of that map that stands out by itself
}

// WideLevel is one level of OutWide.
type WideLevel struct {
	Grid     [2]int    `json:"grid"`
	Channels int       `json:"channels"`
	Energy   []float64 `json:"energy"` // sum of squares that one in 2^i cells of good parts exceed; rises
}

// size is how many values of OutWide the level has.
func (l *WideLevel) size() int { return l.Grid[0] * l.Grid[1] * l.Channels }

// Size is how many values OutWide has.
func (m *WideModel) Size() (n int) {
	for i := range m.Levels {
		n += m.Levels[i].size()
	}
	return n
}

func (m *WideModel) check() error {
	if len(m.Levels) == 0 || len(m.Levels) > 64 || !(m.Step > 0) || math.IsInf(m.Step, 0) || !(m.Hot >= 0) {
		return fmt.Errorf("%d levels, step %g, hot from %g", len(m.Levels), m.Step, m.Hot)
	}
	for i, l := range m.Levels {
		if g := l.Grid; g[0] < 1 || g[1] < 1 || g[0] > 512 || g[1] > 512 || l.Channels < 1 || l.Channels > 4096 {
			return fmt.Errorf("level %d: grid %v with %d channels", i, g, l.Channels)
		}
		if !rises(l.Energy) {
			return fmt.Errorf("level %d: what good parts exceed does not rise", i)
		}
	}
	if len(m.Sum) < len(m.Map) || !rises(m.Sum) || !rises(m.Map) {
		return errors.New("what good parts exceed does not rise")
	}
	return nil
}

// rises says whether v are positive finite numbers, each larger than the one before it.
func rises(v []float64) bool {
	for i, x := range v {
		if !(x > 0) || math.IsInf(x, 0) || i > 0 && x <= v[i-1] {
			return false
		}
	}
	return len(v) > 0
}

// surprise of x where one in 2^i exceed knots[i]: linear between them, and beyond the last
// one more for every time that x is as large again.
func surprise(knots []float64, x float64) float64 {
	if x <= knots[0] {
		return 0
	}
	for i := 1; i < len(knots); i++ {
		if x <= knots[i] {
			return float64(i-1) + (x-knots[i-1])/(knots[i]-knots[i-1])
		}
	}
	last := len(knots) - 1
	return float64(last) + x/knots[last] - 1
}

// shown is the value of the map that good parts exceed as seldom, at this surprise in bits.
func (m *WideModel) shown(bits float64) float64 {
	i, last := int(bits), len(m.Map)-1
	if i >= last {
		return m.Map[last]
	}
	return m.Map[i] + mul(bits-float64(i), m.Map[i+1]-m.Map[i])
}

// WideMap lifts a map of the reconstruction where something wide deviates. It keeps its
// memory and is not safe for concurrent use.
type WideMap struct {
	m          *WideModel
	h, w       int
	rows, cols [][]stretch // of the map over each level
	energy     [][]float64 // of each level, row-major
	level      []float64   // surprises of one level's cells
	sum        []float64   // of all levels, on the map's grid
	shade      []float64   // how seldom good parts have such a sum, in bits; 0 where nothing is lifted
	near       []float64   // largest value of the map around each place
	line       []float64
}

// NewWideMap for maps of this grid.
func NewWideMap(m *WideModel, grid [2]int) *WideMap {
	n := grid[0] * grid[1]
	w := &WideMap{m: m, h: grid[0], w: grid[1], sum: make([]float64, n), shade: make([]float64, n), near: make([]float64, n), line: make([]float64, n)}
	most := 0
	for _, l := range m.Levels {
		cells := l.Grid[0] * l.Grid[1]
		w.energy = append(w.energy, make([]float64, cells))
		w.rows, w.cols = append(w.rows, stretches(l.Grid[0], grid[0])), append(w.cols, stretches(l.Grid[1], grid[1]))
		most = max(most, cells)
	}
	w.level = make([]float64, most)
	return w
}

// lift raises the places of the map to which out, the graph's OutWide, shows something
// wide; places that weigh nothing are left.
func (w *WideMap) lift(to []float64, out []byte, weight []float64) {
	square := mul(w.m.Step, w.m.Step)
	for i, l := range w.m.Levels {
		for p := range w.energy[i] {
			sum := int64(0)
			for _, b := range out[p*l.Channels : (p+1)*l.Channels] {
				v := int32(int8(b))
				sum += int64(v * v)
			}
			w.energy[i][p] = mul(float64(sum), square)
		}
		out = out[l.size():]
	}
	w.explain(to)
	w.Surprise(w.energy)
	w.around(to)
	for i, s := range w.sum {
		if w.shade[i] = 0; weight[i] > 0 && w.near[i] <= w.m.Hot {
			w.shade[i] = surprise(w.m.Sum, s)
			to[i] = max(to[i], w.m.shown(w.shade[i]))
		}
	}
}

// explain takes the energy from every cell that holds a hot place of the map.
func (w *WideMap) explain(m []float64) {
	for i, v := range m {
		if v > w.m.Hot {
			y, x := i/w.w, i%w.w
			for k, l := range w.m.Levels {
				w.energy[k][y*l.Grid[0]/w.h*l.Grid[1]+x*l.Grid[1]/w.w] = 0
			}
		}
	}
}

// Surprise is the sum of the levels' surprises at each place of the map where their cells,
// row-major, have these sums of squares; valid until the next call.
func (w *WideMap) Surprise(energy [][]float64) []float64 {
	clear(w.sum)
	for i, l := range w.m.Levels {
		for p, e := range energy[i] {
			w.level[p] = surprise(l.Energy, e)
		}
		for y, r := range w.rows[i] {
			top, bottom := w.level[r.at*l.Grid[1]:], w.level[r.next*l.Grid[1]:]
			for x, k := range w.cols[i] {
				up := mul(top[k.at], 1-k.part) + mul(top[k.next], k.part)
				down := mul(bottom[k.at], 1-k.part) + mul(bottom[k.next], k.part)
				w.sum[y*w.w+x] += mul(up, 1-r.part) + mul(down, r.part)
			}
		}
	}
	return w.sum
}

// around writes the largest value of m within three sixteenths of the map, which is as far
// as a large cell that holds a place reaches.
func (w *WideMap) around(m []float64) {
	ry, rx := reach(w.h), reach(w.w)
	for y := range w.h {
		row := m[y*w.w:][:w.w]
		for x := range row {
			most := row[x]
			for _, v := range row[max(x-rx, 0):min(x+rx+1, w.w)] {
				most = max(most, v)
			}
			w.line[y*w.w+x] = most
		}
	}
	for y := range w.h {
		near := w.near[y*w.w:][:w.w]
		copy(near, w.line[y*w.w:])
		for yy := max(y-ry, 0); yy <= min(y+ry, w.h-1); yy++ {
			for x, v := range w.line[yy*w.w:][:w.w] {
				near[x] = max(near[x], v)
			}
		}
	}
}

func reach(n int) int { return max(1, (3*n+8)/16) }
