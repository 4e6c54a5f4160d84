package main

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge"
)

// noisyParts writes n pictures of parts with noise of their own and dead pixels.
func noisyParts(t *testing.T, dir string, seed uint64, n int, dead ...image.Point) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range n {
		cx, cy, bright := 46+r.IntN(5), 46+r.IntN(5), 70+r.IntN(20)
		img := image.NewGray(image.Rect(0, 0, 96, 96))
		for y := range 96 {
			for x := range 96 {
				v := 70 + r.IntN(9)
				if dx, dy := x-cx, y-cy; dx*dx+dy*dy < 900 {
					v += bright
				}
				img.SetGray(x, y, color.Gray{uint8(v)})
			}
		}
		for _, p := range dead {
			img.SetGray(p.X, p.Y, color.Gray{255})
		}
		writePNG(t, filepath.Join(dir, fmt.Sprintf("%03d.png", i)), img)
	}
}

// Teach bridges the pixels that are dead in every picture; calibrate also those, and
// lines, that have died since. A part with them scores as one without does.
func TestDeadPixelsAreBridged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := image.Pt(10, 12), image.Pt(50, 40)
	at := func(name string) string { return filepath.Join(dir, name) }
	noisyParts(t, at("good"), 1, 20, first)
	since := []image.Point{first, second}
	for x := range 96 {
		since = append(since, image.Pt(x, 70))
	}
	noisyParts(t, at("fresh"), 2, 20, since...)
	noisyParts(t, at("later"), 3, 1, since...)
	noisyParts(t, at("whole"), 3, 12)
	bridged := func(out string) (d dead) {
		if err := json.Unmarshal([]byte(out), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	code, out, errs := winnow(t, "teach", "--from", at("good"), "--out", at("a.tflite"), "--input", "96x96", "--register=off", "--json")
	if code != 0 || bridged(out) != (dead{Pixels: 1}) {
		t.Fatalf("teach: exit %d: %s%s", code, out, errs)
	}
	if code, out, errs = winnow(t, "calibrate", "--model", at("a.tflite"), "--from", at("fresh"), "--out", at("b.tflite"), "--json"); code != 0 || bridged(out) != (dead{Pixels: 2, Lines: 1}) {
		t.Fatalf("calibrate: exit %d: %s%s", code, out, errs)
	}
	later, whole := filepath.Join(at("later"), "000.png"), filepath.Join(at("whole"), "*.png")
	others, err := filepath.Glob(whole)
	if err != nil {
		t.Fatal(err)
	}
	before, after := judged(t, at("a.tflite"), later), judged(t, at("b.tflite"), append([]string{later}, others...)...)
	if before[0].Decision != edge.Reject || after[0].Decision != edge.Accept || after[1].Decision != edge.Accept {
		t.Errorf("a dead pixel that nobody knows: %v; that calibrate has found: %v; none: %v", before[0].Decision, after[0].Decision, after[1].Decision)
	}
	if after[0].Missing != (2.0+96)/(96*96) || before[0].Missing != (1.0+96)/(96*96) || after[1].Missing != 0 {
		t.Errorf("missing: %g known, %g half known, %g whole", after[0].Missing, before[0].Missing, after[1].Missing)
	}
	least, most := math.Inf(1), math.Inf(-1)
	for _, v := range after[1:] {
		least, most = min(least, v.Score.Fused), max(most, v.Score.Fused)
	}
	if got := after[0].Score.Fused; !(got >= least && got <= most) {
		t.Errorf("score %.3f with dead pixels, %.3f to %.3f without", got, least, most)
	}
}

// Where every part is another noise, teach says that nothing repeats.
func TestTeachSaysWhereNothingRepeats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(5, 5))
	for i := range 16 {
		img := image.NewGray(image.Rect(0, 0, 96, 96))
		for range 300 {
			cx, cy, v := r.IntN(96), r.IntN(96), uint8(60+r.IntN(140))
			for y := max(0, cy-3); y < min(96, cy+3); y++ {
				for x := max(0, cx-3); x < min(96, cx+3); x++ {
					img.SetGray(x, y, color.Gray{v})
				}
			}
		}
		writePNG(t, filepath.Join(dir, fmt.Sprintf("%02d.png", i)), img)
	}
	code, out, errs := winnow(t, "teach", "--from", dir, "--out", filepath.Join(t.TempDir(), "p.tflite"), "--input", "96x96", "--register=off", "--level", "raw")
	if code != 0 || !strings.Contains(out, "little repeats at its place") || !strings.Contains(out, "surroundings take the reconstruction's part") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// Eval says what it is worth that dead pixels and lines are known, in rows of their own
// behind those of nobody knowing.
func TestEvalSaysWhatKnownDeadPixelsCost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	noisyParts(t, filepath.Join(dir, "train", "good"), 1, 20)
	noisyParts(t, filepath.Join(dir, "test", "good"), 2, 20)
	noisyParts(t, filepath.Join(dir, "test", "hole"), 3, 2, image.Pt(40, 40), image.Pt(41, 40), image.Pt(42, 40), image.Pt(41, 41), image.Pt(40, 41), image.Pt(42, 41))
	model := filepath.Join(t.TempDir(), "a.tflite")
	if code, _, errs := winnow(t, "teach", "--from", dir, "--out", model, "--input", "96x96", "--register=off"); code != 0 {
		t.Fatal(errs)
	}
	r := evalJSON(t, "--model", model, "--data", dir, "--corrupt")
	rejected := map[string]float64{}
	for i, c := range r.Corruptions {
		if c.Grade == 2 {
			rejected[c.Name] = float64(c.FalseReject)
		}
		if kind, known := strings.CutSuffix(c.Name, ", known"); known && r.Corruptions[i-3].Name != kind {
			t.Errorf("row %d, %q, is three behind %q", i, c.Name, r.Corruptions[i-3].Name)
		}
	}
	if unknown, known := rejected["dead-pixels"], rejected["dead-pixels, known"]; unknown < 0.9 || known > 0.2 {
		t.Errorf("%g of good parts are rejected for dead pixels, %g where they are known", unknown, known)
	}
	if known, ok := rejected["dead-lines, known"]; !ok || known > 0.2 || len(r.Corruptions) != 37 {
		t.Errorf("%g of good parts are rejected for dead lines that are known (%v), %d rows", known, ok, len(r.Corruptions))
	}
}
