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
}

// NewFront puts the standardization of f behind encoder, whose outputs f holds.
// grid is the index of the tap whose grid the features get; -1 is Fit's choice.
func NewFront(encoder *tflite.Model, f *Features, grid int) (*Front, error) {
	if len(encoder.Outputs) != len(f.Taps) || f.Len() == 0 {
		return nil, fmt.Errorf("the encoder has %d outputs, the features of %d parts %d", len(encoder.Outputs), f.Len(), len(f.Taps))
	}
	if grid < 0 {
		grid = gridOf(f.Taps)
	}
	t := f.Taps[grid]
	fr := &Front{Grid: [2]int{t.Height, t.Width}}
	stats := make([]channelStats, len(f.Taps))
	for i := range f.Taps {
		stats[i] = f.stats(i)
		fr.Channels += f.Taps[i].Channels
	}
	if len(f.Taps) > 1 {
		fr.FirstLatent = f.Taps[0].Channels
	}
	c := &composer{Builder: tflite.Extend(encoder), grid: fr.Grid}
	var err error
	fr.Graph, err = c.Model(c.head(f.Taps, encoder.Outputs, stats))
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
	Groups      []int    // parts of one group are not independent
	// Seen and SeenDifferences are the same of parts that did teach it. They help
	// to know what is usual; no threshold is drawn from them.
	Seen, SeenDifferences [][]byte
}

// Around learns the statistics of the difference that l leaves on held-out good
// parts, and calibrates. Statistics are cross-fitted: each held-out part is
// scored under those of the other folds and of the parts that were seen, so no
// part is judged by what it taught.
func Around(ctx context.Context, front *Front, l Learned, eng infer.Engine, o Options) (*Result, error) {
	if len(l.Features) < MinParts || len(l.Differences) != len(l.Features) || len(l.Groups) != len(l.Features) || len(l.Seen) != len(l.SeenDifferences) {
		return nil, fmt.Errorf("%d held-out parts with %d differences in %d groups: at least %d of each are needed", len(l.Features), len(l.Differences), len(l.Groups), MinParts)
	}
	o = o.withDefaults(nil)
	ft := &fitter{o: o, eng: eng, ctx: ctx, grid: front.Grid, features: &Features{groups: l.Groups}}
	ft.x = rows{data: slices.Concat(l.Differences, l.SeenDifferences), width: front.Grid[0] * front.Grid[1] * front.Channels, channels: front.Channels, step: featureStep}
	if ft.fold, ft.folds = folds(l.Groups, o.Folds, o.Seed); ft.folds < 2 {
		return nil, errors.New("the held-out parts are all of one group: at least 2 groups are needed")
	}
	for range l.Seen {
		ft.fold = append(ft.fold, ft.folds) // one more fold, which is never left out
	}
	ft.total = 2*ft.folds + len(l.Features) + 3
	for _, f := range slices.Concat(l.Features, l.Seen) {
		ft.desc = append(ft.desc, infer.Descriptor(f, front.Channels, front.FirstLatent))
	}
	return ft.around(front, l)
}

func (ft *fitter) around(front *Front, l Learned) (*Result, error) {
	all := ft.folds + min(1, len(l.Seen))
	res, err := differences(&ft.x, ft.fold, all, func() error { return ft.tick("learning what it leaves") })
	if err != nil {
		return nil, err
	}
	held := make([]HeldOut, len(l.Features))
	for f := range ft.folds {
		outside, inside := split(ft.fold, f)
		m, err := ft.left(res, without(all, f), outside, front.FirstLatent)
		if err != nil {
			return nil, err
		}
		if err := ft.scoreLeft(m, l, inside, held); err != nil {
			return nil, err
		}
	}
	m, err := ft.left(res, upTo(all), upTo(len(ft.x.data)), front.FirstLatent)
	if err != nil {
		return nil, err
	}
	r, err := ft.finalAround(front, l, m)
	if err != nil {
		return nil, err
	}
	if err := ft.calibrate(r, held, nil); err != nil {
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
	l, err := latentModel(ft.desc, parts, first, ft.o.LatentSize)
	return &normality{residual: r, latent: l}, err
}

// scoreLeft scores parts by running the whitening of m on their differences.
func (ft *fitter) scoreLeft(m *normality, l Learned, parts []int, held []HeldOut) error {
	c := &composer{Builder: tflite.NewBuilder("one fold"), grid: ft.grid}
	in := c.AddInput("difference", []int{1, ft.grid[0], ft.grid[1], ft.x.channels}, featureQuant)
	residual, step := c.whiten(c.centered(in, m.residual), m.residual)
	s, err := ft.load(c, residual)
	if err != nil {
		return err
	}
	defer s.Close()
	scorer := infer.NewScorer(ft.statistics(m, step))
	for _, p := range parts {
		copy(s.Input(0), l.Differences[p])
		if err := s.Run(); err != nil {
			return err
		}
		if held[p].Raw, err = scorer.Raw([][]byte{nil, s.Output(0), l.Features[p]}); err != nil {
			return err
		}
		if err := ft.tick("judging held-out parts"); err != nil {
			return err
		}
	}
	return nil
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

func (ft *fitter) finalAround(front *Front, l Learned, m *normality) (*Result, error) {
	c := &composer{Builder: tflite.Extend(front.Graph), grid: front.Grid}
	features := front.Graph.Outputs[0]
	code, diff, err := l.Append(c.Builder, front.Graph.Inputs[0], features)
	if err != nil {
		return nil, err
	}
	residual, step := c.whiten(c.centered(diff, m.residual), m.residual)
	graph, err := c.Model(code, residual, features)
	if err != nil {
		return nil, err
	}
	graph.Description = "Winnow: " + l.Name
	return &Result{Graph: graph, Statistics: ft.statistics(m, step)}, nil
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
