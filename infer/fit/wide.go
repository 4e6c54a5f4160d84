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
	models []levelModel  // with the bases of all parts
	step   float64       // real value of one step of the output
	energy [][][]float32 // level, part that says what is seldom: sums of squares of its cells
}

func (w *wideFit) close() {
	for _, l := range w.levels {
		l.close()
	}
	for _, m := range w.models {
		if m.basis != nil {
			m.basis.p.close()
		}
	}
}

// learnWide makes the wide levels' bases, and has held-out parts looked at by those that never saw
// them. Where too little repeats by place for the reconstruction to have its full part in the
// score, there is no wide map.
func (ft *fitter) learnWide() error {
	w := &ft.wide
	if len(w.levels) == 0 || ft.levels[0].repeat < RepeatsEnough {
		w.close()
		w.levels = nil
		return nil
	}
	n := len(ft.desc)
	for _, l := range w.levels {
		if err := l.learn(ft); err != nil {
			return err
		}
		energy := l.meanEnergy(l.energy, upTo(n))
		m := levelModel{level: l.level, from: l.from, rms: math.Sqrt(energy), gain: float64(l.channels) / energy}
		w.models = append(w.models, m)
		w.step = max(w.step, levelHeadroom*m.rms*m.unit()/127)
		w.energy = append(w.energy, make([][]float32, n))
		l.energy = nil
	}
	w.step = float64(float32(w.step))
	for f := range ft.folds {
		if err := ft.lookWide(f); err != nil {
			return err
		}
	}
	shots := snapshots(ft.fold)
	for i, l := range w.levels {
		var err error
		if w.models[i].basis, err = newBasis(&l.x, l.gram, upTo(len(shots)), shots, l.sway(ft.features.swayed, upTo(ft.features.Swayed())), l.code, ft.features.room); err != nil {
			return err
		}
		l.close()
		l.gram = nil
	}
	return nil
}

// lookWide runs the wide levels as the other folds make them on the parts of fold f.
func (ft *fitter) lookWide(f int) error {
	w := &ft.wide
	c := &composer{Builder: tflite.NewBuilder("one fold, wide"), grid: ft.grid}
	ms, in := slices.Clone(w.models), make([]int, len(w.models))
	for i, l := range w.levels {
		ms[i].basis = l.bases[f]
		in[i] = c.AddInput(l.from.Name+"/pooled", []int{1, l.h, l.w, l.channels}, l.from.quant())
	}
	out, err := w.tail(c, ms, in)
	if err != nil {
		return err
	}
	s, err := ft.load(c, out)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, p := range seldom(len(ft.desc)) {
		if ft.fold[p] != f {
			continue
		}
		for i, l := range w.levels {
			l.x.data.read(s.Input(i), p, 0)
		}
		if err := s.Run(); err != nil {
			return err
		}
		left := s.Output(0)
		for i, l := range w.levels {
			cells := make([]float32, l.h*l.w)
			for k := range cells {
				sum := 0
				for _, b := range left[k*l.channels : (k+1)*l.channels] {
					sum += int(int8(b)) * int(int8(b))
				}
				cells[k] = float32(float64(sum) * w.step * w.step)
			}
			w.energy[i][p], left = cells, left[l.width():]
		}
	}
	return ft.ctx.Err()
}

// tail appends what ms leave of their pooled levels, one behind the other.
func (w *wideFit) tail(c *composer, ms []levelModel, pooled []int) (int, error) {
	out := make([]int, len(ms))
	for i := range ms {
		m := &ms[i]
		name := func(what string) string { return m.from.Name + "/" + what }
		_, left, err := c.reconstructLevel(pooled[i], m)
		if err != nil {
			return 0, err
		}
		out[i] = c.Reshape(name("row"), c.gained(name, left, m, tflite.Quant{Scale: float32(w.step)}), 1, m.width())
	}
	return c.joined("wide", 1, out), nil
}

// compose appends the wide levels behind the encoder's taps, and returns their output and what
// it is to mean, but for what good parts exceed all in all.
func (w *wideFit) compose(c *composer, taps []Tap, tensors []int) (int, *infer.WideModel, error) {
	m, ls := &infer.WideModel{Step: w.step}, make([]level, len(w.levels))
	for i, l := range w.levels {
		ls[i] = l.level
		m.Levels = append(m.Levels, infer.WideLevel{Grid: [2]int{l.h, l.w}, Channels: l.channels, Energy: exceeded(slices.Concat(w.energy[i]...), wideRare)})
	}
	out, err := w.tail(c, w.models, c.pooled(ls, taps, tensors))
	return out, m, err
}

// exceeded are the values that one in 2^i of v, which it brings into order, exceeds, i up to last.
func exceeded(v []float32, last int) []float64 {
	slices.Sort(v)
	knots := make([]float64, 0, last+1)
	for i := range last + 1 {
		at := int(float64(len(v)) * (1 - math.Exp2(-float64(i))))
		x := max(float64(v[min(at, len(v)-1)]), 1e-9)
		if i > 0 {
			x = max(x, knots[i-1]*(1+1e-6))
		}
		knots = append(knots, x)
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
		for i := range w.levels {
			energy[i] = energy[i][:0]
			for _, e := range w.energy[i][part] {
				energy[i] = append(energy[i], float64(e))
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
	m.Sum, m.Map = exceeded(sums, wideRare), exceeded(cells, wideShown)
	m.Hot = float64(cells[min(len(cells)-1, int(float64(len(cells))*(1-hotShare)))])
}
