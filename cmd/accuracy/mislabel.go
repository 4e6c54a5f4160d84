package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"winnow/edge/evaluate"
)

// mislabelShare of a teach set are defects that somebody put among the good.
const mislabelShare = 0.05

// mislabelled is what the teaching coach made of one set with defects in it.
type mislabelled struct {
	title        string
	good, bad    int
	named, wrong []float64 // a seed: shares of the defects named, and of good parts named
	cannot       bool      // the program names no suspects
}

// mislabelSets are those on which the coach is measured.
var mislabelSets = []string{"mtd-disjoint", "drawn"}

// mislabelAll measures the coach on every set for it that was measured.
func (b *bench) mislabelAll() error {
	for i := range b.rows {
		if r := &b.rows[i]; slices.Contains(mislabelSets, r.name) {
			m, err := b.mislabelSet(r)
			if err != nil {
				return err
			}
			b.mislabel = append(b.mislabel, *m)
		}
	}
	return nil
}

func (b *bench) mislabelSet(r *row) (*mislabelled, error) {
	m := &mislabelled{title: r.title}
	split := ""
	if r.split != "" {
		split = filepath.Join(r.dir, r.split)
	}
	ds, err := evaluate.OpenDataset(r.dir, split)
	if err != nil {
		return nil, err
	}
	for seed := range uint64(b.o.seeds) {
		dir := b.file(fmt.Sprintf("mislabelled-%s-%d", r.name, seed))
		if m.good, m.bad, err = mislabelFolder(ds, dir, seed); err != nil {
			return nil, err
		}
		var t taught
		if _, err := b.winnow(&t, "teach", "--from", dir, "--split", filepath.Join(dir, "split.csv"), "--out", b.file("mislabelled.tflite"), "--json"); err != nil {
			return nil, err
		}
		names, ok := suspects(t.Suspects)
		if !ok {
			m.cannot = true
			return m, nil
		}
		bad := 0
		for _, n := range names {
			if strings.HasPrefix(filepath.Base(n), defectPrefix) {
				bad++
			}
		}
		m.named = append(m.named, float64(bad)/float64(m.bad))
		m.wrong = append(m.wrong, float64(len(names)-bad)/float64(m.good))
		fmt.Fprintf(b.log, "  %d of %d defects named, %d of %d good parts\n", bad, m.bad, len(names)-bad, m.good)
	}
	return m, nil
}

const defectPrefix = "defect-"

// mislabelFolder links the set's good parts and so many of its defective ones
// into dir that they are mislabelShare of all; groups stay.
func mislabelFolder(ds *evaluate.Dataset, dir string, seed uint64) (good, bad int, err error) {
	if err := os.RemoveAll(dir); err != nil {
		return 0, 0, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "train", "good"), 0o755); err != nil {
		return 0, 0, err
	}
	rows := [][]string{{"path", "split", "group"}}
	link := func(p evaluate.Picture, name, group string) error {
		from, err := filepath.Abs(p.Path)
		if err != nil {
			return err
		}
		rel := filepath.Join("train", "good", name)
		rows = append(rows, []string{filepath.ToSlash(rel), "teach", group})
		return os.Symlink(from, filepath.Join(dir, rel))
	}
	groups := evaluate.GroupNumbers(ds.Teach)
	for i, p := range ds.Teach {
		if err := link(p, fmt.Sprintf("%04d-%s", i, filepath.Base(p.Path)), fmt.Sprint(groups[i])); err != nil {
			return 0, 0, err
		}
	}
	var defects []evaluate.Picture
	for _, p := range ds.Test {
		if p.Defect != "" {
			defects = append(defects, p)
		}
	}
	n := min(len(defects), int(math.Round(mislabelShare/(1-mislabelShare)*float64(len(ds.Teach)))))
	r := rand.New(rand.NewPCG(seed, 0x6c6162))
	for k, i := range r.Perm(len(defects))[:n] {
		if err := link(defects[i], fmt.Sprintf("%s%03d-%s", defectPrefix, k, filepath.Base(defects[i].Path)), fmt.Sprintf("d%d", k)); err != nil {
			return 0, 0, err
		}
	}
	return len(ds.Teach), n, writeCSV(filepath.Join(dir, "split.csv"), rows)
}

func writeCSV(path string, rows [][]string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = csv.NewWriter(f).WriteAll(rows)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// suspects reads the field of that name of `teach --json`: paths, or objects
// with a path.
func suspects(raw json.RawMessage) (paths []string, ok bool) {
	if len(raw) == 0 {
		return nil, false
	}
	if json.Unmarshal(raw, &paths) == nil {
		return paths, true
	}
	var objects []struct {
		Path string `json:"path"`
	}
	if json.Unmarshal(raw, &objects) != nil {
		return nil, false
	}
	paths = nil
	for _, o := range objects {
		paths = append(paths, o.Path)
	}
	return paths, true
}

func (b *bench) mislabelTable(w *strings.Builder) {
	if len(b.mislabel) == 0 {
		return
	}
	fmt.Fprintf(w, "\nThe coach: %.0f %% of the taught parts are defects that were put among the good; what teach then names, mean of %d draws (least to most).\n", 100*mislabelShare, b.o.seeds)
	var rows [][]string
	for _, m := range b.mislabel {
		if m.cannot {
			rows = append(rows, []string{m.title, fmt.Sprint(m.bad), fmt.Sprint(m.good), "teach names no suspects", ""})
			continue
		}
		spread := func(v []float64) string {
			return fmt.Sprintf("%.1f (%.1f to %.1f)", 100*mean(v), 100*slices.Min(v), 100*slices.Max(v))
		}
		rows = append(rows, []string{m.title, fmt.Sprint(m.bad), fmt.Sprint(m.good), spread(m.named), spread(m.wrong)})
	}
	table(w, "set|defects among the good|good parts|defects named|good parts named", rows)
}
