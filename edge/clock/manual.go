package clock

import (
	"context"
	"sync"
	"time"

	"winnow/edge"
)

// Manual is a clock that stands still until it is turned. The zero value
// stands at instant 0 of the year 1 with quality none. It is safe for
// concurrent use.
type Manual struct {
	mu       sync.Mutex
	now      edge.Instant
	epoch    edge.WallTime // wall time at instant 0
	sleepers map[*sleeper]struct{}
}

type sleeper struct {
	until edge.Instant
	wake  chan struct{}
}

// NewManual returns a clock that stands at now, with wall time epoch at instant 0.
func NewManual(now edge.Instant, epoch edge.WallTime) *Manual {
	return &Manual{now: now, epoch: epoch}
}

// Now returns where the clock stands.
func (c *Manual) Now() edge.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Wall returns epoch plus what has passed since instant 0.
func (c *Manual) Wall() edge.WallTime {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.epoch
	w.Time = w.Time.Add(time.Duration(c.now)).UTC()
	return w
}

// Set turns the clock to t and wakes whoever sleeps until then. A t before Now
// is ignored: monotonic time does not go back.
func (c *Manual) Set(t edge.Instant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t < c.now {
		return
	}
	c.now = t
	for s := range c.sleepers {
		if s.until <= t {
			delete(c.sleepers, s)
			close(s.wake)
		}
	}
}

// Advance turns the clock by d.
func (c *Manual) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// NextWake returns the earliest instant that somebody sleeps until.
func (c *Manual) NextWake() (edge.Instant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first edge.Instant
	found := false
	for s := range c.sleepers {
		if !found || s.until < first {
			first, found = s.until, true
		}
	}
	return first, found
}

// SleepUntil blocks until the clock has been turned to t or ctx ends.
func (c *Manual) SleepUntil(ctx context.Context, t edge.Instant) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := c.register(t)
	if s == nil {
		return nil
	}
	select {
	case <-s.wake:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.sleepers, s)
		c.mu.Unlock()
		return ctx.Err()
	}
}

// register returns nil if t has come.
func (c *Manual) register(t edge.Instant) *sleeper {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t <= c.now {
		return nil
	}
	if c.sleepers == nil {
		c.sleepers = make(map[*sleeper]struct{})
	}
	s := &sleeper{until: t, wake: make(chan struct{})}
	c.sleepers[s] = struct{}{}
	return s
}

var _ edge.Clock = (*Manual)(nil)
