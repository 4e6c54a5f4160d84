//go:build linux

package v4l2

import (
	"context"
	"errors"
	"image"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/edge"
)

var _ capture.Source = (*Camera)(nil)

// TestRequestNumbers pins the kernel's interface: a wrong structure size is a
// wrong number. Values from linux/videodev2.h compiled for each word size.
func TestRequestNumbers(t *testing.T) {
	want := map[string][2]uintptr{ // 64-bit, 32-bit
		"VIDIOC_G_FMT":     {0xc0d05604, 0xc0cc5604},
		"VIDIOC_REQBUFS":   {0xc0145608, 0xc0145608},
		"VIDIOC_QUERYBUF":  {0xc0585609, 0xc0445609},
		"VIDIOC_QBUF":      {0xc058560f, 0xc044560f},
		"VIDIOC_DQBUF":     {0xc0585611, 0xc0445611},
		"VIDIOC_STREAMON":  {0x40045612, 0x40045612},
		"VIDIOC_STREAMOFF": {0x40045613, 0x40045613},
		"VIDIOC_G_PARM":    {0xc0cc5615, 0xc0cc5615},
	}
	word := 0
	if unsafe.Sizeof(uintptr(0)) == 4 {
		word = 1
	}
	for name, got := range map[string]uintptr{
		"VIDIOC_G_FMT": reqFormatGet, "VIDIOC_REQBUFS": reqBuffers, "VIDIOC_QUERYBUF": reqBufferInfo, "VIDIOC_QBUF": reqQueue,
		"VIDIOC_DQBUF": reqDequeue, "VIDIOC_STREAMON": reqStreamOn, "VIDIOC_STREAMOFF": reqStreamOff, "VIDIOC_G_PARM": reqParmGet,
	} {
		if got != want[name][word] {
			t.Errorf("%s is %#x, want %#x", name, got, want[name][word])
		}
	}
	var b buffer
	offsets := [2][4]uintptr{{24, 56, 64, 72}, {20, 44, 52, 56}}
	if got := [4]uintptr{unsafe.Offsetof(b.timestamp), unsafe.Offsetof(b.sequence), unsafe.Offsetof(b.offset), unsafe.Offsetof(b.length)}; got != offsets[word] {
		t.Errorf("v4l2_buffer: timestamp, sequence, offset, length at %v, want %v", got, offsets[word])
	}
	if at := unsafe.Offsetof(format{}.fmt); at != [2]uintptr{8, 4}[word] {
		t.Errorf("v4l2_format.fmt at %d", at)
	}
}

