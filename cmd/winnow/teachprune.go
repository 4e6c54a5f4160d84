package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
	Refit   int     `json:"refitted_on"` // good parts that this encoder was refitted on, which teach nothing else; 0 of the whole one
	PartMS  float64 `json:"part_ms"`     // all layers of the package on one thread
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
//
// A lighter encoder gives what the whole one does on the parts it was refitted on more than
// on any other part. So those teach nothing else, and prove nothing: the rest, whole groups of
// them, teach with it, and with the whole one to compare it with.
func teachPruned(ctx context.Context, recipe string, ps []evaluate.Picture, f teachFlags, bar *progress) (*taughtPictures, error) {
	densities, err := pruneDensities(f.prune)
	if err == nil {
		err = f.checkDistill()
	}
	if err != nil {
		return nil, err
	}
	if len(densities) > 0 && len(ps) < 2*fit.MinParts {
		return nil, tooFewToPrune(len(ps))
	}
	whole, err := teachPictures(ctx, recipe, ps, f, bar)
	if err != nil || len(densities) == 0 {
		return whole, err
	}
	var rest []evaluate.Picture
	if f.refit, rest, err = whole.divided(f.refitOn()); err != nil {
		return nil, err
	}
	fused := func(t *taughtPictures) float64 {
		return fit.DrawnAUROC(t.result.HeldOut, t.result.Drawn, func(h fit.HeldOut) float64 {
			score := t.result.Statistics.Fusion.Fuse(t.result.Statistics.Standardize(h.Raw))
			return score
		})
	}
	f.input = fmt.Sprintf("%dx%d", whole.pkg.Manifest.Preprocess.Width, whole.pkg.Manifest.Preprocess.Height)
	f.level = levelName(whole.pkg.Manifest.Preprocess.Level)
	if f.register = registerOff; whole.register {
		f.register = registerOn
	}
	beside, err := teachPictures(ctx, recipe, rest, f, bar)
	if err != nil {
		return nil, err
	}
	if len(beside.result.Drawn) == 0 {
		return nil, errors.New("no drawn defect shows on these parts, as under a mask that leaves little: nothing says what a lighter encoder costs; teach without --prune")
	}
	reports := []pruneReport{{Density: 1, AUROC: fused(beside)}}
	if _, reports[0].PartMS, err = partCost(beside.pkg); err != nil {
		return nil, err
	}
	kept := whole
	for _, d := range densities {
		f.density = d
		t, err := teachPictures(ctx, recipe, rest, f, bar)
		if err != nil {
			return nil, err
		}
		r := pruneReport{Density: d, AUROC: fused(t), Refit: len(f.refit), Distilled: t.distilled}
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
	kept.skipped = whole.skipped
	kept.pruned[0].Kept = kept == whole
	return kept, nil
}

// refitOn is how many good parts an encoder is refitted on, at most.
func (f *teachFlags) refitOn() int {
	if f.distill > 0 {
		return distillPictures
	}
	return prunePictures
}

func tooFewToPrune(n int) error {
	return fmt.Errorf("%d good parts are too few for --prune: at least %d are needed, of groups that can be divided, as those that an encoder is refitted on teach nothing else", n, 2*fit.MinParts)
}

// divided are the taught parts, divided: up to half of them, and no more than most, to refit an
// encoder on, and the rest. No group is on both sides, near-duplicates in one group.
func (r *taughtPictures) divided(most int) (refit, rest []evaluate.Picture, err error) {
	groups, _, _ := fit.GroupPrints(r.prints, evaluate.GroupNumbers(r.taught))
	size := map[int]int{}
	for _, g := range groups {
		size[g]++
	}
	order := make([]int, 0, len(size))
	for g := range len(size) { // they are numbered from 0
		order = append(order, g)
	}
	shuffle := rand.New(rand.NewPCG(1, 0x7265666974))
	shuffle.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	most = min(most, len(groups)/2)
	taken, n := map[int]bool{}, 0
	for _, g := range order {
		if n+size[g] <= most {
			taken[g] = true
			n += size[g]
		}
	}
	for i, p := range r.taught {
		if taken[groups[i]] {
			refit = append(refit, p)
		} else {
			rest = append(rest, p)
		}
	}
	if len(refit) < fit.MinParts || len(rest) < fit.MinParts || len(size)-len(taken) < 2 {
		return nil, nil, tooFewToPrune(len(groups))
	}
	return refit, rest, nil
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

// lighten prunes the encoder before any part is added, on pictures ps, which are none of those
// that are taught.
func (t *teacher) lighten(ctx context.Context, ps []evaluate.Picture, f teachFlags, bar *progress) (*train.Distilled, error) {
	var inputs [][]byte
	frame := new(edge.Frame)
	for _, p := range ps {
		if err := pixfmt.ReadImageInto(frame, p.Path); err != nil {
			return nil, err // it could be read before
		}
		in := make([]byte, t.w*t.h*3)
		if err := t.pre.Run(frame, in); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Path, err)
		}
		t.refitted = append(t.refitted, models.InputDigest(in))
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
