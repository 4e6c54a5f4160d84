package station

import (
	"context"
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
)

// openSource makes the configured camera. Drawn and replayed cameras deliver
// frames one by one: paced where the trigger is a timer, else when a trigger says so.
// s.triggered then says whether parts are announced by triggers or by frames.
func openSource(s *Station) (capture.Source, error) {
	t := &s.cfg.Trigger
	if s.open != nil {
		return s.supervise(s.open), nil
	}
	if s.cfg.Camera.Kind == config.CameraV4L2 {
		s.triggered = t.Kind != config.TriggerFree
		return openV4L2(s)
	}
	// Several frames of one part are taken when it is there, one after another.
	paced := t.Kind == config.TriggerFree || t.Kind == config.TriggerTimer && s.cfg.Recipe.Frames == 1
	period := time.Duration(0)
	if paced {
		period = s.cfg.PartInterval()
	}
	src, err := openDrawnOrReplay(s, period)
	if err != nil || paced {
		return src, err
	}
	s.triggered = true
	s.triggers.gate = &gated{Source: src, tokens: make(chan struct{}, 64*s.cfg.Recipe.Frames), clock: s.clock}
	return s.triggers.gate, nil
}

func openDrawnOrReplay(s *Station, period time.Duration) (capture.Source, error) {
	c := &s.cfg.Camera
	if c.Kind == config.CameraScene {
		sc, err := scene.New(scene.Config{Seed: c.Seed, DefectRate: 0.2, Width: c.Size.Width, Height: c.Size.Height})
		if err != nil {
			return nil, err
		}
		return scene.NewSource(sc, scene.SourceOptions{Period: period, Clock: s.clock, Frames: s.framesOut()})
	}
	o := replay.Options{Clock: s.clock, Frames: s.framesOut(), Loop: c.Loop, OnBroken: func(path string, err error) {
		s.log.Warn("a picture was passed over", "err", err)
	}}
	if period > 0 {
		o.Rate = float64(time.Second) / float64(period)
	}
	return replay.Open(o, c.Path)
}

// framesOut is how many frames may be out at once: a part keeps its own until it is
// decided on, while the next one's come.
func (s *Station) framesOut() int { return 2*s.cfg.Recipe.Frames + 2 }

func openV4L2(s *Station) (capture.Source, error) {
	c := &s.cfg.Camera
	cfg := v4l2.Config{Device: c.Device, Width: c.Size.Width, Height: c.Size.Height, Rate: c.Rate, Frames: s.framesOut()}
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
	cfg.Trigger, cfg.Controls = v4l2.FreeRun, c.Controls
	if c.Trigger == config.CameraHardware {
		cfg.Trigger = v4l2.Hardware
	}
	return s.supervise(func(context.Context) (capture.Source, error) {
		cam, err := v4l2.Open(cfg, s.clock)
		if err != nil {
			return nil, err
		}
		i := cam.Info()
		s.log.Info("camera", "device", i.Path, "card", i.Card, "format", i.Format, "width", i.Width, "height", i.Height, "period", i.Period, "locked", i.Locked, "notes", i.Notes)
		s.camera.Store(cam)
		return cam, nil
	}), nil
}

// controlsEvery is how often the camera's locked controls are read again.
const controlsEvery = 10 * time.Second

// watchControls raises controls that somebody else has changed: the pictures are no
// longer those that the model was taught on.
func (s *Station) watchControls(ctx context.Context) {
	for s.clock.SleepUntil(ctx, s.clock.Now().Add(controlsEvery)) == nil {
		cam := s.camera.Load()
		if cam == nil {
			continue // it is not there, which has an alarm of its own
		}
		if err := cam.CheckControls(); s.camera.Load() == cam {
			s.health.Check("camera-controls", err, "another program has changed the camera: end it, and replug the camera to have it set again")
		}
	}
}

// supervise has a camera opened again when it fails.
func (s *Station) supervise(open capture.Opener) capture.Source {
	return capture.Supervise(open, s.clock, capture.RetryOptions{OnChange: s.cameraChanged})
}

// cameraChanged drops READY while the camera is away. A camera that waits for
// its hardware trigger is ready as soon as it is open, another one with its
// first frame.
func (s *Station) cameraChanged(err error) {
	if err != nil {
		s.camera.Store(nil)
		s.health.Clear("camera-controls")
		s.line.Post(line.SourceLost(err.Error()))
		s.health.Raise("camera", err.Error(), "check the camera's cable and power; it is taken up again by itself")
		return
	}
	s.health.Clear("camera")
	if s.cfg.Camera.Trigger == config.CameraHardware || s.open != nil && s.triggered {
		s.line.Post(line.SourceFound{})
	}
}

// gated lets frames of an on-demand source pass at each trigger.
type gated struct {
	capture.Source
	tokens chan struct{}
	clock  edge.Clock
}

// open lets n frames pass. It never blocks: frames beyond what may wait are
// missing then, and their part is rejected.
func (g *gated) open(n int) {
	for range n {
		select {
		case g.tokens <- struct{}{}:
		default:
		}
	}
}

// Next waits for a trigger, then takes the picture.
func (g *gated) Next(ctx context.Context) (*edge.Frame, error) {
	select {
	case <-g.tokens:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := g.Source.Next(ctx)
	if f != nil {
		f.At = g.clock.Now()
	}
	return f, err
}
