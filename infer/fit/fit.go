package fit

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"winnow/infer"
	"winnow/infer/tflite"
	"winnow/models"
)

// MinParts is the fewest good parts that can be learned from.
const MinParts = 8

// Options of a fit. The zero value of a field means its default.
type Options struct {
	CodeSize    int     // most entries of the autoencoder's code; 32
	LatentSize  int     // most directions of the latent model; 32
	Folds       int     // of the cross-fit; 5
	FalseReject float64 // the rate that the threshold is drawn for; 0.01
	Seed        uint64  // of the split into folds
	FirstTap    int     // first tap of the autoencoder and the latent view
	LocalTaps   int     // leading taps of the local view; 0: no such view
	Grid        int     // index, from FirstTap, of the tap whose grid the autoencoder has; by mostCells
	Threads     int     // of the engine's sessions
	// Cells is how much each cell of a grid counts, 0..1; nil: all in full.
	Cells func(h, w int) []float64
	Spend bool // let go of feature maps on the way: the features cannot be used again
	// Progress is told what is done; it is called from the fitting goroutine.
	Progress func(stage string, done, total int)
}

// mostCells bounds the grid of the autoencoder: it reconstructs the whole map at
// once, and its cost and its hunger for parts grow with the map.
const mostCells = 400

// gridOf is the finest of taps but the first with at most mostCells, or the coarsest.
func gridOf(taps []Tap) int {
	for i, t := range taps {
		if (i > 0 || len(taps) < 3) && t.Height*t.Width <= mostCells {
			return i
		}
	}
	return len(taps) - 1
}

