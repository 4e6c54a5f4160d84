package fit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"winnow/infer"
	"winnow/infer/tflite"
)

// FeatureQuant is how standardized features, their reconstruction and the
// difference of both are quantized.
var FeatureQuant = featureQuant

// Front is a graph from a picture to one map of standardized features.
type Front struct {
	Graph       *tflite.Model // its only output: int8 [1,Grid[0],Grid[1],Channels] in FeatureQuant
	Grid        [2]int
	Channels    int
	FirstLatent int // first channel that the latent model looks at
	// Taps are the encoder's feature maps in Graph, in the encoder's order; none
	// where there is no encoder, and so no local view.
	Taps []int
}

// GridOf is the tap of taps whose grid the features of a front get.
func GridOf(taps []Tap) Tap { return taps[gridOf(taps)] }

// NewFront puts the standardization of f behind encoder, whose outputs f holds,
// from tap first on.
func NewFront(encoder *tflite.Model, f *Features, first int) (*Front, error) {
	if len(encoder.Outputs) != len(f.Taps) || f.Len() == 0 || first >= len(f.Taps) {
		return nil, fmt.Errorf("the encoder has %d outputs, the features of %d parts %d; the first of them was to be %d", len(encoder.Outputs), f.Len(), len(f.Taps), first)
	}
	taps := f.Taps[first:]
	t := GridOf(taps)
	fr := &Front{Grid: [2]int{t.Height, t.Width}, Taps: encoder.Outputs}
	stats := make([]channelStats, len(taps))
	for i := range taps {
		stats[i] = f.stats(first + i)
		fr.Channels += taps[i].Channels
	}
	if len(taps) > 1 {
		fr.FirstLatent = taps[0].Channels
	}
	c := &composer{Builder: tflite.Extend(encoder), grid: fr.Grid}
	var err error
	fr.Graph, err = c.Model(c.head(taps, encoder.Outputs[first:], stats))
	return fr, err
}

// Learned is a reconstruction of features that was learned elsewhere, and what
// it makes of good parts that it never saw.
type Learned struct {
	Name string
	// Append adds the operators behind picture and features, two tensors of b,
	// and returns the code and features minus reconstruction, which has the
	// features' shape and FeatureQuant.
	Append      func(b *tflite.Builder, picture, features int) (code, difference int, err error)
	Features    [][]byte // of the held-out parts
	Differences [][]byte // as Append's operators make them of the same parts
	// Seen and SeenDifferences are the same of parts that did teach it. They help
	// to know what is usual; no threshold is drawn from them.
	Seen, SeenDifferences [][]byte
	// Parts hold the groups of the held-out parts, then of those seen, the
	// feature maps for the local view (no taps: there is none), and the defects
	// that were drawn on held-out parts.
	Parts *Features
	// Drawn and DrawnDifferences are features and differences of those defects.
	Drawn, DrawnDifferences [][]byte
}

func (l *Learned) check() error {
	n := len(l.Features)
	switch {
	case n < MinParts || len(l.Differences) != n || len(l.Seen) != len(l.SeenDifferences) || l.Parts.Len() != n+len(l.Seen):
		return fmt.Errorf("%d held-out parts with %d differences, %d seen with %d, of %d parts: at least %d must be held out", n, len(l.Differences), len(l.Seen), len(l.SeenDifferences), l.Parts.Len(), MinParts)
	case len(l.Drawn) != l.Parts.Drawn() || len(l.DrawnDifferences) != l.Parts.Drawn():
		return fmt.Errorf("%d drawn defects with %d features and %d differences", l.Parts.Drawn(), len(l.Drawn), len(l.DrawnDifferences))
	}
	for _, d := range l.Parts.drawn {
		if d.source >= n {
			return errors.New("a defect is drawn on a part that was seen")
		}
	}
	return nil
}

// Around learns the statistics of the difference that l leaves on held-out good
// parts, looks at surroundings where there are feature maps for it, weighs the
// views by drawn defects, and calibrates, all as Fit does. Statistics are
// cross-fitted: each held-out part, and each defect drawn on it, is scored under
// those of the other folds and of the parts that were seen, so no part is judged
// by what it taught.
func Around(ctx context.Context, front *Front, l Learned, eng infer.Engine, o Options) (*Result, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if len(front.Taps) == 0 {
		o.LocalTaps = 0 // nothing carries it
	}
	if o.LocalTaps > min(len(l.Parts.Taps), len(front.Taps)) {
		return nil, fmt.Errorf("a local view of %d feature maps where there are %d", o.LocalTaps, len(l.Parts.Taps))
	}
	o = o.withDefaults(nil)
	ft := &fitter{o: o, eng: eng, ctx: ctx, grid: front.Grid, features: l.Parts}
	ft.channels = front.Channels
	x := rows{data: shelfOf(l.Differences, l.SeenDifferences), width: front.Grid[0] * front.Grid[1] * front.Channels, channels: front.Channels, step: featureStep}
	if ft.fold, ft.folds = folds(l.Parts.groups[:len(l.Features)], o.Folds, o.Seed); ft.folds < 2 {
		return nil, errors.New("the held-out parts are all of one group: at least 2 groups are needed")
	}
	for range l.Seen {
		ft.fold = append(ft.fold, ft.folds)
	}
	ft.kept = min(1, len(l.Seen))
	if !ft.pointed() {
		ft.o.LocalTaps = 0
	}
	ft.total = 2*ft.folds + len(l.Features) + len(l.Drawn) + 3
	if ft.o.LocalTaps > 0 {
		ft.total += l.Parts.Len() + len(l.Features) + len(l.Drawn)
	}
	for _, f := range slices.Concat(l.Features, l.Seen) {
		ft.desc = append(ft.desc, infer.Descriptor(f, front.Channels, front.FirstLatent))
	}
	return ft.around(front, &l, &x)
}

