package main

import (
	"time"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/gpio/sim"
)

// Lines of the laboratory's simulated chip; actuators, signals and inputs come
// after them.
const (
	labTrigger = iota
	labFirst
)

// maxLabPictures is how many pictures of rejects a laboratory keeps.
const maxLabPictures = 20

// onBench is c with every line on the simulated chip, a light barrier as the
// trigger, and nothing that would leave this machine: what c says of times,
// polarities and rules stays. Signals and inputs that the laboratory looks at are
// added where c has none. A belt with an encoder runs at its top speed, by time.
func onBench(c config.Config, dir string) *config.Config {
	c.Trigger = config.Trigger{
		Kind: config.TriggerGPIO, Chip: config.ChipSim, Line: labTrigger, Edge: config.EdgeRising,
		MinInterval: config.Duration(c.PartInterval()), CameraDelay: c.Trigger.CameraDelay,
	}
	plain := config.Default()
	c.Camera, c.Encoder, c.Challenge, c.Watchdog.Device = plain.Camera, plain.Encoder, plain.Challenge, ""
	c.HTTP.Listen, c.Modbus.Listen = "", ""
	c.MQTT = plain.MQTT
	c.MQTT.Listen, c.MQTT.Commands = "127.0.0.1:0", false
	c.Records.Dir, c.Records.KeepRejects = dir, min(c.Records.KeepRejects, maxLabPictures)
	c.Recipe.Mode, c.Recipe.MaxConsecutive, c.Recipe.MaxRejects = config.ModeReady, 0, 0
	rewire(&c)
	return &c
}

// rewire gives each line of c another number of the simulated chip.
func rewire(c *config.Config) {
	next := labFirst
	take := func(chip *string, line *int) {
		*chip, *line = config.ChipSim, next
		next++
	}
	c.Actuators = append([]config.Actuator(nil), c.Actuators...)
	for i := range c.Actuators {
		take(&c.Actuators[i].Chip, &c.Actuators[i].Line)
	}
	c.Signals = append([]config.Signal(nil), c.Signals...)
	for _, n := range []config.SignalName{config.SignalReady, config.SignalError, config.SignalValid, config.SignalAccept} {
		if output(c, n) == nil {
			c.Signals = append(c.Signals, config.Signal{Name: n})
		}
	}
	for i := range c.Signals {
		take(&c.Signals[i].Chip, &c.Signals[i].Line)
	}
	c.Inputs = append([]config.Input(nil), c.Inputs...)
	if c.Input(config.InputReset) == nil {
		c.Inputs = append(c.Inputs, config.Input{Name: config.InputReset})
	}
	for i := range c.Inputs {
		take(&c.Inputs[i].Chip, &c.Inputs[i].Line)
		c.Inputs[i].ActiveLow = false
	}
}

// output returns the signal of that name, nil if none is wired.
func output(c *config.Config, n config.SignalName) *config.Signal {
	for i := range c.Signals {
		if c.Signals[i].Name == n {
			return &c.Signals[i]
		}
	}
	return nil
}

// interval is how far apart parts pass on the bench: no pulse runs into the next
// part, and every result stands for its time.
func interval(c *config.Config) time.Duration {
	least := max(c.PartInterval(), 2*c.Handshake.Hold.Std())
	for _, a := range c.Actuators {
		least = max(least, max(a.Pulse, a.Window).Std()+a.DeadTime.Std(), a.MinGap.Std())
	}
	return max(least+least/4, 10*time.Millisecond)
}

// wire is an output as whoever holds a probe to it sees it.
type wire struct {
	name      string
	pin       *sim.Pin
	activeLow bool
	safeOn    bool
}

// wires lists the outputs: actuators, then signals.
func (l *lab) wires() (all []wire) {
	for _, a := range l.cfg.Actuators {
		all = append(all, wire{a.Name, l.chip.Line(a.Line), a.ActiveLow, a.Safe == config.SafeOn})
	}
	for _, s := range l.cfg.Signals {
		all = append(all, wire{string(s.Name), l.chip.Line(s.Line), s.ActiveLow, false})
	}
	return all
}

// probe is the wire of a signal, which onBench has added if nobody else has.
func (l *lab) probe(n config.SignalName) wire {
	s := output(l.cfg, n)
	return wire{string(n), l.chip.Line(s.Line), s.ActiveLow, false}
}

// on reports whether the output is active now.
func (w wire) on() bool { return bool(w.pin.Read()) != w.activeLow }

// change is an output going on or off.
type change struct {
	at edge.Instant
	on bool
}

// changes between two instants.
func (w wire) changes(from, to edge.Instant) (all []change) {
	for _, e := range w.pin.Edges() {
		if !from.After(e.At) && to.After(e.At) {
			all = append(all, change{e.At, bool(e.Level) != w.activeLow})
		}
	}
	return all
}

// active reports whether the output was on at some time between two instants.
func (w wire) active(from, to edge.Instant) bool {
	on := false
	for _, e := range w.pin.Edges() {
		if !to.After(e.At) {
			break
		}
		now := bool(e.Level) != w.activeLow
		if now && !from.After(e.At) {
			return true
		}
		if on && e.At.After(from) {
			return true // it was on at from, and went off later
		}
		on = now
	}
	return on
}
