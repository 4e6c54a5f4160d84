package sim

import (
	"context"
	"sync/atomic"
	"testing"

	pin "periph.io/x/conn/v3/gpio"

	"winnow/edge"
	"winnow/gpio/gpiotest"
)

// ticks is a clock that moves at each look.
type ticks struct{ n atomic.Int64 }

func (c *ticks) Now() edge.Instant                                  { return edge.Instant(c.n.Add(1)) }
func (*ticks) Wall() edge.WallTime                                  { return edge.WallTime{} }
func (*ticks) SleepUntil(ctx context.Context, _ edge.Instant) error { return ctx.Err() }

func TestConforms(t *testing.T) {
	gpiotest.Conform(t, func(*testing.T) gpiotest.Bench {
		p := NewChip(new(ticks)).Line(7)
		return gpiotest.Bench{Pin: p, Wire: p.Read, Drive: p.Drive}
	})
}

func TestWireFollows(t *testing.T) {
	c := NewChip(new(ticks))
	out, sensor := c.Line(1), c.Line(2)
	if err := sensor.In(pin.PullNoChange, pin.RisingEdge); err != nil {
		t.Fatal(err)
	}
	out.Wire(sensor)
	for _, l := range []pin.Level{pin.Low, pin.High, pin.Low, pin.High} {
		if err := out.Out(l); err != nil {
			t.Fatal(err)
		}
	}
	if n := out.Rises(pin.High); n != 2 || len(out.Edges()) != 4 {
		t.Errorf("%d rises, edges %v", n, out.Edges())
	}
	if !sensor.WaitForEdge(0) || !sensor.WaitForEdge(0) || sensor.WaitForEdge(0) {
		t.Error("the sensor did not see two rises")
	}
}

func TestQuietCountsOn(t *testing.T) {
	p := NewChip(new(ticks)).Line(0)
	p.Quiet()
	for i := range 7 {
		_ = p.Out(i%2 == 1)
	}
	if p.Rises(pin.High) != 3 || len(p.Edges()) != 0 {
		t.Errorf("%d rises, %d edges", p.Rises(pin.High), len(p.Edges()))
	}
}

func TestLostEdgesAreSaid(t *testing.T) {
	p := NewChip(new(ticks)).Line(0)
	_ = p.In(pin.PullNoChange, pin.BothEdges)
	for i := range eventQueue + 5 {
		p.Drive(i%2 == 0)
	}
	for range eventQueue {
		_, _ = p.WaitForEvent(t.Context())
	}
	p.Drive(!p.Read())
	if e, err := p.WaitForEvent(t.Context()); err != nil || e.Lost != 5 {
		t.Errorf("%+v %v", e, err)
	}
}
