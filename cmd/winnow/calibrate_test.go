package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"winnow/capture/pixfmt"
	"winnow/capture/scene"
	"winnow/edge"
	"winnow/infer/drift"
	"winnow/models"
)

// drawScene writes good parts first..first+n of a drawn line, as conditions say.
func drawScene(t *testing.T, dir string, first, n uint64, conditions scene.Conditions) string {
	t.Helper()
	s, err := scene.New(scene.Config{Width: 128, Height: 128, Conditions: func(uint64) scene.Conditions { return conditions }})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var f edge.Frame
	for i := first; i < first+n; i++ {
		s.Draw(i, scene.Defect{}, &f)
		if err := pixfmt.WritePNG(filepath.Join(dir, "part-"+string(rune('a'+i/26%26))+string(rune('a'+i%26))+".png"), &f); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// taughtOnScene teaches on the first n good parts of the drawn line.
func taughtOnScene(t *testing.T, n uint64) (model, teach string) {
	t.Helper()
	teach = drawScene(t, filepath.Join(t.TempDir(), "teach"), 0, n, scene.Conditions{})
	model = filepath.Join(t.TempDir(), "part.tflite")
	if code, _, errs := winnow(t, "teach", "--from", teach, "--out", model); code != 0 {
		t.Fatalf("teach: exit %d: %s", code, errs)
	}
	return model, teach
}

// Parts that the package would reject may be another product, or badly lit: whoever
// calibrates on them is told so.
func TestCalibratingOnPartsThatLookOtherwiseIsNoted(t *testing.T) {
	t.Parallel()
	model, _ := taughtOnScene(t, 16)
	for light, want := range map[float64]bool{0: false, -0.5: true} {
		fresh := drawScene(t, t.TempDir(), 100, 20, scene.Conditions{Light: light})
		code, text, errs := winnow(t, "calibrate", "--model", model, "--from", fresh, "--false-reject", "0.05", "--out", filepath.Join(t.TempDir(), "again.tflite"))
		if code != 0 || strings.Contains(text, "of the taught product") != want {
			t.Errorf("light %+.0f %%: exit %d: %s%s", 100*light, code, text, errs)
		}
	}
}

// Calibrating again changes threshold and certificate and nothing else.
func TestCalibrateAgain(t *testing.T) {
	t.Parallel()
	model, teach := taughtOnScene(t, 16)
	fresh := drawScene(t, t.TempDir(), 100, 20, scene.Conditions{Light: -0.06})
	out := filepath.Join(t.TempDir(), "again.tflite")
	code, text, errs := winnow(t, "calibrate", "--model", model, "--from", fresh, "--false-reject", "0.05", "--out", out, "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var r calibratedReport
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	if r.Parts != 20 || r.Groups != 20 || r.Certificate.Method != "split" || r.Certificate.N != 20 || !strings.Contains(r.Promise, "59 good parts can prove that") {
		t.Errorf("%+v", r)
	}
	old, err := models.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	now, err := models.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old.Graph, now.Graph) || !bytes.Equal(old.Statistics, now.Statistics) || len(old.Golden) != len(now.Golden) || !bytes.Equal(old.Golden[0].Outputs[0], now.Golden[0].Outputs[0]) {
		t.Error("more than the calibration changed")
	}
	if !slices.IsSorted(now.Calibration.Scores) || now.Calibration.Threshold != now.Calibration.Scores[19] {
		t.Errorf("%+v", now.Calibration)
	}
	before, err := drift.Parse(old.Drift)
	if err != nil {
		t.Fatal(err)
	}
	after, err := drift.Parse(now.Drift)
	if err != nil || len(before.Seeds) != 8 || len(after.Seeds) != 20 || !slices.Equal(before.Cells, after.Cells) {
		t.Errorf("drift: %d taught seeds, %d fresh ones (%v)", len(before.Seeds), len(after.Seeds), err)
	}
	if m := now.Manifest.Calibrated; m == nil || m.Package != old.Digest() || m.Parts != 20 {
		t.Errorf("the manifest does not tell: %+v", m)
	}
	if code, _, errs := winnow(t, "model", "verify", out); code != 0 {
		t.Errorf("verify: %s", errs)
	}

	// What it was taught on is no fresh part, alone or among others.
	code, _, errs = winnow(t, "calibrate", "--model", model, "--from", teach, "--out", out)
	if code != 1 || !strings.Contains(errs, "taught on") {
		t.Errorf("the taught pictures: exit %d: %s", code, errs)
	}
	mixed := drawScene(t, t.TempDir(), 10, 20, scene.Conditions{}) // parts 10 to 15 were taught
	code, text, _ = winnow(t, "calibrate", "--model", model, "--from", mixed, "--out", out)
	if code != 0 || strings.Count(text, "taught on this very picture") != 6 || !strings.Contains(text, "14 fresh good parts") {
		t.Errorf("six taught pictures among 20: exit %d: %s", code, text)
	}
}

// With --condition only the parts of one condition say where the threshold lies.
func TestCalibrateForOneCondition(t *testing.T) {
	t.Parallel()
	model, _ := taughtOnScene(t, 16)
	fresh := drawScene(t, t.TempDir(), 100, 20, scene.Conditions{})
	names, err := filepath.Glob(filepath.Join(fresh, "*.png"))
	if err != nil || len(names) != 20 {
		t.Fatalf("%d pictures: %v", len(names), err)
	}
	list := "path,shift\n"
	for i, name := range names {
		list += fmt.Sprintf("%s,%s\n", filepath.Base(name), []string{"day", "night"}[min(i/12, 1)])
	}
	shifts := filepath.Join(t.TempDir(), "shifts.csv")
	if err := os.WriteFile(shifts, []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "day.tflite")
	code, text, errs := winnow(t, "calibrate", "--model", model, "--from", fresh, "--condition", shifts, "--only", "day", "--out", out, "--json")
	var r calibratedReport
	if err := json.Unmarshal([]byte(text), &r); code != 0 || err != nil || r.Parts != 12 || r.Condition != "day" {
		t.Fatalf("exit %d, %v: %+v %s", code, err, r, errs)
	}
	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"--condition", shifts}, 2, "--only is needed"},
		{[]string{"--only", "day"}, 2, "--condition is needed"},
		{[]string{"--condition", shifts, "--only", "dusk"}, 1, `there are ["day" "night"]`},
	} {
		if code, _, errs := winnow(t, append([]string{"calibrate", "--model", model, "--from", fresh, "--out", out}, c.args...)...); code != c.code || !strings.Contains(errs, c.say) {
			t.Errorf("%q: exit %d: %s", c.args, code, errs)
		}
	}
}

