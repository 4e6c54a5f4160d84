package gpio

import (
	"context"
	"time"

	"winnow/edge"
)

// PulserOptions bound what a Pulser does to its output.
type PulserOptions struct {
	MinGap   time.Duration // least time from the start of one pulse to the start of the next; what is closer becomes one pulse that serves both
	Capacity int           // pulses that may wait; 0: 64
	MaxLate  time.Duration // a pulse that would start later than this after its instant is missed; 0: half its width
	Shift    bool          // fire late pulses all the same, where no part moves on: benches and demos
	// Tell is told what became of each pulse, by the goroutine that runs the
	// pulser; it must not block. A part whose pulse was Missed or Failed has not
	// been rejected: the line must be stopped. May be nil.
	Tell func(Record)
}

// Pulser is a Scheduler of one output.
type Pulser struct{ sched *Scheduler }

// NewPulser fires through out by clock.
func NewPulser(out *Output, clock edge.Clock, o PulserOptions) *Pulser {
	s := &Scheduler{clock: clock, tell: o.Tell, disturb: func() {}}
	s.channels = []channel{newChannel(ChannelConfig{
		Output: out, Merge: !o.Shift, MinPeriod: max(o.MinGap, 0), MaxLate: max(o.MaxLate, 0), Shift: o.Shift, Capacity: max(o.Capacity, 0),
	})}
	return &Pulser{s}
}

// Fire asks for a pulse of the part numbered id at instant at. It never blocks.
func (p *Pulser) Fire(id uint64, at edge.Instant, width time.Duration) error {
	return p.sched.Schedule(0, Pulse{ID: id, At: at, Width: width})
}

// Stats may be called at any time.
func (p *Pulser) Stats() Stats { return p.sched.Stats() }

// Pending is how many pulses wait; one that is on is not among them.
func (p *Pulser) Pending() int { return p.sched.Pending() }

// Realtime returns why Run has no real-time priority, or nil.
func (p *Pulser) Realtime() error { return p.sched.Realtime() }

// Run fires until ctx ends; the output is at its safe level when it returns,
// also after a panic.
func (p *Pulser) Run(ctx context.Context) error { return p.sched.Run(ctx) }
