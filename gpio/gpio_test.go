package gpio_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	pgpio "periph.io/x/conn/v3/gpio"

	"winnow/edge"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// bubble is a clock inside a synctest bubble.
type bubble struct{ start time.Time }

func (b bubble) Now() edge.Instant   { return edge.Instant(1e9 + time.Since(b.start)) }
func (b bubble) Wall() edge.WallTime { return edge.WallTime{} }
func (b bubble) SleepUntil(ctx context.Context, t edge.Instant) error {
	select {
	case <-time.After(t.Sub(b.Now())):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestOutputIsSafeFirstAndLast(t *testing.T) {
	for _, p := range []gpio.Polarity{{}, {ActiveLow: true}, {SafeOn: true}, {ActiveLow: true, SafeOn: true}} {
		pin := sim.NewChip(bubble{time.Now()}).Line(3)
		o, err := gpio.NewOutput(pin, p)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Set(!p.SafeOn); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		if o.Set(true) == nil {
			t.Error("a closed output was set")
		}
		e := pin.Edges()
		if len(e) != 3 || e[0].Level != p.SafeLevel() || e[1].Level == p.SafeLevel() || e[2].Level != p.SafeLevel() {
			t.Errorf("%+v: edges %v", p, e)
		}
	}
}

func TestOutputThatCannotBeSafeIsRefused(t *testing.T) {
	pin := sim.NewChip(bubble{time.Now()}).Line(0)
	pin.Fail(errors.New("broken wire"))
	if _, err := gpio.NewOutput(pin, gpio.Polarity{}); err == nil {
		t.Error("no error")
	}
}

// setup runs a pulser in a bubble.
func setup(t *testing.T, o gpio.PulserOptions) (*gpio.Pulser, *sim.Pin, edge.Clock, func()) {
	clock := bubble{time.Now()}
	pin := sim.NewChip(clock).Line(1)
	out, err := gpio.NewOutput(pin, gpio.Polarity{})
	if err != nil {
		t.Fatal(err)
	}
	p := gpio.NewPulser(out, clock, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { _ = p.Run(ctx); close(done) }()
	return p, pin, clock, func() { cancel(); <-done }
}

func TestPulsesComeOnTimeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, pin, clock, stop := setup(t, gpio.PulserOptions{MinGap: 10 * time.Millisecond})
		t0 := clock.Now()
		for _, ms := range []int{300, 100, 200, 203} {
			if err := p.Fire(0, t0.Add(time.Duration(ms)*time.Millisecond), 20*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		stop()
		e := pin.Edges()[1:]
		want := []time.Duration{100, 120, 200, 223, 300, 320}
		if len(e) != len(want) {
			t.Fatalf("edges %v", e)
		}
		for i, w := range want {
			if got := e[i].At.Sub(t0); got != w*time.Millisecond || e[i].Level != pgpio.Level(i%2 == 0) {
				t.Errorf("edge %d at %v (%v), want %d ms", i, got, e[i].Level, w)
			}
		}
		if s := p.Stats(); s.Fired != 3 || s.Merged != 1 || s.WorstStart != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestStoppedMidPulseIsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, pin, clock, stop := setup(t, gpio.PulserOptions{})
		if err := p.Fire(0, clock.Now(), time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if pin.Read() != pgpio.High {
			t.Fatal("the pulse has not begun")
		}
		stop()
		if pin.Read() != pgpio.Low {
			t.Error("the output stayed on after the pulser was stopped")
		}
	})
}

func TestFullQueueIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, clock, stop := setup(t, gpio.PulserOptions{Capacity: 2})
		defer stop()
		far := clock.Now().Add(time.Hour)
		for i := range 2 {
			if err := p.Fire(0, far.Add(time.Duration(i)*time.Second), time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Fire(0, far.Add(time.Minute), time.Millisecond); !errors.Is(err, gpio.ErrFull) {
			t.Errorf("third pulse of two: %v", err)
		}
	})
}

func TestPastInstantIsMissedUnlessNothingMoves(t *testing.T) {
	for shift, want := range map[bool]gpio.Stats{false: {Missed: 1}, true: {Fired: 1, WorstStart: 100 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			p, pin, clock, stop := setup(t, gpio.PulserOptions{Shift: shift})
			time.Sleep(time.Second)
			_ = p.Fire(7, clock.Now().Add(-100*time.Millisecond), 10*time.Millisecond)
			time.Sleep(time.Second)
			stop()
			if s := p.Stats(); s != want || pin.Rises(pgpio.High) != int(want.Fired) {
				t.Errorf("shift %v: %+v, %d pulses", shift, s, pin.Rises(pgpio.High))
			}
		})
	}
}
