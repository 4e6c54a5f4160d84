package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"winnow/edge"
	"winnow/infer"
	"winnow/infer/anomaly"
	"winnow/infer/drift"
	"winnow/infer/fit"
	"winnow/infer/tflite"
	"winnow/models"
	"winnow/models/library"
)

// The encoder's feature maps that teach looks at: the local view the first
// localTaps of them, the autoencoder those from firstTap on.
var closedFormTaps = []string{"b4", "b7", "b10", "b14"}

const (
	localTaps = 2
	firstTap  = 1
)

// wideTap is the mean of the encoder's finest feature map over widePool x widePool of its cells,
// which the wide map looks at.
const (
	wideTap  = "b2"
	widePool = 8
)

// leastShown is the share of a drawn defect that a mask must leave to be seen.
const leastShown = 0.5

// teacher collects the features of good parts and fits a package to them.
type teacher struct {
	recipe    string
	eng       infer.Engine
	threads   int
	w, h      int
	encoder   *tflite.Model
	bare      *tflite.Model   // the encoder without the wide tap; nil where there is none
	named     *models.Encoder // nil: the library's own
	session   infer.Session
	pre       *infer.Preprocessor
	mask      *infer.Mask   // nil: everything counts
	level     *models.Level // nil: pictures stay as they are
	leveller  *infer.Leveller
	picture   []byte        // as preprocessed, before it is levelled
	reference []byte        // nil: parts are taken where they lie
	sensor    *infer.Sensor // nil: nothing is known of the camera
	features  *fit.Features
	digest    hash.Hash
	inputs    []string
	refitted  []string    // the same of pictures that the encoder was refitted on
	names     []string    // of the parts
	thumbs    [][]byte    // and small pictures of them
	prints    []fit.Print // by which near-duplicates are known
	alike     alike
	drift     *drift.Learner
	golden    [][]byte
	defects   *defects // nil: none are drawn
}

// newTeacher of the closed form, for an input of w x h pixels and about parts parts.
func newTeacher(recipe string, eng infer.Engine, threads, w, h, parts int) (*teacher, error) {
	enc, taps, err := encoderAt(w, h, closedFormTaps)
	if err != nil {
		return nil, err
	}
	wide, more, err := withWideTap(enc)
	if err != nil {
		return nil, err
	}
	t, err := newEncoderTeacher(recipe, eng, threads, w, h, wide, append(taps, more))
	if err == nil {
		t.bare, t.defects = enc, newDefects(parts, fewestDefects)
	}
	return t, err
}

// withWideTap appends the wide tap to an encoder's outputs.
func withWideTap(enc *tflite.Model) (*tflite.Model, fit.Tap, error) {
	from, err := library.TapNamed(wideTap)
	if err != nil {
		return nil, fit.Tap{}, err
	}
	b := tflite.Extend(enc)
	mean := b.AveragePool(fmt.Sprintf("%s/%d", wideTap, widePool), enc.Find(from.Tensor), tflite.Pool2D{
		Padding: tflite.Same, StrideH: widePool, StrideW: widePool, FilterH: widePool, FilterW: widePool,
	})
	m, err := b.Model(append(slices.Clone(enc.Outputs), mean)...)
	if err != nil {
		return nil, fit.Tap{}, err
	}
	return m, tapOf(fmt.Sprintf("%s/%d", wideTap, widePool), &m.Tensors[mean]), nil
}

// newTapTeacher collects the features of the named taps and draws no defects.
func newTapTeacher(recipe string, eng infer.Engine, threads, w, h int, names []string) (*teacher, error) {
	enc, taps, err := encoderAt(w, h, names)
	if err != nil {
		return nil, err
	}
	return newEncoderTeacher(recipe, eng, threads, w, h, enc, taps)
}

// newEncoderTeacher collects the features that enc has as outputs and draws no defects.
func newEncoderTeacher(recipe string, eng infer.Engine, threads, w, h int, enc *tflite.Model, taps []fit.Tap) (*teacher, error) {
	b, err := enc.Marshal()
	if err != nil {
		return nil, err
	}
	s, err := eng.Load(b, infer.Options{Threads: threads})
	if err != nil {
		return nil, err
	}
	t := &teacher{
		recipe: recipe, eng: eng, threads: threads, w: w, h: h, encoder: enc, session: s,
		pre: infer.NewPreprocessor(w, h, nil), features: fit.NewFeatures(taps), digest: sha256.New(),
		drift: drift.NewLearner(w, h), picture: make([]byte, w*h*3),
	}
	t.pre.SetKernels(infer.KernelsOf(s))
	return t, nil
}

