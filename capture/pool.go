package capture

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"winnow/edge"
)

// Misuse of a pool. Put returns one of them, wrapped with the frame's number.
var (
	// ErrDoublePut is a frame that was given back already.
	ErrDoublePut = errors.New("frame was released twice")
	// ErrForeign is a frame that another pool, or none, owns.
	ErrForeign = errors.New("frame does not belong to this pool")
)

// Pool is a fixed set of frames. It never grows: when all are out, Get refuses
// and counts a drop, so a slow consumer costs frames and never memory. Safe
// for concurrent use; Get and Put allocate nothing.
type Pool struct {
	width, height int
	format        edge.PixelFormat

	mu     sync.Mutex
	frames []edge.Frame // owned for ever; frames are named by their address
	out    []bool       // frames[i] is with a consumer
	free   []int        // stack of indices that are not out
	stats  PoolStats

	returned chan struct{} // holds a token after a Put, for one waiter
}

// PoolStats counts what happened to a pool. Gets = frames handed out, Drops =
// Gets refused because every frame was out, Misuses = Puts refused.
type PoolStats struct {
	Size    int    `json:"size"`
	Out     int    `json:"out"`
	Gets    uint64 `json:"gets"`
	Drops   uint64 `json:"drops"`
	Misuses uint64 `json:"misuses"`
}

// NewPool makes n frames (at least one) of width x height pixels. A size of
// 0x0 makes empty frames that Reshape gives their memory.
func NewPool(n, width, height int, format edge.PixelFormat) *Pool {
	n, width, height = max(n, 1), max(width, 0), max(height, 0)
	p := &Pool{
		width: width, height: height, format: format,
		frames: make([]edge.Frame, n), out: make([]bool, n), free: make([]int, 0, n),
		returned: make(chan struct{}, 1),
	}
	for i := range p.frames {
		Reshape(&p.frames[i], width, height, format)
		p.free = append(p.free, n-1-i)
	}
	return p
}

// Get hands out a frame in the pool's shape with Seq, At and Flags cleared and
// Pix as its last user left it. It returns nil, and counts a drop, when every
// frame is out.
func (p *Pool) Get() *edge.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.take()
	if f == nil {
		p.stats.Drops++
	}
	return f
}

// Wait is Get for sources that can be held up: it waits for a frame to come
// back instead of dropping, or returns ctx's error.
func (p *Pool) Wait(ctx context.Context) (*edge.Frame, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.mu.Lock()
		f := p.take()
		if f != nil && len(p.free) > 0 {
			p.signal() // another waiter may have missed its token
		}
		p.mu.Unlock()
		if f != nil {
			return f, nil
		}
		select {
		case <-p.returned:
		case <-ctx.Done():
		}
	}
}

// take hands out a free frame or nil; p.mu is held.
func (p *Pool) take() *edge.Frame {
	if len(p.free) == 0 {
		return nil
	}
	i := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.out[i] = true
	p.stats.Gets++
	f := &p.frames[i]
	f.Seq, f.At, f.Flags = 0, 0, 0
	Reshape(f, p.width, p.height, p.format)
	return f
}

// Put takes a frame back. A frame that is not out is refused with ErrDoublePut
// or ErrForeign, counted, and changes nothing.
func (p *Pool) Put(f *edge.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.index(f)
	switch {
	case i < 0:
		p.stats.Misuses++
		return ErrForeign
	case !p.out[i]:
		p.stats.Misuses++
		return fmt.Errorf("frame %d: %w", f.Seq, ErrDoublePut)
	}
	p.out[i] = false
	p.free = append(p.free, i)
	p.signal()
	return nil
}

// signal wakes one waiter, now or at its next wait.
func (p *Pool) signal() {
	select {
	case p.returned <- struct{}{}:
	default:
	}
}

// Stats returns the counters so far.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Size, s.Out = len(p.frames), len(p.frames)-len(p.free)
	return s
}

// Index names a frame of the pool by a number in [0, Size), or -1: sources
// keep what they know of a frame beside it in an array.
func (p *Pool) Index(f *edge.Frame) int { return p.index(f) }

func (p *Pool) index(f *edge.Frame) int {
	for i := range p.frames {
		if f == &p.frames[i] {
			return i
		}
	}
	return -1
}

// Reshape gives f another size and format with dense rows. It keeps f's memory
// where that is large enough, so frames of mixed sizes stop allocating once
// the largest has passed. Pixels are not cleared.
func Reshape(f *edge.Frame, width, height int, format edge.PixelFormat) {
	stride := width * format.BytesPerPixel()
	if n := stride * height; cap(f.Pix) < n {
		f.Pix = make([]byte, n)
	} else {
		f.Pix = f.Pix[:n]
	}
	f.Width, f.Height, f.Stride, f.Format = width, height, stride, format
}
