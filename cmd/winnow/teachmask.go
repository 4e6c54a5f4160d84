package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer"
)

// drawnMask is what a person has drawn over the picture: 0 is ignored, 255 counts.
type drawnMask struct {
	w, h int
	pix  []uint8
}

// maskAspect is how far a mask's width over height may lie from the pictures'.
const maskAspect = 0.02

// readDrawnMask reads the picture at path for pictures of these aspect ratios; nil
// for no path.
func readDrawnMask(path string, aspects []float64) (*drawnMask, error) {
	if path == "" {
		return nil, nil
	}
	f, err := pixfmt.ReadImage(path)
	if err != nil {
		return nil, fmt.Errorf("--mask: %w", err)
	}
	want := slices.Sorted(slices.Values(aspects))[len(aspects)/2]
	if got := float64(f.Width) / float64(f.Height); math.Abs(got/want-1) > maskAspect {
		return nil, fmt.Errorf("--mask %s is %dx%d, %.3f times as wide as high; the pictures are %.3f times as wide as high: draw it over one of them", path, f.Width, f.Height, got, want)
	}
	m := &drawnMask{w: f.Width, h: f.Height, pix: make([]uint8, 0, f.Width*f.Height)}
	for y := range f.Height {
		row := f.Row(y)
		if f.Format == edge.Gray8 {
			m.pix = append(m.pix, row...)
			continue
		}
		for x := range f.Width {
			p := row[3*x : 3*x+3]
			m.pix = append(m.pix, uint8((int(p[0])+2*int(p[1])+int(p[2]))/4))
		}
	}
	return m, nil
}

// counts says which pixels of an input of w x h count; nil is all.
func (m *drawnMask) counts(w, h int) []bool {
	if m == nil {
		return nil
	}
	mask, err := infer.NewMask(m.pix, m.w, m.h, make([]byte, w*h*3), w, h)
	if err != nil {
		return nil // apply says so
	}
	return mask.Counts()
}

// apply makes t ignore what m says; a nil m is nothing.
func (m *drawnMask) apply(ctx context.Context, t *teacher, ps []evaluate.Picture) error {
	if m == nil {
		return nil
	}
	mean, err := meanPicture(ctx, ps, t.w, t.h)
	if err != nil {
		return err
	}
	if t.mask, err = infer.NewMask(m.pix, m.w, m.h, mean, t.w, t.h); err != nil {
		return fmt.Errorf("--mask: %w", err)
	}
	return t.pre.SetMask(t.mask)
}
