package gpio_test

import (
	"context"
	"errors"
	"image"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pgpio "periph.io/x/conn/v3/gpio"

	"winnow/edge"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// hand is a clock that a test turns.
type hand struct{ now edge.Instant }

func (h *hand) Now() edge.Instant                                  { return h.now }
func (*hand) Wall() edge.WallTime                                  { return edge.WallTime{} }
func (*hand) SleepUntil(ctx context.Context, _ edge.Instant) error { <-ctx.Done(); return ctx.Err() }
func ms(n float64) time.Duration                                   { return time.Duration(n * 1e6) }
func at(n float64) edge.Instant                                    { return edge.Instant(n * 1e6) }

// rig is a scheduler over one simulated line in virtual time.
type rig struct {
	*gpio.Scheduler
	clock   *hand
	pin     *sim.Pin
	out     *gpio.Output
	records []gpio.Record
}

func newRig(t testing.TB, c gpio.ChannelConfig) *rig {
	t.Helper()
	r := &rig{clock: &hand{}}
	r.pin = sim.NewChip(r.clock).Line(1)
	out, err := gpio.NewOutput(r.pin, gpio.Polarity{})
	if err != nil {
		t.Fatal(err)
	}
	r.out, c.Output = out, out
	r.Scheduler, err = gpio.NewScheduler(r.clock, []gpio.ChannelConfig{c}, func(x gpio.Record) { r.records = append(r.records, x) })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runTo turns the clock from wake to wake up to end.
func (r *rig) runTo(end edge.Instant) {
	for {
		next := r.Step()
		if next == 0 || next > end {
			r.clock.now = max(r.clock.now, end)
			return
		}
		r.clock.now = max(r.clock.now, next)
	}
}

// edges after the request, in milliseconds.
func (r *rig) edges() (out []float64) {
	for _, e := range r.pin.Edges()[1:] {
		out = append(out, float64(e.At)/1e6)
	}
	return out
}

func TestSchedulerWindows(t *testing.T) {
	type p struct{ at, width float64 }
	for _, c := range []struct {
		name   string
		cfg    gpio.ChannelConfig
		pulses []p
		want   []float64 // edges, ms
		stats  gpio.Stats
	}{
		{"in any order", gpio.ChannelConfig{}, []p{{300, 20}, {100, 20}, {200, 20}}, []float64{100, 120, 200, 220, 300, 320}, gpio.Stats{Fired: 3}},
		{"overlap merges", gpio.ChannelConfig{Merge: true}, []p{{100, 20}, {110, 20}}, []float64{100, 130}, gpio.Stats{Fired: 1, Merged: 1}},
		{"small gap merges", gpio.ChannelConfig{Merge: true, MinGap: ms(5)}, []p{{100, 20}, {125, 20}}, []float64{100, 145}, gpio.Stats{Fired: 1, Merged: 1}},
		{"larger gap does not", gpio.ChannelConfig{Merge: true, MinGap: ms(5)}, []p{{100, 20}, {126, 20}}, []float64{100, 120, 126, 146}, gpio.Stats{Fired: 2}},
		{"a shorter one inside does not shorten", gpio.ChannelConfig{Merge: true}, []p{{100, 50}, {110, 10}}, []float64{100, 150}, gpio.Stats{Fired: 1, Merged: 1}},
		{"dead time delays the start, not the end", gpio.ChannelConfig{DeadTime: ms(10), MaxLate: ms(15)}, []p{{100, 20}, {122, 20}}, []float64{100, 120, 130, 142}, gpio.Stats{Fired: 2, WorstStart: ms(8)}},
		{"too long a dead time misses", gpio.ChannelConfig{DeadTime: ms(10), MaxLate: ms(5)}, []p{{100, 20}, {122, 20}}, []float64{100, 120}, gpio.Stats{Fired: 1, Missed: 1}},
		{"closer than the period merges", gpio.ChannelConfig{Merge: true, MinPeriod: ms(50)}, []p{{100, 20}, {149, 20}}, []float64{100, 169}, gpio.Stats{Fired: 1, Merged: 1}},
		{"the period itself does not", gpio.ChannelConfig{Merge: true, MinPeriod: ms(50)}, []p{{100, 20}, {150, 20}}, []float64{100, 120, 150, 170}, gpio.Stats{Fired: 2}},
		{"the period delays a pusher", gpio.ChannelConfig{MinPeriod: ms(50)}, []p{{100, 20}, {145, 20}}, []float64{100, 120, 150, 165}, gpio.Stats{Fired: 2, WorstStart: ms(5)}},
		{"half the width late is too late", gpio.ChannelConfig{MinPeriod: ms(50)}, []p{{100, 20}, {139, 20}}, []float64{100, 120}, gpio.Stats{Fired: 1, Missed: 1}},
		{"a bench shifts", gpio.ChannelConfig{MinPeriod: ms(50), Shift: true}, []p{{100, 20}, {110, 20}}, []float64{100, 120, 150, 170}, gpio.Stats{Fired: 2, WorstStart: ms(40)}},
		{"a pusher cannot overlap", gpio.ChannelConfig{MaxLate: ms(5)}, []p{{100, 20}, {110, 20}}, []float64{100, 120}, gpio.Stats{Fired: 1, Missed: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.cfg)
			for i, q := range c.pulses {
				if err := r.Schedule(0, gpio.Pulse{ID: uint64(i), At: at(q.at), Width: ms(q.width)}); err != nil {
					t.Fatal(err)
				}
			}
			r.runTo(at(1000))
			got := r.edges()
			if len(got) != len(c.want) {
				t.Fatalf("edges %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("edges %v, want %v", got, c.want)
					break
				}
			}
			if s := r.Stats(); s != c.stats {
				t.Errorf("%+v, want %+v", s, c.stats)
			}
			if len(r.records) != len(c.pulses) {
				t.Errorf("%d records of %d pulses", len(r.records), len(c.pulses))
			}
		})
	}
}

// What is on is not over, though nothing waits any more.
func TestASchedulerIsIdleOnceItsLastPulseHasEnded(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{})
	if !r.Idle() {
		t.Error("busy with nothing")
	}
	_ = r.Schedule(0, gpio.Pulse{At: at(10), Width: ms(20)})
	for _, c := range []struct {
		now  float64
		idle bool
	}{{5, false}, {10, false}, {29, false}, {30, true}} {
		r.runTo(at(c.now))
		r.Step()
		if r.Idle() != c.idle {
			t.Errorf("at %v ms: idle %v", c.now, r.Idle())
		}
	}
}

