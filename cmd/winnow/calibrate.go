package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"winnow/capture/pixfmt"
	"winnow/cmd/winnow/internal/recalibrate"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/models"
)

type calibrateFlags struct {
	model, from, split, out, engine string
	condition, only                 string
	falseReject                     float64
	threads                         int
	json                            bool
}

func calibrateCommand() *cobra.Command {
	var f calibrateFlags
	c := &cobra.Command{
		Use:   "calibrate --model FILE.tflite --from DIR --out FILE.tflite",
		Short: "Draw a new threshold and certificate from fresh good parts, without teaching again",
		Long: "Calibrate judges good parts that the package was not taught on and draws the threshold anew from\n" +
			"their scores. The package never saw them, so the certificate is exact for their number (split\n" +
			"calibration). The graph and what it learned stay. Use it after a lamp was cleaned, for another lot,\n" +
			"or to turn a cross-fitted certificate into an exact one.\n\n" +
			"A condition (a shift, a lot, an exposure) whose good parts score apart from the others', as the table of\n" +
			"`winnow eval --condition` shows, can have a threshold of its own: calibrate on its parts only, and give\n" +
			"the package a recipe that the line changes to.",
		Example: "  winnow calibrate --model part.tflite --from fresh-good/ --out part-2.tflite\n" +
			"  winnow calibrate --model part.tflite --from fresh-good/ --false-reject 0.02 --out part-2.tflite --json\n" +
			"  winnow calibrate --model mtd.tflite --from mtd/ --split fresh.csv --out mtd-2.tflite    rows with split=teach, by group\n" +
			"  winnow calibrate --model part.tflite --from fresh-good/ --condition shifts.csv --only night --out part-night.tflite",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runCalibrate(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.model, "model", "", "model package to calibrate again")
	fs.StringVar(&f.from, "from", "", "folder of fresh pictures of good parts, or one in MVTec layout (train/good is taken)")
	fs.StringVar(&f.split, "split", "", "CSV file with the columns path,split,group: rows with split=teach are taken")
	fs.StringVar(&f.condition, "condition", "", "CSV file with the columns path,condition; with --only")
	fs.StringVar(&f.only, "only", "", "calibrate on the parts of this condition alone")
	fs.StringVar(&f.out, "out", "", "model package to write")
	fs.StringVar(&f.engine, "engine", engineNative, "auto, native or tensorflow")
	fs.Float64Var(&f.falseReject, "false-reject", 0.01, "false-reject rate that the threshold is drawn for")
	threadsVar(c, &f.threads, 0, "threads to use")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	return c
}

func (f *calibrateFlags) check() error {
	switch {
	case f.model == "":
		return usagef("--model is needed: the model package to calibrate again")
	case f.from == "":
		return usagef("--from is needed: a folder of fresh pictures of good parts")
	case f.out == "":
		return usagef("--out is needed: the model package to write; it may be the one of --model")
	case !fit.CanAsk(f.falseReject):
		return usagef("--false-reject %g is not between %g and 1", f.falseReject, fit.LeastRate)
	case f.condition != "" && f.only == "":
		return usagef("--only is needed with --condition: which of its conditions to calibrate for")
	case f.only != "" && f.condition == "":
		return usagef("--condition is needed with --only: the CSV file that says which picture is of condition %q", f.only)
	}
	return refuseFolder("--out", f.out)
}

// calibratedReport is what `calibrate --json` prints.
type calibratedReport struct {
	Model     string `json:"model"`
	Digest    string `json:"digest"`
	From      string `json:"from"` // digest of the package before
	Parts     int    `json:"parts"`
	Groups    int    `json:"groups"`
	Condition string `json:"condition"` // that they are of; "" = any
	alike
	dead
	Skipped     []string         `json:"skipped"`
	Suspect     string           `json:"suspect"` // picture that scores far above all the others; "" = none
	Before      float64          `json:"threshold_before"`
	Threshold   float64          `json:"threshold"`
	Above       int              `json:"above_old_threshold"` // of the fresh good parts
	Certificate edge.Certificate `json:"certificate"`
	Promise     string           `json:"promise"`
}

func runCalibrate(ctx context.Context, f calibrateFlags, out, log io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := checkFolder(f.out); err != nil {
		return err
	}
	p, err := models.ReadFile(f.model)
	if err != nil {
		return err
	}
	ds, err := evaluate.OpenDataset(f.from, f.split)
	if err != nil {
		return err
	}
	if len(ds.Teach) == 0 {
		return fmt.Errorf("%s holds no pictures to calibrate on (%s): put fresh good parts there, or in train/good below it", f.from, edge.PictureFormats)
	}
	if f.condition != "" {
		if _, err := evaluate.LabelConditions(ds.Teach, f.from, f.condition); err != nil {
			return err
		}
		if ds.Teach, err = evaluate.Under(ds.Teach, f.only); err != nil {
			return fmt.Errorf("%s: %w", f.condition, err)
		}
	}
	if err := renewSensor(ctx, p, ds.Teach); err != nil {
		return err
	}
	j, _, err := openJudge(p, f.engine, "", judgeThreads(f.threads))
	if err != nil {
		return err
	}
	defer j.Close()
	c, err := recalibrate.New(j)
	if err != nil {
		return err
	}
	bar := newProgress(log)
	defer bar.finish()
	taken, skipped, err := takePictures(ctx, c, j, ds.Teach, bar)
	if err != nil {
		return err
	}
	bar.finish()
	n, err := c.Finish(f.falseReject, program(), len(skipped))
	if err != nil && len(skipped) > 0 {
		return fmt.Errorf("%w; %d pictures were left out, first: %s", err, len(skipped), skipped[0])
	}
	if err != nil {
		return err
	}
	if err := writeAtomic(f.out, n.Bytes); err != nil {
		return err
	}
	r := calibrated(f.out, p, c, n, skipped)
	r.Condition = f.only
	if n := c.Outlier(); n > 0 {
		r.Suspect = taken[n-1]
	}
	return r.print(out, f.json)
}

// renewSensor puts into p what fresh pictures say of the camera: pixels that have
// died since are bridged from now on, in the fresh parts too.
func renewSensor(ctx context.Context, p *models.Package, ps []evaluate.Picture) error {
	s, err := learnSensor(ctx, ps)
	if err != nil {
		return err
	}
	if p.Sensor != nil {
		old, err := infer.ParseSensor(p.Sensor)
		if err != nil {
			return err
		}
		s.Renew(old)
	}
	p.Sensor, err = s.Encode()
	return err
}

// takePictures judges files; those that cannot be used are named and left out.
func takePictures(ctx context.Context, c *recalibrate.Collector, j *infer.Judge, ps []evaluate.Picture, bar *progress) (taken, skipped []string, err error) {
	groups := evaluate.GroupNumbers(ps)
	frame := new(edge.Frame)
	skipped = []string{}
	for i, p := range ps {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		var v edge.Verdict
		err := pixfmt.ReadImageInto(frame, p.Path)
		if err == nil {
			err = j.Judge(frame, &v)
		}
		if err == nil && (v.Reason == edge.ReasonBadFrame || v.Reason == edge.ReasonMoved) {
			err = errors.New(v.Why()) // rejected whatever it scores: its score is no good part's
		}
		if err == nil {
			err = c.Take(v.Score.Fused, groups[i])
		}
		if err == nil {
			taken = append(taken, p.Path)
		}
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("%s: %s", p.Path, explain(err)))
		}
		bar.update("judging fresh good parts", i+1, len(ps))
	}
	return taken, skipped, nil
}

