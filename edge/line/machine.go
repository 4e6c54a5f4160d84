package line

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"winnow/edge"
)

// Machine is the line without goroutines: it is told what happened and says
// what to judge next. Its methods, Counts, Status and Open apart, are called by
// one goroutine; it calls Actuator, Recorder and Release from there.
type Machine struct {
	cfg   Config
	deps  Deps
	cond  conditions
	judge Judge
	model string
	seq   uint64

	ring    []slot // parts that are open, oldest at head
	head, n int
	spill   edge.Verdict // of parts that got no slot
	spilled edge.Instant // trigger of the latest such part

	job       Job
	busy      bool // job is being judged
	lastFrame edge.Instant
	early     []*edge.Frame // exposed before their trigger was heard of
	latest    edge.Instant  // trigger of the latest part
	group     group
	limits    limiter
	retiring  []retired

	mu     sync.Mutex // guards what follows, for readers on other goroutines
	counts edge.Counts
	extra  Extra
	status Status
	open   int
	times  Histogram
}

// Extra counts what the ledger has no column for.
type Extra struct {
	Overruns    uint64 `json:"overruns"`     // triggered while every slot was taken
	Strays      uint64 `json:"strays"`       // frames that belong to no open part
	JudgeErrors uint64 `json:"judge_errors"` // calls that returned an error
	TooLate     uint64 `json:"too_late"`     // judged after the part had been settled
}

// Job is one frame to judge. The caller lets Judge fill Verdict from Frame,
// sets Err and Done, and hands it back to Judged.
type Job struct {
	Judge   Judge
	Frame   *edge.Frame
	Verdict edge.Verdict
	Err     error        // what Judge returned
	Panic   any          // what Judge panicked with
	Done    edge.Instant // when Judge returned

	start edge.Instant
	part  *slot
	index int
}

// NewMachine checks c and d.
func NewMachine(c Config, d Deps) (*Machine, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	m := &Machine{cfg: c, deps: d, judge: d.Judge, model: c.Model, seq: c.FirstSeq - 1, ring: make([]slot, c.InFlight)}
	m.limits = newLimiter(c.Limits)
	m.cond.shadow, m.cond.inhibit = c.Shadow, c.Inhibit
	for i := range m.ring {
		m.ring[i].init(c.Frames)
	}
	m.early = make([]*edge.Frame, 0, c.Frames+1)
	m.job.Verdict.Regions = make([]edge.Region, 0, edge.MaxRegions)
	m.lastFrame = d.Clock.Now()
	m.cond.set(holdSource, "waiting for the camera")
	if d.Judge == nil {
		m.cond.set(holdJudge, "no model is loaded")
	}
	m.publish()
	return m, nil
}

// at returns the i-th oldest open part.
func (m *Machine) at(i int) *slot { return &m.ring[(m.head+i)%len(m.ring)] }

// Trigger announces a part that passed the trigger at t. In a line that is not
// Triggered it is ignored: there frames announce parts.
func (m *Machine) Trigger(t edge.Instant) {
	if m.cfg.Triggered {
		m.announce(t)
		m.publish()
	}
}

// announce opens a part, or rejects it at once if that cannot be.
func (m *Machine) announce(t edge.Instant) *slot {
	m.seq++
	m.latest = t
	m.book(func(c *edge.Counts, _ *Extra) { c.Triggers++; m.open++ })
	_, holds := m.deps.Actuator.(Holder)
	if a, ok := m.deps.Actuator.(Announcer); ok && (m.cond.armed() || holds && !m.cond.teaching) {
		a.Announce(m.seq, t)
	}
	if m.n > 0 && m.at(m.n-1).until == 0 {
		m.at(m.n - 1).until = t
		m.takeBack(m.at(m.n - 1))
	}
	if m.n == len(m.ring) {
		m.overrun(t)
		return nil
	}
	s := m.at(m.n)
	m.n++
	s.open(m, t)
	if m.cond.fault != "" && m.cfg.Triggered {
		m.settle(s, edge.Reject, edge.ReasonFault)
		m.pop()
		return nil
	}
	m.takeEarly(s)
	return s
}

