package main

import (
	"context"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"winnow/capture/pixfmt"
	"winnow/capture/replay"
	"winnow/edge"
	"winnow/infer"
	"winnow/models"
)

func scoreCommand() *cobra.Command {
	var model, heatmap, engine string
	var threads int
	var asJSON bool
	c := &cobra.Command{
		Use:   "score --model FILE.tflite IMAGE|FOLDER...",
		Short: "Judge single pictures, or all in a folder, and show why",
		Long: "Score judges pictures one by one. Of a folder it takes every picture in it and below it. One that cannot\n" +
			"be judged does not keep it from the others: it is named, its decision is unknown, and the exit code is 1.",
		Example: "  winnow score --model part.tflite a.png b.png\n  winnow score --model part.tflite --heatmap why.png a.png\n" +
			"  winnow score --model part.tflite --heatmap why/ --json parts > scores.json",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if model == "" {
				return usagef("--model is needed")
			}
			paths, err := picturesOf(args)
			if err != nil {
				return err
			}
			h := heatmaps{to: heatmap}
			if err := h.open(len(paths)); err != nil {
				return err
			}
			if err := h.spare(paths); err != nil {
				return err
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
			s := scorer{judge: j, heatmaps: &h, json: asJSON, out: c.OutOrStdout(), bar: newProgress(c.ErrOrStderr())}
			return s.run(c.Context(), paths)
		},
	}
	flags := c.Flags()
	flags.StringVar(&model, "model", "", "model package")
	flags.StringVar(&heatmap, "heatmap", "", "write the picture with its heatmap over it to this PNG file, or each to this folder (ends with /, or is there): yellow and red are above what good parts show, blue is wide and faint and seldom in good parts")
	flags.StringVar(&engine, "engine", engineAuto, "auto, native or tensorflow")
	threadsVar(c, &threads, 0, "threads to use")
	flags.BoolVar(&asJSON, "json", false, "print the results as JSON")
	return c
}

// picturesOf are args, with every picture in and below those that are folders in their place.
func picturesOf(args []string) (paths []string, err error) {
	for _, arg := range args {
		if st, err := os.Stat(arg); err != nil || !st.IsDir() {
			paths = append(paths, arg) // a fault is told when it is read
			continue
		}
		in, err := replay.List(arg)
		if err != nil {
			return nil, err
		}
		paths = append(paths, in...)
	}
	return paths, nil
}

// heatmaps is where heatmap pictures go.
type heatmaps struct {
	to     string // a file, or a folder; "": nowhere
	folder bool
	taken  map[string]bool // names that are written in the folder
}

// open makes the folder, if it is one.
func (h *heatmaps) open(pictures int) error {
	st, err := os.Stat(h.to)
	h.folder, h.taken = h.to != "" && (os.IsPathSeparator(h.to[len(h.to)-1]) || err == nil && st.IsDir()), map[string]bool{}
	switch {
	case h.folder:
		return os.MkdirAll(h.to, 0o755)
	case h.to != "" && pictures > 1:
		return usagef("--heatmap %s takes one picture; name a folder for the heatmaps of %d: --heatmap %s/", h.to, pictures, strings.TrimSuffix(h.to, ".png"))
	}
	return nil
}

// spare refuses to write a heatmap over one of the pictures.
func (h *heatmaps) spare(pictures []string) error {
	if h.to == "" {
		return nil
	}
	var stats []fs.FileInfo
	for _, p := range pictures {
		if st, err := os.Stat(p); err == nil {
			stats = append(stats, st)
		}
	}
	dry := heatmaps{to: h.to, folder: h.folder, taken: map[string]bool{}}
	for _, p := range pictures {
		to := dry.path(p)
		st, err := os.Stat(to)
		if err == nil && slices.ContainsFunc(stats, func(s fs.FileInfo) bool { return os.SameFile(s, st) }) {
			return usagef("--heatmap %s would be written over the picture %s: name another place", h.to, to)
		}
	}
	return nil
}

