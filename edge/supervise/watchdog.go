package supervise

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"winnow/edge"
)

// Dog bites (resets the machine, restarts the service) unless it is fed.
type Dog interface {
	Feed() error
	// Close makes the dog go away, if it can be told to; the clean way out.
	Close() error
}

// Gate lets food through to the dogs only while its owner makes progress.
type Gate struct {
	name   string
	limit  time.Duration
	clock  edge.Clock
	beat   atomic.Int64
	closed atomic.Bool
}

// Beat says that something has been achieved. Call it where work was done, never
// from a timer. It never blocks.
func (g *Gate) Beat() { g.beat.Store(int64(g.clock.Now())) }

// Retire takes the gate out: its owner has nothing more to do.
func (g *Gate) Retire() { g.closed.Store(true) }

func (g *Gate) silent(now edge.Instant) bool {
	return !g.closed.Load() && now.Sub(edge.Instant(g.beat.Load())) > g.limit
}

// Watchdog feeds dogs while every gate has seen progress within its limit. Once
// one has not, nothing is fed any more, even if it comes to life again: what
// hung for so long is not trusted, and the dogs' restart is the way back.
type Watchdog struct {
	clock edge.Clock
	every time.Duration
	dogs  []Dog
	gates []*Gate
}

// NewWatchdog feeds dogs every interval; that must be at most a third of the
// shortest patience among them.
func NewWatchdog(clock edge.Clock, every time.Duration, dogs ...Dog) (*Watchdog, error) {
	if every <= 0 {
		return nil, fmt.Errorf("watchdog: interval %v is not above 0", every)
	}
	return &Watchdog{clock: clock, every: every, dogs: dogs}, nil
}

// Gate adds a condition before Run: name must beat at least once every limit.
// It counts from now.
func (w *Watchdog) Gate(name string, limit time.Duration) *Gate {
	g := &Gate{name: name, limit: limit, clock: w.clock}
	g.Beat()
	w.gates = append(w.gates, g)
	return g
}

// SilentError says whose progress has ended; the dogs are hungry from here on.
type SilentError struct {
	Gate  string
	Limit time.Duration
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("%s has made no progress for more than %v; the watchdog is no longer fed", e.Gate, e.Limit)
}

// Run feeds until ctx ends, then sends the dogs away. If a gate falls silent or
// a dog refuses its food it returns an error and leaves the dogs hungry.
func (w *Watchdog) Run(ctx context.Context) error {
	for {
		if err := w.feed(); err != nil {
			return err
		}
		if w.clock.SleepUntil(ctx, w.clock.Now().Add(w.every)) != nil {
			return errors.Join(ctx.Err(), w.sendAway())
		}
	}
}

func (w *Watchdog) feed() error {
	now := w.clock.Now()
	for _, g := range w.gates {
		if g.silent(now) {
			return &SilentError{g.name, g.limit}
		}
	}
	for _, d := range w.dogs {
		if err := d.Feed(); err != nil {
			return fmt.Errorf("feed the watchdog: %w", err)
		}
	}
	return nil
}

func (w *Watchdog) sendAway() error {
	var errs []error
	for _, d := range w.dogs {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}
