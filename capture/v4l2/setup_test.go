//go:build linux

package v4l2

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/blackjack/webcam"
	"golang.org/x/sys/unix"

	"winnow/capture/pixfmt"
)

// devTree is a /dev with two cameras, one of which has a metadata file.
func devTree(t *testing.T) string {
	dev := t.TempDir()
	for _, n := range []string{"by-id", "by-path"} {
		if err := os.MkdirAll(filepath.Join(dev, "v4l", n), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{"video0", "video1", "video2", "video10"} {
		if err := os.WriteFile(filepath.Join(dev, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"by-id/usb-Cam_A-video-index0": "video0", "by-id/usb-Cam_A-video-index1": "video1",
		"by-path/pci-usb-1-video-index0": "video0", "by-path/csi-index0": "video10",
	} {
		if err := os.Symlink("../../"+to, filepath.Join(dev, "v4l", link)); err != nil {
			t.Fatal(err)
		}
	}
	return dev
}

func TestCamerasAreFoundByStableName(t *testing.T) {
	dev := devTree(t)
	at := func(n string) string { return filepath.Join(dev, n) }
	for _, c := range []struct{ name, want string }{
		{"usb-Cam_A-video-index0", at("video0")},
		{"csi-index0", at("video10")},
		{"video2", at("video2")},
		{at("video1"), at("video1")},
		{at("v4l/by-id/usb-Cam_A-video-index1"), at("video1")},
	} {
		if got, err := resolve(dev, c.name); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
	_, err := resolve(dev, "usb-Cam_B")
	if !errors.Is(err, ErrNoCamera) || !strings.Contains(err.Error(), "usb-Cam_A-video-index0") {
		t.Errorf("unknown name: %v; want the names that there are", err)
	}
	if _, err := resolve(dev, ""); !errors.Is(err, ErrNoCamera) {
		t.Errorf("several cameras and no name: %v", err)
	}
	if got := stableNames(dev, at("video0")); !slices.Equal(got, []string{"usb-Cam_A-video-index0", "pci-usb-1-video-index0"}) {
		t.Errorf("names of video0: %v", got)
	}
	if got := videoNodes(dev); got[len(got)-1] != at("video10") {
		t.Errorf("order of files: %v", got)
	}
}

func TestTheOnlyCameraNeedsNoName(t *testing.T) {
	dev := devTree(t)
	for _, n := range []string{"video2", "video10"} {
		os.Remove(filepath.Join(dev, n))
	}
	if got, err := resolve(dev, ""); err != nil || got != filepath.Join(dev, "video0") {
		t.Errorf("%s, %v; want video0, as video1 is its metadata", got, err)
	}
	if _, err := resolve(t.TempDir(), ""); !errors.Is(err, ErrNoCamera) {
		t.Errorf("no camera at all: %v", err)
	}
}

func TestOpenWithoutACamera(t *testing.T) {
	if _, err := Open(Config{Device: "usb-None"}, newFake()); !errors.Is(err, ErrNoCamera) {
		t.Errorf("missing: %v", err)
	}
	if _, err := Open(Config{Device: "/dev/null"}, newFake()); err == nil {
		t.Error("/dev/null was taken for a camera")
	}
}

func TestChooseFormat(t *testing.T) {
	has := func(codes ...pixfmt.FourCC) map[webcam.PixelFormat]string {
		m := map[webcam.PixelFormat]string{0x34363248: "H.264"}
		for _, c := range codes {
			m[webcam.PixelFormat(c)] = c.String()
		}
		return m
	}
	for _, c := range []struct {
		has  map[webcam.PixelFormat]string
		ask  pixfmt.FourCC
		want pixfmt.FourCC
		ok   bool
	}{
		{has(pixfmt.MJPG, pixfmt.YUYV), 0, pixfmt.YUYV, true},
		{has(pixfmt.GREY, pixfmt.MJPG), 0, pixfmt.MJPG, true},
		{has(pixfmt.GREY), 0, pixfmt.GREY, true},
		{has(pixfmt.MJPG, pixfmt.YUYV), pixfmt.MJPG, pixfmt.MJPG, true},
		{has(pixfmt.YUYV), pixfmt.GREY, 0, false},
		{has(), 0, 0, false},
	} {
		if got, err := chooseFormat(c.has, c.ask); got != c.want || (err == nil) != c.ok {
			t.Errorf("of %v, asked %v: %v, %v", c.has, c.ask, got, err)
		}
	}
}

// panel is a camera's controls.
type panel struct {
	controls map[webcam.ControlID]webcam.Control
	values   map[webcam.ControlID]int32
	stubborn webcam.ControlID // takes any value and keeps its own
	order    []webcam.ControlID
}

func newPanel() *panel {
	return &panel{
		controls: map[webcam.ControlID]webcam.Control{
			0x009a0901: {Name: "Auto Exposure", Max: 3}, 0x009a0902: {Name: "Exposure Time, Absolute", Min: 1, Max: 5000, Step: 1},
			0x0098090c: {Name: "White Balance, Automatic", Max: 1}, 0x0098091a: {Name: "White Balance Temperature", Min: 2800, Max: 6500, Step: 10},
		},
		values: map[webcam.ControlID]int32{0x009a0901: 3, 0x009a0902: 156, 0x0098090c: 1, 0x0098091a: 4000},
	}
}

func (p *panel) GetControls() map[webcam.ControlID]webcam.Control { return p.controls }
func (p *panel) GetControl(id webcam.ControlID) (int32, error)    { return p.values[id], nil }
func (p *panel) SetControl(id webcam.ControlID, v int32) error {
	p.order = append(p.order, id)
	if id == 0x009a0902 && p.values[0x009a0901] != 1 {
		return unix.EACCES // inactive while automatic
	}
	if id != p.stubborn {
		p.values[id] = v
	}
	return nil
}

func TestControlsAreLockedAndVerified(t *testing.T) {
	p := newPanel()
	locked, err := lock(p, Config{Controls: map[string]int32{"exposure_time_absolute": 80}})
	if err != nil || len(locked) != 3 || locked["auto_exposure"] != 1 || locked["white_balance_automatic"] != 0 || locked["exposure_time_absolute"] != 80 {
		t.Errorf("locked %v, %v", locked, err)
	}
	if err := verify(p, locked); err != nil {
		t.Error(err)
	}
	p.values[0x009a0901] = 3
	if err := verify(p, locked); err == nil || !strings.Contains(err.Error(), "auto_exposure went from 1 to 3") {
		t.Errorf("a control that fell back: %v", err)
	}
}

// TestAutomaticIsSetBeforeWhatItWouldChange: who names both, focus_automatic = 0
// and focus_absolute, does so in a table that has no order.
func TestAutomaticIsSetBeforeWhatItWouldChange(t *testing.T) {
	p := newPanel()
	p.controls[0x009a0901] = webcam.Control{Name: "Exposure, Auto", Max: 3}
	p.controls[0x009a0902] = webcam.Control{Name: "Exposure (Absolute)", Min: 1, Max: 5000, Step: 1}
	locked, err := lock(p, Config{Controls: map[string]int32{"exposure_auto": 1, "exposure_absolute": 80}})
	if err != nil || locked["exposure_auto"] != 1 || locked["exposure_absolute"] != 80 {
		t.Errorf("locked %v, %v", locked, err)
	}
	// With automatic left on otherwise, too.
	p.values[0x009a0901] = 3
	if _, err := lock(p, Config{LeaveAutomatic: true, Controls: map[string]int32{"exposure_auto": 1, "exposure_absolute": 80}}); err != nil {
		t.Errorf("automatic left on: %v", err)
	}
}

func TestControlsThatCannotBeSet(t *testing.T) {
	for _, c := range []struct {
		name     string
		controls map[string]int32
		stubborn webcam.ControlID
		want     string
	}{
		{"unknown", map[string]int32{"zoom": 1}, 0, `"zoom" is not one of the camera's: auto_exposure`},
		{"range", map[string]int32{"exposure_time_absolute": 9000}, 0, "it is 1 to 5000"},
		{"inactive", map[string]int32{"auto_exposure": 3, "exposure_time_absolute": 80}, 0, "permission denied"},
		{"ignored", nil, 0x0098090c, "the camera made it 1"},
	} {
		p := newPanel()
		p.stubborn = c.stubborn
		if _, err := lock(p, Config{Controls: c.controls}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	p := newPanel()
	if locked, err := lock(p, Config{LeaveAutomatic: true}); err != nil || len(locked) != 0 || len(p.order) != 0 {
		t.Errorf("automatic left on: locked %v, %v", locked, err)
	}
}

func TestLargestSize(t *testing.T) {
	d := func(w, h uint32) webcam.FrameSize {
		return webcam.FrameSize{MinWidth: w, MaxWidth: w, MinHeight: h, MaxHeight: h}
	}
	for _, c := range []struct {
		sizes []webcam.FrameSize
		w, h  uint32
	}{
		{nil, 640, 480},
		{[]webcam.FrameSize{d(640, 480), d(1280, 720), d(3840, 2160)}, 1280, 720},
		{[]webcam.FrameSize{{MinWidth: 48, MaxWidth: 8192, StepWidth: 2, MinHeight: 32, MaxHeight: 8192, StepHeight: 2}}, 1920, 1080},
	} {
		if w, h := largest(c.sizes); w != c.w || h != c.h {
			t.Errorf("%v: %dx%d", c.sizes, w, h)
		}
	}
}
