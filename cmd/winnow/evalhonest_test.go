package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge/evaluate"
)

// TestFlagsThatCannotBeAreRefused: with exit code 2, before anything is done.
func TestFlagsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	folder, file := t.TempDir(), filepath.Join(t.TempDir(), "part.tflite")
	if err := os.WriteFile(file, []byte("a package"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"--product screw: it is one of gear":  {"demo", "--product", "screw"},
		"--product bolt: it is one of gear":   {"eval", "certificate", "--product", "bolt"},
		"--split says which pictures":         {"eval", "certificate", "--split", "x.csv"},
		`"-2" for "--threads" flag: give`:     {"bench", "--model", "x.tflite", "--threads", "-2"},
		`"65" for "--threads" flag: give`:     {"bench", "--model", "x.tflite", "--threads", "65"},
		`"-3" for "--threads" flag: give`:     {"replay", "--verify", "rec", "--threads", "-3"},
		`"-4" for "--threads" flag: give`:     {"model", "run", "x.tflite", "--threads", "-4"},
		"--html takes a file":                 {"eval", "--model", "x", "--data", "y", "--html", "-"},
		"--json would be written over":        {"eval", "--model", file, "--data", "y", "--json", filepath.Dir(file) + "/./part.tflite"},
		"--html would be written over":        {"eval", "--model", "x", "--data", "y", "--condition", file, "--html", file},
		"--html and --json are one file":      {"eval", "--model", "x", "--data", "y", "--html", folder + "/r", "--json", folder + "/r"},
		"--html " + folder + " is a folder":   {"eval", "--model", "x", "--data", "y", "--html", folder},
		"--out " + folder + " is a folder":    {"teach", "--from", "x", "--out", folder},
		"--out " + folder + " is a folder: ":  {"calibrate", "--model", "x", "--from", "y", "--out", folder},
		"--false-reject 1e-09 is not between": {"teach", "--from", "x", "--out", "y", "--false-reject", "1e-9"},
	} {
		if code, _, errs := winnow(t, args...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%q: exit %d: %s", args, code, errs)
		}
	}
}

// TestFilesWithoutAFolderAreRefused: before anything is read, so that no work is lost.
func TestFilesWithoutAFolderAreRefused(t *testing.T) {
	t.Parallel()
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	file := filepath.Join(nowhere, "x")
	for _, args := range [][]string{
		{"teach", "--from", "none", "--out", file},
		{"calibrate", "--model", "none", "--from", "none", "--out", file},
		{"eval", "--model", "none", "--data", "none", "--html", file},
		{"eval", "--model", "none", "--data", "none", "--json", file},
		{"demo", "--data", "none", "--scores", file},
	} {
		if code, _, errs := winnow(t, args...); code != exitFailed || !strings.Contains(errs, "there is no folder "+nowhere) {
			t.Errorf("%q: exit %d: %s", args, code, errs)
		}
	}
}

// TestEvalSaysWhatFlatters: test pictures that were taught, whatever they are called, and groups on
// both sides of a split.
func TestEvalSaysWhatFlatters(t *testing.T) {
	t.Parallel()
	model, data := taught(t)
	eval := func(args ...string) (string, evaluate.Result) {
		args = append([]string{"eval", "--model", model, "--data", data}, args...)
		code, out, errs := winnow(t, args...)
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		_, text, _ := winnow(t, append(args, "--json", "-")...)
		var r evaluate.Result
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		return out, r
	}
	fresh, _ := filepath.Glob(filepath.Join(data, "test", "good", "*.png"))
	for i, path := range fresh {
		movedPart(t, path, uint64(500+i), 0, 0, false)
	}
	if out, r := eval(); strings.Contains(out, "flatter") || r.Taught != 0 || len(r.SharedGroups) != 0 {
		t.Errorf("fresh parts: %d taught, groups %q: %s", r.Taught, r.SharedGroups, out)
	}
	some, err := os.ReadFile(filepath.Join(data, "train", "good", "paa.png"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "test", "good", "another.png"), some, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, r := eval(); !strings.Contains(out, "figures flatter: 1 of 9 test pictures") || r.Taught != 1 {
		t.Errorf("a taught part under another name: %d taught: %s", r.Taught, out)
	}
	split := filepath.Join(data, "split.csv")
	rows := "path,split,group\ntrain/good/paa.png,teach,7\ntest/good/paa.png,test,7\ntest/good/pab.png,test,8\ntest/blot/paa.png,test,\n"
	if err := os.WriteFile(split, []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, r := eval("--split", split); !strings.Contains(out, "taught and tested: 7; keep each on one") || len(r.SharedGroups) != 1 {
		t.Errorf("a group on both sides: %q: %s", r.SharedGroups, out)
	}
}
