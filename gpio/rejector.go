package gpio

import (
	"errors"
	"fmt"
	"image"
	"sync"
	"time"

	"winnow/edge"
)

// Gate is an actuator on the way of the parts.
type Gate struct {
	Channel int           // of the scheduler
	Travel  time.Duration // from the trigger to the first moment the part is before the actuator
	Advance time.Duration // how long the actuator takes to act; it is told that much earlier
	Width   time.Duration
	Window  time.Duration // how long the part is before the actuator; 0: as long as the pulse
	// Lane, if not empty, is where on the frame (pixels) a region's centre must
	// lie for this gate to act. The first gate acts where a region lies in no lane, or
	// there is none: it must catch every part. Where there is more than a verdict's regions name,
	// all of these gates act.
	Lane image.Rectangle
}

// RejectConfig of a Rejector.
type RejectConfig struct {
	Gates []Gate
	// UnsureFires sends unsure parts to the first gate; UnsureGate, if above 0,
	// to that one.
	UnsureFires bool
	UnsureGate  int
	// Deadline of the verdict, from the trigger: it must leave every gate in time.
	Deadline time.Duration
	// Lost is told of a part whose pulse the scheduler had no room for: it passes,
	// and the line must be stopped. It must not block. May be nil.
	Lost func(seq uint64, err error)
	// Pitch is the least time between two parts, if known: no pulse may be wider.
	Pitch time.Duration
}

// Check returns all that is wrong with c.
func (c RejectConfig) Check() error {
	var errs []error
	if len(c.Gates) == 0 {
		errs = append(errs, errors.New("no gates"))
	} else if !c.Gates[0].Lane.Empty() {
		errs = append(errs, errors.New("gate 0: has a lane; it must catch every part"))
	}
	if c.UnsureGate < 0 || c.UnsureGate >= max(len(c.Gates), 1) {
		errs = append(errs, fmt.Errorf("unsure gate %d: there are %d gates", c.UnsureGate, len(c.Gates)))
	}
	for i, g := range c.Gates {
		if g.Width <= 0 || g.Advance < 0 {
			errs = append(errs, fmt.Errorf("gate %d: width %v, advance %v", i, g.Width, g.Advance))
		}
		if g.Travel-g.Advance <= c.Deadline {
			errs = append(errs, fmt.Errorf("gate %d: the part is there %v after the trigger, but its verdict may take %v and the actuator %v", i, g.Travel, c.Deadline, g.Advance))
		}
		if c.Pitch > 0 && max(g.Width, g.Window) > c.Pitch {
			errs = append(errs, fmt.Errorf("gate %d: a pulse of %v or its window of %v is longer than the %v between parts", i, g.Width, g.Window, c.Pitch))
		}
	}
	return errors.Join(errs...)
}

// Rejector schedules pulses by time from the trigger, for belts of constant
// speed. A part that is announced gets its pulse at the first gate at once, and a
// verdict withdraws it: whatever is slow or dead between trigger and verdict, the
// part is rejected. None of its methods blocks. It is safe for concurrent use.
type Rejector struct {
	cfg   RejectConfig
	sched *Scheduler
	clock edge.Clock

	mu        sync.Mutex
	lost      uint64
	announced map[uint64]struct{} // parts without a verdict
}

// NewRejector checks c.
func NewRejector(c RejectConfig, s *Scheduler, clock edge.Clock) (*Rejector, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("reject gates: %w", err)
	}
	for i, g := range c.Gates {
		if g.Channel < 0 || g.Channel >= len(s.channels) {
			return nil, fmt.Errorf("reject gates: gate %d: no channel %d", i, g.Channel)
		}
	}
	return &Rejector{cfg: c, sched: s, clock: clock, announced: map[uint64]struct{}{}}, nil
}

// Announce has the first gate fire at a part unless its verdict says otherwise.
func (r *Rejector) Announce(seq uint64, trigger edge.Instant) {
	if r.fire(0, seq, trigger, trigger.Add(r.cfg.Deadline)) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.announced[seq] = struct{}{}
	}
}

// Forget lets a part pass that was announced.
func (r *Rejector) Forget(seq uint64) {
	if r.known(seq) {
		r.sched.Withdraw(r.cfg.Gates[0].Channel, seq)
	}
}

// known reports whether a part was announced, once.
func (r *Rejector) known(seq uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.announced[seq]
	delete(r.announced, seq)
	return ok
}

// Act has the gates fire that a verdict calls for, and withdraws what was to
// happen without one.
func (r *Rejector) Act(v *edge.Verdict) {
	v.Late(r.clock.Now())
	seq := v.ID.Seq
	announced := r.known(seq)
	fires := v.Fires(r.cfg.UnsureFires || r.cfg.UnsureGate > 0)
	for i, g := range r.cfg.Gates {
		takes := fires && r.cfg.takes(i, v)
		switch {
		case i == 0 && announced && takes:
			r.sched.Decide(g.Channel, seq)
		case i == 0 && announced:
			if !r.sched.Withdraw(g.Channel, seq) && !fires { // it has been fired at
				v.Decision, v.Reason = edge.Reject, edge.ReasonLate
			}
		case takes:
			r.fire(i, seq, v.Trigger, 0)
		}
	}
}

// takes reports whether gate i acts on v.
func (c *RejectConfig) takes(i int, v *edge.Verdict) bool {
	if v.Decision == edge.Unsure {
		return i == c.UnsureGate
	}
	if len(v.Regions) == 0 || !named(v.Reason) {
		return i == 0
	}
	if v.Unnamed && (i == 0 || !c.Gates[i].Lane.Empty()) {
		return true
	}
	for _, r := range v.Regions {
		centre := r.Box.Min.Add(r.Box.Max).Div(2)
		if i > 0 && centre.In(c.Gates[i].Lane) || i == 0 && !c.inAnyLane(centre) {
			return true
		}
	}
	return false
}

// named reports whether regions name all that a part is rejected for: they say
// nothing of what was not looked at.
func named(r edge.Reason) bool {
	switch r {
	case edge.ReasonLate, edge.ReasonNoFrame, edge.ReasonBadFrame, edge.ReasonFault, edge.ReasonOverrun, edge.ReasonMoved:
		return false
	}
	return true
}

func (c *RejectConfig) inAnyLane(p image.Point) bool {
	for _, g := range c.Gates[1:] {
		if p.In(g.Lane) {
			return true
		}
	}
	return false
}

// fire schedules the pulse of gate i, which may be withdrawn until then; zero: not.
func (r *Rejector) fire(i int, seq uint64, trigger, until edge.Instant) bool {
	g := r.cfg.Gates[i]
	err := r.sched.Schedule(g.Channel, Pulse{ID: seq, At: trigger.Add(g.Travel - g.Advance), Width: g.Width, Window: g.Window, Until: until})
	if err == nil {
		return true
	}
	r.mu.Lock()
	r.lost++
	r.mu.Unlock()
	if r.cfg.Lost != nil {
		r.cfg.Lost(seq, err)
	}
	return false
}

// Lost counts pulses that the scheduler had no room for; the line must be
// stopped for the first.
func (r *Rejector) Lost() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}
