package edge

import (
	"context"
	"fmt"
	"time"
)

// Instant is monotonic time in nanoseconds since the Clock's epoch (on a
// device: since boot, CLOCK_MONOTONIC). It never jumps, so it is the only time
// that decides anything. Zero means "not known".
type Instant int64

// Add returns t+d.
func (t Instant) Add(d time.Duration) Instant { return t + Instant(d) }

// Sub returns t-u.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// After reports whether t is later than u.
func (t Instant) After(u Instant) bool { return t > u }

func (t Instant) String() string { return time.Duration(t).String() }

// WallQuality says how far a wall time may be trusted.
type WallQuality uint8

// Wall clock qualities, worst first.
const (
	WallNone WallQuality = iota // never set since power-up
	WallRTC                     // from a battery clock or the last shutdown
	WallNTP                     // disciplined by a time server
)

var wallNames = [...]string{"none", "rtc", "ntp"}

func (q WallQuality) String() string {
	if int(q) < len(wallNames) {
		return wallNames[q]
	}
	return fmt.Sprintf("quality(%d)", uint8(q))
}

// MarshalText writes the name used in telemetry and records.
func (q WallQuality) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText accepts the names that MarshalText writes.
func (q *WallQuality) UnmarshalText(b []byte) error {
	return unmarshalName(q, b, wallNames[:], "wall-clock quality")
}

// WallTime is calendar time with the quality of the clock it was read from.
type WallTime struct {
	Time    time.Time   `json:"time"`
	Quality WallQuality `json:"quality"`
}

// Clock is the only source of time below cmd. Implementations are safe for
// concurrent use.
type Clock interface {
	// Now returns monotonic time.
	Now() Instant
	// Wall returns calendar time in UTC and how good it is.
	Wall() WallTime
	// SleepUntil returns nil once Now() >= t, or ctx's error if that comes first.
	SleepUntil(ctx context.Context, t Instant) error
}

// Sleeper is the wait of one thread for an instant or for being woken. SleepUntil
// is called by one goroutine, Wake by any.
type Sleeper interface {
	// SleepUntil returns at t, when woken, or a little early; zero: when woken.
	// A Wake since it last returned makes it return at once.
	SleepUntil(t Instant)
	Wake()
	Close() error
}
