//go:build linux

// Package cdev brings real lines of the kernel's GPIO character device behind
// periph's gpio.PinIO. An output is requested with its level in one call, so it
// never glitches; reading an output does not turn it into an input.
package cdev

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"winnow/edge"
	own "winnow/gpio"
)

// Pin is one line of a chip. It is safe for concurrent use.
type Pin struct {
	chip   string
	offset int
	events chan own.Event
	halt   chan struct{}

	mu     sync.Mutex
	line   *gpiocdev.Line
	output bool
	pull   gpio.Pull
}

var (
	_ gpio.PinIO = (*Pin)(nil)
	_ own.Events = (*Pin)(nil)
)

// eventQueue is how many edges may wait for whoever watches an input; what is
// beyond is lost and said so. The kernel keeps 16 more.
const eventQueue = 1024

// Chips lists the chips of this machine.
func Chips() ([]string, error) { return gpiocdev.Chips(), nil }

// Open checks that the line exists; it requests nothing.
func Open(chip string, offset int) (*Pin, error) {
	c, err := gpiocdev.NewChip(chip)
	if err != nil {
		return nil, fmt.Errorf("GPIO chip %s: %w", chip, err)
	}
	defer c.Close()
	if offset < 0 || offset >= c.Lines() {
		return nil, fmt.Errorf("GPIO chip %s has lines 0 to %d, not %d", chip, c.Lines()-1, offset)
	}
	return newPin(chip, offset), nil
}

func newPin(chip string, offset int) *Pin {
	return &Pin{chip: chip, offset: offset, events: make(chan own.Event, eventQueue), halt: make(chan struct{}, 1)}
}

// String, Name, Number and Function describe the line.
func (p *Pin) String() string   { return p.Name() }
func (p *Pin) Name() string     { return fmt.Sprintf("%s:%d", p.chip, p.offset) }
func (p *Pin) Number() int      { return p.offset }
func (p *Pin) Function() string { return "" }

