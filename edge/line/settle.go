package line

import (
	"fmt"

	"winnow/edge"
)

// slot is one open part. Its memory is taken once.
type slot struct {
	v      edge.Verdict
	until  edge.Instant // trigger of the part behind it; 0: none yet
	judge  Judge
	frames []*edge.Frame // as they came
	got    int           // frames in hand
	asked  int           // of them handed to the judge
	judged int           // of them returned by it

	settled                   bool
	accepts, rejects, unsures int
	sum, worst                float64
	anyReason                 edge.Reason
}

func (s *slot) init(frames int) {
	s.frames = make([]*edge.Frame, frames)
	s.v.Regions = make([]edge.Region, 0, edge.MaxRegions)
}

func (s *slot) open(m *Machine, t edge.Instant) {
	clear(s.frames)
	*s = slot{v: s.v, frames: s.frames, judge: m.judge}
	m.stamp(&s.v, t)
}

// wants reports whether s waits for a frame.
func (s *slot) wants() bool { return !s.settled && s.got < len(s.frames) }

// idle reports whether the judge has none of s's frames.
func (s *slot) idle() bool { return s.asked == s.judged }

// release gives frames back that nobody reads any more: those that the judge
// has, it still reads.
func (s *slot) release(put func(*edge.Frame)) {
	for i, f := range s.frames[:s.got] {
		if f != nil && (i < s.judged || i >= s.asked) {
			s.frames[i] = nil
			put(f)
		}
	}
}

// tally adds one judged frame; the verdict shows the worst one, and says if others were not
// accepted either.
func (s *slot) tally(j *Job) {
	v := &j.Verdict
	switch v.Decision {
	case edge.Accept:
		s.accepts++
	case edge.Reject:
		s.rejects++
	default:
		s.unsures++
	}
	s.sum += v.Score.Fused
	first := s.accepts+s.rejects+s.unsures == 1
	if first || v.Score.Fused > s.worst {
		s.worst = v.Score.Fused
		s.v.Score, s.v.Heatmap, s.v.Judged, s.v.Nearest = v.Score, v.Heatmap, v.Judged, v.Nearest
		s.v.Missing, s.v.Wide, s.v.Shift, s.v.Unnamed = v.Missing, v.Wide, v.Shift, v.Unnamed
		s.v.Regions = append(s.v.Regions[:0], v.Regions[:min(len(v.Regions), edge.MaxRegions)]...)
	}
	s.v.Unnamed = s.v.Unnamed || s.rejects+s.unsures > 1 // regions are those of one frame
	s.v.Scored = j.Done
	if v.Decision == edge.Reject || s.anyReason == "" {
		s.anyReason = v.Reason
	}
}

// fuse says what becomes of the part, once that is certain.
func (s *slot) fuse(r Rule) (edge.Decision, edge.Reason, bool) {
	k := len(s.frames)
	if r == Any && s.rejects > 0 || r == Majority && 2*s.rejects > k {
		return edge.Reject, s.anyReason, true
	}
	if s.judged < k {
		return edge.Unknown, edge.ReasonNone, false
	}
	if r == Mean {
		return s.fuseMean()
	}
	switch {
	case r == Any && s.unsures > 0, r == Majority && 2*s.accepts <= k:
		return edge.Unsure, edge.ReasonUnsure, true
	}
	return edge.Accept, edge.ReasonNone, true
}

// fuseMean compares the mean score with the threshold. A mean below it is an
// Accept only if the frames by themselves lean that way. One frame is what its
// judge says it is.
func (s *slot) fuseMean() (edge.Decision, edge.Reason, bool) {
	k := len(s.frames)
	mean := s.sum / float64(k)
	switch {
	case s.rejects == k || !(mean <= s.v.Score.Threshold):
		return edge.Reject, edge.ReasonScore, true
	case 2*s.accepts <= k:
		return edge.Unsure, edge.ReasonUnsure, true
	}
	if k > 1 {
		s.v.Score.Fused = mean
	}
	return edge.Accept, edge.ReasonNone, true
}

