package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"winnow/edge/store"
	"winnow/edge/store/storetest"
	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tf"
	"winnow/infer/tf/lazy"
	"winnow/infer/train"
	"winnow/models"
)

// needTensorFlow skips where there is no library to train with; under STRICT=1
// it has to be there.
func needTensorFlow(t *testing.T) {
	t.Helper()
	if _, err := tf.Probe(tf.Config{Load: lazy.Loader("")}); err != nil {
		if train.Built && os.Getenv("STRICT") == "1" {
			t.Fatal(err)
		}
		t.Skipf("not here: %v", err)
	}
}

// washers draws n pictures of good parts into dir.
func washers(t *testing.T, dir string, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		img := image.NewRGBA(image.Rect(0, 0, 96, 96))
		cx, cy := 48+2*r.NormFloat64(), 48+2*r.NormFloat64()
		for y := range 96 {
			for x := range 96 {
				d := math.Hypot(float64(x)-cx, float64(y)-cy)
				v := uint8(60 + r.IntN(8))
				if d > 14 && d < 34 {
					v = uint8(170 + 10*math.Sin(d) + float64(r.IntN(8)))
				}
				img.Set(x, y, color.RGBA{v, v, v - 20, 255})
			}
		}
		writePicture(t, filepath.Join(dir, string(rune('a'+i/26))+string(rune('a'+i%26))+".png"), img)
	}
}

func writePicture(t *testing.T, path string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// quickRecipe trains for a moment.
func quickRecipe(t *testing.T, dir string, steps string) string {
	t.Helper()
	path := filepath.Join(dir, "quick.toml")
	text := "[network]\nwidth = 8\ncode = 8\n[loop]\nsteps = " + steps + "\nbatch = 4\nwarmup = 2\n[validation]\nevery = 20\nsynthetic = 8\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// goodWashers draws 27 good parts into a folder of dir's.
func goodWashers(t *testing.T) (dir, good string) {
	t.Helper()
	dir = t.TempDir()
	good = filepath.Join(dir, "good")
	if err := os.Mkdir(good, 0o755); err != nil {
		t.Fatal(err)
	}
	washers(t, good, 27)
	return dir, good
}

// Bad pictures among the good ones are named and left out; what can be read is
// converted. The package that comes out judges on both engines with equal bytes.
func TestTrainOnBadPictures(t *testing.T) {
	t.Parallel()
	needTensorFlow(t)
	dir, good := goodWashers(t)
	deep, grey := image.NewRGBA64(image.Rect(0, 0, 96, 96)), image.NewGray(image.Rect(0, 0, 80, 80))
	for i := range deep.Pix {
		deep.Pix[i] = byte(i * 7)
	}
	writePicture(t, filepath.Join(good, "deep.png"), deep)
	writePicture(t, filepath.Join(good, "grey.png"), grey)
	if err := os.WriteFile(filepath.Join(good, "corrupt.png"), []byte("\x89PNG\r\n\x1a\nnothing behind it"), 0o644); err != nil {
		t.Fatal(err)
	}
	writePicture(t, filepath.Join(good, "huge.png"), image.NewPaletted(image.Rect(0, 0, 9000, 9000), color.Palette{color.Black}))
	out := filepath.Join(dir, "part.tflite")
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"train", "--from", good, "--recipe", quickRecipe(t, dir, "20"), "--out", out, "--deterministic", "--json", "--html", out + ".html", "--contact-sheet", out + ".png"}, &stdout, &stderr)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var r trainedReport
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Parts+r.HeldOut != 29 || len(r.Skipped) != 2 {
		t.Errorf("%d parts and %d held out of 29; skipped: %q", r.Parts, r.HeldOut, r.Skipped)
	}
	for _, name := range []string{"corrupt.png", "huge.png"} {
		if !strings.Contains(strings.Join(r.Skipped, "\n"), name) {
			t.Errorf("%s is not named among %q", name, r.Skipped)
		}
	}
	if _, err := os.Stat(out + ".checkpoint"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the checkpoint of a finished run: %v", err)
	}
	judgesOnBoth(t, out)
	page, err := os.ReadFile(out + ".html")
	if err != nil || !bytes.Contains(page, []byte("<polyline")) || bytes.Count(page, []byte("<img")) != 16 || bytes.Contains(page, []byte("http")) {
		t.Errorf("the report has %d bytes, %d pictures: %v", len(page), bytes.Count(page, []byte("<img")), err)
	}
	for _, row := range []string{"<td>all<td>", "<td>without reconstruction<td>", "<td>latent alone<td>"} {
		if !bytes.Contains(page, []byte(row)) {
			t.Errorf("the report's ablation has no row %s", row)
		}
	}
	if b, err := os.ReadFile(out + ".png"); err != nil || !bytes.HasPrefix(b, []byte("\x89PNG")) {
		t.Errorf("the contact sheet: %v", err)
	}
}

