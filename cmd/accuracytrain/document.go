package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"winnow/edge/evaluate"
	"winnow/edge/store"
)

// table between two markers of the document. Lines are known by their first
// cells; those that are not measured anew stay.
type table struct {
	name, text, head string
	keys             int // cells that a line is known by
	order            []string
}

func (t *table) begin() string {
	return "<!-- accuracy-train " + t.name + ": written by `make accuracy-train` -->"
}
func (t *table) end() string { return "<!-- accuracy-train " + t.name + " ends -->" }

// key of a line.
func (t *table) key(line string) string {
	cells := strings.Split(line, "|")
	if len(cells) < t.keys+2 {
		return ""
	}
	return strings.Join(cells[1:1+t.keys], "|")
}

// rank of a line: its first cell's place, then its second's in the order given.
func (t *table) rank(line string) int {
	cells := strings.Split(line, "|")
	rank := 0
	for _, c := range cells[1 : 1+t.keys] {
		i := slices.Index(t.order, strings.TrimSpace(c))
		if i < 0 {
			i = len(t.order)
		}
		rank = rank*(len(t.order)+1) + i
	}
	return rank
}

// write lines into the document at path, beside those that it has.
func (t *table) write(path string, lines []string) error {
	for _, l := range lines {
		fmt.Println(l)
	}
	if path == "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(b), t.begin())
	old, tail, ok2 := strings.Cut(rest, t.end())
	if !ok || !ok2 {
		return fmt.Errorf("%s lacks the markers %q and %q", path, t.begin(), t.end())
	}
	fresh := map[string]bool{}
	for _, l := range lines {
		fresh[t.key(l)] = true
	}
	fresh[t.key(t.head)] = true // of this form or an older one
	for l := range strings.SplitSeq(old, "\n") {
		if strings.HasPrefix(l, "| ") && !fresh[t.key(l)] {
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int { return t.rank(a) - t.rank(b) })
	text := head + t.begin() + "\n\n" + t.text + "\n\n" + t.head + "\n" + strings.Join(lines, "\n") + "\n\n" + t.end() + tail
	return store.WriteFile(path, []byte(text), 0o644)
}

func pc(n evaluate.Number) string {
	if !n.Known() {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*float64(n))
}

// ms words a time that may not be known.
func ms(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}
