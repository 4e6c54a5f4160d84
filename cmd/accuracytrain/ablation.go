package main

import (
	"fmt"
	"slices"
	"strings"
)

// change of the default recipe: what is on that was off, or off that was on.
type change struct{ name, recipe string }

// changes that the ablation measures; the first is none.
var changes = []change{
	{"default", ""},
	{"ssim 0.2", "[objectives]\nssim = 0.2"},
	{"adversarial 0.05", "[objectives]\nadversarial = 0.05\nadversarial_start = 0"},
	{"one-class 0.1", "[objectives]\none_class = 0.1"},
	{"kl (variational) 0.001", "family = \"variational\"\n[objectives]\nkl = 1e-3"},
	{"2 variants a picture", "[augment]\nvariants = 2"},
	{"2 variants, contrastive 0.1", "[augment]\nvariants = 2\n[objectives]\ncontrastive = 0.1"},
	{"2 variants, multi-view 0.1", "[augment]\nvariants = 2\n[objectives]\nmulti_view = 0.1"},
	{"no noise", "[regime]\nnoise = 0.0"},
	{"noise 1.0", "[regime]\nnoise = 1.0"},
	{"mask 0.25", "[regime]\nmask = 0.25"},
	{"curriculum 0.5", "[regime]\ncurriculum = 0.5"},
	{"spectral norm 2", "[regime]\nspectral = 2.0"},
	{"no weight decay", "[loop]\ndecay = 0.0"},
	{"no normalization", "[network]\nnorm = false"},
	{"attention", "[network]\nattention = true"},
	{"depth 1", "[network]\ndepth = 1"},
	{"code 16", "[network]\ncode = 16"},
	{"code 256", "[network]\ncode = 256"},
	{"ensemble of 3", "ensemble = 3"},
	{"no surroundings view", "[views]\nsurroundings = false"},
	{"steps 400", "[loop]\nsteps = 400"},
	{"steps 1500", "[loop]\nsteps = 1500"},
}

// ablation measures each change of the default on its own.
func ablation(b *bench) error {
	t := &table{name: "ablation", keys: 2, order: append([]string(nil), order...),
		text: "`make accuracy-train TABLE=ablation`: the default recipe with one thing changed at a time, int8, seed 1; against the default by paired bootstrap over groups of\n" +
			"parts. The interval is that of the pictures, not of the training: seeds alone move the default by some tenths of a point (table above).",
		head: "| set | change | image AUROC | against the default | pixel AUROC | AUPRO | held-out loss | drawn defects told | s to train | measured |\n|---|---|---|---|---|---|---|---|---|---|"}
	for _, c := range changes {
		t.order = append(t.order, c.name)
	}
	for _, set := range b.sets {
		var base *measured
		for k, c := range changes {
			if k > 0 && b.o.items != "" && !slices.Contains(strings.Split(b.o.items, ";"), c.name) {
				continue
			}
			m, err := b.measure(job{name: "ablation-" + fmt.Sprint(k), recipe: c.recipe, set: set, seed: 1, densities: "1"})
			if err != nil {
				return err
			}
			if k == 0 {
				base = m
			}
			if err := t.write(b.o.readme, []string{ablationLine(base, m, set, c.name)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func ablationLine(base, m *measured, set, name string) string {
	r, against := m.find("int8"), "-"
	if m != base {
		gain, low, high := paired(base, [][]float64{base.find("int8").Scores}, [][]float64{r.Scores})
		against = fmt.Sprintf("%+.1f (%+.1f to %+.1f)", gain, low, high)
	}
	iv := r.Eval.Intervals["image_auroc"]
	return fmt.Sprintf("| %s | %s | %s (%s to %s) | %s | %s | %s | %.3f | %.1f | %.0f | %s |", set, name, pc(r.Eval.ImageAUROC), pc(iv[0]), pc(iv[1]), against,
		pc(r.Eval.PixelAUROC), pc(r.Eval.AUPRO), r.Held, 100*r.Synthetic, m.TrainSeconds, m.Date)
}
