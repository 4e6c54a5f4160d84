package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"winnow/edge/evaluate"
	"winnow/edge/store"
)

// bench measures, or remembers.
type bench struct {
	o       options
	ctx     context.Context // of the one command that it lives in
	sources []byte
	sets    []string
}

// measured is what `winnow train curve --json` prints, with the day.
type measured struct {
	Date         string  `json:"date"`
	Parts        int     `json:"parts"`
	HeldOut      int     `json:"held_out"`
	Input        [2]int  `json:"input"`
	TrainSeconds float64 `json:"train_seconds"`
	Rows         []row   `json:"rows"`
	Tested       []struct {
		Path  string `json:"path"`
		Group string `json:"group"`
		Bad   bool   `json:"bad"`
	} `json:"tested"`
}

type row struct {
	What       string          `json:"what"`
	Density    float64         `json:"density"`
	Held       float64         `json:"held_out_loss"`
	Synthetic  float64         `json:"synthetic_auroc"`
	MACs       int64           `json:"macs"`
	PartMS     float64         `json:"part_ms"`
	NetworkMS  float64         `json:"network_ms"`
	PrunableMS float64         `json:"prunable_ms"`
	Seconds    float64         `json:"seconds"`
	Eval       evaluate.Result `json:"eval"`
	Scores     []float64       `json:"scores"`
}

// find the row of that name.
func (m *measured) find(what string) *row {
	for i := range m.Rows {
		if m.Rows[i].What == what {
			return &m.Rows[i]
		}
	}
	return nil
}

// job is one training.
type job struct {
	name, recipe string // recipe is TOML
	set          string
	seed         int
	densities    string
	closedForm   bool
}

// besideTeach measures j, with the closed form on the same pictures, which is
// taught once for a set.
func (b *bench) besideTeach(j job) (*measured, error) {
	data := filepath.Join(b.o.data, folder(j.set))
	path, err := b.cached("teach", j.set, 0, data, "")
	if err != nil {
		return nil, err
	}
	taught := new(measured)
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		err = json.Unmarshal(text, taught)
	case errors.Is(err, os.ErrNotExist):
		err = nil
	}
	if err != nil {
		return nil, err
	}
	j.closedForm = len(taught.Rows) == 0
	m, err := b.measure(j)
	if err != nil {
		return nil, err
	}
	if !j.closedForm {
		own := slices.DeleteFunc(m.Rows, func(r row) bool { return r.What == taught.Rows[0].What })
		m.Rows = append(taught.Rows, own...)
		return m, nil
	}
	taught.Date, taught.Rows = m.Date, m.Rows[:1]
	if text, err = json.Marshal(taught); err != nil {
		return nil, err
	}
	return m, store.WriteFile(path, text, 0o644)
}

// cached is the file of what was measured of a set by the present sources.
func (b *bench) cached(name, set string, seed int, data, how string) (string, error) {
	h := sha256.New()
	h.Write(b.sources)
	fmt.Fprintln(h, how)
	if err := names(h, data); err != nil {
		return "", err
	}
	return filepath.Join(b.o.cache, fmt.Sprintf("%s-%s-%d-%x.json", name, set, seed, h.Sum(nil)[:8])), nil
}

// command is what measures j, the closed form left out, and where that is kept.
func (b *bench) command(j job) (args []string, path string, err error) {
	data := filepath.Join(b.o.data, folder(j.set))
	args = []string{"--from", data, "--seed", fmt.Sprint(j.seed), "--densities", j.densities}
	if folder(j.set) != j.set {
		args = append(args, "--split", filepath.Join(data, "split-disjoint.csv"))
	}
	path, err = b.cached(j.name, j.set, j.seed, data, fmt.Sprintln(args, j.recipe))
	return args, path, err
}

// measure j, or take it from the cache.
func (b *bench) measure(j job) (*measured, error) {
	args, path, err := b.command(j)
	if err != nil {
		return nil, err
	}
	if j.closedForm {
		args = append(args, "--closed-form")
	}
	m := new(measured)
	if text, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(text, m); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !j.closedForm || m.find("closed form") != nil {
			return m, nil
		}
		m = new(measured) // by a table that needs none
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	recipe := filepath.Join(b.o.cache, j.name+".toml")
	if err := store.WriteFile(recipe, []byte(j.recipe), 0o644); err != nil {
		return nil, err
	}
	began := time.Now()
	fmt.Fprintf(os.Stderr, "%s on %s, seed %d: training\n", j.name, j.set, j.seed)
	c := exec.CommandContext(b.ctx, b.o.winnow, append([]string{"train", "curve", "--recipe", recipe, "--json"}, args...)...)
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", j.name, j.set, err)
	}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	m.Date = time.Now().Format(time.DateOnly)
	fmt.Fprintf(os.Stderr, "%s on %s, seed %d: %.0f s\n", j.name, j.set, j.seed, time.Since(began).Seconds())
	if text, err = json.Marshal(m); err != nil {
		return nil, err
	}
	return m, store.WriteFile(path, text, 0o644)
}

// digestSources of all that decides what is measured.
func digestSources(root string) ([]byte, error) {
	h := sha256.New()
	for _, dir := range []string{"infer", "models", "capture/pixfmt", "edge/evaluate"} {
		if err := sourcesIn(h, filepath.Join(root, dir), ""); err != nil {
			return nil, err
		}
	}
	for _, prefix := range []string{"train", "teach", "eval"} {
		if err := sourcesIn(h, filepath.Join(root, "cmd/winnow"), prefix); err != nil {
			return nil, err
		}
	}
	return h.Sum(nil), nil
}

// sourcesIn hashes program text and what is embedded, tests left out.
func sourcesIn(h hash.Hash, dir, prefix string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if err != nil || e.IsDir() || !strings.HasPrefix(name, prefix) || strings.HasSuffix(name, "_test.go") ||
			!slices.Contains([]string{".go", ".s", ".toml", ".tflite"}, filepath.Ext(name)) || strings.Contains(path, "testdata") {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintln(h, filepath.ToSlash(path), len(text))
		h.Write(text)
		return err
	})
}

// names and sizes of the pictures in a folder.
func names(w io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			rel, _ := filepath.Rel(dir, path)
			fmt.Fprintln(w, filepath.ToSlash(rel), info.Size())
		}
		return err
	})
}
