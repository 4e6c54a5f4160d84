package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"winnow/edge/evaluate"
	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/train"
	"winnow/models"
)

// costRuns are how often layers are timed.
const costRuns = 40

// prunedRecipe says how to prune where a recipe does not.
const prunedRecipe = "feature-ae-pruned"

type curveFlags struct {
	trainFlags
	densities  []float64
	closedForm bool
	seed       uint64
}

func trainCurveCommand() *cobra.Command {
	var f curveFlags
	c := &cobra.Command{
		Use:   "curve --from DIR --recipe NAME|FILE.toml",
		Short: "What rounding and pruning cost: one training, then accuracy and time at each density",
		Long: "Curve trains a recipe once, in float, and measures it on the folder's test pictures as it is, rounded to\n" +
			"eight bits, and pruned to each density: the share that stays of the prunable layers' time and blocks.\n" +
			"Every density starts from the same dense network. A recipe that does not prune is pruned as " + prunedRecipe + "\n" +
			"is. It writes no package; `winnow train` with the density in its recipe does.",
		Example: "  winnow train curve --from mtd/ --split mtd/split-disjoint.csv --densities 1,0.5,0.25\n" +
			"  winnow train curve --from deeppcb/ --recipe denoising --closed-form --json > denoising.json",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runTrainCurve(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.from, "from", "", "folder in MVTec layout: train/good, test/good, test/KIND")
	fs.StringVar(&f.split, "split", "", "CSV file with the columns path,split,group, for both")
	fs.StringVar(&f.recipe, "recipe", "feature-ae", "name of a recipe that ships, or a TOML file")
	fs.StringVar(&f.input, "input", inputAuto, "pixels of the model's input, such as 256x256, in multiples of 32; auto chooses as teach does")
	fs.StringVar(&f.library, "library", "", "folder or file of libtensorflow; empty for the usual places")
	threadsVar(c, &f.threads, 0, "threads to use")
	fs.BoolVar(&f.deterministic, "deterministic", false, "one thread and no clock: the same pictures and recipe give the same bits")
	fs.Float64SliceVar(&f.densities, "densities", []float64{1, 0.75, 0.5, 0.25}, "densities to measure, 1 for rounding alone")
	fs.BoolVar(&f.closedForm, "closed-form", false, "teach on the same pictures as well, and measure that")
	fs.Uint64Var(&f.seed, "seed", 0, "seed instead of the recipe's; 0 leaves it")
	fs.BoolVar(&f.json, "json", false, "print JSON, with the score of each test picture")
	return c
}

// curveReport is what `train curve --json` prints.
type curveReport struct {
	Recipe       string       `json:"recipe"`
	Family       string       `json:"family"`
	Seed         uint64       `json:"seed"`
	Parts        int          `json:"parts"`
	HeldOut      int          `json:"held_out"`
	Input        [2]int       `json:"input"`
	TrainSeconds float64      `json:"train_seconds"` // of the dense network
	Rows         []curveRow   `json:"rows"`
	Tested       []testedPart `json:"tested"`
}

// testedPart is one test picture.
type testedPart struct {
	Path  string `json:"path"`
	Group string `json:"group"`
	Bad   bool   `json:"bad"`
}

// curveRow is one way to keep what was trained.
type curveRow struct {
	What       string          `json:"what"`    // closed form, float, int8, or the density asked for
	Density    float64         `json:"density"` // share of weights in prunable layers that is left
	Held       float64         `json:"held_out_loss"`
	Synthetic  float64         `json:"synthetic_auroc"`
	MACs       int64           `json:"macs"`        // of the whole graph, dense
	PartMS     float64         `json:"part_ms"`     // all layers, one thread, the least of several runs; 0: not known
	NetworkMS  float64         `json:"network_ms"`  // the trained layers among them
	PrunableMS float64         `json:"prunable_ms"` // those of these that can be pruned
	Seconds    float64         `json:"seconds"`     // to prune and round
	Eval       evaluate.Result `json:"eval"`
	Scores     []float64       `json:"scores"` // of each tested part
}

func runTrainCurve(ctx context.Context, f curveFlags, out, log io.Writer) error {
	r, err := readRecipe(f.recipe)
	if err != nil {
		return err
	}
	if f.seed > 0 {
		r.Seed = f.seed
	}
	f.dryRun, f.falseReject = true, 0.01 // no package
	if err := f.check(); err != nil {
		return err
	}
	for _, d := range f.densities {
		if !(d >= 0.05 && d <= 1) {
			return usagef("--densities %g is outside 0.05 to 1", d)
		}
	}
	ds, err := openTest(f.from, f.split)
	if err != nil {
		return err
	}
	if err := readyToTrain(); err != nil {
		return err
	}
	bar := newProgress(log)
	defer bar.finish()
	j := &trainJob{f: f.trainFlags, r: r, bar: bar, log: log, start: time.Now()}
	if err := j.open(ctx); err != nil {
		return err
	}
	defer j.close()
	c := &curve{trainJob: j, ctx: ctx, test: ds.Test, rep: &curveReport{Recipe: f.recipe, Family: r.Family, Seed: r.Seed}}
	if err := c.run(f); err != nil {
		return err
	}
	bar.finish()
	if f.json {
		return writeJSON(out, c.rep)
	}
	return c.rep.print(out)
}

// curve is one `winnow train curve`.
type curve struct {
	*trainJob
	ctx  context.Context // of the one command that it lives in
	test []evaluate.Picture
	d    *train.Data
	rep  *curveReport
}

func (c *curve) run(f curveFlags) error {
	if f.closedForm {
		if err := c.closedForm(f); err != nil {
			return err
		}
	}
	if err := c.look(c.ctx); err != nil {
		return err
	}
	var err error
	if c.d, err = c.data(c.ctx); err != nil {
		return err
	}
	c.rep.Parts, c.rep.HeldOut, c.rep.Input = len(c.parts), len(c.held), [2]int{c.w, c.h}
	dense, err := c.dense()
	if err != nil {
		return err
	}
	for _, density := range f.densities {
		if err := c.compressed(dense, density); err != nil {
			return err
		}
	}
	return nil
}

// dense trains and measures in float.
func (c *curve) dense() (*train.Model, error) {
	plain := *c.r
	plain.Compress = train.Compress{Density: 1}
	conf := c.config()
	conf.Save = nil
	began := time.Now()
	m, err := train.Train(c.ctx, conf, &plain, c.d)
	if err != nil {
		return nil, err
	}
	c.rep.TrainSeconds = time.Since(began).Seconds()
	float, err := m.Float(conf, &plain, c.d)
	if err != nil {
		return nil, err
	}
	defer float.Close()
	c.model, c.float = m, float
	defer func() { c.float = nil }()
	p, err := c.pack(c.ctx, c.d)
	if err != nil {
		return nil, err
	}
	return m, c.measure("float", p, float.Engine(native.New(), c.maps.squaresOf()))
}

func (c *curve) compressed(dense *train.Model, density float64) error {
	r, what := *c.r, "int8"
	k := &r.Compress
	if density < 1 {
		what = fmt.Sprintf("%g %%", 100*density)
		if k.PruneSteps == 0 {
			as, err := readRecipe(prunedRecipe)
			if err != nil {
				return err
			}
			*k = as.Compress
		}
		k.Density = density
	} else {
		*k = train.Compress{Density: 1, AwareSteps: k.AwareSteps}
	}
	began := time.Now()
	conf := c.config()
	conf.Save = nil
	m, err := dense.Compressed(c.ctx, conf, &r, c.d)
	if err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	c.model = m
	p, err := c.pack(c.ctx, c.d)
	if err != nil {
		return err
	}
	if err := c.measure(what, p, native.New()); err != nil {
		return err
	}
	row := &c.rep.Rows[len(c.rep.Rows)-1]
	cost, err := m.Cost(native.New(), c.d, costRuns)
	if err != nil {
		return err
	}
	row.NetworkMS, row.PrunableMS, row.Seconds = 1e3*cost.Network, 1e3*cost.Prunable, seconds
	if density < 1 {
		row.Density = m.Looks[len(m.Looks)-1].Density
	}
	return nil
}

// closedForm teaches on the same pictures.
func (c *curve) closedForm(f curveFlags) error {
	dir, err := os.MkdirTemp("", "winnow-curve")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "taught.tflite")
	t := teachFlags{from: f.from, split: f.split, input: f.input, out: path, falseReject: 0.01, threads: f.threads}
	if err := runTeach(c.ctx, t, io.Discard, io.Discard); err != nil {
		return err
	}
	p, err := models.ReadFile(path)
	if err != nil {
		return err
	}
	return c.measure("closed form", p, native.New())
}

