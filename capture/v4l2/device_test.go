//go:build linux

package v4l2_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/blackjack/webcam"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/capture/v4l2"
	"winnow/edge"
)

// The tests of this file run on the camera that WINNOW_V4L2_DEVICE names: any
// real one, or the kernel's vivid, whose fault buttons are pressed too. Nothing
// asserts on how fast the machine is.

// camera names the device under test.
func camera(t *testing.T) string {
	name := os.Getenv("WINNOW_V4L2_DEVICE")
	if name == "" {
		t.Skip("not here: WINNOW_V4L2_DEVICE names no camera")
	}
	return name
}

// hostClock is CLOCK_MONOTONIC by way of Go's clock; only differences count.
type hostClock struct{ start time.Time }

func (c hostClock) Now() edge.Instant   { return edge.Instant(1 + time.Since(c.start)) }
func (c hostClock) Wall() edge.WallTime { return edge.WallTime{} }
func (c hostClock) SleepUntil(ctx context.Context, t edge.Instant) error {
	select {
	case <-time.After(t.Sub(c.Now())):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newHostClock() hostClock { return hostClock{time.Now()} }

// patience lets slow, emulated machines stream; the two-period rule is proved
// in virtual time.
const patience = 5 * time.Second

func openCamera(t *testing.T, cfg v4l2.Config) *v4l2.Camera {
	t.Helper()
	cfg.Device, cfg.Patience = camera(t), patience
	c, err := v4l2.Open(cfg, newHostClock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestDeviceIsListed(t *testing.T) {
	path, err := v4l2.Resolve(camera(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v4l2.List() {
		t.Logf("%s %q %s names %v: %d formats, %d controls, %v", f.Path, f.Card, f.Bus, f.Names, len(f.Formats), len(f.Controls), f.Err)
		if f.Path == path && (f.Err != nil || len(f.Formats) == 0 || f.Card == "") {
			t.Errorf("the camera is listed as %+v", f)
		}
	}
}

// TestDeviceStreamsEveryFormat takes frames in each format that is converted.
func TestDeviceStreamsEveryFormat(t *testing.T) {
	path, err := v4l2.Resolve(camera(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range v4l2.List() {
		if found.Path != path {
			continue
		}
		for _, f := range found.Formats {
			if !f.Supported {
				continue
			}
			code, err := pixfmt.ParseFourCC(f.Code)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(f.Code, func(t *testing.T) {
				c := openCamera(t, v4l2.Config{Format: code, Width: 640, Height: 480})
				t.Logf("%+v", c.Info())
				stream(t, c, 20)
			})
		}
	}
}

// stream takes n frames and checks what every frame must be.
func stream(t *testing.T, c *v4l2.Camera, n int) (flagged int) {
	t.Helper()
	var last edge.Frame
	for i := range n {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if err := f.Check(); err != nil {
			t.Error(err)
		}
		if i > 0 && (f.Seq <= last.Seq || f.At <= last.At) {
			t.Errorf("frame %d: sequence %d at %v after %d at %v", i, f.Seq, f.At, last.Seq, last.At)
		}
		if f.Flags&^edge.FrameLost != 0 {
			flagged++
		}
		last = *f
		c.Release(f)
	}
	return flagged
}

func TestDeviceSizeIsTheDriversOwn(t *testing.T) {
	c := openCamera(t, v4l2.Config{Width: 641, Height: 477})
	f, err := c.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release(f)
	if i := c.Info(); f.Width != i.Width || f.Height != i.Height || f.Check() != nil {
		t.Errorf("frame of %dx%d from a camera of %dx%d", f.Width, f.Height, i.Width, i.Height)
	}
}

func TestDeviceOpensAgainAndAgain(t *testing.T) {
	for range 5 {
		c := openCamera(t, v4l2.Config{})
		stream(t, c, 2)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeviceIsForOneProgram(t *testing.T) {
	c := openCamera(t, v4l2.Config{})
	if second, err := v4l2.Open(v4l2.Config{Device: camera(t)}, newHostClock()); err == nil {
		_ = second.Close()
		t.Log("the driver lets two files stream")
	} else if !strings.Contains(err.Error(), "another program") {
		t.Errorf("second open: %v", err)
	}
	stream(t, c, 3)
}

func TestDeviceControlsStayLocked(t *testing.T) {
	c := openCamera(t, v4l2.Config{})
	t.Logf("locked: %v", c.Info().Locked)
	stream(t, c, 3)
	if err := c.CheckControls(); err != nil {
		t.Error(err)
	}
}

// vivid's buttons (drivers/media/test-drivers/vivid/vivid-ctrls.c).
const (
	vividDisconnect  = 0x00f0f041
	vividErrorFlag   = 0x00f0f042
	vividStreamError = 0x00f0f045
)

// press pushes a fault button; the library leaves buttons out of its list but
// sets them.
func press(t *testing.T, id webcam.ControlID) {
	t.Helper()
	path, err := v4l2.Resolve(camera(t))
	if err != nil {
		t.Fatal(err)
	}
	w, err := webcam.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if name, _ := w.GetName(); !strings.Contains(name, "vivid") {
		t.Skipf("not here: %q has no fault buttons", name)
	}
	if err := w.SetControl(id, 1); err != nil {
		t.Skipf("not here: the driver has no button %#x: %v", id, err)
	}
}

func TestDeviceErrorFlagArrives(t *testing.T) {
	c := openCamera(t, v4l2.Config{})
	stream(t, c, 2)
	press(t, vividErrorFlag)
	for range 50 {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		flags := f.Flags
		c.Release(f)
		if flags&edge.FrameError != 0 {
			return
		}
	}
	t.Error("the driver flagged a frame and none of 50 came flagged")
}

func TestDeviceFailedStartDoesNotBlockTheNext(t *testing.T) {
	press(t, vividStreamError)
	c, err := v4l2.Open(v4l2.Config{Device: camera(t), Patience: patience}, newHostClock())
	if err == nil {
		_ = c.Close()
		t.Fatal("the stream began although the driver was told to refuse")
	}
	t.Logf("refused: %v", err)
	stream(t, openCamera(t, v4l2.Config{}), 3)
}

func TestDeviceUnplugAndReplug(t *testing.T) {
	clock := newHostClock()
	var changes []error
	s := capture.Supervise(func(context.Context) (capture.Source, error) {
		return v4l2.Open(v4l2.Config{Device: camera(t), Patience: patience}, clock)
	}, clock, capture.RetryOptions{OnChange: func(err error) { changes = append(changes, err) }})
	defer s.Close()
	take := func(n int) {
		for range n {
			f, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.Release(f)
		}
	}
	take(3)
	press(t, vividDisconnect)
	before := len(changes)
	for deadline := 0; len(changes) == before && deadline < 200; deadline++ {
		take(1)
	}
	take(3)
	text := fmt.Sprint(changes)
	if len(changes) < before+2 || !errors.Is(changes[before], v4l2.ErrGone) || changes[len(changes)-1] != nil {
		t.Errorf("states reported: %s; want up, gone, up", text)
	}
}
