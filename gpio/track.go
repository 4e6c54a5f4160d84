package gpio

import (
	"sort"

	"winnow/edge"
)

// Track remembers where the encoder was: a trigger is heard of some time after
// it happened, by its debounce time at least, and the belt has moved meanwhile.
// The zero value stands at count 0 and has been there for ever. It is not safe
// for concurrent use.
type Track struct {
	count int64
	ring  []tick
	n     int // ticks so far
}

type tick struct {
	at    edge.Instant
	count int64
}

// trackTicks is how many counts are remembered: more than a second of 10 000 a second.
const trackTicks = 1 << 14

// Move tells of an encoder event: the count that the belt has since at. Events
// come in their order.
func (t *Track) Move(count int64, at edge.Instant) {
	if t.ring == nil {
		t.ring = make([]tick, trackTicks)
	}
	t.count = count
	t.ring[t.n%len(t.ring)] = tick{at, count}
	t.n++
}

// Count is where the encoder is.
func (t *Track) Count() int64 { return t.count }

// back returns the i-th latest tick.
func (t *Track) back(i int) tick { return t.ring[(t.n-1-i)%len(t.ring)] }

// At is where the encoder was at an instant; false if that is longer ago than is
// remembered.
func (t *Track) At(at edge.Instant) (int64, bool) {
	kept := min(t.n, len(t.ring))
	i := sort.Search(kept, func(i int) bool { return !t.back(i).at.After(at) })
	switch {
	case i < kept:
		return t.back(i).count, true
	case t.n == kept: // before the first tick
		return 0, true
	}
	return t.back(kept - 1).count, false
}

// Reached is when the encoder came to a count or beyond it first, of all that is
// remembered since an instant; zero: it did not.
func (t *Track) Reached(count int64, since edge.Instant) (first edge.Instant) {
	for i := range min(t.n, len(t.ring)) {
		tick := t.back(i)
		if !tick.at.After(since) {
			break
		}
		if tick.count >= count {
			first = tick.at
		}
	}
	return first
}

// A speed is that of speedSpan counts, the highest of the latest speedTicks.
const (
	speedTicks = 16
	speedSpan  = 4
)

// Speed is the highest of late, in counts a second: after a stop the last
// interval says nothing. It is taken over several counts, since the edges of one
// period are not evenly spaced, and a belt that trembles on an edge gives many of
// them without moving.
func (t *Track) Speed() float64 {
	var top float64
	n := min(t.n, len(t.ring), speedTicks)
	for i := range n - speedSpan {
		newer, older := t.back(i), t.back(i+speedSpan)
		if d := newer.at.Sub(older.at); d > 0 {
			top = max(top, float64(newer.count-older.count)/d.Seconds())
		}
	}
	return top
}