// measure judges the test pictures with p and adds a row.
func (c *curve) measure(what string, p *models.Package, eng infer.Engine) error {
	judge, err := infer.NewJudge(p, eng, infer.Options{Threads: judgeThreads(c.f.threads)})
	if err != nil {
		return err
	}
	defer judge.Close()
	x := &examiner{ctx: c.ctx, pkg: p, judge: judge, engine: eng, bar: c.bar}
	e, err := x.examine(c.test)
	if err != nil {
		return err
	}
	row := curveRow{What: what, Density: 1, Eval: e.Result(1)}
	row.Eval.Certificate, row.Eval.Engine, row.Eval.Threshold = p.Calibration.Certificate, eng.Name(), evaluate.Number(p.Calibration.Threshold)
	first := len(c.rep.Tested) == 0
	for _, part := range e.Parts() {
		row.Scores = append(row.Scores, part.Score)
		if first {
			c.rep.Tested = append(c.rep.Tested, testedPart{part.Path, part.Group, !part.Good()})
		}
	}
	if c.model != nil {
		last := c.model.Looks[len(c.model.Looks)-1]
		row.Held, row.Synthetic = last.Held, last.Synthetic
	}
	if c.float == nil {
		row.MACs, row.PartMS, err = partCost(p)
	}
	c.rep.Rows = append(c.rep.Rows, row)
	return err
}

// partCost is what all layers of p's graph take on one thread.
func partCost(p *models.Package) (macs int64, ms float64, err error) {
	s, err := native.New().Load(p.Graph, infer.Options{Threads: 1})
	if err != nil {
		return 0, 0, err
	}
	defer s.Close()
	layers, err := s.(infer.Profiler).Profile(costRuns)
	for _, l := range layers {
		macs += l.MACs
		ms += 1e3 * l.Time.Seconds()
	}
	return macs, ms, err
}

func (r *curveReport) print(out io.Writer) error {
	fmt.Fprintf(out, "%s on %d good parts, %d held out, at %dx%d: dense network trained in %.0f s; %d test pictures\n",
		r.Family, r.Parts, r.HeldOut, r.Input[0], r.Input[1], r.TrainSeconds, len(r.Tested))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tblocks left\timage AUROC\tpixel AUROC\tAUPRO\tprunable ms\tnetwork ms\tpart ms\tprune s\t")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(w, "%s\t%.0f %%\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.0f\t\n", row.What, 100*row.Density, between(&row.Eval, "image_auroc", row.Eval.ImageAUROC),
			percent(row.Eval.PixelAUROC), percent(row.Eval.AUPRO), row.PrunableMS, row.NetworkMS, row.PartMS, row.Seconds)
	}
	return w.Flush()
}
