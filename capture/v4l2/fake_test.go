//go:build linux

package v4l2

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"winnow/capture/pixfmt"
	"winnow/edge"
)

// exposure is a frame that the fake camera delivers.
type exposure struct {
	seq    uint32
	at     time.Duration // time stamp
	flags  uint32
	used   int // bytes; 0: all, negative: none
	index  int // of the buffer returned; 0: the oldest queued, n: buffer n-1
	value  byte
	silent time.Duration // the camera says nothing for so long before
	// untimed: the driver does not say that its time is CLOCK_MONOTONIC.
	untimed bool
}

// fakeKernel behaves like a V4L2 driver with mmap buffers, on a clock of its
// own that waiting moves.
type fakeKernel struct {
	now      edge.Instant
	pix      pixFormat
	num, den uint32
	size     uint32
	give     uint32 // buffers granted; 0: as asked
	script   []exposure
	fail     map[uintptr]error // request -> error
	gone     bool

	requested uint32
	mapped    int
	mem       [][]byte
	queued    []uint32
	on        bool
	closed    int
}

func newFake(script ...exposure) *fakeKernel {
	return &fakeKernel{
		now: 1, num: 1, den: 50, size: 4096,
		pix:    pixFormat{width: 8, height: 4, pixelformat: uint32(pixfmt.YUYV), bytesperline: 16, sizeimage: 64},
		script: script, fail: map[uintptr]error{},
	}
}

func (k *fakeKernel) Now() edge.Instant                              { return k.now }
func (k *fakeKernel) Wall() edge.WallTime                            { return edge.WallTime{} }
func (k *fakeKernel) SleepUntil(context.Context, edge.Instant) error { return nil }

func (k *fakeKernel) ioctl(req uintptr, arg unsafe.Pointer) error {
	if k.gone {
		return unix.ENODEV
	}
	if err := k.fail[req]; err != nil {
		return err
	}
	switch req {
	case reqFormatGet:
		(*format)(arg).fmt.pix = k.pix
	case reqParmGet:
		p := (*streamParm)(arg)
		p.numerator, p.denominator = k.num, k.den
	case reqBuffers:
		return k.request((*requestBuffers)(arg))
	case reqBufferInfo:
		b := (*buffer)(arg)
		b.offset, b.length = uintptr(b.index)<<12, k.size
	case reqQueue:
		k.queued = append(k.queued, (*buffer)(arg).index)
	case reqDequeue:
		return k.dequeue((*buffer)(arg))
	case reqStreamOn, reqStreamOff:
		k.on = req == reqStreamOn
	default:
		return fmt.Errorf("unknown request %#x", req)
	}
	return nil
}

func (k *fakeKernel) request(r *requestBuffers) error {
	if r.count == 0 && k.mapped > 0 {
		return unix.EBUSY // as vb2 answers while buffers are mapped
	}
	if k.give != 0 && r.count != 0 {
		r.count = k.give
	}
	k.requested = r.count
	return nil
}

func (k *fakeKernel) dequeue(b *buffer) error {
	if len(k.script) == 0 || k.script[0].silent > 0 || len(k.queued) == 0 {
		return unix.EAGAIN
	}
	e := k.script[0]
	k.script = k.script[1:]
	b.index = k.queued[0]
	k.queued = k.queued[1:]
	for i := range k.mem[b.index] {
		k.mem[b.index][i] = e.value + byte(i*7)
	}
	if e.index > 0 {
		b.index = uint32(e.index - 1)
	}
	b.sequence, b.flags = e.seq, e.flags
	if !e.untimed {
		b.flags |= flagMonotonic
	}
	b.bytesused = 64
	if e.used != 0 {
		b.bytesused = uint32(max(e.used, 0))
	}
	b.timestamp = unix.NsecToTimeval(int64(e.at))
	return nil
}

func (k *fakeKernel) mapping(offset int64, length int) ([]byte, func() error, error) {
	if err := k.fail[0]; err != nil {
		return nil, nil, err
	}
	k.mapped++
	b := make([]byte, length)
	k.mem = append(k.mem, b)
	return b, func() error { k.mapped--; return nil }, nil
}

func (k *fakeKernel) wait(d time.Duration) (bool, error) {
	if k.gone {
		return true, nil // poll says POLLERR|POLLHUP
	}
	if len(k.script) == 0 {
		k.now = k.now.Add(d)
		return false, nil
	}
	if s := &k.script[0].silent; *s > d {
		*s -= d
		k.now = k.now.Add(d)
		return false, nil
	} else {
		k.now, *s = k.now.Add(*s), 0
	}
	return true, nil
}

func (k *fakeKernel) close() error { k.closed++; return nil }
