package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"winnow/edge"
)

// TestScoresNameEveryKindOfDefect: kinds are named by folders, which may hold commas
// and quotes.
func TestScoresNameEveryKindOfDefect(t *testing.T) {
	r := newDemoReport()
	kinds := []string{"good", "crack", `hole, "small"`}
	for i, k := range kinds {
		tr := truth{known: true, kind: k}
		if i == 0 {
			tr.kind = ""
		}
		r.add(uint64(i), &edge.Verdict{Decision: edge.Reject, Score: edge.Score{Fused: 1.5}}, tr)
	}
	rows, err := csv.NewReader(&r.scores).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, k := range kinds {
		if row := rows[i+1]; row[1] != k || !slices.Equal(row[2:], []string{"reject", "1.5", "0", "0", "0"}) {
			t.Errorf("row %d: %q", i+1, row)
		}
	}
}

// TestDemoSaysFirstWhatItCouldNotWrite: not after the whole line has passed.
func TestDemoSaysFirstWhatItCouldNotWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{{"--scores", dir}, {"--scores", filepath.Join(dir, "missing", "scores.csv")}, {"--out", file}, {"--record", file}} {
		code, out, errs := winnow(t, append([]string{"demo", "--teach", "12", "--parts", "1", "--out", filepath.Join(dir, "maps")}, c...)...)
		if code == 0 || out != "" || !strings.Contains(errs, c[1]) {
			t.Errorf("%v: exit %d: %q %q", c, code, out, errs)
		}
	}
}

// TestWriteRefusesWhatItDoesNotDo: nothing drifts, and nothing is judged.
func TestWriteRefusesWhatItDoesNotDo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "line")
	for _, more := range [][]string{{"--drift", "light"}, {"--record", "rec"}, {"--scores", "s.csv"}, {"--json"}} {
		code, _, errs := winnow(t, append([]string{"demo", "--write", dir, "--teach", "12", "--parts", "1"}, more...)...)
		if code != 2 || !strings.Contains(errs, more[0]) {
			t.Errorf("%v: exit %d: %s", more, code, errs)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("%v: pictures were written", more)
		}
	}
}
