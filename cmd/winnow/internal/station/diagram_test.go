package station

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/gpio"
	"winnow/gpio/sim"
)

var update = flag.Bool("update", false, "write golden files anew")

// signalLine is where a signal is wired in these runs.
func signalLine(n config.SignalName) int {
	return 10 + slices.Index([]config.SignalName{
		config.SignalReady, config.SignalBusy, config.SignalValid, config.SignalAccept, config.SignalReject, config.SignalUnsure, config.SignalError, config.SignalHeartbeat,
	}, n)
}

// virtual is a station's handshake, actuator and line in virtual time: what runs
// beside each other in a plant is turned here by one goroutine.
type virtual struct {
	*Station
	t     *testing.T
	clock *clock.Manual
	chip  *sim.Chip
	m     *line.Machine

	plans []plan
	looks map[uint64]look // of parts, by number
	job   *line.Job
	ready edge.Instant // when the job is done
	beats edge.Instant
	frame uint64
}

// plan is something that the plant does.
type plan struct {
	at edge.Instant
	do func()
}

// look is how a part fares.
type look struct {
	decision edge.Decision
	judging  time.Duration
	panics   bool
}

func at(ms int) edge.Instant { return edge.Instant(ms) * edge.Instant(time.Millisecond) }

const (
	virtualTrigger = 0
	virtualReject  = 1
	virtualInhibit = 2
	virtualReset   = 3
	virtualAck     = 4
)

