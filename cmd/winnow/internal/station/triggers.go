package station

import (
	"context"
	"fmt"
	"sync"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/gpio"
)

// triggers announce parts to the line.
type triggers struct {
	s     *Station
	gate  *gated // nil: the camera gives frames by itself
	input *input // of kind gpio
	group gpio.Group

	mu   sync.Mutex
	last edge.Instant // of the latest software trigger
}

// openTriggers requests the inputs of trigger and encoder.
func openTriggers(s *Station) (*triggers, error) {
	t := &triggers{s: s}
	c := s.cfg.Trigger
	if c.Kind == config.TriggerGPIO {
		f := &gpio.Filter{Debounce: c.Debounce.Std(), MinInterval: c.MinInterval.Std(), ActiveLow: c.Edge == config.EdgeFalling}
		in, err := s.openInput("trigger", c.Chip, c.Line, f, func(ch gpio.Change) {
			if ch.Active {
				t.announce(ch.At)
			}
		})
		if err != nil {
			return nil, err
		}
		t.input = in
	}
	return t, t.openEncoder()
}

// openEncoder requests the encoder's lines, again where they were.
func (t *triggers) openEncoder() error {
	e := t.s.cfg.Encoder
	if !e.Present() {
		return nil
	}
	lines := []int{e.Line}
	if e.Kind == config.EncoderQuadrature {
		lines = append(lines, e.LineB)
	}
	t.Close()
	var err error
	t.group, err = t.s.openInputs(e.Chip, lines...)
	return err
}

// begin forgets what trigger and encoder saw so far; from here on nothing is lost.
func (t *triggers) begin() error {
	if t.input != nil {
		if err := t.input.begin(); err != nil {
			return err
		}
	}
	return t.openEncoder()
}

// announce tells the line of a part at the trigger. It never blocks. A trigger
// that is missed stops the line: a part passes that nobody tracks.
func (t *triggers) announce(at edge.Instant) {
	t.s.plc.setBusy(true)
	if !t.s.line.Announce(at) {
		t.s.stop("missed-trigger", "a trigger was missed: a part passes that nobody tracks", "stop the belt, clear it, then reset")
		return
	}
	if t.gate != nil {
		t.gate.open(t.s.cfg.Recipe.Frames)
	}
}

// byCommand announces a part now.
func (t *triggers) byCommand() error {
	c := t.s.cfg.Trigger
	if c.Kind != config.TriggerSoftware {
		return refused(fmt.Sprintf(`trigger.kind is %q; only "software" takes triggers by command`, c.Kind))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.s.clock.Now()
	if t.last != 0 && now.Sub(t.last) < c.MinInterval.Std() {
		return refused(fmt.Sprintf("the last trigger was %v ago, and trigger.min_interval is %v", now.Sub(t.last), c.MinInterval))
	}
	t.last = now
	t.announce(now)
	return nil
}

// run watches trigger and encoder until ctx ends.
func (t *triggers) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	if t.input != nil {
		wg.Go(func() { t.s.watch(ctx, t.input) })
	}
	if t.group != nil {
		wg.Go(func() { t.follow(ctx) })
	}
	if t.s.cfg.Trigger.Kind == config.TriggerTimer && t.s.triggered {
		wg.Go(func() { t.byTime(ctx) })
	}
}

func (t *triggers) byTime(ctx context.Context) {
	next := t.s.clock.Now()
	for {
		next = next.Add(t.s.cfg.Trigger.Period.Std())
		if t.s.clock.SleepUntil(ctx, next) != nil {
			return
		}
		t.announce(t.s.clock.Now())
	}
}

// follow moves the belt by the encoder's counts, and announces a part each
// every_mm where the trigger is the encoder.
func (t *triggers) follow(ctx context.Context) {
	s := t.s
	every, next := int64(0), int64(0)
	if s.cfg.Trigger.Kind == config.TriggerEncoder {
		every = s.cfg.Encoder.Counts(s.cfg.Trigger.EveryMM)
		next = every
	}
	move := func(count int64, at edge.Instant) {
		if s.outs.belt != nil {
			s.outs.belt.Move(count, at)
		}
		if every > 0 && count >= next {
			next += every
			t.announce(at)
		}
	}
	bad := func(f gpio.EncoderFault) {
		s.stop("encoder", fmt.Sprintf("encoder counts were lost (%d, %d skewed): parts are not where they seem", f.Lost, f.Skew), "stop the belt, clear it, then reset")
	}
	err := gpio.WatchEncoder(ctx, t.group, gpio.EncoderConfig{Backwards: s.cfg.Encoder.Backwards}, move, bad)
	if ctx.Err() == nil {
		s.stop("encoder", fmt.Sprintf("the encoder has failed: %v", err), "check the wiring and start again")
	}
}

// Close gives the encoder's lines back.
func (t *triggers) Close() {
	if t.group != nil {
		_ = t.group.Close()
		t.group = nil
	}
}
