package gpio_test

import (
	"bytes"
	"testing"
	"time"

	pgpio "periph.io/x/conn/v3/gpio"

	"winnow/edge"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// tape is a schedule that a fuzzer writes: each byte is one choice.
type tape []byte

// next returns a choice below n; an empty tape gives 0.
func (t *tape) next(n int) int {
	if len(*t) == 0 {
		return 0
	}
	b := (*t)[0]
	*t = (*t)[1:]
	return int(b) % n
}

// Times of FuzzSchedule: parts are before the actuator one after another.
const (
	fuzzTravel   = 200 * time.Millisecond
	fuzzDeadline = 150 * time.Millisecond
	fuzzWidth    = 20 * time.Millisecond
	fuzzWindow   = 30 * time.Millisecond // and the least time between parts
)

// fuzzedPart is one that the fuzzer sends under a Rejector.
type fuzzedPart struct {
	trigger edge.Instant
	verdict edge.Instant // when it comes; 0: never
	d       edge.Decision
	forget  bool

	due, done bool
	accepted  bool // in time
}

func (p *fuzzedPart) id(seq int) edge.EventID { return edge.EventID{Seq: uint64(seq)} }

// schedule reads parts from a tape: jittered, with verdicts in time, late, or never.
func schedule(t *tape) []fuzzedPart {
	var parts []fuzzedPart
	var now edge.Instant
	for len(*t) > 0 && len(parts) < 300 {
		now = now.Add(fuzzWindow + time.Duration(t.next(64))*time.Millisecond)
		p := fuzzedPart{trigger: now}
		switch k := t.next(16); {
		case k == 0: // the judge is dead
		case k == 1: // held, for INHIBIT
			p.verdict, p.forget = now.Add(time.Millisecond), true
		default:
			p.verdict = now.Add(time.Duration(1+t.next(180)) * time.Millisecond)
			p.d = edge.Decision(t.next(4))
		}
		parts = append(parts, p)
	}
	return parts
}

// FuzzSchedule sends parts by time past an actuator whose thread is now and then
// held up: each part that is not accepted in time is fired at while it is there, or
// the line is told that it was not; none that is accepted is touched.
func FuzzSchedule(f *testing.F) {
	f.Add([]byte{0, 2, 10, 1, 0, 2, 20, 2, 0, 2, 149, 1})
	f.Add(append([]byte{31}, bytes.Repeat([]byte{0, 2, 10, 2, 0, 2, 10, 1}, 100)...)) // no room between bad and good
	f.Add([]byte{0, 2, 150, 1, 0, 0, 0, 2, 160, 1, 5, 1, 0, 2, 9, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		choices := tape(b)
		stalls := uint32(choices.next(32)) // how often the actuator's thread is held up, of 256
		parts := schedule(&choices)
		r, rej := fuzzRig(t)
		lot := uint32(len(b))
		draw := func() uint32 { // not from the tape, which has been read
			lot = lot*1664525 + 1013904223
			return lot >> 24
		}
		var held edge.Instant // until when it is
		end := edge.Instant(1e9)
		if n := len(parts); n > 0 {
			end = parts[n-1].trigger.Add(time.Second)
		}
		for r.clock.now < end {
			r.clock.now = r.clock.now.Add(time.Millisecond)
			sendDue(parts, rej, r.clock.now)
			if held.After(r.clock.now) {
				continue
			}
			r.Step()
			if draw() < stalls && r.pin.Read() == pgpio.Low { // one that is held up while on leaves it on
				held = r.clock.now.Add(time.Duration(draw()%48) * time.Millisecond)
			}
		}
		r.runTo(end.Add(time.Second))
		checkPassed(t, parts, r)
	})
}

func fuzzRig(t *testing.T) (*rig, *gpio.Rejector) {
	t.Helper()
	r := newRig(t, gpio.ChannelConfig{Merge: true, Capacity: 1024})
	rej, err := gpio.NewRejector(gpio.RejectConfig{
		Deadline: fuzzDeadline, Pitch: fuzzWindow, Gates: []gpio.Gate{{Travel: fuzzTravel, Width: fuzzWidth, Window: fuzzWindow}},
		Lost: func(seq uint64, err error) { t.Errorf("part %d is lost: %v", seq, err) },
	}, r.Scheduler, r.clock)
	if err != nil {
		t.Fatal(err)
	}
	return r, rej
}

// sendDue announces and decides on what is due.
func sendDue(parts []fuzzedPart, rej *gpio.Rejector, now edge.Instant) {
	for i := range parts {
		p := &parts[i]
		if !p.due && p.trigger <= now {
			p.due = true
			rej.Announce(uint64(i), p.trigger)
		}
		if p.due && !p.done && p.verdict != 0 && p.verdict <= now {
			p.done = true
			if p.forget {
				p.accepted = true
				rej.Forget(uint64(i))
				continue
			}
			v := edge.Verdict{ID: p.id(i), Decision: p.d, Trigger: p.trigger, Due: p.trigger.Add(fuzzDeadline)}
			rej.Act(&v)
			p.accepted = !v.Fires(false)
		}
	}
}

// checkPassed compares the wire with what each part should have met.
func checkPassed(t *testing.T, parts []fuzzedPart, r *rig) {
	t.Helper()
	told := map[uint64]bool{}
	for _, x := range r.records {
		told[x.ID] = told[x.ID] || x.Outcome == gpio.Missed
	}
	edges := r.pin.Edges()[1:]
	for i, p := range parts {
		from := p.trigger.Add(fuzzTravel)
		on := onFor(edges, from, from.Add(fuzzWindow))
		switch {
		case p.accepted && on > 0:
			t.Errorf("part %d was accepted %v after its trigger, and the output was on for %v while it passed", i, p.verdict.Sub(p.trigger), on)
		case !p.accepted && on < fuzzWidth/2 && !told[uint64(i)]:
			t.Errorf("part %d is not accepted, and the output was on for %v while it passed", i, on)
		}
	}
	if r.pin.Read() != pgpio.Low || r.Pending() != 0 {
		t.Errorf("at the end the output is %v and %d pulses wait", r.pin.Read(), r.Pending())
	}
}

// onFor is how long a line was on between two instants.
func onFor(edges []sim.Edge, from, to edge.Instant) time.Duration {
	var on time.Duration
	for i, e := range edges {
		if !e.Level {
			continue
		}
		end := to
		if i+1 < len(edges) {
			end = min(end, edges[i+1].At)
		}
		if start := max(e.At, from); end.After(start) {
			on += end.Sub(start)
		}
	}
	return on
}

// The belt of FuzzBelt, in counts.
const (
	fuzzGate    = 60
	fuzzSpacing = 30
)

// beltGuest is a part on the fuzzed belt.
type beltGuest struct {
	seq    uint64
	pos    int64
	fires  bool
	known  bool // it has a verdict
	passed bool
	struck bool
}

// FuzzBelt moves a belt by an encoder as it likes: fast, slow, with stops, a little
// back, trembling. A part that is accepted crosses the gate with the output off,
// any other with it on.
func FuzzBelt(f *testing.F) {
	f.Add([]byte{1, 200, 200, 200, 200})
	f.Add([]byte{2, 40, 0, 250, 251, 252, 41, 40, 255, 10, 100, 100, 100})
	f.Fuzz(func(t *testing.T, b []byte) {
		choices := tape(b)
		r := newRig(t, gpio.ChannelConfig{Merge: true, Capacity: 1024})
		belt, err := gpio.NewBelt(gpio.BeltConfig{
			Gates:    []gpio.BeltGate{{Distance: fuzzGate, Advance: ms(4), Width: ms(6)}},
			TopSpeed: 1000,
			Lost:     func(seq uint64, err error) { t.Errorf("part %d is lost: %v", seq, err) },
		}, r.Scheduler, r.clock)
		if err != nil {
			t.Fatal(err)
		}
		w := &beltWorld{t: t, rig: r, belt: belt}
		for range 400 {
			if len(choices) == 0 {
				break
			}
			w.act(&choices)
		}
		for len(w.parts) > 0 { // all leave
			w.move(1, ms(2))
		}
		w.runTo(w.clock.now.Add(time.Second))
		if w.pin.Read() != pgpio.Low || w.Pending() != 0 || belt.Parts() != 0 {
			t.Errorf("at the end the output is %v, %d pulses wait, %d parts are on the belt", w.pin.Read(), w.Pending(), belt.Parts())
		}
	})
}

// beltWorld is belt and parts as the fuzzer sees them.
type beltWorld struct {
	*rig
	t     *testing.T
	belt  *gpio.Belt
	count int64
	far   int64 // the farthest count so far
	next  int64 // where the next part may come
	seq   uint64
	parts []*beltGuest
}

// act does one thing that a tape asks for.
func (w *beltWorld) act(choices *tape) {
	switch c := choices.next(256); {
	case c >= 250: // trembles, or runs back a little, and catches up
		back := c - 249
		for range back {
			w.move(-1, ms(0.05))
		}
		for range back {
			w.move(1, ms(0.05))
		}
	case c >= 240: // stands
		w.runTo(w.clock.now.Add(time.Duration(c-239) * 50 * time.Millisecond))
	case c >= 200: // runs fast
		for range c - 199 {
			w.move(1, ms(1))
		}
	case c >= 40: // runs slower
		for range 1 + c%8 {
			w.move(1, time.Duration(1+c/8)*time.Millisecond)
		}
	default:
		w.announce(c)
	}
	w.decide(choices)
}

// announce has a part pass the trigger, if the belt has moved on since the last,
// and be decided on by and by.
func (w *beltWorld) announce(c int) {
	if w.count < w.next {
		return
	}
	w.next = w.count + fuzzSpacing
	w.seq++
	w.parts = append(w.parts, &beltGuest{seq: w.seq, pos: w.count, fires: c%3 != 0})
	w.belt.Announce(w.seq, w.clock.now)
}

// decide gives some part its verdict while it is far from the gate; one that gets
// none is fired at.
func (w *beltWorld) decide(choices *tape) {
	for _, p := range w.parts {
		if p.known || w.count-p.pos > fuzzGate/2 || choices.next(3) == 0 {
			continue
		}
		p.known = true
		v := &edge.Verdict{ID: edge.EventID{Seq: p.seq}, Decision: edge.Accept}
		switch {
		case !p.fires && p.seq%2 == 0:
			w.belt.Forget(p.seq)
			continue
		case p.fires:
			v.Decision = edge.Reject
		}
		w.belt.Act(v)
	}
}

// move is one count; parts cross the gate when the belt gets there for the first time.
func (w *beltWorld) move(step int64, pace time.Duration) {
	w.runTo(w.clock.now.Add(pace))
	w.count += step
	w.belt.Move(w.count, w.clock.now)
	w.Step()
	if w.count <= w.far {
		return
	}
	w.far = w.count
	kept := w.parts[:0]
	for _, p := range w.parts {
		on := w.pin.Read() == pgpio.High
		switch at := w.count - p.pos - fuzzGate; {
		case at == 0:
			p.struck, p.passed = on, true
		case at >= 3:
			if fires := p.fires || !p.known; fires != p.struck {
				w.t.Errorf("part %d (reject %v, judged %v) crossed the gate, output on: %v", p.seq, p.fires, p.known, p.struck)
			}
			continue
		}
		kept = append(kept, p)
	}
	w.parts = kept
}
