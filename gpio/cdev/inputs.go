//go:build linux

package cdev

import (
	"context"
	"fmt"

	"github.com/warthog618/go-gpiocdev"

	"winnow/edge"
	own "winnow/gpio"
)

// Inputs are several lines of one request, whose edges the kernel queues in
// order. It implements gpio.Group.
type Inputs struct {
	offsets []int
	lines   *gpiocdev.Lines
	events  chan own.Event
	lost    uint32 // since the last event that was queued; of the library's goroutine
	last    uint32
}

var _ own.Group = (*Inputs)(nil)

// OpenInputs requests lines as inputs with both edges.
func OpenInputs(chip string, offsets ...int) (*Inputs, error) {
	g := &Inputs{offsets: offsets, events: make(chan own.Event, eventQueue)}
	lines, err := gpiocdev.RequestLines(chip, offsets, gpiocdev.AsInput, gpiocdev.WithConsumer(consumer),
		gpiocdev.WithBothEdges, gpiocdev.WithEventHandler(g.take))
	if err != nil {
		return nil, fmt.Errorf("request %s:%v as inputs: %w", chip, offsets, err)
	}
	g.lines = lines
	return g, nil
}

// take queues an event. It never blocks: it runs on the library's goroutine.
func (g *Inputs) take(ev gpiocdev.LineEvent) {
	if ev.Seqno > g.last+1 {
		g.lost += ev.Seqno - g.last - 1
	}
	g.last = ev.Seqno
	e := own.Event{At: edge.Instant(ev.Timestamp), Level: ev.Type == gpiocdev.LineEventRisingEdge, Lost: g.lost}
	for i, o := range g.offsets {
		if o == ev.Offset {
			e.Line = i
		}
	}
	select {
	case g.events <- e:
		g.lost = 0
	default:
		g.lost++
	}
}

// Levels returns the present level of each line.
func (g *Inputs) Levels() ([]own.Level, error) {
	values := make([]int, len(g.offsets))
	if err := g.lines.Values(values); err != nil {
		return nil, err
	}
	all := make([]own.Level, len(values))
	for i, v := range values {
		all[i] = v != 0
	}
	return all, nil
}

// WaitForEvent returns the next edge of any line, or ctx's error.
func (g *Inputs) WaitForEvent(ctx context.Context) (own.Event, error) {
	select {
	case e := <-g.events:
		return e, nil
	case <-ctx.Done():
		return own.Event{}, ctx.Err()
	}
}

// Close gives the lines back to the kernel.
func (g *Inputs) Close() error { return g.lines.Close() }
