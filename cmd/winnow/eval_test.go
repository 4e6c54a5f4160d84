package main

import (
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
)

// evalJSON runs eval and reads its figures.
func evalJSON(t *testing.T, args ...string) evaluate.Result {
	t.Helper()
	code, out, errs := winnow(t, append([]string{"eval", "--json", "-"}, args...)...)
	if code != 0 {
		t.Fatalf("eval %q: exit %d: %s", args, code, errs)
	}
	var r evaluate.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEvalCorruptionAndConditionTables(t *testing.T) {
	t.Parallel()
	model, data := taught(t)
	lamps := filepath.Join(data, "lamp.csv")
	text := "path,lamp\n"
	for _, name := range []string{"good/paa.png", "good/pab.png", "blot/paa.png"} {
		text += "test/" + name + ",new\n"
	}
	if err := os.WriteFile(lamps, []byte(text+"test/good/pac.png,old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "report.html")
	r := evalJSON(t, "--model", model, "--data", data, "--condition", lamps, "--corrupt", "--corrupt-parts", "2", "--html", page)
	html, err := os.ReadFile(page)
	if err != nil || strings.Count(string(html), "data:image/jpeg;base64,") != 8 || strings.Contains(string(html), "ZgotmplZ") {
		t.Errorf("the report shows %d of 8 pictures: %v", strings.Count(string(html), "data:image/jpeg;base64,"), err)
	}
	if len(r.Corruptions) != 31 || r.Corruptions[0].Grade != 0 || r.Corruptions[30].Name != "rotation" || r.Corruptions[30].Grade != 3 {
		t.Errorf("%d rows of corruptions: %+v", len(r.Corruptions), r.Corruptions)
	}
	if r.Condition != "lamp" || len(r.Conditions) != 2 || r.Conditions[0].Good != 2 || r.Conditions[0].Bad != 1 || r.Conditions[1].Name != "old" {
		t.Errorf("conditions by %q: %+v", r.Condition, r.Conditions)
	}
	if r.Views.Fused != r.ImageAUROC || !r.Views.Latent.Known() || !r.Views.Autoencoder.Known() || !r.Views.Reconstruction.Known() {
		t.Errorf("views %+v, image AUROC %v", r.Views, r.ImageAUROC)
	}
}

func TestEvalCrossDomain(t *testing.T) {
	t.Parallel()
	model, data := taught(t)
	other := t.TempDir()
	drawParts(t, filepath.Join(other, "test", "good"), 3, true) // what the model knows as a defect is good here
	drawParts(t, filepath.Join(other, "test", "blank"), 3, false)
	r := evalJSON(t, "--model", model, "--model", model, "--data", data, "--data", other)
	if len(r.CrossDomain) != 4 {
		t.Fatalf("%d cells: %+v", len(r.CrossDomain), r.CrossDomain)
	}
	if at, cross := r.CrossDomain[0], r.CrossDomain[1]; at.ImageAUROC != 1 || cross.ImageAUROC > 0.2 || at.Judged == cross.Judged {
		t.Errorf("at home %+v, elsewhere %+v", at, cross)
	}
}

func TestEvalMistakesSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--data", "x"}, 2, "--model and --data"},
		{[]string{"--model", "m", "--data", "x", "--split", "-", "--split", "-"}, 2, "2 --split for 1 --data"},
		{[]string{"--model", "m", "--data", t.TempDir()}, 1, "test/good and test/KIND"},
	} {
		if code, _, errs := winnow(t, append([]string{"eval"}, c.args...)...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%q: exit %d: %s", c.args, code, errs)
		}
	}
}

// A scratch of one pixel in a picture four times as large is not lost.
func TestFineMasksAreNotLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mask.png")
	const side = 4 * evaluate.PixelSide
	f := &edge.Frame{Width: side, Height: side, Stride: side, Pix: make([]byte, side*side)}
	f.Pix[2*side+6], f.Pix[3*side+7] = 255, 255
	if err := pixfmt.WritePNG(path, f); err != nil {
		t.Fatal(err)
	}
	over := image.Pt(side, side)
	m, err := readMask(path, over, nil)
	if err != nil || !m[1] || m[0] {
		t.Errorf("marked %v %v, %v", m[0], m[1], err)
	}
	if m, err = readMask(path, over, &[4]int{0, 0, 8, 8}); err != nil || !m[2*32*evaluate.PixelSide+6*32] {
		t.Errorf("a region of interest moves the mask with it: %v", err)
	}
	if m, err = readMask(path, over.Mul(2), &[4]int{0, 0, 16, 16}); err != nil || !m[2*32*evaluate.PixelSide+6*32] {
		t.Errorf("a mask of half the picture's size: %v", err)
	}
	if _, err = readMask(path, image.Pt(side, side/2), nil); err == nil || !strings.Contains(err.Error(), "mask.png is 1024x1024, its picture 1024x512") {
		t.Errorf("a mask of another shape: %v", err)
	}
}

