package line

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"winnow/edge"
)

// Line runs a Machine with a source, triggers, commands and time. Make one with
// New; Run it once.
type Line struct {
	m        *Machine
	src      Source
	clock    edge.Clock
	triggers chan edge.Instant
	commands chan request
	posts    chan Command
	ended    chan struct{} // closed when Run returns
	missed   atomic.Uint64
	unposted atomic.Pointer[string] // an alarm that found no room among the posts

	beat      func()
	beatEvery time.Duration
}

// Options of a Line beside Config and Deps.
type Options struct {
	// Beat is called at least every BeatEvery while the line makes progress: its
	// loop turns and its judge is not hung. Feed a watchdog from it. May be nil.
	Beat      func()
	BeatEvery time.Duration // 0: 250 ms
}

// defaultBeatEvery is the default of Options.BeatEvery.
const defaultBeatEvery = 250 * time.Millisecond

// triggerQueue is how many triggers may wait for the loop.
const triggerQueue = 256

type request struct {
	command Command
	reply   chan error
}

// New checks everything and starts nothing.
func New(c Config, d Deps, src Source, o Options) (*Line, error) {
	if src == nil {
		return nil, errors.New("line: no source")
	}
	d.Release = src.Release
	m, err := NewMachine(c, d)
	if err != nil {
		return nil, err
	}
	l := &Line{
		m: m, src: src, posts: make(chan Command, postQueue), clock: d.Clock, beat: o.Beat,
		triggers: make(chan edge.Instant, triggerQueue),
		commands: make(chan request), ended: make(chan struct{}),
	}
	if l.beat == nil {
		l.beat = func() {}
	}
	l.beatEvery = orElse(o.BeatEvery, defaultBeatEvery)
	return l, nil
}

// ErrEnded is returned by Send once Run has returned.
var ErrEnded = errors.New("the line has ended")

// Announce tells the line of a part at the trigger, from any goroutine. It
// never blocks; if the loop is too slow the trigger is counted in MissedTriggers
// and false is returned: the caller must have the line stopped, for a part
// passes that nobody tracks.
func (l *Line) Announce(t edge.Instant) bool {
	select {
	case l.triggers <- t:
		return true
	default:
		l.missed.Add(1)
		return false
	}
}

// MissedTriggers counts triggers that Announce had no room for.
func (l *Line) MissedTriggers() uint64 { return l.missed.Load() }

// postQueue is how many posted commands may wait.
const postQueue = 64

// Post has c carried out between parts, like Send, but waits for nothing and
// learns of no error: for goroutines that must not block. It returns false if
// too many wait already.
func (l *Line) Post(c Command) bool {
	select {
	case l.posts <- c:
		return true
	default:
		return false
	}
}

// Alarm makes the line NOT_READY until Reset, for what somebody else noticed: a
// pulse that was missed, a jam, parts that nobody confirmed. Parts are judged
// and rejected on. It never blocks and may be called by any goroutine; of many
// alarms at once the first few and the last are enough.
func (l *Line) Alarm(reason string) {
	if l.Post(raise(reason)) {
		return
	}
	l.unposted.Store(&reason)
	l.Post(Sync{}) // in case that the posts have been carried out meanwhile
}

// Counts returns the ledger of the parts that have their verdict; it balances.
func (l *Line) Counts() edge.Counts { return l.m.Counts() }

// Extra returns the counters beside the ledger.
func (l *Line) Extra() Extra { return l.m.Extra() }

// Status returns what the plant is told.
func (l *Line) Status() Status { return l.m.Status() }

// Open is the number of parts that have no verdict yet.
func (l *Line) Open() int { return l.m.Open() }

// Latency returns the times from trigger to verdict since the start.
func (l *Line) Latency() Histogram { return l.m.Latency() }

// Confirm counts n reject pulses that a confirmation sensor saw.
func (l *Line) Confirm(n int) { l.m.Confirm(n) }

