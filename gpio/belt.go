package gpio

import (
	"errors"
	"fmt"
	"image"
	"sync"
	"time"

	"winnow/edge"
)

// BeltGate is an actuator at a distance from the trigger.
type BeltGate struct {
	Channel  int
	Distance int64         // encoder counts from the trigger to the actuator
	Advance  time.Duration // half the width plus what the actuator takes to act
	Width    time.Duration // of one pulse; a part that is still there gets another
	Lane     image.Rectangle
}

// BeltConfig of a Belt. The first gate must catch every part, as in RejectConfig.
type BeltConfig struct {
	Gates       []BeltGate
	UnsureFires bool
	UnsureGate  int
	Capacity    int // parts between trigger and last gate; 0: 256
	// TopSpeed of the belt, in counts a second: what seems faster is a shaking
	// encoder, and fires no earlier. 0: not known.
	TopSpeed float64
	// Lost is told of a part that will not be fired at as it should be: the
	// register or the scheduler had no room, or its verdict came behind its gate.
	// The line must be stopped. It is called with the belt locked: it must neither
	// block nor call back. May be nil.
	Lost func(seq uint64, err error)
}

// Check returns all that is wrong with c.
func (c BeltConfig) Check() error {
	var errs []error
	if len(c.Gates) == 0 || len(c.Gates) > maxGates {
		errs = append(errs, fmt.Errorf("%d gates: 1 to 32", len(c.Gates)))
	} else if !c.Gates[0].Lane.Empty() {
		errs = append(errs, errors.New("gate 0: has a lane; it must catch every part"))
	}
	if c.UnsureGate < 0 || c.UnsureGate >= max(len(c.Gates), 1) {
		errs = append(errs, fmt.Errorf("unsure gate %d: there are %d gates", c.UnsureGate, len(c.Gates)))
	}
	if c.TopSpeed < 0 {
		errs = append(errs, fmt.Errorf("top speed %v counts a second", c.TopSpeed))
	}
	for i, g := range c.Gates {
		if g.Distance < 2 || g.Width <= 0 || g.Advance < 0 {
			errs = append(errs, fmt.Errorf("gate %d: distance %d counts, width %v, advance %v", i, g.Distance, g.Width, g.Advance))
		}
	}
	return errors.Join(errs...)
}

// Belt is the shift register of parts between the trigger and the gates, moved
// by an encoder: it follows a conveyor that changes speed, stops, and runs back
// a little. A part that reaches the first gate without a verdict is fired at.
// Act, Announce and Forget never block and may be called by any goroutine.
//
// Its channels must merge pulses: a part that stands or creeps before a gate is
// given pulse upon pulse until it has passed.
type Belt struct {
	cfg   BeltConfig
	route RejectConfig // the same gates, for the choice among them
	sched *Scheduler
	clock edge.Clock

	mu    sync.Mutex
	parts []beltPart          // in the order of announcement
	open  map[uint64]struct{} // announced, and neither decided on nor forgotten
	track Track
	stats BeltStats
}

type beltPart struct {
	seq     uint64
	pos     int64 // encoder count at its trigger
	decided bool
	gates   uint32                 // that fire at it
	passed  uint32                 // that it is beyond
	begun   uint32                 // that have fired at it
	again   [maxGates]edge.Instant // when a gate that has begun may fire again
}

const maxGates = 32

// BeltStats count what went wrong; the line should be stopped for any of it.
type BeltStats struct {
	Undecided uint64 `json:"undecided"` // parts that reached the first gate without a verdict, and were fired at
	TooLate   uint64 `json:"too_late"`  // verdicts that fire, of parts already beyond their gate, and triggers heard of too late
	Full      uint64 `json:"full"`      // parts that the register had no room for
	Lost      uint64 `json:"lost"`      // pulses that the scheduler had no room for
}

// NewBelt checks c.
func NewBelt(c BeltConfig, s *Scheduler, clock edge.Clock) (*Belt, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("belt: %w", err)
	}
	b := &Belt{cfg: c, sched: s, clock: clock, route: RejectConfig{UnsureGate: c.UnsureGate}, open: map[uint64]struct{}{}}
	for i, g := range c.Gates {
		if g.Channel < 0 || g.Channel >= len(s.channels) {
			return nil, fmt.Errorf("belt: gate %d: no channel %d", i, g.Channel)
		}
		if !s.channels[g.Channel].Merge {
			return nil, fmt.Errorf("belt: gate %d: its channel must merge pulses", i)
		}
		b.route.Gates = append(b.route.Gates, Gate{Lane: g.Lane})
	}
	if c.Capacity <= 0 {
		c.Capacity = 256
	}
	b.parts = make([]beltPart, 0, c.Capacity)
	return b, nil
}

// Stats returns the counters.
func (b *Belt) Stats() BeltStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

// Parts is how many parts are on the belt.
func (b *Belt) Parts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.parts)
}

// Ahead is how many parts have still to meet a gate that fires at them.
func (b *Belt) Ahead() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for i := range b.parts {
		p := &b.parts[i]
		if p.gates&^p.passed != 0 || !p.decided && p.passed&1 == 0 {
			n++
		}
	}
	return n
}

// Count is where the encoder is.
func (b *Belt) Count() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.track.Count()
}

// Announce enters a part at the position that the encoder had at its trigger.
func (b *Belt) Announce(seq uint64, trigger edge.Instant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.enter(seq, trigger)
	if p == nil {
		return
	}
	b.open[seq] = struct{}{}
	if p.passed&1 != 0 { // it cannot be fired at any more for want of a verdict
		b.stats.TooLate++
		b.lost(seq, errBehind)
	}
}

