package station

import (
	"image"
	"strings"
	"sync"
	"testing"
	"time"

	"winnow/edge"
	"winnow/gpio"
)

// Lines of the encoder and of the actuator beside the first.
const (
	lineA    = 8
	lineB    = 9
	lineSide = 10
)

// conveyorConfig is a belt of one count a millimetre with the actuator at 300. The
// verdict may take longer than a slow test machine does.
const conveyorConfig = `
[trigger]
kind = "gpio"
min_interval = "100ms"
[belt]
speed_mm_per_s = 100.0
[encoder]
kind = "quadrature"
line = 8
line_b = 9
counts_per_mm = 1.0
[recipe]
deadline = "1900ms"
[[actuator]]
line = 1
distance_mm = 300.0
pulse = "40ms"
[[signal]]
name = "ready"
line = 2
`

// conveyor is a plant whose belt the test moves count by count.
type conveyor struct {
	*plant
	at     int64 // the encoder's count, as the station has it
	turned int64 // the encoder's phase
}

// convey starts a plant and moves its belt until the station follows: where it
// stands as the station begins to look is its zero.
func convey(t *testing.T, text string, judge judgeFunc) *conveyor {
	t.Helper()
	c := &conveyor{plant: startWith(t, text, judge)}
	c.until("the station follows the belt", func() bool {
		c.step(1)
		time.Sleep(10 * time.Millisecond)
		return c.outs.belt.Count() > 0
	})
	c.at = c.outs.belt.Count()
	return c
}

func (c *conveyor) step(by int64) {
	c.at, c.turned = c.at+by, c.turned+by
	p := [4][2]gpio.Level{{false, false}, {true, false}, {true, true}, {false, true}}[c.turned&3]
	c.chip.Line(lineA).Drive(p[0])
	c.chip.Line(lineB).Drive(p[1])
}

// to moves the belt to a count, in either direction, and waits until the station
// has seen that; pulses that begin then have begun.
func (c *conveyor) to(count int64, pace time.Duration) {
	c.t.Helper()
	for c.at != count {
		if c.at < count {
			c.step(1)
		} else {
			c.step(-1)
		}
		time.Sleep(pace)
	}
	c.until("the count", func() bool { return c.outs.belt.Count() == count })
	time.Sleep(20 * time.Millisecond)
}

// judged has a part pass the light barrier and waits for its verdict.
func (c *conveyor) judged() {
	c.t.Helper()
	c.parts(1)
}

func (c *conveyor) fired(line int, want bool, when string) {
	c.t.Helper()
	if n := c.pulses(line); (n > 0) != want {
		c.t.Errorf("%s: %d pulses on line %d", when, n, line)
	}
}

func TestPartsAreFollowedThroughStopsAndReverse(t *testing.T) {
	c := convey(t, conveyorConfig, oddIsBad)
	c.judged() // bad, at 0
	c.to(100, time.Millisecond)
	c.judged() // good, at 100
	c.to(200, time.Millisecond)
	c.judged() // bad, at 200
	c.to(280, 2*time.Millisecond)
	c.fired(lineReject, false, "before the gate")
	time.Sleep(200 * time.Millisecond)
	c.fired(lineReject, false, "while the belt stands")
	c.to(130, time.Millisecond)
	c.to(280, time.Millisecond)
	c.fired(lineReject, false, "back and again before the gate")
	c.to(320, 3*time.Millisecond)
	c.fired(lineReject, true, "behind the gate")
	first := c.pulses(lineReject)
	c.to(470, time.Millisecond)
	if n := c.pulses(lineReject); n != first {
		t.Errorf("the good part was fired at: %d pulses after %d", n, first)
	}
	c.to(520, 3*time.Millisecond)
	if n := c.pulses(lineReject); n == first {
		t.Error("the third part passed the gate")
	}
	if n := c.outs.belt.Parts(); n != 0 || !c.health.Well() {
		t.Errorf("%d parts left on the belt, %+v", n, c.health.Problems())
	}
}