// Send has c carried out between parts and returns its error. Any goroutine
// but the line's own may call it.
func (l *Line) Send(ctx context.Context, c Command) error {
	r := request{c, make(chan error, 1)}
	select {
	case l.commands <- r:
		return <-r.reply
	case <-l.ended:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run inspects until the source is exhausted (nil), ctx ends (its error), or
// the judge still hangs a JudgeLimit after either (an error that says so; the
// process must then end, since a goroutine cannot be killed). Every part open at
// the end is settled. It must be called once.
func (l *Line) Run(ctx context.Context) error {
	defer close(l.ended)
	inner, cancel := context.WithCancel(ctx)
	r := &runner{
		Line: l, alarm: newAlarm(l.clock), pulse: newAlarm(l.clock),
		frames: make(chan pulled), jobs: make(chan *Job, 1), done: make(chan *Job, 1),
	}
	var helpers sync.WaitGroup
	helpers.Go(func() { r.alarm.run(inner) })
	helpers.Go(func() { r.pulse.run(inner) })
	helpers.Go(func() { r.pull(inner) })
	worker := make(chan struct{})
	go func() { defer close(worker); r.work() }()

	err := r.loop(inner)
	cancel()
	close(r.jobs)
	helpers.Wait()
	r.drain()
	return errors.Join(err, r.awaitWorker(ctx, worker))
}

// runner is what lives as long as one Run.
type runner struct {
	*Line
	alarm, pulse *alarm
	frames       chan pulled
	jobs, done   chan *Job
	ending       bool // the source is exhausted
}

type pulled struct {
	frame *edge.Frame
	err   error
}

// pull asks the source for frames until it ends.
func (r *runner) pull(ctx context.Context) {
	for {
		f, err := r.src.Next(ctx)
		select {
		case r.frames <- pulled{f, err}:
		case <-ctx.Done():
			if f != nil {
				r.src.Release(f)
			}
			return
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil && r.clock.SleepUntil(ctx, r.clock.Now().Add(sourcePause)) != nil {
			return
		}
	}
}

// sourcePause keeps a source that fails at once from taking a whole core.
const sourcePause = 20 * time.Millisecond

// work judges, one job at a time.
func (r *runner) work() {
	for j := range r.jobs {
		judge(j)
		j.Done = r.clock.Now()
		r.done <- j
	}
}

// judge keeps a panic of the judge from taking the outputs down with it.
func judge(j *Job) {
	defer func() { j.Panic = recover() }()
	j.Err = j.Judge.Judge(j.Frame, &j.Verdict)
}

func (r *runner) loop(ctx context.Context) error {
	r.takePosts() // what was said before the start holds from the start
	r.pulse.set(r.clock.Now().Add(r.beatEvery))
	for !r.ending || r.m.Open() > 0 {
		r.feed()
		select {
		case t := <-r.triggers:
			r.m.Trigger(t)
		case p := <-r.frames:
			r.take(p)
		case j := <-r.done:
			r.m.Judged(j)
		case q := <-r.commands:
			r.takePosts()
			q.reply <- r.m.Do(q.command)
		case c := <-r.posts:
			r.carryOut(c)
		case <-r.alarm.C:
			r.m.Tick()
		case <-r.pulse.C:
			r.progress()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// feed gives the worker its next frame and sets the alarm.
func (r *runner) feed() {
	if j := r.m.Next(); j != nil {
		r.jobs <- j // has room: the machine has one job out at most
	}
	r.alarm.set(r.m.Wake())
}

func (r *runner) take(p pulled) {
	r.takeTriggers()
	switch {
	case p.frame != nil:
		r.m.Frame(p.frame)
	case errors.Is(p.err, io.EOF):
		r.ending = true
		r.m.EndOfFrames()
	case p.err != nil:
		r.m.SourceDown(p.err)
	}
}

// takeTriggers books the triggers that came before a frame first, so that the
// frame finds its part.
func (r *runner) takeTriggers() {
	for {
		select {
		case t := <-r.triggers:
			r.m.Trigger(t)
		default:
			return
		}
	}
}

// takePosts carries out what was posted before a command that is sent, so that
// both take effect in the order in which they were given.
func (r *runner) takePosts() {
	for {
		select {
		case c := <-r.posts:
			r.carryOut(c)
		default:
			return
		}
	}
}

// carryOut carries out what was posted; an alarm that found no room comes behind
// all that had, since a reset may be among it.
func (r *runner) carryOut(c Command) {
	_ = r.m.Do(c) // Post says so
	if len(r.posts) > 0 {
		return
	}
	if reason := r.unposted.Swap(nil); reason != nil {
		_ = r.m.Do(raise(*reason))
	}
}

// progress feeds the watchdog, unless the judge hangs.
func (r *runner) progress() {
	now := r.clock.Now()
	if !r.m.Hung(now) {
		r.beat()
	}
	r.pulse.set(now.Add(r.beatEvery))
}

// drain settles what is open once nothing moves any more.
func (r *runner) drain() {
	r.takeTriggers()
	r.m.Abort()
}

// awaitWorker waits for the judge's last answer, so that its frame goes back.
func (r *runner) awaitWorker(ctx context.Context, worker <-chan struct{}) error {
	patience, cancel := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan error, 1)
	var waiter sync.WaitGroup
	waiter.Go(func() { over <- r.clock.SleepUntil(patience, r.clock.Now().Add(r.m.cfg.JudgeLimit)) })
	defer waiter.Wait()
	defer cancel()
	select {
	case <-worker:
	case <-over:
		return ErrJudgeHangs
	}
	select {
	case j := <-r.done:
		r.m.Judged(j)
	default:
	}
	return nil
}
