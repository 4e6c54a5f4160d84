package main

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/telemetry/broker"
)

// failure is something that breaks, and what is declared to happen then. Parts
// that pass meanwhile are rejected.
type failure struct {
	component, done string
	breaks, mends   func() error

	bad          bool          // parts are bad while nothing is broken: they show that rejecting goes on
	cannotReject bool          // no part can be rejected: READY drops so that the plant stops
	staysReady   bool          // inspecting goes on
	within       time.Duration // READY drops so soon
	fault        bool          // ERROR comes on
	alarms       []string
	byReset      bool // comes back after a reset; else by itself
}

// errDrill is what broken components say.
var errDrill = errors.New("unplugged by the drill")

// failures lists what is drilled, in order.
func (d *drill) failures(ctx context.Context) []failure {
	camera := func(fault error, mute bool, flags edge.FrameFlags) func() error {
		return func() error { d.camera.spoil(fault, mute, flags); return nil }
	}
	well := camera(nil, false, 0)
	deadline := d.cfg.Recipe.Deadline.Std()
	all := []failure{
		{component: "camera", done: "is unplugged", breaks: camera(errDrill, false, 0), mends: well, within: 250 * time.Millisecond, alarms: []string{"camera"}},
		{component: "camera", done: "takes no pictures", breaks: camera(nil, true, 0), mends: well, staysReady: true, alarms: []string{"no-result"}},
		{component: "camera", done: "gives torn pictures", breaks: camera(nil, false, edge.FrameError), mends: well, staysReady: true, alarms: []string{"no-result"}},
		d.scorerPanics(deadline), d.scorerIsSlow(ctx, deadline), d.scorerHangs(ctx, deadline),
		{component: "disk", done: "is full", breaks: fullDisk, mends: emptyDisk, bad: true, staysReady: true, alarms: d.diskAlarms()},
		{component: "broker", done: "is gone", breaks: d.stopBroker, mends: d.serveBroker, bad: true, staysReady: true, alarms: []string{"broker"}},
	}
	for i, a := range d.cfg.Actuators {
		if a.On == config.FiresReject && a.Region == (config.Area{}) { // it catches whatever no other takes
			all = append(all, d.outputRefuses(a, d.cfg.ActuatorDelay(i)))
		}
	}
	return all
}

func (d *drill) outputRefuses(a config.Actuator, delay time.Duration) failure {
	pin := d.chip.Line(a.Line)
	return failure{
		component: "output", done: a.Name + " refuses", bad: true, cannotReject: true, alarms: []string{"missed-reject"}, byReset: true,
		within: delay + a.Pulse.Std() + d.period,
		breaks: func() error { pin.Fail(errDrill); return nil },
		mends:  func() error { pin.Fail(nil); return nil },
	}
}

func (d *drill) scorerPanics(deadline time.Duration) failure {
	return failure{
		component: "scorer", done: "panics", fault: true, alarms: []string{"fault"}, byReset: true, within: deadline,
		breaks: func() error { d.judge.before(func() { panic(errDrill) }); return nil },
		mends:  d.judge.well,
	}
}

// scorerIsSlow: every verdict comes behind its deadline.
func (d *drill) scorerIsSlow(ctx context.Context, deadline time.Duration) failure {
	return failure{
		component: "scorer", done: "is slow", staysReady: true, alarms: []string{"late"},
		breaks: func() error {
			d.judge.before(func() { _ = d.clock.SleepUntil(ctx, d.clock.Now().Add(deadline+deadline/5)) })
			return nil
		},
		mends: d.judge.well,
	}
}

// scorerHangs: a judge that does not answer cannot be stopped; here it answers
// when it is mended, as it would not in earnest.
func (d *drill) scorerHangs(ctx context.Context, deadline time.Duration) failure {
	var free chan struct{}
	return failure{
		component: "scorer", done: "hangs", fault: true, alarms: []string{"fault"}, byReset: true,
		within: line.HangLimit(deadline) + deadline,
		breaks: func() error {
			free = make(chan struct{})
			d.judge.before(func() {
				select {
				case <-free:
				case <-ctx.Done():
				}
			})
			return nil
		},
		mends: func() error { close(free); return d.judge.well() },
	}
}

// drilledJudge works as the real one does, says the same of every part, and can
// be broken.
type drilledJudge struct {
	judge line.Judge
	bad   atomic.Bool
	broke atomic.Pointer[func()]
}

// before has f called before each picture is judged.
func (j *drilledJudge) before(f func()) { j.broke.Store(&f) }

func (j *drilledJudge) well() error { j.broke.Store(nil); return nil }

// Judge implements line.Judge.
func (j *drilledJudge) Judge(f *edge.Frame, v *edge.Verdict) error {
	if broke := j.broke.Load(); broke != nil {
		(*broke)()
	}
	err := j.judge.Judge(f, v)
	v.Decision, v.Reason = edge.Accept, edge.ReasonNone
	if j.bad.Load() {
		v.Decision, v.Reason, v.Regions = edge.Reject, edge.ReasonScore, v.Regions[:0]
	}
	return err
}

// fullDisk lets no file of this process grow: every write fails with EFBIG, as
// it does with ENOSPC on a disk that is full.
func fullDisk() error { return limitFiles(0) }

func emptyDisk() error { return limitFiles(math.MaxUint64) }

func limitFiles(bytes uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
		return err
	}
	l.Cur = min(bytes, l.Max)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &l)
}

// diskAlarms are those of everything that writes.
func (d *drill) diskAlarms() []string {
	all := []string{"outbox", "ledger-write"}
	if d.cfg.Records.KeepRejects > 0 {
		all = append(all, "pictures")
	}
	return all
}

// stopper is a service that can be stopped.
type stopper interface{ Close() error }

// serveBroker starts the plant's broker, again where it was.
func (d *drill) serveBroker() error {
	address := "127.0.0.1:0"
	if d.cfg.MQTT.Broker != "" {
		address = strings.TrimPrefix(d.cfg.MQTT.Broker, "mqtt://")
	}
	b, err := broker.Start(address, nil)
	if err != nil {
		return err
	}
	d.broker, d.cfg.MQTT.Broker = b, b.URL()
	return nil
}

func (d *drill) stopBroker() error { return d.broker.Close() }
