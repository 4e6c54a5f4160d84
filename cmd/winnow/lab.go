package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

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

// Lines of the laboratory's simulated chip.
const (
	labTrigger = iota
	labReject
	labReady
	labError
	labValid
	labAccept
)

// lab is a whole station on simulated lines under drawn parts, for benches and
// drills: its plant pulls the trigger and its camera takes pictures drawn before.
type lab struct {
	clock  edge.Clock
	chip   *sim.Chip
	camera *album
	judge  *infer.Judge
	cfg    *config.Config
	dir    string
	log    *slog.Logger
}

// labParts are drawn once and shown again and again.
const labParts = 32

// newLab draws the parts, and teaches on others where no model is given. Close
// it.
func newLab(ctx context.Context, model, engine string, threads int, stderr io.Writer) (*lab, error) {
	clk, err := clock.NewSystem()
	if err != nil {
		return nil, err
	}
	drawnLine, err := newDrawn(1, 60, labParts)
	if err != nil {
		return nil, err
	}
	var p *models.Package
	if model == "" {
		p, err = teachExhibit(ctx, drawnLine, demoFlags{threads: threads}, stderr)
	} else {
		p, err = models.ReadFile(model)
	}
	if err != nil {
		return nil, err
	}
	l := &lab{clock: clk, chip: sim.NewChip(clk), camera: &album{clock: clk, asked: make(chan struct{}, 64)}, log: slog.New(slog.DiscardHandler)}
	for i := range labParts {
		f := new(edge.Frame)
		if _, err := drawnLine.Part(i, f); err != nil {
			return nil, err
		}
		l.camera.frames = append(l.camera.frames, f)
	}
	if l.judge, _, err = openJudge(p, engine, "", judgeThreads(threads)); err != nil {
		return nil, err
	}
	if l.dir, err = os.MkdirTemp("", "winnow-lab-"); err != nil {
		l.judge.Close()
		return nil, err
	}
	l.cfg = labConfig(l.dir)
	return l, nil
}

// labConfig is ten parts a second, 200 ms from trigger to actuator.
func labConfig(dir string) *config.Config {
	c := config.Default()
	c.Trigger.Kind, c.Trigger.Line, c.Trigger.MinInterval = config.TriggerGPIO, labTrigger, config.Duration(50*time.Millisecond)
	c.Actuators = []config.Actuator{{
		Name: "reject", On: config.FiresReject, Chip: config.ChipSim, Line: labReject, Safe: config.SafeOff,
		Delay: config.Duration(200 * time.Millisecond), Pulse: config.Duration(25 * time.Millisecond), MinGap: config.Duration(50 * time.Millisecond),
	}}
	for n, name := range map[int]config.SignalName{
		labReady: config.SignalReady, labError: config.SignalError, labValid: config.SignalValid, labAccept: config.SignalAccept,
	} {
		c.Signals = append(c.Signals, config.Signal{Name: name, Chip: config.ChipSim, Line: n})
	}
	c.MQTT.Listen, c.Records.Dir, c.Records.KeepRejects = "127.0.0.1:0", dir, 0
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
		Config: l.cfg, Clock: l.clock, Log: l.log, Version: version, Chip: l.chip, Source: l.camera, Triggered: true,
	})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	inner, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(inner, station.Model{Judge: judge, Digest: l.judge.Package().ShortDigest()}) }()
	err = l.until(ctx, func() bool { return bool(l.chip.Line(labReady).Read()) })
	if err == nil {
		err = plant(ctx, s)
	}
	stop()
	if runErr := <-ended; err == nil && runErr != nil {
		err = runErr
	}
	return s, err
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

// part passes the light barrier, and the camera takes its picture.
func (l *lab) part() edge.Instant {
	at := l.clock.Now()
	l.chip.Line(labTrigger).Drive(gpio.High)
	l.camera.shoot()
	return at
}

// leave lets the part out of the light barrier.
func (l *lab) leave() { l.chip.Line(labTrigger).Drive(gpio.Low) }

// album is an on-demand camera over pictures that were drawn before.
type album struct {
	clock  edge.Clock
	frames []*edge.Frame
	asked  chan struct{}
	next   int

	mu    sync.Mutex
	fault error
}

// shoot takes a picture.
func (a *album) shoot() {
	select {
	case a.asked <- struct{}{}:
	default:
	}
}

// fail makes the camera fail from now on; nil mends it.
func (a *album) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = err
}

// Next implements capture.Source.
func (a *album) Next(ctx context.Context) (*edge.Frame, error) {
	select {
	case <-a.asked:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault != nil {
		return nil, a.fault
	}
	f := *a.frames[a.next%len(a.frames)]
	a.next++
	f.Seq, f.At = uint64(a.next), a.clock.Now()
	return &f, nil
}

// Release implements capture.Source: pictures are only read.
func (*album) Release(*edge.Frame) {}

// Close implements capture.Source.
func (*album) Close() error { return nil }
