package station

import (
	"context"
	"fmt"
	"sync"

	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/edge/line"
	"winnow/edge/store"
)

// Model is what a station judges with.
type Model struct {
	Judge       line.Judge
	Bare        line.Judge   // the same without whoever watches it, for what is no part; nil: Judge
	Watch       *watch.Watch // tests whether the certificate still holds; nil: nobody does
	Digest      string       // of the package, short form
	Certificate edge.Certificate
	Recipe      string // what it judges; "": the configuration's
	// Close gives it back. The station calls it for what its Loader loaded; nil: nothing to do.
	Close func() error
}

// Loader loads another package while the station runs. Its errors leave nothing behind.
type Loader func(ctx context.Context, path string) (Model, error)

// force is the model in force and what goes with it: there is a new one for each
// change of recipe.
type force struct {
	Model
	judge  line.Judge // of the line: the prober, or the model's
	prober *prober    // nil: nothing is drawn into live pictures
	loaded bool       // by the station, which closes it

	stop func() // ends the prober
	wg   sync.WaitGroup
}

// newForce makes what m needs beside the line.
func (s *Station) newForce(m Model) *force {
	if m.Bare == nil {
		m.Bare = m.Judge
	}
	if m.Recipe == "" {
		m.Recipe = s.cfg.Recipe.Name
	}
	f := &force{Model: m, judge: m.Judge, stop: func() {}}
	if s.cfg.Challenge.InjectedEvery > 0 {
		f.prober = newProber(s, m)
		f.judge = f.prober
	}
	return f
}

// begin probes until end, or until ctx ends.
func (f *force) begin(ctx context.Context) {
	if f.prober == nil {
		return
	}
	ctx, f.stop = context.WithCancel(ctx)
	f.wg.Go(func() { f.prober.run(ctx) })
}

// end gives the model back, once nobody judges with it any more.
func (f *force) end() error {
	f.stop()
	f.wg.Wait()
	if !f.loaded || f.Close == nil {
		return nil
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("model %s: %w", f.Digest, err)
	}
	return nil
}

// proved is what known-bad parts prove something of.
func (f *force) proved() store.Proved { return store.Proved{Recipe: f.Recipe, Model: f.Digest} }