func open(t *testing.T, k *fakeKernel, cfg Config) *Camera {
	t.Helper()
	c, err := start(cfg, k, k, Info{Path: "/dev/video7"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestFramesCarryTheKernelsTimeAndNumber(t *testing.T) {
	k := newFake(
		exposure{seq: 0xfffffffe, at: time.Second, value: 1},
		exposure{seq: 0xffffffff, at: 1020 * time.Millisecond, value: 2},
		exposure{seq: 0, at: 1040 * time.Millisecond, value: 3},
		exposure{seq: 3, at: 1100 * time.Millisecond, value: 4},
	)
	c := open(t, k, Config{Width: 641, Height: 477})
	for i, want := range []struct {
		seq   uint64
		at    time.Duration
		flags edge.FrameFlags
	}{{0xfffffffe, time.Second, 0}, {0xffffffff, 1020 * time.Millisecond, 0}, {1 << 32, 1040 * time.Millisecond, 0}, {1<<32 + 3, 1100 * time.Millisecond, edge.FrameLost}} {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Seq != want.seq || f.At != edge.Instant(want.at) || f.Flags != want.flags || f.Width != 8 || f.Height != 4 || f.Format != edge.RGB24 {
			t.Errorf("frame %d: %+v, want %+v", i, *f, want)
		}
		c.Release(f)
	}
	if info := c.Info(); info.Width != 8 || info.Period != 20*time.Millisecond || len(info.Notes) != 1 {
		t.Errorf("info %+v, want the driver's size and a note that another was asked for", info)
	}
	if len(k.queued) != 4 {
		t.Errorf("%d of 4 buffers are with the driver", len(k.queued))
	}
}

// TestFrameThatTheDriverKeptIsPassedOver: it may show a part of before the camera
// was opened, and nothing says when it was taken.
func TestFrameThatTheDriverKeptIsPassedOver(t *testing.T) {
	for _, c := range []struct {
		untimed bool
		first   uint64
	}{{true, 8}, {false, 7}} {
		k := newFake(exposure{seq: 7, value: 1, untimed: c.untimed}, exposure{seq: 8, value: 2, untimed: c.untimed})
		f, err := open(t, k, Config{}).Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Seq != c.first || f.Flags != 0 || len(k.queued) != 4 {
			t.Errorf("untimed %v: frame %d with flags %v, %d of 4 buffers are with the driver", c.untimed, f.Seq, f.Flags, len(k.queued))
		}
	}
}

func TestBadFramesAreFlagged(t *testing.T) {
	first := exposure{seq: 1, value: 1}
	for name, c := range map[string]struct {
		frame exposure
		want  edge.FrameFlags
	}{
		"good":             {exposure{seq: 2, value: 2}, 0},
		"driver's flag":    {exposure{seq: 2, value: 2, flags: flagError}, edge.FrameError},
		"short":            {exposure{seq: 2, value: 2, used: 63}, edge.FrameShort},
		"empty":            {exposure{seq: 2, value: 2, used: -1}, edge.FrameShort},
		"repeated":         {exposure{seq: 2, value: 1}, edge.FrameRepeat},
		"gap":              {exposure{seq: 3, value: 2}, edge.FrameLost},
		"longer than real": {exposure{seq: 2, value: 2, used: 1 << 20}, edge.FrameError},
	} {
		t.Run(name, func(t *testing.T) {
			cam := open(t, newFake(first, c.frame), Config{})
			for range 2 {
				f, err := cam.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				cam.Release(f)
				if f.Seq > 1 && f.Flags != c.want {
					t.Errorf("flags %b, want %b", f.Flags, c.want)
				}
			}
		})
	}
}

func TestHostileDriver(t *testing.T) {
	c := open(t, newFake(exposure{seq: 1, index: 99}), Config{})
	if _, err := c.Next(t.Context()); err == nil {
		t.Error("buffer 98 of 4 was believed")
	}
	for name, spoil := range map[string]func(*fakeKernel){
		"one buffer":     func(k *fakeKernel) { k.give = 1 },
		"a million":      func(k *fakeKernel) { k.give = 1 << 20 },
		"no size":        func(k *fakeKernel) { k.pix.width = 0 },
		"foreign format": func(k *fakeKernel) { k.pix.pixelformat = 0x34363248 },
		"narrow rows":    func(k *fakeKernel) { k.pix.bytesperline = 3 },
	} {
		k := newFake()
		spoil(k)
		if _, err := start(Config{}, k, k, Info{}); err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

func TestFailedStartLeavesNothingBehind(t *testing.T) {
	for name, req := range map[string]uintptr{"STREAMON": reqStreamOn, "QBUF": reqQueue, "QUERYBUF": reqBufferInfo, "mmap": 0} {
		k := newFake()
		k.fail[req] = unix.EIO
		if _, err := start(Config{}, k, k, Info{}); !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v", name, err)
		}
		if k.mapped != 0 || k.requested != 0 || k.on {
			t.Errorf("%s fails: %d mappings and %d buffers are left, streaming %v", name, k.mapped, k.requested, k.on)
		}
	}
}

func TestUnpluggedCameraIsNoticedAtOnce(t *testing.T) {
	k := newFake(exposure{seq: 1})
	c := open(t, k, Config{})
	if f, err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	} else {
		c.Release(f)
	}
	k.gone = true
	before := k.now
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("after unplugging: %v", err)
	}
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrGone) || k.now.Sub(before) > slice {
		t.Errorf("again: %v, %v later", err, k.now.Sub(before))
	}
	if err := c.Close(); err != nil || k.closed != 1 || k.mapped != 0 {
		t.Errorf("close: %v, closed %d times, %d mappings left", err, k.closed, k.mapped)
	}
	if err := c.Close(); err != nil || k.closed != 1 {
		t.Errorf("second close: %v, closed %d times", err, k.closed)
	}
	if _, err := c.Next(t.Context()); !errors.Is(err, capture.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestStuckStreamIsNoticedWithinTwoPeriods(t *testing.T) {
	k := newFake(exposure{seq: 1}, exposure{seq: 2, value: 2, silent: 39 * time.Millisecond})
	c := open(t, k, Config{})
	for range 2 {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Release(f)
	}
	silence := k.now
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrStuck) {
		t.Fatalf("silent camera: %v", err)
	}
	if d := k.now.Sub(silence); d != 40*time.Millisecond {
		t.Errorf("noticed after %v, want two periods of 20 ms", d)
	}
}

// TestExposureLongerThanTheStatedPeriodIsNoSilence: many cameras go on stating the
// rate that was set when a long exposure, or poor light, slows them down.
func TestExposureLongerThanTheStatedPeriodIsNoSilence(t *testing.T) {
	const exposed = 100 * time.Millisecond // of a camera that states 20 ms
	k := newFake()
	for i := range 5 {
		k.script = append(k.script, exposure{seq: uint32(i), value: byte(i), at: time.Duration(i+1) * exposed, silent: exposed})
	}
	c := open(t, k, Config{})
	for i := range 5 {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		c.Release(f)
	}
	silence := k.now
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrStuck) || k.now.Sub(silence) != 2*exposed {
		t.Errorf("silent camera: %v after %v, want two of its real periods", err, k.now.Sub(silence))
	}
}

func TestSilenceBeforeTheFirstFrameIsBorneLonger(t *testing.T) {
	k := newFake(exposure{seq: 1, silent: 1500 * time.Millisecond})
	c := open(t, k, Config{})
	if _, err := c.Next(t.Context()); err != nil {
		t.Errorf("a camera that takes 1.5 s to start: %v", err)
	}
	k = newFake()
	c = open(t, k, Config{})
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrStuck) || k.now > edge.Instant(2100*time.Millisecond) {
		t.Errorf("a camera that never starts: %v after %v", err, k.now)
	}
}

