// Command accuracytrain measures the trained families: it trains and evaluates
// with the built program, as a user would, and writes the table between markers
// into models/library/README.md. Results are kept in a cache by the digest of
// the program, the recipe and the set, so an interrupted run goes on. It is a
// developer's tool and no part of Winnow.
//
//	make accuracy-train                                  every recipe on every set: hours
//	make accuracy-train RECIPES=feature-ae SETS=aliens   some; the table has what the cache has of this program
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"winnow/edge/evaluate"
	"winnow/edge/store"
)

const (
	begin = "<!-- accuracy-train: written by `make accuracy-train` -->"
	end   = "<!-- accuracy-train ends -->"
)

// row is one recipe on one set.
type row struct {
	Recipe, Set string
	Date        string
	Eval        evaluate.Result
	Trained     struct {
		MACs         int64   `json:"macs"`
		TrainSeconds float64 `json:"train_seconds"`
		Parts        int     `json:"parts"`
		HeldOut      int     `json:"held_out"`
	}
}

type options struct{ winnow, data, cache, readme, recipes, sets string }

func main() {
	var o options
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	flag.StringVar(&o.winnow, "winnow", "bin/winnow-tf", "program to measure")
	flag.StringVar(&o.data, "data", "../shared/data", "folder of sets in MVTec layout")
	flag.StringVar(&o.cache, "cache", filepath.Join(cache, "winnow", "accuracy-train"), "folder of finished results")
	flag.StringVar(&o.readme, "readme", "models/library/README.md", "document to write; empty to print only")
	flag.StringVar(&o.recipes, "recipes", "feature-ae", "names of recipes in infer/train/recipes, with commas")
	flag.StringVar(&o.sets, "sets", "aliens,mtd-disjoint,mtd,deeppcb", "sets, with commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "accuracytrain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.cache, 0o755); err != nil {
		return err
	}
	program, err := os.ReadFile(o.winnow)
	if err != nil {
		return fmt.Errorf("%w: build it with `make build-tf`", err)
	}
	var rows []row
	for set := range strings.SplitSeq(o.sets, ",") {
		if _, err := os.Stat(filepath.Join(o.data, folder(set))); err != nil {
			fmt.Printf("NOT HERE: %s\n", set)
			continue
		}
		for recipe := range strings.SplitSeq(o.recipes, ",") {
			r, err := measured(ctx, o, program, recipe, set)
			if err != nil {
				return fmt.Errorf("%s on %s: %w", recipe, set, err)
			}
			fmt.Println(r.line())
			rows = append(rows, *r)
		}
	}
	if o.readme == "" || len(rows) == 0 {
		return nil
	}
	return rewrite(o.readme, document(rows))
}

// folder of a set: mtd-disjoint is mtd under its other split.
func folder(set string) string { return strings.TrimSuffix(set, "-disjoint") }

// measured takes a row from the cache or makes it.
func measured(ctx context.Context, o options, program []byte, recipe, set string) (*row, error) {
	text, err := os.ReadFile(filepath.Join("infer", "train", "recipes", recipe+".toml"))
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(program)
	h.Write(text)
	path := filepath.Join(o.cache, fmt.Sprintf("%s-%s-%x.json", recipe, set, h.Sum(nil)[:8]))
	r := new(row)
	if b, err := os.ReadFile(path); err == nil {
		return r, json.Unmarshal(b, r)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := r.measure(ctx, o, recipe, set); err != nil {
		return nil, err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return r, store.WriteFile(path, b, 0o644)
}

func (r *row) measure(ctx context.Context, o options, recipe, set string) error {
	r.Recipe, r.Set, r.Date = recipe, set, time.Now().Format(time.DateOnly)
	data := filepath.Join(o.data, folder(set))
	var split []string
	if folder(set) != set {
		split = []string{"--split", filepath.Join(data, "split-disjoint.csv")}
	}
	model := filepath.Join(o.cache, recipe+"-"+set+".tflite")
	defer os.Remove(model)
	args := append([]string{"train", "--from", data, "--recipe", recipe, "--out", model, "--restart", "--json"}, split...)
	if err := winnow(ctx, o.winnow, &r.Trained, args...); err != nil {
		return err
	}
	args = append([]string{"eval", "--model", model, "--data", data, "--engine", "native", "--json", "-"}, split...)
	return winnow(ctx, o.winnow, &r.Eval, args...)
}

func winnow(ctx context.Context, program string, into any, args ...string) error {
	c := exec.CommandContext(ctx, program, args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

func pc(n evaluate.Number) string {
	b, err := n.MarshalJSON()
	if err != nil || string(b) == "null" {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*float64(n))
}

func (r *row) line() string {
	e := &r.Eval
	iv := e.Intervals["image_auroc"]
	return fmt.Sprintf("| %s | %s | %d + %d | %s (%s to %s) | %s | %s | %s | %.0f | %.1f | %.0f |", r.Set, r.Recipe, r.Trained.Parts, r.Trained.HeldOut,
		pc(e.ImageAUROC), pc(iv[0]), pc(iv[1]), pc(e.PixelAUROC), pc(e.AUPRO), pc(e.CaughtAt1),
		float64(r.Trained.MACs)/1e6, e.LatencyMS.P50, r.Trained.TrainSeconds)
}

func document(rows []row) string {
	var w strings.Builder
	fmt.Fprintf(&w, "Measured with `make accuracy-train` between %s and %s, int8 on the native engine, seed 1. Percentages with 95 %% intervals; parts are those\n", rows[0].Date, rows[len(rows)-1].Date)
	w.WriteString("that weights learned from and those held out; MMAC and ms (median, machine shared) are of the whole part, encoder included.\n\n")
	w.WriteString("| set | recipe | parts | image AUROC | pixel AUROC | AUPRO | caught at 1 % | MMAC | ms | s to train |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for i := range rows {
		w.WriteString(rows[i].line() + "\n")
	}
	return w.String()
}

// rewrite replaces what stands between the markers of a file.
func rewrite(path, text string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s lacks the markers %q and %q", path, begin, end)
	}
	return store.WriteFile(path, []byte(head+begin+"\n\n"+text+"\n"+end+tail), 0o644)
}