// Out requests the line as an output at level l, or sets it if it is one.
func (p *Pin) Out(l gpio.Level) error {
	v := 0
	if l {
		v = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != nil && p.output {
		return p.line.SetValue(v)
	}
	if err := p.release(); err != nil {
		return err
	}
	line, err := gpiocdev.RequestLine(p.chip, p.offset, gpiocdev.AsOutput(v), gpiocdev.WithConsumer(consumer))
	if err != nil {
		return p.explain("output", err)
	}
	p.line, p.output = line, true
	return nil
}

func (p *Pin) release() error {
	if p.line == nil {
		return nil
	}
	err := p.line.Close()
	p.line, p.output = nil, false
	return err
}

// In requests the line as an input.
func (p *Pin) In(pull gpio.Pull, e gpio.Edge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.release(); err != nil {
		return err
	}
	p.forget()
	opts := append(bias(pull), gpiocdev.AsInput, gpiocdev.WithConsumer(consumer))
	opts = append(opts, p.detect(e)...)
	line, err := gpiocdev.RequestLine(p.chip, p.offset, opts...)
	if err != nil {
		return p.explain("input", err)
	}
	p.line, p.pull = line, pull
	return nil
}

// forget drops edges and halts of an earlier request.
func (p *Pin) forget() {
	for {
		select {
		case <-p.events:
		case <-p.halt:
		default:
			return
		}
	}
}

func bias(pull gpio.Pull) []gpiocdev.LineReqOption {
	switch pull {
	case gpio.PullUp:
		return []gpiocdev.LineReqOption{gpiocdev.WithPullUp}
	case gpio.PullDown:
		return []gpiocdev.LineReqOption{gpiocdev.WithPullDown}
	case gpio.Float:
		return []gpiocdev.LineReqOption{gpiocdev.WithBiasDisabled}
	}
	return nil
}

// detect asks for edges, stamped by the kernel with CLOCK_MONOTONIC.
func (p *Pin) detect(e gpio.Edge) []gpiocdev.LineReqOption {
	if e == gpio.NoEdge {
		return nil
	}
	var last uint32
	handle := gpiocdev.WithEventHandler(func(ev gpiocdev.LineEvent) { last = p.take(ev, last) })
	switch e {
	case gpio.RisingEdge:
		return []gpiocdev.LineReqOption{handle, gpiocdev.WithRisingEdge}
	case gpio.FallingEdge:
		return []gpiocdev.LineReqOption{handle, gpiocdev.WithFallingEdge}
	}
	return []gpiocdev.LineReqOption{handle, gpiocdev.WithBothEdges}
}

// take queues an event and returns the number of the last one queued, so that
// the next tells how many were lost between, here or in the kernel. It never
// blocks: it runs on the library's goroutine. Kernels before 5.10 do not number.
func (p *Pin) take(ev gpiocdev.LineEvent, last uint32) uint32 {
	e := own.Event{At: edge.Instant(ev.Timestamp), Level: ev.Type == gpiocdev.LineEventRisingEdge}
	if ev.LineSeqno > last {
		e.Lost = ev.LineSeqno - last - 1
	}
	select {
	case p.events <- e:
		return ev.LineSeqno
	default:
		return last
	}
}

// consumer is the name that gpioinfo shows for our lines.
const consumer = "winnow"

// explain says who has a line that is taken.
func (p *Pin) explain(as string, err error) error {
	err = fmt.Errorf("request %s as %s: %w", p, as, err)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	c, open := gpiocdev.NewChip(p.chip)
	if open != nil {
		return err
	}
	defer c.Close()
	if info, look := c.LineInfo(p.offset); look == nil {
		return fmt.Errorf("%w: it is in use by %q", err, info.Consumer)
	}
	return err
}

// Read returns the level; a line that is not requested or cannot be read reads low.
func (p *Pin) Read() gpio.Level {
	l, _ := p.Level()
	return l
}

// Level implements winnow/gpio.Events.
func (p *Pin) Level() (gpio.Level, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return gpio.Low, fmt.Errorf("read %s: it is not requested", p)
	}
	v, err := p.line.Value()
	if err != nil {
		return gpio.Low, fmt.Errorf("read %s: %w", p, err)
	}
	return v != 0, nil
}

// WaitForEdge waits for an edge; -1 waits until one comes or Halt.
func (p *Pin) WaitForEdge(timeout time.Duration) bool {
	if timeout < 0 {
		_, err := p.wait(nil, nil)
		return err == nil
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	_, err := p.wait(nil, t.C)
	return err == nil
}

// WaitForEvent returns the next edge with the kernel's time, ErrHalted after
// Halt, or ctx's error.
func (p *Pin) WaitForEvent(ctx context.Context) (own.Event, error) {
	e, err := p.wait(ctx.Done(), nil)
	if errors.Is(err, errGaveUp) {
		err = ctx.Err()
	}
	return e, err
}

var errGaveUp = errors.New("gave up waiting")

func (p *Pin) wait(done <-chan struct{}, late <-chan time.Time) (own.Event, error) {
	select {
	case e := <-p.events:
		return e, nil
	default:
	}
	select {
	case e := <-p.events:
		return e, nil
	case <-p.halt:
		return own.Event{}, own.ErrHalted
	case <-done:
	case <-late:
	}
	return own.Event{}, errGaveUp
}

// Halt gives the line back to the kernel and ends one wait, the next if none
// waits. An output should be at its safe level before: what a line does that
// nobody holds is up to its driver.
func (p *Pin) Halt() error {
	select {
	case p.halt <- struct{}{}:
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.release()
}

// Pull is what In last asked for.
func (p *Pin) Pull() gpio.Pull {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pull
}

// DefaultPull is not known to the kernel's interface.
func (p *Pin) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// PWM is not supported.
func (p *Pin) PWM(gpio.Duty, physic.Frequency) error { return errors.New("no PWM on GPIO lines") }
