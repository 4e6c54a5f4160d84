// Command accuracytrain measures trained families: it trains and evaluates with
// the built program, as a user would (`winnow train curve`), and writes tables
// between markers into models/library/README.md. What was measured is kept in a
// cache by the digest of the sources that decide it, the recipe, the seed and the
// pictures, so it can be run in pieces; lines of what a run does not measure stay
// as they are. It is a developer's tool and no part of Winnow.
//
//	make accuracy-train                                  every recipe on every set: hours
//	make accuracy-train RECIPES=feature-ae SETS=aliens   some
//	make accuracy-train TABLE=pruned SETS=aliens         density against accuracy, three seeds
//	make accuracy-train TABLE=ablation SETS=mtd-disjoint each objective and regime item on or off
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

type options struct{ winnow, data, cache, readme, recipes, sets, table, items, densities string }

// tables that can be written.
var tables = map[string]func(*bench) error{"families": families, "pruned": pruned, "ablation": ablation}

func main() {
	var o options
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	flag.StringVar(&o.winnow, "winnow", "bin/winnow-tf", "program to measure")
	flag.StringVar(&o.data, "data", "../shared/data", "folder of sets in MVTec layout")
	flag.StringVar(&o.cache, "cache", filepath.Join(cache, "winnow", "accuracy-train"), "folder of what was measured")
	flag.StringVar(&o.readme, "readme", "models/library/README.md", "document to write; empty to print only")
	flag.StringVar(&o.recipes, "recipes", "feature-ae", "for families: names of recipes in infer/train/recipes, with commas")
	flag.StringVar(&o.densities, "densities", "1,0.5,0.25", "for families and pruned: what is left after pruning, 1 for rounding alone")
	flag.StringVar(&o.items, "items", "", "for the ablation: names of its changes, with semicolons; empty for all")
	flag.StringVar(&o.sets, "sets", "aliens,mtd-disjoint,deeppcb,mtd", "sets, with commas")
	flag.StringVar(&o.table, "table", "families", "families, pruned or ablation")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "accuracytrain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	table, ok := tables[o.table]
	if !ok {
		return fmt.Errorf("there is no table %q: families, pruned or ablation", o.table)
	}
	if err := os.MkdirAll(o.cache, 0o755); err != nil {
		return err
	}
	sources, err := digestSources(".")
	if err != nil {
		return err
	}
	return table(&bench{o: o, ctx: ctx, sources: sources, sets: here(o)})
}

// here are the sets that are there.
func here(o options) (sets []string) {
	for set := range strings.SplitSeq(o.sets, ",") {
		_, err := os.Stat(filepath.Join(o.data, folder(set)))
		if errors.Is(err, os.ErrNotExist) {
			fmt.Printf("NOT HERE: %s\n", set)
			continue
		}
		sets = append(sets, set)
	}
	return sets
}

// folder of a set: mtd-disjoint is mtd under its other split.
func folder(set string) string { return strings.TrimSuffix(set, "-disjoint") }
