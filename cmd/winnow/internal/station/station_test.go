package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
	"winnow/edge/health"
	"winnow/edge/line"
	"winnow/edge/store"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// judgeFunc decides on the number of a frame.
type judgeFunc func(f *edge.Frame, v *edge.Verdict) error

func (j judgeFunc) Judge(f *edge.Frame, v *edge.Verdict) error { return j(f, v) }

// oddIsBad rejects every second frame.
func oddIsBad(f *edge.Frame, v *edge.Verdict) error {
	v.Score = edge.Score{Fused: 0.5, Threshold: 1}
	v.Decision = edge.Accept
	if f.Seq%2 == 1 {
		v.Decision, v.Reason, v.Score.Fused = edge.Reject, edge.ReasonScore, 2
	}
	return nil
}

// shots is an on-demand camera: one frame for each part that passes its trigger.
type shots struct {
	clock edge.Clock
	asked chan struct{}
	mu    sync.Mutex
	seq   uint64
	err   error
}

func (s *shots) Next(ctx context.Context) (*edge.Frame, error) {
	select {
	case <-s.asked:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	s.seq++
	return &edge.Frame{Pix: make([]byte, 64*64), Width: 64, Height: 64, Stride: 64, Seq: s.seq, At: s.clock.Now()}, nil
}
func (*shots) Release(*edge.Frame) {}
func (*shots) Close() error        { return nil }

// plant is a station with a simulated chip and what stands around it.
type plant struct {
	*Station
	t      *testing.T
	chip   *sim.Chip
	camera *shots
	stop   func() error
}

// The plant's lines.
const (
	lineTrigger = 0
	lineReject  = 1
	lineReady   = 2
	lineInhibit = 3
	lineSensor  = 4
	lineValid   = 5
	lineFault   = 6
)

const plantConfig = `
[trigger]
kind = "gpio"
min_interval = "160ms"
[recipe]
deadline = "1900ms"
[[actuator]]
line = 1
delay = "2s"
pulse = "150ms"
min_gap = "150ms"
[[signal]]
name = "ready"
line = 2
[[signal]]
name = "result_valid"
line = 5
[[signal]]
name = "error"
line = 6
[handshake]
hold = "20ms"
[[input]]
name = "inhibit"
line = 3
debounce = "0s"
`

// start runs a station in real time, with an embedded broker. Times are long
// enough for a machine that is busy with other tests.
func start(t *testing.T, more string, judge judgeFunc) *plant {
	t.Helper()
	return startWith(t, plantConfig+more, judge)
}

// startWith waits for READY.
func startWith(t *testing.T, text string, judge judgeFunc) *plant {
	t.Helper()
	p := launch(t, text, judge)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	return p
}

func launch(t *testing.T, text string, judge judgeFunc) *plant {
	t.Helper()
	return launchIn(t, t.TempDir(), text, Model{Judge: judge, Digest: "test"}, nil)
}

// launchIn runs a station whose records are in dir.
func launchIn(t *testing.T, dir, text string, model Model, load Loader) *plant {
	t.Helper()
	return launchOn(t, dir, text, model, load, func(*sim.Chip) {})
}

// launchOn prepares the lines before the station opens them.
func launchOn(t *testing.T, dir, text string, model Model, load Loader, prepare func(*sim.Chip)) *plant {
	t.Helper()
	t.Parallel()
	path := filepath.Join(dir, "station.toml")
	text += fmt.Sprintf("\n[mqtt]\nlisten = \"127.0.0.1:0\"\n[records]\ndir = %q\nkeep_rejects = 0\n", filepath.Join(dir, "records"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	clk, err := clock.NewSystem()
	if err != nil {
		t.Fatal(err)
	}
	p := &plant{t: t, chip: sim.NewChip(clk), camera: &shots{clock: clk, asked: make(chan struct{}, 100)}}
	prepare(p.chip)
	p.Station, err = Open(Options{
		Config: cfg, Clock: clk, Log: slog.New(slog.NewTextHandler(logTo{t}, nil)), Version: "test",
		Chip: p.chip, Source: p.camera, Triggered: true, Load: load,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, model) }()
	p.stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		p.Close()
		return err
	})
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

type logTo struct{ t *testing.T }

func (l logTo) Write(b []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Logf("%s", b)
	}
	return len(b), nil
}

// until waits for something that must come; only a plant that never does it fails.
func (p *plant) until(what string, is func() bool) {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("never came: %s", what)
		}
	}
}

