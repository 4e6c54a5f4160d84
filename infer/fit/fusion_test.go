package fit

import (
	"math"
	"math/rand/v2"
	"testing"

	"winnow/infer"
)

// viewsOf draws n parts whose standardized deviations are normal around the
// given means.
func viewsOf(r *rand.Rand, n int, rec, local, latent float64) []infer.Deviations {
	out := make([]infer.Deviations, n)
	for i := range out {
		out[i] = infer.Deviations{
			Reconstruction: math.Exp(rec + r.NormFloat64()),
			Local:          math.Exp(local + r.NormFloat64()),
			Latent:         math.Exp(latent + r.NormFloat64()),
		}
	}
	return out
}

var unitView = infer.View{LogScale: 1, Median: 1}

var unitViews = infer.Member{Views: [2]infer.View{unitView, unitView}, Local: unitView}

// TestFusionTrustsTheViewThatTells: the weight goes where drawn defects are told
// from good parts, and no weight is negative, whatever a view does.
func TestFusionTrustsTheViewThatTells(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	good := viewsOf(r, 200, 0, 0, 0)
	for name, c := range map[string]struct {
		rec, local, latent float64
		best               func(infer.Fusion) float64
	}{
		"reconstruction": {4, 0, 0, func(f infer.Fusion) float64 { return f.Reconstruction }},
		"local":          {0, 4, 0, func(f infer.Fusion) float64 { return f.Local }},
		"latent":         {0, 0, 4, func(f infer.Fusion) float64 { return f.Latent }},
		"misleading":     {-3, 4, -3, func(f infer.Fusion) float64 { return f.Local }},
	} {
		f := fuse(&unitViews, true, fusionStart, good, viewsOf(r, 200, c.rec, c.local, c.latent))
		if sum := f.Reconstruction + f.Local + f.Latent; math.Abs(sum-1) > 1e-9 || min(f.Reconstruction, f.Local, f.Latent) < 0 {
			t.Errorf("%s: weights %+v", name, f)
		}
		if c.best(f) < 0.5 {
			t.Errorf("%s: the view that tells has %.2f of the weight: %+v", name, c.best(f), f)
		}
	}
}

// TestFusionWithoutEvidence keeps all views where nothing was drawn, the
// reconstruction, which no drawn defect flatters, before the others, and knows no local
// view where there is none.
func TestFusionWithoutEvidence(t *testing.T) {
	good := viewsOf(rand.New(rand.NewPCG(3, 4)), 500, 0, 0, 0)
	if f := fuse(&unitViews, true, fusionStart, good, nil); f.Reconstruction <= max(f.Local, f.Latent) || min(f.Local, f.Latent) < 0.05 {
		t.Errorf("weights %+v without any evidence", f)
	}
	if f := fuse(&unitViews, false, fusionStart, good, nil); f.Local != 0 || math.Abs(f.Reconstruction+f.Latent-1) > 1e-9 {
		t.Errorf("weights %+v without a local view", f)
	}
}

// TestFusionDropsWhatTellsLess: of two views that both tell drawn defects, one markedly
// better, the better one decides, though the other starts with seven times its weight;
// where both tell alike, the reconstruction does, which no drawn defect flatters.
func TestFusionDropsWhatTellsLess(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	good := viewsOf(r, 200, 0, 0, 0)
	f := fuse(&unitViews, true, fusionStart, good, viewsOf(r, 200, 1.6, 2.4, 0.2))
	if f.Local < 0.7 {
		t.Errorf("surroundings that tell far more weigh %.2f: %+v", f.Local, f)
	}
	if f = fuse(&unitViews, true, fusionStart, good, viewsOf(r, 200, 1.6, 1.6, 0.2)); f.Reconstruction < 0.55 {
		t.Errorf("a reconstruction that tells as much as the surroundings weighs %.2f: %+v", f.Reconstruction, f)
	}
}

// TestSurroundingsTakeThePartOfAReconstructionOfNothing: where all views tell drawn
// defects alike, the reconstruction decides where much repeats by place, the surroundings
// where nothing does; without them it keeps what it has.
func TestSurroundingsTakeThePartOfAReconstructionOfNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	good, odd := viewsOf(r, 200, 0, 0, 0), viewsOf(r, 200, 1.6, 1.6, 1.6)
	last := math.Inf(1)
	for _, repeat := range []float64{0.9, RepeatsEnough, 0.15, repeatsNothing, -0.1} {
		f := fuse(&unitViews, true, startFor(repeat, true), good, odd)
		if f.Reconstruction > last {
			t.Errorf("with %g repeating the reconstruction weighs %.2f, with more %.2f", repeat, f.Reconstruction, last)
		}
		last = f.Reconstruction
		if repeat >= RepeatsEnough && f.Reconstruction < 0.5 || repeat <= repeatsNothing && f.Local <= max(f.Reconstruction, f.Latent) {
			t.Errorf("with %g repeating: %+v", repeat, f)
		}
	}
	if startFor(0, false) != fusionStart {
		t.Errorf("without surroundings: %v", startFor(0, false))
	}
}

// TestSensitivity: normal scores that lie d standard deviations apart have an AUROC that
// says so; what tells nothing or lies has none, and certainty is as good as n parts prove.
func TestSensitivity(t *testing.T) {
	for _, d := range []float64{0, 0.5, 1, 2.5} {
		auroc := 0.5 * math.Erfc(-d/2) // the chance that the odd one of a pair is higher
		if got := sensitivity(auroc, 1000); math.Abs(got-d) > 1e-9 {
			t.Errorf("AUROC %.4f: %.4f, want %g", auroc, got, d)
		}
	}
	if d := sensitivity(0.3, 100); d != 0 {
		t.Errorf("a view that lies has %g", d)
	}
	if few, many := sensitivity(1, 20), sensitivity(1, 2000); !(few < many) || math.IsInf(many, 0) {
		t.Errorf("all of 20 and all of 2000: %g, %g", few, many)
	}
}
