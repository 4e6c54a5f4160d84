package main

import (
	"context"
	"math/rand/v2"
	"time"

	"winnow/edge"
)

// plan of a run.
type plan struct {
	Parts int64
	Seed  uint64
	Tape  []byte // choices of the plant that come before those drawn from Seed
}

// tape is a source of chances that somebody has written: a byte is a choice, from
// the least (0) to the most. After its end they are drawn.
type tape struct {
	left []byte
	then rand.Source
}

func (t *tape) Uint64() uint64 {
	if len(t.left) == 0 {
		return t.then.Uint64()
	}
	b := t.left[0]
	t.left = t.left[1:]
	return uint64(b) * 0x0101010101010101 // whichever bits are looked at
}

// The plant. Lengths in micrometres, times in nanoseconds.
const (
	millimetre  = 1000
	resolution  = 4 * millimetre   // of the encoder, a count
	toGate      = 300 * millimetre // from trigger to actuator
	closest     = 70 * millimetre  // between the centres of two parts
	halfPart    = 20 * millimetre
	strike      = 6 * millimetre // an actuator that is on while the part's centre is this near removes it
	meanSpacing = 110 * millimetre
	topSpeed    = 500 * millimetre // a second

	deadline  = 250 * time.Millisecond // from trigger to verdict
	exposure  = 3 * time.Millisecond   // from trigger to exposure, at most
	transfer  = 8 * time.Millisecond   // from exposure to frame in hand
	pulse     = 40 * time.Millisecond
	resetWait = 2 * time.Second // until the operator resets a fault
)

// virtual is the plant's clock; the simulation turns it.
type virtual struct{ now edge.Instant }

func (c *virtual) Now() edge.Instant { return c.now }
func (*virtual) Wall() edge.WallTime { return edge.WallTime{} }

// SleepUntil is never called: nothing sleeps in a simulation.
func (*virtual) SleepUntil(ctx context.Context, _ edge.Instant) error { return ctx.Err() }

// belt is the conveyor: constant speed within a stretch of time, standing or
// another speed in the next.
type belt struct {
	rnd   *rand.Rand
	from  edge.Instant // of the stretch
	until edge.Instant
	x     int64 // at from
	speed int64 // micrometres a second
	stops int64
}

// at returns the position at t, which lies in the stretch.
func (b *belt) at(t edge.Instant) int64 { return b.x + b.speed*int64(t-b.from)/1e9 }

// when returns the first instant at which the belt has reached x; ok is false
// if that is not in this stretch.
func (b *belt) when(x int64) (edge.Instant, bool) {
	if x <= b.x {
		return b.from, true
	}
	if b.speed == 0 {
		return 0, false
	}
	t := b.from + edge.Instant(((x-b.x)*1e9+b.speed-1)/b.speed)
	return t, t <= b.until
}

// turn begins the next stretch at the end of this one.
func (b *belt) turn() {
	b.x, b.from = b.at(b.until), b.until
	stretch := time.Duration(200+b.rnd.Int64N(8000)) * time.Millisecond
	switch b.rnd.IntN(8) {
	case 0:
		b.speed, stretch = 0, stretch/4
		b.stops++
	case 1: // creeping
		b.speed = 40*millimetre + b.rnd.Int64N(60*millimetre)
	default:
		b.speed = topSpeed/2 + b.rnd.Int64N(topSpeed/2)
	}
	b.until = b.from.Add(stretch)
}

// spacing to the next part: bursts of parts as close as they may come, else jitter.
func spacing(rnd *rand.Rand, burst *int) int64 {
	if *burst == 0 && rnd.IntN(200) == 0 {
		*burst = 5 + rnd.IntN(40)
	}
	if *burst > 0 {
		*burst--
		return closest + rnd.Int64N(3*millimetre)
	}
	return closest + rnd.Int64N(2*(meanSpacing-closest))
}

// judging says how the judge behaves on one frame.
type judging struct {
	takes    time.Duration
	decision edge.Decision
	fails    bool
	panics   bool
}

// draw a part's fate from its number only, so that a change of schedule does
// not change the parts.
func draw(seed, seq uint64) (j judging, defective bool) {
	rnd := rand.New(rand.NewPCG(seed, seq))
	defective = rnd.IntN(20) == 0
	j.takes = time.Duration(8+rnd.IntN(12)) * time.Millisecond
	j.decision = edge.Accept
	if defective {
		j.decision = edge.Reject
	}
	switch n := rnd.IntN(10_000); {
	case n < 100: // a slow one, half of them too slow by themselves
		j.takes = time.Duration(100+rnd.IntN(300)) * time.Millisecond
	case n < 110:
		j.fails = true
	case n < 111:
		j.panics = true
	case n < 200:
		j.decision = edge.Unsure
	}
	return j, defective
}

// camera faults, by the number of the part.
func spoil(seed, seq uint64) (lost bool, flags edge.FrameFlags) {
	switch rand.New(rand.NewPCG(seed, ^seq)).IntN(2000) {
	case 0, 1:
		return true, 0
	case 2:
		return false, edge.FrameTorn
	case 3:
		return false, edge.FrameError
	}
	return false, 0
}
