package main

import (
	"context"
	"math"
	"slices"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/infer"
	"winnow/models"
)

// Words for how light is levelled, besides the kinds of models.Level.
const (
	levelAuto = "auto"
	levelRaw  = "raw"
)

// steadyLight is the spread of the brightness of taught parts, as a share of it,
// below which there is nothing to level.
const steadyLight = 0.01

// levelGain is what levelling must gain in AUROC of drawn defects: it takes away what
// tells unevenly lit or coated parts, of which few are drawn.
const levelGain = 0.04

// levelReport is how one way to level light did.
type levelReport struct {
	Level string  `json:"level"`
	AUROC float64 `json:"drawn_auroc"`
}

func levelName(l *models.Level) string {
	if l == nil {
		return levelRaw
	}
	return l.Kind
}

func checkLevel(level string) error {
	if level == "" || slices.Contains([]string{levelAuto, levelRaw, models.LevelGain, models.LevelMeanStd}, level) {
		return nil
	}
	return usagef("--level %s: raw, gain, mean-std or auto", level)
}

// chooseLevel is how the light of pictures is levelled for an input of w x h: as
// asked for, or what drawn defects speak for, tried on no more than the usual
// number of pixels. Where all taught parts are equally bright it is not tried:
// light that changes later is drift, and has to be told.
func chooseLevel(ctx context.Context, sv survey, f teachFlags, w, h int, register bool, bar *progress) (*models.Level, []levelReport, error) {
	if f.level == levelRaw {
		return nil, nil, nil
	}
	mean, dev, spread := sv.light(w, h)
	level := func(kind string) *models.Level {
		return &models.Level{Kind: kind, Mean: max(mean, 1), Deviation: dev, Counted: sv.mask != nil}
	}
	if f.level == models.LevelGain || f.level == models.LevelMeanStd {
		return level(f.level), nil, nil
	}
	if spread < steadyLight {
		return nil, nil, nil
	}
	if w*h > inputArea*2 {
		w, h = inputSize(sv.aspects)
	}
	tries := []try{{w, h, nil, register}, {w, h, level(models.LevelGain), register}, {w, h, level(models.LevelMeanStd), register}}
	aurocs, err := newProber(sv, f, "trying to level light", tries...).run(ctx, sv.usable, bar)
	if err != nil || len(aurocs) < len(tries) {
		return nil, nil, err
	}
	var reports []levelReport
	best := 0
	for i, a := range aurocs {
		reports = append(reports, levelReport{levelName(tries[i].level), a})
		if a > aurocs[best] && a > aurocs[0]+levelGain {
			best = i
		}
	}
	return tries[best].level, reports, nil
}

// light is the median brightness and contrast of some of the pictures, and the
// standard deviation of the logarithm of their brightness.
func (sv *survey) light(w, h int) (mean, dev, spread float64) {
	pre, frame, in := infer.NewPreprocessor(w, h, nil), new(edge.Frame), make([]byte, w*h*3)
	counts := sv.mask.counts(w, h)
	var means, devs []float64
	sum, sqr := 0.0, 0.0
	n := min(len(sv.usable), probeParts)
	for i := range n {
		if pixfmt.ReadImageInto(frame, sv.usable[i*len(sv.usable)/n].Path) != nil || pre.Run(frame, in) != nil {
			continue // teaching will say so
		}
		m, d := infer.Brightness(in, counts)
		means, devs = append(means, m), append(devs, d)
		l := math.Log(max(m, 1))
		sum, sqr = sum+l, sqr+l*l
	}
	if len(means) == 0 {
		return 128, 64, 0
	}
	slices.Sort(means)
	slices.Sort(devs)
	k := float64(len(means))
	return means[len(means)/2], devs[len(devs)/2], math.Sqrt(max(0, sqr/k-sum/k*sum/k))
}
