package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"winnow/infer"
	"winnow/infer/tflite"
)

// levelFit is one level while it is learned.
type levelFit struct {
	level
	from     Tap // the level as a tap
	code     int // most entries of its code, those for conditions not counted
	x        rows
	odd      *shelf        // the same of drawn defects
	swayed   rows          // and of parts in other conditions
	bases    []*basis      // fold: made from the other folds
	energy   [][]float32   // part: mean square at each cell of what a basis that never saw its fold leaves
	left     *shelf        // what energy is the mean square of, in steps of leftStep, in the order of leftAt
	leftAt   []int         // part: its row in left
	swayedAt []int         // part in other conditions: its row in left
	alone    [][]float32   // part: the same of what all other parts leave, those of its group among them
	gram     *mat.SymDense // of the snapshots
	repeat   float64       // share of the variance that bases foretell of parts they never saw (repeats)
}

func (l *levelFit) close() {
	l.x.data.close()
	l.odd.close()
	l.swayed.data.close()
	l.left.close()
	l.closeBases()
}

func (l *levelFit) closeBases() {
	for _, b := range l.bases {
		b.p.close()
	}
	l.bases = nil
}

// standardize runs the pooling of levels and the head over every part's taps: the
// teach matrices, and the descriptors of parts, of drawn defects and of parts in other
// conditions.
func (ft *fitter) standardize() error {
	f := ft.features
	ft.total = 4*f.Len() + 2*f.Drawn() + f.Swayed() + 20
	own := ft.o.own(f.Taps)
	for i := range ft.taps {
		ft.stats = append(ft.stats, f.stats(ft.o.FirstTap+i))
	}
	c := &composer{Builder: tflite.NewBuilder("levels and standardized features"), grid: ft.grid}
	var in []int
	for _, t := range f.Taps {
		in = append(in, c.AddInput(t.Name, []int{1, t.Height, t.Width, t.Channels}, t.quant()))
	}
	ls, wide := levelsOf(own, ft.grid), []level(nil)
	if ft.o.WideTaps > 0 {
		wide = wideLevelsOf(own, f.Taps[len(own):], ft.grid)
	}
	for _, l := range ls {
		ft.levels = append(ft.levels, ft.levelFit(l, l.of(f.Taps).Name, ft.o.CodeSize))
	}
	for _, l := range wide {
		ft.wide.levels = append(ft.wide.levels, ft.levelFit(l, "wide "+l.of(f.Taps).Name, min(ft.o.CodeSize, wideCode)))
	}
	outputs := append(c.pooled(ls, f.Taps, in), c.head(ft.taps, in[ft.o.FirstTap:], ft.stats))
	s, err := ft.load(c, append(outputs, c.pooled(wide, f.Taps, in)...)...)
	if err != nil {
		return err
	}
	defer s.Close()
	ft.channels = channelsOf(ft.taps)
	keep := func(picture int, on func(*levelFit) *shelf) ([]float64, error) {
		for i := range f.Taps {
			f.read(s.Input(i), picture, i)
		}
		if err := s.Run(); err != nil {
			return nil, err
		}
		for i, l := range ft.levels {
			if _, err := on(l).add(s.Output(i)); err != nil {
				return nil, err
			}
		}
		for i, l := range ft.wide.levels {
			if on(l) == l.odd {
				break // no wide map looks at drawn defects
			}
			if _, err := on(l).add(s.Output(len(outputs) + i)); err != nil {
				return nil, err
			}
		}
		return infer.Descriptor(s.Output(len(ft.levels)), ft.channels, ft.firstLatent()), ft.tick("looking at features")
	}
	for _, p := range f.parts {
		d, err := keep(p, func(l *levelFit) *shelf { return l.x.data })
		if err != nil {
			return err
		}
		ft.desc = append(ft.desc, d)
	}
	for _, d := range f.drawn {
		desc, err := keep(d.number, func(l *levelFit) *shelf { return l.odd })
		if err != nil {
			return err
		}
		ft.oddDesc = append(ft.oddDesc, desc)
	}
	for _, r := range f.swayed {
		desc, err := keep(r.number, func(l *levelFit) *shelf { return l.swayed.data })
		if err != nil {
			return err
		}
		ft.swayedDesc = append(ft.swayedDesc, desc)
	}
	if ft.o.Spend {
		for _, s := range f.rows[ft.o.LocalTaps:] {
			s.close() // what is needed of the rest is in the levels now
		}
	}
	return f.err()
}

