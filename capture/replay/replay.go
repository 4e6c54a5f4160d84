package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/edge"
)

// Options of a replay. The zero Options play each picture once, on demand, and
// stop at the first broken one.
type Options struct {
	Rate   float64    // pictures a second; 0: as fast as they are asked for
	Clock  edge.Clock // paces Rate and stamps frames; nil is allowed where Rate is 0 and leaves Frame.At unknown
	Loop   bool       // begin again after the last picture instead of io.EOF
	Frames int        // frames that may be out at once; 0: 4
	// OnBroken is told of a picture that cannot be read, which is then passed
	// over. nil makes Next return the error, and go on behind it when called again.
	OnBroken func(path string, err error)
}

// Source plays pictures. Each frame has the size and the format of its
// picture; Seq counts delivered frames from 1. Next waits for a frame to be
// released where all are out, so nothing is dropped.
type Source struct {
	opts   Options
	items  []Item
	pool   *capture.Pool
	origin []Item // of the pool's frames, by their index
	closed atomic.Bool

	pos    int // item that comes next
	failed int // broken pictures since the last good one
	seq    uint64
	period time.Duration
	due    edge.Instant

	anim     *pixfmt.Animation // of animPath; the last one used
	animPath string
}

// Item is one picture: a file, or one frame of an animation.
type Item struct {
	Path  string
	Frame int // 0 unless the file is an animation
}

// Open lists the pictures that paths name, as List does. Only the frames of
// animations are looked into; other files are opened when their turn comes.
func Open(o Options, paths ...string) (*Source, error) {
	if o.Rate < 0 || o.Rate > 1e6 {
		return nil, fmt.Errorf("replay: a rate of %v pictures a second", o.Rate)
	}
	if o.Rate > 0 && o.Clock == nil {
		return nil, errors.New("replay: a rate needs a clock")
	}
	files, err := List(paths...)
	if err != nil {
		return nil, err
	}
	if o.Frames <= 0 {
		o.Frames = 4
	}
	s := &Source{opts: o, pool: capture.NewPool(o.Frames, 0, 0, edge.RGB24), origin: make([]Item, o.Frames)}
	if o.Rate > 0 {
		s.period = time.Duration(float64(time.Second) / o.Rate)
	}
	for _, f := range files {
		for i := range framesIn(f) {
			s.items = append(s.items, Item{f, i})
		}
	}
	return s, nil
}

// framesIn is the number of frames that file path plays as. A broken animation
// counts as one, whose error comes up in its turn.
func framesIn(path string) int {
	if !strings.HasSuffix(strings.ToLower(path), ".gif") {
		return 1
	}
	a, err := pixfmt.OpenAnimation(path)
	if err != nil {
		return 1
	}
	return a.Len()
}

// Len is the number of pictures of one round.
func (s *Source) Len() int { return len(s.items) }

// Items are the pictures in the order of play; not to be changed.
func (s *Source) Items() []Item { return s.items }

// Origin says which picture f, a frame that Next returned and that was not
// released, shows.
func (s *Source) Origin(f *edge.Frame) Item {
	if i := s.pool.Index(f); i >= 0 {
		return s.origin[i]
	}
	return Item{}
}

// Next returns the next picture, io.EOF behind the last, or ctx's error.
func (s *Source) Next(ctx context.Context) (*edge.Frame, error) {
	if s.closed.Load() {
		return nil, capture.ErrClosed
	}
	f, err := s.pool.Wait(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.fill(ctx, f); err != nil {
		_ = s.pool.Put(f)
		return nil, err
	}
	return f, nil
}

// fill reads the next good picture into f and waits for its time.
func (s *Source) fill(ctx context.Context, f *edge.Frame) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		item, err := s.advance()
		if err != nil {
			return err
		}
		if err := s.read(f, item); err == nil {
			s.origin[s.pool.Index(f)] = item
			s.failed = 0
			break
		} else if s.opts.OnBroken == nil {
			return err
		} else {
			s.failed++
			s.opts.OnBroken(item.Path, err)
		}
	}
	if err := s.pace(ctx, f); err != nil {
		s.pos-- // the picture was not delivered: it stays the next
		return err
	}
	s.seq++
	f.Seq, f.Flags = s.seq, 0
	return nil
}

// advance returns the item whose turn it is.
func (s *Source) advance() (Item, error) {
	if s.failed >= len(s.items) {
		s.failed = 0
		return Item{}, fmt.Errorf("replay: none of %d pictures could be read", len(s.items))
	}
	if s.pos >= len(s.items) {
		if !s.opts.Loop {
			return Item{}, io.EOF
		}
		s.pos = 0
	}
	s.pos++
	return s.items[s.pos-1], nil
}

func (s *Source) read(f *edge.Frame, item Item) error {
	if item.Frame == 0 && framelessName(item.Path) {
		return pixfmt.ReadImageInto(f, item.Path)
	}
	if s.animPath != item.Path {
		a, err := pixfmt.OpenAnimation(item.Path)
		if errors.Is(err, pixfmt.ErrNotPicture) || item.Frame == 0 && err != nil {
			return pixfmt.ReadImageInto(f, item.Path) // another format by the name of .gif
		}
		if err != nil {
			return err
		}
		s.anim, s.animPath = a, item.Path
	}
	return s.anim.Frame(f, item.Frame)
}

func framelessName(path string) bool { return !strings.HasSuffix(strings.ToLower(path), ".gif") }

// pace waits until the picture is due and stamps it. A consumer that was late
// gets the next picture at once and no burst after it.
func (s *Source) pace(ctx context.Context, f *edge.Frame) error {
	if s.opts.Clock == nil {
		return nil
	}
	if s.period > 0 {
		now := s.opts.Clock.Now()
		if s.due == 0 || now.After(s.due) {
			s.due = now
		}
		if err := s.opts.Clock.SleepUntil(ctx, s.due); err != nil {
			return err
		}
		s.due = s.due.Add(s.period)
	}
	f.At = s.opts.Clock.Now()
	return nil
}

// Release gives a frame back.
func (s *Source) Release(f *edge.Frame) { _ = s.pool.Put(f) }

// Pool returns the counters of the source's frames.
func (s *Source) Pool() capture.PoolStats { return s.pool.Stats() }

// Close ends the replay; frames that are out may still be released.
func (s *Source) Close() error {
	s.closed.Store(true)
	return nil
}
