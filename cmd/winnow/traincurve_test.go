package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The curve has a line for the closed form, the floats, the eight bits and each
// density, all of them judged on the same pictures; the pruned copy has fewer
// blocks, and where networks read the picture itself floats get it too.
func TestTrainCurve(t *testing.T) {
	t.Parallel()
	needTensorFlow(t)
	dir := t.TempDir()
	for _, d := range []string{"train/good", "test/good", "test/hole"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	washers(t, filepath.Join(dir, "train/good"), 27)
	washers(t, filepath.Join(dir, "test/good"), 4)
	for _, name := range []string{"a.png", "b.png", "c.png"} {
		img := image.NewRGBA(image.Rect(0, 0, 96, 96))
		for i := range img.Pix {
			img.Pix[i] = uint8(i*i>>6) | 1
		}
		img.Set(1, 1, color.RGBA{0, 0, 0, 255})
		writePicture(t, filepath.Join(dir, "test/hole", name), img)
	}
	recipe := quickRecipe(t, t.TempDir(), "20")
	text, err := os.ReadFile(recipe)
	if err != nil {
		t.Fatal(err)
	}
	student := filepath.Join(t.TempDir(), "student.toml")
	if err := os.WriteFile(student, append([]byte("family = \"student\"\n"), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	wide := filepath.Join(t.TempDir(), "wide.toml")
	text = append(bytes.Replace(text, []byte("width = 8"), []byte("width = 32"), 1), "[compress]\nprune_steps = 40\naware_steps = 20\n"...)
	if err := os.WriteFile(wide, text, 0o644); err != nil {
		t.Fatal(err)
	}
	r := curveOf(t, "--from", dir, "--recipe", wide, "--densities", "1,0.5", "--closed-form", "--seed", "3")
	var names []string
	for _, row := range r.Rows {
		names = append(names, row.What)
		if len(row.Scores) != 7 || !row.Eval.ImageAUROC.Known() {
			t.Errorf("%s: %d scores, AUROC %v", row.What, len(row.Scores), row.Eval.ImageAUROC)
		}
	}
	if !slices.Equal(names, []string{"closed form", "float", "int8", "50 %"}) || len(r.Tested) != 7 || r.Seed != 3 {
		t.Fatalf("%q of %d pictures, seed %d", names, len(r.Tested), r.Seed)
	}
	float, rounded, half := r.Rows[1], r.Rows[2], r.Rows[3]
	if slices.Equal(float.Scores, rounded.Scores) || slices.Equal(rounded.Scores, half.Scores) {
		t.Error("rounding or pruning changed no score")
	}
	if half.Density > 0.55 || rounded.Density != 1 || half.PrunableMS <= 0 || half.PartMS < half.NetworkMS {
		t.Errorf("%.2f of the blocks are left of %.2f; %.3f ms of %.3f of %.3f", half.Density, rounded.Density, half.PrunableMS, half.NetworkMS, half.PartMS)
	}
	s := curveOf(t, "--from", dir, "--recipe", student, "--densities", "1")
	for i, v := range s.Rows[0].Scores {
		if w := s.Rows[1].Scores[i]; math.Abs(v-w) > 1+0.25*math.Abs(v) {
			t.Errorf("picture %d scores %.2f in float and %.2f rounded", i, v, w)
		}
	}
}

func curveOf(t *testing.T, args ...string) (r curveReport) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := execute(t.Context(), append([]string{"train", "curve", "--json", "--input", "96x96"}, args...), &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}