// levelFit is a level of this name before anything is known of it.
func (ft *fitter) levelFit(l level, name string, code int) *levelFit {
	from, room := l.of(ft.features.Taps), ft.features.room
	from.Name = name
	rows := func() rows {
		return rows{width: l.width(), channels: l.channels, step: from.Scale, data: &shelf{room: room}}
	}
	return &levelFit{level: l, from: from, code: code, odd: &shelf{room: room}, left: &shelf{room: room}, x: rows(), swayed: rows()}
}

func channelsOf(taps []Tap) (n int) {
	for _, t := range taps {
		n += t.Channels
	}
	return n
}

// learn makes each level's bases, one without each fold, and what they leave of
// the parts of that fold: what a basis leaves of parts that it was made from is too
// little.
func (l *levelFit) learn(ft *fitter) error {
	shots := snapshots(ft.fold)
	var err error
	if l.gram, err = l.x.gram(shots, l.x.mean(shots), func() error { return ft.tick("comparing parts") }); err != nil {
		return err
	}
	l.energy, l.leftAt = make([][]float32, l.x.data.len()), make([]int, l.x.data.len())
	l.swayedAt = make([]int, l.swayed.data.len())
	for f := range ft.folds {
		outside, inside := split(ft.fold, f)
		at, shots := snapshotsOutside(ft.fold, f)
		b, err := newBasis(&l.x, l.gram, at, shots, l.sway(ft.features.swayed, ft.features.swayedOf(outside)), l.code, ft.features.room)
		if err != nil {
			return err
		}
		l.bases = append(l.bases, b)
		if err := l.leaves(b, &l.x, inside, l.leftAt, l.energy); err != nil {
			return err
		}
		if err := l.leaves(b, &l.swayed, ft.features.swayedOf(inside), l.swayedAt, nil); err != nil {
			return err
		}
		if err := ft.tick("learning"); err != nil {
			return err
		}
	}
	l.repeat = l.repeats(shots)
	return nil
}

// repeats is the share of the variance of the level's channels, over all cells of all
// parts, that the reconstruction foretells of parts it never saw (the predictive
// coefficient of determination; Allen, Technometrics 16, 1974): near 1 where parts show
// the same at the same place, near 0, or below, where nothing repeats by place.
func (l *levelFit) repeats(shots []int) float64 {
	m := l.x.mean(shots)
	mean := make([]float64, l.channels)
	for i, v := range m {
		mean[i%l.channels] += float64(v) / float64(l.h*l.w)
	}
	variance := mat.Trace(l.gram) / float64(len(shots)*len(m))
	for i, v := range m {
		d := float64(v) - mean[i%l.channels]
		variance += d * d / float64(len(m))
	}
	left := 0.0
	for _, part := range l.energy {
		for _, e := range part {
			left += float64(e) / float64(len(l.energy)*len(part))
		}
	}
	return 1 - left/max(variance, 1e-9)
}

// leftStep is what one step of what is left of a part is, in steps of the features.
const leftStep = 0.5

// leaves keeps what b leaves of the rows idx of r, where of each in at, and its energy
// where energy is given.
func (l *levelFit) leaves(b *basis, r *rows, idx, at []int, energy [][]float32) error {
	if len(idx) == 0 {
		return nil
	}
	z := b.encode(r, idx)
	left := make([][]byte, len(idx))
	for i := range idx {
		left[i] = make([]byte, r.width)
	}
	if energy != nil {
		for _, p := range idx {
			energy[p] = make([]float32, l.h*l.w)
		}
	}
	buf := make([]float32, len(idx)*r.chunk())
	_ = r.chunks(func(from, to int) error {
		m := b.residual(buf, r, idx, z, from, to)
		for i, p := range idx {
			row := m.Data[i*m.Stride:][:m.Cols]
			if energy != nil {
				l.square(energy[p], row, from)
			}
			for j, v := range row {
				left[i][from+j] = byte(int8(max(-127, min(127, math.RoundToEven(float64(v/(r.step*leftStep)))))))
			}
		}
		return nil
	})
	for i, p := range idx {
		var err error
		if at[p], err = l.left.add(left[i]); err != nil {
			return err
		}
	}
	return nil
}