// overrun rejects a part that got no slot.
func (m *Machine) overrun(t edge.Instant) {
	m.spilled = t
	m.stamp(&m.spill, t)
	m.book(func(_ *edge.Counts, x *Extra) { x.Overruns++ })
	m.finish(&m.spill, nil, edge.Reject, edge.ReasonOverrun)
}

// stamp makes v the empty verdict of the part triggered at t.
func (m *Machine) stamp(v *edge.Verdict, t edge.Instant) {
	regions := v.Regions[:0]
	*v = edge.Verdict{
		ID:      edge.EventID{Device: m.cfg.Device, Boot: m.cfg.Boot, Seq: m.seq},
		Trigger: t, Due: t.Add(m.cfg.Deadline), Wall: m.deps.Clock.Wall(),
		Recipe: m.cfg.Recipe, Model: m.model, Regions: regions,
	}
}

// Frame takes f over from the source.
func (m *Machine) Frame(f *edge.Frame) {
	m.lastFrame = m.deps.Clock.Now()
	m.cond.set(holdSource, "")
	s := m.owner(f)
	if s == nil {
		m.homeless(f)
		m.publish()
		return
	}
	m.attach(s, f)
	m.pop()
	m.publish()
}

// owner finds the part that f shows, or nil.
func (m *Machine) owner(f *edge.Frame) *slot {
	if !m.cfg.Triggered {
		return m.freeRunOwner(f)
	}
	if m.cond.has(holdPause) {
		return nil
	}
	for i := m.n - 1; i >= 0; i-- {
		s := m.at(i)
		if m.shows(s, f.At) && s.wants() {
			m.passOver(i)
			return s
		}
	}
	return nil
}

// homeless keeps a frame whose trigger may not have been heard of yet: news of
// an edge, which is debounced, can be slower than a frame. There is room for those
// of one part; the oldest beyond are strays.
func (m *Machine) homeless(f *edge.Frame) {
	if m.cfg.Triggered && !m.cond.has(holdPause) && f.At.After(m.latest) && (m.latest == 0 || m.spilled != m.latest) {
		m.early = append(m.early, f)
		if len(m.early) <= m.cfg.Frames {
			return
		}
		f = m.early[0]
		m.early = m.early[:copy(m.early, m.early[1:])]
	}
	m.stray(f)
}

func (m *Machine) stray(f *edge.Frame) {
	m.book(func(_ *edge.Counts, x *Extra) { x.Strays++ })
	m.deps.Release(f)
}

// takeEarly gives frames that were kept to the part that was just opened, if they
// show it.
func (m *Machine) takeEarly(s *slot) {
	for _, f := range m.early {
		if s.wants() && m.shows(s, f.At) {
			m.attach(s, f)
		} else {
			m.stray(f)
		}
	}
	m.early = m.early[:0]
}

// takeBack takes frames from s that turn out to be of a part behind it.
func (m *Machine) takeBack(s *slot) {
	for i := s.asked; m.cfg.Triggered && !s.settled && i < s.got; i++ {
		if !m.shows(s, s.frames[i].At) {
			m.early = slices.Insert(m.early, 0, s.frames[i:s.got]...)
			clear(s.frames[i:s.got])
			s.got = i
		}
	}
}

// ripe is when it is known whether s shows its next frame; zero: it is.
func (m *Machine) ripe(s *slot) edge.Instant {
	if !m.cfg.Triggered || m.cfg.TriggerNews == 0 || s.until != 0 || s.asked == s.got {
		return 0
	}
	return s.frames[s.asked].At.Add(m.cfg.TriggerNews - m.cfg.FrameDelay)
}

// shows reports whether a frame exposed at t is one of s and not of a part
// before or after it.
func (m *Machine) shows(s *slot, t edge.Instant) bool {
	first := s.v.Trigger.Add(m.cfg.FrameDelay)
	last := s.v.Trigger.Add(m.cfg.FrameTimeout)
	if t == 0 || first.After(t) || t.After(last) {
		return false
	}
	return s.until == 0 || s.until.Add(m.cfg.FrameDelay).After(t)
}