// part passes the light barrier; the camera gives its picture.
func (p *plant) part() { p.pass(1) }

// pass is part with several pictures.
func (p *plant) pass(frames int) {
	p.chip.Line(lineTrigger).Drive(gpio.High)
	for range frames {
		p.camera.asked <- struct{}{}
	}
	time.Sleep(90 * time.Millisecond)
	p.chip.Line(lineTrigger).Drive(gpio.Low)
	time.Sleep(90 * time.Millisecond)
}

// parts pass n times; then every one of them has its verdict.
func (p *plant) parts(n int) {
	p.t.Helper()
	before := p.line.Counts().Triggers
	for range n {
		p.part()
	}
	p.until("verdicts", func() bool { return p.line.Counts().Triggers == before+uint64(n) })
}

func (p *plant) pulses(line int) int { return p.chip.Line(line).Rises(gpio.High) }

func TestARejectedPartGetsItsPulseAndTheOthersNone(t *testing.T) {
	p := start(t, "", oddIsBad)
	p.parts(10)
	p.until("five pulses", func() bool { return p.pulses(lineReject) == 5 })
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if c := p.line.Counts(); c.Accept != 5 || c.Reject != 5 || !c.Balanced() {
		t.Errorf("%+v", c)
	}
	if n := p.pulses(lineReject); n != 5 {
		t.Errorf("%d pulses", n)
	}
	if n := p.pulses(lineValid); n < 9 { // the last may be cut off by the stop
		t.Errorf("RESULT VALID came %d times for 10 parts", n)
	}
	for _, l := range []int{lineReject, lineReady, lineValid, lineFault} {
		if p.chip.Line(l).Read() {
			t.Errorf("line %d is not at its safe level after the stop", l)
		}
	}
	for _, c := range p.Cuts() {
		if c.Times.N == 0 {
			t.Errorf("nothing was measured of %s", c.Name)
		}
	}
}

// Several frames of one part and the rule that fuses them, from the configuration:
// the first part has one bad frame of three, the second two, the third three.
func TestSeveralFramesOfAPartAreFused(t *testing.T) {
	bad := map[uint64]bool{2: true, 4: true, 6: true, 7: true, 8: true, 9: true}
	judge := func(f *edge.Frame, v *edge.Verdict) error {
		v.Decision, v.Score = edge.Accept, edge.Score{Fused: 0.1, Threshold: 1}
		if bad[f.Seq] {
			v.Decision, v.Reason, v.Score.Fused = edge.Reject, edge.ReasonScore, 1.5
		}
		return nil
	}
	for rule, want := range map[string]edge.Counts{
		"any":      {Triggers: 3, Reject: 3},
		"majority": {Triggers: 3, Accept: 1, Reject: 2},
		"mean":     {Triggers: 3, Accept: 1, Reject: 2},
	} {
		t.Run(rule, func(t *testing.T) {
			p := startWith(t, strings.Replace(plantConfig, "[recipe]", "[recipe]\nframes = 3\nrule = \""+rule+"\"", 1), judge)
			for part := range uint64(3) {
				p.pass(3)
				p.until("the verdict", func() bool { return p.line.Counts().Triggers == part+1 })
			}
			if c := p.line.Counts(); c != want {
				t.Errorf("%+v, want %+v", c, want)
			}
		})
	}
}

