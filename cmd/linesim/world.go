package main

import (
	"math/rand/v2"

	"winnow/edge"
	"winnow/edge/line"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// part is one that passed the trigger and not yet the gate.
type part struct {
	seq       uint64
	x         int64 // of the belt when the part was at the trigger
	defective bool
	decided   bool
	fires     bool
	late      bool

	phase  int  // how many of the edges below have passed the gate
	rises  int  // of the wire, when the part came under the actuator
	struck bool // the actuator was on over any of it
	core   int
	hit    bool // the actuator was on near its centre
}

// phases are where a part stands when something about it begins or ends: its
// front under the actuator, its middle, and their ends.
var phases = [4]int64{toGate - halfPart, toGate - strike, toGate + strike, toGate + halfPart}

// shot is a frame on its way.
type shot struct {
	frame *edge.Frame
	ready edge.Instant
}

// world is plant and station together. Nothing in it runs by itself: step looks
// for what comes first and does it.
type world struct {
	plan  plan
	clock *virtual
	rnd   *rand.Rand
	belt  belt
	burst int
	next  int64 // belt position at which the next part is at the trigger
	sent  int64
	count int64 // encoder

	parts []part // oldest first
	shots []shot
	job   *line.Job
	jobAt edge.Instant
	reset edge.Instant // when the operator resets a fault; 0: no fault

	machine *line.Machine
	sched   *gpio.Scheduler
	tracker *gpio.Belt
	wire    *sim.Pin
	pulses  edge.Instant // the scheduler's next edge; 0: none
	frames  []*edge.Frame
	result  result
}

func newWorld(p plan) (*world, error) {
	w := &world{plan: p, clock: &virtual{now: 1e9}, rnd: rand.New(&tape{p.Tape, rand.NewPCG(p.Seed, 0)})}
	w.belt = belt{rnd: w.rnd, from: w.clock.now, until: w.clock.now}
	w.next = toGate
	w.wire = sim.NewChip(w.clock).Line(0)
	w.wire.Quiet()
	out, err := gpio.NewOutput(w.wire, gpio.Polarity{})
	if err != nil {
		return nil, err
	}
	w.sched, err = gpio.NewScheduler(w.clock, []gpio.ChannelConfig{{Output: out, Merge: true, MaxLate: pulse / 4}}, nil)
	if err != nil {
		return nil, err
	}
	w.tracker, err = gpio.NewBelt(gpio.BeltConfig{UnsureFires: true, TopSpeed: topSpeed / resolution, Gates: []gpio.BeltGate{
		{Distance: toGate / resolution, Advance: pulse / 2, Width: pulse}}}, w.sched, w.clock)
	if err != nil {
		return nil, err
	}
	w.machine, err = line.NewMachine(
		line.Config{Triggered: true, Deadline: deadline, FrameTimeout: deadline / 2},
		line.Deps{Clock: w.clock, Judge: unused{}, Actuator: w.tracker, Recorder: w, Release: w.release})
	return w, err
}

// unused stands where the device has its judge: the simulation fills verdicts
// itself, since its judge takes virtual time.
type unused struct{}

func (unused) Judge(*edge.Frame, *edge.Verdict) error { return nil }

func (w *world) release(f *edge.Frame) {
	w.result.FramesBack++
	w.frames = append(w.frames, f)
}

// Record notes the verdict on the part that is on the belt.
func (w *world) Record(v *edge.Verdict, _ *edge.Frame) bool {
	w.result.add(v)
	for i := len(w.parts) - 1; i >= 0; i-- {
		if p := &w.parts[i]; p.seq == v.ID.Seq {
			if p.decided {
				w.result.Twice++
			}
			p.decided, p.fires, p.late = true, v.Fires(true), v.Reason == edge.ReasonLate
			return true
		}
	}
	w.result.Homeless++
	return true
}

// simulate runs p to its end.
func simulate(p plan) (*result, error) {
	w, err := newWorld(p)
	if err != nil {
		return nil, err
	}
	for w.sent < p.Parts || len(w.parts) > 0 || w.machine.Open() > 0 {
		w.step()
	}
	w.finish()
	return &w.result, nil
}

// step turns the clock to what comes first and does it.
func (w *world) step() {
	t, do := w.belt.until, w.turn
	sooner := func(at edge.Instant, ok bool, f func()) {
		if ok && at < t {
			t, do = at, f
		}
	}
	at, ok := w.belt.when((w.count + 1) * resolution)
	sooner(at, ok, w.tick)
	at, ok = w.belt.when(w.next)
	sooner(at, ok && w.sent < w.plan.Parts, w.trigger)
	if len(w.parts) > 0 {
		at, ok = w.belt.when(w.parts[0].x + phases[w.parts[0].phase])
		sooner(at, ok, w.cross)
	}
	if len(w.shots) > 0 {
		sooner(w.shots[0].ready, true, w.expose)
	}
	sooner(w.jobAt, w.job != nil, w.judged)
	sooner(w.reset, w.reset != 0, w.operator)
	wake := w.machine.Wake()
	sooner(wake, wake != 0, w.machine.Tick)
	sooner(w.pulses, w.pulses != 0, func() {})
	w.clock.now = max(w.clock.now, t)
	do()
	w.feed()
	w.pulses = w.sched.Step()
}

func (w *world) turn() { w.belt.turn() }

func (w *world) tick() {
	w.count++
	w.tracker.Move(w.count, w.clock.now)
}

// trigger: a part is at the sensor, and the camera exposes shortly after.
func (w *world) trigger() {
	now := w.clock.now
	w.sent++
	seq := uint64(w.sent)
	_, defective := draw(w.plan.Seed, seq)
	w.parts = append(w.parts, part{seq: seq, x: w.next, defective: defective})
	w.next += spacing(w.rnd, &w.burst)
	w.machine.Trigger(now)
	if lost, flags := spoil(w.plan.Seed, seq); !lost {
		f := w.frame()
		f.At, f.Seq, f.Flags = now+edge.Instant(w.rnd.Int64N(int64(exposure))), seq, flags
		w.shots = append(w.shots, shot{f, f.At.Add(transfer)})
	}
}

func (w *world) frame() *edge.Frame {
	w.result.FramesOut++
	if n := len(w.frames); n > 0 {
		f := w.frames[n-1]
		w.frames = w.frames[:n-1]
		return f
	}
	return &edge.Frame{Pix: make([]byte, 1), Width: 1, Height: 1, Stride: 1}
}

func (w *world) expose() {
	f := w.shots[0].frame
	w.shots = w.shots[:copy(w.shots, w.shots[1:])]
	w.machine.Frame(f)
}

// feed starts the judge on its next frame.
func (w *world) feed() {
	if w.job != nil {
		return
	}
	if w.job = w.machine.Next(); w.job != nil {
		j, _ := draw(w.plan.Seed, w.job.Frame.Seq)
		w.jobAt = w.clock.now.Add(j.takes)
	}
}

func (w *world) judged() {
	j := w.job
	w.job = nil
	fate, _ := draw(w.plan.Seed, j.Frame.Seq)
	j.Verdict.Decision, j.Done = fate.decision, w.clock.now
	if fate.fails {
		j.Err = errScore
	}
	if fate.panics {
		j.Panic = errScore
		w.reset = w.clock.now.Add(resetWait)
	}
	w.machine.Judged(j)
}

func (w *world) operator() {
	w.reset = 0
	if w.machine.Do(line.Reset{}) != nil {
		w.reset = w.clock.now.Add(resetWait)
	}
}

// cross: the oldest part passes the actuator, edge by edge. Parts lie further
// apart than they are long, so only one is there at a time.
func (w *world) cross() {
	p := &w.parts[0]
	on, rises := w.wire.Read() == gpio.High, w.wire.Rises(gpio.High)
	switch p.phase {
	case 0:
		p.struck, p.rises = on, rises
	case 1:
		p.hit, p.core = on, rises
	case 2:
		p.hit = p.hit || rises > p.core
	case 3:
		p.struck = p.struck || rises > p.rises
		w.result.cross(*p)
		w.parts = w.parts[:copy(w.parts, w.parts[1:])]
		return
	}
	p.phase++
}