// A station that is asked to stop acts on what is on a belt that moves on.
func TestAStopActsOnPartsOnTheBelt(t *testing.T) {
	c := convey(t, conveyorConfig, oddIsBad)
	c.judged() // bad
	c.to(100, time.Millisecond)
	c.judged() // good
	var runs sync.WaitGroup
	defer runs.Wait()
	runs.Go(func() {
		c.until("the line has ended", func() bool { return !c.running.Load() })
		for c.at < 330 {
			c.step(1)
			time.Sleep(2 * time.Millisecond)
		}
	})
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.pulseOf(40 * time.Millisecond)
}

// An encoder that loses counts stops the line: parts are not where they seem.
func TestLostEncoderCountsStopTheLine(t *testing.T) {
	c := convey(t, conveyorConfig+"[[signal]]\nname = \"stop\"\nline = 11\n", oddIsBad)
	c.to(9, time.Millisecond)
	c.until("edges are lost", func() bool {
		for range 2000 { // faster than anybody takes them
			c.chip.Line(lineA).Drive(true)
			c.chip.Line(lineA).Drive(false)
		}
		return !c.health.Well()
	})
	c.until("READY drops and STOP comes", func() bool {
		return !bool(c.chip.Line(lineReady).Read()) && bool(c.chip.Line(11).Read())
	})
	if why := c.line.Status().Reason; !strings.Contains(why, "encoder counts were lost") {
		t.Error(why)
	}
}

// With an encoder a part is announced when the belt has brought it to the camera,
// however long that takes.
func TestPartsAreAnnouncedAtTheCamera(t *testing.T) {
	c := convey(t, strings.Replace(conveyorConfig, "[belt]", "[belt]\ncamera_mm = 50.0", 1), oddIsBad)
	c.chip.Line(lineTrigger).Drive(true)
	time.Sleep(100 * time.Millisecond)
	c.to(49, time.Millisecond)
	if n := c.line.Open(); n != 0 {
		t.Errorf("%d parts were announced before the camera", n)
	}
	c.to(51, time.Millisecond)
	c.until("the part is announced", func() bool { return c.line.Open() == 1 })
	c.camera.asked <- struct{}{}
	c.until("its verdict", func() bool { return c.line.Counts().Reject == 1 })
	c.to(280, time.Millisecond)
	c.fired(lineReject, false, "before the gate")
	c.to(320, 3*time.Millisecond)
	c.fired(lineReject, true, "behind the gate")
}

// A trigger that is heard of when its part is beyond the camera already, for its debounce
// time, announces the part for when it was there: it is fired at where it is.
func TestAPartThatIsBeyondTheCameraIsPlacedWhereItIs(t *testing.T) {
	text := strings.Replace(conveyorConfig, "[belt]", "debounce = \"1s\"\n[belt]\ncamera_mm = 5.0", 1)
	text = strings.Replace(text, "min_interval = \"100ms\"", "min_interval = \"1s\"", 1)
	c := convey(t, text, oddIsBad)
	start := c.at
	c.chip.Line(lineTrigger).Drive(true)
	c.to(start+50, time.Millisecond)
	c.until("the part is announced", func() bool { return c.line.Open() == 1 })
	c.camera.asked <- struct{}{}
	c.until("its verdict", func() bool { return c.line.Counts().Triggers == 1 })
	c.to(start+280, time.Millisecond)
	c.fired(lineReject, false, "before the gate")
	c.to(start+320, 3*time.Millisecond)
	c.fired(lineReject, true, "behind the gate")
}

// Parts that the encoder announces are not announced again when the belt runs back.
func TestTheEncoderAnnouncesPartsByTheirDistance(t *testing.T) {
	text := strings.Replace(conveyorConfig, "kind = \"gpio\"\nmin_interval = \"100ms\"", "kind = \"encoder\"\nevery_mm = 100.0", 1)
	c := convey(t, text, oddIsBad)
	announced := func(want uint64) {
		t.Helper()
		c.until("the announcement", func() bool { return c.line.Counts().Triggers+uint64(c.line.Open()) == want })
		c.camera.asked <- struct{}{}
		c.until("the verdict", func() bool { return c.line.Counts().Triggers == want })
	}
	c.to(110, time.Millisecond)
	announced(1)
	c.to(60, time.Millisecond)
	c.to(190, time.Millisecond)
	if n := c.line.Counts().Triggers + uint64(c.line.Open()); n != 1 {
		t.Errorf("%d parts after 190 mm", n)
	}
	c.to(210, time.Millisecond)
	announced(2)
}