// passOver rejects parts older than the i-th that still wait for frames: frames
// come in order, so theirs never will.
func (m *Machine) passOver(i int) {
	for j := range i {
		if s := m.at(j); s.wants() {
			m.settle(s, edge.Reject, edge.ReasonNoFrame)
		}
	}
}

func (m *Machine) freeRunOwner(f *edge.Frame) *slot {
	t := f.At
	if t == 0 {
		t = m.deps.Clock.Now()
	}
	begins := m.group.next(f, t, &m.cfg)
	switch s := m.group.part; {
	case m.cond.has(holdPause):
		m.group.part = nil
	case begins:
		m.passOver(m.n)
		m.group.part = m.announce(t)
	case s != nil && !s.wants():
		return nil
	}
	return m.group.part
}

// attach gives f to s, which wants it.
func (m *Machine) attach(s *slot, f *edge.Frame) {
	if s.got == 0 {
		s.v.Frame = f.At
	}
	s.frames[s.got] = f
	s.got++
	switch {
	case m.cond.fault != "":
		m.settle(s, edge.Reject, edge.ReasonFault)
	case f.Flags != 0 || f.Check() != nil:
		m.settle(s, edge.Reject, edge.ReasonBadFrame)
	case m.cond.teaching:
		if s.got == len(s.frames) {
			m.settle(s, edge.Unknown, edge.ReasonNone)
		}
	case s.judge == nil:
		m.settle(s, edge.Reject, edge.ReasonFault)
	}
}

// Next returns the next frame to judge, or nil if there is none or the last
// one has not come back.
func (m *Machine) Next() *Job {
	if m.busy {
		return nil
	}
	for i := range m.n {
		s := m.at(i)
		if s.settled || s.asked == s.got || m.cond.teaching || m.ripe(s).After(m.deps.Clock.Now()) {
			continue
		}
		regions := m.job.Verdict.Regions[:0]
		m.job = Job{Judge: s.judge, Frame: s.frames[s.asked], part: s, index: s.asked, start: m.deps.Clock.Now()}
		m.job.Verdict.Regions, m.job.Verdict.ID = regions, s.v.ID
		s.asked++
		m.busy = true
		return &m.job
	}
	return nil
}

// Judged takes the job that Next gave back.
func (m *Machine) Judged(j *Job) {
	m.busy = false
	s := j.part
	s.judged++
	switch {
	case j.Panic != nil:
		m.fail(fmt.Sprintf("the judge panicked: %v; load the model again or another one, then reset", j.Panic))
	case s.settled:
		m.book(func(_ *edge.Counts, x *Extra) { x.TooLate++ })
	case j.Err != nil:
		m.book(func(_ *edge.Counts, x *Extra) { x.JudgeErrors++ })
		m.settle(s, edge.Reject, edge.ReasonFault)
	case !decided(j.Verdict.Decision) || math.IsNaN(j.Verdict.Score.Fused):
		m.settle(s, edge.Reject, edge.ReasonFault)
	default:
		s.tally(j)
		if j.Verdict.Decision == edge.Reject && unjudged(j.Verdict.Reason) {
			m.settle(s, edge.Reject, j.Verdict.Reason) // no other frame outvotes that
		} else if d, r, done := s.fuse(m.cfg.Rule); done {
			m.settle(s, d, r)
		}
	}
	if s.settled {
		s.release(m.deps.Release)
	}
	m.pop()
	m.publish()
}

// unjudged reports whether a judge rejects a frame since it cannot be judged.
func unjudged(r edge.Reason) bool {
	return r == edge.ReasonBadFrame || r == edge.ReasonMoved || r == edge.ReasonFault
}

func decided(d edge.Decision) bool { return d == edge.Accept || d == edge.Reject || d == edge.Unsure }