func TestDriverThatCriesWolfEndsTheCamera(t *testing.T) {
	k := newFake(exposure{seq: 1})
	k.fail[reqDequeue] = unix.EAGAIN
	c := open(t, k, Config{Trigger: Hardware})
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrStuck) {
		t.Errorf("frames announced and never there: %v", err)
	}
}

func TestHardwareTriggerMayBeSilent(t *testing.T) {
	k := newFake(exposure{seq: 1, silent: time.Hour})
	c := open(t, k, Config{Trigger: Hardware})
	if _, err := c.Next(t.Context()); err != nil {
		t.Errorf("frame after an hour: %v", err)
	}
}

func TestSlowConsumerIsNotTheCamerasFault(t *testing.T) {
	k := newFake(exposure{seq: 1, value: 1}, exposure{seq: 2, value: 2}, exposure{seq: 90, value: 3}, exposure{seq: 92, value: 4}, exposure{seq: 93, value: 5}, exposure{seq: 94, value: 6}, exposure{seq: 95, value: 7}, exposure{seq: 97, value: 8})
	c := open(t, k, Config{})
	next := func() *edge.Frame {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Release(f)
		return f
	}
	next()
	k.now = k.now.Add(time.Second) // nobody calls Next: the driver runs out of buffers
	for _, want := range []uint64{2, 90, 92, 93, 94, 95} {
		if f := next(); f.Seq != want || f.Flags != 0 {
			t.Errorf("frame %d flags %b after a pause", f.Seq, f.Flags)
		}
	}
	if f := next(); f.Flags != edge.FrameLost {
		t.Errorf("frame %d flags %b: a real gap later on must be told", f.Seq, f.Flags)
	}
}

func TestFramesThatFindNoRoomAreCounted(t *testing.T) {
	k := newFake(exposure{seq: 1, value: 1}, exposure{seq: 2, value: 2}, exposure{seq: 3, value: 3})
	c := open(t, k, Config{Frames: 1})
	f, err := c.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(t.Context()); !errors.Is(err, ErrStuck) {
		t.Errorf("%v", err)
	}
	if s := c.Pool(); s.Drops != 2 || len(k.queued) != 4 {
		t.Errorf("%d drops, %d buffers queued; want 2 and 4", s.Drops, len(k.queued))
	}
	c.Release(f)
}