// leftOrRight sees a defect on the left of part 1, on the right of part 2, and
// nothing in particular of part 3; part 4 is good.
func leftOrRight(f *edge.Frame, v *edge.Verdict) error {
	at := map[uint64]image.Rectangle{1: image.Rect(4, 4, 12, 12), 2: image.Rect(40, 4, 48, 12)}
	if f.Seq == 4 {
		v.Decision, v.Score = edge.Accept, edge.Score{Fused: 0.5, Threshold: 1}
		return nil
	}
	if box, ok := at[f.Seq]; ok {
		v.Regions = append(v.Regions, edge.Region{Box: box, Share: 1})
	}
	return allBad(f, v)
}

const sideActuator = `
[[actuator]]
name = "side"
line = 10
pulse = "40ms"
region = "32x64+0+0"
`

func TestActuatorsByRegionOfADefectByTime(t *testing.T) {
	p := startWith(t, plantConfig+sideActuator+"delay = \"2100ms\"\n", leftOrRight)
	p.parts(4)
	p.until("their pulses", func() bool { return p.pulses(lineSide) == 1 && p.pulses(lineReject) == 2 })
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if s, r := p.pulses(lineSide), p.pulses(lineReject); s != 1 || r != 2 {
		t.Errorf("%d pulses at the side, %d at the first", s, r)
	}
}

func TestActuatorsByRegionOfADefectByEncoder(t *testing.T) {
	c := convey(t, conveyorConfig+sideActuator+"distance_mm = 250.0\n", leftOrRight)
	c.judged() // at 0: for the side
	c.to(100, time.Millisecond)
	c.judged() // at 100: for the first
	c.to(235, time.Millisecond)
	c.fired(lineSide, false, "before the side's gate")
	c.to(285, 3*time.Millisecond)
	c.fired(lineSide, true, "behind the side's gate")
	side := c.pulses(lineSide)
	c.to(385, 3*time.Millisecond) // part 1 has passed the first gate, part 2 the side's
	c.fired(lineReject, false, "part 1 at the first gate")
	if n := c.pulses(lineSide); n != side {
		t.Errorf("part 2 was fired at at the side: %d pulses after %d", n, side)
	}
	c.to(420, 3*time.Millisecond)
	c.fired(lineReject, true, "part 2 at the first gate")
}

// A second activation within min_interval is the same part, but somebody is told:
// it may have been another.
func TestTriggersTooSoonAreCountedAndTold(t *testing.T) {
	p := start(t, "", oddIsBad)
	for range 2 {
		p.chip.Line(lineTrigger).Drive(true)
		p.chip.Line(lineTrigger).Drive(false)
	}
	p.until("it is told", func() bool { return len(p.health.Problems()) == 1 })
	if n, what := p.triggers.tooSoon.Load(), p.health.Problems()[0].Code; n != 1 || what != "trigger-too-soon" {
		t.Errorf("%d, %s", n, what)
	}
	p.camera.asked <- struct{}{}
	p.until("the verdict", func() bool { return p.line.Counts().Triggers == 1 })
	if !bool(p.chip.Line(lineReady).Read()) {
		t.Error("READY dropped")
	}
}

// Edges that the kernel's queue had no room for may have been parts.
func TestLostTriggerEdgesStopTheLine(t *testing.T) {
	p := start(t, "", oddIsBad)
	p.until("edges are lost", func() bool {
		for range 2000 {
			p.chip.Line(lineTrigger).Drive(true)
			p.chip.Line(lineTrigger).Drive(false)
		}
		return strings.Contains(p.line.Status().Reason, "edges of the trigger were lost")
	})
	p.until("READY drops", func() bool { return !bool(p.chip.Line(lineReady).Read()) })
}
