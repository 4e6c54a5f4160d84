// Package sim is a GPIO chip in memory: named lines that record every edge with
// its time, inputs that a test moves, and errors on demand. It shows what the
// real wires would have shown; it knows nothing of what they are for.
package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	pin "periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"winnow/edge"
	"winnow/gpio"
)

// Edge is one change of a line's level, or its first request as an output.
type Edge struct {
	At    edge.Instant
	Level pin.Level
}

// eventQueue is how many edges may wait for whoever watches an input, as in the
// kernel; what is beyond is lost and said so.
const eventQueue = 1024

// Chip holds lines by number. It is safe for concurrent use.
type Chip struct {
	clock edge.Clock
	mu    sync.Mutex
	lines map[int]*Pin
}

// NewChip stamps edges by clock. Lines are inputs at Low until used otherwise.
func NewChip(clock edge.Clock) *Chip { return &Chip{clock: clock, lines: map[int]*Pin{}} }

// Line returns line n, the same each time.
func (c *Chip) Line(n int) *Pin {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines[n] == nil {
		c.lines[n] = &Pin{clock: c.clock, number: n, events: make(chan gpio.Event, eventQueue), halt: make(chan struct{}, 1)}
	}
	return c.lines[n]
}

// Pin is one line of a Chip. It implements periph's gpio.PinIO and gpio.Events
// and is safe for concurrent use.
type Pin struct {
	number int
	clock  edge.Clock
	halt   chan struct{}

	mu      sync.Mutex
	events  chan gpio.Event
	index   int // in the group that shares events
	level   pin.Level
	out     bool
	pull    pin.Pull
	edge    pin.Edge
	fail    error
	history []Edge
	changes [2]int // to low and to high, the first request apart
	begun   bool
	quiet   bool
	lost    uint32
	wires   []*Pin
}

// Drive sets the level of an input from outside, as a sensor would. An output
// stands against it.
func (p *Pin) Drive(level pin.Level) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.out {
		p.change(level)
	}
}

// Wire makes other follow this line, as a sensor that sees the actuator would.
func (p *Pin) Wire(other *Pin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wires = append(p.wires, other)
}

// Unwire cuts what follows this line off.
func (p *Pin) Unwire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wires = nil
}

// Fail makes Out, In and Level fail with err from now on; nil mends the line.
func (p *Pin) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

// Quiet stops recording edges, for runs of millions; Rises counts on.
func (p *Pin) Quiet() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quiet = true
}

// Edges returns what happened to the line.
func (p *Pin) Edges() []Edge {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Edge(nil), p.history...)
}

// Rises counts the changes to l after the first edge: pulses, if l is on.
func (p *Pin) Rises(l pin.Level) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changes[index(l)]
}

func index(l pin.Level) int {
	if l {
		return 1
	}
	return 0
}

// change is called with mu held.
func (p *Pin) change(level pin.Level) {
	if level == p.level {
		return
	}
	p.level = level
	now := p.clock.Now()
	p.note(Edge{At: now, Level: level})
	if !p.out && p.sees(level) {
		select {
		case p.events <- gpio.Event{At: now, Level: level, Lost: p.lost, Line: p.index}:
			p.lost = 0
		default:
			p.lost++
		}
	}
	for _, w := range p.wires {
		w.Drive(level)
	}
}

func (p *Pin) note(e Edge) {
	if p.begun {
		p.changes[index(e.Level)]++
	}
	p.begun = true
	if !p.quiet {
		p.history = append(p.history, e)
	}
}

func (p *Pin) sees(level pin.Level) bool {
	return p.edge == pin.BothEdges || p.edge == pin.RisingEdge && level == pin.High || p.edge == pin.FallingEdge && level == pin.Low
}

// Out makes the line an output at level, in one step.
func (p *Pin) Out(level pin.Level) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	if !p.out {
		p.out, p.level = true, level
		p.note(Edge{At: p.clock.Now(), Level: level})
		for _, w := range p.wires {
			w.Drive(level)
		}
		return nil
	}
	p.change(level)
	return nil
}

// In makes the line an input, at the level of its pull, and forgets old edges and halts.
func (p *Pin) In(pull pin.Pull, e pin.Edge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.out, p.pull, p.edge = false, pull, pin.NoEdge
	if pull == pin.PullUp || pull == pin.PullDown {
		p.change(pull == pin.PullUp)
	}
	p.edge = e
	p.forget()
	return nil
}

// forget drops edges and halts of an earlier use.
func (p *Pin) forget() {
	for {
		select {
		case <-p.events:
		case <-p.halt:
		default:
			return
		}
	}
}

// Read returns the level, of an output too.
func (p *Pin) Read() pin.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level
}

// Level is Read, unless the line fails.
func (p *Pin) Level() (pin.Level, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level, p.fail
}

// WaitForEdge waits in real time; -1 waits until an edge or Halt.
func (p *Pin) WaitForEdge(timeout time.Duration) bool {
	if timeout < 0 {
		_, err := p.wait(nil, nil)
		return err == nil
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	_, err := p.wait(nil, t.C)
	return err == nil
}

// WaitForEvent returns the next edge, gpio.ErrHalted after Halt, or ctx's error.
func (p *Pin) WaitForEvent(ctx context.Context) (gpio.Event, error) {
	e, err := p.wait(ctx.Done(), nil)
	if errors.Is(err, errGaveUp) {
		err = ctx.Err()
	}
	return e, err
}

var errGaveUp = errors.New("gave up waiting")

func (p *Pin) wait(done <-chan struct{}, late <-chan time.Time) (gpio.Event, error) {
	p.mu.Lock()
	events := p.events
	p.mu.Unlock()
	select {
	case e := <-events:
		return e, nil
	default:
	}
	select {
	case e := <-events:
		return e, nil
	case <-p.halt:
		return gpio.Event{}, gpio.ErrHalted
	case <-done:
	case <-late:
	}
	return gpio.Event{}, errGaveUp
}

// Halt ends one WaitForEdge or WaitForEvent, the next if none waits.
func (p *Pin) Halt() error {
	select {
	case p.halt <- struct{}{}:
	default:
	}
	return nil
}

// String, Name, Number, Function, Pull, DefaultPull and PWM complete gpio.PinIO.
func (p *Pin) String() string { return p.Name() }

// Name of the line.
func (p *Pin) Name() string { return fmt.Sprintf("sim:%d", p.number) }

// Number of the line on its chip.
func (p *Pin) Number() int { return p.number }

// Function is "In" or "Out".
func (p *Pin) Function() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		return "Out"
	}
	return "In"
}

// Pull that was last asked for.
func (p *Pin) Pull() pin.Pull {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pull
}

// DefaultPull is unknown.
func (*Pin) DefaultPull() pin.Pull { return pin.PullNoChange }

// PWM is not simulated.
func (*Pin) PWM(pin.Duty, physic.Frequency) error {
	return errors.New("a simulated line has no PWM")
}

var (
	_ pin.PinIO   = (*Pin)(nil)
	_ gpio.Events = (*Pin)(nil)
)