// encoderAt is the library's encoder for pictures of w x h, cut behind the
// named taps.
func encoderAt(w, h int, names []string) (*tflite.Model, []fit.Tap, error) {
	m, err := tflite.Parse(library.Encoder(), tflite.Limits{})
	if err != nil {
		return nil, nil, fmt.Errorf("the built-in encoder: %w", err)
	}
	var outs []int
	for _, name := range names {
		t, err := library.TapNamed(name)
		if err != nil {
			return nil, nil, err
		}
		outs = append(outs, m.Find(t.Tensor))
	}
	m = m.Cut(outs)
	if err := m.Resize([]int{1, h, w, 3}); err != nil {
		return nil, nil, fmt.Errorf("the built-in encoder at %dx%d: %w", w, h, err)
	}
	var taps []fit.Tap
	for i, o := range m.Outputs {
		taps = append(taps, tapOf(names[i], &m.Tensors[o]))
	}
	return m, taps, nil
}

// tapOf is a feature map as fit knows it.
func tapOf(name string, t *tflite.Tensor) fit.Tap {
	return fit.Tap{
		Name: name, Height: t.Shape[1], Width: t.Shape[2], Channels: t.Shape[3],
		Scale: t.Scale(), ZeroPoint: int(t.ZeroPoint()),
	}
}

// Close releases the encoder.
func (t *teacher) Close() error {
	t.features.Close()
	return t.session.Close()
}

// Add learns from one good part. Parts of one group are not independent.
func (t *teacher) Add(f *edge.Frame, group int) error {
	return t.AddNamed(f, group, fmt.Sprintf("part %d", t.features.Len()+1))
}

// AddNamed is Add of a part that has a name.
func (t *teacher) AddNamed(f *edge.Frame, group int, name string) error {
	if err := t.prepare(f); err != nil {
		return err
	}
	return t.learn(t.picture, group, name)
}

// prepare the picture of a part, or say why it cannot be taught.
func (t *teacher) prepare(f *edge.Frame) error {
	if err := t.pre.Run(f, t.picture); err != nil {
		return err
	}
	if share, bad := t.pre.Missing(); bad {
		return fmt.Errorf("%.1f %% of the frame is missing: dead or lost lines", 100*share)
	}
	if dx, dy, beyond := t.pre.Shift(); beyond {
		return fmt.Errorf("the part lies %d pixels right and %d down of the others (of %dx%d), farther than registration moves it", dx, dy, t.w, t.h)
	}
	if t.sensor != nil {
		t.sensor.Confirm(f)
	}
	return nil
}

// learn from the prepared picture of one good part.
func (t *teacher) learn(in []byte, group int, name string) error {
	t.digest.Write(in)
	print := fit.PrintOf(in, t.w, t.h)
	t.inputs = append(t.inputs, print.Digest)
	if err := t.drift.Add(in, group); err != nil {
		return err
	}
	if x := t.load(in); len(t.golden) == 0 {
		t.golden = append(t.golden, append([]byte(nil), x...), inverted(x))
	}
	if err := t.session.Run(); err != nil {
		return err
	}
	if err := t.features.Add(group, t.taps()); err != nil {
		return err
	}
	if t.prints = append(t.prints, print); t.defects == nil {
		return nil
	}
	if err := t.keep(name, in); err != nil {
		return err
	}
	p := anomaly.Picture{W: t.w, H: t.h, Pix: append([]byte(nil), in...)}
	err := t.defects.sway(p, func(q anomaly.Picture, part int) error {
		t.pre.Hide(q.Pix, nil)
		if err := t.encode(q.Pix); err != nil {
			return err
		}
		return t.features.AddSwayed(part, t.taps())
	})
	if err != nil {
		return err
	}
	return t.defects.draw(p, func(q anomaly.Picture, cover []byte, part, kind int) error {
		if t.pre.Hide(q.Pix, cover) < leastShown {
			return nil // the mask hides it
		}
		if err := t.encode(q.Pix); err != nil {
			return err
		}
		return t.features.AddDrawn(part, kind, t.taps(), cover, t.w, t.h)
	})
}

// encode levels a picture and runs the encoder on it.
func (t *teacher) encode(picture []byte) error {
	t.load(picture)
	return t.session.Run()
}

// load levels a picture and returns the encoder's input.
func (t *teacher) load(picture []byte) []byte {
	in := t.session.Input(0)
	copy(in, picture)
	if t.leveller == nil {
		t.leveller = infer.NewLeveller(t.level, t.mask)
	}
	t.leveller.Run(in)
	return in
}

// picture keeps name and thumb of a part, for verdicts to name it.
func (t *teacher) keep(name string, in []byte) error {
	b, err := infer.Thumb(in, t.w, t.h)
	t.names, t.thumbs = append(t.names, name), append(t.thumbs, b)
	return err
}

