package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"winnow/edge"
	"winnow/models"
)

// winnow runs a command line in this process.
func winnow(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// asProgram in the environment makes the test program be winnow: for tests that change
// what holds for a whole process.
const asProgram = "WINNOW_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// strict reports whether a missing tool is a failure.
func strict() bool { return os.Getenv("STRICT") == "1" }

// notHere skips, or fails under STRICT=1.
func notHere(t *testing.T, what string) {
	t.Helper()
	if strict() {
		t.Fatalf("not here: %s", what)
	}
	t.Skipf("not here: %s", what)
}

// shared returns a folder beside the repository, or skips: it is no part of the project.
func shared(t *testing.T, elem ...string) string {
	t.Helper()
	root := os.Getenv("WINNOW_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	p := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("not here: %s", filepath.Join(elem...))
	}
	return p
}

// drawParts writes n pictures of simple parts; those from first bad on have a blot.
func drawParts(t *testing.T, dir string, n int, blot bool) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		img := image.NewGray(image.Rect(0, 0, 96, 96))
		for y := range 96 {
			for x := range 96 {
				v := 60 + (x*7+y*13+i*29)%23
				if dx, dy := x-48-i%3, y-48; dx*dx+dy*dy < 900 {
					v += 90
				}
				if blot && x > 40 && x < 56 && y > 30 && y < 46 {
					v = 250 - 240*((x/4+y/4)%2)
				}
				img.SetGray(x, y, color.Gray{uint8(v)})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "p"+string(rune('a'+i/26))+string(rune('a'+i%26))+".png"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// taughtOnce holds the package that taught gives every test.
var taughtOnce struct {
	sync.Once
	pkg []byte
}

// taught gives a package that was taught on 16 drawn parts, and the folder with them.
func taught(t *testing.T) (model, data string) {
	t.Helper()
	data = t.TempDir()
	drawParts(t, filepath.Join(data, "train", "good"), 16, false)
	drawParts(t, filepath.Join(data, "test", "good"), 4, false)
	drawParts(t, filepath.Join(data, "test", "blot"), 4, true)
	model = filepath.Join(t.TempDir(), "part.tflite")
	taughtOnce.Do(func() {
		if code, _, errs := winnow(t, "teach", "--from", data, "--out", model, "--input", "96x96", "--register=off"); code != 0 {
			t.Fatalf("teach: exit %d: %s", code, errs)
		}
		taughtOnce.pkg, _ = os.ReadFile(model)
	})
	if err := os.WriteFile(model, taughtOnce.pkg, 0o644); err != nil || len(taughtOnce.pkg) == 0 {
		t.Fatalf("the package that all tests share: %d bytes, %v", len(taughtOnce.pkg), err)
	}
	return model, data
}

func TestTeachEvalScoreVerify(t *testing.T) {
	t.Parallel()
	model, data := taught(t)
	code, out, errs := winnow(t, "eval", "--model", model, "--data", data, "--json", "-")
	if code != 0 {
		t.Fatalf("eval: exit %d: %s", code, errs)
	}
	var r map[string]any
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"image_auroc", "image_ap", "f1", "pixel_auroc", "aupro", "region_auroc", "intervals", "caught_at_1pct",
		"per_defect", "false_reject_rate", "escape_rate", "certificate", "latency_ms", "engine", "model"} {
		if _, ok := r[k]; !ok {
			t.Errorf("eval --json lacks %q", k)
		}
	}
	if r["image_auroc"].(float64) < 0.99 || r["pixel_auroc"] != nil {
		t.Errorf("a blot on a plain part: image AUROC %v, pixel AUROC without masks %v", r["image_auroc"], r["pixel_auroc"])
	}
	if code, out, errs = winnow(t, "model", "verify", model); code != 0 || !strings.Contains(out, "2 golden vectors equal") {
		t.Errorf("verify: exit %d: %s%s", code, out, errs)
	}
	heat := filepath.Join(t.TempDir(), "why.png")
	bad := filepath.Join(data, "test", "blot", "paa.png")
	if code, out, errs = winnow(t, "score", "--model", model, "--heatmap", heat, "--json", bad); code != 0 {
		t.Fatalf("score: exit %d: %s", code, errs)
	}
	var s []scored
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s) != 1 || s[0].Decision != edge.Reject || len(s[0].Regions) == 0 {
		t.Errorf("score of a blotted part: %s", out)
	}
	if n := s[0].Nearest; n == nil || !strings.HasPrefix(n.Part, "p") || !strings.HasSuffix(n.Part, ".png") || !(n.Distance > 0) || !strings.Contains(s[0].Why, "Score ") {
		t.Errorf("a blotted part is explained by %q and %+v", s[0].Why, n)
	}
	b, err := os.ReadFile(heat)
	if err != nil {
		t.Fatal(err)
	}
	// picture, heatmap and the nearest taught part side by side
	if c, err := png.DecodeConfig(bytes.NewReader(b)); err != nil || c.Width != 3*96+8 || c.Height != 96 {
		t.Errorf("heatmap of %dx%d, %v", c.Width, c.Height, err)
	}
}

// Teaching twice gives the same bytes: nothing of the clock or of map order
// gets into a package.
func TestTeachIsReproducible(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	drawParts(t, filepath.Join(dir, "good"), 12, false)
	var files [2][]byte
	for i := range files {
		model := filepath.Join(dir, "m.tflite")
		if code, _, errs := winnow(t, "teach", "--from", filepath.Join(dir, "good"), "--out", model, "--input", "96x96"); code != 0 {
			t.Fatal(errs)
		}
		b, err := os.ReadFile(model)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = b
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the same pictures gave two different packages")
	}
}

func TestBadPicturesAreNamedAndSkipped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	drawParts(t, dir, 12, false)
	if err := os.WriteFile(filepath.Join(dir, "broken.png"), []byte("\x89PNG\r\n\x1a\nxx"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := winnow(t, "teach", "--from", dir, "--out", filepath.Join(t.TempDir(), "m.tflite"), "--register=off")
	if code != 0 || !strings.Contains(out, "broken.png") || !strings.Contains(out, "12 good parts") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestDamagedPackageIsRefused(t *testing.T) {
	t.Parallel()
	model, _ := taught(t)
	b, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{100, len(b) / 2, len(b) - 2000} {
		c := bytes.Clone(b)
		c[i] ^= 4
		bad := filepath.Join(t.TempDir(), "bad.tflite")
		if err := os.WriteFile(bad, c, 0o644); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := winnow(t, "model", "verify", bad); code != 1 || strings.Count(errs, "\n") != 1 {
			t.Errorf("byte %d flipped: exit %d: %s", i, code, errs)
		}
	}
}

// The demo's figures: every part accounted for, pulses and messages counted by
// others than the judge, and the same digests each time.
func TestDemoAddsUp(t *testing.T) {
	digests := map[string]bool{}
	for range 2 {
		code, out, errs := winnow(t, "demo", "--parts", "40", "--teach", "24", "--seed", "7", "--out", t.TempDir(), "--json")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		var r demoReport
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		if r.Parts != 40 || r.MQTTParts != 40 || r.Late != 0 || r.NoResult != 0 {
			t.Errorf("%+v", r)
		}
		if *r.Caught+*r.Escaped != *r.Defective || r.Pulses != *r.Caught+*r.FalseRejects {
			t.Errorf("caught %d, escaped %d, defective %d, false %d, pulses %d", *r.Caught, *r.Escaped, *r.Defective, *r.FalseRejects, r.Pulses)
		}
		digests[r.VerdictDigest+r.ScoreDigest] = true
	}
	if len(digests) != 1 {
		t.Error("the same seed gave different verdicts")
	}
}

func TestConfigInitIsInOrderAndNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "station.toml")
	if code, _, errs := winnow(t, "config", "init", path); code != 0 {
		t.Fatal(errs)
	}
	if code, _, _ := winnow(t, "config", "init", path); code != 1 {
		t.Error("an existing file was overwritten")
	}
	if code, _, errs := winnow(t, "config", "check", path); code != 0 {
		t.Error(errs)
	}
	if err := os.WriteFile(path, []byte("[camera]\nkindd = \"scene\"\n[recipe]\ndeadline = \"-1s\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs := winnow(t, "run", "--config", path)
	if code != 2 || !strings.Contains(errs, "kindd") || !strings.Contains(errs, "deadline") {
		t.Errorf("two mistakes: exit %d: %s", code, errs)
	}
}

// The arm64 program gives the same scores, bit for bit, as this one, for pictures
// and for the frames of a recorded run.
func TestScoresAreTheSameOnARM64(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("not here: an amd64 machine to compare with")
	}
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		notHere(t, "qemu-aarch64-static")
	}
	if testing.Short() {
		t.Skip("takes a cross build")
	}
	arm := filepath.Join(t.TempDir(), "winnow-arm64")
	build := exec.Command("go", "build", "-o", arm, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	model, data := taught(t)
	args := []string{"score", "--model", model, "--json", filepath.Join(data, "test", "blot", "paa.png"), filepath.Join(data, "test", "good", "pab.png")}
	code, want, errs := winnow(t, args...)
	if code != 0 {
		t.Fatal(errs)
	}
	rec := recordedRun(t)
	for _, cpu := range []string{"cortex-a72", "neoverse-n1"} { // without and with dot product
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		got, err := exec.CommandContext(ctx, qemu, append([]string{"-cpu", cpu, arm}, args...)...).Output()
		if err != nil {
			t.Fatalf("%s: %v", cpu, err)
		}
		if string(got) != want {
			t.Errorf("%s gives other scores:\n%s\nthan amd64:\n%s", cpu, got, want)
		}
		replayed, err := exec.CommandContext(ctx, qemu, "-cpu", cpu, arm, "replay", "--verify", rec).CombinedOutput()
		if err != nil || !strings.Contains(string(replayed), "16 equal to the bit") {
			t.Errorf("%s: a recorded run: %v: %s", cpu, err, replayed)
		}
	}
}

// Figures on real pictures: floors that a change must not fall below.
func TestRealPictures(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	data := shared(t, "data", "aliens")
	model := filepath.Join(t.TempDir(), "aliens.tflite")
	if code, _, errs := winnow(t, "teach", "--from", data, "--out", model, "--input", "96x96", "--register=off"); code != 0 {
		t.Fatal(errs)
	}
	code, out, errs := winnow(t, "eval", "--model", model, "--data", data, "--json", "-")
	if code != 0 {
		t.Fatal(errs)
	}
	var r struct {
		AUROC float64 `json:"image_auroc"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.AUROC < 0.98 {
		t.Errorf("aliens: image AUROC %v, at least 0.98 is expected (%v)", r.AUROC, err)
	}
	if p, err := models.ReadFile(model); err != nil || p.Manifest.Taught.Parts != 38 {
		t.Errorf("%v", err)
	}
}

// TestTeachCountsNearDuplicatesOnce: a picture under two names is one part, in folds and
// in the certificate.
func TestTeachCountsNearDuplicatesOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	drawParts(t, dir, 16, false)
	files, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil || len(files) != 16 {
		t.Fatal(files, err)
	}
	for i, f := range files[:6] {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("again%d.png", i)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	model := filepath.Join(t.TempDir(), "m.tflite")
	code, out, errs := winnow(t, "teach", "--from", dir, "--out", model, "--input", "96x96", "--register=off", "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var r struct {
		Parts, Groups, Joined, Uniform int
		Certificate                    struct{ N int }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Parts != 22 || r.Groups != 16 || r.Joined != 6 || r.Certificate.N != 16 || r.Uniform == 0 {
		t.Errorf("%+v: want 22 parts in 16 groups, 6 joined, and a certificate from 16, and word of how uniform they are", r)
	}
	p, err := models.ReadFile(model)
	if err != nil || p.Manifest.Taught.Groups != 16 {
		t.Errorf("the package says %+v (%v)", p.Manifest.Taught, err)
	}
	_, out, _ = winnow(t, "teach", "--from", dir, "--out", model, "--input", "96x96", "--register=off")
	for _, said := range []string{"near-duplicates: 6 pictures", "are all but the same as others", "the threshold rejects", "from 16 good parts"} {
		if !strings.Contains(out, said) {
			t.Errorf("teach does not say %q:\n%s", said, out)
		}
	}
}

// TestTeachNamesTheBadPartAmongTheGood: one part with a blot among 24 good ones
// is the first to be looked at again.
func TestTeachNamesTheBadPartAmongTheGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	drawParts(t, dir, 24, false)
	odd := filepath.Join(t.TempDir(), "odd")
	drawParts(t, odd, 1, true)
	b, err := os.ReadFile(filepath.Join(odd, "paa.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blot.png"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := winnow(t, "teach", "--from", dir, "--out", filepath.Join(t.TempDir(), "m.tflite"), "--input", "96x96", "--register=off", "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var r struct {
		Suspects []string
		Outlook  struct {
			Drawn           int
			Rejected        float64
			WithoutSuspects float64 `json:"without_suspects"`
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Suspects) == 0 || filepath.Base(r.Suspects[0]) != "blot.png" {
		t.Errorf("named %v, want blot.png first", r.Suspects)
	}
	if o := r.Outlook; o.Drawn < 100 || o.WithoutSuspects <= o.Rejected {
		t.Errorf("outlook %+v: without the blot, which holds the threshold up, more drawn defects are rejected", o)
	}
}
