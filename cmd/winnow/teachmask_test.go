package main

import (
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge"
)

func writePNG(t *testing.T, path string, img image.Image) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	return path
}

// judged scores pictures with a package.
func judged(t *testing.T, model string, pictures ...string) []scored {
	t.Helper()
	code, out, errs := winnow(t, append([]string{"score", "--model", model, "--json"}, pictures...)...)
	var s []scored
	if err := json.Unmarshal([]byte(out), &s); code != 0 || err != nil {
		t.Fatalf("score: exit %d: %s %v", code, errs, err)
	}
	return s
}

// A defect under the mask never changes the verdict, not by one bit of its score;
// one outside it is found.
func TestMaskTakesPlacesOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	drawParts(t, filepath.Join(dir, "good"), 16, false)
	drawParts(t, filepath.Join(dir, "blot"), 1, true)
	mask := image.NewGray(image.Rect(0, 0, 96, 96))
	for i := range mask.Pix {
		mask.Pix[i] = 255
	}
	for y := 28; y < 48; y++ { // the blot lies at 41..55, 31..45
		for x := 38; x < 58; x++ {
			mask.SetGray(x, y, color.Gray{})
		}
	}
	model := filepath.Join(dir, "masked.tflite")
	code, out, errs := winnow(t, "teach", "--from", filepath.Join(dir, "good"), "--out", model, "--input", "96x96", "--register=off",
		"--mask", writePNG(t, filepath.Join(dir, "mask.png"), mask))
	if code != 0 || !strings.Contains(out, "4.3 % of the picture is ignored") {
		t.Fatalf("teach --mask: exit %d: %s%s", code, out, errs)
	}
	good, blot := filepath.Join(dir, "good", "paa.png"), filepath.Join(dir, "blot", "paa.png")
	elsewhere := image.NewGray(image.Rect(0, 0, 96, 96))
	f, err := os.Open(good)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	copy(elsewhere.Pix, img.(*image.Gray).Pix)
	for y := 60; y < 76; y++ {
		for x := 44; x < 60; x++ {
			elsewhere.SetGray(x, y, color.Gray{uint8(250 - 240*((x/4+y/4)%2))})
		}
	}
	s := judged(t, model, good, blot, writePNG(t, filepath.Join(dir, "elsewhere.png"), elsewhere))
	if s[0].Decision != edge.Accept || s[1].Decision != edge.Accept || s[0].Score != s[1].Score {
		t.Errorf("a blot under the mask: %v %+v, without it %v %+v", s[1].Decision, s[1].Score, s[0].Decision, s[0].Score)
	}
	if s[2].Decision != edge.Reject {
		t.Errorf("a blot outside the mask: %v %+v", s[2].Decision, s[2].Score)
	}
	for _, r := range s[2].Regions[:1] {
		if r.Box.Max.Y < 60 {
			t.Errorf("it is seen at %v", r.Box)
		}
	}
	if code, out, _ := winnow(t, "model", "inspect", model); code != 0 || !strings.Contains(out, "a mask ignores 4.3 %") {
		t.Errorf("inspect: %d %s", code, out)
	}
}

func TestMasksThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	drawParts(t, filepath.Join(dir, "good"), 8, false)
	white := image.NewGray(image.Rect(0, 0, 96, 96))
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	for want, path := range map[string]string{
		"draw it over one of them": writePNG(t, filepath.Join(dir, "wide.png"), image.NewGray(image.Rect(0, 0, 96, 64))),
		"it ignores nothing":       writePNG(t, filepath.Join(dir, "white.png"), white),
		"at least 2 %":             writePNG(t, filepath.Join(dir, "black.png"), image.NewGray(image.Rect(0, 0, 96, 96))),
		"none.png":                 filepath.Join(dir, "none.png"),
	} {
		out := filepath.Join(dir, "m.tflite")
		code, _, errs := winnow(t, "teach", "--from", filepath.Join(dir, "good"), "--out", out, "--mask", path)
		if _, err := os.Stat(out); code != 1 || !strings.Contains(errs, want) || err == nil {
			t.Errorf("%s: exit %d: %s", want, code, errs)
		}
	}
}