// settle gives s its one verdict.
func (m *Machine) settle(s *slot, d edge.Decision, r edge.Reason) {
	s.settled = true
	var shown *edge.Frame
	if s.got > 0 {
		shown = s.frames[s.got-1]
	}
	m.finish(&s.v, shown, d, r)
	s.release(m.deps.Release)
}

// finish decides v, has it acted upon, counted and recorded, in that order:
// what is slow comes last.
func (m *Machine) finish(v *edge.Verdict, f *edge.Frame, d edge.Decision, r edge.Reason) {
	now := m.deps.Clock.Now()
	v.Decision, v.Reason = d, r
	if v.Scored == 0 {
		v.Scored = now
	}
	if decided(d) && resultOf(v) {
		v.Late(now)
	}
	m.act(v)
	m.enter(v)
	if m.deps.Recorder != nil && !m.deps.Recorder.Record(v, f) {
		m.book(func(c *edge.Counts, _ *Extra) { c.Dropped++ })
	}
}

// act has v acted upon, as far as nobody holds the actuators.
func (m *Machine) act(v *edge.Verdict) {
	if m.cond.armed() {
		m.deps.Actuator.Act(v)
		return
	}
	if h, ok := m.deps.Actuator.(Holder); ok && !m.cond.teaching {
		h.Hold(v)
		return
	}
	if a, ok := m.deps.Actuator.(Announcer); ok {
		a.Forget(v.ID.Seq)
	}
}

// resultOf reports whether v says something about the part, if only that it
// came too late.
func resultOf(v *edge.Verdict) bool {
	switch v.Reason {
	case edge.ReasonNoFrame, edge.ReasonBadFrame, edge.ReasonFault, edge.ReasonOverrun:
		return false
	}
	return v.Decision != edge.Unknown
}

// enter books v in the ledger.
func (m *Machine) enter(v *edge.Verdict) {
	m.book(func(c *edge.Counts, _ *Extra) {
		m.open--
		switch {
		case !resultOf(v):
			c.NoResult++
		case v.Decision == edge.Accept:
			c.Accept++
		case v.Decision == edge.Unsure:
			c.Unsure++
		default:
			c.Reject++
		}
		if v.Reason == edge.ReasonLate {
			c.Late++
		}
		m.times.Add(v.Latency())
	})
	if m.cond.armed() && m.limits.add(v.Decision != edge.Accept) { // else nothing is rejected
		m.cond.set(holdLimit, m.limits.reason())
	}
}

// pop closes parts at the head that are settled and out of the judge's hands.
func (m *Machine) pop() {
	for m.n > 0 && m.at(0).settled && m.at(0).idle() {
		m.at(0).release(m.deps.Release)
		m.at(0).judge = nil
		m.head = (m.head + 1) % len(m.ring)
		m.n--
	}
	m.retire()
}

// limiter watches for too many rejects.
type limiter struct {
	Limits
	run    int
	recent []bool // the last Window parts
	next   int
	sum    int
}

func newLimiter(l Limits) limiter { return limiter{Limits: l, recent: make([]bool, l.Window)} }

// add books a part and reports whether a limit is reached.
func (l *limiter) add(rejected bool) bool {
	l.run++
	if !rejected {
		l.run = 0
	}
	if len(l.recent) > 0 {
		if l.recent[l.next] {
			l.sum--
		}
		if rejected {
			l.sum++
		}
		l.recent[l.next] = rejected
		l.next = (l.next + 1) % len(l.recent)
	}
	return l.tooLong() || l.tooMany()
}

func (l *limiter) tooLong() bool { return l.Consecutive > 0 && l.run >= l.Consecutive }
func (l *limiter) tooMany() bool { return l.Rejects > 0 && l.sum >= l.Rejects }

func (l *limiter) reason() string {
	if l.tooLong() {
		return fmt.Sprintf("%d rejects in a row; look at the lamp and the product, then reset", l.run)
	}
	return fmt.Sprintf("%d rejects in the last %d parts; look at the lamp and the product, then reset", l.sum, len(l.recent))
}

func (l *limiter) reset() { *l = newLimiter(l.Limits) }
