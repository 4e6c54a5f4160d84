package main

import (
	"fmt"
	"time"

	"winnow/buildroot/emulator/rig"
)

// starts starts and stops the service again and again, some of them before it
// has come up, and looks at every edge of every output meanwhile.
func (c *campaign) starts() error {
	b, err := c.begin(c.small, nil)
	if err != nil {
		return err
	}
	if err := c.m.service("stop"); err != nil {
		return err
	}
	if _, err := c.m.edges(); err != nil {
		return err
	}
	n := c.rounds(shortStarts, longStarts)
	var g glitches
	for i := range n {
		cut := i%4 == 3 // stopped on its way up
		if err := b.startAndStop(cut, time.Duration(i%7)*150*time.Millisecond); err != nil {
			return fmt.Errorf("start %d: %w", i+1, err)
		}
		edges, err := c.m.edges()
		if err != nil {
			return err
		}
		g.look(edges, cut)
	}
	c.report.check(g.edges == 0 && g.ready == n-n/4, "%d starts and stops, %d of them on the way up: %d glitch edges on outputs, READY %d times, %d edges of READY and HEARTBEAT", n, n/4, g.edges, g.ready, g.proper)
	for _, w := range g.which {
		c.report.note("%s", w)
	}
	return c.end()
}

// startAndStop leaves every output at its safe level.
func (b *bench) startAndStop(cut bool, after time.Duration) error {
	if err := b.m.service("start"); err != nil {
		return err
	}
	if !cut {
		if err := b.m.ready(); err != nil {
			return err
		}
	}
	if err := b.m.sleep(after); err != nil {
		return err
	}
	if err := b.m.service("stop"); err != nil {
		return err
	}
	return b.m.outputsSafe()
}

// glitches counts edges that no output should have had.
type glitches struct {
	edges, ready, proper int
	which                []string
}

// look goes through the edges of one start and stop. While no part passes, only
// HEARTBEAT and READY move, and READY comes once, for good until the stop; of a
// start that was cut off it need not come.
func (g *glitches) look(edges []rig.Edge, cut bool) {
	high, readies := map[int]bool{}, 0
	for _, e := range edges {
		moved := high[e.Line] != e.Level
		high[e.Line] = e.Level
		switch name := outputs[e.Line]; {
		case !moved:
		case e.Line == lineHeartbeat:
			g.proper++
		case e.Line == lineReady && (!e.Level || readies == 0):
			g.proper++
			if e.Level {
				readies++
			}
		default:
			g.edges++
			g.which = append(g.which, fmt.Sprintf("%s became %v at %v", name, e.Level, e.At))
		}
	}
	for line, level := range high {
		if level {
			g.edges++
			g.which = append(g.which, fmt.Sprintf("%s stayed on", outputs[line]))
		}
	}
	if !cut {
		g.ready += readies
	}
}
