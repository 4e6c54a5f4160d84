package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer/fit"
	"winnow/infer/train"
)

type trainFlags struct {
	from, out, split, recipe, library string
	input, html, sheet                string
	falseReject                       float64
	threads                           int
	dryRun, deterministic             bool
	restart, printRecipe, json        bool
}

func trainCommand() *cobra.Command {
	var f trainFlags
	c := &cobra.Command{
		Use:   "train --from DIR --recipe NAME|FILE.toml --out FILE.tflite",
		Short: "Train an autoencoder on pictures of good parts, through TensorFlow",
		Long: "Train learns a deep model of good parts by gradient descent and writes one model package,\n" +
			"eight bits, judged and calibrated like a taught one. It needs the program that `make build-tf`\n" +
			"builds and the library that `make libtensorflow` fetches. A run that was stopped goes on from\n" +
			"its checkpoint, OUT.checkpoint. Recipes: " + strings.Join(train.Names(), ", ") + ".",
		Example: "  winnow train --from good/ --out part.tflite\n" +
			"  winnow train --from mtd/ --split mtd/split-disjoint.csv --recipe feature-ae --out mtd.tflite --html mtd.html\n" +
			"  winnow train --from good/ --recipe mine.toml --dry-run\n" +
			"  winnow train --recipe feature-ae --print-recipe > mine.toml",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runTrain(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.from, "from", "", "folder of pictures of good parts, or one in MVTec layout (train/good is taken)")
	fs.StringVar(&f.out, "out", "", "model package to write")
	fs.StringVar(&f.split, "split", "", "CSV file with the columns path,split,group: rows with split=teach are taken")
	fs.StringVar(&f.recipe, "recipe", "feature-ae", "name of a recipe that ships, or a TOML file")
	fs.StringVar(&f.input, "input", inputAuto, "pixels of the model's input, such as 256x256, in multiples of 32; auto chooses as teach does")
	fs.StringVar(&f.library, "library", "", "folder or file of libtensorflow; empty for the usual places")
	fs.StringVar(&f.html, "html", "", "report to write: curves, reconstructions, heatmaps")
	fs.StringVar(&f.sheet, "contact-sheet", "", "PNG to write of what the network sees: pictures, variants and drawn anomalies")
	fs.Float64Var(&f.falseReject, "false-reject", 0.01, "false-reject rate that the threshold is drawn for")
	threadsVar(c, &f.threads, 0, "threads to use")
	fs.BoolVar(&f.dryRun, "dry-run", false, "say parameters, MACs, memory and time per step, and train nothing")
	fs.BoolVar(&f.deterministic, "deterministic", false, "one thread and no clock: the same pictures and recipe give the same bits")
	fs.BoolVar(&f.restart, "restart", false, "begin anew where a checkpoint lies")
	fs.BoolVar(&f.printRecipe, "print-recipe", false, "print the recipe with its comments and leave")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	c.AddCommand(trainCurveCommand())
	return c
}

// trainedReport is what `train --json` prints.
type trainedReport struct {
	Model   string `json:"model"`
	Digest  string `json:"digest"`
	Bytes   int    `json:"bytes"`
	Recipe  string `json:"recipe"`
	Family  string `json:"family"`
	Parts   int    `json:"parts"`    // that weights learned from
	HeldOut int    `json:"held_out"` // good parts that none did
	alike
	Skipped      []string         `json:"skipped"`
	Input        [2]int           `json:"input"` // width, height
	Steps        int              `json:"steps"`
	Resumed      bool             `json:"resumed"`
	Loss         float64          `json:"loss"`            // of the last step
	Held         float64          `json:"held_out_loss"`   // at the last look
	Synthetic    float64          `json:"synthetic_auroc"` // of drawn anomalies, at the last look
	Density      float64          `json:"density"`         // share of prunable weight blocks left
	MACs         int64            `json:"macs"`            // of the whole graph, dense
	Spread       *float64         `json:"ensemble_spread"` // of an ensemble: deviation of its members over the held-out parts' error
	Threshold    float64          `json:"threshold"`
	Certificate  edge.Certificate `json:"certificate"`
	Promise      string           `json:"promise"`
	Views        []viewReport     `json:"views"`
	Suspects     []string         `json:"suspects"` // held-out pictures that look unlike the others, worst first
	Outlook      *fit.Outlook     `json:"outlook"`  // null without drawn defects
	Sizes        []sizeReport     `json:"sizes"`    // input sizes that were tried; none where only one was sensible
	Seconds      float64          `json:"seconds"`
	TrainSeconds float64          `json:"train_seconds"`
}

func runTrain(ctx context.Context, f trainFlags, out, log io.Writer) error {
	text, err := recipeText(f.recipe)
	if err != nil {
		return err
	}
	if f.printRecipe {
		_, err := out.Write(text)
		return err
	}
	r, err := readRecipe(f.recipe)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if err := readyToTrain(); err != nil {
		return err
	}
	bar := newProgress(log)
	defer bar.finish()
	j := &trainJob{f: f, r: r, bar: bar, log: log, start: time.Now()}
	if err := j.open(ctx); err != nil {
		return err
	}
	defer j.close()
	if f.dryRun {
		return j.estimate(out)
	}
	rep, err := j.run(ctx)
	if err != nil {
		return err
	}
	bar.finish()
	if f.json {
		return writeJSON(out, rep)
	}
	rep.print(out)
	return nil
}

func (r *trainedReport) print(out io.Writer) {
	for _, s := range r.Skipped {
		fmt.Fprintf(out, "skipped: %s\n", s)
	}
	fmt.Fprintf(out, "trained %s on %d good parts, %d held out, at %dx%d in %.0f s: %s (%.1f MB)\n",
		r.Family, r.Parts, r.HeldOut, r.Input[0], r.Input[1], r.Seconds, r.Model, float64(r.Bytes)/1e6)
	fmt.Fprintf(out, "%d steps; held-out loss %.4f, drawn anomalies told with AUROC %.3f, %.0f million multiply-accumulates\n",
		r.Steps, r.Held, r.Synthetic, float64(r.MACs)/1e6)
	r.alike.print(out)
	if r.Density < 1 {
		fmt.Fprintf(out, "%.0f %% of the prunable weight blocks are left\n", 100*r.Density)
	}
	if r.Spread != nil {
		fmt.Fprintf(out, "members of the ensemble differ by %.2f of what they leave\n", *r.Spread)
	}
	printViews(out, r.Sizes, nil, r.Views)
	printSuspects(out, r.Suspects)
	printOutlook(out, r.Outlook, len(r.Suspects))
	fmt.Fprintf(out, "%s\n", r.Promise)
}

// readyToTrain says what is missing.
func readyToTrain() error {
	if !train.Built {
		return errNoTraining
	}
	if os.Getenv("TF_CPP_MIN_LOG_LEVEL") == "" { // TensorFlow's notes would break the bar
		if err := os.Setenv("TF_CPP_MIN_LOG_LEVEL", "1"); err != nil {
			return err
		}
	}
	return nil
}

// readRecipe is the recipe of that name or file.
func readRecipe(name string) (*train.Recipe, error) {
	text, err := recipeText(name)
	if err != nil {
		return nil, err
	}
	r, err := train.ParseRecipe(text)
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	return r, nil
}

// recipeText reads a recipe that ships or a file.
func recipeText(name string) ([]byte, error) {
	if !strings.HasSuffix(name, ".toml") {
		b, err := train.Text(name)
		if err != nil {
			return nil, usageError{err}
		}
		return b, nil
	}
	return os.ReadFile(name)
}

func (f *trainFlags) check() error {
	switch {
	case f.from == "":
		return usagef("--from is needed: a folder of pictures of good parts")
	case f.out == "" && !f.dryRun:
		return usagef("--out is needed: the model package to write, such as part.tflite")
	case !fit.CanAsk(f.falseReject):
		return usagef("--false-reject %g is not between %g and 1", f.falseReject, fit.LeastRate)
	}
	if err := checkInput(f.input); err != nil {
		return err
	}
	return f.checkWritable()
}

// checkWritable tells before the work what could not be written after it.
func (f *trainFlags) checkWritable() error {
	flagOf := map[string]string{}
	for _, o := range []struct{ flag, path string }{{"--out", f.out}, {"--html", f.html}, {"--contact-sheet", f.sheet}} {
		if o.path == "" {
			continue
		}
		if o.path == "-" {
			return usagef("%s takes a file, not standard output", o.flag)
		}
		path := filepath.Clean(o.path)
		if err := checkFolder(path); err != nil {
			return err
		}
		st, err := os.Stat(path)
		if err == nil && st.IsDir() {
			return fmt.Errorf("%s %s is a folder: name a file in it", o.flag, o.path)
		}
		if other := flagOf[path]; other != "" && (err != nil || st.Mode().IsRegular()) {
			return usagef("%s and %s both name %s", other, o.flag, o.path)
		}
		flagOf[path] = o.flag
	}
	return nil
}

// tensorThreads of TensorFlow: one where a run has to repeat to the bit.
func (f *trainFlags) tensorThreads() int {
	switch {
	case f.deterministic:
		return 1
	case f.threads > 0:
		return f.threads
	}
	return max(2, runtime.NumCPU())
}

func (f *trainFlags) checkpoint() string { return f.out + ".checkpoint" }

// resume reads the checkpoint of a run that was stopped, or nil.
func (f *trainFlags) resume() ([]byte, error) {
	if f.restart {
		return nil, nil
	}
	b, err := os.ReadFile(f.checkpoint())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// open lists the pictures.
func (j *trainJob) open(ctx context.Context) error {
	ds, err := evaluate.OpenDataset(j.f.from, j.f.split)
	if err != nil {
		return err
	}
	if len(ds.Teach) == 0 {
		return fmt.Errorf("%s holds no pictures to train on (%s): put good parts there, or in train/good below it", j.f.from, edge.PictureFormats)
	}
	sv := surveySizes(ds.Teach)
	j.skipped = sv.skipped
	if len(sv.usable) < leastToTrain {
		return tooFewToTrain(len(sv.usable), sv.skipped)
	}
	if j.w, j.h, j.sizes, err = chooseInput(ctx, sv, teachFlags{input: j.f.input, threads: j.f.threads}, false, j.bar); err != nil {
		return err
	}
	j.pictures = sv.usable
	return j.prepare(ctx)
}

// leastToTrain are the fewest good parts that are worth gradients.
const leastToTrain = 3 * fit.MinParts

func tooFewToTrain(n int, skipped []string) error {
	err := fmt.Errorf("%d readable pictures of good parts are too few to train on: at least %d are needed; `winnow teach` learns from %d", n, leastToTrain, fit.MinParts)
	if len(skipped) > 0 {
		err = fmt.Errorf("%w; first fault: %s", err, skipped[0])
	}
	return err
}

// errNoTraining is what a program without TensorFlow says.
var errNoTraining = errors.New("this program has no TensorFlow in it: build one that has with `make build-tf` (bin/winnow-tf), and fetch the library with `make libtensorflow`")
