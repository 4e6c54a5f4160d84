//go:build linux

package v4l2

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/edge"
)

// Trigger says what makes the camera expose.
type Trigger string

// Triggers. Whatever the mode, Next returns frames in the order of exposure;
// for a software trigger hand the part's instant to capture.After.
const (
	FreeRun  Trigger = "free"     // at its own rate; a silence of two periods is ErrStuck
	Software Trigger = "software" // as FreeRun; frames before the trigger are passed over
	Hardware Trigger = "hardware" // by a line into the camera; silence is normal
)

// Config of a camera. The zero value of each field is a sensible choice.
type Config struct {
	// Device is a stable name ("usb-Vendor_Cam-video-index0" as in
	// /dev/v4l/by-id or by-path), or a path such as /dev/video0. "" is the only
	// camera there is.
	Device        string
	Format        pixfmt.FourCC   // 0: the camera's cheapest to convert
	Width, Height int             // 0: the largest up to 1920x1080
	Rate          float64         // frames a second; 0: as it is set
	ROI           image.Rectangle // region to deliver, in pixels of the camera; empty: all
	Grey          bool            // Gray8 instead of RGB24; grey cameras always give Gray8
	Trigger       Trigger         // "": FreeRun
	// Controls are set and verified: names as Control.Key, such as
	// "exposure_time_absolute".
	Controls map[string]int32
	// LeaveAutomatic keeps automatic exposure, gain, white balance and focus
	// on; inspection needs them off.
	LeaveAutomatic bool
	Buffers        int // kernel buffers; 0: 4
	Frames         int // frames that may be out at once; 0: 4
	// Patience is the silence that means ErrStuck; 0: two frame periods, as stated or as seen.
	Patience time.Duration
	Torn     bool // look for torn frames from the first on; else once the camera has shown noise, see capture.Checker
}

// Camera is an open, streaming camera. Next is for one goroutine; Release and
// Close may be called from any.
type Camera struct {
	cfg    Config
	clock  edge.Clock
	info   Info
	layout pixfmt.Layout
	pool   *capture.Pool
	closed atomic.Bool

	mu       sync.Mutex // held by Next between waits and by Close
	k        kernel
	stream   *stream
	decoder  pixfmt.Decoder
	checker  capture.Checker
	patience time.Duration // silence that means stuck; 0: none does
	heard    edge.Instant  // when the last frame came, or patience began
	left     edge.Instant  // when Next last returned a frame
	excused  int           // frames before which a gap is our own doing
	fresh    bool          // a frame has come since the stream began
	lastAt   edge.Instant  // time stamp of the frame before
	lastSeq  uint64        // and its number
	seen     time.Duration // period by the time stamps; 0: not known
	idle     int           // announced frames in a row that were not there
	err      error         // that ended the stream
}

// Info is what a camera was found to be after it was set up.
type Info struct {
	Path   string           `json:"path"`   // of the device file
	Card   string           `json:"card"`   // the driver's name for it
	Format string           `json:"format"` // four characters
	Width  int              `json:"width"`  // of the driver's picture
	Height int              `json:"height"`
	Period time.Duration    `json:"period"`          // between frames; 0: not known
	Locked map[string]int32 `json:"locked"`          // controls that were set and read back
	Notes  []string         `json:"notes,omitempty"` // where the driver chose otherwise than asked
}

// slice is how long one wait in the kernel lasts, and so how late ctx, Close
// and an unplugged camera are noticed.
const slice = 20 * time.Millisecond

// maxIdle bounds how often a driver may announce a frame that is not there
// before it counts as broken; without it a broken one would be asked for ever.
const maxIdle = 64

// startPatience is what a camera may take for its first frame.
const startPatience = 2 * time.Second

// Open finds, sets up and starts the camera that cfg describes. It fails at
// once if it is not there; it does not retry. clock must be the machine's
// (edge.Instant = CLOCK_MONOTONIC), as the kernel stamps frames with that.
func Open(cfg Config, clock edge.Clock) (*Camera, error) {
	path, err := Resolve(cfg.Device)
	if err != nil {
		return nil, err
	}
	info, err := setUp(path, cfg)
	if err != nil {
		return nil, fmt.Errorf("camera %s: %w", path, err)
	}
	dev, err := openDevice(path)
	if err != nil {
		return nil, err
	}
	c, err := start(cfg, clock, dev, info)
	if err != nil {
		return nil, fmt.Errorf("camera %s: %w", path, errors.Join(err, dev.close()))
	}
	if err := verifyLocked(path, c.info.Locked); err != nil {
		return nil, fmt.Errorf("camera %s: %w", path, errors.Join(err, c.Close()))
	}
	return c, nil
}

