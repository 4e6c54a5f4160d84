package gpio

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"winnow/edge"
)

// Switch is the part of an Output that pulses need.
type Switch interface {
	String() string
	Set(active bool) error
	Safe() error
}

// ChannelConfig is one actuator.
type ChannelConfig struct {
	Output Switch
	// DeadTime is how long the actuator needs between the end of a pulse and the
	// start of the next. A pulse that has to wait for it starts late.
	DeadTime time.Duration
	// MinGap: pulses that leave less idle time than this between them become one,
	// if Merge is set. Use it for air jets and gates, not for pushers.
	MinGap time.Duration
	Merge  bool
	// MinPeriod is the least time from the start of one pulse to that of the
	// next. With Merge, what is asked for closer together becomes one pulse;
	// otherwise, or if the first has ended, the second starts late.
	MinPeriod time.Duration
	// MaxLate is how late a pulse may start; 0: as late as half of it still fits into
	// its window. One that would start later is not fired, since the part has passed
	// and the next one would be hit: it is counted as missed, and the line must be told.
	MaxLate time.Duration
	// Shift moves a pulse that is late to when it can start, at its full width,
	// for benches where no part moves on. Never set it where one does.
	Shift bool
	// Capacity is how many pulses may wait; 0: 64.
	Capacity int
}

// Pulse is Width of activity from At on. Whatever happens it does not last beyond
// its window, where the next part begins: one that starts late lasts as long as it
// should as far as the window allows, and is shorter then.
type Pulse struct {
	ID     uint64 // the part's number
	At     edge.Instant
	Width  time.Duration
	Window time.Duration // the part is before the actuator for so long from At on; below Width: Width
	Manual bool          // by a person's hand, for set-up
	// Until says that the part has no verdict yet, and that Withdraw may take the
	// pulse back until then: it fires unless that happens. Zero: it has been decided.
	Until edge.Instant
}

// over is when the part has passed.
func (p Pulse) over() edge.Instant { return p.At.Add(max(p.Window, p.Width)) }

// Hold says which pulses are kept from the outputs.
type Hold uint8

// Holds. A pulse that is due while it is held is cancelled, and what is on is
// switched off.
const (
	HoldNone      Hold = iota
	HoldAutomatic      // only manual pulses pass
	HoldAll            // somebody's hand may be in the machine, or nothing is to be fired
	HoldManual         // only automatic pulses pass
)

func (h Hold) stops(p Pulse) bool {
	return h == HoldAll || h == HoldAutomatic && !p.Manual || h == HoldManual && p.Manual
}

// Outcome of a pulse.
type Outcome uint8

// Outcomes.
const (
	Fired     Outcome = iota
	Merged            // part of a pulse that was already on, or about to be
	Missed            // too late to hit its part, not fired
	Failed            // the output refused
	Cancelled         // by Cancel or the end of the scheduler
)

func (o Outcome) String() string {
	return [...]string{"fired", "merged", "missed", "failed", "cancelled"}[o]
}

// Record is what became of a pulse. Start and End are when the output had been
// switched, as the scheduler's clock read just after; End is zero for merged
// pulses.
type Record struct {
	Pulse
	Channel    int
	Outcome    Outcome
	Start, End edge.Instant
}

// Stats count outcomes over all channels.
type Stats struct {
	Fired      uint64        `json:"fired"`
	Merged     uint64        `json:"merged"`
	Missed     uint64        `json:"missed"`
	Failed     uint64        `json:"failed"`
	Cancelled  uint64        `json:"cancelled"`
	WorstStart time.Duration `json:"worst_start_ns"` // latest start of a fired pulse after its At
}

// Errors of Schedule. Either means that a part would pass unrejected.
var (
	ErrFull  = errors.New("too many pulses wait for the output")
	ErrPulse = errors.New("impossible pulse")
)

// Scheduler fires one-shot pulses on several outputs from one goroutine.
// Schedule may be called by any goroutine and never waits for an output.
type Scheduler struct {
	clock    edge.Clock
	channels []channel
	tell     func(Record)
	begins   func(Record)
	stuck    func(channel int, err error)

	mu      sync.Mutex // guards the queues of the channels and what follows
	stats   Stats
	hold    Hold
	sleeps  edge.Instant
	disturb func()
	rt      error
}

// channel is one actuator; only queue and taken are shared.
type channel struct {
	ChannelConfig
	queue []Pulse // waiting, by At
	taken bool    // a pulse has left the queue and is not over

	on      bool
	refused int // times in a row that the output did not switch off
	current Record
	ends    edge.Instant
	latest  edge.Instant // At of the latest pulse that is or was on
	last    edge.Instant // end of the pulse before; valid if used
	used    bool
}