// path of the heatmap of a picture: in a folder it has the picture's name, after those of
// the folders above it as far as that tells it from others.
func (h *heatmaps) path(picture string) string {
	if !h.folder {
		return h.to
	}
	dir, name := filepath.Split(strings.TrimSuffix(picture, filepath.Ext(picture)))
	for dir = filepath.Clean(dir); h.taken[name] && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		name = filepath.Base(dir) + "-" + name
	}
	for n := 2; h.taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	h.taken[name] = true
	return filepath.Join(h.to, name+".png")
}

// scored is one line of `score --json`.
type scored struct {
	Picture  string        `json:"picture"`
	Decision edge.Decision `json:"decision"`
	Why      string        `json:"why"`
	Error    string        `json:"error,omitempty"` // why it could not be judged
	Score    edge.Score    `json:"score"`
	Shift    image.Point   `json:"shift"`   // by which registration found the part right and down of its place, pixels
	Missing  float64       `json:"missing"` // share of the frame that held no picture
	Wide     float64       `json:"wide"`    // share of the part that is faintly unlike good ones
	Regions  []edge.Region `json:"regions"`
	Nearest  *edge.Nearest `json:"nearest"` // taught part; null for an accepted part
}

// scorer judges pictures and tells of each.
type scorer struct {
	judge    *infer.Judge
	heatmaps *heatmaps
	json     bool
	out      io.Writer
	bar      *progress

	frame   *edge.Frame // judged last
	verdict *edge.Verdict
}

// run judges every picture, and fails if one could not be.
func (s *scorer) run(ctx context.Context, paths []string) error {
	defer s.bar.finish()
	results, failed := []scored{}, 0
	var first, stopped error
	for i, path := range paths {
		if stopped = ctx.Err(); stopped != nil {
			break
		}
		r, err := s.score(path)
		if err == nil {
			if stopped = s.draw(path); stopped != nil {
				break
			}
		} else {
			if len(paths) == 1 {
				return err
			}
			if failed++; failed == 1 {
				first = err
			}
			r = &scored{Picture: path, Decision: edge.Unknown, Error: explain(err), Regions: []edge.Region{}}
		}
		if s.json {
			results = append(results, *r)
			s.bar.update("judging", i+1, len(paths))
		} else if err := r.print(s.out); err != nil {
			return err
		}
	}
	s.bar.finish()
	if s.json {
		if err := writeJSON(s.out, results); err != nil {
			return err
		}
	}
	if stopped == nil && failed > 0 {
		return fmt.Errorf("%d of %d pictures could not be judged; the first: %w", failed, len(paths), first)
	}
	return stopped
}

// score judges one picture.
func (s *scorer) score(path string) (*scored, error) {
	f, err := pixfmt.ReadImage(path)
	if err != nil {
		return nil, err
	}
	v := edge.Verdict{Regions: []edge.Region{}} // a list in JSON, of none where it is accepted
	if err := s.judge.Judge(f, &v); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.frame, s.verdict = f, &v
	r := &scored{Picture: path, Decision: v.Decision, Why: v.Why(), Score: v.Score, Regions: v.Regions, Missing: v.Missing, Wide: v.Wide, Shift: v.Shift}
	if v.Nearest.Part != "" {
		r.Nearest = &v.Nearest
	}
	return r, nil
}

// draw draws the heatmap of the picture judged last.
func (s *scorer) draw(path string) error {
	if s.heatmaps.to == "" {
		return nil
	}
	return writeHeatmap(s.heatmaps.path(path), s.frame, s.judge, s.verdict)
}

// print writes what people read.
func (r *scored) print(out io.Writer) error {
	if r.Error != "" {
		_, err := fmt.Fprintf(out, "%-7s %s\n", r.Decision, r.Error)
		return err
	}
	_, err := fmt.Fprintf(out, "%-7s %8.3f ± %.3f (threshold %.3f, p %.4f, latent share %2.0f %%)  %s\n",
		r.Decision, r.Score.Fused, r.Score.Spread, r.Score.Threshold, r.Score.PValue, 100*r.Score.LatentShare, r.Picture)
	if r.Why != "" {
		_, err = fmt.Fprintf(out, "        %s\n", r.Why)
	}
	return err
}
