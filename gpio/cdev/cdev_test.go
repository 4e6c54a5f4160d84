//go:build linux

package cdev

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev"
	pin "periph.io/x/conn/v3/gpio"

	own "winnow/gpio"
	"winnow/gpio/gpiotest"
)

// simLine is the folder of line 1 of a gpio-sim chip; its files pull the line
// from outside and read it back.
func simLine(t *testing.T) (chip, folder string) {
	t.Helper()
	chip = os.Getenv("WINNOW_GPIO_CHIP")
	if chip == "" {
		t.Skip("not here: WINNOW_GPIO_CHIP names no gpio-sim chip (the emulated machine sets it)")
	}
	found, _ := filepath.Glob(fmt.Sprintf("/sys/devices/platform/gpio-sim.*/%s/sim_gpio1", filepath.Base(chip)))
	if len(found) != 1 {
		t.Fatalf("%s is no gpio-sim chip with a line 1", chip)
	}
	return chip, found[0]
}

func TestConforms(t *testing.T) {
	chip, folder := simLine(t)
	gpiotest.Conform(t, func(t *testing.T) gpiotest.Bench {
		p, err := Open(chip, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Halt() })
		return gpiotest.Bench{Pin: p, Wire: func() pin.Level { return wire(t, folder) }, Drive: func(l pin.Level) { drive(t, folder, l) }}
	})
}

// TestFastEdgesEndAtTheTrueLevel pins what the kernel makes of edges that come
// faster than it looks: fewer of them, never more, and the last one is right.
func TestFastEdgesEndAtTheTrueLevel(t *testing.T) {
	chip, folder := simLine(t)
	p, err := Open(chip, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Halt()
	drive(t, folder, pin.Low)
	if err := p.In(pin.PullNoChange, pin.BothEdges); err != nil {
		t.Fatal(err)
	}
	const edges = 101
	for i := range edges {
		drive(t, folder, i%2 == 0)
	}
	told, last := 0, pin.Low
	for e, ok := nextEvent(t, p); ok; e, ok = nextEvent(t, p) {
		told, last = told+1, e.Level
	}
	t.Logf("%d of %d edges were told", told, edges)
	if told == 0 || told > edges || last != pin.High {
		t.Errorf("%d of %d edges were told, the last as %v", told, edges, last)
	}
}

// nextEvent is the next edge, or false after a second of silence.
func nextEvent(t *testing.T, p *Pin) (own.Event, bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	e, err := p.WaitForEvent(ctx)
	return e, err == nil
}

func wire(t *testing.T, folder string) pin.Level {
	b, err := os.ReadFile(filepath.Join(folder, "value"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b)) == "1"
}

func drive(t *testing.T, folder string, l pin.Level) {
	pull := map[pin.Level]string{pin.Low: "pull-down", pin.High: "pull-up"}[l]
	if err := os.WriteFile(filepath.Join(folder, "pull"), []byte(pull), 0); err != nil {
		t.Fatal(err)
	}
}

// TestEdgesOfTwoLinesAreAllTold pulls an encoder's line and a trigger's at the
// same instant, as a part at a light barrier does.
func TestEdgesOfTwoLinesAreAllTold(t *testing.T) {
	chip, folder := simLine(t)
	encoder := filepath.Join(filepath.Dir(folder), "sim_gpio4")
	g, err := OpenInputs(chip, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	p, err := Open(chip, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Halt()
	drive(t, folder, pin.Low)
	if err := p.In(pin.PullNoChange, pin.BothEdges); err != nil {
		t.Fatal(err)
	}
	const edges = 1000
	for i := range edges {
		drive(t, encoder, i%2 == 0)
		drive(t, folder, i%2 == 0)
		e, ok := nextEvent(t, p)
		if !ok || bool(e.Level) != (i%2 == 0) {
			t.Fatalf("edge %d of the trigger: %+v, told %v", i, e, ok)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if e, err := g.WaitForEvent(ctx); err != nil || bool(e.Level) != (i%2 == 0) {
			t.Fatalf("edge %d of the encoder: %+v, %v", i, e, err)
		}
		cancel()
	}
}

func TestMissingChipIsSaid(t *testing.T) {
	if _, err := Open("gpiochip-none", 0); err == nil || !strings.Contains(err.Error(), "gpiochip-none") {
		t.Error(err)
	}
}

func TestLostEventsAreCounted(t *testing.T) {
	p := newPin("chip", 3)
	var last uint32
	for n := uint32(1); n <= eventQueue+3; n++ {
		last = p.take(gpiocdev.LineEvent{LineSeqno: n, Timestamp: 5, Type: gpiocdev.LineEventRisingEdge}, last)
	}
	for range eventQueue {
		if e := <-p.events; e.Lost != 0 || !e.Level || e.At != 5 {
			t.Fatalf("%+v", e)
		}
	}
	p.take(gpiocdev.LineEvent{LineSeqno: eventQueue + 4}, last)
	if e := <-p.events; e.Lost != 3 {
		t.Errorf("%+v", e)
	}
}
