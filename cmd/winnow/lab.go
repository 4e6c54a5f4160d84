package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"winnow/capture"
	"winnow/cmd/winnow/internal/station"
	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/gpio"
	"winnow/gpio/sim"
	"winnow/infer"
	"winnow/models"
)

// lab is a whole station on simulated lines under drawn parts, for benches and
// drills: its plant pulls the trigger and its camera takes pictures drawn before.
type lab struct {
	clock  *clock.System
	chip   *sim.Chip
	camera *album
	judge  *infer.Judge
	cfg    *config.Config
	dir    string
	log    *slog.Logger
	wrap   func(gpio.PinIO) gpio.PinIO // between the station and its lines; nil: nothing
}

// labOptions say what a laboratory works with; zero values are what their
// comments say.
type labOptions struct {
	model   string // package; "": taught on drawn parts
	engine  string
	library string
	threads int
	config  *config.Config // of a station, taken to the bench; nil: labConfig
}

// labParts are drawn once and shown again and again.
const labParts = 32

// newLab draws the parts, and teaches on others where no model is given. Close
// it.
func newLab(ctx context.Context, o labOptions, stderr io.Writer) (*lab, error) {
	clk, err := clock.NewSystem()
	if err != nil {
		return nil, err
	}
	drawnLine, err := newDrawn(1, 60, labParts)
	if err != nil {
		return nil, err
	}
	var p *models.Package
	if o.model == "" {
		p, err = teachExhibit(ctx, drawnLine, demoFlags{threads: o.threads}, stderr)
	} else {
		p, err = models.ReadFile(o.model)
	}
	if err != nil {
		return nil, err
	}
	l := &lab{clock: clk, chip: sim.NewChip(clk), camera: &album{clock: clk, asked: make(chan edge.Instant, 64), touched: make(chan struct{}, 1)}, log: slog.New(slog.DiscardHandler)}
	for i := range labParts {
		f := new(edge.Frame)
		if _, err := drawnLine.Part(i, f); err != nil {
			return nil, err
		}
		l.camera.frames = append(l.camera.frames, f)
	}
	if l.judge, _, err = openJudge(p, o.engine, o.library, judgeThreads(o.threads)); err != nil {
		return nil, err
	}
	if l.dir, err = os.MkdirTemp("", "winnow-lab-"); err != nil {
		l.judge.Close()
		return nil, err
	}
	cfg := o.config
	if cfg == nil {
		cfg = labConfig()
	}
	l.cfg = onBench(*cfg, l.dir)
	return l, nil
}

// labConfig is ten parts a second, 200 ms from trigger to actuator.
func labConfig() *config.Config {
	c := config.Default()
	c.Trigger.Kind, c.Trigger.MinInterval = config.TriggerGPIO, config.Duration(50*time.Millisecond)
	c.Actuators = []config.Actuator{{
		Name: "reject", On: config.FiresReject, Safe: config.SafeOff,
		Delay: config.Duration(200 * time.Millisecond), Pulse: config.Duration(25 * time.Millisecond), MinGap: config.Duration(50 * time.Millisecond),
	}}
	c.Records.KeepRejects = 0
	return c
}

// Close gives everything back.
func (l *lab) Close() {
	_ = l.judge.Close()
	_ = os.RemoveAll(l.dir)
}

// run has a station inspect with judge while plant works; it ends with plant.
func (l *lab) run(ctx context.Context, judge line.Judge, plant func(ctx context.Context, s *station.Station) error) (*station.Station, error) {
	s, err := station.Open(station.Options{
		Config: l.cfg, Clock: l.clock, Log: l.log, Version: version, Chip: l.chip, Open: l.camera.open, Triggered: true, Wrap: l.wrap,
	})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	defer spareProcessors()()
	inner, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(inner, station.Model{Judge: judge, Digest: l.judge.Package().ShortDigest()}) }()
	err = l.until(ctx, func() bool { return l.probe(config.SignalReady).on() })
	if err == nil {
		err = plant(ctx, s)
	}
	stop()
	if runErr := <-ended; err == nil && runErr != nil {
		err = runErr
	}
	return s, err
}

// onTime runs plant on a thread of its own with real-time priority where the
// system allows it: what a plant does comes when it comes, however busy the
// station's machine is.
func (l *lab) onTime(plant func(sleepUntil func(edge.Instant)) error) error {
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its priority
		_ = gpio.Realtime()
		s, err := l.clock.NewSleeper()
		if err != nil {
			ended <- err
			return
		}
		defer s.Close()
		ended <- plant(func(t edge.Instant) {
			for t.After(l.clock.Now()) {
				s.SleepUntil(t)
			}
		})
	}()
	return <-ended
}

// until waits for what must come within some seconds.
func (l *lab) until(ctx context.Context, is func() bool) error {
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for !is() {
		if err := l.clock.SleepUntil(limited, l.clock.Now().Add(time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

// part passes the light barrier, and the camera takes its pictures.
func (l *lab) part() edge.Instant {
	at := l.enter()
	l.shoot(at)
	return at
}

// enter has a part come into the light barrier.
func (l *lab) enter() edge.Instant {
	at := l.clock.Now()
	l.chip.Line(labTrigger).Drive(gpio.High)
	return at
}

// shoot has the camera take the pictures of a part that came at an instant.
func (l *lab) shoot(at edge.Instant) {
	for range l.cfg.Recipe.Frames {
		l.camera.shoot(at.Add(l.cfg.CameraDelay()))
	}
}

// leave lets the part out of the light barrier.
func (l *lab) leave() { l.chip.Line(labTrigger).Drive(gpio.Low) }

// album is an on-demand camera over pictures that were drawn before.
type album struct {
	clock  edge.Clock
	frames []*edge.Frame
	asked  chan edge.Instant
	next   int

	touched chan struct{}

	mu    sync.Mutex
	fault error           // it is unplugged
	mute  bool            // it takes no pictures
	flags edge.FrameFlags // on every picture
}

// shoot takes a picture at an instant.
func (a *album) shoot(at edge.Instant) {
	select {
	case a.asked <- at:
	default:
	}
}

// spoil changes what is wrong with the camera from now on.
func (a *album) spoil(fault error, mute bool, flags edge.FrameFlags) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault, a.mute, a.flags = fault, mute, flags
	select {
	case a.touched <- struct{}{}:
	default:
	}
}

// open is a capture.Opener.
func (a *album) open(context.Context) (capture.Source, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault != nil {
		return nil, a.fault
	}
	return a, nil
}

// Next implements capture.Source. A camera that is unplugged says so at once.
func (a *album) Next(ctx context.Context) (*edge.Frame, error) {
	for {
		select {
		case at := <-a.asked:
			if err := a.clock.SleepUntil(ctx, at); err != nil {
				return nil, err
			}
			if f, err := a.take(); f != nil || err != nil {
				return f, err
			}
		case <-a.touched:
			if err := a.gone(); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (a *album) gone() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fault
}

// take takes a picture, or none.
func (a *album) take() (*edge.Frame, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault != nil || a.mute {
		return nil, a.fault
	}
	f := *a.frames[a.next%len(a.frames)]
	a.next++
	f.Seq, f.At, f.Flags = uint64(a.next), a.clock.Now(), a.flags
	return &f, nil
}

// Release implements capture.Source: pictures are only read.
func (*album) Release(*edge.Frame) {}

// Close implements capture.Source.
func (*album) Close() error { return nil }
