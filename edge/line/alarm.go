package line

import (
	"context"
	"sync"

	"winnow/edge"
)

// alarm rings C at or after the instant it was last set to.
type alarm struct {
	C     chan struct{}
	clock edge.Clock
	kick  chan struct{} // wakes a run that has nothing to wait for

	mu      sync.Mutex
	at      edge.Instant // zero: not set
	sleeps  edge.Instant // until when run sleeps; zero: it does not
	disturb context.CancelFunc
}

func newAlarm(c edge.Clock) *alarm {
	return &alarm{C: make(chan struct{}, 1), clock: c, kick: make(chan struct{}, 1)}
}

// set moves the alarm to t; zero takes it off. A sleep that ends early rings
// for nothing, which its listener must bear.
func (a *alarm) set(t edge.Instant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = t
	switch {
	case t == 0:
	case a.sleeps == 0:
		poke(a.kick)
	case a.sleeps.After(t):
		a.disturb()
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run returns when ctx ends.
func (a *alarm) run(ctx context.Context) {
	sleep, cancel := context.WithCancel(ctx)
	defer func() { cancel() }()
	for ctx.Err() == nil {
		if sleep.Err() != nil {
			sleep, cancel = context.WithCancel(ctx)
		}
		t := a.begin(cancel)
		if t == 0 {
			select {
			case <-a.kick:
			case <-ctx.Done():
			}
			continue
		}
		if a.clock.SleepUntil(sleep, t) == nil {
			a.rang(t)
		}
	}
}

func (a *alarm) begin(cancel context.CancelFunc) edge.Instant {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sleeps, a.disturb = a.at, cancel
	return a.at
}

func (a *alarm) rang(t edge.Instant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sleeps = 0
	if a.at == t {
		a.at = 0
	}
	poke(a.C)
}
