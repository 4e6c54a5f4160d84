package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"winnow/edge"
)

// Source delivers frames. Next blocks until one is there, ctx ends (ctx's
// error), the material ends (io.EOF), or the source fails for good (any other
// error; Close it then). Release gives a frame back, also after Close.
type Source interface {
	Next(ctx context.Context) (*edge.Frame, error)
	Release(f *edge.Frame)
	Close() error
}

// Opener opens a source once; it does not retry.
type Opener func(ctx context.Context) (Source, error)

// Supervised keeps a source open: a source that fails is closed and opened
// again, with pauses that double from Min to Max while that fails. It is a
// Source itself, whose Next only ever fails with ctx's error or io.EOF.
type Supervised struct {
	open  Opener
	clock edge.Clock
	opts  RetryOptions

	src     Source // nil while down
	pause   time.Duration
	retryAt edge.Instant

	mu      sync.Mutex
	current Source // src as others may see it
	out     []loan
	closed  bool
}

// RetryOptions of a supervised source.
type RetryOptions struct {
	Min time.Duration // first pause; 0: 20 ms, so that a replugged camera is back at once
	Max time.Duration // longest pause; 0: 1 s
	// OnChange is told, in the goroutine that calls Next, when the source went
	// down (err says why; again for each new reason) and when it is back (nil).
	// It must not block.
	OnChange func(err error)
}

// loan remembers which source a frame belongs to: after a reopening, frames of
// the source before may still be out.
type loan struct {
	frame *edge.Frame
	from  Source
}

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("source is closed")

// Supervise returns a source that opens itself on the first Next.
func Supervise(open Opener, clock edge.Clock, o RetryOptions) *Supervised {
	if o.Min <= 0 {
		o.Min = 20 * time.Millisecond
	}
	if o.Max < o.Min {
		o.Max = max(o.Min, time.Second)
	}
	if o.OnChange == nil {
		o.OnChange = func(error) {}
	}
	return &Supervised{open: open, clock: clock, opts: o}
}

// Next returns the next frame, over as many reopenings as it takes.
func (s *Supervised) Next(ctx context.Context) (*edge.Frame, error) {
	for {
		if err := s.ensureOpen(ctx); err != nil {
			return nil, err
		}
		f, err := s.src.Next(ctx)
		switch {
		case err == nil:
			s.pause = 0
			s.lend(f)
			return f, nil
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil, err
		}
		s.goDown(err)
	}
}

// Release gives f back to the source that it came from.
func (s *Supervised) Release(f *edge.Frame) {
	s.mu.Lock()
	for i, l := range s.out {
		if l.frame == f {
			last := len(s.out) - 1
			s.out[i], s.out[last] = s.out[last], loan{}
			s.out = s.out[:last]
			s.mu.Unlock()
			l.from.Release(f)
			return
		}
	}
	s.mu.Unlock()
}

// Close closes the source that is open, if any; Next then returns ErrClosed.
// A Next that is blocked is ended by its ctx, not by Close.
func (s *Supervised) Close() error {
	s.mu.Lock()
	src := s.current
	s.current, s.closed = nil, true
	s.mu.Unlock()
	if src == nil {
		return nil
	}
	return src.Close()
}

// ensureOpen returns with an open source, or with ctx's error.
func (s *Supervised) ensureOpen(ctx context.Context) error {
	for {
		if s.isClosed() {
			return ErrClosed
		}
		if s.src != nil {
			return nil
		}
		if err := s.clock.SleepUntil(ctx, s.retryAt); err != nil {
			return err
		}
		src, err := s.open(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.failed(fmt.Errorf("open: %w", err))
			continue
		}
		if !s.adopt(src) {
			return errors.Join(ErrClosed, src.Close())
		}
		s.opts.OnChange(nil)
	}
}

// goDown drops the open source because of err and sets the time of the retry.
func (s *Supervised) goDown(err error) {
	src := s.src
	s.adopt(nil)
	s.failed(errors.Join(err, src.Close()))
}

// failed reports err and puts the next attempt off.
func (s *Supervised) failed(err error) {
	s.pause = min(max(s.opts.Min, 2*s.pause), s.opts.Max)
	s.retryAt = s.clock.Now().Add(s.pause)
	s.opts.OnChange(err)
}

// adopt makes src the open source; it reports false if Close was called.
func (s *Supervised) adopt(src Source) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed && src != nil {
		return false
	}
	s.src, s.current = src, src
	return true
}

func (s *Supervised) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Supervised) lend(f *edge.Frame) {
	s.mu.Lock()
	s.out = append(s.out, loan{f, s.src})
	s.mu.Unlock()
}
