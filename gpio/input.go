package gpio

import (
	"context"
	"errors"
	"time"

	"periph.io/x/conn/v3/gpio"

	"winnow/edge"
)

// Event is an edge with the time that the kernel saw it. Where both edges are
// asked for, a kernel tells the level that the line has when it gets round to
// looking, some 10 to 100 µs after the edge: of edges that come faster some tell
// the later level and some are not told at all, without a gap in their numbers.
// The level of the last one is always the line's.
type Event struct {
	At    edge.Instant
	Level gpio.Level
	Lost  uint32 // edges lost before this one
	Line  int    // of a group: which of its lines, in the order they were opened
}

// Events is implemented by pins that know when their edges were, which periph's
// WaitForEdge cannot say.
type Events interface {
	gpio.PinIn
	// WaitForEvent returns the next edge of the kind that In asked for,
	// ErrHalted after Halt, or ctx's error.
	WaitForEvent(ctx context.Context) (Event, error)
	// Level is Read, which cannot say that it has failed.
	Level() (gpio.Level, error)
}

// ErrHalted is returned by a wait that Halt ended.
var ErrHalted = errors.New("pin halted")

// Filter turns raw edges of an input into accepted ones. It decides and never
// waits: give it every raw edge with Edge and the time with Poll.
type Filter struct {
	// Debounce is how long a level must hold to count. The accepted event bears
	// the time of the first edge of its burst, so bouncing does not delay it.
	Debounce time.Duration
	// MinInterval: an activation sooner after the last accepted one is refused
	// and counted.
	MinInterval time.Duration
	ActiveLow   bool
	// Initial has Watch tell of an input that is active when the watch begins.
	Initial bool
	// Missed is told of what may have been an activation and was not accepted: n
	// edges that the kernel's queue had no room for, or one (n is 0) that came
	// sooner than MinInterval. It must not block. May be nil.
	Missed func(lost uint32)

	stable  bool // the accepted state: active
	burst   bool // raw edges since the last stable level
	first   edge.Instant
	latest  edge.Instant
	raw     bool
	last    edge.Instant // the last accepted activation
	any     bool
	refused bool // the present activation was refused

	Noise   uint64 // bursts that came to nothing
	TooSoon uint64 // activations refused by MinInterval
}

// Edge takes a raw edge. It returns an accepted event that was still waiting
// for its debounce time when e came.
func (f *Filter) Edge(e Event) (Change, bool) {
	if e.Lost > 0 && f.Missed != nil {
		f.Missed(e.Lost)
	}
	c, ok := f.Poll(e.At)
	if !f.burst {
		f.burst, f.first = true, e.At
	}
	f.latest, f.raw = e.At, bool(e.Level) != f.ActiveLow
	if !ok && f.Debounce == 0 {
		return f.Poll(e.At)
	}
	return c, ok
}

// Change is an accepted change of an input.
type Change struct {
	At     edge.Instant
	Active bool
}

// Due is when Poll may have something; ok is false if it waits for an edge.
func (f *Filter) Due() (edge.Instant, bool) { return f.latest.Add(f.Debounce), f.burst }

// Poll accepts a level that has held long enough at now.
func (f *Filter) Poll(now edge.Instant) (Change, bool) {
	if !f.burst || f.latest.Add(f.Debounce).After(now) {
		return Change{}, false
	}
	f.burst = false
	if f.raw == f.stable {
		f.Noise++
		return Change{}, false
	}
	f.stable = f.raw
	return f.accept(Change{At: f.first, Active: f.raw})
}

func (f *Filter) accept(c Change) (Change, bool) {
	if !c.Active {
		ok := !f.refused
		f.refused = false
		return c, ok
	}
	if f.any && c.At.Sub(f.last) < f.MinInterval {
		f.TooSoon++
		f.refused = true
		if f.Missed != nil {
			f.Missed(0)
		}
		return Change{}, false
	}
	f.any, f.last = true, c.At
	return c, true
}

// Watch requests pin for both edges, filters them, and tells fn of every
// accepted change, from the calling goroutine, until ctx ends or the pin fails.
// fn must not block. The pin is halted by the caller.
func Watch(ctx context.Context, clock edge.Clock, pin Events, pull gpio.Pull, f *Filter, fn func(Change)) error {
	if err := Begin(pin, pull, f); err != nil {
		return err
	}
	return Follow(ctx, clock, pin, f, fn)
}

// Active is what Begin has read, or what was told last.
func (f *Filter) Active() bool { return f.stable }

// Begin is the first half of Watch: from its return on no edge is lost, also if
// Follow comes later.
func Begin(pin Events, pull gpio.Pull, f *Filter) error {
	if err := pin.In(pull, gpio.BothEdges); err != nil {
		return err
	}
	level, err := pin.Level()
	f.stable = bool(level) != f.ActiveLow
	return err
}

// Follow is the second half of Watch.
func Follow(ctx context.Context, clock edge.Clock, pin Events, f *Filter, fn func(Change)) error {
	if f.stable && f.Initial {
		fn(Change{At: clock.Now(), Active: true})
	}
	for {
		e, err := waitOrPoll(ctx, clock, pin, f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var c Change
		var ok bool
		switch {
		case err == nil:
			c, ok = f.Edge(e)
		case errors.Is(err, context.DeadlineExceeded):
			c, ok = f.Poll(clock.Now())
		default:
			return err
		}
		if ok {
			fn(c)
		}
	}
}

// waitOrPoll waits for an edge, but not beyond the end of a debounce time.
func waitOrPoll(ctx context.Context, clock edge.Clock, pin Events, f *Filter) (Event, error) {
	due, ok := f.Due()
	if !ok {
		return pin.WaitForEvent(ctx)
	}
	short, cancel := context.WithTimeout(ctx, max(due.Sub(clock.Now()), 0))
	defer cancel()
	return pin.WaitForEvent(short)
}
