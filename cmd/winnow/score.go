package main

import (
	"context"
	"fmt"
	"image"
	"io"

	"github.com/spf13/cobra"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/infer"
	"winnow/models"
)

func scoreCommand() *cobra.Command {
	var model, heatmap, engine string
	var threads int
	var asJSON bool
	c := &cobra.Command{
		Use:     "score --model FILE.tflite IMAGE...",
		Short:   "Judge single pictures",
		Example: "  winnow score --model part.tflite a.png b.png\n  winnow score --model part.tflite --heatmap why.png a.png",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if model == "" {
				return usagef("--model is needed")
			}
			if heatmap != "" && len(args) > 1 {
				return usagef("--heatmap takes one picture at a time")
			}
			p, err := models.ReadFile(model)
			if err != nil {
				return err
			}
			j, _, err := openJudge(p, engine, "", judgeThreads(threads))
			if err != nil {
				return err
			}
			defer j.Close()
			return scorePictures(c.Context(), j, args, heatmap, asJSON, c.OutOrStdout())
		},
	}
	fs := c.Flags()
	fs.StringVar(&model, "model", "", "model package")
	fs.StringVar(&heatmap, "heatmap", "", "write the picture with its heatmap over it to this PNG file: red is above what good parts show, blue wide and faint and seldom in good parts")
	fs.StringVar(&engine, "engine", engineAuto, "auto, native or tensorflow")
	fs.IntVar(&threads, "threads", 0, "threads to use; 0 is one for each processor")
	fs.BoolVar(&asJSON, "json", false, "print the results as JSON")
	return c
}

// scored is one line of `score --json`.
type scored struct {
	Picture  string        `json:"picture"`
	Decision edge.Decision `json:"decision"`
	Why      string        `json:"why"`
	Score    edge.Score    `json:"score"`
	Shift    image.Point   `json:"shift"`   // by which registration found the part right and down of its place, pixels
	Missing  float64       `json:"missing"` // share of the frame that held no picture
	Wide     float64       `json:"wide"`    // share of the part that is faintly unlike good ones
	Regions  []edge.Region `json:"regions"`
	Nearest  *edge.Nearest `json:"nearest"` // taught part; null for an accepted part
}

func scorePictures(ctx context.Context, j *infer.Judge, paths []string, heatmap string, asJSON bool, out io.Writer) error {
	results := []scored{}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := pixfmt.ReadImage(path)
		if err != nil {
			return err
		}
		var v edge.Verdict
		if err := j.Judge(f, &v); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if heatmap != "" {
			if err := writeHeatmap(heatmap, f, j, &v); err != nil {
				return err
			}
		}
		r := scored{Picture: path, Decision: v.Decision, Why: v.Why(), Score: v.Score, Regions: v.Regions, Missing: v.Missing, Wide: v.Wide, Shift: v.Shift}
		if v.Nearest.Part != "" {
			r.Nearest = &v.Nearest
		}
		results = append(results, r)
		if !asJSON {
			fmt.Fprintf(out, "%-7s %8.3f ± %.3f (threshold %.3f, p %.4f, latent share %2.0f %%)  %s\n",
				v.Decision, v.Score.Fused, v.Score.Spread, v.Score.Threshold, v.Score.PValue, 100*v.Score.LatentShare, path)
			if r.Why != "" {
				fmt.Fprintf(out, "        %s\n", r.Why)
			}
		}
	}
	if asJSON {
		return writeJSON(out, results)
	}
	return nil
}
