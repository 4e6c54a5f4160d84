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
	Grid        int     // index of the tap whose grid the map has; the last but one
	Threads     int     // of the engine's sessions
	// Progress is told what is done; it is called from the fitting goroutine.
	Progress func(stage string, done, total int)
}

func (o Options) withDefaults(taps int) Options {
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
	if o.Grid == 0 {
		o.Grid = max(0, taps-2)
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return o
}

// HeldOut is how one taught part scores under a model that never saw its fold.
type HeldOut struct {
	Reconstruction, Latent float64 // raw views
	Fused                  float64
	MapPeak                float64 // largest value of the anomaly map
}

// Result of a fit: all that a package needs.
type Result struct {
	Graph       *tflite.Model
	Statistics  *infer.Statistics
	Calibration models.Calibration
	HeldOut     []HeldOut // a part, in the order they were added
}

// fitter carries what the steps of one fit share.
type fitter struct {
	o        Options
	eng      infer.Engine
	features *Features
	grid     [2]int
	stats    []channelStats
	x        rows
	desc     [][]float64
	fold     []int
	folds    int
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
	o = o.withDefaults(len(f.Taps))
	t := f.Taps[o.Grid]
	ft := &fitter{o: o, eng: eng, features: f, grid: [2]int{t.Height, t.Width}, ctx: ctx}
	ft.fold, ft.folds = folds(f.groups, o.Folds, o.Seed)
	return ft.run(encoder)
}

// tick counts one unit of work and reports whether to go on.
func (ft *fitter) tick(stage string) error {
	ft.ticks++
	ft.o.Progress(stage, min(ft.ticks, ft.total), ft.total)
	return ft.ctx.Err()
}

func (ft *fitter) run(encoder *tflite.Model) (*Result, error) {
	if err := ft.standardize(); err != nil {
		return nil, err
	}
	chunks := (ft.x.width + ft.x.chunk() - 1) / ft.x.chunk()
	ft.total = ft.ticks + chunks + 2*ft.folds + ft.features.Len() + 1
	g, err := ft.x.gram(ft.x.mean(upTo(len(ft.x.data))), func() error { return ft.tick("comparing parts") })
	if err != nil {
		return nil, err
	}
	res, err := newResiduals(&ft.x, g, ft.fold, ft.folds, ft.o.CodeSize, func() error { return ft.tick("learning") })
	if err != nil {
		return nil, err
	}
	held, err := ft.crossFit(res)
	if err != nil {
		return nil, err
	}
	r, err := ft.final(encoder, g, res)
	if err != nil {
		return nil, err
	}
	if err := ft.calibrate(r, held); err != nil {
		return nil, err
	}
	return r, ft.tick("done")
}

// standardize runs the head graph over every part's taps: the teach matrix.
func (ft *fitter) standardize() error {
	f := ft.features
	ft.total = 2*f.Len() + 20
	for i := range f.Taps {
		ft.stats = append(ft.stats, f.stats(i))
	}
	c := &composer{Builder: tflite.NewBuilder("standardization of features"), grid: ft.grid}
	var in []int
	for _, t := range f.Taps {
		in = append(in, c.AddInput(t.Name, []int{1, t.Height, t.Width, t.Channels}, tflite.Quant{Scale: t.Scale, ZeroPoint: t.ZeroPoint}))
	}
	s, err := ft.load(c, c.head(f.Taps, in, ft.stats))
	if err != nil {
		return err
	}
	defer s.Close()
	channels := 0
	for _, t := range f.Taps {
		channels += t.Channels
	}
	ft.x = rows{width: ft.grid[0] * ft.grid[1] * channels, channels: channels, step: featureStep}
	for _, p := range f.parts {
		for i, t := range p {
			copy(s.Input(i), t)
		}
		if err := s.Run(); err != nil {
			return err
		}
		row := append([]byte(nil), s.Output(0)...)
		ft.x.data = append(ft.x.data, row)
		ft.desc = append(ft.desc, infer.Descriptor(row, channels, ft.firstLatent()))
		if err := ft.tick("standardizing"); err != nil {
			return err
		}
	}
	return nil
}

// firstLatent is the first channel that the latent model looks at: all taps but
// the shallowest.
func (ft *fitter) firstLatent() int {
	if len(ft.features.Taps) < 2 {
		return 0
	}
	return ft.features.Taps[0].Channels
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

// crossFit scores the parts of each fold with the model of the others.
func (ft *fitter) crossFit(res *residuals) ([]HeldOut, error) {
	held := make([]HeldOut, len(ft.x.data))
	for f := range ft.folds {
		outside, inside := split(ft.fold, f)
		model, err := ft.normality(res.bases[f], res, without(ft.folds, f), outside)
		if err != nil {
			return nil, err
		}
		if err := ft.scoreFold(model, inside, held); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// normality is one complete model of good parts, before calibration.
type normality struct {
	basis    *basis
	residual *residualModel
	latent   infer.LatentModel
	codeMax  float64 // largest code entry that is represented
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
		Views:          [2]infer.View{{LogScale: 1}, {LogScale: 1}},
		Fusion:         infer.Fusion{Reconstruction: 1, Latent: 0.5},
	}
	for i, v := range m.residual.scale {
		s.PositionWeight[i] = 1 / v
	}
	return s
}

func (ft *fitter) scoreFold(m *normality, parts []int, held []HeldOut) error {
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
	for _, p := range parts {
		copy(s.Input(0), ft.x.data[p])
		if err := s.Run(); err != nil {
			return err
		}
		rec, lat, err := scorer.Raw([][]byte{s.Output(0), s.Output(1), ft.x.data[p]})
		if err != nil {
			return err
		}
		held[p] = HeldOut{Reconstruction: rec, Latent: lat, MapPeak: rec}
		if err := ft.tick("judging held-out parts"); err != nil {
			return err
		}
	}
	return nil
}

// final composes the package's graph from all parts.
func (ft *fitter) final(encoder *tflite.Model, g *mat.SymDense, res *residuals) (*Result, error) {
	b, err := newBasis(&ft.x, g, upTo(len(ft.x.data)), ft.o.CodeSize)
	if err != nil {
		return nil, err
	}
	m, err := ft.normality(b, res, upTo(ft.folds), upTo(len(ft.x.data)))
	if err != nil {
		return nil, err
	}
	c := &composer{Builder: tflite.Extend(encoder), grid: ft.grid}
	features := c.head(ft.features.Taps, encoder.Outputs, ft.stats)
	code, residual, step, err := c.tail(features, m)
	if err != nil {
		return nil, err
	}
	graph, err := c.Model(code, residual, features)
	if err != nil {
		return nil, err
	}
	graph.Description = "Winnow: closed-form autoencoder on frozen features"
	return &Result{Graph: graph, Statistics: ft.statistics(m, step)}, nil
}

// calibrate standardizes the views by held-out parts, fuses, and draws the threshold.
func (ft *fitter) calibrate(r *Result, held []HeldOut) error {
	rec, lat := make([]float64, len(held)), make([]float64, len(held))
	for i, h := range held {
		rec[i], lat[i] = h.Reconstruction, h.Latent
	}
	s := r.Statistics
	s.Views = [2]infer.View{view(rec), view(lat)}
	fused := make([]float64, len(held))
	for i := range held {
		fused[i], _ = s.Fusion.Fuse(s.Views[0].Standardize(rec[i]), s.Views[1].Standardize(lat[i]))
		held[i].Fused = fused[i]
	}
	cal, err := Calibrate(fused, ft.features.groups, ft.o.FalseReject, "cross", ft.o.Seed)
	if err != nil {
		return err
	}
	cal.MapScale = 0
	for _, h := range held {
		if h.Fused <= cal.Threshold {
			cal.MapScale = max(cal.MapScale, h.MapPeak)
		}
	}
	if !(cal.MapScale > 0) {
		return errors.New("the anomaly map of every good part is empty")
	}
	r.Calibration, r.HeldOut = cal, held
	return nil
}
