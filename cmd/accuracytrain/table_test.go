package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A run writes its lines in order and leaves those that it did not measure.
func TestTableKeepsOtherLines(t *testing.T) {
	tab := &table{name: "x", keys: 2, text: "Text.", head: "| set | what | v |\n|---|---|---|", order: []string{"aliens", "mtd", "float", "int8"}}
	path := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(path, []byte("before\n"+tab.begin()+"\n| set | what | of an older form | v |\n"+tab.end()+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, lines := range [][]string{
		{"| mtd | int8 | 1 |", "| mtd | float | 2 |"},
		{"| aliens | float | 3 |"},
		{"| mtd | int8 | 4 |"},
	} {
		if err := tab.write(path, lines); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "| set | what | v |\n|---|---|---|\n| aliens | float | 3 |\n| mtd | float | 2 |\n| mtd | int8 | 4 |\n"
	if got := string(b); strings.Contains(got, "older") || !strings.Contains(got, want) || !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "\nafter\n") {
		t.Errorf("%s", got)
	}
	if err := (&table{name: "y"}).write(path, nil); err == nil {
		t.Error("a document without markers was taken")
	}
}

// tested parts: four good ones in two groups, four bad ones on their own.
func tested() *measured {
	m := new(measured)
	for i := range 8 {
		p := struct {
			Path  string `json:"path"`
			Group string `json:"group"`
			Bad   bool   `json:"bad"`
		}{Bad: i >= 4}
		if i < 4 {
			p.Group = string(rune('a' + i/2))
		}
		m.Tested = append(m.Tested, p)
	}
	return m
}

// The gain is that of mean AUROCs; the same scores gain nothing in any draw.
func TestPaired(t *testing.T) {
	m := tested()
	perfect, none := []float64{1, 1, 1, 1, 2, 2, 2, 2}, []float64{1, 1, 1, 1, 1, 1, 1, 1}
	if g, lo, hi := paired(m, [][]float64{none, perfect}, [][]float64{none, perfect}); g != 0 || lo != 0 || hi != 0 {
		t.Errorf("the same scores gain %v (%v to %v)", g, lo, hi)
	}
	if g, lo, hi := paired(m, [][]float64{none, none}, [][]float64{none, perfect}); g != 25 || lo != 25 || hi != 25 {
		t.Errorf("one seed of two that tells all gains %v (%v to %v), not 25", g, lo, hi)
	}
	mixed := []float64{1, 1, 3, 3, 2, 2, 2, 2} // one group of good parts above the bad ones
	if g, lo, hi := paired(m, [][]float64{perfect}, [][]float64{mixed}); math.Abs(g+50) > 1e-9 || lo != -100 || hi != 0 {
		t.Errorf("gain %v (%v to %v): groups are drawn whole", g, lo, hi)
	}
	if n := len(clusters(m, false)); n != 2 || len(clusters(m, true)) != 4 {
		t.Errorf("%d groups of good parts", n)
	}
}
