package gpio

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"winnow/edge"
)

// ConfirmConfig of the sensor that sees rejected parts fall.
type ConfirmConfig struct {
	Within time.Duration // from the start of a pulse until its part must have been seen
	// JamAfter: a sensor that is active for longer has something before it; 0:
	// not watched.
	JamAfter time.Duration
	Capacity int // pulses that may wait for their part; 0: 64
}

// Confirmer matches reject pulses with what the confirmation sensor sees: the
// oldest open pulse is confirmed by the first activation within its window. Where windows
// overlap the sensor tells how many parts fell and not which: a part that is Unseen may
// stand for one that was fired at before it, within its own window. It decides and never
// waits: Tick does what is due. It is safe for concurrent use.
type Confirmer struct {
	cfg  ConfirmConfig
	tell func(Confirmation)

	mu     sync.Mutex
	open   []awaited    // by start
	fallen []target     // that were confirmed, the latest last
	since  edge.Instant // of the present activation
	active bool
	jammed bool
}

// target is a part before an actuator.
type target struct {
	id      uint64
	channel int
}

type awaited struct {
	target
	start  edge.Instant // of its first pulse
	latest edge.Instant // start of its latest
}

// recentFallen is more than are before the actuators at once.
const recentFallen = 64

// Finding of a Confirmer.
type Finding uint8

// Findings.
const (
	Confirmed  Finding = iota // the part of pulse ID was seen
	Unseen                    // it was not: it may have escaped
	Unexpected                // something fell that nobody rejected
	Jammed                    // the sensor does not come free
	Freed                     // it came free again
)

func (f Finding) String() string {
	return [...]string{"confirmed", "unseen", "unexpected", "jammed", "freed"}[f]
}

// Confirmation is what a Confirmer found.
type Confirmation struct {
	Finding Finding
	ID      uint64       // of the part, for Confirmed and Unseen
	At      edge.Instant // of the sensor's edge, or of the end of the wait
}

// NewConfirmer tells its findings to tell, which must neither block nor call back.
func NewConfirmer(c ConfirmConfig, tell func(Confirmation)) (*Confirmer, error) {
	if c.Within <= 0 || c.JamAfter < 0 || c.Capacity < 0 {
		return nil, fmt.Errorf("confirmation sensor: within %v, jam after %v: give times above 0", c.Within, c.JamAfter)
	}
	if tell == nil {
		return nil, errors.New("confirmation sensor: nobody is told")
	}
	if c.Capacity == 0 {
		c.Capacity = 64
	}
	return &Confirmer{cfg: c, tell: tell, open: make([]awaited, 0, c.Capacity), fallen: make([]target, 0, recentFallen)}, nil
}

// Fired opens a wait for the part of a pulse that begins: give it what
// Scheduler.OnBegin tells, and each merged Record. A merged pulse waits for its
// part from its own At. A part that gets several pulses of an actuator falls once, within its
// time from the last of them. A part too many to wait for counts as unseen.
func (c *Confirmer) Fired(r Record) {
	start := r.Start
	switch r.Outcome {
	case Fired:
	case Merged:
		start = max(r.At, r.Start)
	default:
		return
	}
	LockSoon(&c.mu)
	defer c.mu.Unlock()
	at := target{r.ID, r.Channel}
	if slices.Contains(c.fallen, at) {
		return
	}
	if i := slices.IndexFunc(c.open, func(a awaited) bool { return a.target == at }); i >= 0 {
		c.open[i].latest = max(c.open[i].latest, start)
		return
	}
	if len(c.open) == cap(c.open) {
		c.tell(Confirmation{Unseen, r.ID, start})
		return
	}
	c.open = append(c.open, awaited{at, start, start})
	for i := len(c.open) - 1; i > 0 && c.open[i-1].start.After(c.open[i].start); i-- {
		c.open[i], c.open[i-1] = c.open[i-1], c.open[i]
	}
}

// Sensor takes an accepted change of the sensor.
func (c *Confirmer) Sensor(ch Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(ch.At)
	c.active, c.since = ch.Active, ch.At
	if !ch.Active {
		if c.jammed {
			c.jammed = false
			c.tell(Confirmation{Finding: Freed, At: ch.At})
		}
		return
	}
	if len(c.open) == 0 || c.open[0].start.After(ch.At) {
		c.tell(Confirmation{Finding: Unexpected, At: ch.At})
		return
	}
	c.tell(Confirmation{Confirmed, c.open[0].id, ch.At})
	if len(c.fallen) == recentFallen {
		c.fallen = c.fallen[:copy(c.fallen, c.fallen[1:])]
	}
	c.fallen = append(c.fallen, c.open[0].target)
	c.open = c.open[:copy(c.open, c.open[1:])]
}

// Tick does what is due at now and returns when it next has something to do;
// zero: not before something happens.
func (c *Confirmer) Tick(now edge.Instant) edge.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	var next edge.Instant
	for _, a := range c.open {
		if t := a.latest.Add(c.cfg.Within) + 1; next == 0 || next.After(t) {
			next = t
		}
	}
	if c.watchesJam() && (next == 0 || next.After(c.jamAt())) {
		next = c.jamAt()
	}
	return next
}

func (c *Confirmer) watchesJam() bool    { return c.active && !c.jammed && c.cfg.JamAfter > 0 }
func (c *Confirmer) jamAt() edge.Instant { return c.since.Add(c.cfg.JamAfter) + 1 }

// expire is called with mu held.
func (c *Confirmer) expire(now edge.Instant) {
	c.open = slices.DeleteFunc(c.open, func(a awaited) bool {
		unseen := now.Sub(a.latest) > c.cfg.Within
		if unseen {
			c.tell(Confirmation{Unseen, a.id, now})
		}
		return unseen
	})
	if c.watchesJam() && now >= c.jamAt() {
		c.jammed = true
		c.tell(Confirmation{Finding: Jammed, At: now})
	}
}
