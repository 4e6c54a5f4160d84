package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/tf/lazy"
	"winnow/infer/tflite"
	"winnow/infer/train"
	"winnow/models"
	"winnow/models/library"
)

// pruneAuto tries several densities.
const pruneAuto = "auto"

// Good parts that an encoder is refitted on, and distilled on, at most.
const (
	prunePictures   = 96
	distillPictures = 384
)

// autoDensities are tried from the lightest.
var autoDensities = []float64{0.25, 0.5, 0.75}

// pruneReport is how a lighter encoder did on the same held-out parts and drawn
// defects as the whole one.
type pruneReport struct {
	Density float64 `json:"density"` // of the time of the encoder's 1x1 convolutions; 1 is the whole encoder
	AUROC   float64 `json:"drawn_auroc"`
	PartMS  float64 `json:"part_ms"` // all layers of the package on one thread
	Kept    bool    `json:"kept"`
	// Distilled is how far its features are from the whole encoder's; nil without --distill.
	Distilled *train.Distilled `json:"distilled,omitempty"`
}

// pruneDensities reads --prune.
func pruneDensities(s string) ([]float64, error) {
	switch s {
	case "":
		return nil, nil
	case pruneAuto:
		return autoDensities, nil
	}
	d, err := strconv.ParseFloat(s, 64)
	if err != nil || !(d >= 0.1 && d < 1) {
		return nil, usagef("--prune %s is neither auto nor a share from 0.1 to below 1", s)
	}
	return []float64{d}, nil
}

// teachPruned teaches with the whole encoder, then with lighter ones from the
// lightest on, and keeps the first whose drawn defects are told as well as the
// whole encoder tells them, within f.pruneLoss; the whole one where none is.
func teachPruned(ctx context.Context, recipe string, ps []evaluate.Picture, f teachFlags, bar *progress) (*taughtPictures, error) {
	densities, err := pruneDensities(f.prune)
	if err == nil {
		err = f.checkDistill()
	}
	if err != nil {
		return nil, err
	}
	whole, err := teachPictures(ctx, recipe, ps, f, bar)
	if err != nil || len(densities) == 0 {
		return whole, err
	}
	fused := func(t *taughtPictures) float64 {
		return fit.DrawnAUROC(t.result.HeldOut, t.result.Drawn, func(h fit.HeldOut) float64 {
			score := t.result.Statistics.Fusion.Fuse(t.result.Statistics.Standardize(h.Raw))
			return score
		})
	}
	reports := []pruneReport{{Density: 1, AUROC: fused(whole)}}
	if _, reports[0].PartMS, err = partCost(whole.pkg); err != nil {
		return nil, err
	}
	f.input = fmt.Sprintf("%dx%d", whole.pkg.Manifest.Preprocess.Width, whole.pkg.Manifest.Preprocess.Height)
	f.level = levelName(whole.pkg.Manifest.Preprocess.Level)
	if f.register = registerOff; whole.register {
		f.register = registerOn
	}
	kept := whole
	for _, d := range densities {
		f.density = d
		t, err := teachPictures(ctx, recipe, ps, f, bar)
		if err != nil {
			return nil, err
		}
		r := pruneReport{Density: d, AUROC: fused(t), Distilled: t.distilled}
		if _, r.PartMS, err = partCost(t.pkg); err != nil {
			return nil, err
		}
		r.Kept = kept == whole && r.AUROC >= reports[0].AUROC-f.pruneLoss
		reports = append(reports, r)
		if r.Kept {
			kept = t
			break
		}
	}
	kept.sizes, kept.levels, kept.registers, kept.pruned = whole.sizes, whole.levels, whole.registers, reports
	kept.pruned[0].Kept = kept == whole
	return kept, nil
}

// checkDistill refuses --distill where it would be of no use, before any work.
func (f *teachFlags) checkDistill() error {
	switch {
	case f.distill == 0:
		return nil
	case f.distill < 0 || f.distill > 100000:
		return usagef("--distill %d is no number of steps from 0 to 100000", f.distill)
	case f.prune == "":
		return usagef("--distill trains what --prune leaves: give both, such as --prune 0.5 --distill 300")
	case !train.Built:
		return errNoTraining
	}
	return nil
}

// lighten prunes the encoder before any part is added, on pictures spread over
// ps.
func (t *teacher) lighten(ctx context.Context, ps []evaluate.Picture, f teachFlags, bar *progress) (*train.Distilled, error) {
	var inputs [][]byte
	frame := new(edge.Frame)
	n := min(len(ps), prunePictures)
	if f.distill > 0 {
		n = min(len(ps), distillPictures)
	}
	for i := range n {
		if pixfmt.ReadImageInto(frame, ps[i*len(ps)/n].Path) != nil {
			continue // it is named when it is taught
		}
		in := make([]byte, t.w*t.h*3)
		if err := t.pre.Run(frame, in); err != nil {
			return nil, err
		}
		inputs = append(inputs, bytes.Clone(t.load(in)))
	}
	r := rand.New(rand.NewPCG(1, 0x7072756e65)) // layers of many places take the first few
	r.Shuffle(len(inputs), func(a, b int) { inputs[a], inputs[b] = inputs[b], inputs[a] })
	tick := func(done, total int) { bar.update("pruning the encoder", done, total) }
	enc, err := fit.Lighten(ctx, t.bare, inputs, f.density, t.eng, tick)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s, 1x1 convolutions pruned to %g %% of their time and refitted", library.Name, 100*f.density)
	var distilled *train.Distilled
	if f.distill > 0 {
		d := train.Distillation{
			Load: lazy.Loader(f.library), Engine: t.eng, Threads: judgeThreads(f.threads), Steps: f.distill, Seed: 1,
			Progress: func(done, total int) { bar.update("distilling the encoder", done, total) },
		}
		var how train.Distilled
		if enc, how, err = train.Distill(ctx, d, t.bare, enc, inputs); err != nil {
			return nil, err
		}
		if distilled = &how; how.Kept {
			name += fmt.Sprintf(", then distilled in %d steps", f.distill)
		}
	}
	return distilled, t.encodeWith(enc, name)
}

// encodeWith makes enc, with the wide tap behind it, the encoder.
func (t *teacher) encodeWith(enc *tflite.Model, name string) error {
	b, err := enc.Marshal()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	bare := enc
	if enc, _, err = withWideTap(bare); err != nil {
		return err
	}
	if b, err = enc.Marshal(); err != nil {
		return err
	}
	s, err := t.eng.Load(b, infer.Options{Threads: t.threads})
	if err != nil {
		return err
	}
	if err := t.session.Close(); err != nil {
		return err
	}
	t.encoder, t.bare, t.session = enc, bare, s
	t.named = &models.Encoder{Name: name, Digest: hex.EncodeToString(sum[:])}
	return nil
}
