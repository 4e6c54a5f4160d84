package gpio

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"winnow/edge"
)

// Signal is one line of the handshake with a PLC.
type Signal uint8

// Signals. All are outputs; ACK comes in through Handshake.Ack.
const (
	Ready       Signal = iota // inspects, and rejects are fired
	Busy                      // a part is being judged
	ResultValid               // the four below belong to the part just judged
	AcceptOut
	RejectOut
	UnsureOut
	ErrorOut  // FAULT
	StopOut   // a reject limit, a jam or a missed part wants the conveyor stopped
	Heartbeat // changes at each beat of progress
	signals
)

func (s Signal) String() string {
	return [...]string{"READY", "BUSY", "RESULT_VALID", "ACCEPT", "REJECT", "UNSURE", "ERROR", "STOP", "HEARTBEAT"}[s]
}

// HandshakeConfig says how results are handed over.
type HandshakeConfig struct {
	// Hold is how long a result stands, and RESULT VALID rests at least as long
	// before the next. With Acknowledge it is how long to wait for ACK, and where a
	// result waits for ACK to go: a PLC that does not answer in it has missed a result.
	Hold        time.Duration
	Acknowledge bool
	Queue       int // results that may wait for their turn; 0: 8
}

// Handshake shows a PLC what the line does. A result's lines are set first,
// RESULT VALID after them, and RESULT VALID falls before they change: whoever
// reads them while it is active reads one result. With Acknowledge it does not
// rise again before ACK has fallen. It decides and never waits:
// Tick does what is due. Outputs that are not wired are nil. It is safe for
// concurrent use; output errors are returned by the call that met them.
type Handshake struct {
	cfg  HandshakeConfig
	outs [signals]Switch

	mu     sync.Mutex
	queue  []edge.Decision
	on     bool         // a result stands
	until  edge.Instant // a result stands, or RESULT VALID rests
	ack    bool         // ACK is active
	free   edge.Instant // when ACK should have gone, which a result waits for; zero: none does, or it has been told
	held   bool         // a result waits for ACK to go
	beat   bool
	missed uint64
}

// NewHandshake takes the outputs that are wired.
func NewHandshake(c HandshakeConfig, outs map[Signal]Switch) (*Handshake, error) {
	if c.Hold <= 0 || c.Queue < 0 {
		return nil, fmt.Errorf("handshake: hold %v: give a time above 0", c.Hold)
	}
	if c.Queue == 0 {
		c.Queue = 8
	}
	h := &Handshake{cfg: c, queue: make([]edge.Decision, 0, c.Queue)}
	for s, o := range outs {
		if s >= signals {
			return nil, fmt.Errorf("handshake: no signal %d", s)
		}
		h.outs[s] = o
	}
	return h, nil
}

func (h *Handshake) set(s Signal, active bool) error {
	if h.outs[s] == nil {
		return nil
	}
	return h.outs[s].Set(active)
}

// Show sets the lines that follow the line's state.
func (h *Handshake) Show(ready, busy, fault, stop bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.set(Ready, ready), h.set(Busy, busy), h.set(ErrorOut, fault), h.set(StopOut, stop))
}

// Beat changes HEARTBEAT; call it where progress was made, never from a timer.
func (h *Handshake) Beat() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beat = !h.beat
	return h.set(Heartbeat, h.beat)
}

// Result hands a decision over at now. Anything but Accept and Unsure shows as
// REJECT. A result that finds the queue full is missed.
func (h *Handshake) Result(d edge.Decision, now edge.Instant) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == cap(h.queue) {
		h.missed++
		return nil
	}
	h.queue = append(h.queue, d)
	defer h.awaitAck(now)
	return h.next(now)
}

// Ack follows the PLC's ACK: as it comes the result is taken off, and when it has
// gone the next may come.
func (h *Handshake) Ack(active bool, now edge.Instant) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ack = active
	if !h.cfg.Acknowledge {
		return nil
	}
	defer h.awaitAck(now)
	if h.on && active {
		return h.takeOff(now)
	}
	return h.next(now)
}

// Tick does what is due at now and returns when it next has something to do;
// zero: not before something happens.
func (h *Handshake) Tick(now edge.Instant) (edge.Instant, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	if h.on && now >= h.until {
		if h.cfg.Acknowledge {
			h.missed++
		}
		err = h.takeOff(now)
	}
	err = errors.Join(err, h.next(now))
	h.awaitAck(now)
	if h.free != 0 && now >= h.free {
		h.missed++
		h.free = 0
	}
	if h.on || h.waits() {
		return h.until, err
	}
	return h.free, err
}

// awaitAck notes until when ACK should have gone if a result waits for that.
func (h *Handshake) awaitAck(now edge.Instant) {
	held := !h.on && len(h.queue) > 0 && !h.waits()
	switch {
	case !held:
		h.free = 0
	case !h.held:
		h.free = now.Add(h.cfg.Hold)
	}
	h.held = held
}

// waits reports whether a result waits for time to pass.
func (h *Handshake) waits() bool { return len(h.queue) > 0 && !(h.cfg.Acknowledge && h.ack) }

// Missed counts results that the PLC has not taken.
func (h *Handshake) Missed() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.missed
}

// leastRest is how long RESULT VALID rests at least where results are
// acknowledged.
const leastRest = time.Millisecond

func (h *Handshake) takeOff(now edge.Instant) error {
	h.on, h.until = false, now.Add(h.cfg.Hold)
	if h.cfg.Acknowledge {
		h.until = now.Add(leastRest)
	}
	return h.set(ResultValid, false)
}

// next puts the oldest waiting result on, if none stands and RESULT VALID has rested.
func (h *Handshake) next(now edge.Instant) error {
	if h.on || !h.waits() || h.until.After(now) {
		return nil
	}
	d := h.queue[0]
	h.queue = h.queue[:copy(h.queue, h.queue[1:])]
	h.on, h.until = true, now.Add(h.cfg.Hold)
	err := errors.Join(
		h.set(AcceptOut, d == edge.Accept),
		h.set(UnsureOut, d == edge.Unsure),
		h.set(RejectOut, d != edge.Accept && d != edge.Unsure))
	if err != nil {
		return err // not valid then
	}
	return h.set(ResultValid, true)
}
