package infer

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"sort"

	"winnow/edge"
	"winnow/models"
)

// Judge decides on parts with one model package on one engine. It is not safe
// for concurrent use; give each goroutine its own.
type Judge struct {
	pkg       *models.Package
	stats     *Statistics
	session   Session
	pre       *Preprocessor
	level     *Leveller // nil: pictures stay as they are
	picture   []byte    // as preprocessed, before it is levelled
	scorer    *Scorer
	outputs   [][]byte
	finder    regionFinder
	placed    []float64 // the anomaly map over the last frame
	room      []float64 // for it where the part was moved
	shadeRoom []float64 // and for what Shade gives
	taught    *gallery  // nil: the package does not know its taught parts
}

// Tolerant is implemented by engines whose outputs may differ from the golden
// vectors by some steps of their quantization.
type Tolerant interface{ Tolerance() int }

// NewJudge loads the package's graph on the engine and replays its golden
// vectors: an engine that does not give the package's answers is refused.
func NewJudge(p *models.Package, e Engine, o Options) (*Judge, error) {
	j, err := newJudge(p, e, o)
	if err != nil {
		return nil, err
	}
	tolerance := 0
	if t, ok := e.(Tolerant); ok {
		tolerance = t.Tolerance()
	}
	if err := p.Verify(j, tolerance); err != nil {
		j.Close()
		return nil, fmt.Errorf("engine %s does not give this package's answers: %w", e.Name(), err)
	}
	return j, nil
}

// newJudge does the same without the golden vectors, for whoever makes them.
func newJudge(p *models.Package, e Engine, o Options) (*Judge, error) {
	stats, err := ParseStatistics(p.Statistics)
	if err != nil {
		return nil, err
	}
	session, err := e.Load(p.Graph, o)
	if err != nil {
		return nil, fmt.Errorf("engine %s: %w", e.Name(), err)
	}
	m := p.Manifest.Preprocess
	j := &Judge{
		pkg: p, stats: stats, session: session,
		pre:     NewPreprocessor(m.Width, m.Height, m.ROI),
		picture: make([]byte, m.Width*m.Height*3),
		scorer:  NewScorer(stats),
	}
	j.pre.SetKernels(KernelsOf(session))
	j.scorer.SetKernels(KernelsOf(session))
	if err := j.setPictures(); err != nil {
		session.Close()
		return nil, err
	}
	sensor, err := j.Sensor()
	if err != nil {
		session.Close()
		return nil, err
	}
	j.pre.SetSensor(sensor)
	j.finder.h, j.finder.w = j.scorer.Grid()
	if j.taught, err = newGallery(p.Exemplars, &stats.Latent); err != nil {
		session.Close()
		return nil, err
	}
	if err := j.checkShapes(); err != nil {
		session.Close()
		return nil, err
	}
	for i := range session.Outputs() {
		j.outputs = append(j.outputs, session.Output(i))
	}
	return j, nil
}

// MakeGolden runs the package's graph on inputs and puts input, outputs and
// score into the package as its golden vectors.
func MakeGolden(p *models.Package, e Engine, o Options, inputs [][]byte) error {
	p.Golden = nil
	j, err := newJudge(p, e, o)
	if err != nil {
		return err
	}
	defer j.Close()
	for _, in := range inputs {
		outs, fused, err := j.RunGolden(in)
		if err != nil {
			return err
		}
		g := models.Golden{Input: append([]byte(nil), in...), Fused: fused}
		for _, o := range outs {
			g.Outputs = append(g.Outputs, append([]byte(nil), o...))
		}
		p.Golden = append(p.Golden, g)
	}
	return nil
}

// setPictures tells the preprocessor of the package's mask and reference.
func (j *Judge) setPictures() error {
	mask, err := maskOf(j.pkg)
	if err != nil {
		return err
	}
	j.level = NewLeveller(j.pkg.Manifest.Preprocess.Level, mask)
	if err := j.pre.SetMask(mask); err != nil || !j.pkg.Manifest.Preprocess.Register {
		return err
	}
	m := j.pkg.Manifest.Preprocess
	reference, err := decodeInput(j.pkg.Reference, m.Width, m.Height)
	if err != nil {
		return fmt.Errorf("reference picture: %w", err)
	}
	return j.pre.SetReference(reference)
}

func (j *Judge) checkShapes() error {
	in, out := j.session.Inputs(), j.session.Outputs()
	m := j.pkg.Manifest.Preprocess
	if len(in) != 1 || in[0].Type != Int8 || in[0].Elements() != m.Width*m.Height*3 {
		return fmt.Errorf("the graph's input is %v, a picture of %dx%dx3 int8 is needed", in, m.Width, m.Height)
	}
	n := j.stats.Grid[0] * j.stats.Grid[1]
	if r := n * j.stats.residualChannels(); len(out) < numOutputs || out[OutResidual].Elements() != r || out[OutFeatures].Elements() != n*j.stats.Channels {
		return fmt.Errorf("the graph's outputs %v do not fit its statistics (%d and %d values)", out, r, n*j.stats.Channels)
	}
	if m := j.stats.Local; m != nil {
		if n = m.Grid[0] * m.Grid[1] * m.Channels; len(out) <= OutLocal || out[OutLocal].Elements() != n {
			return fmt.Errorf("the graph's outputs %v do not hold the local map of its statistics (%d values)", out, n)
		}
	}
	if m, at := j.stats.Wide, j.stats.OutWide(); m != nil && (len(out) <= at || out[at].Elements() != m.Size()) {
		return fmt.Errorf("the graph's outputs %v do not hold the wide map of its statistics (%d values)", out, m.Size())
	}
	for _, o := range out {
		if o.Type != Int8 {
			return fmt.Errorf("output %q of the graph is %v, int8 is needed", o.Name, o.Type)
		}
	}
	return nil
}

