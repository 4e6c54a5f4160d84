//go:build linux

package v4l2

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"winnow/capture/pixfmt"
	"winnow/edge"
)

// What can become of a stream. Next returns them wrapped; after any of them
// the camera is to be closed and opened again.
var (
	// ErrGone is a camera that was unplugged.
	ErrGone = errors.New("camera is gone")
	// ErrStuck is a camera that stays silent for two frame periods.
	ErrStuck = errors.New("camera delivers no frames")
)

// stream is a device with buffers that the driver fills.
type stream struct {
	k       kernel
	buffers [][]byte
	unmap   []func() error
	on      bool

	seq   uint64 // of the last frame, widened to 64 bits
	still uint64 // frames that had the number of the one before
	begun bool

	arg buffer // reused so that a frame costs no allocation
}

// maxBuffers bounds what is believed of a driver that offers more.
const maxBuffers = 32

// startStream asks for n buffers, maps them, hands them to the driver and
// starts it. On any error everything is undone: a driver whose buffers stay
// mapped answers EBUSY to everybody.
func startStream(k kernel, n int) (*stream, error) {
	s := &stream{k: k}
	err := s.allocate(n)
	for i := 0; err == nil && i < len(s.buffers); i++ {
		err = s.queue(uint32(i))
	}
	if err == nil {
		if err = s.flow(reqStreamOn); err == nil {
			s.on = true
			return s, nil
		}
		err = fmt.Errorf("start the stream: %w", err)
	}
	return nil, errors.Join(meaning(err), s.stop())
}

func (s *stream) allocate(n int) error {
	req := requestBuffers{count: uint32(n), kind: bufTypeCapture, memory: memoryMMap}
	if err := s.k.ioctl(reqBuffers, unsafe.Pointer(&req)); err != nil {
		return fmt.Errorf("ask for %d buffers: %w", n, err)
	}
	if req.count < 2 || req.count > maxBuffers {
		return fmt.Errorf("the driver gave %d buffers, 2 to %d are of use", req.count, maxBuffers)
	}
	for i := range req.count {
		b := buffer{index: i, kind: bufTypeCapture, memory: memoryMMap}
		if err := s.k.ioctl(reqBufferInfo, unsafe.Pointer(&b)); err != nil {
			return fmt.Errorf("look at buffer %d: %w", i, err)
		}
		mem, unmap, err := s.k.mapping(int64(uint32(b.offset)), int(b.length))
		if err != nil {
			return fmt.Errorf("map buffer %d of %d bytes: %w", i, b.length, err)
		}
		s.buffers, s.unmap = append(s.buffers, mem), append(s.unmap, unmap)
	}
	return nil
}

// queue gives buffer i to the driver.
func (s *stream) queue(i uint32) error {
	s.arg = buffer{index: i, kind: bufTypeCapture, memory: memoryMMap}
	if err := s.k.ioctl(reqQueue, unsafe.Pointer(&s.arg)); err != nil {
		return fmt.Errorf("queue buffer %d: %w", i, err)
	}
	return nil
}

func (s *stream) flow(req uintptr) error {
	kind := int32(bufTypeCapture)
	return s.k.ioctl(req, unsafe.Pointer(&kind))
}

// shot is one filled buffer, to be queued again when it was read.
type shot struct {
	index uint32
	data  []byte
	seq   uint64
	at    edge.Instant // 0 if untimed
	flags edge.FrameFlags
	// untimed: the driver does not say when by CLOCK_MONOTONIC.
	untimed bool
}

// dequeue takes the oldest filled buffer; unix.EAGAIN if there is none.
func (s *stream) dequeue() (shot, error) {
	s.arg = buffer{kind: bufTypeCapture, memory: memoryMMap}
	if err := s.k.ioctl(reqDequeue, unsafe.Pointer(&s.arg)); err != nil {
		return shot{}, meaning(err)
	}
	b := &s.arg
	if int(b.index) >= len(s.buffers) {
		return shot{}, fmt.Errorf("the driver returned buffer %d of %d", b.index, len(s.buffers))
	}
	sh := shot{index: b.index, seq: s.widen(b.sequence), at: instant(b), untimed: b.flags&flagTimestampMask != flagMonotonic}
	mem := s.buffers[b.index]
	if b.flags&flagError != 0 {
		sh.flags |= edge.FrameError
	}
	if int64(b.bytesused) > int64(len(mem)) {
		sh.flags |= edge.FrameError
		b.bytesused = uint32(len(mem))
	}
	sh.data = mem[:b.bytesused]
	return sh, nil
}

// widen continues the driver's 32-bit counter over its wraps, and counts by itself
// where that stands still.
func (s *stream) widen(seq uint32) uint64 {
	switch {
	case !s.begun:
		s.begun, s.seq = true, uint64(seq)
	case seq == uint32(s.seq):
		s.still++
	default:
		s.seq += uint64(seq - uint32(s.seq))
	}
	return s.seq + s.still
}

// instant is the driver's time stamp where it is on CLOCK_MONOTONIC.
func instant(b *buffer) edge.Instant {
	if b.flags&flagTimestampMask != flagMonotonic {
		return 0
	}
	return edge.Instant(int64(b.timestamp.Sec)*int64(time.Second) + int64(b.timestamp.Usec)*int64(time.Microsecond))
}

// stop ends the stream and gives everything back. A device that is gone has
// nothing left to stop.
func (s *stream) stop() error {
	var errs []error
	if s.on {
		s.on = false
		errs = append(errs, s.flow(reqStreamOff))
	}
	for _, unmap := range s.unmap {
		errs = append(errs, unmap())
	}
	s.buffers, s.unmap = nil, nil
	req := requestBuffers{kind: bufTypeCapture, memory: memoryMMap}
	errs = append(errs, s.k.ioctl(reqBuffers, unsafe.Pointer(&req)))
	for i, err := range errs {
		if errors.Is(err, unix.ENODEV) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}

// meaning turns the system's errors into what they say about a camera.
func meaning(err error) error {
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("%w (%w)", ErrGone, err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: another program uses the camera", err)
	}
	return err
}

// currentFormat reads what the driver really set: it may differ from what was
// asked for in everything.
func currentFormat(k kernel) (pixfmt.Layout, error) {
	f := format{kind: bufTypeCapture}
	if err := k.ioctl(reqFormatGet, unsafe.Pointer(&f)); err != nil {
		return pixfmt.Layout{}, meaning(fmt.Errorf("read the format back: %w", err))
	}
	p := f.fmt.pix
	l := pixfmt.Layout{Format: pixfmt.FourCC(p.pixelformat), Width: int(p.width), Height: int(p.height), Stride: int(p.bytesperline)}
	if l.Format.Compressed() {
		l.Stride = 0
	}
	l.FullRange = p.quantization == quantFull || p.quantization != quantLimited && p.colorspace == colorspaceJPEG
	return l, l.Check()
}

// framePeriod is the time between frames as the driver has it, 0 if it does
// not say.
func framePeriod(k kernel) time.Duration {
	p := streamParm{kind: bufTypeCapture}
	if k.ioctl(reqParmGet, unsafe.Pointer(&p)) != nil || p.numerator == 0 || p.denominator == 0 {
		return 0
	}
	return time.Duration(int64(p.numerator) * int64(time.Second) / int64(p.denominator))
}