func TestPulseThatWouldHitTheNextPartIsNotFired(t *testing.T) {
	for late, want := range map[float64]gpio.Outcome{0: gpio.Fired, 5: gpio.Fired, 5.1: gpio.Missed, 1000: gpio.Missed} {
		r := newRig(t, gpio.ChannelConfig{MaxLate: ms(5)})
		if err := r.Schedule(0, gpio.Pulse{At: at(100), Width: ms(20)}); err != nil {
			t.Fatal(err)
		}
		r.clock.now = at(100 + late)
		r.runTo(at(2000))
		if got := r.records[0]; got.Outcome != want || got.End > at(120) {
			t.Errorf("%v ms late: %v, ends %v", late, got.Outcome, got.End)
		}
		if r.pin.Read() != pgpio.Low {
			t.Error("left on")
		}
	}
}

// A part that stays before the actuator is rejected by a pulse that comes late;
// where the part has gone, nothing is fired at the next.
func TestALatePulseStaysInItsWindow(t *testing.T) {
	for late, want := range map[float64]struct {
		outcome gpio.Outcome
		end     float64
	}{0: {gpio.Fired, 120}, 20: {gpio.Fired, 140}, 30: {gpio.Fired, 150}, 35: {gpio.Fired, 150}, 40: {gpio.Fired, 150}, 40.1: {gpio.Missed, 0}, 1000: {gpio.Missed, 0}} {
		r := newRig(t, gpio.ChannelConfig{})
		if err := r.Schedule(0, gpio.Pulse{At: at(100), Width: ms(20), Window: ms(50)}); err != nil {
			t.Fatal(err)
		}
		r.clock.now = at(100 + late)
		r.runTo(at(2000))
		if got := r.records[0]; got.Outcome != want.outcome || got.End != at(want.end) {
			t.Errorf("%v ms late: %v, ends %v, want %v", late, got.Outcome, got.End, want)
		}
	}
}