// enter puts a part where the belt was at its trigger; gates that it is beyond
// have passed it.
func (b *Belt) enter(seq uint64, trigger edge.Instant) *beltPart {
	pos, known := b.track.At(trigger)
	switch {
	case len(b.parts) == cap(b.parts):
		b.stats.Full++
		b.lost(seq, errFull)
		return nil
	case !known:
		b.stats.TooLate++
		b.lost(seq, errOld)
		return nil
	}
	p := beltPart{seq: seq, pos: pos}
	for i, g := range b.cfg.Gates {
		if b.track.Count() > pos+g.Distance+slack {
			p.passed |= 1 << i
		}
	}
	b.parts = append(b.parts, p)
	return &b.parts[len(b.parts)-1]
}

// Act marks the part for the gates that its verdict calls for. A part that was
// fired at before its verdict came is a late reject, whatever that says.
func (b *Belt) Act(v *edge.Verdict) {
	v.Late(b.clock.Now())
	b.mu.Lock()
	defer b.mu.Unlock()
	seq := v.ID.Seq
	fires := v.Fires(b.cfg.UnsureFires || b.cfg.UnsureGate > 0)
	p := b.find(seq)
	if _, announced := b.open[seq]; p == nil && fires && !announced {
		p = b.enter(seq, v.Trigger)
	} else if announced && (p == nil || p.decided) && !fires {
		v.Decision, v.Reason = edge.Reject, edge.ReasonLate
	}
	delete(b.open, seq)
	if p == nil || p.decided {
		return
	}
	p.decided = true
	for i := range b.cfg.Gates {
		if fires && b.route.takes(i, v) {
			p.gates |= 1 << i
		}
	}
	if p.gates&p.passed != 0 {
		b.stats.TooLate++
		b.lost(seq, errBehind)
	}
}

func (b *Belt) find(seq uint64) *beltPart {
	for i := len(b.parts) - 1; i >= 0; i-- {
		if b.parts[i].seq == seq {
			return &b.parts[i]
		}
	}
	return nil
}

// Forget lets a part pass.
func (b *Belt) Forget(seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, seq)
	if p := b.find(seq); p != nil {
		p.decided, p.gates = true, 0
	}
}

// Move tells of an encoder event: the count that the belt has since at.
// It is called by one goroutine, in the order of the events.
func (b *Belt) Move(count int64, at edge.Instant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.track.Move(count, at)
	speed := b.track.Speed()
	if b.cfg.TopSpeed > 0 {
		speed = min(speed, b.cfg.TopSpeed)
	}
	for i := range b.parts {
		b.advance(&b.parts[i], at, speed)
	}
	b.drop()
}

// slack is by how many counts trigger and gate may be misjudged: each lies
// somewhere between two counts.
const slack = 1

// advance fires at p where it is due.
func (b *Belt) advance(p *beltPart, at edge.Instant, speed float64) {
	for i, g := range b.cfg.Gates {
		bit := uint32(1) << i
		target := p.pos + g.Distance
		lead := slack + int64(speed*g.Advance.Seconds())
		if p.passed&bit != 0 || b.track.Count()+lead < target {
			continue
		}
		if !p.decided && i == 0 {
			p.decided, p.gates = true, 1
			b.stats.Undecided++
		}
		if p.gates&bit != 0 && (p.begun&bit == 0 || !p.again[i].After(at)) {
			p.begun |= bit
			p.again[i] = at.Add(g.Width / 2)
			b.fire(g, p.seq, at)
		}
		if b.track.Count() > target+slack {
			p.passed |= bit
		}
	}
}

func (b *Belt) fire(g BeltGate, seq uint64, at edge.Instant) {
	if err := b.sched.Schedule(g.Channel, Pulse{ID: seq, At: at, Width: g.Width}); err != nil {
		b.stats.Lost++
		b.lost(seq, err)
	}
}

// Why a Belt loses parts, besides the scheduler's reasons.
var (
	errFull   = errors.New("too many parts are between trigger and gate")
	errBehind = errors.New("its verdict came when it was beyond its gate")
	errOld    = errors.New("its trigger was heard of so late that nobody knows where it is")
)

func (b *Belt) lost(seq uint64, err error) {
	if b.cfg.Lost != nil {
		b.cfg.Lost(seq, err)
	}
}

// drop takes parts off that are beyond every gate.
func (b *Belt) drop() {
	all := uint32(1)<<len(b.cfg.Gates) - 1
	n := 0
	for n < len(b.parts) && b.parts[n].passed == all {
		n++
	}
	if n > 0 {
		b.parts = b.parts[:copy(b.parts, b.parts[n:])]
	}
}

// Quadrature counts the edges of a two-channel encoder, four to a period.
// The zero value stands at both channels low, count 0.
type Quadrature struct {
	Count  int64
	Errors uint64 // both channels changed at once: an edge was lost
	state  uint8
}

// Step takes the levels after an edge and returns the change of Count.
func (q *Quadrature) Step(a, b bool) int {
	next := uint8(0)
	if a {
		next = 1
	}
	if b {
		next ^= 3 // Gray code to binary: 00, 10, 11, 01 are 0, 1, 2, 3
	}
	step := int((next - q.state) & 3)
	q.state = next
	switch step {
	case 2:
		q.Errors++
		return 0
	case 3:
		step = -1
	}
	q.Count += int64(step)
	return step
}
