package main

import (
	"context"
	"fmt"
	"path/filepath"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/train"
	"winnow/models"
)

// taughtPictures is what teaching on files gives.
type taughtPictures struct {
	pkg       *models.Package
	result    *fit.Result
	sizes     []sizeReport
	levels    []levelReport
	register  bool
	registers []registerReport
	skipped   []string // pictures that were left out, and why
	paths     []string // of the taught parts, in order
	taught    []evaluate.Picture
	prints    []fit.Print // of them
	dead      dead        // of the camera
	alike     alike
	pruned    []pruneReport    // encoders that were tried
	distilled *train.Distilled // how this one was trained
}

// suspects are the taught pictures that look unlike the others, worst first.
func (r *taughtPictures) suspects() []string {
	out := []string{}
	for _, i := range fit.Suspects(r.result.HeldOut) {
		out = append(out, r.paths[i])
	}
	return out
}

func (r *taughtPictures) outlook() *fit.Outlook {
	return r.result.Outlook(fit.Suspects(r.result.HeldOut))
}

// teachPictures teaches on files. Pictures that cannot be read are named and
// left out; too few good ones are an error.
func teachPictures(ctx context.Context, recipe string, ps []evaluate.Picture, f teachFlags, bar *progress) (*taughtPictures, error) {
	sv := surveySizes(ps)
	r := &taughtPictures{skipped: sv.skipped}
	if len(sv.usable) < fit.MinParts {
		return nil, tooFew(len(sv.usable), r.skipped)
	}
	var w, h int
	var err error
	if sv.mask, err = readDrawnMask(f.mask, sv.aspects); err != nil {
		return nil, err
	}
	if r.register, r.registers, err = chooseRegister(ctx, sv, f, bar); err != nil {
		return nil, err
	}
	if w, h, r.sizes, err = chooseInput(ctx, sv, f, r.register, bar); err != nil {
		return nil, err
	}
	level, levels, err := chooseLevel(ctx, sv, f, w, h, r.register, bar)
	if err != nil {
		return nil, err
	}
	r.levels = levels
	t, err := newTeacher(recipe, native.New(), judgeThreads(f.threads), w, h, len(sv.usable))
	if err != nil {
		return nil, err
	}
	defer t.Close()
	t.level = level
	if t.sensor, err = learnSensor(ctx, sv.usable); err != nil {
		return nil, err
	}
	t.pre.SetSensor(t.sensor.ForTeaching())
	if err := sv.mask.apply(ctx, t, sv.usable); err != nil {
		return nil, err
	}
	if r.register {
		if err := t.register(ctx, sv.usable); err != nil {
			return nil, err
		}
	}
	if f.density > 0 {
		if r.distilled, err = t.lighten(ctx, f.refit, f, bar); err != nil {
			return nil, err
		}
	}
	t.features.SpillTo(spillFolder(f.out), fit.MemoryRoom)
	if took, bytes, err := t.forecast(sv.usable[0].Path, len(sv.usable)); err == nil {
		bar.say(forecastText(len(sv.usable), w, h, took, bytes+decodeBytes(sv)))
	}
	groups := evaluate.GroupNumbers(sv.usable)
	frame := new(edge.Frame)
	for i, p := range sv.usable {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := pixfmt.ReadImageInto(frame, p.Path)
		if err == nil {
			err = t.AddNamed(frame, groups[i], filepath.Base(p.Path))
		}
		if err != nil {
			r.skipped = append(r.skipped, fmt.Sprintf("%s: %s", p.Path, explain(err)))
		} else {
			r.paths, r.taught = append(r.paths, p.Path), append(r.taught, p)
		}
		bar.update("looking at good parts", i+1, len(sv.usable))
	}
	if t.features.Len() < fit.MinParts {
		return nil, tooFew(t.features.Len(), r.skipped)
	}
	r.dead = deadOf(t.sensor)
	r.pkg, r.result, err = t.Fit(ctx, fit.Options{FalseReject: f.falseReject, Progress: bar.update})
	r.alike, r.prints = t.alike, t.prints
	return r, err
}

// sensorOf is how many pictures are looked at for dead pixels and lines before they are taught.
const sensorOf = 32

// learnSensor finds what the camera shows alike in pictures, spread over ps.
func learnSensor(ctx context.Context, ps []evaluate.Picture) (*infer.Sensor, error) {
	var l infer.SensorLearner
	frame := new(edge.Frame)
	n := min(len(ps), sensorOf)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if pixfmt.ReadImageInto(frame, ps[i*len(ps)/n].Path) == nil { // else it is named when it is taught
			l.Add(frame)
		}
	}
	return l.Sensor(), nil
}

// viewReport is what one view of a part is worth, as teach found.
type viewReport struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight"` // in the fusion, 0..1
	AUROC  float64 `json:"drawn_auroc"`
}

// viewReports of a fit, heaviest views first as they are listed; none without
// drawn defects.
func viewReports(r *fit.Result) []viewReport {
	if len(r.Drawn) == 0 {
		return nil
	}
	view := func(name string, weight float64, raw func(infer.Deviations) float64) viewReport {
		return viewReport{name, weight, fit.DrawnAUROC(r.HeldOut, r.Drawn, func(h fit.HeldOut) float64 { return raw(h.Raw) })}
	}
	w := r.Statistics.Fusion
	sum := w.Reconstruction + w.Local + w.Latent
	out := []viewReport{view("reconstruction", w.Reconstruction/sum, func(d infer.Deviations) float64 { return d.Reconstruction })}
	if r.Statistics.Local != nil {
		out = append(out, view("surroundings", w.Local/sum, func(d infer.Deviations) float64 { return d.Local }))
	}
	return append(out, view("latent", w.Latent/sum, func(d infer.Deviations) float64 { return d.Latent }))
}

func tooFew(n int, skipped []string) error {
	err := fmt.Errorf("%d readable pictures of good parts are too few: at least %d are needed, and %d for a false-reject rate of 5 %%", n, fit.MinParts, fit.PartsFor(0.05, fit.Confidence))
	if len(skipped) > 0 {
		err = fmt.Errorf("%w; first fault: %s", err, skipped[0])
	}
	return err
}