// taps are the encoder's outputs for the last picture.
func (t *teacher) taps() [][]byte {
	taps := make([][]byte, len(t.features.Taps))
	for i := range taps {
		taps[i] = t.session.Output(i)
	}
	return taps
}

// inverted is a picture that is surely no good part: the second golden vector.
func inverted(in []byte) []byte {
	out := make([]byte, len(in))
	for i, b := range in {
		out[i] = ^b
	}
	return out
}

// Fit makes the package. Its golden vectors are the first part and its negative.
func (t *teacher) Fit(ctx context.Context, o fit.Options) (*models.Package, *fit.Result, error) {
	t.joinAlike()
	if n := len(slices.Compact(slices.Sorted(slices.Values(t.inputs)))); n < fit.MinParts {
		return nil, nil, fmt.Errorf("%d pictures of good parts, of which %d differ, are too few to learn from: at least %d that differ are needed", len(t.inputs), n, fit.MinParts)
	}
	r, err := fit.Fit(ctx, t.encoder, t.features, t.eng, t.options(o))
	if err != nil {
		return nil, nil, err
	}
	p, err := t.pack(r)
	if err != nil {
		return nil, nil, err
	}
	if err := infer.MakeGolden(p, t.eng, infer.Options{Threads: t.threads}, t.golden); err != nil {
		return nil, nil, err
	}
	if _, err := p.Bytes(); err != nil { // sets the digest
		return nil, nil, err
	}
	return p, r, nil
}

// joinAlike makes near-duplicates parts of one group, so that none is held out from
// what another taught, and none counts as a part of its own in the certificate.
func (t *teacher) joinAlike() { t.alike.Joined, t.alike.Uniform = t.features.JoinAlike(t.prints) }

// options of this teacher's fit, o otherwise.
func (t *teacher) options(o fit.Options) fit.Options {
	o.Threads = t.threads
	if t.defects != nil {
		o.FirstTap, o.LocalTaps, o.WideTaps, o.Spend = firstTap, localTaps, len(t.features.Taps)-len(closedFormTaps), true
	}
	if t.mask != nil {
		o.Cells = t.mask.Cells
	}
	return o
}

func (t *teacher) pack(r *fit.Result) (*models.Package, error) {
	graph, err := r.Graph.Marshal()
	if err != nil {
		return nil, err
	}
	stats, err := r.Statistics.Encode()
	if err != nil {
		return nil, err
	}
	reference, err := t.driftReference()
	if err != nil {
		return nil, err
	}
	exemplars, err := t.exemplars(r)
	if err != nil {
		return nil, err
	}
	enc := sha256.Sum256(library.Encoder())
	inputs := slices.Concat(t.inputs, t.refitted)
	slices.Sort(inputs)
	p := &models.Package{
		Graph: graph, Statistics: stats, Calibration: r.Calibration, Drift: reference, Exemplars: exemplars,
		Manifest: models.Manifest{
			Recipe: t.recipe, Program: program(),
			Preprocess: models.Preprocess{Width: t.w, Height: t.h, Resize: "triangle", Level: t.level},
			Encoder:    models.Encoder{Name: library.Name, Digest: hex.EncodeToString(enc[:])},
			Taught:     models.Taught{Parts: t.features.Len(), Groups: t.features.Groups(), Digest: hex.EncodeToString(t.digest.Sum(nil)), Inputs: inputs},
		},
	}
	if t.named != nil {
		p.Manifest.Encoder = *t.named
	}
	if t.sensor != nil {
		if p.Sensor, err = t.sensor.Encode(); err != nil {
			return nil, err
		}
	}
	if t.reference != nil {
		p.Manifest.Preprocess.Register = true
		if p.Reference, err = infer.EncodeInput(t.reference, t.w, t.h); err != nil {
			return nil, err
		}
	}
	if t.mask != nil {
		ignored := t.mask.Ignored()
		p.Manifest.Preprocess.Ignored = &ignored
		if p.Mask, p.Reference, err = t.mask.Files(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// exemplars are nil where parts have no names, or cannot be told apart.
func (t *teacher) exemplars(r *fit.Result) ([]byte, error) {
	if len(t.names) != len(r.Descriptors) {
		return nil, nil
	}
	e := infer.NewExemplars(&r.Statistics.Latent, r.Descriptors, t.names, t.thumbs)
	if e == nil {
		return nil, nil
	}
	return e.Encode()
}

// driftReference is nil where the parts are too few or too small for one.
func (t *teacher) driftReference() ([]byte, error) {
	r, err := t.drift.Reference()
	if r == nil || err != nil {
		return nil, err
	}
	return r.Encode()
}
