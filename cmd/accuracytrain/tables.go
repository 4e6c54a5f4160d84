package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// order of lines in all tables.
var order = []string{"aliens", "mtd-disjoint", "deeppcb", "mtd", "closed form", "feature-ae", "denoising", "variational", "multi-level", "student", "conv-ae", "float", "int8", "75 %", "50 %", "25 %", "12.5 %"}

func (b *bench) shipped(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join("infer", "train", "recipes", name+".toml"))
	return string(text), err
}

// families measures each recipe on each set, in float, rounded, and pruned to a
// half and a quarter.
func families(b *bench) error {
	t := &table{name: "families", keys: 3, order: order,
		text: "`make accuracy-train`: one training a line group (`winnow train curve`), seed 1, on the parts that `winnow train` lets weights learn from; 95 % intervals.\n" +
			"Float: the network in 32-bit floats between the same int8 encoder and statistics. 50 % and 25 %: the share that is left of the prunable layers' time and\n" +
			"of their 16x4 blocks. Against teach: points of image AUROC over the closed form on the same pictures, by paired bootstrap. MMAC dense, ms native on one\n" +
			"thread: the trained layers, then the whole part with the encoder.",
		head: "| set | recipe | kept as | image AUROC | against teach | pixel AUROC | AUPRO | caught at 1 % | MMAC | network ms | part ms | s to train | measured |\n" +
			"|---|---|---|---|---|---|---|---|---|---|---|---|---|"}
	for _, set := range b.sets {
		for recipe := range strings.SplitSeq(b.o.recipes, ",") {
			text, err := b.shipped(recipe)
			if err != nil {
				return err
			}
			m, err := b.besideTeach(job{name: recipe, recipe: text, set: set, seed: 1, densities: b.o.densities})
			if err != nil {
				return err
			}
			if err := t.write(b.o.readme, familyLines(m, set, recipe)); err != nil {
				return err
			}
		}
	}
	return nil
}

func familyLines(m *measured, set, recipe string) (lines []string) {
	closed := m.find("closed form")
	for i := range m.Rows {
		r := &m.Rows[i]
		e := &r.Eval
		name, kept, against, seconds := recipe, r.What, "", m.TrainSeconds+r.Seconds
		if r == closed {
			name, kept, against, seconds = "closed form", "int8", "-", 0
		} else {
			gain, low, high := paired(m, [][]float64{closed.Scores}, [][]float64{r.Scores})
			against = fmt.Sprintf("%+.1f (%+.1f to %+.1f)", gain, low, high)
		}
		iv := e.Intervals["image_auroc"]
		lines = append(lines, fmt.Sprintf("| %s | %s | %s | %s (%s to %s) | %s | %s | %s | %s | %s | %s | %s | %s | %s |", set, name, kept,
			pc(e.ImageAUROC), pc(iv[0]), pc(iv[1]), against, pc(e.PixelAUROC), pc(e.AUPRO), pc(e.CaughtAt1),
			whole(float64(r.MACs)/1e6), ms(r.NetworkMS), ms(r.PartMS), whole(seconds), m.Date))
	}
	return lines
}

func whole(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", v)
}

// pruned measures the default at several densities, three seeds each, against its
// own dense float.
func pruned(b *bench) error {
	t := &table{name: "pruned", keys: 2, order: order,
		text: "`make accuracy-train TABLE=pruned`: the default at each density against its own dense float, mean of seeds 1, 2 and 3; the cost in points of image AUROC\n" +
			"by paired bootstrap over groups of parts. Both maps: reconstruction and surroundings without the latent view. The held-out loss says what pruning does to the network before views that\n" +
			"never see it are fused with it. Layers that can be pruned, all trained layers and the whole part: ms native, one thread, mean of the seeds.",
		head: "| set | left | image AUROC | against float | both maps alone | held-out loss | prunable ms | faster than dense int8 | network ms | part ms | measured |\n|---|---|---|---|---|---|---|---|---|---|---|"}
	text, err := b.shipped("feature-ae")
	if err != nil {
		return err
	}
	for _, set := range b.sets {
		var seeds []*measured
		for seed := 1; seed <= 3; seed++ {
			m, err := b.measure(job{name: "feature-ae", recipe: text, set: set, seed: seed, densities: b.o.densities})
			if err != nil {
				return err
			}
			seeds = append(seeds, m)
		}
		var lines []string
		for _, r := range seeds[0].Rows {
			if r.What != "closed form" {
				lines = append(lines, prunedLine(seeds, set, r.What))
			}
		}
		if err := t.write(b.o.readme, lines); err != nil {
			return err
		}
	}
	return nil
}

func prunedLine(seeds []*measured, set, what string) string {
	var float, scores [][]float64
	var auroc, alone, held, dense, prunable, network, part float64
	n := float64(len(seeds))
	for _, m := range seeds {
		r := m.find(what)
		float, scores = append(float, m.find("float").Scores), append(scores, r.Scores)
		auroc += 100 * float64(r.Eval.ImageAUROC) / n
		alone, held = alone+100*float64(r.Eval.Views.Reconstruction)/n, held+r.Held/n
		if whole := m.find("int8"); whole != nil { // 1 is among the densities
			dense += whole.PrunableMS / n
		}
		prunable, network, part = prunable+r.PrunableMS/n, network+r.NetworkMS/n, part+r.PartMS/n
	}
	against, faster := "-", "-"
	if what != "float" {
		gain, low, high := paired(seeds[0], float, scores)
		against = fmt.Sprintf("%+.1f (%+.1f to %+.1f)", gain, low, high)
		if dense > 0 {
			faster = fmt.Sprintf("%.1fx", dense/prunable)
		}
	}
	return fmt.Sprintf("| %s | %s | %.1f | %s | %.1f | %.3f | %s | %s | %s | %s | %s |", set, what, auroc, against, alone, held, ms(prunable), faster, ms(network), ms(part), seeds[0].Date)
}