// Tick settles what has run out of time.
func (m *Machine) Tick() {
	now := m.deps.Clock.Now()
	if m.Hung(now) {
		m.fail(fmt.Sprintf("the judge has not answered for %v; restart the station", now.Sub(m.job.start).Round(time.Millisecond)))
	}
	for i := range m.n {
		s := m.at(i)
		switch {
		case s.settled:
		case s.wants() && now.After(s.v.Trigger.Add(m.cfg.FrameTimeout)):
			m.settle(s, edge.Reject, edge.ReasonNoFrame)
		case now.After(s.v.Due):
			m.settle(s, edge.Reject, edge.ReasonLate)
		}
	}
	if !m.cfg.Triggered && m.cfg.SourceStall > 0 && now.Sub(m.lastFrame) > m.cfg.SourceStall {
		m.cond.set(holdSource, "the camera is silent")
	}
	m.pop()
	m.publish()
}

// Wake is when Tick has something to do; zero: not before something happens.
func (m *Machine) Wake() edge.Instant {
	var first edge.Instant
	sooner := func(t edge.Instant) {
		if first == 0 || first.After(t) {
			first = t
		}
	}
	for i := range m.n {
		s := m.at(i)
		if s.settled {
			continue
		}
		sooner(s.v.Due + 1)
		if t := m.ripe(s); t != 0 && !m.busy && !m.cond.teaching { // though it be past: Next may have come before it
			sooner(t)
		}
		if s.wants() {
			sooner(s.v.Trigger.Add(m.cfg.FrameTimeout) + 1)
		}
	}
	if m.busy && m.cond.fault == "" {
		sooner(m.job.start.Add(m.cfg.JudgeLimit) + 1)
	}
	if !m.cfg.Triggered && m.cfg.SourceStall > 0 && !m.cond.has(holdSource) {
		sooner(m.lastFrame.Add(m.cfg.SourceStall) + 1)
	}
	return first
}

// Hung reports whether the judge has had a frame for longer than JudgeLimit.
func (m *Machine) Hung(now edge.Instant) bool {
	return m.busy && now.Sub(m.job.start) > m.cfg.JudgeLimit
}

// SourceDown makes the line NOT_READY until the next frame.
func (m *Machine) SourceDown(err error) {
	m.group = group{}
	m.cond.set(holdSource, fmt.Sprintf("camera: %v", err))
	m.publish()
}

// Confirm counts n pulses that a confirmation sensor saw.
func (m *Machine) Confirm(n int) {
	m.book(func(c *edge.Counts, _ *Extra) { c.Confirmed += uint64(n) })
}

// fail makes the line FAULT and rejects every part in it. The first reason stays.
func (m *Machine) fail(reason string) {
	if m.cond.fault == "" {
		m.cond.fault = reason
	}
	for i := range m.n {
		if s := m.at(i); !s.settled {
			m.settle(s, edge.Reject, edge.ReasonFault)
		}
	}
}

// Fail makes the line FAULT from outside: a ledger that was
// lost, an output that no longer answers.
func (m *Machine) Fail(reason string) {
	m.fail(reason)
	m.pop()
	m.publish()
}

// Alarm makes the line NOT_READY until Reset.
func (m *Machine) Alarm(reason string) {
	m.cond.set(holdAlarm, reason)
	m.publish()
}

// EndOfFrames rejects parts that wait for frames: there will be none.
func (m *Machine) EndOfFrames() {
	for i := range m.n {
		if s := m.at(i); s.wants() {
			m.settle(s, edge.Reject, edge.ReasonNoFrame)
		}
	}
	m.cond.set(holdSource, "the source has ended")
	m.pop()
	m.publish()
}

// Abort rejects whatever is open, at the end of a run.
func (m *Machine) Abort() {
	for i := range m.n {
		if s := m.at(i); !s.settled {
			m.settle(s, edge.Reject, edge.ReasonFault)
		}
	}
	for _, f := range m.early {
		m.stray(f)
	}
	m.early = m.early[:0]
	m.cond.set(holdSource, "stopped")
	m.pop()
	m.publish()
}
