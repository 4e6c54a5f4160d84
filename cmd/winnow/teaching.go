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

// teacher collects the features of good parts and fits a package to them.
type teacher struct {
	recipe   string
	eng      infer.Engine
	threads  int
	w, h     int
	encoder  *tflite.Model
	session  infer.Session
	pre      *infer.Preprocessor
	features *fit.Features
	digest   hash.Hash
	inputs   []string
	drift    *drift.Learner
	golden   [][]byte
	defects  *defects // nil: none are drawn
}

// newTeacher of the closed form, for an input of w x h pixels and about parts parts.
func newTeacher(recipe string, eng infer.Engine, threads, w, h, parts int) (*teacher, error) {
	t, err := newTapTeacher(recipe, eng, threads, w, h, closedFormTaps)
	if err == nil {
		t.defects = newDefects(parts, fewestDefects)
	}
	return t, err
}

// newTapTeacher collects the features of the named taps and draws no defects.
func newTapTeacher(recipe string, eng infer.Engine, threads, w, h int, names []string) (*teacher, error) {
	enc, taps, err := encoderAt(w, h, names)
	if err != nil {
		return nil, err
	}
	b, err := enc.Marshal()
	if err != nil {
		return nil, err
	}
	s, err := eng.Load(b, infer.Options{Threads: threads})
	if err != nil {
		return nil, err
	}
	return &teacher{
		recipe: recipe, eng: eng, threads: threads, w: w, h: h, encoder: enc, session: s,
		pre: infer.NewPreprocessor(w, h, nil), features: fit.NewFeatures(taps), digest: sha256.New(),
		drift: drift.NewLearner(w, h),
	}, nil
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
		t := &m.Tensors[o]
		taps = append(taps, fit.Tap{
			Name: names[i], Height: t.Shape[1], Width: t.Shape[2], Channels: t.Shape[3],
			Scale: t.Scale(), ZeroPoint: int(t.ZeroPoint()),
		})
	}
	return m, taps, nil
}

// Close releases the encoder.
func (t *teacher) Close() error { return t.session.Close() }

// Add learns from one good part. Parts of one group are not independent.
func (t *teacher) Add(f *edge.Frame, group int) error {
	in := t.session.Input(0)
	if err := t.pre.Run(f, in); err != nil {
		return err
	}
	t.digest.Write(in)
	t.inputs = append(t.inputs, models.InputDigest(in))
	if err := t.drift.Add(in, group); err != nil {
		return err
	}
	if len(t.golden) == 0 {
		t.golden = append(t.golden, append([]byte(nil), in...), inverted(in))
	}
	if err := t.session.Run(); err != nil {
		return err
	}
	if err := t.features.Add(group, t.taps()); err != nil || t.defects == nil {
		return err
	}
	p := anomaly.Picture{W: t.w, H: t.h, Pix: append([]byte(nil), in...)}
	return t.defects.draw(p, func(q anomaly.Picture, cover []byte, part, kind int) error {
		copy(in, q.Pix)
		if err := t.session.Run(); err != nil {
			return err
		}
		return t.features.AddDrawn(part, kind, t.taps(), cover, t.w, t.h)
	})
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
	o.Threads = t.threads
	if t.defects != nil {
		o.FirstTap, o.LocalTaps, o.Spend = firstTap, localTaps, true
	}
	r, err := fit.Fit(ctx, t.encoder, t.features, t.eng, o)
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
	enc := sha256.Sum256(library.Encoder())
	slices.Sort(t.inputs)
	return &models.Package{
		Graph: graph, Statistics: stats, Calibration: r.Calibration, Drift: reference,
		Manifest: models.Manifest{
			Recipe: t.recipe, Program: program(),
			Preprocess: models.Preprocess{Width: t.w, Height: t.h, Resize: "triangle"},
			Encoder:    models.Encoder{Name: library.Name, Digest: hex.EncodeToString(enc[:])},
			Taught:     models.Taught{Parts: t.features.Len(), Groups: t.features.Groups(), Digest: hex.EncodeToString(t.digest.Sum(nil)), Inputs: t.inputs},
		},
	}, nil
}

// driftReference is nil where the parts are too few or too small for one.
func (t *teacher) driftReference() ([]byte, error) {
	r, err := t.drift.Reference()
	if r == nil || err != nil {
		return nil, err
	}
	return r.Encode()
}
