package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge/evaluate"
)

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
