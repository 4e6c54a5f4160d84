//go:build linux

package cdev

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warthog618/go-gpiocdev"
	pin "periph.io/x/conn/v3/gpio"

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
