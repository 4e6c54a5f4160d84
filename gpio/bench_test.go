package gpio_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"winnow/edge/clock"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// BenchmarkPulseLateness fires pulses by the machine's own clock and reports how
// late they begin. Nothing is asserted: that is the machine's doing.
func BenchmarkPulseLateness(b *testing.B) {
	c, err := clock.NewSystem()
	if err != nil {
		b.Fatal(err)
	}
	out, err := gpio.NewOutput(sim.NewChip(c).Line(0), gpio.Polarity{})
	if err != nil {
		b.Fatal(err)
	}
	var late []time.Duration
	s, err := gpio.NewScheduler(c, []gpio.ChannelConfig{{Output: out}}, func(r gpio.Record) { late = append(late, r.Start.Sub(r.At)) })
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for i := range b.N {
		at := c.Now().Add(5 * time.Millisecond)
		if err := s.Schedule(0, gpio.Pulse{ID: uint64(i), At: at, Width: 2 * time.Millisecond}); err != nil {
			b.Fatal(err)
		}
		_ = c.SleepUntil(ctx, at.Add(4*time.Millisecond))
	}
	cancel()
	<-done
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2])/1e3, "p50-us")
	b.ReportMetric(float64(late[len(late)*99/100])/1e3, "p99-us")
	b.ReportMetric(float64(s.Stats().Missed), "missed")
}
