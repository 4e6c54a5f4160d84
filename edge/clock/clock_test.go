package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"winnow/edge"
)

func TestSystemIsTheKernelsMonotonicClock(t *testing.T) {
	c, err := NewSystem()
	if err != nil {
		t.Fatal(err)
	}
	before := monotonic(t)
	now := c.Now()
	after := monotonic(t)
	// NewSystem reads the two clocks one after the other, so its instants lag the
	// kernel's by at most that moment and never lead.
	if now > after {
		t.Errorf("now %d leads the kernel's %d..%d", now, before, after)
	}
}

func monotonic(t *testing.T) edge.Instant {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return edge.Instant(ts.Nano())
}

func TestSystemSleepsUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := NewSystem()
		until := c.Now().Add(3 * time.Second)
		if err := c.SleepUntil(t.Context(), until); err != nil || c.Now() != until {
			t.Errorf("woke at %v, want %v: %v", c.Now(), until, err)
		}
		if err := c.SleepUntil(t.Context(), until.Add(-time.Second)); err != nil {
			t.Errorf("an instant that has passed: %v", err)
		}
	})
}

func TestSystemSleepEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := NewSystem()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := c.Now()
		err := c.SleepUntil(ctx, start.Add(time.Hour))
		if !errors.Is(err, context.DeadlineExceeded) || c.Now() != start.Add(time.Second) {
			t.Errorf("%v after %v", err, c.Now().Sub(start))
		}
	})
}

func TestWallQuality(t *testing.T) {
	for _, c := range []struct {
		year   int
		synced bool
		want   edge.WallQuality
	}{
		{1970, false, edge.WallNone},
		{1970, true, edge.WallNone},
		{2026, false, edge.WallRTC},
		{2026, true, edge.WallNTP},
	} {
		now := time.Date(c.year, 6, 1, 0, 0, 0, 0, time.UTC)
		if got := quality(now, c.synced); got != c.want {
			t.Errorf("year %d, synchronized %v: %v, want %v", c.year, c.synced, got, c.want)
		}
	}
}

func TestManualWakesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Manual
		woke := make(chan edge.Instant, 2)
		for _, at := range []edge.Instant{20, 10} {
			go func() {
				if c.SleepUntil(t.Context(), at) == nil {
					woke <- at
				}
			}()
		}
		synctest.Wait()
		if at, ok := c.NextWake(); !ok || at != 10 {
			t.Errorf("next wake %v %v, want 10", at, ok)
		}
		c.Set(15)
		if got := <-woke; got != 10 {
			t.Errorf("woke %v first", got)
		}
		c.Set(5)
		if c.Now() != 15 {
			t.Errorf("the clock went back to %v", c.Now())
		}
		c.Advance(5)
		if got := <-woke; got != 20 {
			t.Errorf("woke %v second", got)
		}
		if _, ok := c.NextWake(); ok {
			t.Error("somebody still sleeps")
		}
	})
}

func TestManualWallFollows(t *testing.T) {
	start := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	c := NewManual(0, edge.WallTime{Time: start, Quality: edge.WallNTP})
	c.Advance(time.Minute)
	if w := c.Wall(); !w.Time.Equal(start.Add(time.Minute)) || w.Quality != edge.WallNTP {
		t.Errorf("wall %v", w)
	}
}

func TestManualSleepEndsWithContext(t *testing.T) {
	var c Manual
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.SleepUntil(ctx, 9); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var c Manual
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.SleepUntil(ctx, 9); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, ok := c.NextWake(); ok {
			t.Error("the sleeper stayed registered")
		}
	})
}

func TestAThreadSleepsUntilItsInstantOrIsWoken(t *testing.T) {
	c, err := NewSystem()
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSleeper()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{-time.Second, 0, 50 * time.Microsecond, time.Millisecond} {
		until := monotonic(t).Add(d)
		for monotonic(t) < until {
			s.SleepUntil(until) // may be a little early
		}
	}
	s.Wake() // before the sleep: it is not lost
	s.SleepUntil(0)
	woken := make(chan struct{})
	go func() { s.SleepUntil(monotonic(t).Add(time.Hour)); close(woken) }()
	s.Wake()
	<-woken
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	s.Wake() // whoever comes late harms nobody
}