func (o Options) withDefaults(taps []Tap) Options {
	if o.CodeSize == 0 {
		o.CodeSize = 32
	}
	if o.LatentSize == 0 {
		o.LatentSize = 32
	}
	if o.Folds == 0 {
		o.Folds = 5
	}
	if o.FalseReject == 0 {
		o.FalseReject = 0.01
	}
	if o.Grid == 0 && len(taps) > 0 {
		o.Grid = gridOf(taps)
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return o
}

// count multiplies the weights of a grid's cells by how much they count.
func (o *Options) count(weight []float64, grid [2]int) {
	if o == nil || o.Cells == nil {
		return
	}
	for i, c := range o.Cells(grid[0], grid[1]) {
		weight[i] *= c
	}
}

// HeldOut is how one taught part scores under a model that never saw its fold.
type HeldOut struct {
	Raw     infer.Deviations
	Members infer.Ensemble // the same for each member of the ensemble
	Spread  float64        // of Fused
	Fused   float64
	MapPeak float64 // the most that the anomaly map can show
}

// Result of a fit: all that a package needs.
type Result struct {
	Graph       *tflite.Model
	Statistics  *infer.Statistics
	Calibration models.Calibration
	HeldOut     []HeldOut   // a part, in the order they were added
	Drawn       []HeldOut   // the same of drawn defects, by models that saw neither their part nor, in the local view, their kind
	Descriptors [][]float64 // of the parts, as infer.Descriptor gives them
}

// fitter carries what the steps of one fit share.
type fitter struct {
	o        Options
	eng      infer.Engine
	features *Features
	grid     [2]int
	stats    []channelStats
	taps     []Tap // of the autoencoder and the latent view
	x        rows
	odd      *shelf // features of drawn defects, as x.data of parts
	desc     [][]float64
	fold     []int
	folds    int
	kept     int // folds beyond those, that are never left out
	ticks    int
	total    int
	ctx      context.Context
}

// Fit learns from features what good parts look like. encoder is the graph
// whose outputs the features are, in the same order, at the same size; the
// result's graph is encoder with the model of normality behind it. Held-out
// scores are had by running the very graph of each fold on eng.
func Fit(ctx context.Context, encoder *tflite.Model, f *Features, eng infer.Engine, o Options) (*Result, error) {
	if f.Len() < MinParts || f.Groups() < 2 {
		return nil, fmt.Errorf("%d good parts in %d groups are too few to learn from: at least %d parts and 2 groups are needed", f.Len(), f.Groups(), MinParts)
	}
	if len(encoder.Outputs) != len(f.Taps) {
		return nil, fmt.Errorf("the encoder has %d outputs, the features %d", len(encoder.Outputs), len(f.Taps))
	}
	if o.FirstTap >= len(f.Taps) || o.LocalTaps > len(f.Taps) {
		return nil, fmt.Errorf("%d taps cannot be had from tap %d on and the first %d", len(f.Taps), o.FirstTap, o.LocalTaps)
	}
	if o.LocalTaps > 0 && f.Drawn() == 0 {
		o.LocalTaps = 0 // nothing points it anywhere
	}
	o = o.withDefaults(f.Taps[o.FirstTap:])
	t := f.Taps[o.FirstTap+o.Grid]
	ft := &fitter{o: o, eng: eng, features: f, taps: f.Taps[o.FirstTap:], grid: [2]int{t.Height, t.Width}, ctx: ctx}
	ft.fold, ft.folds = folds(f.groups, o.Folds, o.Seed)
	return ft.run(encoder)
}

// tick counts one unit of work and reports whether to go on.
func (ft *fitter) tick(stage string) error {
	ft.ticks++
	ft.o.Progress(stage, min(ft.ticks, ft.total), ft.total)
	for _, s := range []*shelf{ft.x.data, ft.odd} {
		if s != nil && s.err != nil {
			return s.err
		}
	}
	return ft.ctx.Err()
}

func (ft *fitter) run(encoder *tflite.Model) (*Result, error) {
	defer func() { ft.x.data.close(); ft.odd.close() }()
	if err := ft.standardize(); err != nil {
		return nil, err
	}
	chunks := (ft.x.width + ft.x.chunk() - 1) / ft.x.chunk()
	ft.total = ft.ticks + chunks + 2*ft.folds + 2*ft.features.Len() + ft.features.Drawn() + 1
	if ft.o.LocalTaps > 0 {
		ft.total += 2*ft.features.Len() + ft.features.Drawn()
	}
	shots := snapshots(ft.x.data.len())
	g, err := ft.x.gram(shots, ft.x.mean(shots), func() error { return ft.tick("comparing parts") })
	if err != nil {
		return nil, err
	}
	res, err := newResiduals(&ft.x, g, ft.fold, ft.folds, ft.o.CodeSize, ft.features.room, func() error { return ft.tick("learning") })
	if err != nil {
		return nil, err
	}
	defer res.close()
	held, odd, err := ft.crossFit(res)
	if err != nil {
		return nil, err
	}
	m, err := ft.whole(g, res)
	if err != nil {
		return nil, err
	}
	res.close() // its bases are the largest thing that a fit holds
	*res, g = residuals{}, nil
	defer m.basis.p.close()
	ft.x.data.close()
	ft.odd.close()
	if ft.o.LocalTaps > 0 {
		if m.fine, m.local, err = ft.fitLocal(held, odd); err != nil {
			return nil, err
		}
	}
	r, err := ft.final(encoder, m)
	if err != nil {
		return nil, err
	}
	if err := ft.calibrate(r, held, odd); err != nil {
		return nil, err
	}
	return r, ft.tick("done")
}

// standardize runs the head graph over every part's taps: the teach matrix.
func (ft *fitter) standardize() error {
	f := ft.features
	ft.total = 4*f.Len() + 2*f.Drawn() + 20
	for i := range ft.taps {
		ft.stats = append(ft.stats, f.stats(ft.o.FirstTap+i))
	}
	c := &composer{Builder: tflite.NewBuilder("standardization of features"), grid: ft.grid}
	var in []int
	for _, t := range ft.taps {
		in = append(in, c.AddInput(t.Name, []int{1, t.Height, t.Width, t.Channels}, tflite.Quant{Scale: t.Scale, ZeroPoint: t.ZeroPoint}))
	}
	s, err := ft.load(c, c.head(ft.taps, in, ft.stats))
	if err != nil {
		return err
	}
	defer s.Close()
	channels := 0
	for _, t := range ft.taps {
		channels += t.Channels
	}
	ft.x = rows{width: ft.grid[0] * ft.grid[1] * channels, channels: channels, step: featureStep, data: &shelf{room: f.room}}
	ft.odd = &shelf{room: f.room}
	for _, p := range f.parts {
		row, err := ft.standard(s, p)
		if err != nil {
			return err
		}
		if _, err := ft.x.data.add(row); err != nil {
			return err
		}
		ft.desc = append(ft.desc, infer.Descriptor(row, channels, ft.firstLatent()))
	}
	for _, d := range f.drawn {
		row, err := ft.standard(s, d.number)
		if err != nil {
			return err
		}
		if _, err := ft.odd.add(row); err != nil {
			return err
		}
	}
	if ft.o.Spend {
		for _, s := range f.rows[ft.o.LocalTaps:] {
			s.close() // the rest is in x now
		}
	}
	return f.err()
}

// standard runs the head on the taps of one picture; the next call overwrites
// what it returns.
func (ft *fitter) standard(s infer.Session, picture int) ([]byte, error) {
	for i := range ft.taps {
		ft.features.read(s.Input(i), picture, ft.o.FirstTap+i)
	}
	if err := s.Run(); err != nil {
		return nil, err
	}
	return s.Output(0), ft.tick("standardizing")
}

// firstLatent is the first channel that the latent model looks at: all taps but
// the shallowest.
func (ft *fitter) firstLatent() int {
	if len(ft.taps) < 2 {
		return 0
	}
	return ft.taps[0].Channels
}

// load makes a session of what c has composed.
func (ft *fitter) load(c *composer, outputs ...int) (infer.Session, error) {
	m, err := c.Model(outputs...)
	if err != nil {
		return nil, err
	}
	b, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	return ft.eng.Load(b, infer.Options{Threads: ft.o.Threads})
}

// crossFit scores the parts of each fold, and the defects drawn on them, with
// the model of the others.
func (ft *fitter) crossFit(res *residuals) (held, odd []HeldOut, err error) {
	held, odd = make([]HeldOut, ft.x.data.len()), make([]HeldOut, ft.odd.len())
	for f := range ft.folds {
		outside, inside := split(ft.fold, f)
		model, err := ft.normality(res.bases[f], res, without(ft.folds, f), outside)
		if err != nil {
			return nil, nil, err
		}
		_, drawn := ft.features.inFolds(ft.fold, f)
		if err := ft.scoreFold(model, inside, drawn, held, odd); err != nil {
			return nil, nil, err
		}
	}
	return held, odd, nil
}

// normality is one complete model of good parts, before calibration.
type normality struct {
	basis    *basis
	residual *residualModel
	latent   infer.LatentModel
	codeMax  float64 // largest code entry that is represented
	fine     *localFit
	local    *localModel // nil without a local view
}

// normality from the residuals of folds and the descriptors of parts.
func (ft *fitter) normality(b *basis, res *residuals, folds, parts []int) (*normality, error) {
	r, err := res.whitened(folds)
	if err != nil {
		return nil, err
	}
	l, err := latentModel(ft.desc, parts, ft.firstLatent(), ft.o.LatentSize)
	if err != nil {
		return nil, err
	}
	m := &normality{basis: b, residual: r, latent: l}
	for _, d := range b.dev {
		m.codeMax = max(m.codeMax, 6*d)
	}
	return m, nil
}

// statistics of the model beside its graph; the views are filled later.
func (ft *fitter) statistics(m *normality, residualStep float64) *infer.Statistics {
	s := &infer.Statistics{
		Grid: ft.grid, Channels: ft.x.channels, ResidualScale: residualStep, Latent: m.latent,
		PositionWeight: make([]float64, len(m.residual.scale)),
		Views:          [2]infer.View{{LogScale: 1, Median: 1}, {LogScale: 1, Median: 1}},
		Fusion:         infer.Fusion{Reconstruction: 1, Latent: 0.25},
	}
	for i, v := range m.residual.scale {
		s.PositionWeight[i] = 1 / v
	}
	ft.o.count(s.PositionWeight, ft.grid)
	return s
}

func (ft *fitter) scoreFold(m *normality, parts, drawn []int, held, odd []HeldOut) error {
	c := &composer{Builder: tflite.NewBuilder("one fold"), grid: ft.grid}
	in := c.AddInput("features", []int{1, ft.grid[0], ft.grid[1], ft.x.channels}, featureQuant)
	code, residual, step, err := c.tail(in, m)
	if err != nil {
		return err
	}
	s, err := ft.load(c, code, residual)
	if err != nil {
		return err
	}
	defer s.Close()
	scorer := infer.NewScorer(ft.statistics(m, step))
	score := func(of []int, rows *shelf, into []HeldOut) error {
		for _, p := range of {
			rows.read(s.Input(0), p, 0)
			if err := s.Run(); err != nil {
				return err
			}
			if into[p].Raw, err = scorer.Raw([][]byte{s.Output(0), s.Output(1), s.Input(0)}); err != nil {
				return err
			}
			into[p].Members = *scorer.Ensemble()
			if err := ft.tick("judging held-out parts"); err != nil {
				return err
			}
		}
		return rows.err
	}
	if err := score(parts, ft.x.data, held); err != nil {
		return err
	}
	return score(drawn, ft.odd, odd)
}

// whole is the model of all parts, but for the local view.
func (ft *fitter) whole(g *mat.SymDense, res *residuals) (*normality, error) {
	n := ft.x.data.len()
	shots := snapshots(n)
	b, err := newBasis(&ft.x, g, upTo(len(shots)), shots, ft.o.CodeSize, ft.features.room)
	if err != nil {
		return nil, err
	}
	return ft.normality(b, res, upTo(ft.folds), upTo(n))
}

// final composes the package's graph.
func (ft *fitter) final(encoder *tflite.Model, m *normality) (*Result, error) {
	c := &composer{Builder: tflite.Extend(encoder), grid: ft.grid}
	features := c.head(ft.taps, encoder.Outputs[ft.o.FirstTap:], ft.stats)
	code, residual, step, err := c.tail(features, m)
	if err != nil {
		return nil, err
	}
	stats, outputs := ft.statistics(m, step), []int{code, residual, features}
	if m.local != nil {
		outputs = append(outputs, ft.appendLocal(c, encoder.Outputs, m, stats))
	}
	graph, err := c.Model(outputs...)
	if err != nil {
		return nil, err
	}
	graph.Description = "Winnow: closed-form autoencoder on frozen features"
	return &Result{Graph: graph, Statistics: stats}, nil
}

// appendLocal appends the local view behind taps, tells stats of it, and returns
// its output.
func (ft *fitter) appendLocal(c *composer, taps []int, m *normality, stats *infer.Statistics) int {
	local, step := c.localTail(c.localHead(m.fine.taps, taps, m.fine.stats), m.local)
	stats.Local = m.fine.s.statistics(m.local, step)
	return local
}

// calibrate standardizes the views by held-out parts, fuses, draws the threshold,
// and says how sure a score is.
func (ft *fitter) calibrate(r *Result, held, odd []HeldOut) error {
	s := r.Statistics
	whole := standardized(s, held, odd, func(h HeldOut) infer.Deviations { return h.Raw })
	s.Views, s.Fusion = whole.Views, whole.Fusion
	if s.Local != nil {
		s.Local.View = whole.Local
	}
	for _, of := range [][]HeldOut{held, odd} {
		for i := range of {
			of[i].Fused = s.Fusion.Fuse(s.Standardize(of[i].Raw))
			of[i].MapPeak = s.MapPeak(of[i].Raw)
		}
	}
	ft.ensemble(s, held, odd)
	fused, spread := make([]float64, len(held)), make([]float64, len(held))
	for i, h := range held {
		fused[i], spread[i] = h.Fused, h.Spread
	}
	cal, err := Calibrate(fused, ft.features.groups[:len(held)], ft.o.FalseReject, "cross", ft.o.Seed)
	if err != nil {
		return err
	}
	cal.UnsureReach = reach(cal, fused, spread)
	cal.MapScale = 0
	for _, h := range held {
		if h.Fused <= cal.Threshold {
			cal.MapScale = max(cal.MapScale, h.MapPeak)
		}
	}
	if !(cal.MapScale > 0) {
		return errors.New("the anomaly map of every good part is empty")
	}
	r.Calibration, r.HeldOut, r.Drawn, r.Descriptors = cal, held, odd, ft.desc
	return nil
}
