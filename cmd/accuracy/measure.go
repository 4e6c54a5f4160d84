package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"winnow/edge"
	"winnow/edge/evaluate"
)

// set is pictures that are taught and judged.
type set struct {
	name  string // for --sets
	title string
	from  string // folder below --data; "" for a drawn line
	split string // file in that folder
	drawn string // product of a drawn line
}

// Parts of each drawn line: as many good parts as a 1 % certificate takes.
const drawnTeach, drawnParts = "300", "960"

func allSets() []set {
	return []set{
		{name: "mtd-disjoint", title: "mtd, split-disjoint.csv", from: "mtd", split: "split-disjoint.csv"},
		{name: "mtd", title: "mtd, usual split (the same tiles in teach and test)", from: "mtd"},
		{name: "aliens", title: "aliens", from: "aliens"},
		{name: "deeppcb", title: "deeppcb", from: "deeppcb"},
		{name: "drawn", title: "drawn line, gears", drawn: "gear"},
		{name: "drawn-board", title: "drawn line, boards", drawn: "board"},
		{name: "drawn-cap", title: "drawn line, caps", drawn: "cap"},
	}
}

func setNames() []string {
	var out []string
	for _, s := range allSets() {
		out = append(out, s.name)
	}
	return out
}

// taught is what of `teach --json` is used.
type taught struct {
	Parts       int              `json:"parts"`
	Groups      int              `json:"groups"`
	Input       [2]int           `json:"input"`
	Certificate edge.Certificate `json:"certificate"`
	Suspects    json.RawMessage  `json:"suspects"`
}

// row is one set, measured.
type row struct {
	set
	dir    string
	model  string
	taught taught
	cost   cost
	eval   evaluate.Result
}

// cost of one run of the program.
type cost struct {
	cpu  time.Duration // user and system time
	wall time.Duration
	peak int64 // resident bytes at most
}

// bench runs the program.
type bench struct {
	ctx      context.Context // of the one run that it lives in
	o        options
	log      io.Writer
	rows     []row
	cross    []evaluate.Crossed
	mislabel []mislabelled
}

// winnow runs the program on one core and decodes what it prints.
func (b *bench) winnow(into any, args ...string) (cost, error) {
	fmt.Fprintf(b.log, "winnow %s\n", strings.Join(args, " "))
	c := exec.CommandContext(b.ctx, b.o.winnow, args...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	start := time.Now()
	if err := c.Run(); err != nil {
		return cost{}, fmt.Errorf("winnow %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	k := cost{wall: time.Since(start), cpu: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		k.peak = u.Maxrss * 1024
	}
	if into == nil {
		return k, nil
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return k, fmt.Errorf("winnow %s printed no figures: %w", args[0], err)
	}
	return k, nil
}

// measureAll teaches and judges every set that is there and asked for.
func (b *bench) measureAll() (missing []string, err error) {
	for _, s := range allSets() {
		if len(b.o.sets) > 0 && !slices.Contains(b.o.sets, s.name) {
			continue
		}
		dir, err := b.folder(s)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(dir); err != nil {
			fmt.Fprintf(b.log, "NOT HERE: %s\n", dir)
			missing = append(missing, dir)
			continue
		}
		r, err := b.measure(s, dir)
		if err != nil {
			return nil, err
		}
		b.rows = append(b.rows, *r)
	}
	return missing, nil
}

// folder of a set; a drawn line is drawn.
func (b *bench) folder(s set) (string, error) {
	if s.drawn == "" {
		return filepath.Join(b.o.data, s.from), nil
	}
	dir := b.file("drawn-" + s.drawn)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	_, err := b.winnow(nil, "demo", "--write", dir, "--product", s.drawn, "--teach", drawnTeach, "--parts", drawnParts)
	return dir, err
}

// splitArgs are the flags that choose the set's split.
func (s set) splitArgs(dir string) []string {
	if s.split == "" {
		return nil
	}
	return []string{"--split", filepath.Join(dir, s.split)}
}

func (b *bench) measure(s set, dir string) (*row, error) {
	r := &row{set: s, dir: dir, model: b.file(s.name + ".tflite")}
	var err error
	args := append([]string{"teach", "--from", dir, "--out", r.model, "--json"}, s.splitArgs(dir)...)
	if r.cost, err = b.winnow(&r.taught, args...); err != nil {
		return nil, err
	}
	args = append([]string{"eval", "--model", r.model, "--data", dir, "--json", "-", "--html", b.file(s.name + ".html")}, s.splitArgs(dir)...)
	if b.o.corruptParts > 0 {
		args = append(args, "--corrupt", "--corrupt-parts", fmt.Sprint(b.o.corruptParts))
	}
	if lamps := filepath.Join(dir, "exposure.csv"); exists(lamps) {
		args = append(args, "--condition", lamps)
	}
	if _, err = b.winnow(&r.eval, args...); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.log, "  image AUROC %.1f, caught at 1 %% %.1f\n", 100*r.eval.ImageAUROC, 100*r.eval.CaughtAt1)
	return r, nil
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// crossDomain judges every set with every model.
func (b *bench) crossDomain() error {
	if len(b.rows) < 2 {
		return nil
	}
	args := []string{"eval", "--json", "-"}
	for _, r := range b.rows {
		if r.name == "mtd" { // its disjoint split stands for it
			continue
		}
		split := "-"
		if r.split != "" {
			split = filepath.Join(r.dir, r.split)
		}
		args = append(args, "--model", r.model, "--data", r.dir, "--split", split)
	}
	var r evaluate.Result
	_, err := b.winnow(&r, args...)
	b.cross = r.CrossDomain
	return err
}
