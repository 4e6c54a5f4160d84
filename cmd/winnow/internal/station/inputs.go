package station

import (
	"context"
	"fmt"

	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/gpio"
)

// input is one watched line from the plant.
type input struct {
	what   string
	events gpio.Events
	filter *gpio.Filter
	tell   func(gpio.Change)
	atOnce bool // what it says at the start holds before the line runs
}

// openInput requests a line as an input, so that wrong wiring shows at start.
func (s *Station) openInput(what, chip string, n int, f *gpio.Filter, tell func(gpio.Change)) (*input, error) {
	pin, err := s.openPin(chip, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	events, ok := pin.(gpio.Events)
	if !ok {
		return nil, fmt.Errorf("%s: %s does not time its edges", what, pin)
	}
	if err := pin.In(gpio.PullNoChange, gpio.BothEdges); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return &input{what: what, events: events, filter: f, tell: tell}, nil
}

// begin forgets what the input saw so far; from here on no edge is lost.
func (in *input) begin() error {
	if err := gpio.Begin(in.events, gpio.PullNoChange, in.filter); err != nil {
		return fmt.Errorf("%s: %w", in.what, err)
	}
	if in.atOnce && in.filter.Active() {
		in.tell(gpio.Change{Active: true})
	}
	return nil
}

// watch tells of the input's changes until ctx ends. An input that fails stops
// the line: what it would have said is not known.
func (s *Station) watch(ctx context.Context, in *input) {
	err := gpio.Follow(ctx, s.clock, in.events, in.filter, in.tell)
	if ctx.Err() == nil {
		s.stop("input", fmt.Sprintf("%s has failed: %v", in.what, err), "check the wiring and start again")
	}
	_ = in.events.Halt()
}

// openInputLines opens the lines that the configuration has from the plant.
func (s *Station) openInputLines() error {
	for _, c := range s.cfg.Inputs {
		// A reset is somebody's act: one from before the start knows nothing of what was found since.
		f := &gpio.Filter{Debounce: c.Debounce.Std(), ActiveLow: c.ActiveLow, Initial: c.Name != config.InputReset}
		in, err := s.openInput("input "+string(c.Name), c.Chip, c.Line, f, s.meaning(c.Name))
		if err != nil {
			return err
		}
		in.atOnce = c.Name == config.InputInhibit // a hand may be in the machine
		s.inputs = append(s.inputs, in)
	}
	if s.cfg.Input(config.InputConfirm) == nil {
		return nil
	}
	var err error
	s.confirm, err = gpio.NewConfirmer(gpio.ConfirmConfig{
		Within: s.cfg.Confirm.Within.Std(), JamAfter: s.cfg.Confirm.JamAfter.Std(), Capacity: capacity,
	}, s.confirmed)
	if err == nil {
		s.pump.ticks = append(s.pump.ticks, s.confirm.Tick)
	}
	return err
}

// meaning is what an input's changes do. None of it blocks.
func (s *Station) meaning(n config.InputName) func(gpio.Change) {
	switch n {
	case config.InputAck:
		return s.plc.ack
	case config.InputInhibit:
		return func(c gpio.Change) { s.modes.setInput(c.Active) }
	case config.InputReset:
		return func(c gpio.Change) {
			if c.Active {
				s.reset()
			}
		}
	}
	return func(c gpio.Change) {
		s.confirm.Sensor(c)
		s.pump.poke()
	}
}

// confirmed books what the confirmation sensor has found.
func (s *Station) confirmed(c gpio.Confirmation) {
	switch c.Finding {
	case gpio.Confirmed:
		s.line.Confirm(1)
	case gpio.Unseen:
		s.stop("unconfirmed", fmt.Sprintf("the sensor did not see part %d fall, or, if another was rejected less than %v before it, that one: it may have escaped", c.ID, s.cfg.Confirm.Within.Std()), "look for it, then reset")
	case gpio.Unexpected:
		s.health.Raise("unexpected-reject", "the confirmation sensor saw something that nobody rejected", "look at the sensor and the belt, then reset")
	case gpio.Jammed:
		s.stop("jam", "the confirmation sensor does not come free", "clear the reject chute, then reset")
	case gpio.Freed:
		s.log.Info("the confirmation sensor is free again")
	}
}

// reset leaves FAULT and lifts alarms. It never blocks.
func (s *Station) reset() {
	s.log.Info("reset by the input")
	if s.modes.again() {
		s.line.Post(line.Reset{Done: s.clearAlarms})
	}
}
