package gpio_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"winnow/edge"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// turn sets the channels A (line 0) and B (line 1) one after another, as a
// turning encoder does: 'A', 'B' to high, 'a', 'b' to low.
func turn(chip *sim.Chip, edges string) {
	for _, e := range edges {
		line := 0
		if e == 'B' || e == 'b' {
			line = 1
		}
		chip.Line(line).Drive(gpio.Level(e == 'A' || e == 'B'))
	}
}

func TestEncoderCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		lines  []int
		cfg    gpio.EncoderConfig
		before string // edges before the watch begins: where it stands then is zero
		edges  string
		want   []int64
		faults int
	}{
		{"one channel counts both edges", []int{0}, gpio.EncoderConfig{}, "A", "aAaA", []int64{1, 2, 3, 4}, 0},
		{"quadrature forwards", []int{0, 1}, gpio.EncoderConfig{}, "", "ABabA", []int64{1, 2, 3, 4, 5}, 0},
		{"quadrature backwards", []int{0, 1}, gpio.EncoderConfig{}, "", "BAba", []int64{-1, -2, -3, -4}, 0},
		{"there and back", []int{0, 1}, gpio.EncoderConfig{}, "", "ABba", []int64{1, 2, 1, 0}, 0},
		{"swapped channels", []int{0, 1}, gpio.EncoderConfig{Backwards: true}, "", "BA", []int64{1, 2}, 0},
		{"begins anywhere", []int{0, 1}, gpio.EncoderConfig{}, "AB", "ab", []int64{1, 2}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := sim.NewChip(&hand{})
				g, err := chip.Inputs(c.lines...)
				if err != nil {
					t.Fatal(err)
				}
				defer g.Close()
				turn(chip, c.before)
				for range c.before {
					if _, err := g.WaitForEvent(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				ctx, stop := context.WithCancel(t.Context())
				var counts []int64
				faults := 0
				done := make(chan error)
				go func() {
					done <- gpio.WatchEncoder(ctx, g, c.cfg, func(n int64, _ edge.Instant) { counts = append(counts, n) }, func(gpio.EncoderFault) { faults++ })
				}()
				synctest.Wait()
				turn(chip, c.edges)
				synctest.Wait()
				stop()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if !slices.Equal(counts, c.want) || faults != c.faults {
					t.Errorf("%v with %d faults, want %v", counts, faults, c.want)
				}
			})
		})
	}
}

func TestEncoderSaysWhatItLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chip := sim.NewChip(&hand{})
		g, err := chip.Inputs(0)
		if err != nil {
			t.Fatal(err)
		}
		for range 600 { // more edges than the queue takes
			turn(chip, "Aa")
		}
		ctx, stop := context.WithCancel(t.Context())
		var lost uint64
		done := make(chan error)
		go func() {
			done <- gpio.WatchEncoder(ctx, g, gpio.EncoderConfig{}, func(int64, edge.Instant) {}, func(f gpio.EncoderFault) { lost += f.Lost })
		}()
		synctest.Wait()
		turn(chip, "A")
		synctest.Wait()
		stop()
		<-done
		if lost != 1200-1024 {
			t.Errorf("%d edges said to be lost", lost)
		}
	})
}

func TestHeldPulsesDoNotReachTheOutput(t *testing.T) {
	for _, c := range []struct {
		name   string
		hold   gpio.Hold
		manual bool
		want   []float64
	}{
		{"nothing held", gpio.HoldNone, false, []float64{100, 120}},
		{"automatic pulses held", gpio.HoldAutomatic, false, nil},
		{"a hand fires", gpio.HoldAutomatic, true, []float64{100, 120}},
		{"a hand may be inside", gpio.HoldAll, true, nil},
		{"parts pass", gpio.HoldManual, false, []float64{100, 120}},
		{"a hand fires while parts pass", gpio.HoldManual, true, nil},
	} {
		r := newRig(t, gpio.ChannelConfig{})
		r.Hold(c.hold)
		if err := r.Schedule(0, gpio.Pulse{At: at(100), Width: ms(20), Manual: c.manual}); err != nil {
			t.Fatal(err)
		}
		r.runTo(at(200))
		if got := r.edges(); !slices.Equal(got, c.want) {
			t.Errorf("%s: edges %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHoldSwitchesOffWhatIsOn(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{})
	_ = r.Schedule(0, gpio.Pulse{At: at(100), Width: ms(20)})
	r.runTo(at(105))
	r.Hold(gpio.HoldAll)
	r.runTo(at(200))
	if got := r.edges(); !slices.Equal(got, []float64{100, 105}) || r.records[0].Outcome != gpio.Cancelled {
		t.Errorf("%v %+v", got, r.records)
	}
}
