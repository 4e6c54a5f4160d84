package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer/fit"
)

type teachFlags struct {
	from, out, split string
	input, level     string
	mask, register   string
	prune            string
	pruneLoss        float64
	density          float64            // of this encoder, while --prune tries; 0: the whole one
	refit            []evaluate.Picture // that it is refitted on
	distill          int                // steps of gradient descent on a pruned encoder
	library          string             // of TensorFlow, for them
	falseReject      float64
	threads          int
	json             bool
}

func teachCommand() *cobra.Command {
	var f teachFlags
	c := &cobra.Command{
		Use:   "teach --from DIR --out FILE.tflite",
		Short: "Learn from pictures of good parts what good parts look like",
		Long: "Teach learns normality from good parts only and writes one model package: features,\n" +
			"statistics, a threshold calibrated on held-out parts, and the certificate that goes with it.",
		Example: "  winnow teach --from good/ --out part.tflite\n  winnow teach --from mtd/ --out mtd.tflite --split mtd/split-disjoint.csv\n" +
			"  winnow teach --from good/ --out part.tflite --mask ignore.png\n" +
			"  winnow-tf teach --from good/ --out part.tflite --prune 0.5 --distill 600    a lighter encoder, trained on this station's pictures",
		Args: registerArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.prune == "" && c.Flags().Changed("prune-loss") {
				return usagef("--prune-loss says what a lighter encoder may cost: ask for one, such as --prune auto")
			}
			return runTeach(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.from, "from", "", "folder of pictures of good parts, or one in MVTec layout (train/good is taken)")
	fs.StringVar(&f.out, "out", "", "model package to write")
	fs.StringVar(&f.split, "split", "", "CSV file with the columns path,split,group: rows with split=teach are taken")
	fs.StringVar(&f.input, "input", inputAuto, "pixels of the model's input, such as 256x256, in multiples of 32; auto keeps the pictures' aspect and takes more pixels where drawn defects need them")
	fs.StringVar(&f.mask, "mask", "", "grey picture over the frame: places that are 0 are ignored, 255 count in full; any size of the pictures' aspect")
	fs.StringVar(&f.register, "register", registerAuto, "move each part by phase correlation to where the mean taught part lies, by at most 12.5 % of a side, before it is judged: on, off, or auto: what drawn defects speak for where taught parts lie apart")
	fs.Lookup("register").NoOptDefVal = registerOn
	fs.StringVar(&f.prune, "prune", "", "share of the time of the encoder's 1x1 convolutions that may stay, such as 0.5, or auto: a lighter encoder is kept where drawn defects are told as well with it; half of the parts, or 96 of them, refit it and teach nothing else")
	fs.Float64Var(&f.pruneLoss, "prune-loss", 0.005, "share of drawn defects above a held-out good part that a lighter encoder may cost")
	fs.IntVar(&f.distill, "distill", 0, "steps in which a pruned encoder is trained to give the whole one's features; 600 take minutes and 1 GB of memory, and need bin/winnow-tf and libtensorflow")
	fs.StringVar(&f.library, "library", "", "folder or file of libtensorflow, for --distill; empty for the usual places")
	fs.StringVar(&f.level, "level", levelAuto, "what takes changing light out: raw (nothing), gain (brightness), mean-std (brightness and contrast), or auto: what drawn defects speak for where the light of the taught parts changes")
	fs.Float64Var(&f.falseReject, "false-reject", 0.01, "false-reject rate that the threshold is drawn for")
	threadsVar(c, &f.threads, 0, "threads to use")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	return c
}

// teachGarbage is how much garbage, in percent of what lives, teach lets come
// together: an appliance has little memory to spare beside its running line.
const teachGarbage = 40

// shownSuspects bounds the list on a terminal.
const shownSuspects = 10

// taughtReport is what `teach --json` prints.
type taughtReport struct {
	Model  string `json:"model"`
	Digest string `json:"digest"`
	Bytes  int    `json:"bytes"`
	Parts  int    `json:"parts"`
	Groups int    `json:"groups"`
	alike
	dead
	Skipped     []string         `json:"skipped"`
	Suspects    []string         `json:"suspects"` // taught pictures that look unlike the others, worst first
	Input       [2]int           `json:"input"`    // width, height
	Ignored     float64          `json:"ignored"`  // share of the picture that the mask takes out
	Threshold   float64          `json:"threshold"`
	Certificate edge.Certificate `json:"certificate"`
	Promise     string           `json:"promise"`
	Outlook     *fit.Outlook     `json:"outlook"` // null without drawn defects
	Views       []viewReport     `json:"views"`
	Whitened    string           `json:"whitened"`  // how what the reconstruction leaves is set against what it leaves of good parts: nothing, places, channels or both
	Repeats     float64          `json:"repeats"`   // share of what varies that repeats at its place from part to part
	Sizes       []sizeReport     `json:"sizes"`     // input sizes that were tried; none where only one was sensible
	Pruned      []pruneReport    `json:"pruned"`    // encoders that were tried, the whole one first; none without --prune
	Level       string           `json:"level"`     // what takes changing light out: raw is nothing
	Levels      []levelReport    `json:"levels"`    // levels that were tried; none where the light of the taught parts is steady
	Register    bool             `json:"register"`  // parts are moved onto the mean taught one
	Registers   []registerReport `json:"registers"` // how moved parts did, and parts as they lie; none where that was not tried
	Seconds     float64          `json:"seconds"`
}

func runTeach(ctx context.Context, f teachFlags, out, log io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	start := time.Now()
	defer debug.SetGCPercent(debug.SetGCPercent(teachGarbage))
	if err := checkFolder(f.out); err != nil {
		return err
	}
	ds, err := evaluate.OpenDataset(f.from, f.split)
	if err != nil {
		return err
	}
	if len(ds.Teach) == 0 {
		return fmt.Errorf("%s holds no pictures to teach (%s): put good parts there, or in train/good below it", f.from, edge.PictureFormats)
	}
	bar := newProgress(log)
	defer bar.finish()
	taught, err := teachPruned(ctx, recipeName(f.out), ds.Teach, f, bar)
	if err != nil {
		return err
	}
	p, skipped := taught.pkg, taught.skipped
	b, err := p.Bytes()
	if err != nil {
		return err
	}
	if err := writeAtomic(f.out, b); err != nil {
		return err
	}
	bar.finish()
	m := p.Manifest
	r := taughtReport{
		Model: f.out, Digest: p.Digest(), Bytes: len(b), Parts: m.Taught.Parts, Groups: m.Taught.Groups, Skipped: listed(skipped),
		Input:     [2]int{m.Preprocess.Width, m.Preprocess.Height},
		Threshold: p.Calibration.Threshold, Certificate: p.Calibration.Certificate, Promise: fit.Promise(p.Calibration),
		Suspects: taught.suspects(), Views: listed(viewReports(taught.result)), Whitened: taught.result.Whitened.String(), Repeats: taught.result.Repeats, Sizes: listed(taught.sizes), Level: levelName(m.Preprocess.Level), Levels: listed(taught.levels), Register: taught.register, Registers: listed(taught.registers), Pruned: listed(taught.pruned), Seconds: time.Since(start).Seconds(),
	}
	r.Outlook, r.dead, r.alike = taught.outlook(), taught.dead, taught.alike
	if m.Preprocess.Ignored != nil {
		r.Ignored = *m.Preprocess.Ignored
	}
	if f.json {
		return writeJSON(out, r)
	}
	for _, s := range skipped {
		fmt.Fprintf(out, "skipped: %s\n", s)
	}
	fmt.Fprintf(out, "taught on %d good parts at %dx%d in %.1f s: %s (%.1f MB)\n", r.Parts, r.Input[0], r.Input[1], r.Seconds, f.out, float64(r.Bytes)/1e6)
	r.alike.print(out)
	r.dead.print(out)
	if r.Ignored > 0 {
		fmt.Fprintf(out, "%.1f %% of the picture is ignored, as the mask says\n", 100*r.Ignored)
	}
	printRegisters(out, r.Registers)
	printViews(out, r.Sizes, r.Levels, r.Views)
	if against := map[fit.Whitening]string{
		fit.WhitenPlaces:   "what good parts leave at the same place",
		fit.WhitenChannels: "how channels vary together in good parts",
		fit.WhitenBoth:     "what good parts leave at the same place, and how channels vary together there",
	}[taught.result.Whitened]; against != "" {
		fmt.Fprintf(out, "  what the reconstruction leaves is set against %s: drawn defects are told better so\n", against)
	}
	if len(r.Views) > 0 && r.Repeats < fit.RepeatsEnough {
		fmt.Fprintf(out, "  little repeats at its place from part to part (%.0f %% of what varies): surroundings take the reconstruction's part\n", 100*max(r.Repeats, 0))
	}
	printPruned(out, r.Pruned)
	printSuspects(out, r.Suspects)
	printOutlook(out, r.Outlook, len(r.Suspects))
	fmt.Fprintf(out, "%s\n", r.Promise)
	return nil
}

// listed is v, which JSON writes as a list even where nothing is in it.
func listed[T any](v []T) []T { return append([]T{}, v...) }

// printRegisters says what moving parts onto each other showed.
func printRegisters(out io.Writer, registers []registerReport) {
	for _, t := range registers {
		as := "as parts lie"
		if t.Register {
			as = "with parts moved onto each other"
		}
		fmt.Fprintf(out, "  %s, %.1f %% of drawn defects score above a held-out good part\n", as, 100*t.AUROC)
	}
}

// printViews says what drawn defects showed.
func printViews(out io.Writer, sizes []sizeReport, levels []levelReport, views []viewReport) {
	for _, s := range sizes {
		fmt.Fprintf(out, "  at %dx%d, %.1f %% of drawn defects score above a held-out good part\n", s.Input[0], s.Input[1], 100*s.AUROC)
	}
	for _, l := range levels {
		fmt.Fprintf(out, "  with light levelled by %s, %.1f %% of drawn defects score above a held-out good part\n", l.Level, 100*l.AUROC)
	}
	for _, v := range views {
		fmt.Fprintf(out, "  %-14s weighs %2.0f %%: alone it ranks %.1f %% of drawn defects above a held-out good part\n", v.Name, 100*v.Weight, 100*v.AUROC)
	}
}

func printPruned(out io.Writer, tried []pruneReport) {
	for _, r := range tried {
		name, kept := "the whole encoder", ""
		if r.Density < 1 {
			name = fmt.Sprintf("pruned to %.0f %% and refitted on %d other parts", 100*r.Density, r.Refit)
		}
		if r.Kept {
			kept = ": kept"
		}
		if d := r.Distilled; d != nil {
			fmt.Fprintf(out, "  distilling brought its features from %.3f to %.3f of their variance away from the whole encoder's, on pictures held out\n", d.Before, d.After)
		}
		fmt.Fprintf(out, "  with %s a part's layers take %.2f ms, and %.1f %% of drawn defects score above a held-out good part%s\n", name, r.PartMS, 100*r.AUROC, kept)
	}
}

func printSuspects(out io.Writer, suspects []string) {
	if len(suspects) == 0 {
		return
	}
	fmt.Fprintf(out, "look at these again, and teach without them if they are not good: they are least like the others\n")
	for i, p := range suspects {
		if i == shownSuspects {
			fmt.Fprintf(out, "  and %d more (--json lists all)\n", len(suspects)-i)
			break
		}
		fmt.Fprintf(out, "  %s\n", p)
	}
}

// printOutlook says what the threshold lets through, and what would change that.
func printOutlook(out io.Writer, o *fit.Outlook, suspects int) {
	if o == nil {
		return
	}
	fmt.Fprintf(out, "the threshold rejects %.0f %% of %d drawn defects", 100*o.Rejected, o.Drawn)
	if o.Looser > o.Rejected {
		fmt.Fprintf(out, "; drawn with --false-reject %.2g it would reject %.0f %%", o.LooserRate, 100*o.Looser)
	}
	if suspects > 0 && o.WithoutSuspects > o.Rejected {
		fmt.Fprintf(out, "; without the parts named above (%d), %.0f %%", suspects, 100*o.WithoutSuspects)
	}
	fmt.Fprintln(out)
}

func (f *teachFlags) check() error {
	switch {
	case f.from == "":
		return usagef("--from is needed: a folder of pictures of good parts")
	case f.out == "":
		return usagef("--out is needed: the model package to write, such as part.tflite")
	case !fit.CanAsk(f.falseReject):
		return usagef("--false-reject %g is not between %g and 1", f.falseReject, fit.LeastRate)
	case !(f.pruneLoss >= 0 && f.pruneLoss <= 1):
		return usagef("--prune-loss %g is outside 0 to 1", f.pruneLoss)
	}
	if _, err := pruneDensities(f.prune); err != nil {
		return err
	}
	if err := checkLevel(f.level); err != nil {
		return err
	}
	if err := checkRegister(f.register, f.mask); err != nil {
		return err
	}
	if err := refuseFolder("--out", f.out); err != nil { // before minutes of work
		return err
	}
	return checkInput(f.input)
}

// recipeName from the file name of a package.
func recipeName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}
