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

// begin probes until its model is given back, or until ctx ends.
func (f *force) begin(ctx context.Context) {
	if f.prober == nil {
		return
	}
	ctx, f.stop = context.WithCancel(ctx)
	f.wg.Go(func() { f.prober.run(ctx) })
}

// end gives f's model back, once nobody judges with it any more.
func (s *Station) end(f *force) error {
	if f.prober != nil {
		if err := s.awaitProbe(f); err != nil {
			return err
		}
	}
	if !f.loaded || f.Close == nil {
		return nil
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("model %s: %w", f.Digest, err)
	}
	return nil
}

// awaitProbe ends probes, and waits for one as long as the line does for its judge: a
// model that hangs cannot be given back.
func (s *Station) awaitProbe(f *force) error {
	f.stop()
	idle := make(chan struct{})
	go func() { f.wg.Wait(); close(idle) }() // stays only where the judge hangs
	patience, cancel := context.WithCancel(context.WithoutCancel(s.helpers.ctx))
	over := make(chan error, 1)
	var waiter sync.WaitGroup
	waiter.Go(func() {
		over <- s.clock.SleepUntil(patience, s.clock.Now().Add(line.HangLimit(s.cfg.Recipe.Deadline.Std())))
	})
	defer waiter.Wait()
	defer cancel()
	select {
	case <-idle:
		return nil
	case <-over:
		return fmt.Errorf("model %s: %w", f.Digest, line.ErrJudgeHangs)
	}
}

// proved is what known-bad parts prove something of.
func (f *force) proved() store.Proved { return store.Proved{Recipe: f.Recipe, Model: f.Digest} }