// TestGapBehindAFullPoolIsToldAllTheSame: the frames that found no room are our own
// doing, what the camera loses after them is not.
func TestGapBehindAFullPoolIsToldAllTheSame(t *testing.T) {
	k := newFake(exposure{seq: 1, value: 1}, exposure{seq: 2, value: 2}, exposure{seq: 3, value: 3})
	c := open(t, k, Config{Frames: 1})
	next := func() *edge.Frame {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := next()
	for range 2 { // 2 and 3 find no room
		if got, err := c.take(); got != nil || err != nil {
			t.Fatal(got, err)
		}
	}
	c.Release(f)
	k.script = []exposure{{seq: 4, value: 4}, {seq: 6, value: 5}}
	for _, want := range []edge.FrameFlags{0, edge.FrameLost} {
		f := next()
		if f.Flags != want {
			t.Errorf("frame %d: flags %b, want %b", f.Seq, f.Flags, want)
		}
		c.Release(f)
	}
}

// TestGapOfACameraWithoutAStatedRateIsTold: its frames' times say how fast it is.
func TestGapOfACameraWithoutAStatedRateIsTold(t *testing.T) {
	const period = 20 * time.Millisecond
	k := newFake()
	k.den = 0
	for i, seq := range []uint32{1, 2, 3, 4, 5, 6, 7, 8, 10, 11} {
		k.script = append(k.script, exposure{seq: seq, value: byte(i), at: time.Duration(seq) * period, silent: period - time.Millisecond})
	}
	c := open(t, k, Config{})
	for range 10 {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := edge.FrameFlags(0)
		if f.Seq == 10 {
			want = edge.FrameLost
		}
		if f.Flags != want {
			t.Errorf("frame %d: flags %b, want %b", f.Seq, f.Flags, want)
		}
		c.Release(f)
		k.now = k.now.Add(time.Millisecond) // that the part takes
	}
}

// TestDriverThatDoesNotCountLosesNothing: some leave the number as it is, or give both
// fields of a picture the same one.
func TestDriverThatDoesNotCountLosesNothing(t *testing.T) {
	k := newFake()
	for i, seq := range []uint32{0, 0, 0, 1, 1, 3} {
		k.script = append(k.script, exposure{seq: seq, value: byte(i)})
	}
	c := open(t, k, Config{})
	for i, want := range []struct {
		seq   uint64
		flags edge.FrameFlags
	}{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {6, edge.FrameLost}} {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Seq != want.seq || f.Flags != want.flags {
			t.Errorf("frame %d: number %d, flags %b; want %d, %b", i, f.Seq, f.Flags, want.seq, want.flags)
		}
		c.Release(f)
	}
}

// TestRateThatTheDriverChoseOtherwiseIsNoted: it takes the nearest that it has.
func TestRateThatTheDriverChoseOtherwiseIsNoted(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		notes int
	}{{50, 0}, {49.95, 0}, {60, 1}, {0, 0}} {
		if got := open(t, newFake(), Config{Rate: c.rate}).Info().Notes; len(got) != c.notes {
			t.Errorf("%v frames a second asked for, 50 are had: notes %q", c.rate, got)
		}
	}
}

func TestCancelAndRegion(t *testing.T) {
	k := newFake(exposure{seq: 1, value: 5})
	c := open(t, k, Config{ROI: image.Rect(2, 1, 6, 3), Grey: true})
	f, err := c.Next(t.Context())
	if err != nil || f.Width != 4 || f.Height != 2 || f.Format != edge.Gray8 || f.Check() != nil {
		t.Errorf("%+v, %v", f, err)
	}
	c.Release(f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := start(Config{ROI: image.Rect(4, 0, 9, 4)}, k, k, Info{}); err == nil {
		t.Error("a region beyond the picture was accepted")
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	k := newFake()
	for i := range 200 {
		k.script = append(k.script, exposure{seq: uint32(i), value: byte(i)})
	}
	c := open(t, k, Config{})
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		f, err := c.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c.Release(f)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestFullRangeIsTakenFromTheDriver(t *testing.T) {
	for _, c := range []struct {
		quant, space uint32
		want         bool
	}{{0, 0, false}, {quantFull, 0, true}, {quantLimited, colorspaceJPEG, false}, {0, colorspaceJPEG, true}} {
		k := newFake()
		k.pix.quantization, k.pix.colorspace = c.quant, c.space
		l, err := currentFormat(k)
		if err != nil || l.FullRange != c.want || l.Format != pixfmt.YUYV || l.Stride != 16 {
			t.Errorf("quantization %d, colorspace %d: %+v, %v", c.quant, c.space, l, err)
		}
	}
}

// TestFrameBehindABadOneIsNotLost: a frame that cannot be read came all the same.
func TestFrameBehindABadOneIsNotLost(t *testing.T) {
	c := open(t, newFake(exposure{seq: 1, value: 1}, exposure{seq: 2, value: 2, used: 63}, exposure{seq: 3, value: 3}, exposure{seq: 5, value: 4}), Config{})
	for i, want := range []edge.FrameFlags{0, edge.FrameShort, 0, edge.FrameLost} {
		f, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Release(f)
		if f.Flags != want {
			t.Errorf("frame %d: flags %b, want %b", i+1, f.Flags, want)
		}
	}
}
