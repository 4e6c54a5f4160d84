package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge/store"
)

// What the table of densities measured has no closed form in it: the table of
// families, which needs one, measures again instead of taking another row for it.
func TestClosedFormIsNotTakenFromAnotherRow(t *testing.T) {
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "set"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := &bench{ctx: t.Context(), o: options{winnow: filepath.Join(data, "no-program"), data: data, cache: t.TempDir()}}
	j := job{name: "feature-ae", recipe: "seed = 1", set: "set", seed: 1, densities: "1"}
	keep := func(rows ...row) {
		t.Helper()
		text, err := json.Marshal(measured{Rows: rows})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.WriteFile(cacheOf(t, b, j), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	keep(row{What: "float"}, row{What: "int8"})
	if m, err := b.measure(j); err != nil || len(m.Rows) != 2 { // enough where none is asked for
		t.Fatalf("%+v: %v", m, err)
	}
	if m, err := b.besideTeach(j); err == nil {
		t.Errorf("%+v was taken for what a closed form was measured in", m.Rows)
	}
	keep(row{What: "closed form"}, row{What: "float"}, row{What: "int8"})
	if m, err := b.besideTeach(j); err != nil || m.find("closed form") == nil {
		t.Errorf("%+v: %v", m, err)
	}
}

func cacheOf(t *testing.T, b *bench, j job) string {
	t.Helper()
	_, path, err := b.command(j)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A table of densities without rounding alone does not know by how much the
// others are faster than that.
func TestPrunedWithoutRoundingAlone(t *testing.T) {
	scores := []float64{1, 2}
	m := &measured{Rows: []row{{What: "float", Scores: scores}, {What: "50 %", Scores: scores, PrunableMS: 1}}}
	if err := json.Unmarshal([]byte(`{"tested": [{"path": "good.png"}, {"path": "bad.png", "bad": true}]}`), m); err != nil {
		t.Fatal(err)
	}
	if line := prunedLine([]*measured{m}, "set", "50 %"); !strings.Contains(line, "| 1.00 | - | - | - |") {
		t.Errorf("%s", line)
	}
}