// start begins to stream from a device that was set up. The caller closes k if
// it fails.
func start(cfg Config, clock edge.Clock, k kernel, info Info) (*Camera, error) {
	layout, err := currentFormat(k)
	if err != nil {
		return nil, err
	}
	layout.ROI = cfg.ROI
	if err := layout.Check(); err != nil {
		return nil, err
	}
	c := &Camera{cfg: cfg, clock: clock, info: info, layout: layout, k: k}
	c.checker = capture.Checker{Repeats: true, Gaps: true, Torn: cfg.Torn, LearnTorn: true}
	c.describe(framePeriod(k))
	w, h := layout.Width, layout.Height
	if !cfg.ROI.Empty() {
		w, h = cfg.ROI.Dx(), cfg.ROI.Dy()
	}
	out := edge.RGB24
	if cfg.Grey || layout.Format.Grey() {
		out = edge.Gray8
	}
	c.pool = capture.NewPool(orDefault(cfg.Frames, 4), w, h, out)
	if c.stream, err = startStream(k, orDefault(cfg.Buffers, 4)); err != nil {
		return nil, err
	}
	c.heard = clock.Now()
	return c, nil
}

func orDefault(n, usual int) int {
	if n <= 0 {
		return usual
	}
	return n
}

// describe completes info by what the driver settled on.
func (c *Camera) describe(period time.Duration) {
	i, l := &c.info, c.layout
	i.Format, i.Width, i.Height, i.Period = l.Format.String(), l.Width, l.Height, period
	if c.cfg.Width != 0 && (l.Width != c.cfg.Width || l.Height != c.cfg.Height) {
		i.Notes = append(i.Notes, fmt.Sprintf("size is %dx%d, %dx%d was asked for", l.Width, l.Height, c.cfg.Width, c.cfg.Height))
	}
	if c.cfg.Format != 0 && l.Format != c.cfg.Format {
		i.Notes = append(i.Notes, fmt.Sprintf("format is %v, %v was asked for", l.Format, c.cfg.Format))
	}
	if c.cfg.Rate > 0 && period > 0 && math.Abs(c.cfg.Rate*period.Seconds()-1) > 0.01 {
		i.Notes = append(i.Notes, fmt.Sprintf("rate is %.4g frames a second, %.4g was asked for", 1/period.Seconds(), c.cfg.Rate))
	}
	if c.cfg.Trigger != Hardware {
		c.patience = startPatience
	}
}

// Info describes the camera as it runs.
func (c *Camera) Info() Info { return c.info }

// Pool returns the counters of the camera's frames.
func (c *Camera) Pool() capture.PoolStats { return c.pool.Stats() }