// What marks a defect is white, or of one colour, or 1 in a picture of labels.
func TestMasksOfColoursAndLabelsAreNotEmpty(t *testing.T) {
	t.Parallel()
	const side = evaluate.PixelSide
	for name, f := range map[string]*edge.Frame{
		"white":  {Format: edge.Gray8, Pix: []byte{0, 255}},
		"label":  {Format: edge.Gray8, Pix: []byte{0, 1}},
		"green":  {Format: edge.RGB24, Pix: []byte{0, 0, 0, 0, 255, 0}},
		"shaded": {Format: edge.Gray8, Pix: []byte{2, 255}},
	} {
		path := filepath.Join(t.TempDir(), name+".png")
		f.Width, f.Height, f.Stride = 2, 1, len(f.Pix)
		if err := pixfmt.WritePNG(path, f); err != nil {
			t.Fatal(err)
		}
		m, err := readMask(path, image.Pt(2, 1), nil)
		if err != nil || m[0] || !m[side-1] {
			t.Errorf("%s: left %v, right %v, %v", name, m[0], m[side-1], err)
		}
	}
}

// The drawn line is data as any other: written, taught, evaluated.
func TestDrawnLineIsWrittenAsLabelledPictures(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "line")
	code, out, errs := winnow(t, "demo", "--write", dir, "--teach", "16", "--parts", "32", "--product", "cap")
	if code != 0 || !strings.Contains(out, "16 good parts to teach, 16 good and 16 defective") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	model := filepath.Join(t.TempDir(), "cap.tflite")
	code, out, errs = winnow(t, "teach", "--from", dir, "--out", model)
	if code != 0 || !strings.Contains(out, "set against what good parts leave at the same place") || strings.Contains(out, "little repeats") {
		t.Fatalf("caps repeat to a pixel; exit %d: %s%s", code, out, errs)
	}
	r := evalJSON(t, "--model", model, "--data", dir)
	if len(r.PerDefect) != 8 || len(r.PerSize) != 3 || !r.PixelAUROC.Known() || r.EmptyMasks != 0 || r.ImageAUROC < 0.7 {
		t.Errorf("%d kinds, %d sizes, pixel AUROC %v, %d empty masks, image AUROC %v", len(r.PerDefect), len(r.PerSize), r.PixelAUROC, r.EmptyMasks, r.ImageAUROC)
	}
	if code, _, errs := winnow(t, "demo", "--write", dir, "--teach", "16"); code != 1 || !strings.Contains(errs, "not empty") {
		t.Errorf("a folder that is in use: exit %d: %s", code, errs)
	}
	if code, _, errs := winnow(t, "demo", "--write", "x", "--product", "duck"); code != 2 || !strings.Contains(errs, "duck") {
		t.Errorf("an unknown product: exit %d: %s", code, errs)
	}
}

func TestBenchPartTimesTheEncoderBeside(t *testing.T) {
	model, _ := taught(t)
	code, out, errs := winnow(t, "bench", "--model", model, "--part", "--runs", "3", "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var r benchReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Of != "part" || r.Encoder == nil || r.Encoder.MS.Median <= 0 || r.Encoder.Ratio != r.MS.Median/r.Encoder.MS.Median {
		t.Errorf("%+v, encoder %+v", r, r.Encoder)
	}
}