func calibrated(path string, old *models.Package, c *recalibrate.Collector, n *recalibrate.Result, skipped []string) *calibratedReport {
	m, cal := n.Package.Manifest.Calibrated, n.Package.Calibration
	var lacks dead
	if s, err := infer.ParseSensor(n.Package.Sensor); err == nil {
		lacks = deadOf(s)
	}
	return &calibratedReport{
		dead:  lacks,
		Model: path, Digest: n.Package.Digest(), From: m.Package, Parts: m.Parts, Groups: m.Groups, alike: alike{n.Joined, n.Uniform},
		Skipped: skipped, Before: old.Calibration.Threshold, Threshold: cal.Threshold, Above: c.Above(old.Calibration.Threshold),
		Certificate: cal.Certificate, Promise: fit.Promise(cal),
	}
}

func (r *calibratedReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(w, r)
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "skipped: %s\n", s)
	}
	r.alike.print(w)
	of := ""
	if r.Condition != "" {
		of = fmt.Sprintf(" of condition %q", r.Condition)
	}
	fmt.Fprintf(w, "calibrated on %d fresh good parts%s in %d groups: %s\n", r.Parts, of, r.Groups, r.Model)
	fmt.Fprintf(w, "threshold %.3f, was %.3f; %d of these parts lay above it\n", r.Threshold, r.Before, r.Above)
	if r.Threshold > r.Before && 2*r.Above > r.Parts {
		fmt.Fprintf(w, "most of them lay above the old threshold: see that they are good, of the taught product, and under lamp and lens as they should be; the new threshold accepts what the old one rejected\n")
	}
	if r.Suspect != "" {
		fmt.Fprintf(w, "look at %s again, and calibrate without it if it is not good: it scores far above all the others, and the threshold with it\n", r.Suspect)
	}
	r.dead.print(w)
	_, err := fmt.Fprintf(w, "%s\n", r.Promise)
	return err
}
