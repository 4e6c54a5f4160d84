package station

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/gpio"
	"winnow/gpio/cdev"
)

// Chips lists the GPIO chips of this machine.
func Chips() ([]string, error) { return cdev.Chips() }

// openPin opens a line of a real or the simulated chip.
func (s *Station) openPin(chip string, n int) (gpio.PinIO, error) {
	if chip == config.ChipSim {
		return s.chip.Line(n), nil
	}
	return cdev.Open(chip, n)
}

// rejecter fires the actuators. It implements line.Actuator.
type rejecter struct {
	clock       edge.Clock
	log         *slog.Logger
	alarm       func(reason string) // never blocks
	unsureFires bool
	arms        []arm
}

// arm is one actuator.
type arm struct {
	name   string
	on     config.Fires
	delay  time.Duration // from trigger to pulse
	width  time.Duration
	output *gpio.Output
	pulser *gpio.Pulser
}

// newRejecter requests every actuator's line at its safe level.
func newRejecter(s *Station) (*rejecter, error) {
	r := &rejecter{clock: s.clock, log: s.log, alarm: func(reason string) { s.line.Alarm(reason) }, unsureFires: s.cfg.Recipe.Unsure == config.UnsureReject}
	for i, a := range s.cfg.Actuators {
		pin, err := s.openPin(a.Chip, a.Line)
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("actuator %q: %w", a.Name, err)
		}
		out, err := gpio.NewOutput(pin, gpio.Polarity{ActiveLow: a.ActiveLow, SafeOn: a.Safe == config.SafeOn})
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("actuator %q: %w", a.Name, err)
		}
		r.arms = append(r.arms, arm{
			name: a.Name, on: a.On, delay: s.cfg.ActuatorDelay(i), width: a.Pulse.Std(), output: out,
			pulser: gpio.NewPulser(out, s.clock, gpio.PulserOptions{
				MinGap: a.MinGap.Std(), Capacity: 1024, Tell: func(p gpio.Record) { s.unrejected(a.Name, p) },
			}),
		})
	}
	return r, nil
}

// Act fires for a verdict. It never blocks.
func (r *rejecter) Act(v *edge.Verdict) {
	v.Late(r.clock.Now())
	for i := range r.arms {
		a := &r.arms[i]
		fires := v.Fires(r.unsureFires)
		if a.on == config.FiresUnsure {
			fires = v.Decision == edge.Unsure
		}
		if !fires {
			continue
		}
		if err := a.pulser.Fire(v.ID.Seq, v.Trigger.Add(a.delay), a.width); err != nil {
			r.log.Error("a part could not be rejected", "actuator", a.name, "part", v.ID.Seq, "err", err)
			r.alarm(fmt.Sprintf("actuator %s: part %d could not be rejected: %v", a.name, v.ID.Seq, err))
		}
	}
}

// unrejected stops the line for a part that its pulse did not reach.
func (s *Station) unrejected(actuator string, p gpio.Record) {
	if p.Outcome == gpio.Missed || p.Outcome == gpio.Failed {
		s.log.Error("a part was not rejected", "actuator", actuator, "part", p.ID, "outcome", p.Outcome.String())
		s.line.Alarm(fmt.Sprintf("actuator %s: part %d was not rejected (%v); take it off the belt, then reset", actuator, p.ID, p.Outcome))
	}
}

// Run fires pulses until ctx ends.
func (r *rejecter) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range r.arms {
		wg.Go(func() { _ = r.arms[i].pulser.Run(ctx) })
	}
	wg.Wait()
}

// drain waits, a few seconds at most, until parts on the belt have been acted on.
func (r *rejecter) drain(ctx context.Context) {
	end := r.clock.Now().Add(5 * time.Second)
	for r.pending() > 0 && end.After(r.clock.Now()) {
		if r.clock.SleepUntil(ctx, r.clock.Now().Add(5*time.Millisecond)) != nil {
			return
		}
	}
}

func (r *rejecter) pending() int {
	n := 0
	for i := range r.arms {
		n += r.arms[i].pulser.Pending()
	}
	return n
}

// Close returns every output to its safe level.
func (r *rejecter) Close() {
	for i := range r.arms {
		if err := r.arms[i].output.Close(); err != nil {
			r.log.Error("an output did not return to its safe level", "actuator", r.arms[i].name, "err", err)
		}
	}
}