// square writes the mean squares of the cells in row, which begins at column from.
func (l *levelFit) square(energy, row []float32, from int) {
	for j := 0; j < len(row); j += l.channels {
		sum := float32(0)
		for _, v := range row[j : j+l.channels] {
			sum += v * v
		}
		energy[(from+j)/l.channels] = sum / float32(l.channels)
	}
}

// model of the level with basis b, from what is left of parts, whitened as how says, by what
// is left of swayed as well.
func (l *levelFit) model(b *basis, parts, swayed []int, how Whitening) (levelModel, error) {
	m := levelModel{level: l.level, from: l.from, basis: b, energy: l.energy}
	rms := func(energy [][]float32) float64 { return math.Sqrt(l.meanEnergy(energy, parts)) }
	m.rms = rms(l.energy)
	m.whiteRMS = m.rms
	if how != WhitenNothing {
		var err error
		if m.white, err = l.whitener(rowsAt(l.leftAt, parts), rowsAt(l.swayedAt, swayed), how); err != nil {
			return m, err
		}
		m.energy = l.whiteEnergy(m.white, parts)
		m.whiteRMS = rms(m.energy)
	}
	m.gain = peakGain(m.energy, parts, l.least())
	return m, nil
}

// meanEnergy is the mean of the cells of parts, or least.
func (l *levelFit) meanEnergy(energy [][]float32, parts []int) float64 {
	sum := 0.0
	for _, p := range parts {
		for _, e := range energy[p] {
			sum += float64(e)
		}
	}
	return max(sum/float64(len(parts)*l.h*l.w), l.least())
}

// least is the mean square of what is left below which there is nothing: that of a
// quarter of a step of the features.
func (l *levelFit) least() float64 {
	s := float64(l.x.step) / 4
	return max(s*s, 1e-6)
}

// peakGain brings the worst cell of the median part, or least, to 1.
func peakGain(energy [][]float32, parts []int, least float64) float64 {
	peaks := make([]float64, len(parts))
	for i, p := range parts {
		peaks[i] = float64(slices.Max(energy[p]))
	}
	return 1 / max(median(peaks), least)
}

// addOver adds what lies at each cell of l, times gain, to the cells of grid above it.
func addOver[T float32 | float64](l *levelFit, to []float64, grid [2]int, cells []T, gain float64) {
	for y := range grid[0] {
		for x := range grid[1] {
			to[y*grid[1]+x] += float64(cells[y*l.h/grid[0]*l.w+x*l.w/grid[1]]) * gain
		}
	}
}

// placeShrink is the weight of the median place in the spread of each.
const placeShrink = 0.5

// placeScale is what the residual at each cell is divided by: the root of its spread,
// shrunk, so that a place where good parts vary counts less, but less so than in
// proportion.
func placeScale(levels []*levelFit, ms []levelModel, parts []int, grid [2]int) []float64 {
	scale := make([]float64, grid[0]*grid[1])
	for i, l := range levels {
		mean := make([]float64, l.h*l.w)
		for _, p := range parts {
			for c, e := range ms[i].energy[p] {
				mean[c] += float64(e) * ms[i].gain / float64(len(parts))
			}
		}
		addOver(l, scale, grid, mean, 1)
	}
	return shrunkRoots(scale)
}

// shrunkRoots are the roots of spreads, each drawn towards the median one.
func shrunkRoots(spread []float64) []float64 {
	middle := max(slices.Sorted(slices.Values(spread))[len(spread)/2], 1e-9)
	for i, v := range spread {
		spread[i] = math.Sqrt(math.Sqrt((1-placeShrink)*v + placeShrink*middle))
	}
	return spread
}
