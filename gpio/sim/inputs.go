package sim

import (
	"context"
	"fmt"

	"winnow/gpio"
)

// Inputs are several lines whose edges come through one queue, in order. It
// implements gpio.Group.
type Inputs struct {
	pins   []*Pin
	events chan gpio.Event
}

var _ gpio.Group = (*Inputs)(nil)

// Inputs makes the lines inputs and watches both edges of each.
func (c *Chip) Inputs(lines ...int) (*Inputs, error) {
	g := &Inputs{events: make(chan gpio.Event, eventQueue)}
	for i, n := range lines {
		p := c.Line(n)
		if err := p.In(gpio.PullNoChange, gpio.BothEdges); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		p.watch(g.events, i)
		g.pins = append(g.pins, p)
	}
	return g, nil
}

// watch sends events to a queue that several lines share.
func (p *Pin) watch(queue chan gpio.Event, index int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events, p.index = queue, index
}

// Levels returns the level of each line.
func (g *Inputs) Levels() ([]gpio.Level, error) {
	var all []gpio.Level
	for _, p := range g.pins {
		all = append(all, p.Read())
	}
	return all, nil
}

// WaitForEvent returns the next edge of any line, or ctx's error.
func (g *Inputs) WaitForEvent(ctx context.Context) (gpio.Event, error) {
	select {
	case e := <-g.events:
		return e, nil
	case <-ctx.Done():
		return gpio.Event{}, ctx.Err()
	}
}

// Close gives the lines queues of their own again.
func (g *Inputs) Close() error {
	for _, p := range g.pins {
		p.watch(make(chan gpio.Event, eventQueue), 0)
	}
	return nil
}
