package gpio

import (
	"context"
	"fmt"

	"winnow/edge"
)

// Group is several inputs of one chip, requested together, so that their edges
// come in the order in which they were. Event.Line tells which it was.
type Group interface {
	// Levels returns the present level of each.
	Levels() ([]Level, error)
	// WaitForEvent returns the next edge of either kind of any of them, or ctx's
	// error.
	WaitForEvent(ctx context.Context) (Event, error)
	Close() error
}

// EncoderConfig says how an encoder is wired: a Group of one line counts each
// of its edges, forwards; one of two lines counts four edges to a period, in
// both directions.
type EncoderConfig struct {
	Backwards bool // A and B are swapped
}

// EncoderFault says that counts were lost: positions on the belt are wrong by
// as much, and the line must be stopped and cleared.
type EncoderFault struct {
	Lost uint64 // edges that the queue had no room for
	Skew uint64 // both channels of a quadrature encoder changed at once
}

// WatchEncoder tells move of every count, from the calling goroutine and in
// order, and bad of counts that were lost, until ctx ends or an input fails.
// Neither may block. The group is closed by the caller.
func WatchEncoder(ctx context.Context, g Group, c EncoderConfig, move func(count int64, at edge.Instant), bad func(EncoderFault)) error {
	levels, err := g.Levels()
	if err != nil {
		return fmt.Errorf("encoder: %w", err)
	}
	d := newDecoder(levels, c)
	for {
		e, err := g.WaitForEvent(ctx)
		if err != nil {
			return err
		}
		if e.Lost > 0 {
			bad(EncoderFault{Lost: uint64(e.Lost)})
		}
		skew := d.q.Errors
		if d.step(e) {
			move(d.count, e.At)
		}
		if d.q.Errors > skew {
			bad(EncoderFault{Skew: 1})
		}
	}
}

// decoder turns edges into counts.
type decoder struct {
	levels []Level
	sign   int64
	q      Quadrature
	count  int64
}

func newDecoder(levels []Level, c EncoderConfig) *decoder {
	d := &decoder{levels: levels, sign: 1}
	if c.Backwards {
		d.sign = -1
	}
	if len(levels) == 2 {
		d.q.Step(bool(levels[0]), bool(levels[1]))
		d.q = Quadrature{state: d.q.state} // where it stands at the start is zero
	}
	return d
}

// step reports whether the count has changed.
func (d *decoder) step(e Event) bool {
	if e.Line < 0 || e.Line >= len(d.levels) {
		return false
	}
	d.levels[e.Line] = e.Level
	if len(d.levels) == 1 {
		d.count++
		return true
	}
	by := d.q.Step(bool(d.levels[0]), bool(d.levels[1]))
	d.count += d.sign * int64(by)
	return by != 0
}