func TestScheduleRefuses(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{MaxLate: ms(5), Capacity: 1})
	for name, c := range map[string]struct {
		ch    int
		width time.Duration
		want  error
	}{
		"no channel":   {1, ms(20), gpio.ErrPulse},
		"no width":     {0, 0, gpio.ErrPulse},
		"too short":    {0, ms(5), gpio.ErrPulse},
		"first of one": {0, ms(20), nil},
	} {
		if err := r.Schedule(c.ch, gpio.Pulse{Width: c.width}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.Schedule(0, gpio.Pulse{Width: ms(20)}); !errors.Is(err, gpio.ErrFull) {
		t.Error(err)
	}
}

func TestOutputThatFailsIsCountedAndSwitchedOffLater(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{})
	broken := errors.New("broken")
	for _, p := range []float64{100, 200} {
		_ = r.Schedule(0, gpio.Pulse{At: at(p), Width: ms(20)})
	}
	r.clock.now = at(100)
	r.pin.Fail(broken)
	r.runTo(at(150))
	r.pin.Fail(nil)
	r.runTo(at(200))
	r.pin.Fail(broken)
	r.runTo(at(230))
	if r.pin.Read() != pgpio.High {
		t.Fatal("the second pulse did not begin")
	}
	r.pin.Fail(nil)
	r.runTo(at(240))
	if s := r.Stats(); s.Failed != 1 || s.Fired != 1 || r.pin.Read() != pgpio.Low {
		t.Errorf("%+v, level %v", s, r.pin.Read())
	}
}

func TestRunFiresOnTimeAndEndsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := bubble{time.Now()}
		pin := sim.NewChip(clock).Line(0)
		out, _ := gpio.NewOutput(pin, gpio.Polarity{})
		s, _ := gpio.NewScheduler(clock, []gpio.ChannelConfig{{Output: out, MaxLate: ms(1)}}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		t0 := clock.Now()
		for _, d := range []float64{3000, 100, 50, 200} { // each of the first three is due before what Run sleeps for
			synctest.Wait()
			if err := s.Schedule(0, gpio.Pulse{At: t0.Add(ms(d)), Width: ms(20)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3010 * time.Millisecond)
		if pin.Read() != pgpio.High {
			t.Error("the last pulse is not on")
		}
		_ = s.Schedule(0, gpio.Pulse{At: t0.Add(time.Hour), Width: ms(20)})
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || pin.Read() != pgpio.Low {
			t.Errorf("%v, level %v", err, pin.Read())
		}
		if st := s.Stats(); st.Fired != 3 || st.Cancelled != 2 || st.WorstStart != 0 || s.Pending() != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// FuzzScheduler: whatever is asked for, the output is on only inside windows
// that were asked for, pulses keep their dead time, and every pulse has one record.
func FuzzScheduler(f *testing.F) {
	f.Add(uint64(1), true)
	f.Add(uint64(2), false)
	f.Fuzz(func(t *testing.T, seed uint64, merge bool) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		cfg := gpio.ChannelConfig{Merge: merge, DeadTime: ms(float64(rnd.IntN(6))), MinGap: ms(float64(rnd.IntN(6))), MaxLate: ms(3), Capacity: 400}
		r := newRig(t, cfg)
		var asked []gpio.Pulse
		for i := range 200 {
			p := gpio.Pulse{ID: uint64(i), At: r.clock.now + edge.Instant(rnd.IntN(60e6)) - 5e6, Width: ms(4 + float64(rnd.IntN(20)))}
			if r.Schedule(0, p) == nil {
				asked = append(asked, p)
			}
			r.runTo(r.clock.now + edge.Instant(rnd.IntN(20e6)))
			r.clock.now += edge.Instant(rnd.IntN(5e6)) // the thread was held up
		}
		r.runTo(r.clock.now + 200e6)
		checkWindows(t, r, cfg, asked)
	})
}

func checkWindows(t *testing.T, r *rig, cfg gpio.ChannelConfig, asked []gpio.Pulse) {
	t.Helper()
	if len(r.records) != len(asked) || r.pin.Read() != pgpio.Low {
		t.Errorf("%d records of %d pulses, level %v", len(r.records), len(asked), r.pin.Read())
	}
	const stall = 5e6 // the clock jumps by up to this between steps
	last := edge.Instant(-1 << 62)
	for _, x := range r.records {
		if x.Outcome != gpio.Fired {
			continue
		}
		if x.Start < x.At || x.Start.Sub(x.At) > cfg.MaxLate {
			t.Errorf("pulse %d of %v began at %v", x.ID, x.At, x.Start)
		}
		if x.Start.Sub(last) < cfg.DeadTime {
			t.Errorf("pulse %d began %v after the one before", x.ID, x.Start.Sub(last))
		}
		last = x.End
		if !cfg.Merge && x.End > x.At.Add(x.Width)+stall {
			t.Errorf("pulse %d of %v ended at %v", x.ID, x.At.Add(x.Width), x.End)
		}
	}
}

func TestRejectorTimesAndLanes(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{})
	cfg := gpio.RejectConfig{Deadline: ms(50), Gates: []gpio.Gate{
		{Travel: ms(200), Advance: ms(10), Width: ms(20)},
		{Travel: ms(400), Width: ms(20), Lane: image.Rect(0, 0, 10, 10)},
	}}
	rej, err := gpio.NewRejector(cfg, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	in := []edge.Region{{Box: image.Rect(2, 2, 6, 6)}}
	for _, c := range []struct {
		v    edge.Verdict
		want float64 // start; 0: none
	}{
		{edge.Verdict{Decision: edge.Accept}, 0},
		{edge.Verdict{Decision: edge.Unsure}, 0},
		{edge.Verdict{Decision: edge.Reject}, 190},
		{edge.Verdict{}, 190},
		{edge.Verdict{Decision: edge.Reject, Regions: in}, 400},
		{edge.Verdict{Decision: edge.Accept, Due: at(1)}, 190}, // late at actuation
	} {
		r.clock.now, r.records = at(2), nil
		rej.Act(&c.v)
		r.runTo(at(1000))
		switch {
		case c.want == 0 && len(r.records) != 0, c.want != 0 && (len(r.records) != 1 || r.records[0].At != at(c.want)):
			t.Errorf("%+v: %+v, want %v ms", c.v.Decision, r.records, c.want)
		}
	}
}

// TestEveryDefectHasItsGate: each lane in which a region lies, the first gate for a region in no
// lane, whatever else the lanes take, and all of them where there are more regions than a verdict names.
func TestEveryDefectHasItsGate(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{})
	cfg := gpio.RejectConfig{Deadline: ms(50), Gates: []gpio.Gate{
		{Travel: ms(200), Width: ms(20)},
		{Travel: ms(300), Width: ms(20), Lane: image.Rect(0, 0, 10, 10)},
		{Travel: ms(400), Width: ms(20), Lane: image.Rect(10, 0, 20, 10)},
	}}
	rej, err := gpio.NewRejector(cfg, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	regions := func(xs ...int) (out []edge.Region) {
		for _, x := range xs {
			out = append(out, edge.Region{Box: image.Rect(x, 2, x+4, 6)})
		}
		return out
	}
	for _, c := range []struct {
		what    string
		regions []edge.Region
		unnamed bool
		want    []float64
	}{
		{"nothing is named", nil, false, []float64{200}},
		{"one lane", regions(2), false, []float64{300}},
		{"two lanes", regions(2, 12), false, []float64{300, 400}},
		{"a lane and none", regions(2, 40), false, []float64{200, 300}},
		{"five in a lane, and that is all", regions(2, 2, 3, 3, 4), false, []float64{300}},
		{"one in a lane, of more", regions(2), true, []float64{200, 300, 400}},
	} {
		r.clock.now, r.records = at(2), nil
		rej.Act(&edge.Verdict{Decision: edge.Reject, Regions: c.regions, Unnamed: c.unnamed})
		r.runTo(at(1000))
		var got []float64
		for _, x := range r.records {
			for _, w := range []float64{200, 300, 400} {
				if x.At == at(w) {
					got = append(got, w)
				}
			}
		}
		if !slices.Equal(got, c.want) || len(r.records) != len(c.want) {
			t.Errorf("%s: fired %v ms (%+v), want %v", c.what, got, r.records, c.want)
		}
	}
}

func TestRejectConfigCheck(t *testing.T) {
	good := gpio.Gate{Travel: ms(200), Advance: ms(10), Width: ms(20)}
	for name, c := range map[string]gpio.RejectConfig{
		"no gates":               {},
		"before the verdict":     {Deadline: ms(190), Gates: []gpio.Gate{good}},
		"pulse longer than gap":  {Pitch: ms(19), Gates: []gpio.Gate{good}},
		"first gate with a lane": {Gates: []gpio.Gate{{Travel: 1, Width: 1, Lane: image.Rect(0, 0, 1, 1)}}},
		"unsure gate":            {UnsureGate: 1, Gates: []gpio.Gate{good}},
	} {
		if c.Check() == nil {
			t.Errorf("%s passed", name)
		}
	}
	if err := (gpio.RejectConfig{Deadline: ms(100), Pitch: ms(30), Gates: []gpio.Gate{good}}).Check(); err != nil {
		t.Error(err)
	}
}

// TestUnsureGateStaysStillForARejectOfManyRegions: an unsure gate has no lane, and takes no reject, whatever it names.
func TestUnsureGateStaysStillForARejectOfManyRegions(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{})
	rej, err := gpio.NewRejector(gpio.RejectConfig{Deadline: ms(50), UnsureGate: 1, Gates: []gpio.Gate{
		{Travel: ms(400), Width: ms(20)}, {Travel: ms(200), Width: ms(20)},
	}}, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	some := []edge.Region{{Box: image.Rect(2, 2, 6, 6)}}
	rej.Act(&edge.Verdict{Decision: edge.Reject, Reason: edge.ReasonScore, Regions: some, Unnamed: true})
	r.runTo(at(1000))
	if len(r.records) != 1 || r.records[0].At != at(400) {
		t.Errorf("fired %+v, want the reject gate alone", r.records)
	}
}

// TestPartWithoutAResultGoesToTheFirstGate: regions of a part that was not judged in whole name not all of it.
func TestPartWithoutAResultGoesToTheFirstGate(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{})
	rej, err := gpio.NewRejector(gpio.RejectConfig{Deadline: ms(50), Gates: []gpio.Gate{
		{Travel: ms(200), Width: ms(20)}, {Travel: ms(400), Width: ms(20), Lane: image.Rect(0, 0, 10, 10)},
	}}, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	rej.Announce(1, 0)
	rej.Act(&edge.Verdict{ID: edge.EventID{Seq: 1}, Decision: edge.Reject, Reason: edge.ReasonBadFrame, Regions: []edge.Region{{Box: image.Rect(2, 2, 6, 6), Share: 1}}})
	r.runTo(at(1000))
	for _, x := range r.records {
		if x.At == at(200) {
			return
		}
	}
	t.Errorf("%+v", r.records)
}

// TestPartsBehindAnOutputThatDoesNotSwitchOffAreMissed: pulses that wait for an output that is stuck on are reported as missed when their parts have passed.
func TestPartsBehindAnOutputThatDoesNotSwitchOffAreMissed(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{Merge: true, MinPeriod: ms(50)})
	for i := range 10 {
		_ = r.Schedule(0, gpio.Pulse{ID: uint64(i), At: at(100 + 100*float64(i)), Width: ms(20)})
	}
	r.runTo(at(110))
	r.pin.Fail(errors.New("unplugged"))
	r.runTo(at(10_000))
	if n := len(r.records); n < 9 {
		t.Errorf("%d records of 10 pulses: %+v; %d wait", n, r.Stats(), r.Pending())
	}
}

// An output that stays on holds an actuator out, whoever's hand is in its way: that is told
// once it has refused twice, and once for each pulse.
func TestAnOutputThatStaysOnIsTold(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{})
	var told []edge.Instant
	r.OnStuck(func(channel int, err error) { told = append(told, r.clock.now) })
	for i := range 3 {
		_ = r.Schedule(0, gpio.Pulse{At: at(float64(100 * i)), Width: ms(20)})
	}
	refuse := func(from, to float64) {
		r.runTo(at(from))
		r.pin.Fail(errors.New("unplugged"))
		r.runTo(at(to))
		r.pin.Fail(nil)
	}
	refuse(19, 20) // only once
	refuse(119, 150)
	refuse(219, 221)
	r.runTo(at(300))
	if want := []edge.Instant{at(121), at(221)}; !slices.Equal(told, want) || !r.Idle() {
		t.Errorf("told at %v, want %v", told, want)
	}
}