// Next returns the next exposure. Frames that the driver flagged, that are
// short, repeated, flat, or that follow a gap come with their Flags set;
// frames for which the pool has no room are dropped and counted. Other errors
// than ctx's end the camera: ErrGone within 20 ms of being unplugged, ErrStuck
// after two frame periods without a frame: those that the driver states, or longer
// ones that its frames come in.
func (c *Camera) Next(ctx context.Context) (*edge.Frame, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	begin := c.clock.Now()
	c.excuse(begin)
	for {
		switch {
		case c.closed.Load():
			return nil, capture.ErrClosed
		case c.err != nil:
			return nil, c.err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		f, err := c.poll(begin)
		if err != nil {
			c.err = fmt.Errorf("camera %s: %w", c.info.Path, err)
			return nil, c.err
		}
		if f != nil {
			return f, nil
		}
		c.mu.Unlock() // let Close in
		c.mu.Lock()
	}
}

// poll waits a slice for a frame; nil means none yet.
func (c *Camera) poll(begin edge.Instant) (*edge.Frame, error) {
	wait := slice
	deadline := edge.Instant(0)
	if c.patience > 0 {
		deadline = max(c.heard, begin).Add(c.patience)
		wait = min(max(deadline.Sub(c.clock.Now()), 0), slice)
	}
	ready, err := c.k.wait(wait)
	if err != nil {
		return nil, meaning(err)
	}
	if ready {
		if f, err := c.take(); f != nil || err != nil {
			return f, err
		}
		if deadline != 0 { // frames without room count as heard
			deadline = max(c.heard, begin).Add(c.patience)
		}
	}
	if deadline != 0 && !deadline.After(c.clock.Now()) {
		return nil, fmt.Errorf("%w for %v", ErrStuck, c.patience)
	}
	return nil, nil
}

// take fetches a filled buffer, converts it and gives the buffer back.
func (c *Camera) take() (*edge.Frame, error) {
	sh, err := c.stream.dequeue()
	switch {
	case errors.Is(err, unix.EAGAIN):
		if c.idle++; c.idle > maxIdle {
			return nil, fmt.Errorf("%w though its driver says that it does", ErrStuck)
		}
		return nil, nil
	case err != nil:
		return nil, err
	}
	c.idle = 0
	c.hear(&sh)
	if sh.untimed && !c.fresh {
		// The driver does not say when it took this frame: it may be one that it kept
		// from before the stream began, of another part.
		c.fresh, c.excused = true, c.excused+1
		return nil, meaning(c.stream.queue(sh.index))
	}
	c.fresh = true
	f := c.pool.Get()
	if f != nil {
		c.fill(f, sh)
		c.left = c.heard
	} else {
		c.checker.Skip(sh.seq) // that it is missing is our own doing
	}
	if err := c.stream.queue(sh.index); err != nil {
		if f != nil {
			_ = c.pool.Put(f)
		}
		return nil, meaning(err)
	}
	return f, nil
}

// hear notes that a frame came: from the second on the camera's rhythm is known.
func (c *Camera) hear(sh *shot) {
	last := c.heard
	c.heard = c.clock.Now()
	c.seen = c.realPeriod(sh)
	switch {
	case c.patience == 0:
	case c.cfg.Patience > 0:
		c.patience = c.cfg.Patience
	case c.info.Period > 0 && !sh.untimed && !c.fresh: // one frame tells no rhythm
	case c.info.Period > 0:
		c.patience = 2 * max(c.info.Period, min(c.seen, startPatience/2))
	case c.left != 0: // the driver states no rate: what was seen must do
		c.patience = min(max(2*c.heard.Sub(last), c.patience/2, 2*slice), startPatience)
	}
}

// realPeriod is the time from frame to frame by the driver's time stamps, 0 if they do
// not say. A long exposure makes it longer than the period that the driver states.
func (c *Camera) realPeriod(sh *shot) time.Duration {
	at, seq := c.lastAt, c.lastSeq
	c.lastAt, c.lastSeq = sh.at, sh.seq
	if at == 0 || !sh.at.After(at) || sh.seq <= seq {
		return 0
	}
	return sh.at.Sub(at) / time.Duration(sh.seq-seq)
}

// excuse forgives gaps that come from nobody having called Next for so long
// that the driver ran out of buffers: the camera lost nothing by itself.
func (c *Camera) excuse(now edge.Instant) {
	period := c.info.Period
	if period == 0 {
		period = c.seen
	}
	if c.left != 0 && now.Sub(c.left) > time.Duration(len(c.stream.buffers)-1)*period {
		c.excused = len(c.stream.buffers) + 1
	}
}

// fill converts sh into f and flags what is wrong with it.
func (c *Camera) fill(f *edge.Frame, sh shot) {
	f.Seq, f.At, f.Flags = sh.seq, sh.at, sh.flags
	if f.At == 0 {
		f.At = c.heard
	}
	c.checker.Gaps = c.excused == 0
	c.excused = max(c.excused-1, 0)
	if err := c.decoder.Convert(f, sh.data, c.layout); err != nil {
		c.checker.Skip(f.Seq)
		return // Convert set the flag that says so
	}
	c.checker.Check(f)
}

// Release gives a frame back; also after Close.
func (c *Camera) Release(f *edge.Frame) { _ = c.pool.Put(f) }

// Close stops the stream and closes the device. A Next in progress returns
// capture.ErrClosed within a slice.
func (c *Camera) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := errors.Join(c.stream.stop(), c.k.close()); err != nil {
		return fmt.Errorf("close camera %s: %w", c.info.Path, err)
	}
	return nil
}