// NewScheduler checks the channels. tell, if not nil, is told of every pulse by
// the goroutine that runs the scheduler and must not block.
func NewScheduler(c edge.Clock, channels []ChannelConfig, tell func(Record)) (*Scheduler, error) {
	s := &Scheduler{clock: c, tell: tell, disturb: func() {}}
	if len(channels) == 0 {
		return nil, errors.New("scheduler: no outputs")
	}
	for i, cfg := range channels {
		if cfg.Output == nil || cfg.DeadTime < 0 || cfg.MinGap < 0 || cfg.MinPeriod < 0 || cfg.MaxLate < 0 || cfg.Capacity < 0 {
			return nil, fmt.Errorf("scheduler: channel %d: no output or a negative time", i)
		}
		s.channels = append(s.channels, newChannel(cfg))
	}
	return s, nil
}

func newChannel(cfg ChannelConfig) channel {
	if cfg.Capacity == 0 {
		cfg.Capacity = 64
	}
	return channel{ChannelConfig: cfg, queue: make([]Pulse, 0, cfg.Capacity)}
}

// OnBegin has fn told of each pulse just before its output is switched on; Start
// is then the instant before. Call it before anything is scheduled. fn must not
// block.
func (s *Scheduler) OnBegin(fn func(Record)) { s.begins = fn }

// OnStuck has fn told of each pulse whose output does not switch off, as it refuses the
// second time; it is asked on. Call it before anything is scheduled. fn must not block.
func (s *Scheduler) OnStuck(fn func(channel int, err error)) { s.stuck = fn }

// Schedule puts a pulse on channel ch. A pulse that is already due is fired or
// missed at the next step.
func (s *Scheduler) Schedule(ch int, p Pulse) error {
	if ch < 0 || ch >= len(s.channels) || p.Width <= 0 {
		return fmt.Errorf("%w: channel %d, width %v", ErrPulse, ch, p.Width)
	}
	disturb, err := s.enqueue(ch, p)
	if disturb != nil {
		disturb()
	}
	return err
}

// enqueue is Schedule but for the wake, which it returns if one is needed: a thread
// of real-time priority that is woken takes the processor at once, and must not find
// the lock held by the very goroutine whose place it took.
func (s *Scheduler) enqueue(ch int, p Pulse) (disturb func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.channels[ch]
	if p.Width <= c.MaxLate {
		return nil, fmt.Errorf("%w: output %s: width %v is not above the tolerated lateness %v", ErrPulse, c.Output, p.Width, c.MaxLate)
	}
	if len(c.queue) == cap(c.queue) {
		return nil, fmt.Errorf("output %s: %w: %d wait", c.Output, ErrFull, len(c.queue))
	}
	c.insert(p)
	if s.sleeps == 0 || s.sleeps.After(p.At) {
		return s.disturb, nil
	}
	return nil, nil
}

// Cancel forgets waiting pulses and switches off what is on, at the next step
// for the latter.
func (s *Scheduler) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.channels {
		c := &s.channels[i]
		s.stats.Cancelled += uint64(len(c.queue))
		c.queue = c.queue[:0]
	}
}

// Hold keeps pulses from the outputs from the next step on, which comes at once.
func (s *Scheduler) Hold(h Hold) {
	s.mu.Lock()
	s.hold = h
	disturb := s.disturb
	s.mu.Unlock()
	disturb()
}

func (s *Scheduler) held(p Pulse) bool {
	LockSoon(&s.mu)
	defer s.mu.Unlock()
	return s.hold.stops(p)
}

// Stats returns the counters.
func (s *Scheduler) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Pending is the number of pulses that wait.
func (s *Scheduler) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for i := range s.channels {
		n += len(s.channels[i].queue)
	}
	return n
}

// Idle reports whether no pulse waits and none is on.
func (s *Scheduler) Idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.channels {
		if c := &s.channels[i]; c.taken || len(c.queue) > 0 {
			return false
		}
	}
	return true
}

// Step does every edge that is due and returns when it next has something to
// do; zero: not before another Schedule. Run calls it; a simulator may instead,
// from one goroutine.
func (s *Scheduler) Step() edge.Instant {
	var first edge.Instant
	for i := range s.channels {
		if t := s.step(i); t != 0 && (first == 0 || first.After(t)) {
			first = t
		}
	}
	return first
}

// retryAfter is when an output that refused to switch off is asked again.
const retryAfter = time.Millisecond

