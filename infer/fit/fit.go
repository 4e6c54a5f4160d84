package fit

import (
	"context"
	"errors"
	"fmt"

	"winnow/infer"
	"winnow/infer/tflite"
	"winnow/models"
)

// MinParts is the fewest good parts that can be learned from.
const MinParts = 8

// Options of a fit. The zero value of a field means its default.
type Options struct {
	CodeSize    int     // most entries of the code of each of the autoencoder's levels, those for conditions not counted; 64
	LatentSize  int     // most directions of the latent model; 32
	Folds       int     // of the cross-fit; 5
	FalseReject float64 // the rate that the threshold is drawn for; 0.01
	Seed        uint64  // of the split into folds
	FirstTap    int     // first tap of the standardized features, which the latent view looks at
	LocalTaps   int     // leading taps of the local view; 0: no such view
	WideTaps    int     // trailing taps that nothing but the wide map looks at; 0: no such map
	Grid        int     // index, from FirstTap, of the tap whose grid the autoencoder has; by mostCells
	Threads     int     // of the engine's sessions
	// Cells is how much each cell of a grid counts, 0..1; nil: all in full.
	Cells func(h, w int) []float64
	Spend bool // let go of feature maps on the way: the features cannot be used again
	// Progress is told what is done; it is called from the fitting goroutine.
	Progress func(stage string, done, total int)
}

// mostCells bounds the grid of the autoencoder: it reconstructs whole maps at
// once, and its cost and its hunger for parts grow with them.
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

// own are the taps that the autoencoder looks at.
func (o Options) own(taps []Tap) []Tap { return taps[:len(taps)-o.WideTaps] }