func TestInhibitHoldsTheActuatorsAtOnce(t *testing.T) {
	p := start(t, "", oddIsBad)
	p.chip.Line(lineInhibit).Drive(gpio.High)
	p.until("READY drops", func() bool { return !bool(p.chip.Line(lineReady).Read()) })
	p.parts(6)
	p.until("they have passed the actuator", p.outs.idle)
	p.chip.Line(lineInhibit).Drive(gpio.Low)
	p.until("READY comes back", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	if n := p.pulses(lineReject); n != 0 {
		t.Errorf("%d pulses while inhibited", n)
	}
	if n := p.pulses(lineValid); n != 0 {
		t.Errorf("%d results were handed over while inhibited", n)
	}
	p.parts(2)
	p.until("a pulse", func() bool { return p.pulses(lineReject) == 1 })
}

// A part that was let in while READY was on is rejected, though its verdict comes while the
// actuators are held: they are free again when it is before them.
func TestAnInhibitThatIsOverLetsNoBadPartPass(t *testing.T) {
	judge := make(chan struct{})
	p := start(t, "", func(f *edge.Frame, v *edge.Verdict) error {
		<-judge
		return oddIsBad(f, v)
	})
	p.part() // bad
	p.chip.Line(lineInhibit).Drive(gpio.High)
	p.until("READY drops", func() bool { return !bool(p.chip.Line(lineReady).Read()) })
	close(judge)
	p.until("its verdict", func() bool { return p.line.Counts().Triggers == 1 })
	p.chip.Line(lineInhibit).Drive(gpio.Low)
	p.until("READY comes back", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if n := p.pulses(lineReject); n != 1 {
		t.Errorf("%d pulses", n)
	}
	if n := p.pulses(lineValid); n != 0 {
		t.Errorf("%d results were handed over while inhibited", n)
	}
}

// What counts is that READY is on when a bad part is before its actuator, not what was in
// force as it passed the trigger and got its verdict.
func TestABadPartOfShadowOrInhibitIsRejectedOnceReady(t *testing.T) {
	for _, mode := range []config.Mode{config.ModeShadow, config.ModeInhibit} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, its verdict comes when READY is on: %v", mode, late), func(t *testing.T) {
				judge := make(chan struct{})
				p := start(t, "", func(f *edge.Frame, v *edge.Verdict) error {
					<-judge
					return oddIsBad(f, v)
				})
				p.modes.set(mode)
				p.part() // bad
				if !late {
					close(judge)
					p.until("its verdict", func() bool { return p.line.Counts().Triggers == 1 })
				}
				p.modes.set(config.ModeReady)
				p.until("READY comes back", func() bool { return bool(p.chip.Line(lineReady).Read()) })
				if late {
					close(judge)
				}
				if err := p.stop(); err != nil {
					t.Error(err)
				}
				if n := p.pulses(lineReject); n != 1 {
					t.Errorf("%d pulses", n)
				}
			})
		}
	}
}

func TestACameraThatFailsDropsReadyAndRejectsItsParts(t *testing.T) {
	p := start(t, "", oddIsBad)
	p.camera.mu.Lock()
	p.camera.err = errUnplugged
	p.camera.mu.Unlock()
	p.parts(3)
	p.until("READY drops", func() bool { return !bool(p.chip.Line(lineReady).Read()) })
	p.until("three parts without a picture get their pulse", func() bool { return p.pulses(lineReject) == 3 })
	p.camera.mu.Lock()
	p.camera.err = nil
	p.camera.mu.Unlock()
	p.parts(2)
	p.until("READY by itself", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	if c := p.line.Counts(); c.NoResult != 3 || !c.Balanced() {
		t.Errorf("%+v", c)
	}
}

var errUnplugged = fmt.Errorf("unplugged")

func TestAPanicIsAFaultUntilReset(t *testing.T) {
	p := start(t, "[[input]]\nname = \"reset\"\nline = 7\ndebounce = \"0s\"\n", func(f *edge.Frame, v *edge.Verdict) error {
		if f.Seq == 2 {
			panic("broken")
		}
		return oddIsBad(f, v)
	})
	p.parts(3)
	p.until("ERROR", func() bool { return bool(p.chip.Line(lineFault).Read()) })
	p.until("every part of the fault is rejected", func() bool { return p.pulses(lineReject) == 3 })
	p.chip.Line(7).Drive(gpio.High)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) && !bool(p.chip.Line(lineFault).Read()) })
}

