package gpio_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"winnow/edge"
	"winnow/gpio"
)

// gateRig is a rejector of one gate, 200 ms behind the trigger.
func gateRig(t testing.TB, c gpio.ChannelConfig, window time.Duration) (*rig, *gpio.Rejector) {
	t.Helper()
	r := newRig(t, c)
	rej, err := gpio.NewRejector(gpio.RejectConfig{Deadline: ms(150), Gates: []gpio.Gate{{Travel: ms(200), Width: ms(20), Window: window}}}, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	return r, rej
}

func verdict(seq uint64, trigger float64, d edge.Decision) *edge.Verdict {
	return &edge.Verdict{ID: edge.EventID{Seq: seq}, Trigger: at(trigger), Due: at(trigger + 150), Decision: d}
}

func TestAnAnnouncedPartIsRejectedUnlessItsVerdictSaysOtherwise(t *testing.T) {
	for what, c := range map[string]struct {
		then func(*gpio.Rejector)
		want []float64
	}{
		"no verdict ever":   {func(*gpio.Rejector) {}, []float64{300, 320}},
		"accepted":          {func(r *gpio.Rejector) { r.Act(verdict(1, 100, edge.Accept)) }, nil},
		"rejected":          {func(r *gpio.Rejector) { r.Act(verdict(1, 100, edge.Reject)) }, []float64{300, 320}},
		"let pass":          {func(r *gpio.Rejector) { r.Forget(1) }, nil},
		"another's verdict": {func(r *gpio.Rejector) { r.Act(verdict(2, 90, edge.Accept)) }, []float64{300, 320}},
		"accepted late": {func(r *gpio.Rejector) {
			v := verdict(1, 100, edge.Accept)
			v.Due = at(109)
			if r.Act(v); v.Decision != edge.Reject {
				t.Errorf("%+v", v)
			}
		}, []float64{300, 320}},
	} {
		r, rej := gateRig(t, gpio.ChannelConfig{Merge: true, MinPeriod: ms(50)}, 0)
		r.clock.now = at(100)
		rej.Announce(1, at(100))
		r.clock.now = at(110)
		c.then(rej)
		r.runTo(at(1000))
		if got := r.edges(); !slices.Equal(got, c.want) {
			t.Errorf("%s: edges %v, want %v", what, got, c.want)
		}
	}
}

// Parts that come closer than the actuator can part them: the second is rejected
// with the first only where its verdict does not say otherwise in time.
func TestAPulseIsNotProlongedForAPartThatMayBeGood(t *testing.T) {
	for d, want := range map[edge.Decision][]float64{edge.Accept: {300, 320}, edge.Reject: {300, 350}, edge.Unknown: {300, 350}} {
		r, rej := gateRig(t, gpio.ChannelConfig{Merge: true, MinPeriod: ms(50)}, 0)
		for seq, trigger := range []float64{100, 130} {
			r.clock.now = at(trigger)
			rej.Announce(uint64(seq), at(trigger))
		}
		r.clock.now = at(150)
		rej.Act(verdict(0, 100, edge.Reject))
		r.runTo(at(275))
		if d != edge.Unknown {
			rej.Act(verdict(1, 130, d))
		}
		r.runTo(at(1000))
		if got := r.edges(); !slices.Equal(got, want) {
			t.Errorf("%v: edges %v, want %v", d, got, want)
		}
	}
}

// FuzzRejector: parts come at random distances, verdicts in time, late or never, in
// any order, and the thread is held up now and then. Every part that has no accept
// in time is hit within its window or reported missed, and no accepted part is hit
// but by a neighbour's window that overlaps its own.
func FuzzRejector(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint8(seed*7), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, hold uint8, wide bool) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		window := ms(20)
		if wide {
			window = ms(45)
		}
		r, rej := gateRig(t, gpio.ChannelConfig{Merge: true, MinPeriod: ms(50), Capacity: 400}, window)
		parts := passParts(r, rej, rnd, ms(float64(hold)/10))
		checkParts(t, r, parts, window)
	})
}

// fuzzed is a part and what became of it.
type fuzzed struct {
	trigger  edge.Instant
	verdict  edge.Instant // when it came; zero: never
	accepted bool
}

func passParts(r *rig, rej *gpio.Rejector, rnd *rand.Rand, stall time.Duration) []fuzzed {
	var parts []fuzzed
	at := edge.Instant(1e9)
	for range 60 {
		at += edge.Instant(ms(30 + 120*rnd.Float64()))
		p := fuzzed{trigger: at}
		if rnd.IntN(8) > 0 {
			p.verdict = at.Add(ms(5 + 190*rnd.Float64()))
		}
		parts = append(parts, p)
	}
	type event struct {
		at edge.Instant
		do func()
	}
	var events []event
	for i := range parts {
		p, seq := &parts[i], uint64(i)
		events = append(events, event{p.trigger, func() { rej.Announce(seq, p.trigger) }})
		if d := []edge.Decision{edge.Accept, edge.Accept, edge.Reject, edge.Unsure}[rnd.IntN(4)]; p.verdict != 0 {
			events = append(events, event{p.verdict, func() {
				v := &edge.Verdict{ID: edge.EventID{Seq: seq}, Trigger: p.trigger, Due: p.trigger.Add(ms(150)), Decision: d}
				rej.Act(v)
				p.accepted = !v.Fires(false)
			}})
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for _, e := range events {
		r.runTo(e.at)
		if rnd.IntN(10) == 0 {
			r.clock.now = r.clock.now.Add(time.Duration(rnd.Int64N(int64(stall) + 1))) // the thread was held up
		}
		e.do()
	}
	r.runTo(r.clock.now.Add(time.Second))
	return parts
}

func checkParts(t *testing.T, r *rig, parts []fuzzed, window time.Duration) {
	t.Helper()
	missed := map[uint64]bool{}
	for _, x := range r.records {
		missed[x.ID] = missed[x.ID] || x.Outcome == gpio.Missed
	}
	edges := r.edges()
	hit := func(from, to edge.Instant) bool {
		for i := 0; i+1 < len(edges); i += 2 {
			if at(edges[i]) < to && at(edges[i+1]) > from {
				return true
			}
		}
		return false
	}
	for i, p := range parts {
		from, to := p.trigger.Add(ms(200)), p.trigger.Add(ms(200)+window)
		near := i > 0 && parts[i-1].trigger.Add(window+ms(40)) > p.trigger || i+1 < len(parts) && p.trigger.Add(window+ms(40)) > parts[i+1].trigger
		switch {
		case !p.accepted && !hit(from, to) && !missed[uint64(i)]:
			t.Errorf("part %d at %v was not rejected and nobody says so", i, p.trigger)
		case p.accepted && !near && hit(from, to):
			t.Errorf("part %d at %v is good and was hit", i, p.trigger)
		}
	}
	if len(edges)%2 != 0 {
		t.Error("the output is left on")
	}
}

func TestARejectorSaysWhatItCannotSchedule(t *testing.T) {
	r := newRig(t, gpio.ChannelConfig{Capacity: 1})
	var lost []uint64
	rej, err := gpio.NewRejector(gpio.RejectConfig{
		Deadline: ms(50), Gates: []gpio.Gate{{Travel: ms(200), Width: ms(20)}},
		Lost: func(seq uint64, err error) {
			if errors.Is(err, gpio.ErrFull) {
				lost = append(lost, seq)
			}
		},
	}, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	rej.Announce(1, at(100))
	rej.Announce(2, at(150))
	if !slices.Equal(lost, []uint64{2}) || rej.Lost() != 1 {
		t.Errorf("lost %v", lost)
	}
}
