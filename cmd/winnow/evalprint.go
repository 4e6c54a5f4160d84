package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"winnow/edge/evaluate"
	"winnow/infer/fit"
)

func printEval(r evaluate.Result, dest string, out io.Writer) error {
	switch dest {
	case "":
		return printFigures(out, r)
	case "-":
		return writeJSON(out, r)
	}
	var b jsonBuffer
	if err := writeJSON(&b, r); err != nil {
		return err
	}
	if err := writeAtomic(dest, b); err != nil {
		return err
	}
	return printFigures(out, r)
}

type jsonBuffer []byte

func (b *jsonBuffer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// percent words a share.
func percent(n evaluate.Number) string {
	if !n.Known() {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n))
}

// decimal words a plain figure.
func decimal(n evaluate.Number) string {
	if !n.Known() {
		return "-"
	}
	return fmt.Sprintf("%.3g", float64(n))
}

// between words a share with its interval.
func between(r *evaluate.Result, name string, n evaluate.Number) string {
	iv, ok := r.Intervals[name]
	if !ok || !n.Known() {
		return percent(n)
	}
	return fmt.Sprintf("%s (%.1f to %.1f)", percent(n), 100*float64(iv[0]), 100*float64(iv[1]))
}

func printFigures(w io.Writer, r evaluate.Result) error {
	row := func(name, format string, a ...any) {
		fmt.Fprintf(w, "  %-32s "+format+"\n", append([]any{name}, a...)...)
	}
	fmt.Fprintf(w, "%d good and %d defective parts in %d groups, engine %s; in brackets 95 %% intervals\n", r.Good, r.Bad, r.Groups, r.Engine)
	for _, f := range r.Flattery() {
		fmt.Fprintf(w, "these figures flatter: %s\n", f)
	}
	row("image AUROC", "%s", between(&r, "image_auroc", r.ImageAUROC))
	row("  of the latent view alone", "%s", percent(r.Views.Latent))
	row("  of the autoencoder alone", "%s", percent(r.Views.Autoencoder))
	row("  of the surroundings alone", "%s", percent(r.Views.Surroundings))
	gain := r.Views.GainInterval
	if r.Views.Gain.Known() {
		row("  fused above the best of them", "%+.1f points (%+.1f to %+.1f)", 100*float64(r.Views.Gain), 100*float64(gain[0]), 100*float64(gain[1]))
	}
	row("average precision, best F1", "%s, %s", percent(r.ImageAP), percent(r.F1))
	row("caught at 1 % false rejects", "%s; at none %s", between(&r, "caught_at_1pct", r.CaughtAt1), percent(r.CaughtAt0))
	row("pixel AUROC", "%s", between(&r, "pixel_auroc", r.PixelAUROC))
	row("AUPRO (to 30 % false positives)", "%s", between(&r, "aupro", r.AUPRO))
	row("region AUROC", "%s", between(&r, "region_auroc", r.RegionAUROC))
	if r.EmptyMasks > 0 {
		row("empty masks", "%d defective pictures are left out of pixel figures: their masks have nothing bright", r.EmptyMasks)
	}
	if r.MissingMasks > 0 {
		row("missing masks", "%d defective pictures are left out of pixel figures: there is no mask of them", r.MissingMasks)
	}
	fmt.Fprintf(w, "at the calibrated threshold of %.4g\n", float64(r.Threshold))
	row("false rejects", "%s", between(&r, "false_reject_rate", r.FalseReject))
	row("escapes", "%s", between(&r, "escape_rate", r.Escape))
	row("caught", "%s, F1 %s", between(&r, "caught_rate", r.Caught), percent(r.F1At))
	row("unsure", "%s of good, %s of defective parts (neither caught nor accepted)", percent(r.Unsure), percent(r.UnsureBad))
	if r.Framed.Known() {
		row("the first frame is on a defect", "in %s of what is not accepted; median IoU %.2f", between(&r, "framed_rate", r.Framed), float64(r.FrameIoU))
	}
	row("certificate", "at most %s %% false rejects at %.0f %% confidence, from %d parts", fit.AtMost(100*r.Certificate.Bound), 100*r.Certificate.Confidence, r.Certificate.N)
	printSlices(w, &r)
	_, err := fmt.Fprintf(w, "latency p50 %.1f ms, p99 %.1f ms\n", float64(r.LatencyMS.P50), float64(r.LatencyMS.P99))
	return err
}

// printSlices shows the tables that there are.
func printSlices(w io.Writer, r *evaluate.Result) {
	if len(r.PerDefect) > 0 {
		fmt.Fprintf(w, "%-20s %6s %12s %8s %12s %8s\n", "defect", "parts", "image AUROC", "AUPRO", "caught 1 %", "escapes")
	}
	line := func(name string, d evaluate.Defect) {
		fmt.Fprintf(w, "%-20s %6d %12s %8s %12s %8s\n", name, d.N, percent(d.ImageAUROC), percent(d.AUPRO), percent(d.CaughtAt1), percent(d.Escape))
	}
	for _, k := range slices.Sorted(maps.Keys(r.PerDefect)) {
		line(k, r.PerDefect[k])
	}
	for _, s := range r.PerSize {
		line(fmt.Sprintf("%s (from %.2g %%)", s.Name, 100*float64(s.Low)), s.Defect)
	}
	if len(r.Conditions) > 0 {
		fmt.Fprintf(w, "%-20s %6s %6s %12s %14s %8s %8s %8s %10s\n", r.Condition, "good", "bad", "image AUROC", "false rejects", "unsure", "escapes", "shift", "own 1 %")
	}
	for _, c := range r.Conditions {
		fmt.Fprintf(w, "%-20s %6d %6d %12s %14s %8s %8s %8s %10s\n", c.Name, c.Good, c.Bad, percent(c.ImageAUROC), percent(c.FalseReject), percent(c.Unsure), percent(c.Escape), decimal(c.Shift), decimal(c.Rejects1))
	}
	if len(r.Corruptions) > 0 {
		fmt.Fprintf(w, "%-18s %-26s %12s %14s %8s %8s\n", "corruption", "", "image AUROC", "false rejects", "unsure", "escapes")
	}
	for _, c := range r.Corruptions {
		fmt.Fprintf(w, "%-18s %-26s %12s %14s %8s %8s\n", strings.TrimSpace(c.Name), c.Strength, percent(c.ImageAUROC), percent(c.FalseReject), percent(c.Unsure), percent(c.Escape))
	}
	if len(r.CrossDomain) > 0 {
		fmt.Fprintf(w, "%-16s %-16s %26s %12s %14s %8s\n", "taught on", "judged on", "image AUROC", "caught 1 %", "false rejects", "escapes")
	}
	for _, c := range r.CrossDomain {
		auroc := percent(c.ImageAUROC)
		if c.ImageAUROC.Known() {
			auroc += fmt.Sprintf(" (%4.1f to %4.1f)", 100*float64(c.Interval[0]), 100*float64(c.Interval[1]))
		}
		fmt.Fprintf(w, "%-16s %-16s %26s %12s %14s %8s\n", c.Taught, c.Judged, auroc, percent(c.CaughtAt1), percent(c.FalseReject), percent(c.Escape))
	}
}
