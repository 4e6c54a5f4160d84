// Package supervise keeps the station's tasks running and tells the hardware
// and systemd that they make progress. A task that panics or fails is started
// again while its budget lasts; then everything is stopped in order, outputs
// going to their safe levels, and the process ends for systemd to restart. It
// knows nothing of what the tasks do.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"winnow/edge"
)

// Task is one thing that runs as long as the station does.
type Task struct {
	Name string
	// Run blocks until ctx ends or something fails. A nil error while ctx lasts
	// means that the task has nothing more to do.
	Run func(ctx context.Context) error
	// Restarts within Within are tolerated; one more is the end of the station.
	Restarts int
	Within   time.Duration // 0: since the start
	// Pause before a restart; it doubles from one restart to the next, up to
	// eight times.
	Pause time.Duration
	// Last: a task that ends by itself with nil ends the station too.
	Last bool
}

// Options of a Group.
type Options struct {
	Clock edge.Clock
	// Grace is how long tasks may take to end; 0: 5 s.
	Grace time.Duration
	// OnRestart is told why a task is started again; it must not block. May be nil.
	OnRestart func(task string, err error)
}

// PanicError is what a task that panicked failed with.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// ErrStuck is returned by Run, among others, if tasks did not end in time; the
// process must end then.
var ErrStuck = errors.New("did not end")

// Run runs tasks until ctx ends (its error), a Last task is done (nil), or a
// task is beyond its budget (an error that names it). It returns when every task
// has, or Grace later.
func Run(ctx context.Context, o Options, tasks ...Task) error {
	if o.Clock == nil {
		return errors.New("supervise: no clock")
	}
	if o.Grace <= 0 {
		o.Grace = 5 * time.Second
	}
	if o.OnRestart == nil {
		o.OnRestart = func(string, error) {}
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g := &group{opts: o, stop: cancel, alive: map[string]int{}}
	for _, t := range tasks {
		g.start(inner, t)
	}
	return g.wait(ctx, inner)
}

// errDone stops a group whose work is done.
var errDone = errors.New("done")

type group struct {
	opts Options
	stop context.CancelCauseFunc
	all  sync.WaitGroup

	mu    sync.Mutex
	alive map[string]int
}

func (g *group) start(ctx context.Context, t Task) {
	g.mark(t.Name, 1)
	g.all.Go(func() {
		defer g.mark(t.Name, -1)
		if err := g.keep(ctx, t); err != nil {
			g.stop(fmt.Errorf("task %s: %w", t.Name, err))
		} else if t.Last {
			g.stop(errDone)
		}
	})
}

func (g *group) mark(name string, by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alive[name] += by; g.alive[name] == 0 {
		delete(g.alive, name)
	}
}

// keep runs t again and again. It returns nil when t is done or ctx has ended.
func (g *group) keep(ctx context.Context, t Task) error {
	var failures []edge.Instant
	for {
		err := shielded(ctx, t.Run)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		now := g.opts.Clock.Now()
		failures = slices.DeleteFunc(append(failures, now), func(at edge.Instant) bool {
			return t.Within > 0 && now.Sub(at) > t.Within
		})
		if len(failures) > t.Restarts {
			return fmt.Errorf("failed %d times, %d allowed: %w", len(failures), t.Restarts, err)
		}
		g.opts.OnRestart(t.Name, err)
		pause := t.Pause << min(len(failures)-1, 3)
		if g.opts.Clock.SleepUntil(ctx, now.Add(pause)) != nil {
			return nil
		}
	}
}

// shielded turns a panic into an error, after the task's own defers have run.
func shielded(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return run(ctx)
}

// wait returns when the tasks have, or Grace after they should have.
func (g *group) wait(outer, inner context.Context) error {
	ended := make(chan struct{})
	go func() { g.all.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-inner.Done():
	}
	stuck := g.outwait(inner, ended)
	cause := context.Cause(inner)
	switch {
	case errors.Is(cause, errDone) || cause == nil:
		cause = nil
	case outer.Err() != nil && errors.Is(cause, context.Cause(outer)):
		cause = outer.Err()
	}
	return errors.Join(cause, stuck)
}

func (g *group) outwait(inner context.Context, ended <-chan struct{}) error {
	patience, cancel := context.WithCancel(context.WithoutCancel(inner))
	over := make(chan error, 1)
	var timer sync.WaitGroup
	timer.Go(func() { over <- g.opts.Clock.SleepUntil(patience, g.opts.Clock.Now().Add(g.opts.Grace)) })
	defer timer.Wait()
	defer cancel()
	select {
	case <-ended:
		return nil
	case <-over:
		return fmt.Errorf("tasks %s %w within %v", g.names(), ErrStuck, g.opts.Grace)
	}
}

func (g *group) names() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for n := range g.alive {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