// A reset is refused while the judge hangs: what it would have lifted stands, here and on the line.
func TestAResetThatIsRefusedLiftsNoAlarm(t *testing.T) {
	free := make(chan struct{})
	p := startWith(t, strings.Replace(plantConfig, "1900ms", "100ms", 1), func(f *edge.Frame, v *edge.Verdict) error {
		<-free
		return oddIsBad(f, v)
	})
	p.part()
	p.until("FAULT", func() bool { return p.line.Status().State == line.Fault })
	p.Station.stop("jam", "the confirmation sensor does not come free", "clear the reject chute, then reset")
	jammed := func() bool {
		return slices.ContainsFunc(p.Problems(), func(h health.Problem) bool { return h.Code == "jam" })
	}
	p.reset()
	if err := p.line.Send(t.Context(), line.Sync{}); err != nil || !jammed() {
		t.Errorf("the alarm is gone, and READY stays off, %v", err)
	}
	close(free)
	p.until("READY", func() bool { p.reset(); return bool(p.chip.Line(lineReady).Read()) })
	if jammed() {
		t.Error("a reset leaves the alarm")
	}
}

// Outputs are held at once, the line hears of it by a command: where that was lost, a reset
// must not make it READY behind outputs that are held.
func TestAResetPutsTheModeInForceThatTheLineHasNotHeardOf(t *testing.T) {
	p := start(t, "", oddIsBad)
	ready, busy := p.chip.Line(lineReady), make(chan struct{})
	before := ready.Rises(gpio.High)
	p.line.Post(line.Reset{Done: func() { <-busy }})
	for p.line.Post(line.Sync{}) {
	}
	p.modes.set(config.ModeInhibit)
	close(busy)
	p.until("READY drops", func() bool { return !bool(ready.Read()) })
	p.reset()
	p.until("INHIBIT", func() bool { return p.line.Status().State == line.Inhibit })
	if n := ready.Rises(gpio.High) - before; n != 0 {
		t.Errorf("READY rose %d times while the outputs are held", n)
	}
}

