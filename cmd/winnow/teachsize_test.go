package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"winnow/edge/evaluate"
)

func TestInputSizeIsSaidOrRefused(t *testing.T) {
	t.Parallel()
	if w, h, err := parseInput("512x320"); err != nil || w != 512 || h != 320 {
		t.Errorf("512x320: %d, %d, %v", w, h, err)
	}
	for _, bad := range []string{"", "256", "256x", "x256", "250x256", "64x64", "2048x256", "256x256x3", "-256x256", "256X256"} {
		if _, _, err := parseInput(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, a := range []float64{0.1, 0.5, 1, 1.45, 9} {
		w, h := sizeFor([]float64{a}, inputArea)
		if w%32 != 0 || h%32 != 0 || min(w, h) < 96 || max(w, h) > largestW {
			t.Errorf("aspect %g gives %dx%d", a, w, h)
		}
	}
}

// TestMorePixelsAreWorthIt where they spare wrong ranks: the fewer are left, the less
// AUROC it takes.
func TestMorePixelsAreWorthIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		less, more float64
		worth      bool
	}{
		{0.70, 0.71, false}, {0.70, 0.73, true}, {0.93, 0.935, false}, {0.93, 0.942, true},
		{0.98, 0.984, false}, {0.98, 0.99, true}, {0.999, 1, false}, {0.95, 0.90, false},
	} {
		if got := worthIt(c.less, c.more); got != c.worth {
			t.Errorf("%.3f to %.3f: %v", c.less, c.more, got)
		}
	}
}

// TestPicturesWithoutMorePixelsAreNotProbed: small pictures keep the usual size
// without a try, and what was asked for is taken as it is.
func TestPicturesWithoutMorePixelsAreNotProbed(t *testing.T) {
	t.Parallel()
	sv := survey{aspects: []float64{1, 1, 1}, areas: []float64{300 * 300, 300 * 300, 300 * 300}}
	w, h, sizes, err := chooseInput(context.Background(), sv, teachFlags{}, false, newProgress(io.Discard))
	if err != nil || w != 256 || h != 256 || sizes != nil {
		t.Errorf("%dx%d, tried %v, %v", w, h, sizes, err)
	}
	if w, h, _, err = chooseInput(context.Background(), sv, teachFlags{input: "96x128"}, false, newProgress(io.Discard)); err != nil || w != 96 || h != 128 {
		t.Errorf("asked for 96x128: %dx%d, %v", w, h, err)
	}
}

// TestProbeTriesTheSameDefectsAtEverySize on parts of the drawn line.
func TestProbeTriesTheSameDefectsAtEverySize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var ps []evaluate.Picture
	drawParts(t, dir, 12, false)
	files, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		ps = append(ps, evaluate.Picture{Path: f})
	}
	p := prober{threads: 1, tries: []try{{w: 96, h: 96}, {w: 160, h: 160}}}
	got, err := p.run(context.Background(), ps, newProgress(io.Discard))
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, auroc := range got {
		if math.IsNaN(auroc) || auroc < 0.5 || auroc > 1 {
			t.Errorf("%g", auroc)
		}
	}
	if a, b := p.teachers[0].features.Drawn(), p.teachers[1].features.Drawn(); a != b || a == 0 {
		t.Errorf("%d defects at one size, %d at the other", a, b)
	}
}

// TestProbeTriesTheSamePartsAtEverySize: a part that lies too far to be moved at one size, and
// just near enough at another, is tried at neither; drawn defects would be held against other parts.
func TestProbeTriesTheSamePartsAtEverySize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var ps []evaluate.Picture
	for i := range 12 {
		r, ink := rand.New(rand.NewPCG(uint64(i), 4)), rand.New(rand.NewPCG(1, 1))
		dx := 0
		if i == 3 {
			dx = 62 // of 480: 12.4 of 96, 20.7 of 160
		}
		img := image.NewGray(image.Rect(0, 0, 480, 480))
		for j := range img.Pix {
			img.Pix[j] = uint8(150 + r.IntN(9))
		}
		for c := range 12 * 12 {
			for dark, j := ink.IntN(2) == 0, 0; dark && j < 30*30; j++ {
				img.SetGray(60+dx+c%12*30+j%30, 60+c/12*30+j/30, color.Gray{60})
			}
		}
		ps = append(ps, evaluate.Picture{Path: writePNG(t, filepath.Join(dir, fmt.Sprintf("%02d.png", i)), img)})
	}
	p := prober{threads: 1, tries: []try{{w: 96, h: 96, register: true}, {w: 160, h: 160, register: true}}}
	if _, err := p.run(t.Context(), ps, newProgress(io.Discard)); err != nil {
		t.Fatal(err)
	}
	if a, b := p.teachers[0].features.Len(), p.teachers[1].features.Len(); a != 11 || b != 11 {
		t.Errorf("%d parts at one size, %d at the other, of 12 of which one lies too far", a, b)
	}
}
