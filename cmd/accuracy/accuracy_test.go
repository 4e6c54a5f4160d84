package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/evaluate"
)

func TestOnlyWhatStandsBetweenTheMarkersChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + begin + "\nold\n" + end + "\nafter\n")
	if err := rewrite(path, "new\n"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != "before\n"+begin+"\nnew\n"+end+"\nafter\n" {
		t.Errorf("%q, %v", b, err)
	}
	write("no markers\n")
	if err := rewrite(path, "new"); err == nil || !strings.Contains(err.Error(), begin) {
		t.Errorf("a document without markers: %v", err)
	}
}

// The document that is committed has the place that the tables are written to.
func TestTheDocumentHasItsMarkers(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "models", "library", "README.md"))
	if err != nil || !strings.Contains(string(b), begin) || !strings.Contains(string(b), end) {
		t.Errorf("markers are missing: %v", err)
	}
}

func TestDocumentSaysWhatIsUnknown(t *testing.T) {
	nan := evaluate.Number(math.NaN())
	b := &bench{o: options{corruptParts: 10, seeds: 1}, rows: []row{{
		set:  set{name: "aliens", title: "aliens"},
		eval: evaluate.Result{ImageAUROC: 0.995, Certificate: edge.Certificate{Bound: 0.02616, N: 113}, PixelAUROC: nan, Intervals: map[string][2]evaluate.Number{"image_auroc": {0.98, 1}}, Corruptions: []evaluate.Corrupted{{Name: "none", ImageAUROC: 1, FalseReject: 0.5}}},
	}}, mislabel: []mislabelled{{title: "aliens", cannot: true}}}
	text := b.document(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
	for _, want := range []string{"2026-11-25", "99.5 (98.0 to 100.0)", "| 2.7 from 113 |", "| 100.0 / 50.0 |", "names no suspects"} {
		if !strings.Contains(text, want) {
			t.Errorf("the document lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "NaN") {
		t.Errorf("an unknown figure is not a dash:\n%s", text)
	}
	for _, line := range strings.Split(text, "\n") { // every table is well-formed
		if strings.HasPrefix(line, "| set") && strings.Count(line, "|") < 5 {
			t.Error(line)
		}
	}
}

func TestMislabelledFolder(t *testing.T) {
	src := t.TempDir()
	ds := new(evaluate.Dataset)
	add := func(name, defect, group string) evaluate.Picture {
		p := filepath.Join(src, name)
		if err := os.WriteFile(p, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		return evaluate.Picture{Path: p, Defect: defect, Group: group}
	}
	for i := range 19 {
		ds.Teach = append(ds.Teach, add(string(rune('a'+i))+".png", "", string(rune('a'+i/2))))
	}
	ds.Test = []evaluate.Picture{add("x.png", "crack", ""), add("y.png", "", ""), add("z.png", "crack", "")}
	dir := filepath.Join(t.TempDir(), "m")
	good, bad, err := mislabelFolder(ds, dir, 3)
	if err != nil || good != 19 || bad != 1 {
		t.Fatalf("%d good, %d bad, %v: 5 %% of 20 is 1", good, bad, err)
	}
	got, err := evaluate.OpenDataset(dir, filepath.Join(dir, "split.csv"))
	if err != nil || len(got.Teach) != 20 {
		t.Fatalf("%d pictures, %v", len(got.Teach), err)
	}
	if last := filepath.Base(got.Teach[19].Path); !strings.HasPrefix(last, defectPrefix) || strings.Contains(last, "y.png") {
		t.Errorf("the mislabelled picture is %s", last)
	}
	if got.Teach[0].Group != got.Teach[1].Group || got.Teach[1].Group == got.Teach[2].Group {
		t.Error("groups were lost")
	}
}

func TestSuspectsAreReadInBothForms(t *testing.T) {
	for raw, want := range map[string]int{`["a","b"]`: 2, `[{"path":"a","score":3}]`: 1, `[]`: 0, `null`: 0} {
		if got, ok := suspects(json.RawMessage(raw)); !ok || len(got) != want {
			t.Errorf("%s: %v, %v", raw, got, ok)
		}
	}
	if _, ok := suspects(nil); ok {
		t.Error("a program that names none is not told apart")
	}
}
