package station

import (
	"context"
	"fmt"
	"image"
	"time"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/capture/replay"
	"winnow/capture/scene"
	"winnow/capture/v4l2"
	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/gpio"
)

// announcer tells the line of parts until ctx ends.
type announcer func(ctx context.Context, l *line.Line)

// openSource makes the configured camera. triggered says that parts are
// announced by the returned announcer rather than by frames. Drawn and replayed
// cameras deliver exactly one frame a part, paced by the trigger.
func openSource(ctx context.Context, s *Station) (capture.Source, bool, announcer, error) {
	t := &s.cfg.Trigger
	if s.cfg.Camera.Kind == config.CameraV4L2 {
		src, err := openV4L2(s)
		if err != nil {
			return nil, false, nil, err
		}
		if t.Kind == config.TriggerFree {
			return src, false, nil, nil
		}
		a, err := openTrigger(s, nil)
		return src, true, a, err
	}
	paced := t.Kind == config.TriggerTimer || t.Kind == config.TriggerFree
	period := time.Duration(0)
	if paced {
		period = s.cfg.PartInterval()
	}
	src, err := openDrawnOrReplay(s, period)
	if err != nil || paced {
		return src, false, nil, err
	}
	g := &gated{Source: src, go_: make(chan struct{}, 64), clock: s.clock}
	a, err := openTrigger(s, g)
	return g, true, a, err
}

func openDrawnOrReplay(s *Station, period time.Duration) (capture.Source, error) {
	c := &s.cfg.Camera
	if c.Kind == config.CameraScene {
		sc, err := scene.New(scene.Config{Seed: c.Seed, DefectRate: 0.2, Width: c.Size.Width, Height: c.Size.Height})
		if err != nil {
			return nil, err
		}
		return scene.NewSource(sc, scene.SourceOptions{Period: period, Clock: s.clock})
	}
	o := replay.Options{Clock: s.clock, Loop: c.Loop, OnBroken: func(path string, err error) {
		s.log.Warn("a picture was passed over", "err", err)
	}}
	if period > 0 {
		o.Rate = float64(time.Second) / float64(period)
	}
	return replay.Open(o, c.Path)
}

func openV4L2(s *Station) (capture.Source, error) {
	c := &s.cfg.Camera
	cfg := v4l2.Config{Device: c.Device, Width: c.Size.Width, Height: c.Size.Height, Rate: c.Rate}
	if c.ROI != (config.Area{}) {
		cfg.ROI = image.Rect(c.ROI.X, c.ROI.Y, c.ROI.X+c.ROI.Width, c.ROI.Y+c.ROI.Height)
	}
	if c.Format != config.FormatAuto {
		f, err := pixfmt.ParseFourCC(string(c.Format))
		if err != nil {
			return nil, err
		}
		cfg.Format = f
	}
	open := func(context.Context) (capture.Source, error) { return v4l2.Open(cfg, s.clock) }
	return capture.Supervise(open, s.clock, capture.RetryOptions{}), nil
}

// gated lets one frame of an on-demand source pass at each trigger.
type gated struct {
	capture.Source
	go_   chan struct{}
	clock edge.Clock
}

// Next waits for a trigger, then takes the picture.
func (g *gated) Next(ctx context.Context) (*edge.Frame, error) {
	select {
	case <-g.go_:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := g.Source.Next(ctx)
	if f != nil {
		f.At = g.clock.Now()
	}
	return f, err
}

// openTrigger makes the announcer of the configured trigger. Each trigger opens
// gate, where there is one, after it has been announced.
func openTrigger(s *Station, gate *gated) (announcer, error) {
	announce := func(l *line.Line, at edge.Instant) {
		if !l.Announce(at) {
			s.log.Error("a trigger was missed: the line does not keep up")
			l.Alarm("a trigger was missed: a part passes that nobody tracks; stop the belt, clear it, then reset")
			return
		}
		if gate != nil {
			select {
			case gate.go_ <- struct{}{}:
			default:
			}
		}
	}
	t := s.cfg.Trigger
	switch t.Kind {
	case config.TriggerTimer:
		return func(ctx context.Context, l *line.Line) {
			next := s.clock.Now()
			for {
				next = next.Add(t.Period.Std())
				if s.clock.SleepUntil(ctx, next) != nil {
					return
				}
				announce(l, s.clock.Now())
			}
		}, nil
	case config.TriggerGPIO:
		return s.edgeTrigger(announce)
	}
	return nil, fmt.Errorf("trigger.kind %q cannot be used yet: take timer, free or gpio", t.Kind)
}

// edgeTrigger announces a part at each edge of the configured input.
func (s *Station) edgeTrigger(announce func(*line.Line, edge.Instant)) (announcer, error) {
	t := s.cfg.Trigger
	pin, err := s.openPin(t.Chip, t.Line)
	if err != nil {
		return nil, fmt.Errorf("trigger: %w", err)
	}
	events, ok := pin.(gpio.Events)
	if !ok {
		return nil, fmt.Errorf("trigger: %s does not time its edges", pin)
	}
	if err := pin.In(gpio.PullNoChange, gpio.BothEdges); err != nil {
		return nil, fmt.Errorf("trigger: %w", err)
	}
	return func(ctx context.Context, l *line.Line) {
		f := &gpio.Filter{Debounce: t.Debounce.Std(), MinInterval: t.MinInterval.Std(), ActiveLow: t.Edge == config.EdgeFalling}
		err := gpio.Watch(ctx, s.clock, events, gpio.PullNoChange, f, func(c gpio.Change) {
			if c.Active {
				announce(l, c.At)
			}
		})
		if ctx.Err() == nil {
			s.log.Error("the trigger input has failed", "err", err)
			l.Alarm(fmt.Sprintf("trigger input: %v; check the wiring and start again", err))
		}
		_ = pin.Halt()
	}, nil
}