func (o Options) withDefaults(taps []Tap) Options {
	if o.CodeSize == 0 {
		o.CodeSize = 64
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
	MapPeak float64   // the most that the anomaly map can show
	quiet   float64   // what the reconstruction leaves at its quiet places
	cells   []float32 // its map, not calmed; nil without a wide map
	unlike  unlike
}

// Result of a fit: all that a package needs.
type Result struct {
	Graph       *tflite.Model
	Statistics  *infer.Statistics
	Calibration models.Calibration
	HeldOut     []HeldOut   // a part, in the order they were added
	Drawn       []HeldOut   // the same of drawn defects, by models that saw neither their part nor, in the local view, their kind
	Descriptors [][]float64 // of the parts, as infer.Descriptor gives them
	Whitened    Whitening   // how what the closed form leaves is
	Repeats     float64     // share of what varies that the closed form foretells of a part it never saw; 0 of another reconstruction
	groups      []int       // of the parts
	seed        uint64      // of the calibration
}

// fitter carries what the steps of one fit share.
type fitter struct {
	o          Options
	eng        infer.Engine
	features   *Features
	grid       [2]int
	stats      []channelStats
	taps       []Tap // of the standardized features
	levels     []*levelFit
	wide       wideFit
	channels   int         // of the standardized features
	desc       [][]float64 // of parts, as infer.Descriptor gives them
	oddDesc    [][]float64 // of drawn defects
	swayedDesc [][]float64 // of parts in other conditions
	fold       []int
	folds      int
	whiten     Whitening
	kept       int // folds beyond those, that are never left out
	ticks      int
	total      int
	ctx        context.Context
}

// Fit learns from features what good parts look like. encoder is the graph
// whose outputs the features are, in the same order, at the same size; the
// result's graph is encoder with the model of normality behind it. Held-out
// scores are had by running the very graph of each fold on eng.
func Fit(ctx context.Context, encoder *tflite.Model, f *Features, eng infer.Engine, o Options) (*Result, error) {
	if f.Len() < MinParts || f.Groups() < 2 {
		return nil, fmt.Errorf("%d good parts in %d groups are too few to learn from: at least %d parts and 2 groups are needed (pictures that are all but the same are one part)", f.Len(), f.Groups(), MinParts)
	}
	if len(encoder.Outputs) != len(f.Taps) {
		return nil, fmt.Errorf("the encoder has %d outputs, the features %d", len(encoder.Outputs), len(f.Taps))
	}
	if n := len(f.Taps) - o.WideTaps; o.WideTaps < 0 || o.FirstTap >= n || o.LocalTaps > n {
		return nil, fmt.Errorf("%d taps cannot be had from tap %d on, the first %d, and the last %d for the wide map alone", len(f.Taps), o.FirstTap, o.LocalTaps, o.WideTaps)
	}
	own := o.own(f.Taps)[o.FirstTap:]
	o = o.withDefaults(own)
	t := own[o.Grid]
	ft := &fitter{o: o, eng: eng, features: f, taps: own, grid: [2]int{t.Height, t.Width}, ctx: ctx}
	ft.fold, ft.folds = folds(f.groups, o.Folds, o.Seed)
	if !ft.pointed() {
		ft.o.LocalTaps = 0
	}
	return ft.run(encoder)
}

// tick counts one unit of work and reports whether to go on.
func (ft *fitter) tick(stage string) error {
	ft.ticks++
	ft.o.Progress(stage, min(ft.ticks, ft.total), ft.total)
	if err := ft.features.room.err; err != nil {
		return err
	}
	return ft.ctx.Err()
}

func (ft *fitter) run(encoder *tflite.Model) (*Result, error) {
	defer func() {
		for _, l := range ft.levels {
			l.close()
		}
		ft.wide.close()
	}()
	if err := ft.standardize(); err != nil {
		return nil, err
	}
	judged := ft.features.Len() + ft.features.Drawn() + ft.features.Swayed()
	ft.total = ft.ticks + judged + 1
	if ft.features.Drawn() > 0 {
		ft.total += 3 * judged
	}
	company, companies := ft.company()
	for _, l := range ft.levels {
		chunks := (l.x.width + l.x.chunk() - 1) / l.x.chunk()
		ft.total += chunks + ft.folds + 2*chunks*companies
	}
	for _, l := range ft.wide.levels {
		ft.total += (l.x.width+l.x.chunk()-1)/l.x.chunk() + ft.folds
	}
	if ft.o.LocalTaps > 0 {
		ft.total += 2*ft.features.Len() + ft.features.Drawn() + ft.features.Swayed()
	}
	for _, l := range ft.levels {
		if err := l.learn(ft); err != nil {
			return nil, err
		}
		if err := l.standAlone(ft, company, companies); err != nil {
			return nil, err
		}
	}
	if err := ft.learnWide(); err != nil {
		return nil, err
	}
	held, odd, err := ft.chooseWhitening()
	if err != nil {
		return nil, err
	}
	ft.compare(held)
	m, err := ft.whole()
	if err != nil {
		return nil, err
	}
	defer m.closeBases()
	for _, l := range ft.levels {
		l.close()
	}
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

// crossFitted are parts, parts in other conditions and drawn defects as models score them that
// saw neither them nor their fold.
type crossFitted struct{ held, swayed, odd []HeldOut }

// crossFit scores the parts of each fold, those in other conditions, and the defects drawn on
// them, with the model of the others, whitened in each of ways.
func (ft *fitter) crossFit(ways ...Whitening) ([]crossFitted, error) {
	scored, models := make([]crossFitted, len(ways)), make([]*normality, len(ways))
	for i := range scored {
		scored[i] = crossFitted{make([]HeldOut, len(ft.desc)), make([]HeldOut, len(ft.swayedDesc)), make([]HeldOut, len(ft.oddDesc))}
	}
	for f := range ft.folds {
		outside, _ := split(ft.fold, f)
		bases := make([]*basis, len(ft.levels))
		for i, l := range ft.levels {
			bases[i] = l.bases[f]
		}
		for i, way := range ways {
			var err error
			if models[i], err = ft.normality(bases, outside, way); err != nil {
				return nil, err
			}
		}
		if err := ft.scoreFold(models, f, scored); err != nil {
			return nil, err
		}
	}
	return scored, nil
}

// normality is one complete model of good parts, before calibration.
type normality struct {
	levels   []levelModel   // of the closed form
	residual *residualModel // of a trained reconstruction
	channels int            // of the residual
	scale    []float64      // what the residual at each cell is divided by
	latent   infer.LatentModel
	fine     *localFit
	local    *localModel // nil without a local view
}

func (m *normality) closeBases() {
	for _, l := range m.levels {
		l.basis.p.close()
	}
}

// normality with these bases, from parts.
func (ft *fitter) normality(bases []*basis, parts []int, how Whitening) (*normality, error) {
	m := new(normality)
	some, swayed := thinned(parts, mostSnapshots), ft.features.swayedOf(parts)
	for i, l := range ft.levels {
		lm, err := l.model(bases[i], some, swayed, how)
		if err != nil {
			return nil, err
		}
		m.levels = append(m.levels, lm)
		m.channels += l.channels
	}
	m.scale = placeScale(ft.levels, m.levels, some, ft.grid)
	for i := range m.levels {
		m.levels[i].energy = nil // the largest of it, and not asked for again
	}
	var err error
	m.latent, err = latentModel(ft.desc, ft.changedDescriptors(parts), parts, ft.firstLatent(), ft.o.LatentSize)
	return m, err
}

// statistics of the model beside its graph; the views are filled later.
func (ft *fitter) statistics(m *normality, residualStep float64) *infer.Statistics {
	s := &infer.Statistics{
		Grid: ft.grid, Channels: ft.channels, ResidualScale: residualStep, Latent: m.latent,
		PositionWeight: make([]float64, len(m.scale)),
		Views:          [2]infer.View{{LogScale: 1, Median: 1}, {LogScale: 1, Median: 1}},
		Fusion:         infer.Fusion{Reconstruction: 1, Latent: 0.25},
	}
	if m.levels != nil {
		s.ResidualChannels, s.Sharp = m.channels, true
	}
	for i, v := range m.scale {
		s.PositionWeight[i] = 1 / v
	}
	ft.o.count(s.PositionWeight, ft.grid)
	return s
}

// scoreFold scores what is of fold f with each of models, which whiten differently what
// the same bases leave.
func (ft *fitter) scoreFold(models []*normality, f int, into []crossFitted) error {
	c := &composer{Builder: tflite.NewBuilder("one fold"), grid: ft.grid}
	var in []int
	for _, l := range ft.levels {
		in = append(in, c.AddInput(l.from.Name+"/pooled", []int{1, l.h, l.w, l.channels}, l.from.quant()))
	}
	_, left, err := c.reconstruct(in, models[0].levels)
	if err != nil {
		return err
	}
	outputs, scorers := make([]int, len(models)), make([]*infer.Scorer, len(models))
	for i, m := range models {
		var step float64
		outputs[i], step = c.residuals(left, m.levels)
		scorers[i] = infer.NewScorer(ft.statistics(m, step))
	}
	s, err := ft.load(c, outputs...)
	if err != nil {
		return err
	}
	defer s.Close()
	keepMap := make([]bool, len(ft.desc))
	if len(ft.wide.levels) > 0 {
		for _, p := range seldom(len(ft.desc)) {
			keepMap[p] = true
		}
	}
	score := func(of []int, data func(*levelFit) *shelf, desc [][]float64, held func(*crossFitted) []HeldOut) error {
		for _, p := range of {
			for i, l := range ft.levels {
				data(l).read(s.Input(i), p, 0)
			}
			if err := s.Run(); err != nil {
				return err
			}
			for i, scorer := range scorers {
				h := &held(&into[i])[p]
				h.Raw, h.Members, h.quiet = scorer.RawHeldOut(s.Output(i), desc[p])
				if keepMap != nil && keepMap[p] {
					h.cells = float32s(scorer.Map())
				}
				if err := ft.tick("judging held-out parts"); err != nil {
					return err
				}
			}
		}
		return nil
	}
	_, inside := split(ft.fold, f)
	_, drawn := ft.features.inFolds(ft.fold, f)
	if err := score(inside, func(l *levelFit) *shelf { return l.x.data }, ft.desc, func(c *crossFitted) []HeldOut { return c.held }); err != nil {
		return err
	}
	keepMap = nil // only good parts say what is seldom
	if err := score(ft.features.swayedOf(inside), func(l *levelFit) *shelf { return l.swayed.data }, ft.swayedDesc, func(c *crossFitted) []HeldOut { return c.swayed }); err != nil {
		return err
	}
	return score(drawn, func(l *levelFit) *shelf { return l.odd }, ft.oddDesc, func(c *crossFitted) []HeldOut { return c.odd })
}

func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// whole is the model of all parts, but for the local view.
func (ft *fitter) whole() (*normality, error) {
	n := len(ft.desc)
	shots := snapshots(ft.fold)
	bases := make([]*basis, len(ft.levels))
	for i, l := range ft.levels {
		var err error
		if bases[i], err = newBasis(&l.x, l.gram, upTo(len(shots)), shots, l.sway(ft.features.swayed, upTo(ft.features.Swayed())), ft.o.CodeSize, ft.features.room); err != nil {
			return nil, err
		}
	}
	return ft.normality(bases, upTo(n), ft.whiten)
}

// final composes the package's graph.
func (ft *fitter) final(encoder *tflite.Model, m *normality) (*Result, error) {
	c := &composer{Builder: tflite.Extend(encoder), grid: ft.grid}
	features := c.head(ft.taps, encoder.Outputs[ft.o.FirstTap:], ft.stats)
	pooled := c.pooled(levelsOf(ft.o.own(ft.features.Taps), ft.grid), ft.features.Taps, encoder.Outputs)
	code, residual, step, err := c.levels(pooled, m.levels)
	if err != nil {
		return nil, err
	}
	stats, outputs := ft.statistics(m, step), []int{code, residual, features}
	if m.local != nil {
		outputs = append(outputs, ft.appendLocal(c, encoder.Outputs, m, stats))
	}
	if len(ft.wide.levels) > 0 {
		wide, model, err := ft.wide.compose(c, ft.features.Taps, encoder.Outputs)
		if err != nil {
			return nil, err
		}
		stats.Wide, outputs = model, append(outputs, wide)
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

// calmed is the calm of held-out parts, to whose reconstructions, and those of drawn
// defects, it is applied.
func calmed(held, odd []HeldOut) infer.Calm {
	quiet := make([]float64, len(held))
	for i, h := range held {
		quiet[i] = h.quiet
	}
	c := infer.Calm{Quiet: median(quiet)}
	for _, of := range [][]HeldOut{held, odd} {
		for i := range of {
			f := c.Factor(of[i].quiet)
			of[i].Raw.Reconstruction *= f
			for m := range of[i].Members {
				of[i].Members[m].Reconstruction *= f
			}
		}
	}
	return c
}

// calibrate standardizes the views by held-out parts, fuses, draws the threshold,
// and says how sure a score is.
func (ft *fitter) calibrate(r *Result, held, odd []HeldOut) error {
	s := r.Statistics
	if s.Sharp {
		s.Calm = calmed(held, odd)
	}
	if s.Wide != nil {
		ft.wide.exceedAll(s.Wide, s, held)
	}
	r.Whitened = ft.whiten
	start := fusionStart
	if len(ft.levels) > 0 {
		start, r.Repeats = startFor(ft.levels[0].repeat, s.Local != nil), ft.levels[0].repeat
	}
	whole := standardized(s, start, held, odd, func(h HeldOut) infer.Deviations { return h.Raw })
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
	ft.ensemble(s, start, held, odd)
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
	r.groups, r.seed = ft.features.groups[:len(held)], ft.o.Seed
	return nil
}
