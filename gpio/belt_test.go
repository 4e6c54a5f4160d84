package gpio_test

import (
	"testing"
	"time"

	pgpio "periph.io/x/conn/v3/gpio"

	"winnow/edge"
	"winnow/gpio"
)

// conveyor moves a belt by counts in virtual time.
type conveyor struct {
	*rig
	belt  *gpio.Belt
	count int64
}

func newConveyor(t *testing.T) *conveyor {
	r := newRig(t, gpio.ChannelConfig{Merge: true, MaxLate: ms(3)})
	b, err := gpio.NewBelt(gpio.BeltConfig{Gates: []gpio.BeltGate{{Distance: 100, Advance: ms(10), Width: ms(20)}}}, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	return &conveyor{rig: r, belt: b}
}

// run moves n counts (back if negative), one every pace.
func (c *conveyor) run(n int, pace time.Duration) {
	step := int64(1)
	if n < 0 {
		n, step = -n, -1
	}
	for range n {
		c.runTo(c.clock.now.Add(pace))
		c.count += step
		c.belt.Move(c.count, c.clock.now)
		c.Step()
	}
}

func (c *conveyor) verdict(seq uint64, d edge.Decision) {
	c.belt.Act(&edge.Verdict{ID: edge.EventID{Seq: seq}, Decision: d})
}

func TestBeltFiresAtTheMarkedPartOnly(t *testing.T) {
	for _, pace := range []time.Duration{ms(0.5), ms(2), ms(9), ms(60)} {
		c := newConveyor(t)
		c.run(5, pace)
		for seq, d := range []edge.Decision{edge.Accept, edge.Reject, edge.Accept} {
			c.belt.Announce(uint64(seq), c.clock.now)
			c.verdict(uint64(seq), d)
			c.run(40, pace)
		}
		for ; c.count < 260; c.run(1, pace) {
			for seq := range 3 {
				crossing := c.count == int64(5+40*seq+100)
				if on := c.pin.Read() == pgpio.High; crossing && on != (seq == 1) {
					t.Errorf("pace %v: part %d passes the gate, output on: %v", pace, seq, on)
				}
			}
		}
		if c.belt.Parts() != 0 || c.belt.Stats() != (gpio.BeltStats{}) {
			t.Errorf("%d parts left, %+v", c.belt.Parts(), c.belt.Stats())
		}
	}
}

func TestBeltStopsAndRunsBackBeforeTheGate(t *testing.T) {
	for stop := 90; stop < 101; stop++ {
		c := newConveyor(t)
		c.belt.Announce(1, c.clock.now)
		c.verdict(1, edge.Reject)
		c.run(stop, ms(1))
		c.runTo(c.clock.now.Add(10 * time.Second))
		if c.pin.Read() != pgpio.Low {
			t.Errorf("stopped at %d: the output stays on while the belt stands", stop)
		}
		c.run(-30, ms(5))
		c.runTo(c.clock.now.Add(time.Second))
		c.run(int(99-c.count), ms(1))
		for ; c.count < 101; c.run(1, ms(1)) {
			if c.count == 100 && c.pin.Read() != pgpio.High {
				t.Errorf("stopped at %d: the part passes the gate unharmed", stop)
			}
		}
	}
}

func TestBeltFiresAtWhatHasNoVerdict(t *testing.T) {
	c := newConveyor(t)
	c.belt.Announce(1, c.clock.now)
	c.run(40, ms(1))
	c.belt.Announce(2, c.clock.now)
	c.belt.Forget(2)
	c.run(160, ms(1))
	c.verdict(1, edge.Accept)
	if c.pin.Rises(pgpio.High) != 1 || c.belt.Stats().Undecided != 1 {
		t.Errorf("%d pulses, %+v", c.pin.Rises(pgpio.High), c.belt.Stats())
	}
}

func TestBeltPlacesATriggerByItsTime(t *testing.T) {
	c := newConveyor(t)
	c.run(10, ms(1))
	seen := c.clock.now
	c.run(3, ms(1)) // the trigger was handled three counts late
	c.belt.Announce(1, seen)
	c.verdict(1, edge.Reject)
	c.run(int(110-c.count), ms(1))
	if c.pin.Read() != pgpio.High {
		t.Error("off while the part passes the gate")
	}
	c.run(30, ms(1))
	if c.belt.Parts() != 0 || c.pin.Read() != pgpio.Low {
		t.Error("still on")
	}
}

func TestQuadrature(t *testing.T) {
	phases := [4][2]bool{{false, false}, {true, false}, {true, true}, {false, true}}
	var q gpio.Quadrature
	for i := 1; i <= 9; i++ {
		q.Step(phases[i%4][0], phases[i%4][1])
	}
	if q.Count != 9 {
		t.Errorf("forward: %d", q.Count)
	}
	for i := 8; i >= -3; i-- {
		q.Step(phases[(i+4)%4][0], phases[(i+4)%4][1])
	}
	if q.Count != -3 || q.Errors != 0 {
		t.Errorf("back: %d, %d errors", q.Count, q.Errors)
	}
	q.Step(!phases[1][0], !phases[1][1])
	if q.Errors != 1 || q.Count != -3 {
		t.Errorf("lost edge: %d, %d errors", q.Count, q.Errors)
	}
}