// Close releases the session.
func (j *Judge) Close() error { return j.session.Close() }

// Package that the judge judges with.
func (j *Judge) Package() *models.Package { return j.pkg }

// Recalibrate lets the judge decide by p from now on: the same package with
// another calibration. Call it where Judge is called.
func (j *Judge) Recalibrate(p *models.Package) error {
	if p.Manifest.GraphDigest != j.pkg.Manifest.GraphDigest || !bytes.Equal(p.Statistics, j.pkg.Statistics) || !bytes.Equal(p.Sensor, j.pkg.Sensor) || !bytes.Equal(p.Mask, j.pkg.Mask) {
		return errors.New("this package differs from the one in use in more than its calibration")
	}
	j.pkg = p
	return nil
}

// Sensor is what the package says of the camera; nil where it says nothing.
func (j *Judge) Sensor() (*Sensor, error) {
	if j.pkg.Sensor == nil {
		return nil, nil
	}
	return ParseSensor(j.pkg.Sensor)
}

// SetSensor tells what is known of the camera instead of what the package says.
func (j *Judge) SetSensor(s *Sensor) { j.pre.SetSensor(s) }

// Picture is the part judged last as the graph's size and the mask make it, before
// its brightness is levelled: int8 RGB, valid until the next call of Judge.
func (j *Judge) Picture() []byte { return j.picture }

// Session under the judge, for measurements.
func (j *Judge) Session() Session { return j.session }

// RunGolden implements models.Runner.
func (j *Judge) RunGolden(input []byte) ([][]byte, float64, error) {
	dst := j.session.Input(0)
	if len(input) != len(dst) {
		return nil, 0, fmt.Errorf("golden input has %d bytes, the graph takes %d", len(input), len(dst))
	}
	copy(dst, input)
	var s edge.Score
	if err := j.score(&s); err != nil {
		return nil, 0, err
	}
	return j.outputs, s.Fused, nil
}

// score runs the graph on what its input holds and fuses the views.
func (j *Judge) score(s *edge.Score) error {
	if err := j.session.Run(); err != nil {
		return err
	}
	for i := range j.outputs {
		j.outputs[i] = j.session.Output(i)
	}
	raw, err := j.scorer.Raw(j.outputs)
	if err != nil {
		return err
	}
	d := j.stats.Standardize(raw)
	s.Latent, s.Autoencoder, s.Surroundings = d.Latent, d.Reconstruction, d.Local
	s.Fused, s.Reconstruction = j.stats.Fusion.Fuse(d), j.stats.Fusion.Maps(d)
	shares := j.stats.Fusion.Shares(d)
	s.LatentShare, s.SurroundingsShare = shares.Latent, shares.Local
	s.Spread = j.stats.Spread(j.scorer.Ensemble())
	return nil
}

// Judge scores f and decides: v's Decision, Reason, Score, Regions, Heatmap and
// Model are set. On an error the decision stays Unknown, which actuators
// reject. A frame with any flag is never judged.
func (j *Judge) Judge(f *edge.Frame, v *edge.Verdict) error {
	v.Decision, v.Reason, v.Model = edge.Unknown, edge.ReasonFault, j.pkg.ShortDigest()
	v.Nearest, v.Missing, v.Wide, v.Shift, v.Unnamed = edge.Nearest{}, 0, 0, image.Point{}, false
	j.taught.forget()
	if f.Flags != 0 {
		v.Decision, v.Reason = edge.Reject, edge.ReasonBadFrame
		return nil
	}
	if err := j.pre.Run(f, j.picture); err != nil {
		return err
	}
	copy(j.session.Input(0), j.picture)
	j.level.Run(j.session.Input(0))
	if err := j.score(&v.Score); err != nil {
		return err
	}
	cal := &j.pkg.Calibration
	v.Score.Threshold = cal.Threshold
	v.Score.PValue = PValue(cal.Scores, v.Score.Fused)
	v.Decision, v.Reason = decide(cal, v.Score.Fused, v.Score.Spread)
	if share, bad := j.pre.Missing(); share > 0 {
		if v.Missing = share; bad {
			v.Decision, v.Reason = edge.Reject, edge.ReasonBadFrame
		}
	}
	if _, _, beyond := j.pre.Shift(); beyond && v.Reason != edge.ReasonBadFrame {
		v.Decision, v.Reason = edge.Reject, edge.ReasonMoved
	}
	j.explain(f, v)
	return nil
}

