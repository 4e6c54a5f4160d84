package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"winnow/edge/evaluate"
)

type evalFlags struct {
	models, data, splits  []string
	condition, engine     string
	json, html            string
	corrupt               bool
	corruptParts, threads int
}

func evalCommand() *cobra.Command {
	var f evalFlags
	c := &cobra.Command{
		Use:   "eval --model FILE.tflite --data DIR",
		Short: "Measure a model package on pictures with known truth",
		Long: "Eval judges every test picture of a folder in MVTec layout (test/good, test/KIND, masks in\n" +
			"ground_truth/KIND) and prints the figures that inspection systems are compared by. Intervals are 95 %\n" +
			"bootstraps over groups of parts; rates at the threshold have exact binomial ones. An unsure part counts\n" +
			"as neither caught nor accepted. Several --model or --data add the cross-domain matrix: every model on\n" +
			"every folder; the first of each gives the other figures.",
		Example: "  winnow eval --model mtd.tflite --data mtd/\n" +
			"  winnow eval --model mtd.tflite --data mtd/ --split mtd/split-disjoint.csv --json -\n" +
			"  winnow eval --model mtd.tflite --data mtd/ --condition mtd/exposure.csv --corrupt --html report.html\n" +
			"  winnow eval --model a.tflite --model b.tflite --data a/ --data b/           taught on one, judged on the other",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return runEval(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringArrayVar(&f.models, "model", nil, "model package; may be repeated")
	fs.StringArrayVar(&f.data, "data", nil, "folder in MVTec layout; may be repeated")
	fs.StringArrayVar(&f.splits, "split", nil, "CSV file with the columns path,split,group: rows with split=test are judged; one for each --data, - for none")
	fs.StringVar(&f.condition, "condition", "", "CSV file with the columns path,condition: figures for each condition")
	fs.BoolVar(&f.corrupt, "corrupt", false, "judge the pictures again under ten corruptions of three grades")
	fs.IntVar(&f.corruptParts, "corrupt-parts", 0, "good and defective pictures that are corrupted, at most so many of each, evenly taken; 0 is all")
	fs.StringVar(&f.engine, "engine", engineAuto, "auto, native or tensorflow")
	fs.StringVar(&f.json, "json", "", "write the figures as JSON to this file; - is the standard output")
	fs.StringVar(&f.html, "html", "", "write a report to this file: curves, tables, worst mistakes; it opens offline")
	threadsVar(c, &f.threads, 0, "threads to use")
	c.AddCommand(certificateCommand())
	return c
}

func (f *evalFlags) check() error {
	switch {
	case len(f.models) == 0 || len(f.data) == 0:
		return usagef("--model and --data are needed")
	case len(f.splits) > len(f.data):
		return usagef("%d --split for %d --data", len(f.splits), len(f.data))
	case f.corruptParts < 0:
		return usagef("--corrupt-parts %d is negative", f.corruptParts)
	case f.html == "-":
		return usagef("--html takes a file, such as report.html")
	}
	return f.checkOutputs()
}

// checkOutputs: judging may take long, so what cannot be written, or would be written over
// what is read, is told before.
func (f *evalFlags) checkOutputs() error {
	read := append(slices.Concat(f.models, f.splits), f.condition)
	for _, to := range [...]struct{ flag, path string }{{"--html", f.html}, {"--json", f.json}} {
		if to.path == "" || to.path == "-" {
			continue
		}
		if err := checkFolder(to.path); err != nil {
			return err
		}
		if err := refuseFolder(to.flag, to.path); err != nil {
			return err
		}
		for _, from := range read {
			if sameFile(from, to.path) {
				return usagef("%s would be written over %s: name another place", to.flag, from)
			}
		}
	}
	if f.html != "" && f.html != os.DevNull && filepath.Clean(f.html) == filepath.Clean(f.json) {
		return usagef("--html and --json are one file, %s: name two", f.html)
	}
	return nil
}

// sameFile reports whether a and b are there and are one.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// split of data folder i, "" for none.
func (f *evalFlags) split(i int) string {
	if i >= len(f.splits) || f.splits[i] == "-" {
		return ""
	}
	return f.splits[i]
}

// folderNames are the names of the data folders, no two alike: with those of the folders above, or
// of their split, as far as that tells them apart.
func (f *evalFlags) folderNames() []string {
	var names []string
	for i, dir := range f.data {
		dir = filepath.Clean(dir)
		name := filepath.Base(dir)
		if split := f.split(i); slices.Contains(f.data[:i], f.data[i]) && split != "" {
			name = fmt.Sprintf("%s (%s)", name, filepath.Base(split))
		}
		for up := filepath.Dir(dir); slices.Contains(names, name) && up != filepath.Dir(up); up = filepath.Dir(up) {
			name = filepath.Base(up) + "-" + name
		}
		for n, plain := 2, name; slices.Contains(names, name); n++ {
			name = fmt.Sprintf("%s-%d", plain, n)
		}
		names = append(names, name)
	}
	return names
}

// commandLine is how the figures were had.
func (f *evalFlags) commandLine() string {
	words := []string{"winnow eval"}
	add := func(flag string, values ...string) {
		for _, v := range values {
			if v != "" {
				words = append(words, flag, quoted(v))
			}
		}
	}
	add("--model", f.models...)
	add("--data", f.data...)
	add("--split", f.splits...)
	add("--condition", f.condition)
	if f.engine != engineAuto {
		add("--engine", f.engine)
	}
	if f.corrupt {
		words = append(words, "--corrupt")
	}
	if f.corrupt && f.corruptParts > 0 {
		add("--corrupt-parts", strconv.Itoa(f.corruptParts))
	}
	return strings.Join(words, " ")
}

// quoted is word as a shell reads it as one.
func quoted(word string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./,:=@%+", r)
	}
	if strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func runEval(ctx context.Context, f evalFlags, out, log io.Writer) error {
	ds, err := openTest(f.data[0], f.split(0))
	if err != nil {
		return err
	}
	column := ""
	if f.condition != "" {
		if column, err = evaluate.LabelConditions(ds.Test, f.data[0], f.condition); err != nil {
			return err
		}
	}
	bar := newProgress(log)
	defer bar.finish()
	x, err := newExaminer(ctx, f.models[0], f, bar)
	if err != nil {
		return err
	}
	defer x.Close()
	e, err := x.examine(ds.Test)
	if err != nil {
		return err
	}
	bar.update("working out intervals", 0, 1)
	r := e.Result(1)
	r.Certificate, r.Engine, r.Model = x.pkg.Calibration.Certificate, x.engine.Name(), x.pkg.Digest()
	r.SharedGroups = ds.SharedGroups()
	r.Threshold, r.Condition = evaluate.Number(x.pkg.Calibration.Threshold), column
	if f.corrupt {
		if r.Corruptions, err = x.corruptions(ds.Test, f.corruptParts); err != nil {
			return err
		}
	}
	if len(f.models) > 1 || len(f.data) > 1 {
		if r.CrossDomain, err = crossDomain(ctx, f, bar); err != nil {
			return err
		}
	}
	if f.html != "" {
		if err := x.writeReport(f, ds, e, r); err != nil {
			return err
		}
	}
	bar.finish()
	return printEval(r, f.json, out)
}

// openTest is the data set of a folder; it must have test pictures.
func openTest(dir, split string) (*evaluate.Dataset, error) {
	ds, err := evaluate.OpenDataset(dir, split)
	if err != nil {
		return nil, err
	}
	if len(ds.Test) == 0 {
		return nil, fmt.Errorf("%s holds no test pictures: they are looked for in test/good and test/KIND", dir)
	}
	return ds, nil
}