// step is Step of one channel.
func (s *Scheduler) step(i int) edge.Instant {
	c := &s.channels[i]
	for {
		now := s.clock.Now()
		if !c.on {
			p, next, ok := s.take(c, now)
			if !ok {
				return next
			}
			s.begin(i, p, now)
			continue
		}
		if s.held(c.current.Pulse) {
			c.ends, c.current.Outcome = min(c.ends, now), Cancelled
		} else if p, ok := s.mergeable(c, now); ok {
			c.ends, c.latest = max(c.ends, p.At.Add(p.Width)), max(c.latest, p.At)
			s.report(Record{Pulse: p, Channel: i, Outcome: Merged, Start: c.current.Start})
			continue
		}
		if c.ends.After(now) {
			return s.sooner(c, c.ends)
		}
		if err := c.Output.Set(false); err != nil && !errors.Is(err, ErrClosed) {
			if c.refused++; c.refused == 2 && s.stuck != nil {
				s.stuck(i, err)
			}
			s.giveUp(i, now)
			return now.Add(retryAfter)
		}
		c.on, c.refused, c.used, c.last = false, 0, true, s.clock.Now()
		c.current.End = c.last
		s.report(c.current)
	}
}

// giveUp reports the pulses as missed that an output which does not switch off has
// kept from starting until it was too late.
func (s *Scheduler) giveUp(i int, now edge.Instant) {
	for {
		p, ok := s.overdue(&s.channels[i], now)
		if !ok {
			return
		}
		s.report(Record{Pulse: p, Channel: i, Outcome: Missed})
	}
}

// begin switches on for p, which is due.
func (s *Scheduler) begin(i int, p Pulse, now edge.Instant) {
	c := &s.channels[i]
	r := Record{Pulse: p, Channel: i, Outcome: Missed}
	if s.held(p) {
		r.Outcome = Cancelled
		s.report(r)
		return
	}
	if !c.Shift && now.Sub(p.At) > c.tolerance(p) {
		s.report(r)
		return
	}
	from := min(max(now, p.At), p.over().Add(-p.Width))
	if c.Shift {
		from = now
	}
	if s.begins != nil {
		s.begins(Record{Pulse: p, Channel: i, Outcome: Fired, Start: now})
	}
	if err := c.Output.Set(true); err != nil {
		r.Outcome = Failed
		s.report(r)
		return
	}
	r.Outcome, r.Start = Fired, s.clock.Now()
	c.on, c.current, c.latest, c.ends = true, r, from, from.Add(p.Width)
}

// tolerance is how late p may start.
func (c *channel) tolerance(p Pulse) time.Duration {
	if c.MaxLate == 0 {
		return p.over().Sub(p.At) - p.Width/2
	}
	return c.MaxLate
}

func (s *Scheduler) report(r Record) {
	LockSoon(&s.mu)
	switch r.Outcome {
	case Fired:
		s.stats.Fired++
		s.stats.WorstStart = max(s.stats.WorstStart, r.Start.Sub(r.At))
	case Merged:
		s.stats.Merged++
	case Missed:
		s.stats.Missed++
	case Failed:
		s.stats.Failed++
	case Cancelled:
		s.stats.Cancelled++
	}
	s.mu.Unlock()
	if s.tell != nil {
		s.tell(r)
	}
}

// Run fires pulses until ctx ends, then cancels what waits and brings every
// output to its safe level, also on the way out of a panic. It keeps a thread
// of its own, with real-time priority where the system allows it (see Scheduler.Realtime).
func (s *Scheduler) Run(ctx context.Context) error {
	runtime.LockOSThread() // never unlocked: the thread ends with its priority
	defer s.safe()
	s.noteRealtime(Realtime())
	s.arrive()
	w := newSleeper(ctx, s.clock)
	defer func() { _ = w.Close() }()
	defer context.AfterFunc(ctx, w.Wake)()
	for ctx.Err() == nil {
		s.arm(0, w.Wake) // a pulse that comes from here on ends the sleep, even before it begins
		next := s.Step()
		s.arm(next, w.Wake)
		w.SleepUntil(next)
	}
	s.arm(0, func() {})
	return ctx.Err()
}

// arm says until when Run is going to sleep; zero: until disturbed.
func (s *Scheduler) arm(t edge.Instant, wake func()) {
	LockSoon(&s.mu)
	defer s.mu.Unlock()
	s.sleeps, s.disturb = t, wake
}

// Realtime returns why Run has no real-time priority, or nil.
func (s *Scheduler) Realtime() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rt
}

func (s *Scheduler) noteRealtime(err error) {
	LockSoon(&s.mu)
	defer s.mu.Unlock()
	s.rt = err
}

// arrive takes every output from its safe level, which may be on, to where
// pulses begin. One that refuses stays as it is and fails at its first pulse.
func (s *Scheduler) arrive() {
	for i := range s.channels {
		_ = s.channels[i].Output.Set(false)
	}
}

func (s *Scheduler) safe() {
	s.Cancel()
	for i := range s.channels {
		s.channels[i].Output.Safe() // a closed output is safe already
	}
	for i := range s.channels {
		if c := &s.channels[i]; c.on {
			c.on = false
			c.current.Outcome, c.current.End = Cancelled, s.clock.Now()
			s.report(c.current)
		}
	}
}
