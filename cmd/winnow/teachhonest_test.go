package main

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer/fit"
	"winnow/models"
)

// What a pruned encoder was refitted on is more like the whole encoder's than what it meets later,
// so it must not prove anything: fresh good parts are rejected no more often than is promised.
func TestPrunedPromiseHolds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	washers(t, dir, 120)
	pictures, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good")
	if err := os.Mkdir(good, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range pictures[:20] {
		if err := os.Rename(p, filepath.Join(good, filepath.Base(p))); err != nil {
			t.Fatal(err)
		}
	}
	model := filepath.Join(dir, "pruned.tflite")
	code, out, errs := winnow(t, "teach", "--from", good, "--out", model, "--input", "96x96", "--register=off", "--level", "raw",
		"--prune", "0.25", "--prune-loss", "1", "--false-reject", "0.2", "--json")
	var r taughtReport
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
		t.Fatalf("teach: exit %d: %s %v", code, errs, err)
	}
	rejected := 0.0
	fresh := judged(t, model, pictures[20:]...)
	for _, s := range fresh {
		if s.Decision == edge.Reject {
			rejected++
		}
	}
	if share := rejected / float64(len(fresh)); share > r.Certificate.Bound {
		t.Errorf("%.0f %% of fresh good parts are rejected, at most %.0f %% was promised", 100*share, 100*r.Certificate.Bound)
	}
	if len(r.Pruned) != 2 || !r.Pruned[1].Kept || r.Pruned[1].Refit+r.Parts > 20 || r.Pruned[1].Refit < fit.MinParts {
		t.Errorf("%d parts taught, %+v", r.Parts, r.Pruned)
	}
	p, err := models.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.Manifest.Taught.Inputs); n != 20 {
		t.Errorf("the package knows of %d pictures that made it", n)
	}
}

// Groups, and near-duplicates, are never on both sides of what an encoder is refitted on and what
// is taught; what cannot be divided is refused.
func TestRefitDividesGroups(t *testing.T) {
	t.Parallel()
	of := func(n int, group func(i int) string) *taughtPictures {
		r := new(taughtPictures)
		for i := range n {
			var print fit.Print
			print.Digest = fmt.Sprint(i)
			for k := range print.Thumb {
				print.Thumb[k] = float32(10 * (i - i/20)) // parts 19 and 20 are alike
			}
			r.taught, r.prints = append(r.taught, evaluate.Picture{Path: fmt.Sprint(i), Group: group(i)}), append(r.prints, print)
		}
		return r
	}
	r := of(40, func(i int) string { return fmt.Sprint(i / 3) })
	refit, rest, err := r.divided(96)
	if err != nil || len(refit)+len(rest) != 40 || len(refit) < 15 || len(refit) > 20 {
		t.Fatalf("%d and %d: %v", len(refit), len(rest), err)
	}
	side := map[string]bool{}
	for _, p := range refit {
		side[p.Group] = true
	}
	for _, p := range rest {
		if side[p.Group] {
			t.Errorf("group %s is on both sides", p.Group)
		}
	}
	if side[fmt.Sprint(19/3)] != side[fmt.Sprint(20/3)] {
		t.Error("near-duplicates are on both sides")
	}
	for name, r := range map[string]*taughtPictures{
		"two groups": of(40, func(i int) string { return fmt.Sprint(i % 2) }),
		"few":        of(15, func(i int) string { return fmt.Sprint(i) }),
	} {
		if _, _, err := r.divided(96); err == nil || !strings.Contains(err.Error(), "too few for --prune") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where no drawn defect shows, nothing compares encoders: that is said, and no report of NaN tried.
func TestPruneNeedsDrawnDefects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	washers(t, filepath.Join(dir), 20)
	mask := image.NewGray(image.Rect(0, 0, 96, 96))
	for y := 82; y < 96; y++ {
		for x := range 14 {
			mask.SetGray(x, y, color.Gray{255})
		}
	}
	path := writePNG(t, filepath.Join(t.TempDir(), "mask.png"), mask)
	code, _, errs := winnow(t, "teach", "--from", dir, "--out", filepath.Join(t.TempDir(), "p.tflite"), "--input", "96x96", "--register=off", "--level", "raw",
		"--mask", path, "--prune", "0.5", "--json")
	if code == 0 || !strings.Contains(errs, "no drawn defect shows") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestTeachListsNothingAsAnEmptyList: what reads `teach --json` goes through its lists.
func TestTeachListsNothingAsAnEmptyList(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "good")
	drawParts(t, dir, 10, false)
	code, out, errs := winnow(t, "teach", "--from", dir, "--out", filepath.Join(t.TempDir(), "p.tflite"), "--input", "96x96", "--register=off", "--level=raw", "--json")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, list := range []string{"skipped", "sizes", "pruned", "levels", "registers"} {
		if !strings.Contains(out, `"`+list+`": []`) {
			t.Errorf("%s is no empty list: %s", list, out)
		}
	}
}
