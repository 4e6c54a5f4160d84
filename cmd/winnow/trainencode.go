package main

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"winnow/infer"
	"winnow/infer/anomaly"
	"winnow/infer/fit"
	"winnow/infer/tflite"
	"winnow/infer/train"
	"winnow/models"
)

// shownDefects are kept as pictures, for the contact sheet and the report.
const shownDefects = 12

// encoding runs pictures through the front: what the network will see, and what
// the local view will.
type encoding struct {
	j           *trainJob
	d           *train.Data
	parts       *fit.Features
	done, total int
	ctx         context.Context
}

// data encodes held-out parts and defects drawn on them, then the parts that
// weights learn from and their variants.
func (j *trainJob) data(ctx context.Context) (*train.Data, error) {
	e := &encoding{j: j, d: new(train.Data), ctx: ctx, parts: fit.NewFeatures(j.maps.taps)}
	e.d.In, e.d.Out = train.Shapes(j.r.Source(), j.t.features.Taps[firstTap:], j.w, j.h)
	e.total = len(j.parts)*(1+j.r.Augment.Variants) + len(j.held) + j.r.Validation.Synthetic
	draw := newDefects(len(j.held), j.r.Validation.Synthetic)
	for _, s := range j.held {
		if err := e.held(s, draw); err != nil {
			return nil, err
		}
	}
	for i, s := range j.parts {
		if err := e.part(s, i); err != nil {
			return nil, err
		}
	}
	j.outlook = e.parts
	return e.d, nil
}

// add p's maps to v; the feature maps for the local view are those of the mapper
// until its next picture.
func (e *encoding) add(v *train.Views, p train.Picture) error {
	e.done++
	e.j.bar.update("encoding", min(e.done, e.total), e.total)
	if err := e.ctx.Err(); err != nil {
		return err
	}
	return e.j.maps.add(v, p)
}

// held adds a held-out part and the defects that are drawn on it.
func (e *encoding) held(s shown, draw *defects) error {
	if err := e.add(&e.d.Held, s.Picture); err != nil {
		return err
	}
	if err := e.parts.Add(s.group, e.j.maps.fine()); err != nil {
		return err
	}
	return draw.draw(s.Picture, func(q anomaly.Picture, cover []byte, part, kind int) error {
		if err := e.add(&e.d.Synthetic, q); err != nil {
			return err
		}
		if len(e.j.drawn) < shownDefects {
			e.j.drawn = append(e.j.drawn, q)
		}
		return e.parts.AddDrawn(part, kind, e.j.maps.fine(), cover, q.W, q.H)
	})
}

// part adds a part that weights learn from, and its variants.
func (e *encoding) part(s shown, i int) error {
	var v train.Views
	for k := range 1 + e.j.r.Augment.Variants {
		if err := e.add(&v, e.j.variant(s, i, k)); err != nil {
			return err
		}
		if k > 0 {
			continue
		}
		if err := e.parts.Add(s.group, e.j.maps.fine()); err != nil {
			return err
		}
	}
	e.d.Train = append(e.d.Train, v)
	return nil
}

// variant k of part i; the first is the part itself.
func (j *trainJob) variant(p shown, i, k int) train.Picture {
	if k == 0 {
		return p.Picture
	}
	return j.r.Augment.Changed(p.Picture, rand.New(rand.NewPCG(j.r.Seed, uint64(i)<<16+uint64(k))))
}

// firstViews are the training parts as they are.
func firstViews(d *train.Data) (seen train.Views) {
	for _, v := range d.Train {
		seen.Inputs = append(seen.Inputs, v.Inputs[0])
		if v.Targets != nil {
			seen.Targets = append(seen.Targets, v.Targets[0])
		}
	}
	return seen
}

// features are what is reconstructed of v.
func features(v train.Views) [][]byte {
	if v.Targets != nil {
		return v.Targets
	}
	return v.Inputs
}

// learned is what was trained, with what it makes of every part and every drawn
// defect.
func (j *trainJob) learned(d *train.Data) (l fit.Learned, err error) {
	seen := firstViews(d)
	l = fit.Learned{
		Name: j.r.Family + ", trained", Parts: j.outlook,
		Features: features(d.Held), Seen: features(seen), Drawn: features(d.Synthetic),
		Append: func(b *tflite.Builder, picture, features int) (int, int, error) {
			if j.float != nil {
				diff := j.float.Append(b)
				return diff, diff, nil
			}
			blocks := -1
			if j.r.Source() == train.FromBoth {
				blocks = j.maps.appendBlocks(b, picture)
			}
			code, diff := j.model.Append(b, features, blocks)
			return code, diff, nil
		},
	}
	for _, of := range []struct {
		views train.Views
		into  *[][]byte
	}{{d.Held, &l.Differences}, {seen, &l.SeenDifferences}, {d.Synthetic, &l.DrawnDifferences}} {
		if *of.into, err = j.differences(d, of.views); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (j *trainJob) differences(d *train.Data, v train.Views) ([][]byte, error) {
	if j.float != nil {
		return j.float.Differences(v)
	}
	return j.model.Differences(j.t.eng, d, v)
}

// pack fits statistics and calibration around what was trained.
func (j *trainJob) pack(ctx context.Context, d *train.Data) (*models.Package, error) {
	l, err := j.learned(d)
	if err != nil {
		return nil, err
	}
	o := fit.Options{FalseReject: j.f.falseReject, Progress: j.bar.update, Threads: j.t.threads, Seed: j.r.Seed, LocalTaps: len(j.maps.taps)}
	if j.fitted, err = fit.Around(ctx, j.maps.front, l, j.t.eng, o); err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(j.held, j.parts) { // in the order of the fit's parts
		if err := j.t.keep(filepath.Base(s.path), s.Pix); err != nil {
			return nil, err
		}
	}
	p, err := j.t.pack(j.fitted)
	if err != nil {
		return nil, err
	}
	p.Manifest.Taught.Parts, p.Manifest.Taught.Groups = len(j.parts)+len(j.held), j.groups()
	if j.float != nil {
		return p, nil // no engine of a station could repeat golden vectors
	}
	return p, infer.MakeGolden(p, j.t.eng, infer.Options{Threads: j.t.threads}, j.t.golden)
}
