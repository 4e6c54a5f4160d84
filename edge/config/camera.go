package config

import "fmt"

// Camera says where frames come from.
type Camera struct {
	Kind     CameraKind    `toml:"kind"`
	Device   string        `toml:"device"`   // v4l2: path of the video device
	Path     string        `toml:"path"`     // replay: a folder of pictures, or a picture
	Format   PixelFormat   `toml:"format"`   // v4l2
	Size     Size          `toml:"size"`     // zero: the source's own
	Rate     float64       `toml:"rate"`     // frames per second, 0: the source's own, or as triggered
	ROI      Area          `toml:"roi"`      // zero: the whole frame
	Trigger  CameraTrigger `toml:"trigger"`  // v4l2: what makes it expose
	Controls Controls      `toml:"controls"` // v4l2: set, verified and locked
	Loop     bool          `toml:"loop"`     // replay: start again at the end
	Seed     uint64        `toml:"seed"`     // scene: which parts are drawn
}

func defaultCamera() Camera {
	return Camera{Kind: CameraScene, Device: "/dev/video0", Format: FormatAuto, Seed: 1, Trigger: CameraFree}
}

// CameraKind is a kind of source.
type CameraKind string

// Kinds of cameras.
const (
	CameraV4L2   CameraKind = "v4l2"   // a Linux video device
	CameraReplay CameraKind = "replay" // pictures on disk
	CameraScene  CameraKind = "scene"  // a drawn production line
)

func cameraKinds() []CameraKind { return []CameraKind{CameraV4L2, CameraReplay, CameraScene} }

// UnmarshalText reads the name of a kind.
func (c *CameraKind) UnmarshalText(b []byte) error { return choose(c, b, cameraKinds()...) }

// PixelFormat is what a V4L2 camera is asked for, by its four-character code.
type PixelFormat string

// Pixel formats.
const (
	FormatAuto  PixelFormat = "auto" // the first of YUYV, GREY, MJPG that the camera has
	FormatYUYV  PixelFormat = "YUYV"
	FormatGrey  PixelFormat = "GREY"
	FormatMJPEG PixelFormat = "MJPG"
)

func pixelFormats() []PixelFormat {
	return []PixelFormat{FormatAuto, FormatYUYV, FormatGrey, FormatMJPEG}
}

// UnmarshalText reads the name of a format.
func (f *PixelFormat) UnmarshalText(b []byte) error { return choose(f, b, pixelFormats()...) }

// CameraTrigger is what makes a V4L2 camera expose.
type CameraTrigger string

// Triggers of cameras, as v4l2.Trigger has them.
const (
	CameraFree     CameraTrigger = "free"     // its own rate
	CameraHardware CameraTrigger = "hardware" // a line into the camera; silence is normal
)

func cameraTriggers() []CameraTrigger { return []CameraTrigger{CameraFree, CameraHardware} }

// UnmarshalText reads the name of a trigger.
func (t *CameraTrigger) UnmarshalText(b []byte) error { return choose(t, b, cameraTriggers()...) }

func (c *Camera) check(k *checker, trigger TriggerKind, actuators bool) {
	known(k, "camera.trigger", c.Trigger, cameraTriggers()...)
	known(k, "camera.kind", c.Kind, cameraKinds()...)
	known(k, "camera.format", c.Format, pixelFormats()...)
	within(k, "camera.rate", c.Rate, 0, 10_000, "frames per second (0: the camera's own rate)")
	switch c.Kind {
	case CameraV4L2:
		k.need("camera.device", c.Device, `a camera of kind "v4l2" needs its device, such as "/dev/video0"`)
	case CameraReplay:
		k.need("camera.path", c.Path, `a camera of kind "replay" needs a folder of pictures`)
	}
	if c.Kind != CameraV4L2 {
		k.unused("camera.controls", len(c.Controls) > 0, fmt.Sprintf("for a camera of kind %q", c.Kind))
	}
	if c.Kind != CameraReplay {
		when := fmt.Sprintf("for a camera of kind %q", c.Kind)
		k.unused("camera.path", c.Path != "", when)
		k.unused("camera.loop", c.Loop, when)
	}
	if c.Kind == CameraV4L2 && trigger == TriggerFree && actuators && c.Rate == 0 {
		k.problem("camera.rate", `is not given, and each frame is a part (trigger.kind = "free")`, "give the camera's rate: pulses are checked against the time from part to part")
	}
	if c.Size != (Size{}) && c.ROI != (Area{}) && !c.ROI.Fits(c.Size) {
		k.refuse("camera.roi", c.ROI.String(), "an area inside the frame of camera.size = "+c.Size.String())
	}
}
