package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"winnow/edge"
)

// TestScoreOfAFolder: every picture in it and below it, with a heatmap each under a name of its own;
// one that is none is named and keeps nothing from the others.
func TestScoreOfAFolder(t *testing.T) {
	t.Parallel()
	model, data := taught(t)
	test, to := filepath.Join(data, "test"), filepath.Join(t.TempDir(), "why")
	score := func(args ...string) (int, string, string) {
		return winnow(t, append([]string{"score", "--model", model}, args...)...)
	}
	code, out, errs := score("--json", "--heatmap", to+"/", test, filepath.Join(data, "train", "good", "paa.png"))
	var s []scored
	if err := json.Unmarshal([]byte(out), &s); code != 0 || err != nil || len(s) != 9 {
		t.Fatalf("exit %d, %d pictures, %v: %s", code, len(s), err, errs)
	}
	for _, r := range s {
		if blot := strings.Contains(r.Picture, "blot"); (r.Decision == edge.Reject) != blot || r.Error != "" {
			t.Errorf("%s: %v %s", r.Picture, r.Decision, r.Error)
		}
	}
	if strings.Contains(out, `"regions": null`) || !strings.Contains(out, `"regions": []`) {
		t.Errorf("an accepted part has no list of regions: %s", out)
	}
	var names []string
	entries, _ := os.ReadDir(to)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, want := range []string{"paa.png", "good-paa.png", "train-good-paa.png"} {
		if !slices.Contains(names, want) {
			t.Errorf("no heatmap %s among %q", want, names)
		}
	}
	if len(names) != 9 {
		t.Errorf("%d heatmaps of 9 pictures: %q", len(names), names)
	}

	if err := os.WriteFile(filepath.Join(test, "good", "pa.png"), []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs = score("--json", test)
	if err := json.Unmarshal([]byte(out), &s); code != 1 || err != nil || len(s) != 9 || !strings.Contains(errs, "1 of 9 pictures could not be judged; the first: ") {
		t.Fatalf("with a broken picture: exit %d, %d pictures, %v: %s", code, len(s), err, errs)
	}
	at := slices.IndexFunc(s, func(r scored) bool { return r.Error != "" })
	if at != 4 || s[at].Decision != edge.Unknown || !strings.Contains(s[at].Error, "pa.png: not a picture") {
		t.Errorf("the broken picture is number %d: %+v", at, s[at])
	}
	if code, out, _ := score(test); code != 1 || strings.Count(out, "\naccept ")+strings.Count(out, "\nreject ") < 7 || !strings.Contains(out, "unknown ") {
		t.Errorf("for people: exit %d: %s", code, out)
	}
}

// TestScoreRefuses: what it cannot do it says before it judges.
func TestScoreRefuses(t *testing.T) {
	t.Parallel()
	model, data := taught(t)
	a := filepath.Join(data, "test", "good", "paa.png")
	empty := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{a}, 2, "--model is needed"},
		{[]string{"--model", model, "--threads", "-1", a}, 2, `"-1" for "--threads" flag`},
		{[]string{"--model", model, "--heatmap", "why.png", a, a}, 2, "--heatmap why/"},
		{[]string{"--model", model, empty}, 1, "no pictures in"},
		{[]string{"--model", model, filepath.Join(empty, "none.png")}, 1, "none.png does not exist"},
		{[]string{"--model", model, filepath.Join(empty, "none.png"), a}, 1, "1 of 2 pictures could not be judged; the first: "},
	} {
		if code, _, errs := winnow(t, append([]string{"score"}, c.args...)...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%q: exit %d: %s", c.args, code, errs)
		}
	}
}

// TestScoreSparesItsPictures: a heatmap is never written over a picture that is judged.
func TestScoreSparesItsPictures(t *testing.T) {
	t.Parallel()
	model, data := taught(t)
	good := filepath.Join(data, "test", "good")
	a := filepath.Join(good, "paa.png")
	before, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(t.TempDir(), "linked")
	if err := os.Symlink(good, linked); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--heatmap", a, a}, {"--heatmap", good, good}, {"--heatmap", good + "/", linked}} {
		code, _, errs := winnow(t, append([]string{"score", "--model", model}, args...)...)
		after, err := os.ReadFile(a)
		if code != 2 || !strings.Contains(errs, "would be written over the picture") || err != nil || !slices.Equal(before, after) {
			t.Errorf("%q: exit %d: %s", args, code, errs)
		}
	}
}
