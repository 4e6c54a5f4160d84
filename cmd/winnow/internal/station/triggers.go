package station

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

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

	tooSoon atomic.Uint64 // activations of the input within min_interval

	mu      sync.Mutex
	last    edge.Instant // of the latest software trigger
	ahead   int64        // encoder counts from trigger to camera; 0: parts are announced at the trigger
	track   gpio.Track   // of the encoder, if ahead
	waiting []int64      // counts at which parts between trigger and camera are there
}

// openTriggers requests the inputs of trigger and encoder.
func openTriggers(s *Station) (*triggers, error) {
	t := &triggers{s: s}
	if s.cfg.Encoder.Present() {
		t.ahead = s.cfg.Encoder.Counts(s.cfg.Belt.CameraMM)
	}
	c := s.cfg.Trigger
	if c.Kind == config.TriggerGPIO {
		f := &gpio.Filter{Debounce: c.Debounce.Std(), MinInterval: c.MinInterval.Std(), ActiveLow: c.Edge == config.EdgeFalling, Missed: t.missed}
		in, err := s.openInput("trigger", c.Chip, c.Line, f, func(ch gpio.Change) {
			if ch.Active {
				t.detect(ch.At)
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

// missed notes edges of the trigger's input that announced no part.
func (t *triggers) missed(lost uint32) {
	if lost > 0 {
		t.s.stop("missed-trigger", fmt.Sprintf("%d edges of the trigger were lost: parts may have passed that nobody tracks", lost), "stop the belt, clear it, then reset")
		return
	}
	t.tooSoon.Add(1)
	t.s.health.Raise("trigger-too-soon", "a trigger came within trigger.min_interval of the one before, and was taken for the same part", "look at the distance of parts and at trigger.debounce, then reset")
}

// detect takes a part that was at the trigger at an instant: it is announced at
// once, or with an encoder when it is at the camera. It never blocks.
func (t *triggers) detect(at edge.Instant) {
	if t.ahead == 0 {
		t.announce(at)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	pos, known := t.track.At(at)
	switch target := pos + t.ahead; {
	case !known || len(t.waiting) == capacity:
		t.s.stop("missed-trigger", "a trigger was heard of too late, or too many parts are before the camera: one passes that nobody tracks", "stop the belt, clear it, then reset")
	case t.track.Count() >= target: // it has moved on since
		t.announce(cmp.Or(t.track.Reached(target, at), t.s.clock.Now()))
	default:
		t.waiting = append(t.waiting, target)
	}
}

// arrived announces the parts that are at the camera now that the encoder has count.
func (t *triggers) arrived(count int64, at edge.Instant) {
	if t.ahead == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.track.Move(count, at)
	for len(t.waiting) > 0 && count >= t.waiting[0] {
		t.waiting = t.waiting[:copy(t.waiting, t.waiting[1:])]
		t.announce(at)
	}
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
	now := t.s.clock.Now()
	t.mu.Lock()
	ago := now.Sub(t.last)
	refuse := t.last != 0 && ago < c.MinInterval.Std()
	if !refuse {
		t.last = now
	}
	t.mu.Unlock()
	if refuse {
		return refused(fmt.Sprintf("the last trigger was %v ago, and trigger.min_interval is %v", ago, c.MinInterval))
	}
	t.detect(now)
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

// byTime announces a part each period. Those of a time in which the program stood still
// are announced for when they passed: they have no frames, and are rejected there.
func (t *triggers) byTime(ctx context.Context) {
	next := t.s.clock.Now()
	for {
		next = next.Add(t.s.cfg.Trigger.Period.Std())
		if t.s.clock.SleepUntil(ctx, next) != nil {
			return
		}
		t.detect(next)
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
		t.arrived(count, at)
		if every > 0 && count >= next {
			next += every
			t.detect(at)
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
