package gpio

import "winnow/edge"

// insert keeps the queue in order; pulses mostly come in order.
func (c *channel) insert(p Pulse) {
	c.queue = append(c.queue, p)
	for i := len(c.queue) - 1; i > 0 && c.queue[i-1].At.After(p.At); i-- {
		c.queue[i], c.queue[i-1] = c.queue[i-1], c.queue[i]
	}
}

// take takes the first pulse off the queue if it may start now; else it returns
// when it may, zero for an empty queue. What it took before is over.
func (s *Scheduler) take(c *channel, now edge.Instant) (p Pulse, start edge.Instant, ok bool) {
	LockSoon(&s.mu)
	defer s.mu.Unlock()
	c.taken = false
	if len(c.queue) == 0 {
		return p, 0, false
	}
	p, start = c.queue[0], c.queue[0].At
	if c.used {
		start = max(start, c.last.Add(c.DeadTime), c.latest.Add(c.MinPeriod))
	}
	if start.After(now) {
		return p, start, false
	}
	c.remove(0)
	c.taken = true
	return p, start, true
}

// overdue takes the first pulse off the queue if it is too late for it.
func (s *Scheduler) overdue(c *channel, now edge.Instant) (Pulse, bool) {
	LockSoon(&s.mu)
	defer s.mu.Unlock()
	if c.Shift || len(c.queue) == 0 || now.Sub(c.queue[0].At) <= c.tolerance(c.queue[0]) {
		return Pulse{}, false
	}
	p := c.queue[0]
	c.remove(0)
	return p, true
}

// remove takes the i-th pulse out of the queue.
func (c *channel) remove(i int) { c.queue = append(c.queue[:i], c.queue[i+1:]...) }

// mergeable takes the first pulse off the queue if it belongs to the one that is
// on. One that may still be withdrawn does not yet.
func (s *Scheduler) mergeable(c *channel, now edge.Instant) (Pulse, bool) {
	LockSoon(&s.mu)
	defer s.mu.Unlock()
	if !c.Merge || len(c.queue) == 0 {
		return Pulse{}, false
	}
	p := c.queue[0]
	if s.hold.stops(p) || p.Until.After(now) {
		return Pulse{}, false
	}
	if p.At.After(c.ends.Add(c.MinGap)) && p.At.Sub(c.latest) >= c.MinPeriod {
		return Pulse{}, false
	}
	c.remove(0)
	return p, true
}

// sooner is end, or before it the instant at which the first pulse can no longer
// be withdrawn and may belong to the one that is on.
func (s *Scheduler) sooner(c *channel, end edge.Instant) edge.Instant {
	LockSoon(&s.mu)
	defer s.mu.Unlock()
	if len(c.queue) > 0 && c.queue[0].Until.After(s.clock.Now()) {
		return min(end, c.queue[0].Until)
	}
	return end
}

// Withdraw takes back the pulse of a part that turned out good. It returns false
// if there is none, or if it has begun.
func (s *Scheduler) Withdraw(ch int, id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.channels[ch]
	i := c.undecided(id)
	if i >= 0 {
		c.remove(i)
	}
	return i >= 0
}

// Decide says that the pulse of a part can no longer be withdrawn.
func (s *Scheduler) Decide(ch int, id uint64) {
	if disturb := s.decide(ch, id); disturb != nil {
		disturb() // it may belong to the one that is on
	}
}

// decide returns the wake that is needed, as enqueue does.
func (s *Scheduler) decide(ch int, id uint64) (disturb func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.channels[ch]
	i := c.undecided(id)
	if i < 0 {
		return nil
	}
	c.queue[i].Until = 0
	return s.disturb
}

// undecided finds a pulse that may be withdrawn, -1 if there is none.
func (c *channel) undecided(id uint64) int {
	for i := range c.queue {
		if p := &c.queue[i]; p.ID == id && p.Until != 0 {
			return i
		}
	}
	return -1
}
