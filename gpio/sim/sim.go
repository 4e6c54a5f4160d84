// Package sim is a GPIO chip made of memory: lines behind periph's gpio.PinIO
// that record every edge, for the demo and for tests. It fails on demand.
package sim

import (
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"winnow/edge"
)

// Edge is one change of a line.
type Edge struct {
	At    edge.Instant
	Level gpio.Level
}

// Chip holds lines by number. It is safe for concurrent use.
type Chip struct {
	clock edge.Clock
	mu    sync.Mutex
	lines map[int]*Pin
}

// NewChip stamps edges by clock.
func NewChip(clock edge.Clock) *Chip { return &Chip{clock: clock, lines: map[int]*Pin{}} }

// Line returns line n, the same each time.
func (c *Chip) Line(n int) *Pin {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines[n] == nil {
		c.lines[n] = &Pin{chip: c, number: n, edges: make(chan struct{}, 1)}
	}
	return c.lines[n]
}

// Pin is one line. It is an input until Out is called.
type Pin struct {
	chip   *Chip
	number int
	edges  chan struct{}

	mu      sync.Mutex
	level   gpio.Level
	output  bool
	want    gpio.Edge
	history []Edge
	fail    error
}

var _ gpio.PinIO = (*Pin)(nil)

// String, Name, Number and Function describe the line.
func (p *Pin) String() string   { return p.Name() }
func (p *Pin) Name() string     { return fmt.Sprintf("sim:%d", p.number) }
func (p *Pin) Number() int      { return p.number }
func (p *Pin) Function() string { return "" }

// Halt ends edge detection; the level stays.
func (p *Pin) Halt() error { p.wake(); return nil }

// Out makes the line an output and drives it.
func (p *Pin) Out(l gpio.Level) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	if !p.output || p.level != l {
		p.history = append(p.history, Edge{p.chip.clock.Now(), l})
	}
	p.output, p.level = true, l
	return nil
}

// PWM is not supported.
func (p *Pin) PWM(gpio.Duty, physic.Frequency) error { return fmt.Errorf("%s: no PWM", p) }

// In makes the line an input.
func (p *Pin) In(_ gpio.Pull, e gpio.Edge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.output, p.want = false, e
	return nil
}

// Read returns the level and changes nothing.
func (p *Pin) Read() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level
}

// WaitForEdge waits for an edge that In asked for; -1 waits for ever.
func (p *Pin) WaitForEdge(timeout time.Duration) bool {
	if timeout < 0 {
		<-p.edges
		return true
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-p.edges:
		return true
	case <-t.C:
		return false
	}
}

// Pull and DefaultPull: simulated lines have no resistors.
func (p *Pin) Pull() gpio.Pull        { return gpio.PullNoChange }
func (p *Pin) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// Drive sets the level of an input from outside, as a sensor would.
func (p *Pin) Drive(l gpio.Level) {
	p.mu.Lock()
	changed := p.level != l && !p.output
	if changed {
		p.level = l
		p.history = append(p.history, Edge{p.chip.clock.Now(), l})
	}
	seen := changed && (p.want == gpio.BothEdges || p.want == gpio.RisingEdge && bool(l) || p.want == gpio.FallingEdge && !bool(l))
	p.mu.Unlock()
	if seen {
		p.wake()
	}
}

func (p *Pin) wake() {
	select {
	case p.edges <- struct{}{}:
	default:
	}
}

// Fail makes every further call return err; nil heals the line.
func (p *Pin) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

// Edges returns all that the line has done; the first is the level that it was
// requested with.
func (p *Pin) Edges() []Edge {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Edge(nil), p.history...)
}

// Rises counts the changes to l after the first edge: pulses, if l is on.
func (p *Pin) Rises(l gpio.Level) int {
	n := 0
	for i, e := range p.Edges() {
		if i > 0 && e.Level == l {
			n++
		}
	}
	return n
}
