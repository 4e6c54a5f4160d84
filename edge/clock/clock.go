// Package clock provides the two clocks of the station: System, which reads the
// kernel, and Manual, which a test or a simulator turns by hand. It owns no
// goroutine and sets no clock.
package clock

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"winnow/edge"
)

// System is the machine's clock. Its instants are CLOCK_MONOTONIC, the clock
// that V4L2 buffers and GPIO events are stamped with, so instants from all
// three may be compared. It is safe for concurrent use.
type System struct {
	start  time.Time
	offset edge.Instant // CLOCK_MONOTONIC at start
	timers sync.Pool    // of *time.Timer, stopped
}

// NewSystem captures the monotonic clock. It fails only where the kernel has none.
func NewSystem() (*System, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return nil, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
	}
	c := &System{start: time.Now(), offset: edge.Instant(ts.Nano())}
	c.timers.New = func() any { return newStoppedTimer() }
	return c, nil
}

func newStoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// Now returns nanoseconds of CLOCK_MONOTONIC. Go's own monotonic reading is the
// same clock and costs no system call.
func (c *System) Now() edge.Instant { return c.offset.Add(time.Since(c.start)) }

// Wall returns calendar time in UTC and what disciplines it.
func (c *System) Wall() edge.WallTime {
	now := time.Now().UTC()
	return edge.WallTime{Time: now, Quality: quality(now, synchronized())}
}

// firstPlausible is before every build of this program: an earlier calendar
// means that nothing has set the clock since power-up.
var firstPlausible = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func quality(now time.Time, synced bool) edge.WallQuality {
	switch {
	case now.Before(firstPlausible):
		return edge.WallNone
	case synced:
		return edge.WallNTP
	}
	return edge.WallRTC
}

// synchronized asks the kernel whether a time daemon disciplines the clock
// (adjtimex(2): STA_UNSYNC is set until one does and again 16 s of bound
// error later).
func synchronized() bool {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	const timeError = 5 // TIME_ERROR
	return err == nil && state != timeError && tx.Status&unix.STA_UNSYNC == 0
}

// SleepUntil waits with the runtime's timers: it wakes at t or a little later,
// never earlier.
func (c *System) SleepUntil(ctx context.Context, t edge.Instant) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		d := t.Sub(c.Now())
		if d <= 0 {
			return nil
		}
		if err := c.sleep(ctx, d); err != nil {
			return err
		}
	}
}

func (c *System) sleep(ctx context.Context, d time.Duration) error {
	timer := c.timers.Get().(*time.Timer)
	timer.Reset(d)
	defer c.timers.Put(timer)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		timer.Stop()
		return ctx.Err()
	}
}

var _ edge.Clock = (*System)(nil)