// Two files of one exposure are one part, and so are the rows of one group.
func TestCalibrateCountsIndependentParts(t *testing.T) {
	t.Parallel()
	model, _ := taughtOnScene(t, 12)
	fresh := drawScene(t, t.TempDir(), 200, 10, scene.Conditions{})
	b, err := os.ReadFile(filepath.Join(fresh, "part-hs.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(fresh, "twice.png"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "again.tflite")
	code, text, errs := winnow(t, "calibrate", "--model", model, "--from", fresh, "--out", out)
	if code != 0 || !strings.Contains(text, "11 fresh good parts in 10 groups") {
		t.Errorf("one picture twice: exit %d: %s%s", code, text, errs)
	}
	uniform := t.TempDir()
	drawParts(t, uniform, 12, false)
	code, text, errs = winnow(t, "calibrate", "--model", model, "--from", uniform, "--out", out)
	if code != 0 || !strings.Contains(text, "12 fresh good parts in 12 groups") || !strings.Contains(text, "are all but the same as others") {
		t.Errorf("a product whose parts are all alike: exit %d: %s%s", code, text, errs)
	}
	split := filepath.Join(t.TempDir(), "split.csv")
	rows := "path,split,group\n"
	for i := range 10 {
		rows += "part-" + string(rune('a'+(200+i)/26)) + string(rune('a'+(200+i)%26)) + ".png,teach," + string(rune('0'+i/2)) + "\n"
	}
	if err := os.WriteFile(split, []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs = winnow(t, "calibrate", "--model", model, "--from", fresh, "--split", split, "--out", out+"2")
	if code != 1 || !strings.Contains(errs, "5 independent good parts are too few") {
		t.Errorf("five groups of two: exit %d: %s", code, errs)
	}
	if _, err := os.Stat(out + "2"); err == nil {
		t.Error("a failed calibration left a file")
	}
}

// TestCalibrateTakesNoRejectsForGood: a frame that the judge finds unfit has no score of a good part,
// and a part that scores far above all the others is named.
func TestCalibrateTakesNoRejectsForGood(t *testing.T) {
	t.Parallel()
	model, _ := taughtOnScene(t, 16)
	fresh := drawScene(t, t.TempDir(), 100, 20, scene.Conditions{})
	calibrated := func() (r calibratedReport, text string) {
		out := filepath.Join(t.TempDir(), "again.tflite")
		code, text, errs := winnow(t, "calibrate", "--model", model, "--from", fresh, "--out", out, "--json")
		if err := json.Unmarshal([]byte(text), &r); code != 0 || err != nil {
			t.Fatalf("exit %d, %v: %s", code, err, errs)
		}
		_, text, _ = winnow(t, "calibrate", "--model", model, "--from", fresh, "--out", out)
		return r, text
	}
	plain, text := calibrated()
	if len(plain.Skipped) != 0 || plain.Suspect != "" || strings.Contains(text, "look at") {
		t.Fatalf("of good parts %q are skipped and %q is suspect: %s", plain.Skipped, plain.Suspect, text)
	}
	some, err := filepath.Glob(filepath.Join(fresh, "*.png"))
	if err != nil || len(some) != 20 {
		t.Fatal(some, err)
	}
	f, err := pixfmt.ReadImage(some[0])
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, spoil func(row []byte, y int)) string {
		g := *f
		g.Pix = slices.Clone(f.Pix)
		for y := range g.Height {
			spoil(g.Row(y), y)
		}
		path := filepath.Join(fresh, name)
		if err := pixfmt.WritePNG(path, &g); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cut := write("cut.png", func(row []byte, y int) {
		if y >= 72 {
			clear(row)
		}
	})
	r, _ := calibrated()
	if len(r.Skipped) != 1 || !strings.HasPrefix(r.Skipped[0], cut) || !strings.Contains(r.Skipped[0], "is missing") || r.Parts != 20 || r.Threshold != plain.Threshold {
		t.Errorf("with a frame that was cut off: %q skipped, %d parts, threshold %g, was %g", r.Skipped, r.Parts, r.Threshold, plain.Threshold)
	}
	if err := os.Remove(cut); err != nil {
		t.Fatal(err)
	}
	bad := write("spoilt.png", func(row []byte, y int) {
		for x := range row {
			if (x/9+y/3)%2 == 0 {
				row[x] = 255 - row[x]
			}
		}
	})
	if r, text := calibrated(); r.Suspect != bad || !strings.Contains(text, "look at "+bad+" again") {
		t.Errorf("with a spoilt part %q is suspect, at a threshold of %g: %s", r.Suspect, r.Threshold, text)
	}
}