// decide is written so that a score that is not a number is a reject. A part is
// unsure inside the band, and where the threshold lies within the score's spread,
// which counts up to the calibrated reach: then another detector, as good as this
// one, might decide otherwise.
func decide(c *models.Calibration, fused, spread float64) (edge.Decision, edge.Reason) {
	reach := min(spread, c.UnsureReach)
	switch {
	case fused <= c.UnsureAbove && fused+reach <= c.Threshold:
		return edge.Accept, edge.ReasonNone
	case fused-reach <= c.Threshold:
		return edge.Unsure, edge.ReasonUnsure
	}
	return edge.Reject, edge.ReasonScore
}

// explain fills heatmap and regions from the anomaly map, and names the nearest
// taught part of what is not accepted.
func (j *Judge) explain(f *edge.Frame, v *edge.Verdict) {
	scale := j.pkg.Calibration.MapScale
	j.place()
	x0, y0, x1, y1 := 0, 0, f.Width, f.Height
	if r := j.pkg.Manifest.Preprocess.ROI; r != nil {
		x0, y0, x1, y1 = r[0], r[1], r[2], r[3]
	}
	fillHeatmap(&v.Heatmap, j.placed, j.finder.h, j.finder.w, scale, box{x0, y0, x1, y1}, f.Width, f.Height)
	w, h := j.pkg.Manifest.Preprocess.Width, j.pkg.Manifest.Preprocess.Height
	dx, dy, beyond := j.pre.Shift()
	v.Shift = image.Pt(dx*(x1-x0)/w, dy*(y1-y0)/h)
	v.Judged = image.Rect(x0, y0, x1, y1)
	v.Wide = j.scorer.wideShare()
	if v.Decision != edge.Accept {
		v.Nearest = j.taught.find(j.scorer.along)
	}
	v.Regions = j.finder.find(v.Regions[:0], j.scorer.Map(), scale, box{x0, y0, x1, y1}, v.Decision != edge.Accept)
	v.Unnamed = len(j.finder.hills) > len(v.Regions)
	for i := range v.Regions {
		if b := &v.Regions[i].Box; !beyond && v.Shift != (image.Point{}) {
			if moved := b.Add(v.Shift).Intersect(v.Judged); !moved.Empty() {
				*b = moved
			}
		}
	}
}

// place lays the anomaly map over the frame: where registration moved the part, it
// moves the map back, by whole cells.
func (j *Judge) place() {
	j.placed = j.moved(&j.room, j.scorer.Map(), j.finder.h, j.finder.w)
}

// moved is m of h x w cells where registration found the part: m itself or room.
func (j *Judge) moved(room *[]float64, m []float64, h, w int) []float64 {
	dx, dy, beyond := j.pre.Shift()
	if beyond || dx == 0 && dy == 0 {
		return m
	}
	p := j.pkg.Manifest.Preprocess
	cx, cy := nearest(dx*w, p.Width), nearest(dy*h, p.Height)
	*room = append((*room)[:0], m...)
	for y := range h {
		for x := range w {
			(*room)[y*w+x] = m[min(max(y-cy, 0), h-1)*w+min(max(x-cx, 0), w-1)]
		}
	}
	return *room
}

// Shade is how seldom good parts show what is wide and faint at each place of the last judged
// part, in bits, row-major, and its height and width, laid over the frame as Map is: 6 for one
// in 64 of good parts' places. It is nil for packages without a wide map, valid until the
// next call of Judge, and must not be written to.
func (j *Judge) Shade() (bits []float64, h, w int) {
	bits, h, w = j.scorer.Shade()
	if bits == nil {
		return nil, 0, 0
	}
	return j.moved(&j.shadeRoom, bits, h, w), h, w
}

// nearest is n/d, d > 0, rounded half up.
func nearest(n, d int) int {
	q := (2*n + d) / (2 * d)
	if (2*n+d)%(2*d) < 0 {
		q--
	}
	return q
}

// Map returns the anomaly map of the last judged part in units of the
// calibrated map scale (1 = at the threshold), row-major, and its height and
// width. It is valid until the next call of Judge and must not be written to.
func (j *Judge) Map() (m []float64, h, w int) {
	if j.placed == nil {
		return j.scorer.Map(), j.finder.h, j.finder.w
	}
	return j.placed, j.finder.h, j.finder.w
}

// Nearest is the taught part that the last verdict names, or nil. It must not be
// written to.
func (j *Judge) Nearest() *Exemplar { return j.taught.last() }

// MapScale is the value of Map that is "at the threshold".
func (j *Judge) MapScale() float64 { return j.pkg.Calibration.MapScale }

// PValue is the conformal p-value of a score against n held-out scores of good
// parts, ascending: (1 + number of them that are >= s) / (n + 1). Source: Vovk,
// Gammerman, Shafer, Algorithmic Learning in a Random World, section 2.2.
func PValue(ascending []float64, s float64) float64 {
	below := sort.SearchFloat64s(ascending, s)
	return float64(1+len(ascending)-below) / float64(len(ascending)+1)
}
