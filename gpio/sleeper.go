package gpio

import (
	"context"
	"sync"

	"winnow/edge"
)

// threadClock is implemented by clocks that let a thread wait in the kernel.
type threadClock interface {
	NewSleeper() (edge.Sleeper, error)
}

// newSleeper waits as exactly as c can.
func newSleeper(ctx context.Context, c edge.Clock) edge.Sleeper {
	if t, ok := c.(threadClock); ok {
		if s, err := t.NewSleeper(); err == nil {
			return s
		}
	}
	s := &clockSleeper{ctx: ctx, clock: c}
	s.renew()
	return s
}

// clockSleeper waits by a clock's own means.
type clockSleeper struct {
	ctx   context.Context // of the run that it is part of
	clock edge.Clock

	mu     sync.Mutex
	sleep  context.Context
	cancel context.CancelFunc
}

func (s *clockSleeper) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sleep, s.cancel = context.WithCancel(s.ctx)
}

func (s *clockSleeper) SleepUntil(t edge.Instant) {
	if t == 0 {
		<-s.sleep.Done()
	} else {
		_ = s.clock.SleepUntil(s.sleep, t)
	}
	if s.sleep.Err() != nil {
		s.renew()
	}
}

func (s *clockSleeper) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel()
}

func (s *clockSleeper) Close() error {
	s.Wake()
	return nil
}
