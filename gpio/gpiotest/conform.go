// Package gpiotest holds what every kind of pin must do, simulated or real, as
// one suite, and a pin that tests can look into.
package gpiotest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	pin "periph.io/x/conn/v3/gpio"

	"winnow/gpio"
)

// Pin is what the suite wants of a pin.
type Pin interface {
	pin.PinIO
	gpio.Events
}

// Bench is a pin with its wire in view.
type Bench struct {
	Pin Pin
	// Wire is the level that the outside sees on the line.
	Wire func() pin.Level
	// Drive sets the level from outside.
	Drive func(pin.Level)
}

// patience is how long the suite waits for what must come. It is no assertion
// on time: it ends a test that would hang.
const patience = 10 * time.Second

// Conform runs the suite; open returns a fresh bench each time and closes it by
// t.Cleanup.
func Conform(t *testing.T, open func(t *testing.T) Bench) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Bench)
	}{
		{"an output has the level that it is requested with", requested},
		{"reading an output leaves it one", readKeepsOutput},
		{"an input sees the wire", inputSees},
		{"edges come in order with their times", edgesInOrder},
		{"only the edges asked for", risingOnly},
		{"halt ends a wait without end", haltUnblocks},
		{"a wait ends with its context", contextUnblocks},
		{"a wait ends in time", timeout},
		{"an output can become an input and back", turnAround},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func requested(t *testing.T, b Bench) {
	must(t, b.Pin.Out(pin.High))
	if !b.Wire() {
		t.Error("requested high, the wire is low")
	}
	must(t, b.Pin.Out(pin.Low))
	if b.Wire() {
		t.Error("set low, the wire is high")
	}
}

func readKeepsOutput(t *testing.T, b Bench) {
	must(t, b.Pin.Out(pin.High))
	if !b.Pin.Read() || !b.Wire() {
		t.Error("reading moved the output")
	}
	must(t, b.Pin.Out(pin.Low))
	if b.Pin.Read() || b.Wire() {
		t.Error("the output no longer follows")
	}
}

func inputSees(t *testing.T, b Bench) {
	must(t, b.Pin.In(pin.PullNoChange, pin.NoEdge))
	for _, l := range []pin.Level{pin.High, pin.Low, pin.High} {
		b.Drive(l)
		if told, err := b.Pin.Level(); b.Pin.Read() != l || told != l || err != nil {
			t.Errorf("reads %v, the wire is %v", !l, l)
		}
	}
}

func next(t *testing.T, b Bench) gpio.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := b.Pin.WaitForEvent(ctx)
	must(t, err)
	return e
}

func edgesInOrder(t *testing.T, b Bench) {
	b.Drive(pin.Low)
	must(t, b.Pin.In(pin.PullNoChange, pin.BothEdges))
	var last gpio.Event
	for i := range 10 {
		b.Drive(i%2 == 0) // one at a time: see gpio.Event for edges that come faster
		e := next(t, b)
		if e.Level != (i%2 == 0) || e.Lost != 0 || last.At.After(e.At) || e.At == 0 {
			t.Errorf("edge %d: %+v after %+v", i, e, last)
		}
		last = e
	}
}

func risingOnly(t *testing.T, b Bench) {
	b.Drive(pin.Low)
	must(t, b.Pin.In(pin.PullNoChange, pin.RisingEdge))
	for range 3 {
		b.Drive(pin.High)
		if e := next(t, b); !e.Level {
			t.Errorf("%+v", e)
		}
		b.Drive(pin.Low)
	}
	if b.Pin.WaitForEdge(0) {
		t.Error("a fourth rising edge of three")
	}
}

func haltUnblocks(t *testing.T, b Bench) {
	must(t, b.Pin.In(pin.PullNoChange, pin.BothEdges))
	var wait sync.WaitGroup
	wait.Go(func() {
		if b.Pin.WaitForEdge(-1) {
			t.Error("Halt counted as an edge")
		}
	})
	must(t, b.Pin.Halt())
	wait.Wait()
}

func contextUnblocks(t *testing.T, b Bench) {
	must(t, b.Pin.In(pin.PullNoChange, pin.BothEdges))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Pin.WaitForEvent(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func timeout(t *testing.T, b Bench) {
	must(t, b.Pin.In(pin.PullNoChange, pin.BothEdges))
	if b.Pin.WaitForEdge(time.Millisecond) {
		t.Error("an edge out of nothing")
	}
}

func turnAround(t *testing.T, b Bench) {
	must(t, b.Pin.Out(pin.High))
	must(t, b.Pin.In(pin.PullNoChange, pin.BothEdges))
	b.Drive(pin.Low)
	must(t, b.Pin.Out(pin.High))
	if !b.Wire() {
		t.Error("the wire is low")
	}
}
