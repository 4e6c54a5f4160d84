package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"path/filepath"
	"slices"

	"golang.org/x/image/draw"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
)

// Pictures of the report.
const (
	reportShots = 9   // of each kind of mistake
	shotSide    = 288 // longest side of a shown picture, in pixels
)

// writeReport writes the HTML report of an evaluation.
func (x *examiner) writeReport(f evalFlags, ds *evaluate.Dataset, e *evaluate.Evaluation, r evaluate.Result) error {
	rep := &evaluate.Report{
		Title:   fmt.Sprintf("%s on %s", x.pkg.Manifest.Recipe, filepath.Base(filepath.Clean(f.data[0]))),
		Command: f.commandLine(), Result: r, Parts: e.Parts(),
	}
	escapes, rejects := closest(rep.Parts)
	var err error
	if rep.Escapes, err = x.shots(ds, rep.Parts, escapes); err != nil {
		return err
	}
	if rep.Rejects, err = x.shots(ds, rep.Parts, rejects); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := rep.WriteHTML(&b); err != nil {
		return err
	}
	return writeAtomic(f.html, b.Bytes())
}

// closest returns the defective parts with the lowest and the good parts with
// the highest scores, as indices, one a group.
func closest(parts []evaluate.Part) (low, high []int) {
	for i := range parts {
		if parts[i].Good() {
			high = append(high, i)
		} else {
			low = append(low, i)
		}
	}
	byScore := func(a, b int) int {
		switch {
		case parts[a].Score < parts[b].Score:
			return -1
		case parts[a].Score > parts[b].Score:
			return 1
		}
		return a - b
	}
	slices.SortFunc(low, byScore)
	slices.SortFunc(high, func(a, b int) int { return byScore(b, a) })
	return oneEach(parts, low), oneEach(parts, high)
}

// oneEach keeps the first reportShots that belong to different groups.
func oneEach(parts []evaluate.Part, of []int) []int {
	seen := map[string]bool{}
	var out []int
	for _, i := range of {
		g := parts[i].Group
		if len(out) < reportShots && (g == "" || !seen[g]) {
			out = append(out, i)
			seen[g] = true
		}
	}
	return out
}

// shots judges the parts once more for their pictures; parts are in the order
// of the data set.
func (x *examiner) shots(ds *evaluate.Dataset, parts []evaluate.Part, which []int) ([]evaluate.Shot, error) {
	var out []evaluate.Shot
	for _, i := range which {
		pic := ds.Test[i]
		f, err := pixfmt.ReadImage(pic.Path)
		if err != nil {
			return nil, err
		}
		_, v, err := x.part(f, pic)
		if err != nil {
			return nil, err
		}
		s, err := x.shot(f, v, pic)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (x *examiner) shot(f *edge.Frame, v *edge.Verdict, pic evaluate.Picture) (evaluate.Shot, error) {
	img := overlayAt(f, x.judge, v, x.reportScale())
	if pic.Mask != "" {
		if err := outline(img, f, pic.Mask); err != nil {
			return evaluate.Shot{}, err
		}
	}
	img = beside(img, f, x.judge)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, shrink(img, f), &jpeg.Options{Quality: 85}); err != nil {
		return evaluate.Shot{}, err
	}
	kind, wrong := "good", v.Decision != edge.Accept && v.Decision != edge.Unsure
	if pic.Defect != "" {
		kind, wrong = pic.Defect, v.Decision == edge.Accept
	}
	detail := fmt.Sprintf("%s, score %.3g, threshold %.3g, latent share %.0f %%", filepath.Base(pic.Path), v.Score.Fused, v.Score.Threshold, 100*v.Score.LatentShare)
	if why := v.Why(); why != "" {
		detail = filepath.Base(pic.Path) + ": " + why
	}
	return evaluate.Shot{
		Caption: fmt.Sprintf("%s: %v", kind, v.Decision), Alarm: wrong,
		Detail: detail,
		Media:  "image/jpeg", Data: b.Bytes(),
	}, nil
}

// reportScale colours a map to its own peak where that lies low: what nearly
// raised the score is to be seen.
func (x *examiner) reportScale() float64 {
	m, _, _ := x.judge.Map()
	const full = 1.6 // threshold units that are red all over
	return max(min(x.judge.MapScale(), slices.Max(m)/full), 1e-12)
}

// outline draws the border of what the mask marks on the left picture.
func outline(img *image.RGBA, f *edge.Frame, path string) error {
	m, err := pixfmt.ReadImage(path)
	if err != nil {
		return err
	}
	bright := marks(m)
	marked := func(x, y int) bool {
		if x < 0 || y < 0 || x >= f.Width || y >= f.Height {
			return false
		}
		return bright(x*m.Width/f.Width, y*m.Height/f.Height)
	}
	width := max(1, max(f.Width, f.Height)/shotSide) // still a line once it is shrunk
	for y := range f.Height {
		for x := range f.Width {
			if !marked(x, y) && (marked(x-width, y) || marked(x+width, y) || marked(x, y-width) || marked(x, y+width)) {
				img.SetRGBA(x, y, color.RGBA{0, 230, 255, 255})
			}
		}
	}
	return nil
}

// shrink brings the pair of pictures to shotSide.
func shrink(img *image.RGBA, f *edge.Frame) image.Image {
	side := max(f.Width, f.Height)
	if side <= shotSide {
		return img
	}
	b := img.Bounds()
	small := image.NewRGBA(image.Rect(0, 0, b.Dx()*shotSide/side, max(1, b.Dy()*shotSide/side)))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), img, b, draw.Src, nil)
	return small
}
