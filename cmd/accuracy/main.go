// Command accuracy measures how well Winnow detects: it teaches and evaluates
// with the built program, as a user would, with defaults and no flag per set, and
// writes the tables between markers into a document. It is a developer's tool and
// no part of Winnow.
//
//	make accuracy                     every set, and models/library/README.md is rewritten
//	make accuracy DATA=/mnt/pictures  the same with the real pictures elsewhere
//	go run ./cmd/accuracy --sets drawn,aliens --readme ""   some sets, printed only
//
// Real pictures are no part of the project: a set that is not there is named and
// left out, and the document then stays as it was.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type options struct {
	winnow, data, readme, out string
	sets                      []string
	corruptParts, seeds       int
}

func main() {
	var o options
	var sets string
	flag.StringVar(&o.winnow, "winnow", "bin/winnow", "the built `program`")
	flag.StringVar(&o.data, "data", "../shared/data", "`folder` with mtd, aliens and deeppcb")
	flag.StringVar(&o.readme, "readme", "models/library/README.md", "`file` whose part between the markers is rewritten; empty: print only")
	flag.StringVar(&o.out, "out", "dist/accuracy", "`folder` for packages, figures and reports")
	flag.StringVar(&sets, "sets", "", "only these, separated by `commas`: "+strings.Join(setNames(), ", "))
	flag.IntVar(&o.corruptParts, "corrupt-parts", 60, "good and defective pictures of a set that are corrupted; 0: no corruption table")
	flag.IntVar(&o.seeds, "seeds", 5, "draws of mislabelled teach sets; 0: none")
	flag.Parse()
	if sets != "" {
		o.sets = strings.Split(sets, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out, log io.Writer) error {
	for _, s := range o.sets {
		if !slices.Contains(setNames(), s) {
			return fmt.Errorf("set %q is none of %s", s, strings.Join(setNames(), ", "))
		}
	}
	if _, err := os.Stat(o.winnow); err != nil {
		return fmt.Errorf("%w: make build first", err)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	b := &bench{ctx: ctx, o: o, log: log}
	missing, err := b.measureAll()
	if err != nil {
		return err
	}
	if len(b.rows) == 0 {
		return errors.New("no set could be measured")
	}
	if o.seeds > 0 {
		if err := b.mislabelAll(); err != nil {
			return err
		}
	}
	if err := b.crossDomain(); err != nil {
		return err
	}
	text := b.document(time.Now())
	fmt.Fprint(out, text)
	switch {
	case o.readme == "":
		return nil
	case len(missing) > 0 || len(o.sets) > 0:
		fmt.Fprintf(log, "\nNOT WRITTEN to %s: not every set was measured", o.readme)
		for _, m := range missing {
			fmt.Fprintf(log, "\nNOT HERE: %s (DATA=folder says where the pictures are)", m)
		}
		fmt.Fprintln(log)
		return nil
	}
	return rewrite(o.readme, text)
}

// Markers between which a document is rewritten.
const (
	begin = "<!-- accuracy: written by `make accuracy` -->"
	end   = "<!-- accuracy ends -->"
)

// rewrite replaces what stands between the markers of a file.
func rewrite(path, text string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s := string(b)
	i, j := strings.Index(s, begin), strings.Index(s, end)
	if i < 0 || j < i {
		return fmt.Errorf("%s has no lines %q and %q to write between", path, begin, end)
	}
	s = s[:i+len(begin)] + "\n" + text + s[j:]
	temp := path + ".part"
	if err := os.WriteFile(temp, []byte(s), 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// file in the folder of results.
func (b *bench) file(name string) string { return filepath.Join(b.o.out, name) }
