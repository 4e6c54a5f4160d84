package fit

import (
	"slices"

	"winnow/infer"
	"winnow/infer/tflite"
)

// mostWeighed bounds how many good parts tell the spread of each place.
const mostWeighed = 200

// localFit carries what the steps of the local view share.
type localFit struct {
	*fitter
	taps  []Tap
	stats []channelStats
	s     *surround
}

// pointed reports whether the drawn defects on the parts outside of each fold point a local view
// anywhere: few may be drawn, as under a mask that leaves little to see, or all on parts of one fold.
func (ft *fitter) pointed() bool {
	points := func(f int) bool {
		for _, d := range ft.features.drawn {
			if ft.fold[d.source] != f && slices.ContainsFunc(d.cover, defective) {
				return true
			}
		}
		return false
	}
	for f := range ft.folds {
		if !points(f) {
			return false
		}
	}
	return true
}

// fitLocal learns the local view, scores held-out good parts and drawn defects
// with it, and returns the model of all parts.
func (ft *fitter) fitLocal(held, odd []HeldOut) (*localFit, *localModel, error) {
	lf := &localFit{fitter: ft, taps: ft.features.Taps[:ft.o.LocalTaps]}
	for i := range lf.taps {
		lf.stats = append(lf.stats, ft.features.plainStats(i))
	}
	if err := lf.gather(); err != nil {
		return nil, nil, err
	}
	for f := range ft.folds {
		if err := lf.crossFit(f, held, odd); err != nil {
			return nil, nil, err
		}
	}
	t, err := lf.s.foretell(upTo(ft.folds + ft.kept))
	if err != nil {
		return nil, nil, err
	}
	m, err := lf.s.localOf(t, func(int) bool { return true })
	if err != nil {
		return nil, nil, err
	}
	lf.s.spend()
	s, step, err := lf.session(m)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	return lf, m, lf.weigh(s, step, m, upTo(len(ft.features.parts)))
}

// gather runs every part, drawn defect and part in other conditions through the head.
func (lf *localFit) gather() error {
	c := lf.inputs("fine features")
	s, err := lf.load(c.composer, c.localHead(lf.taps, c.in, lf.stats))
	if err != nil {
		return err
	}
	defer s.Close()
	channels := 0
	for _, t := range lf.taps {
		channels += t.Channels
	}
	f := lf.features
	lf.s = newSurround([2]int{lf.taps[0].Height, lf.taps[0].Width}, channels, lf.folds+lf.kept, f.Len())
	lf.s.o = &lf.o
	for i, p := range f.parts {
		if err := lf.run(s, p); err != nil {
			return err
		}
		lf.s.add(lf.fold[i], s.Output(0))
		if err := lf.tick("looking at surroundings"); err != nil {
			return err
		}
	}
	for i, d := range f.drawn {
		if err := lf.run(s, d.number); err != nil {
			return err
		}
		lf.s.addOdd(i, s.Output(0), d.cover)
	}
	plain := make([]byte, len(s.Output(0)))
	stride := max(1, len(lf.s.places)*f.Swayed()/swayRows)
	for i, r := range f.swayed {
		if err := lf.run(s, f.parts[r.source]); err != nil {
			return err
		}
		copy(plain, s.Output(0))
		if err := lf.run(s, r.number); err != nil {
			return err
		}
		lf.s.addChange(lf.fold[r.source], s.Output(0), plain, swayCounts*float64(f.Len())/float64(f.Swayed()), i, stride)
		if err := lf.tick("looking at surroundings"); err != nil {
			return err
		}
	}
	return nil
}

// tapped is a composer whose inputs are taps.
type tapped struct {
	*composer
	in []int
}

func (lf *localFit) inputs(name string) tapped {
	c := tapped{composer: &composer{Builder: tflite.NewBuilder(name)}}
	for _, t := range lf.taps {
		c.in = append(c.in, c.AddInput(t.Name, []int{1, t.Height, t.Width, t.Channels}, t.quant()))
	}
	return c
}

// run the taps of one picture.
func (lf *localFit) run(s infer.Session, picture int) error {
	for i := range lf.taps {
		lf.features.read(s.Input(i), picture, i)
	}
	return s.Run()
}

// session of the local view from its taps.
func (lf *localFit) session(m *localModel) (infer.Session, float64, error) {
	c := lf.inputs("local view")
	out, step := c.localTail(c.localHead(lf.taps, c.in, lf.stats), m)
	s, err := lf.load(c.composer, out)
	return s, step, err
}

// weigh learns the spread of each place from some of the parts.
func (lf *localFit) weigh(s infer.Session, step float64, m *localModel, parts []int) error {
	stride := (len(parts) + mostWeighed - 1) / mostWeighed
	_, dirs := m.kernel.Dims()
	sum, n := make([]float64, len(m.weight)), 0
	for i := 0; i < len(parts); i += stride {
		if err := lf.run(s, lf.features.parts[parts[i]]); err != nil {
			return err
		}
		powers(sum, s.Output(0), dirs, step)
		n++
		if err := lf.ctx.Err(); err != nil {
			return err
		}
	}
	m.weigh(sum, n, lf.s.grid)
	return nil
}

// crossFit scores fold f with the model of the others. Drawn defects are scored
// by a model that saw neither their part nor their half of the kinds: how well
// the view does on defects that nobody thought of.
func (lf *localFit) crossFit(f int, held, odd []HeldOut) error {
	outside, inside := split(lf.fold, f)
	_, drawn := lf.features.inFolds(lf.fold, f)
	t, err := lf.s.foretell(without(lf.folds+lf.kept, f))
	if err != nil {
		return err
	}
	seen := func(of int) bool { return lf.fold[lf.features.drawn[of].source] != f }
	m, err := lf.s.localOf(t, seen)
	if err != nil {
		return err
	}
	score := func(m *localModel, weigh bool, parts []int, number func(int) int, into []HeldOut) error {
		s, step, err := lf.session(m)
		if err != nil {
			return err
		}
		defer s.Close()
		if weigh {
			if err := lf.weigh(s, step, m, outside); err != nil {
				return err
			}
		}
		return lf.scoreWith(s, lf.s.statistics(m, step), parts, number, into)
	}
	if err := score(m, true, inside, func(i int) int { return lf.features.parts[i] }, held); err != nil {
		return err
	}
	for half := range 2 {
		of := func(i int) bool { return lf.features.drawn[i].kind%2 == half }
		other, err := lf.s.localOf(t, func(i int) bool { return seen(i) && !of(i) })
		if err != nil {
			other = m // all drawn defects are of one half
		}
		other.weight = m.weight
		var mine []int
		for _, i := range drawn {
			if of(i) {
				mine = append(mine, i)
			}
		}
		if err := score(other, false, mine, func(i int) int { return lf.features.drawn[i].number }, odd); err != nil {
			return err
		}
	}
	return nil
}

// scoreWith writes the local deviation of parts or drawn defects, whose pictures
// number names, to into.
func (lf *localFit) scoreWith(s infer.Session, m *infer.LocalModel, of []int, number func(int) int, into []HeldOut) error {
	scorer := infer.NewLocalScorer(m)
	for _, p := range of {
		if err := lf.run(s, number(p)); err != nil {
			return err
		}
		peak, members := scorer.Peak(s.Output(0))
		into[p].Raw.Local = peak
		for m, v := range members {
			into[p].Members[m].Local = v
		}
		if err := lf.tick("judging held-out surroundings"); err != nil {
			return err
		}
	}
	return nil
}