// TestEveryOutputIsSafeAfterAPanicOfTell: whoever is told may fail; no output stays on for it.
func TestEveryOutputIsSafeAfterAPanicOfTell(t *testing.T) {
	clock := &hand{}
	chip := sim.NewChip(clock)
	var chans []gpio.ChannelConfig
	for i := range 2 {
		out, _ := gpio.NewOutput(chip.Line(i), gpio.Polarity{})
		chans = append(chans, gpio.ChannelConfig{Output: out, Merge: true})
	}
	s, _ := gpio.NewScheduler(clock, chans, func(r gpio.Record) { panic("tell") })
	_ = s.Schedule(0, gpio.Pulse{At: 0, Width: ms(20)})
	_ = s.Schedule(1, gpio.Pulse{At: 0, Width: ms(20)})
	_ = s.Schedule(1, gpio.Pulse{At: 1, Width: ms(20)})
	func() {
		defer func() { recover() }()
		_ = s.Run(t.Context())
	}()
	for i := range 2 {
		if chip.Line(i).Read() {
			t.Errorf("line %d is left on", i)
		}
	}
}

// TestVerdictAtItsDueThatWasMergedIsLate: a part whose pulse can not be withdrawn any more is booked as what happens to it.
func TestVerdictAtItsDueThatWasMergedIsLate(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{Merge: true, MinPeriod: ms(50)})
	rej, err := gpio.NewRejector(gpio.RejectConfig{Deadline: ms(150), Gates: []gpio.Gate{{Travel: ms(160), Width: ms(20)}}}, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	rej.Announce(0, at(100))
	rej.Announce(1, at(115)) // pulse 275, due 265
	r.runTo(at(265))
	v := verdict(1, 115, edge.Accept)
	rej.Act(v)
	r.runTo(at(1000))
	if v.Decision == edge.Accept {
		t.Errorf("booked as accepted, but %+v", r.records)
	}
}
