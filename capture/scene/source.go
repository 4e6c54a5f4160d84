package scene

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"winnow/capture"
	"winnow/edge"
)

// SourceOptions of a scene that acts as a camera. The zero options deliver
// parts without end, on demand, beginning with part 0.
type SourceOptions struct {
	First  uint64        // index of the first part
	Parts  uint64        // how many pass; 0: no end
	Period time.Duration // belt time from part to part; 0: as fast as they are asked for
	Clock  edge.Clock    // paces Period and stamps frames; nil is allowed where Period is 0
	Frames int           // frames that may be out at once; 0: 4
}

// Source is a scene as a camera that is triggered once a part: each Next waits
// for the next part and takes its picture. Frame.Seq is the part's index, so
// Scene.Part tells the truth of a frame; Frame.At is when the part arrived,
// also if Next was called later. Release may be called from any goroutine.
type Source struct {
	scene *Scene
	opts  SourceOptions
	pool  *capture.Pool
	start edge.Instant
	next  uint64 // parts delivered
	done  atomic.Bool
}

// NewSource starts the belt: the first part arrives one period from now. The
// source draws with a clone of s.
func NewSource(s *Scene, o SourceOptions) (*Source, error) {
	if o.Period < 0 || o.Period > 0 && o.Clock == nil {
		return nil, errors.New("scene: a period needs a clock and must not be negative")
	}
	if o.Frames <= 0 {
		o.Frames = 4
	}
	w, h := s.Size()
	src := &Source{scene: s.Clone(), opts: o, pool: capture.NewPool(o.Frames, w, h, s.Format())}
	if o.Clock != nil {
		src.start = o.Clock.Now().Add(o.Period)
	}
	return src, nil
}

// Arrival is when part i (Seq of its frame) arrives: what triggers of a
// simulated line are scheduled by. Zero without a period.
func (s *Source) Arrival(i uint64) edge.Instant {
	if s.opts.Period == 0 {
		return 0
	}
	return s.start.Add(time.Duration(i-s.opts.First) * s.opts.Period)
}

// Next returns the picture of the next part, io.EOF behind the last, or ctx's
// error. It waits for a frame to be released where all are out.
func (s *Source) Next(ctx context.Context) (*edge.Frame, error) {
	switch {
	case s.done.Load():
		return nil, capture.ErrClosed
	case s.opts.Parts > 0 && s.next >= s.opts.Parts:
		return nil, io.EOF
	}
	f, err := s.pool.Wait(ctx)
	if err != nil {
		return nil, err
	}
	i := s.opts.First + s.next
	at := s.Arrival(i)
	if at != 0 {
		if err := s.opts.Clock.SleepUntil(ctx, at); err != nil {
			_ = s.pool.Put(f)
			return nil, err
		}
	} else if s.opts.Clock != nil {
		at = s.opts.Clock.Now()
	}
	s.scene.Render(i, f)
	f.At = at
	s.next++
	return f, nil
}

// Release gives a frame back.
func (s *Source) Release(f *edge.Frame) { _ = s.pool.Put(f) }

// Pool returns the counters of the source's frames.
func (s *Source) Pool() capture.PoolStats { return s.pool.Stats() }

// Close stops the belt; frames that are out may still be released.
func (s *Source) Close() error {
	s.done.Store(true)
	return nil
}
