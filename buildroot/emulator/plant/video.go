//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"winnow/buildroot/emulator/rig"
)

// Request numbers of linux/videodev2.h on 64-bit machines.
const (
	setFormat  = 0xc0d05605 // VIDIOC_S_FMT
	setParm    = 0xc0cc5616 // VIDIOC_S_PARM
	setControl = 0xc008561c // VIDIOC_S_CTRL
	streamOn   = 0x40045612 // VIDIOC_STREAMON

	videoOutput = 2 // V4L2_BUF_TYPE_VIDEO_OUTPUT
	noField     = 1 // V4L2_FIELD_NONE
	sRGB        = 8 // V4L2_COLORSPACE_SRGB
)

// ioctl hands the kernel b as the structure that req names.
func ioctl(fd uintptr, req uintptr, b []byte) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, req, uintptr(unsafe.Pointer(&b[0]))); errno != 0 {
		return errno
	}
	return nil
}

// loopback is the writing side of a loopback camera.
type loopback struct {
	file   *os.File
	size   int
	period time.Duration
	shown  time.Duration // when the last frame was
	spoil  rig.Spoil
	last   rig.Picture // that was shown
}

// openLoopback opens the device and makes it a camera of the format.
func openLoopback(c rig.Camera) (*loopback, error) {
	f, err := os.OpenFile(c.Device, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	l := &loopback{file: f, size: frameSize(c), period: c.Period}
	if err := l.setUp(c); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Device, errors.Join(err, f.Close()))
	}
	return l, nil
}

func frameSize(c rig.Camera) int {
	pixels := c.Width * c.Height
	switch c.Format {
	case "RGB3", "BGR3":
		return 3 * pixels
	case "GREY":
		return pixels
	}
	return 2 * pixels
}

// setUp sets struct v4l2_format and struct v4l2_streamparm.
func (l *loopback) setUp(c rig.Camera) error {
	var format [208]byte
	put := func(at, v int) { binary.NativeEndian.PutUint32(format[at:], uint32(v)) }
	put(0, videoOutput)
	put(8, c.Width)
	put(12, c.Height)
	copy(format[16:20], c.Format)
	put(20, noField)
	put(28, l.size)
	put(32, sRGB)
	if err := ioctl(l.file.Fd(), setFormat, format[:]); err != nil {
		return fmt.Errorf("set format %s %dx%d: %w", c.Format, c.Width, c.Height, err)
	}
	var parm [204]byte
	binary.NativeEndian.PutUint32(parm[0:], videoOutput)
	binary.NativeEndian.PutUint32(parm[12:], uint32(c.Period.Milliseconds()))
	binary.NativeEndian.PutUint32(parm[16:], 1000)
	if err := ioctl(l.file.Fd(), setParm, parm[:]); err != nil {
		return fmt.Errorf("set period %v: %w", c.Period, err)
	}
	// Frames are written as to a file. Without this the driver does not notice when
	// its writer goes, and takes no other afterwards.
	var kind [4]byte
	binary.NativeEndian.PutUint32(kind[:], videoOutput)
	if err := ioctl(l.file.Fd(), streamOn, kind[:]); err != nil {
		return fmt.Errorf("start the stream: %w", err)
	}
	return nil
}

// show exposes one frame, as far as the camera is well.
func (l *loopback) show(p rig.Picture) error {
	if len(p) != l.size {
		return fmt.Errorf("a picture of %d bytes for a camera of %d", len(p), l.size)
	}
	l.shown = now()
	out := l.spoiled(p)
	if out == nil {
		return nil
	}
	_, err := l.file.Write(out)
	return err
}

// spoiled is what a camera delivers that sees p; nil if nothing.
func (l *loopback) spoiled(p rig.Picture) rig.Picture {
	half, last := l.size/2, l.last
	switch l.spoil.Fault {
	case rig.CameraSilent:
		return nil
	case rig.CameraFrozen:
		return last
	case rig.CameraShort:
		return p[:half]
	case rig.CameraFlat:
		return bytes.Repeat([]byte{128}, l.size)
	}
	l.last = p
	if l.spoil.Fault == rig.CameraTorn && last != nil {
		return slices.Concat(p[:half], last[half:])
	}
	return p
}

// Plug makes the loopback camera. It looks at the empty belt until Run or Show
// have it look at something else.
func (p *plant) Plug(c rig.Camera, _ *rig.None) error {
	if err := p.Unplug(rig.None{}, nil); err != nil {
		return err
	}
	l, err := openLoopback(c)
	// A reader that just tries to open it may be in the way.
	for tries := 0; err != nil && tries < 20; tries++ {
		time.Sleep(100 * time.Millisecond)
		l, err = openLoopback(c)
	}
	if err != nil {
		return err
	}
	p.belt.Lock()
	defer p.belt.Unlock()
	p.camera = l
	go p.look(l)
	return nil
}

// look shows the empty belt while nothing else is shown.
func (p *plant) look(l *loopback) {
	for {
		p.belt.Lock()
		if p.camera != l {
			p.belt.Unlock()
			return
		}
		if len(p.pictures) > 0 && now()-l.shown >= l.period/2 {
			_ = l.show(p.pictures[0]) // the next part says so if it does not work
		}
		p.belt.Unlock()
		time.Sleep(l.period / 4)
	}
}

// Spoil makes the loopback camera fail, or well again.
func (p *plant) Spoil(s rig.Spoil, _ *rig.None) error {
	p.belt.Lock()
	defer p.belt.Unlock()
	if p.camera == nil {
		return errors.New("no camera is plugged in")
	}
	if s.Fault == rig.CameraFrozen {
		if s.Picture < 0 || s.Picture >= len(p.pictures) {
			return fmt.Errorf("picture %d of %d", s.Picture, len(p.pictures))
		}
		p.camera.last = p.pictures[s.Picture]
	}
	p.camera.spoil = s
	return nil
}

// Unplug takes the loopback camera away.
func (p *plant) Unplug(rig.None, *rig.None) error {
	p.belt.Lock()
	defer p.belt.Unlock()
	return p.unplug()
}

func (p *plant) unplug() error {
	if p.camera == nil {
		return nil
	}
	err := p.camera.file.Close()
	p.camera = nil
	return err
}

// Load takes pictures, after those that were loaded before; none forgets them.
func (p *plant) Load(pictures []rig.Picture, _ *rig.None) error {
	p.belt.Lock()
	defer p.belt.Unlock()
	if len(pictures) == 0 {
		p.pictures = nil
	}
	p.pictures = append(p.pictures, pictures...)
	return nil
}

// Show exposes one of the pictures now.
func (p *plant) Show(picture int, _ *rig.None) error {
	p.belt.Lock()
	defer p.belt.Unlock()
	if p.camera == nil || picture < 0 || picture >= len(p.pictures) {
		return fmt.Errorf("picture %d of %d cannot be shown", picture, len(p.pictures))
	}
	return p.camera.show(p.pictures[picture])
}

// Press sets a control, such as a fault button of vivid.
func (p *plant) Press(c rig.Control, _ *rig.None) error {
	f, err := os.OpenFile(c.Device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [8]byte
	binary.NativeEndian.PutUint32(b[0:], c.ID)
	binary.NativeEndian.PutUint32(b[4:], uint32(c.Value))
	if err := ioctl(f.Fd(), setControl, b[:]); err != nil {
		return fmt.Errorf("%s: control %#x: %w", c.Device, c.ID, err)
	}
	return nil
}
