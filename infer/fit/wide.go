package fit

import (
	"math"
	"slices"

	"winnow/infer"
	"winnow/infer/tflite"
)

// Constants of the wide map.
const (
	wideCode  = 40
	wideRare  = 10 // one in 2^10 cells is the most seldom that is told apart
	wideShown = 6
	hotShare  = 1e-4 // of good parts' places stand out by themselves
	wideParts = 1000 // good parts say what is seldom, at most
)

// wideLevelsOf are the levels of the wide map for an autoencoder with so many cells: the
// shallowest tap over a half and a quarter of the grid, the deepest but one over a quarter and an
// eighth, and means, which are there for this map alone, over a half and a quarter.
func wideLevelsOf(taps, means []Tap, grid [2]int) []level {
	var ls []level
	add := func(tap int, t Tap, part int) {
		p := max(1, (2*part*t.Height+grid[0])/(2*grid[0]))
		l := level{tap, p, false, (t.Height + p - 1) / p, (t.Width + p - 1) / p, t.Channels}
		if l.h*l.w >= 4 && !slices.Contains(ls, l) {
			ls = append(ls, l)
		}
	}
	shallow, deep := 0, max(0, len(taps)-2)
	add(shallow, taps[shallow], 2)
	add(shallow, taps[shallow], 4)
	add(deep, taps[deep], 4)
	add(deep, taps[deep], 8)
	for i, t := range means {
		add(len(taps)+i, t, 2)
		add(len(taps)+i, t, 4)
	}
	return ls
}

// wideFit is the wide map while it is learned.
type wideFit struct {
	levels []*levelFit
	models []levelModel
}

func (w *wideFit) close() {
	for _, l := range w.levels {
		l.close()
	}
	for _, m := range w.models {
		m.basis.p.close()
	}
}

// learnWide makes the wide levels' bases and what they leave of held-out parts. Where too
// little repeats by place for the reconstruction to have its full part in the score, there
// is no wide map.
func (ft *fitter) learnWide() error {
	w := &ft.wide
	if len(w.levels) == 0 || ft.levels[0].repeat < RepeatsEnough {
		w.close()
		w.levels = nil
		return nil
	}
	n := len(ft.desc)
	shots := snapshots(n)
	for _, l := range w.levels {
		if err := l.learn(ft); err != nil {
			return err
		}
		b, err := newBasis(&l.x, l.gram, upTo(len(shots)), shots, l.sway(ft.features.swayed, upTo(ft.features.Swayed())), l.code, ft.features.room)
		if err != nil {
			return err
		}
		energy := l.meanEnergy(l.energy, upTo(n))
		w.models = append(w.models, levelModel{level: l.level, from: l.from, basis: b, rms: math.Sqrt(energy), gain: float64(l.channels) / energy})
		l.close()
		l.gram = nil
	}
	return nil
}

// append appends the wide levels behind the encoder's taps, and returns their output and what
// it is to mean, but for what good parts exceed all in all.
func (w *wideFit) append(c *composer, taps []Tap, tensors []int) (int, *infer.WideModel, error) {
	ls := make([]level, len(w.levels))
	m, step := new(infer.WideModel), 0.0
	for i, l := range w.levels {
		ls[i] = l.level
		m.Levels = append(m.Levels, infer.WideLevel{Grid: [2]int{l.h, l.w}, Channels: l.channels, Energy: exceeded(l.sorted(), w.models[i].gain, wideRare)})
		step = max(step, levelHeadroom*w.models[i].rms*w.models[i].unit()/127)
	}
	m.Step = float64(float32(step))
	out := make([]int, len(ls))
	for i, x := range c.pooled(ls, taps, tensors) {
		l := &w.models[i]
		_, left, err := c.reconstructLevel(x, l)
		if err != nil {
			return 0, nil, err
		}
		name := func(what string) string { return l.from.Name + "/" + what }
		gained := c.gained(name, left, l, tflite.Quant{Scale: float32(m.Step)})
		out[i] = c.Reshape(name("row"), gained, 1, l.width())
	}
	return c.joined("wide", 1, out), m, nil
}

// sorted are the energies of the cells of parts that say what is seldom.
func (l *levelFit) sorted() (all []float32) {
	for _, p := range seldom(len(l.energy)) {
		all = append(all, l.energy[p]...)
	}
	slices.Sort(all)
	return all
}

// exceeded are the values, each times gain, that one in 2^i of all, in order, exceeds, i up to last.
func exceeded(sorted []float32, gain float64, last int) []float64 {
	knots := make([]float64, 0, last+1)
	for i := range last + 1 {
		at := int(float64(len(sorted)) * (1 - math.Exp2(-float64(i))))
		v := gain * float64(sorted[min(at, len(sorted)-1)])
		if i > 0 {
			v = max(v, knots[i-1]*(1+1e-6))
		}
		knots = append(knots, max(v, 1e-9))
	}
	return knots
}

// seldom are the parts, of n, that say what is seldom.
func seldom(n int) []int { return thinned(upTo(n), wideParts) }

// exceedAll tells m what held-out parts exceed all in all: the sum of surprises, and the map of
// the reconstruction, calmed, at places that weigh something.
func (w *wideFit) exceedAll(m *infer.WideModel, s *infer.Statistics, held []HeldOut) {
	one := infer.NewWideMap(m, s.Grid)
	energy := make([][]float64, len(w.levels))
	parts := seldom(len(held))
	sums := make([]float32, 0, len(parts)*len(s.PositionWeight))
	cells := make([]float32, 0, cap(sums))
	for _, part := range parts {
		for i, l := range w.levels {
			energy[i] = energy[i][:0]
			for _, e := range l.energy[part] {
				energy[i] = append(energy[i], w.models[i].gain*float64(e))
			}
		}
		h := &held[part]
		f := s.Calm.Factor(h.quiet)
		for i, v := range one.Surprise(energy) {
			if s.PositionWeight[i] > 0 {
				sums, cells = append(sums, float32(v)), append(cells, float32(float64(h.cells[i])*f))
			}
		}
		h.cells = nil
	}
	slices.Sort(sums)
	slices.Sort(cells)
	m.Sum, m.Map = exceeded(sums, 1, wideRare), exceeded(cells, 1, wideShown)
	m.Hot = float64(cells[min(len(cells)-1, int(float64(len(cells))*(1-hotShare)))])
}