// judgesOnBoth opens the package on native and on TensorFlow, whose golden
// vectors then are equal to the bit.
func judgesOnBoth(t *testing.T, path string) {
	t.Helper()
	p, err := models.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := tf.Open(tf.Config{Load: lazy.Loader("")})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []infer.Engine{native.New(), other} {
		j, err := infer.NewJudge(p, e, infer.Options{Threads: 1})
		if err != nil {
			t.Errorf("engine %s: %v", e.Name(), err)
			continue
		}
		j.Close()
	}
}

// trainChild is the environment variable under which the test binary is
// `winnow` itself, so that a test can kill it.
const trainChild = "WINNOW_TRAIN_CHILD"

func TestTrainChild(t *testing.T) {
	t.Parallel()
	if args := os.Getenv(trainChild); args != "" {
		os.Exit(execute(t.Context(), strings.Split(args, "\n"), os.Stdout, os.Stderr))
	}
}

func child(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], "-test.run=^TestTrainChild$")
	c.Env = append(os.Environ(), trainChild+"="+strings.Join(args, "\n"))
	return c
}

// A run that is killed goes on from its checkpoint and ends with the very
// package that it would have ended with.
func TestTrainAfterKill(t *testing.T) {
	t.Parallel()
	needTensorFlow(t)
	dir := t.TempDir()
	washers(t, dir, 26)
	recipe := quickRecipe(t, t.TempDir(), "240")
	train := func(out string) []string {
		return []string{"train", "--from", dir, "--recipe", recipe, "--out", out, "--deterministic", "--threads", "1"}
	}
	whole, broken := filepath.Join(t.TempDir(), "part.tflite"), filepath.Join(t.TempDir(), "part.tflite")
	if out, err := child(train(whole)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := child(train(broken)...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	killAtCheckpoint(t, c, broken+".checkpoint")
	if _, err := os.Stat(broken); err == nil {
		t.Fatal("the run was over before it could be killed")
	}
	out, err := child(append(train(broken), "--json")...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"resumed": true`) {
		t.Fatalf("%v: %s", err, out)
	}
	a, _ := os.ReadFile(whole)
	b, _ := os.ReadFile(broken)
	if len(a) == 0 || !bytes.Equal(a, b) {
		t.Errorf("the package of the killed run differs: %d and %d bytes", len(a), len(b))
	}
}

// killAtCheckpoint kills c as soon as path exists.
func killAtCheckpoint(t *testing.T, c *exec.Cmd, path string) {
	t.Helper()
	for range 60_000 {
		if _, err := os.Stat(path); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // killed
}

// A disk that fills up while a checkpoint is written leaves the one before.
func TestCheckpointOnFullDisk(t *testing.T) {
	t.Parallel()
	disk := &storetest.FS{Fault: storetest.ShortWrite, At: 2}
	disk.Put("/m.tflite.checkpoint", "older")
	err := store.Atomic{FS: disk}.WriteFile("/m.tflite.checkpoint", []byte("newer"), 0o644)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error %v, want one that says that the disk is full", err)
	}
	if got, _ := disk.Read("/m.tflite.checkpoint"); got != "older" {
		t.Errorf("the checkpoint is %q", got)
	}
}

// The drawing of a loss that falls falls.
func TestSparkline(t *testing.T) {
	t.Parallel()
	if got := sparkline([]float32{8, 8, 4, 4, 2, 2, 1, 1}, 4); got != "█▄▂▁" {
		t.Errorf("%q", got)
	}
}

// Pictures under two names are one part, on one side of what weights learn from.
func TestTrainCountsNearDuplicatesOnce(t *testing.T) {
	t.Parallel()
	needTensorFlow(t)
	dir, good := goodWashers(t)
	for _, name := range []string{"aa", "ac", "ae", "ag"} {
		b, err := os.ReadFile(filepath.Join(good, name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(good, "again-"+name+".png"), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "part.tflite")
	code, said, errs := winnow(t, "train", "--from", good, "--recipe", quickRecipe(t, dir, "20"), "--out", out, "--input", "96x96", "--json")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var r trainedReport
	if err := json.Unmarshal([]byte(said), &r); err != nil {
		t.Fatal(err)
	}
	p, err := models.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if n := p.Manifest.Taught.Groups; r.Joined < 4 || n != 31-r.Joined || r.Parts+r.HeldOut != 31 {
		t.Errorf("%d groups joined, %d left, of %d and %d parts", r.Joined, n, r.Parts, r.HeldOut)
	}
}

// A trained package bridges the camera's dead pixels, as a taught one does.
func TestTrainFindsDeadPixels(t *testing.T) {
	t.Parallel()
	needTensorFlow(t)
	dir := filepath.Join(t.TempDir(), "good")
	noisyParts(t, dir, 1, 26, image.Pt(10, 12))
	out := filepath.Join(t.TempDir(), "part.tflite")
	if code, _, errs := winnow(t, "train", "--from", dir, "--recipe", quickRecipe(t, t.TempDir(), "20"), "--out", out, "--input", "96x96"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	p, err := models.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	s, err := infer.ParseSensor(p.Sensor)
	if err != nil || s.Count() != 1 {
		t.Errorf("%+v: %v", s, err)
	}
}

// Parts that cannot be divided are not too few: the error says what they make and
// what to change.
func TestTrainSaysWhatCannotBeDivided(t *testing.T) {
	t.Parallel()
	needTensorFlow(t)
	dir, good := goodWashers(t)
	recipe := quickRecipe(t, dir, "20")
	text, err := os.ReadFile(recipe)
	if err != nil {
		t.Fatal(err)
	}
	few := filepath.Join(dir, "few.toml")
	names, err := os.ReadDir(good)
	if err != nil {
		t.Fatal(err)
	}
	split := filepath.Join(dir, "split.csv")
	rows := "path,split,group\n"
	for _, e := range names {
		rows += "good/" + e.Name() + ",teach,one\n"
	}
	for path, b := range map[string][]byte{few: append(text, "held_out = 0.1\n"...), split: []byte(rows)} {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--from", good, "--recipe", few}, "24 good parts would train and 3 are held out"},
		{[]string{"--from", dir, "--split", split, "--recipe", recipe}, "the parts make 1 groups"},
	} {
		code, _, errs := winnow(t, append([]string{"train", "--input", "96x96", "--out", filepath.Join(dir, "x.tflite")}, c.args...)...)
		if code != exitFailed || !strings.Contains(errs, c.says) || strings.Contains(errs, "too few") {
			t.Errorf("exit code %d, want one that says %q: %s", code, c.says, errs)
		}
	}
}

// What could not be written after the training is told before it, and nothing is
// left behind.
func TestTrainTellsFirstWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir, good := goodWashers(t)
	out, nowhere := filepath.Join(dir, "part.tflite"), filepath.Join(dir, "nowhere")
	recipe := quickRecipe(t, dir, "20")
	for _, c := range []struct {
		code int
		args []string
		says string
	}{
		{exitFailed, []string{"--out", out, "--html", filepath.Join(nowhere, "r.html")}, "there is no folder " + nowhere},
		{exitFailed, []string{"--out", out, "--contact-sheet", filepath.Join(nowhere, "s.png")}, "there is no folder " + nowhere},
		{exitFailed, []string{"--out", good}, "--out " + good + " is a folder"},
		{exitFailed, []string{"--out", out, "--html", good}, "--html " + good + " is a folder"},
		{exitUsage, []string{"--out", out, "--html", out}, "--out and --html both name"},
		{exitUsage, []string{"--out", out, "--html", "-"}, "--html takes a file"},
	} {
		code, _, errs := winnow(t, append([]string{"train", "--from", good, "--recipe", recipe, "--input", "96x96"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%q: exit code %d, want %d and %q: %s", c.args, code, c.code, c.says, errs)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 { // the pictures and the recipe
		t.Errorf("left behind: %q %v", left, err)
	}
}
