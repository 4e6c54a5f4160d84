package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer"
	"winnow/models"
)

type evalFlags struct {
	model, data, split, engine, json string
	threads                          int
}

func evalCommand() *cobra.Command {
	var f evalFlags
	c := &cobra.Command{
		Use:   "eval --model FILE.tflite --data DIR",
		Short: "Measure a model package on pictures with known truth",
		Long: "Eval judges every test picture of a folder in MVTec layout (test/good, test/KIND, masks in\n" +
			"ground_truth/KIND) and prints the figures that inspection systems are compared by.",
		Example: "  winnow eval --model mtd.tflite --data mtd/\n  winnow eval --model mtd.tflite --data mtd/ --split mtd/split-disjoint.csv --json -",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runEval(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.model, "model", "", "model package")
	fs.StringVar(&f.data, "data", "", "folder in MVTec layout")
	fs.StringVar(&f.split, "split", "", "CSV file with the columns path,split,group: rows with split=test are judged")
	fs.StringVar(&f.engine, "engine", engineAuto, "auto, native or tensorflow")
	fs.StringVar(&f.json, "json", "", "write the figures as JSON to this file; - is the standard output")
	fs.IntVar(&f.threads, "threads", 0, "threads to use; 0 is one for each processor")
	return c
}

func runEval(ctx context.Context, f evalFlags, out, log io.Writer) error {
	if f.model == "" || f.data == "" {
		return usagef("--model and --data are needed")
	}
	p, err := models.ReadFile(f.model)
	if err != nil {
		return err
	}
	ds, err := evaluate.OpenDataset(f.data, f.split)
	if err != nil {
		return err
	}
	if len(ds.Test) == 0 {
		return fmt.Errorf("%s holds no test pictures: they are looked for in test/good and test/KIND", f.data)
	}
	j, eng, err := openJudge(p, f.engine, "", judgeThreads(f.threads))
	if err != nil {
		return err
	}
	defer j.Close()
	bar := newProgress(log)
	defer bar.finish()
	e := evaluate.New()
	for i, pic := range ds.Test {
		if err := ctx.Err(); err != nil {
			return err
		}
		part, err := evalPicture(j, pic)
		if err != nil {
			return err
		}
		e.Add(part)
		bar.update("judging", i+1, len(ds.Test))
	}
	bar.finish()
	r := e.Result(1)
	r.Certificate, r.Engine, r.Model = p.Calibration.Certificate, eng.Name(), p.Digest()
	return printEval(r, f.json, out)
}

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

// evalPicture judges one test picture and brings its truth along.
func evalPicture(j *infer.Judge, pic evaluate.Picture) (evaluate.Part, error) {
	f, err := pixfmt.ReadImage(pic.Path)
	if err != nil {
		return evaluate.Part{}, err
	}
	var v edge.Verdict
	start := time.Now()
	if err := j.Judge(f, &v); err != nil {
		return evaluate.Part{}, fmt.Errorf("%s: %w", pic.Path, err)
	}
	part := evaluate.Part{
		Path: pic.Path, Defect: pic.Defect, Score: v.Score.Fused, Decision: v.Decision, Latency: time.Since(start),
	}
	m, h, w := j.Map()
	part.Map = evaluate.Enlarge(m, h, w)
	if pic.Mask != "" {
		if part.Mask, err = readMask(pic.Mask); err != nil {
			return evaluate.Part{}, err
		}
	}
	return part, nil
}

// readMask brings a mask to evaluate.PixelSide squared, nearest pixel; bright is defective.
func readMask(path string) ([]bool, error) {
	f, err := pixfmt.ReadImage(path)
	if err != nil {
		return nil, err
	}
	const n = evaluate.PixelSide
	mask := make([]bool, n*n)
	bpp := f.Format.BytesPerPixel()
	for y := range n {
		row := f.Row(y * f.Height / n)
		for x := range n {
			mask[y*n+x] = row[x*f.Width/n*bpp] > 127
		}
	}
	return mask, nil
}

func printFigures(w io.Writer, r evaluate.Result) error {
	pc := func(n evaluate.Number) string {
		if n != n {
			return "-"
		}
		return fmt.Sprintf("%.1f %%", 100*float64(n))
	}
	iv := r.Intervals["image_auroc"]
	fmt.Fprintf(w, "%d good and %d defective parts, engine %s\n", r.Good, r.Bad, r.Engine)
	fmt.Fprintf(w, "  image AUROC       %s (95 %%: %s to %s)\n", pc(r.ImageAUROC), pc(iv[0]), pc(iv[1]))
	fmt.Fprintf(w, "  average precision %s   best F1 %s\n", pc(r.ImageAP), pc(r.F1))
	fmt.Fprintf(w, "  pixel AUROC       %s   AUPRO %s   region AUROC %s\n", pc(r.PixelAUROC), pc(r.AUPRO), pc(r.RegionAUROC))
	fmt.Fprintf(w, "  caught at 1 %% false rejects %s\n", pc(r.CaughtAt1))
	fmt.Fprintf(w, "  at the threshold: false rejects %s, escapes %s, unsure %s\n", pc(r.FalseReject), pc(r.Escape), pc(r.Unsure))
	fmt.Fprintf(w, "  certificate: false rejects at most %.2g %% at %.0f %% confidence, from %d parts\n", 100*r.Certificate.Bound, 100*r.Certificate.Confidence, r.Certificate.N)
	for _, k := range slices.Sorted(maps.Keys(r.PerDefect)) {
		d := r.PerDefect[k]
		fmt.Fprintf(w, "  %-18s %4d parts  image AUROC %s  AUPRO %s\n", k, d.N, pc(d.ImageAUROC), pc(d.AUPRO))
	}
	_, err := fmt.Fprintf(w, "  latency p50 %.1f ms, p99 %.1f ms\n", float64(r.LatencyMS.P50), float64(r.LatencyMS.P99))
	return err
}