// TestFoldersOfOneNameAreToldApart: in the matrix of models and data, by the folders above them, and
// one folder under two splits by those.
func TestFoldersOfOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	f := evalFlags{
		data:   []string{"old/line/test-set", "new/line/test-set/", "mtd", "mtd", "mtd", "."},
		splits: []string{"-", "-", "-", "a/usual.csv", "a/disjoint.csv"},
	}
	want := []string{"test-set", "line-test-set", "mtd", "mtd (usual.csv)", "mtd (disjoint.csv)", "."}
	if got := f.folderNames(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	model, data := taught(t)
	other := filepath.Join(t.TempDir(), filepath.Base(data))
	drawParts(t, filepath.Join(other, "test", "good"), 2, false)
	drawParts(t, filepath.Join(other, "test", "blot"), 2, true)
	page := filepath.Join(t.TempDir(), "report.html")
	r := evalJSON(t, "--model", model, "--data", data, "--data", other, "--html", page)
	if len(r.CrossDomain) != 2 || r.CrossDomain[0].Judged == r.CrossDomain[1].Judged {
		t.Errorf("cells that cannot be told apart: %+v", r.CrossDomain)
	}
	html, err := os.ReadFile(page)
	if err != nil || strings.Count(string(html), "<th>judged on") != 2 {
		t.Errorf("the report has %d columns of 2: %v", strings.Count(string(html), "<th>judged on"), err)
	}
}

// TestReportSaysHowItsFiguresWereHad: by a command line that gives them again.
func TestReportSaysHowItsFiguresWereHad(t *testing.T) {
	t.Parallel()
	f := evalFlags{models: []string{"a.tflite"}, data: []string{"new parts"}, splits: []string{"it's.csv"}, engine: "tensorflow", corrupt: true, corruptParts: 20}
	want := `winnow eval --model a.tflite --data 'new parts' --split 'it'\''s.csv' --engine tensorflow --corrupt --corrupt-parts 20`
	if got := f.commandLine(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	f = evalFlags{models: []string{"a.tflite"}, data: []string{"a/b-1_2"}, engine: engineAuto}
	if got, want := f.commandLine(), "winnow eval --model a.tflite --data a/b-1_2"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestMasksInColour: what is bright in any channel is marked, as drawing programs and label
// palettes have it.
func TestMasksInColour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][3]byte{"white": {255, 255, 255}, "red": {255, 0, 0}, "green": {0, 255, 0}, "blue": {0, 0, 255}, "dark": {90, 90, 90}} {
		path := filepath.Join(t.TempDir(), "mask.png")
		f := &edge.Frame{Width: 64, Height: 64, Stride: 192, Format: edge.RGB24, Pix: make([]byte, 64*64*3)}
		copy(f.Pix[192*8+24:], c[:])
		if err := pixfmt.WritePNG(path, f); err != nil {
			t.Fatal(err)
		}
		m, err := readMask(path, image.Pt(64, 64), nil)
		if err != nil || m[33*evaluate.PixelSide+33] != (name != "dark") {
			t.Errorf("%s: marked %v, %v", name, m[33*evaluate.PixelSide+33], err)
		}
	}
}

// TestModelsOfOneRecipeAreToldApart: in the matrix of models and data, by their files.
func TestModelsOfOneRecipeAreToldApart(t *testing.T) {
	t.Parallel()
	model, data := taught(t)
	again := filepath.Join(t.TempDir(), "again.tflite")
	b, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(again, b, 0o644); err != nil {
		t.Fatal(err)
	}
	r := evalJSON(t, "--model", model, "--model", again, "--data", data)
	if c := r.CrossDomain; len(c) != 2 || c[0].Taught != "part ("+model+")" || c[1].Taught != "part ("+again+")" {
		t.Errorf("%+v", c)
	}
}
