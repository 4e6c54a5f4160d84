package capture_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"winnow/capture"
	"winnow/edge"
)

// bubbleClock reads the time of a synctest bubble.
type bubbleClock struct{ start time.Time }

func newClock() *bubbleClock { return &bubbleClock{time.Now()} }

func (c *bubbleClock) Now() edge.Instant   { return edge.Instant(1 + time.Since(c.start)) }
func (c *bubbleClock) Wall() edge.WallTime { return edge.WallTime{} }
func (c *bubbleClock) SleepUntil(ctx context.Context, t edge.Instant) error {
	select {
	case <-time.After(t.Sub(c.Now())):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// script is a source that delivers n frames and then fails with err.
type script struct {
	n        int
	err      error
	released []*edge.Frame
	closed   int
}

func (s *script) Next(ctx context.Context) (*edge.Frame, error) {
	if s.n == 0 {
		if s.err == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, s.err
	}
	s.n--
	return &edge.Frame{Seq: uint64(s.n)}, nil
}
func (s *script) Release(f *edge.Frame) { s.released = append(s.released, f) }
func (s *script) Close() error          { s.closed++; return nil }

var errUnplugged = errors.New("camera is gone")

func TestSupervisedOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &script{n: 2, err: errUnplugged}, &script{n: 1, err: io.EOF}
		sources := []capture.Source{first, nil, nil, second}
		var attempts []time.Duration
		var changes []error
		clock := newClock()
		s := capture.Supervise(func(context.Context) (capture.Source, error) {
			attempts = append(attempts, time.Duration(clock.Now()-1))
			src := sources[0]
			sources = sources[1:]
			if src == nil {
				return nil, errUnplugged
			}
			return src, nil
		}, clock, capture.RetryOptions{Min: 100 * time.Millisecond, OnChange: func(err error) { changes = append(changes, err) }})

		var frames []*edge.Frame
		for range 3 {
			f, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, f)
		}
		if want := []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond}; !slices.Equal(attempts, want) {
			t.Errorf("opened at %v, want %v: pauses double", attempts, want)
		}
		if len(changes) != 5 || changes[0] != nil || !errors.Is(changes[1], errUnplugged) || changes[4] != nil {
			t.Errorf("changes reported: %v", changes)
		}
		if first.closed != 1 {
			t.Errorf("failed source closed %d times", first.closed)
		}
		for _, f := range frames {
			s.Release(f)
		}
		s.Release(frames[0]) // a second release reaches nobody
		if len(first.released) != 2 || len(second.released) != 1 {
			t.Errorf("released to first %d, to second %d frames; want 2 and 1", len(first.released), len(second.released))
		}
		if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v, want io.EOF", err)
		}
		if err := s.Close(); err != nil || second.closed != 1 {
			t.Errorf("close: %v, closed %d times", err, second.closed)
		}
		if _, err := s.Next(t.Context()); !errors.Is(err, capture.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestSupervisedReportsBeforeItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at edge.Instant
		clock := newClock()
		s := capture.Supervise(func(context.Context) (capture.Source, error) { return nil, errUnplugged }, clock,
			capture.RetryOptions{OnChange: func(error) {
				if at == 0 {
					at = clock.Now()
				}
			}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next: %v", err)
		}
		if at != 1 {
			t.Errorf("failure was reported after %v, want at once", at)
		}
	})
}

func TestAfterPassesOverOldExposures(t *testing.T) {
	src := &timed{at: []edge.Instant{0, 10, 20, 30}}
	f, stale, err := capture.After(t.Context(), src, 20)
	if err != nil || f.At != 20 || stale != 2 || src.released != 2 {
		t.Errorf("frame at %v, %d stale, %d released, %v; want 20, 2, 2", f.At, stale, src.released, err)
	}
	if _, stale, err = capture.After(t.Context(), src, 100); !errors.Is(err, io.EOF) || stale != 1 {
		t.Errorf("%d stale, %v", stale, err)
	}
}

type timed struct {
	at       []edge.Instant
	released int
}

func (s *timed) Next(context.Context) (*edge.Frame, error) {
	if len(s.at) == 0 {
		return nil, io.EOF
	}
	f := &edge.Frame{At: s.at[0]}
	s.at = s.at[1:]
	return f, nil
}
func (s *timed) Release(*edge.Frame) { s.released++ }
