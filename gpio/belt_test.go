package gpio_test

import (
	"image"
	"testing"
	"time"

	pgpio "periph.io/x/conn/v3/gpio"

	"winnow/edge"
	"winnow/gpio"
	"winnow/gpio/sim"
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

// A belt that stands and trembles on an edge of its encoder gives edges faster
// than it ever ran: parts on their way are not fired at for that.
func TestBeltTremblesWhileItStands(t *testing.T) {
	c := newConveyor(t)
	c.belt.Announce(1, c.clock.now)
	c.verdict(1, edge.Reject)
	c.run(50, ms(2))
	for range 200 {
		c.run(1, 5*time.Microsecond)
		c.run(-1, 5*time.Microsecond)
	}
	if n := c.pin.Rises(pgpio.High); n != 0 {
		t.Errorf("%d pulses half way to the gate", n)
	}
	c.run(50, ms(2))
	if c.pin.Read() != pgpio.High {
		t.Error("off while the part passes the gate")
	}
}

// A light barrier is debounced, so its trigger is heard of many counts later.
func TestBeltPlacesATriggerThatIsHeardOfLate(t *testing.T) {
	c := newConveyor(t)
	c.run(10, ms(0.5))
	seen := c.clock.now
	c.run(80, ms(0.5))
	c.belt.Announce(1, seen)
	c.verdict(1, edge.Reject)
	c.run(int(110-c.count), ms(0.5))
	if c.pin.Read() != pgpio.High {
		t.Error("off while the part passes the gate")
	}
}

func TestBeltSaysSoOfATriggerTooOldToPlace(t *testing.T) {
	c := newConveyor(t)
	c.run(1, ms(1))
	seen := c.clock.now
	c.run(20_000, ms(0.1))
	c.belt.Announce(1, seen)
	if s := c.belt.Stats(); s.TooLate != 1 || c.belt.Parts() != 0 {
		t.Errorf("%+v, %d parts", s, c.belt.Parts())
	}
}

// A part that has been fired at for want of a verdict is done with: a verdict that
// comes then, once it is off the register too, fires at nobody else.
func TestBeltFiresOnceAtAPartWhoseVerdictComesAfterIt(t *testing.T) {
	for _, d := range []edge.Decision{edge.Accept, edge.Reject} {
		c := newConveyor(t)
		c.belt.Announce(1, c.clock.now)
		c.run(150, ms(1))
		if c.pin.Rises(pgpio.High) != 1 || c.belt.Parts() != 0 {
			t.Fatalf("%d pulses, %d parts", c.pin.Rises(pgpio.High), c.belt.Parts())
		}
		v := edge.Verdict{ID: edge.EventID{Seq: 1}, Decision: d, Reason: edge.ReasonScore, Trigger: at(0)}
		c.belt.Act(&v)
		c.run(300, ms(1))
		if n := c.pin.Rises(pgpio.High); n != 1 {
			t.Errorf("%v after the gate: %d pulses", d, n)
		}
		if v.Decision != edge.Reject {
			t.Errorf("a part that was fired at is booked as %v", v.Decision)
		}
	}
}

// A part that nobody announced, since the actuators were held, and that is beyond
// the gate when its reject comes has escaped: nobody else is fired at for it.
func TestBeltSaysSoOfAPartThatIsBeyondItsGate(t *testing.T) {
	c := newConveyor(t)
	c.run(150, ms(1))
	c.belt.Act(&edge.Verdict{ID: edge.EventID{Seq: 1}, Decision: edge.Reject, Trigger: at(1)})
	c.run(150, ms(1))
	if s := c.belt.Stats(); s.TooLate != 1 || c.pin.Rises(pgpio.High) != 0 {
		t.Errorf("%+v, %d pulses", s, c.pin.Rises(pgpio.High))
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

// TestTwoGatesSideBySideBothFireWhileThePartStands: what stands before both is fired at by both, for as long as it does.
func TestTwoGatesSideBySideBothFireWhileThePartStands(t *testing.T) {
	clock := &hand{}
	chip := sim.NewChip(clock)
	var chans []gpio.ChannelConfig
	for i := range 2 {
		out, err := gpio.NewOutput(chip.Line(i), gpio.Polarity{})
		if err != nil {
			t.Fatal(err)
		}
		chans = append(chans, gpio.ChannelConfig{Output: out, Merge: true, MaxLate: ms(3)})
	}
	s, err := gpio.NewScheduler(clock, chans, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Scheduler: s, clock: clock, pin: chip.Line(1)}
	b, err := gpio.NewBelt(gpio.BeltConfig{Gates: []gpio.BeltGate{
		{Channel: 0, Distance: 100, Advance: ms(10), Width: ms(20)},
		{Channel: 1, Distance: 100, Advance: ms(10), Width: ms(20), Lane: image.Rect(0, 0, 10, 10)},
	}}, s, clock)
	if err != nil {
		t.Fatal(err)
	}
	c := &conveyor{rig: r, belt: b}
	b.Announce(1, clock.now)
	b.Act(&edge.Verdict{ID: edge.EventID{Seq: 1}, Decision: edge.Reject, Regions: []edge.Region{
		{Box: image.Rect(2, 2, 6, 6), Share: 0.5}, {Box: image.Rect(50, 50, 60, 60), Share: 0.5}}})
	c.run(95, ms(1))                         // both gates have begun
	c.runTo(clock.now.Add(10 * time.Second)) // the belt stands
	c.run(5, ms(1))                          // and goes on
	for i := range 2 {
		if chip.Line(i).Read() != pgpio.High {
			t.Errorf("the part passes gate %d unharmed", i)
		}
	}
}

// TestBeltSaysSoOfAnAnnouncedPartBeyondItsGate: news of a trigger that comes behind the gate stops the line.
func TestBeltSaysSoOfAnAnnouncedPartBeyondItsGate(t *testing.T) {
	c := newConveyor(t)
	c.run(10, ms(1))
	seen := c.clock.now
	c.run(150, ms(1))
	c.belt.Announce(1, seen)
	c.run(1, ms(1))
	c.verdict(1, edge.Reject)
	c.run(150, ms(1))
	if s := c.belt.Stats(); s.TooLate != 1 || c.pin.Rises(pgpio.High) != 0 {
		t.Errorf("%+v, %d pulses: the part has escaped and nobody says so", s, c.pin.Rises(pgpio.High))
	}
}

func TestTrackKnowsWhenACountWasReached(t *testing.T) {
	var track gpio.Track
	for i, count := range []int64{1, 2, 3, 2, 3, 4, 6} {
		track.Move(count, at(float64(i)))
	}
	for _, c := range []struct {
		count int64
		since float64
		want  edge.Instant
	}{{3, -1, at(2)}, {3, 2, at(4)}, {5, -1, at(6)}, {7, -1, 0}, {4, 6, 0}} {
		if got := track.Reached(c.count, at(c.since)); got != c.want {
			t.Errorf("count %d since %v ms: %v, want %v", c.count, c.since, got, c.want)
		}
	}
}