func newVirtual(t *testing.T, change func(*config.Config)) *virtual {
	t.Helper()
	c := config.Default()
	c.Trigger.Kind, c.Trigger.MinInterval = config.TriggerGPIO, config.Duration(100*time.Millisecond)
	c.Actuators = []config.Actuator{{
		Name: "reject", On: config.FiresReject, Chip: config.ChipSim, Line: virtualReject, Safe: config.SafeOff,
		Delay: config.Duration(200 * time.Millisecond), Pulse: config.Duration(25 * time.Millisecond), MinGap: config.Duration(50 * time.Millisecond),
	}}
	for n := config.SignalName(""); len(c.Signals) < 8; {
		n = []config.SignalName{
			config.SignalReady, config.SignalBusy, config.SignalValid, config.SignalAccept, config.SignalReject, config.SignalUnsure, config.SignalError, config.SignalHeartbeat,
		}[len(c.Signals)]
		c.Signals = append(c.Signals, config.Signal{Name: n, Chip: config.ChipSim, Line: signalLine(n)})
	}
	change(c)
	v := &virtual{t: t, clock: clock.NewManual(at(1), edge.WallTime{}), looks: map[uint64]look{}, beats: at(250)}
	v.chip = sim.NewChip(v.clock)
	var err error
	v.Station, err = Open(Options{Config: c, Clock: v.clock, Log: slog.New(slog.DiscardHandler), Version: "test", Chip: v.chip, Triggered: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	v.m, err = line.NewMachine(v.lineConfig(), line.Deps{
		Clock: v.clock, Judge: judgeFunc(v.judge), Actuator: v.outs, Recorder: v, OnChange: v.plc.show, Release: func(*edge.Frame) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Record implements line.Recorder as the station does, without a voice.
func (v *virtual) Record(d *edge.Verdict, _ *edge.Frame) bool {
	v.plc.decided(d)
	v.plc.setBusy(v.m.Open() > 0)
	return true
}

func (v *virtual) judge(f *edge.Frame, d *edge.Verdict) error {
	l := v.looks[f.Seq]
	if l.panics {
		panic("out of memory")
	}
	d.Decision, d.Score = l.decision, edge.Score{Fused: 0.5, Threshold: 1}
	return nil
}

// plan has do done at an instant.
func (v *virtual) plan(ms int, do func()) { v.plans = append(v.plans, plan{at(ms), do}) }

// part passes the light barrier; the camera takes its picture 10 ms later, unless
// it has none.
func (v *virtual) part(ms int, l look, picture bool) {
	n := v.frame + 1
	v.frame = n
	v.looks[n] = l
	v.plan(ms, func() {
		v.chip.Line(virtualTrigger).Drive(gpio.High)
		v.plc.setBusy(true)
		v.m.Trigger(v.clock.Now())
	})
	v.plan(ms+30, func() { v.chip.Line(virtualTrigger).Drive(gpio.Low) })
	if picture {
		v.plan(ms+10, func() {
			v.m.Frame(&edge.Frame{Pix: make([]byte, 64), Width: 8, Height: 8, Stride: 8, Seq: n, At: v.clock.Now()})
		})
	}
}

// button is pressed on an input for a while.
func (v *virtual) button(ms, until, input int, do func(on bool)) {
	v.plan(ms, func() { v.chip.Line(input).Drive(gpio.High); do(true) })
	v.plan(until, func() { v.chip.Line(input).Drive(gpio.Low); do(false) })
}

// run turns everything until an instant.
func (v *virtual) run(until edge.Instant) {
	v.outs.sched.Step()
	slices.SortStableFunc(v.plans, func(a, b plan) int { return cmp.Compare(a.at, b.at) })
	for {
		next := v.next()
		if next.After(until) {
			v.clock.Set(until)
			return
		}
		v.clock.Set(next)
		v.turn()
	}
}

// next is the instant of whatever comes first.
func (v *virtual) next() edge.Instant {
	first := v.beats
	sooner := func(t edge.Instant) {
		if t != 0 && first.After(t) {
			first = t
		}
	}
	if len(v.plans) > 0 {
		sooner(v.plans[0].at)
	}
	if v.job != nil {
		sooner(v.ready)
	}
	sooner(v.m.Wake())
	sooner(v.outs.sched.Step())
	sooner(v.plc.tick(v.clock.Now()))
	return max(first, v.clock.Now())
}

func (v *virtual) turn() {
	now := v.clock.Now()
	for len(v.plans) > 0 && !v.plans[0].at.After(now) {
		do := v.plans[0].do
		v.plans = v.plans[1:]
		do()
	}
	if v.job != nil && !v.ready.After(now) {
		j := v.job
		v.job = nil
		func() {
			defer func() { j.Panic = recover() }()
			j.Err = j.Judge.Judge(j.Frame, &j.Verdict)
		}()
		j.Done = now
		v.m.Judged(j)
	}
	v.m.Tick()
	if v.job == nil {
		if v.job = v.m.Next(); v.job != nil {
			v.ready = now.Add(v.looks[v.job.Frame.Seq].judging)
		}
	}
	if !v.beats.After(now) {
		v.plc.beat()
		v.beats = v.beats.Add(250 * time.Millisecond)
	}
}

// row is one line of a timing diagram.
type row struct {
	name string
	line int
	in   bool // from the plant
}

// mark is a remark at an instant.
type mark struct {
	ms   int
	text string
}

func signalRow(name string, n config.SignalName) row { return row{name, signalLine(n), false} }

// The drawing, in pixels.
const (
	drawLeft   = 130
	drawTop    = 64
	drawRow    = 34
	drawHigh   = 20
	drawPerMS  = 0.7
	drawBottom = 34
)

// draw draws what the lines of v did until an instant.
func (v *virtual) draw(title string, until int, rows []row, marks []mark) []byte {
	var b bytes.Buffer
	x := func(t edge.Instant) string { return fmt.Sprintf("%.1f", drawLeft+drawPerMS*float64(t)/1e6) }
	width, height := drawLeft+int(drawPerMS*float64(until))+20, drawTop+drawRow*len(rows)+drawBottom
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\">\n", width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", title, width, height)
	for ms := 0; ms <= until; ms += 100 {
		fmt.Fprintf(&b, "<path d=\"M%s %dV%d\" stroke=\"#e4e4e4\"/><text x=\"%s\" y=\"%d\" fill=\"#666\" text-anchor=\"middle\">%d</text>\n",
			x(at(ms)), drawTop-4, height-drawBottom, x(at(ms)), height-drawBottom+16, ms)
	}
	fmt.Fprintf(&b, "<text x=\"8\" y=\"%d\" fill=\"#666\">ms</text>\n", height-drawBottom+16)
	for i, m := range marks {
		y := 14 + 14*(i%3)
		fmt.Fprintf(&b, "<path d=\"M%s %dV%d\" stroke=\"#b06\" stroke-dasharray=\"3 3\"/><text x=\"%s\" y=\"%d\" fill=\"#b06\">%s</text>\n",
			x(at(m.ms)), y+3, height-drawBottom, x(at(m.ms)), y, m.text)
	}
	for i, r := range rows {
		low := drawTop + drawRow*i + drawHigh + 6
		color, name := "#036", r.name
		if r.in {
			color, name = "#060", "→ "+r.name
		}
		fmt.Fprintf(&b, "<text x=\"8\" y=\"%d\" fill=\"%s\">%s</text><path fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" d=\"M%s %d", low-5, color, name, color, x(0), low)
		for _, e := range v.chip.Line(r.line).Edges() {
			y := low
			if e.Level {
				y = low - drawHigh
			}
			fmt.Fprintf(&b, "H%sV%d", x(e.At), y)
		}
		fmt.Fprintf(&b, "H%s\"/>\n", x(at(until)))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// golden compares a file of gpio/ with what was drawn.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "gpio", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("gpio/%s is not what the station does; if that is meant: go test ./cmd/winnow/internal/station -run Drawn -update", name)
	}
}

// edges lists the changes of a line as "+100 -130", in ms.
func (v *virtual) edges(line int) string {
	var all []string
	for _, e := range v.chip.Line(line).Edges() {
		sign := "-"
		if e.Level {
			sign = "+"
		}
		if e.At > at(1) {
			all = append(all, fmt.Sprintf("%s%g", sign, float64(e.At)/1e6))
		}
	}
	return strings.Join(all, " ")
}

// The diagrams of gpio/HANDSHAKE.md are drawn from this run.
func TestTheHandshakeIsDrawnFromARun(t *testing.T) {
	v := newVirtual(t, func(c *config.Config) {
		c.Inputs = []config.Input{{Name: config.InputInhibit, Chip: config.ChipSim, Line: virtualInhibit}, {Name: config.InputReset, Chip: config.ChipSim, Line: virtualReset}}
	})
	good := look{decision: edge.Accept, judging: 50 * time.Millisecond}
	v.plan(40, func() { _ = v.m.Do(line.SourceFound{}) })
	v.part(100, good, true)
	v.part(280, look{decision: edge.Reject, judging: 50 * time.Millisecond}, true)
	v.part(460, look{decision: edge.Unsure, judging: 50 * time.Millisecond}, true)
	v.part(640, look{decision: edge.Accept, judging: 260 * time.Millisecond}, true)
	v.plan(920, func() { v.m.SourceDown(errUnplugged) })
	v.part(960, good, false)
	v.plan(1180, func() { _ = v.m.Do(line.SourceFound{}) })
	v.frame = 4 // the fifth part had no picture
	v.part(1240, look{judging: 50 * time.Millisecond, panics: true}, true)
	v.button(1480, 1500, virtualReset, func(on bool) {
		if on {
			_ = v.m.Do(line.Reset{})
		}
	})
	v.part(1560, look{decision: edge.Reject, judging: 50 * time.Millisecond}, true)
	v.button(1600, 1820, virtualInhibit, func(on bool) {
		hold := gpio.HoldNone
		if on {
			hold = gpio.HoldAll
		}
		v.outs.hold(hold)
		_ = v.m.Do(line.SetInhibit(on))
	})
	v.run(at(1900))
	for n, want := range map[int]string{
		signalLine(config.SignalReady):     "+40 -920 +1180 -1300 +1480 -1600 +1820",
		signalLine(config.SignalBusy):      "+100 -160 +280 -340 +460 -520 +640 -790.000001 +960 -1110.000001 +1240 -1300 +1560 -1620",
		signalLine(config.SignalValid):     "+160 -180 +340 -360 +520 -540 +790.000001 -810.000001 +1110.000001 -1130.000001 +1300 -1320",
		signalLine(config.SignalAccept):    "+160 -340",
		signalLine(config.SignalReject):    "+340 -520 +790.000001",
		signalLine(config.SignalUnsure):    "+520 -790.000001",
		signalLine(config.SignalError):     "+1300 -1480",
		signalLine(config.SignalHeartbeat): "+250 -500 +750 -1000 +1250 -1500 +1750",
		virtualReject:                      "+480 -505 +660 -685 +840 -865 +1160 -1185 +1440 -1465",
	} {
		if got := v.edges(n); got != want {
			t.Errorf("line %d: %s, want %s", n, got, want)
		}
	}
	golden(t, "handshake.svg", v.draw("A station's handshake", 1900, []row{
		{"TRIGGER", virtualTrigger, true}, signalRow("READY", config.SignalReady), signalRow("BUSY", config.SignalBusy), signalRow("RESULT VALID", config.SignalValid),
		signalRow("ACCEPT", config.SignalAccept), signalRow("REJECT", config.SignalReject), signalRow("UNSURE", config.SignalUnsure), {"actuator", virtualReject, false},
		signalRow("ERROR", config.SignalError), {"RESET", virtualReset, true}, {"INHIBIT", virtualInhibit, true}, signalRow("HEARTBEAT", config.SignalHeartbeat),
	}, []mark{
		{40, "camera found"}, {100, "1: good"}, {280, "2: bad"}, {460, "3: unsure"}, {640, "4: verdict too late"}, {920, "camera unplugged"},
		{960, "5: no picture"}, {1180, "camera back"}, {1240, "6: scorer fails"}, {1480, "reset"}, {1560, "7: bad, inhibited"},
	}))
}

func TestAcknowledgedResultsAreDrawnFromARun(t *testing.T) {
	v := newVirtual(t, func(c *config.Config) {
		c.Handshake.Acknowledge, c.Handshake.Hold = true, config.Duration(120*time.Millisecond)
		c.Inputs = []config.Input{{Name: config.InputAck, Chip: config.ChipSim, Line: virtualAck}}
	})
	ack := func(on bool) { v.plc.ack(gpio.Change{At: v.clock.Now(), Active: on}) }
	v.plan(40, func() { _ = v.m.Do(line.SourceFound{}) })
	v.part(100, look{decision: edge.Accept, judging: 50 * time.Millisecond}, true)
	v.button(175, 195, virtualAck, ack)
	v.part(280, look{decision: edge.Reject, judging: 50 * time.Millisecond}, true)
	v.part(400, look{decision: edge.Accept, judging: 20 * time.Millisecond}, true) // waits for its turn
	v.button(445, 465, virtualAck, ack)
	v.button(490, 510, virtualAck, ack)
	v.part(600, look{decision: edge.Accept, judging: 50 * time.Millisecond}, true)
	v.run(at(850))
	if got, want := v.edges(signalLine(config.SignalValid)), "+160 -175 +340 -445 +465 -490 +660 -780"; got != want {
		t.Errorf("RESULT VALID %s, want %s", got, want)
	}
	if n := v.plc.hand.Missed(); n != 1 {
		t.Errorf("%d results were missed", n)
	}
	golden(t, "acknowledge.svg", v.draw("Results that the PLC acknowledges", 850, []row{
		{"TRIGGER", virtualTrigger, true}, signalRow("BUSY", config.SignalBusy), signalRow("RESULT VALID", config.SignalValid), {"ACK", virtualAck, true},
		signalRow("ACCEPT", config.SignalAccept), signalRow("REJECT", config.SignalReject), {"actuator", virtualReject, false},
	}, []mark{{100, "1: good"}, {280, "2: bad"}, {400, "3: good, waits"}, {600, "4: good, never acknowledged"}}))
}