// TestAStationThatWasKilledWaitsForAReset: nobody knows what was on its belt.
func TestAStationThatWasKilledWaitsForAReset(t *testing.T) {
	dir := killedStation(t)
	p := launchIn(t, dir, plantConfig, Model{Judge: judgeFunc(oddIsBad), Digest: "test"}, nil)
	p.until("the start", p.running.Load)
	p.parts(1)
	unclean := func() bool {
		return slices.ContainsFunc(p.Problems(), func(h health.Problem) bool { return h.Code == "unclean-stop" })
	}
	if ready := p.chip.Line(lineReady); bool(ready.Read()) || ready.Rises(gpio.High) > 0 || !unclean() {
		t.Errorf("READY %v, it rose %d times; alarms %v", ready.Read(), ready.Rises(gpio.High), p.Problems())
	}
	p.reset()
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	if unclean() {
		t.Errorf("after the reset: %v", p.Problems())
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if open := openPages(t, dir); len(open) > 0 {
		t.Errorf("the next start would ask for a reset again: %+v", open)
	}
}

// Who restarts a station has not cleared its belt.
func TestAnotherRestartDoesNotStandForAReset(t *testing.T) {
	dir := killedStation(t)
	p := launchIn(t, dir, plantConfig, Model{Judge: judgeFunc(oddIsBad), Digest: "test"}, nil)
	p.until("the start", p.running.Load)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if open := openPages(t, dir); len(open) != 1 || open[0].Boot != "before" {
		t.Errorf("after a clean end without a reset: open pages %+v, want that of the boot that was killed", open)
	}
}

// A station without its clock that was killed: the page that says so has no date, and
// comes behind those of a year.
func TestAKilledStationIsKnownBehindAYearOfPages(t *testing.T) {
	path := filepath.Join(killedStation(t), "records", "ledger.db")
	db, err := store.OpenDB(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i+1 FROM n WHERE i < 1100)
		INSERT INTO ledger SELECT strftime('%FT%TZ', 1700000000 + i*28800, 'unixepoch'), 'default', 'b'||i, 0, 1,1,0,0,0,0,0,0 FROM n`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	ledger, err := store.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	k := &keeper{db: ledger}
	if err := k.findOld(t.Context()); err != nil || !k.unclean || len(k.old) != 1 || k.old[0].Boot != "before" {
		t.Errorf("unclean %v, open pages %+v, %v", k.unclean, k.old, err)
	}
}

// Nobody knows how a station ended whose ledger is damaged: most likely in a power cut.
func TestADamagedLedgerWaitsForAReset(t *testing.T) {
	dir := killedStation(t)
	path := filepath.Join(dir, "records", "ledger.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	p := launchIn(t, dir, plantConfig, Model{Judge: judgeFunc(oddIsBad), Digest: "test"}, nil)
	p.until("the start", p.running.Load)
	p.until("the reason", func() bool { return strings.Contains(p.line.Status().Reason, "did not end by itself") })
	if n := p.chip.Line(lineReady).Rises(gpio.High); n > 0 {
		t.Errorf("READY rose %d times", n)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if open := openPages(t, dir); len(open) != 1 { // a restart does not stand for a reset
		t.Errorf("after a clean end without a reset: open pages %+v", open)
	}
}

// killedStation returns a folder whose station was killed with a part judged.
func killedStation(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "records"), 0o755); err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenLedger(filepath.Join(dir, "records", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	killed := store.Page{Recipe: "default", Boot: "before", Open: true, Counts: edge.Counts{Triggers: 1, Accept: 1}}
	if err := errors.Join(db.Write(t.Context(), killed), db.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openPages returns the pages in dir that were not closed.
func openPages(t *testing.T, dir string) []store.Page {
	t.Helper()
	db, err := store.OpenLedger(filepath.Join(dir, "records", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	pages, err := db.OpenPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func TestTheConfirmationSensorCountsAndMissesParts(t *testing.T) {
	p := start(t, "[[input]]\nname = \"confirm\"\nline = 4\ndebounce = \"0s\"\n[confirm]\nwithin = \"1s\"\n", oddIsBad)
	p.chip.Line(lineReject).Wire(p.chip.Line(lineSensor)) // whoever is blown off is seen
	p.parts(4)
	p.until("two confirmed", func() bool { return p.line.Counts().Confirmed == 2 })
	if !p.health.Well() {
		t.Errorf("%+v", p.health.Problems())
	}
	p.chip.Line(lineReject).Unwire()
	p.parts(2)
	p.until("READY drops for a part that nobody saw", func() bool { return !bool(p.chip.Line(lineReady).Read()) })
}

func TestAResultThatThePLCDoesNotTakeDropsReady(t *testing.T) {
	text := strings.Replace(plantConfig, `hold = "20ms"`, "hold = \"400ms\"\nacknowledge = true", 1)
	p := startWith(t, text+"[[input]]\nname = \"ack\"\nline = 4\ndebounce = \"0s\"\n", oddIsBad)
	p.chip.Line(lineValid).Wire(p.chip.Line(lineSensor)) // the PLC acknowledges what it sees
	p.parts(2)
	if !p.health.Well() {
		t.Errorf("%+v", p.health.Problems())
	}
	p.chip.Line(lineValid).Unwire()
	p.part()
	p.until("READY drops", func() bool { return !bool(p.chip.Line(lineReady).Read()) })
	p.until("the alarm says why", func() bool { return strings.Contains(p.line.Status().Reason, "has not taken a result") })
}

// A part that takes long holds back the results of those behind it: the PLC gets them one
// after the other then, and has missed none.
func TestResultsBehindASlowPartAreNotMissed(t *testing.T) {
	passed := make(chan struct{})
	p := start(t, "", func(f *edge.Frame, v *edge.Verdict) error {
		<-passed
		return oddIsBad(f, v)
	})
	for range 10 {
		p.part()
	}
	close(passed)
	p.until("ten results", func() bool { return p.pulses(lineValid) == 10 })
	for _, h := range p.Problems() {
		if h.Code == "plc-missed" {
			t.Error(h.Text)
		}
	}
}

// Parts on the belt are acted on before a station ends: that is no hanging line, and
// its watchdogs are sent away rather than left hungry.
func TestTheWatchdogOutlastsTheLastParts(t *testing.T) {
	p := start(t, "[watchdog]\npatience = \"2s\"\n", oddIsBad)
	p.parts(1)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if n := p.pulses(lineReject); n != 1 {
		t.Errorf("%d pulses", n)
	}
	for _, problem := range p.Problems() {
		if problem.Code == "watchdog" {
			t.Errorf("a clean end: %s", problem.Text)
		}
	}
}

// The last part's pulse is not cut short by the stop that waits for it.
func TestAStopLeavesTheLastPulseItsLength(t *testing.T) {
	p := start(t, "", oddIsBad)
	p.parts(1)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p.pulseOf(150 * time.Millisecond)
}

// pulseOf checks that the actuator had one pulse of a width; one that starts late is
// shorter, by half at most.
func (p *plant) pulseOf(width time.Duration) {
	p.t.Helper()
	e := p.chip.Line(lineReject).Edges()
	if len(e) != 3 || e[2].At.Sub(e[1].At) < width/2 {
		p.t.Errorf("%v, want one pulse of %v", e, width)
	}
}

// A hand may be in the machine when the station starts: with the INHIBIT input active it is never READY.
func TestAStationThatStartsInhibitedIsNeverReady(t *testing.T) {
	text := strings.Replace(plantConfig, `debounce = "0s"`, `debounce = "50ms"`, 1)
	p := launchOn(t, t.TempDir(), text, Model{Judge: judgeFunc(oddIsBad), Digest: "test"}, nil, func(c *sim.Chip) { c.Line(lineInhibit).Drive(gpio.High) })
	p.until("INHIBIT", func() bool { return p.running.Load() && p.line.Status().State == line.Inhibit })
	if n := p.chip.Line(lineReady).Rises(gpio.High); n != 0 {
		t.Errorf("READY rose %d times", n)
	}
}

// A RESET that is active since before the start is nobody who has looked at the belt since.
func TestAResetFromBeforeTheStartLiftsNothing(t *testing.T) {
	dir := killedStation(t)
	text := plantConfig + "[[input]]\nname = \"reset\"\nline = 7\ndebounce = \"0s\"\n"
	p := launchOn(t, dir, text, Model{Judge: judgeFunc(oddIsBad), Digest: "test"}, nil, func(c *sim.Chip) { c.Line(7).Drive(gpio.High) })
	p.until("the start", p.running.Load)
	p.parts(1)
	if ready := p.chip.Line(lineReady); ready.Rises(gpio.High) != 0 {
		t.Errorf("READY rose %d times", ready.Rises(gpio.High))
	}
	p.chip.Line(7).Drive(gpio.Low)
	p.chip.Line(7).Drive(gpio.High)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
}

// An actuator that stays on is in the way of what passes, and of whoever's hand is in the machine.
func TestAnActuatorThatStaysOnDropsReady(t *testing.T) {
	p := start(t, "", oddIsBad)
	p.parts(1)
	p.until("its pulse", func() bool { return p.pulses(lineReject) == 1 })
	p.chip.Line(lineReject).Fail(errors.New("unplugged"))
	p.until("READY drops", func() bool { return !bool(p.chip.Line(lineReady).Read()) })
	if why := p.line.Status().Reason; !strings.Contains(why, "does not switch off") {
		t.Error(why)
	}
	p.chip.Line(lineReject).Fail(nil)
	p.until("the actuator is off", func() bool { return !bool(p.chip.Line(lineReject).Read()) })
}
