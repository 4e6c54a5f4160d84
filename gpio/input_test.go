package gpio_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pgpio "periph.io/x/conn/v3/gpio"

	"winnow/gpio"
	"winnow/gpio/sim"
)

func TestFilter(t *testing.T) {
	type e struct {
		ms    float64
		level pgpio.Level
	}
	const up, down = pgpio.High, pgpio.Low
	for _, c := range []struct {
		name           string
		f              gpio.Filter
		edges          []e
		want           []gpio.Change
		noise, tooSoon uint64
	}{
		{"clean", gpio.Filter{}, []e{{10, up}, {20, down}}, []gpio.Change{{at(10), true}, {at(20), false}}, 0, 0},
		{"active low", gpio.Filter{ActiveLow: true}, []e{{5, up}, {10, down}}, []gpio.Change{{at(10), true}}, 1, 0},
		{"bounce keeps the first edge's time", gpio.Filter{Debounce: ms(2)}, []e{{10, up}, {10.5, down}, {11, up}, {20, down}, {20.5, up}, {21, down}}, []gpio.Change{{at(10), true}, {at(20), false}}, 0, 0},
		{"a spike is noise", gpio.Filter{Debounce: ms(2)}, []e{{10, up}, {10.5, down}, {30, up}}, []gpio.Change{{at(30), true}}, 1, 0},
		{"too soon", gpio.Filter{MinInterval: ms(50)}, []e{{10, up}, {20, down}, {30, up}, {40, down}, {70, up}}, []gpio.Change{{at(10), true}, {at(20), false}, {at(70), true}}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []gpio.Change
			take := func(ch gpio.Change, ok bool) {
				if ok {
					got = append(got, ch)
				}
			}
			for _, e := range c.edges {
				take(c.f.Edge(gpio.Event{At: at(e.ms), Level: e.level}))
			}
			take(c.f.Poll(at(1000)))
			if !slices.Equal(got, c.want) || c.f.Noise != c.noise || c.f.TooSoon != c.tooSoon {
				t.Errorf("%v, noise %d, too soon %d; want %v", got, c.f.Noise, c.f.TooSoon, c.want)
			}
		})
	}
}

func TestWatchReportsKernelTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := bubble{time.Now()}
		pin := sim.NewChip(clock).Line(4)
		ctx, cancel := context.WithCancel(t.Context())
		var got []gpio.Change
		done := make(chan error)
		f := &gpio.Filter{Debounce: ms(2)}
		go func() {
			done <- gpio.Watch(ctx, clock, pin, pgpio.PullDown, f, func(c gpio.Change) { got = append(got, c) })
		}()
		synctest.Wait()
		t0 := clock.Now()
		for _, wait := range []float64{10, 0.5, 0.5, 20} {
			time.Sleep(ms(wait))
			pin.Drive(!pin.Read())
		}
		time.Sleep(time.Second)
		cancel()
		<-done
		want := []gpio.Change{{t0.Add(ms(10)), true}, {t0.Add(ms(31)), false}}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// unread is a line that is requested and cannot be read, as one behind a bus may be.
type unread struct{ *sim.Pin }

func (unread) Level() (pgpio.Level, error) { return pgpio.Low, errUnread }

var errUnread = errors.New("bus error")

// An INHIBIT that cannot be read must not be taken for one that is off.
func TestAnInputThatCannotBeReadIsNotTakenForInactive(t *testing.T) {
	pin := sim.NewChip(bubble{time.Now()}).Line(1)
	if err := gpio.Begin(unread{pin}, pgpio.PullNoChange, &gpio.Filter{}); !errors.Is(err, errUnread) {
		t.Errorf("%v", err)
	}
}