func (ft *fitter) around(front *Front, l *Learned, x *rows) (*Result, error) {
	all := ft.folds + ft.kept
	res, err := differences(x, ft.fold, all, func() error { return ft.tick("learning what it leaves") })
	if err != nil {
		return nil, err
	}
	held, odd := make([]HeldOut, len(l.Features)), make([]HeldOut, len(l.Drawn))
	for f := range ft.folds {
		outside, inside := split(ft.fold, f)
		m, err := ft.left(res, without(all, f), outside, front.FirstLatent)
		if err != nil {
			return nil, err
		}
		_, drawn := ft.features.inFolds(ft.fold, f)
		if err := ft.scoreLeft(m, l, inside, drawn, held, odd); err != nil {
			return nil, err
		}
	}
	m, err := ft.left(res, upTo(all), upTo(x.data.len()), front.FirstLatent)
	if err != nil {
		return nil, err
	}
	if ft.o.LocalTaps > 0 {
		if m.fine, m.local, err = ft.fitLocal(held, odd); err != nil {
			return nil, err
		}
	}
	r, err := ft.finalAround(front, l, m)
	if err != nil {
		return nil, err
	}
	if err := ft.calibrate(r, held, odd); err != nil {
		return nil, err
	}
	return r, ft.tick("done")
}

// left is the model of what is left of good parts, from folds and parts.
func (ft *fitter) left(res *residuals, folds, parts []int, first int) (*normality, error) {
	r, err := res.whitened(folds)
	if err != nil {
		return nil, err
	}
	l, err := latentModel(ft.desc, nil, parts, first, ft.o.LatentSize)
	return &normality{residual: r, channels: r.channels, scale: r.scale, latent: l}, err
}

// scoreLeft scores parts, and drawn defects, by running the whitening of m on
// their differences.
func (ft *fitter) scoreLeft(m *normality, l *Learned, parts, drawn []int, held, odd []HeldOut) error {
	c := &composer{Builder: tflite.NewBuilder("one fold"), grid: ft.grid}
	in := c.AddInput("difference", []int{1, ft.grid[0], ft.grid[1], ft.channels}, featureQuant)
	residual, step := c.whiten(c.centered(in, m.residual), m.residual)
	s, err := ft.load(c, residual)
	if err != nil {
		return err
	}
	defer s.Close()
	scorer := infer.NewScorer(ft.statistics(m, step))
	score := func(of []int, differences, features [][]byte, into []HeldOut) error {
		for _, p := range of {
			copy(s.Input(0), differences[p])
			if err := s.Run(); err != nil {
				return err
			}
			if into[p].Raw, err = scorer.Raw([][]byte{nil, s.Output(0), features[p]}); err != nil {
				return err
			}
			into[p].Members = *scorer.Ensemble()
			if err := ft.tick("judging held-out parts"); err != nil {
				return err
			}
		}
		return nil
	}
	if err := score(parts, l.Differences, l.Features, held); err != nil {
		return err
	}
	return score(drawn, l.DrawnDifferences, l.Drawn, odd)
}

// centered appends difference minus the mean that good parts leave at each
// place and channel.
func (c *composer) centered(difference int, r *residualModel) int {
	q := make([]int8, len(r.offset))
	for i, v := range r.offset {
		q[i] = int8(math.RoundToEven(max(-127, min(127, float64(v)/featureStep))))
	}
	mean := c.AddConst("left/mean", []int{1, c.grid[0], c.grid[1], r.channels}, q, featureQuant)
	return c.Sub("left", difference, mean, tflite.ActNone, featureQuant)
}

func (ft *fitter) finalAround(front *Front, l *Learned, m *normality) (*Result, error) {
	c := &composer{Builder: tflite.Extend(front.Graph), grid: front.Grid}
	features := front.Graph.Outputs[0]
	code, diff, err := l.Append(c.Builder, front.Graph.Inputs[0], features)
	if err != nil {
		return nil, err
	}
	residual, step := c.whiten(c.centered(diff, m.residual), m.residual)
	stats, outputs := ft.statistics(m, step), []int{code, residual, features}
	if m.local != nil {
		outputs = append(outputs, ft.appendLocal(c, front.Taps, m, stats))
	}
	graph, err := c.Model(outputs...)
	if err != nil {
		return nil, err
	}
	graph = graph.Cut(outputs) // taps that no view looks at
	graph.Description = "Winnow: " + l.Name
	return &Result{Graph: graph, Statistics: stats}, nil
}

// differences are the residual sums of rows that are differences already.
func differences(r *rows, fold []int, n int, tick func() error) (*residuals, error) {
	s := &residuals{channels: r.channels, cells: r.width / r.channels}
	s.source = func(dst []float32, f, from, to int) blas32.General {
		return r.load(dst, s.inside[f], from, to, nil)
	}
	for f := range n {
		_, inside := split(fold, f)
		s.inside, s.count = append(s.inside, inside), append(s.count, len(inside))
		s.moments(r, f)
		if err := tick(); err != nil {
			return nil, err
		}
	}
	return s, s.covariances(r, n, tick)
}
