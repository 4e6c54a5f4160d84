//go:build linux

// Package cdev brings real lines of the kernel's GPIO character device behind
// periph's gpio.PinIO. An output is requested with its level in one call, so it
// never glitches; reading an output does not turn it into an input.
package cdev

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Pin is one line of a chip. It is safe for concurrent use.
type Pin struct {
	chip   string
	offset int
	edges  chan struct{}

	mu     sync.Mutex
	line   *gpiocdev.Line
	output bool
	pull   gpio.Pull
}

var _ gpio.PinIO = (*Pin)(nil)

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
	return &Pin{chip: chip, offset: offset, edges: make(chan struct{}, 1)}, nil
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
	line, err := gpiocdev.RequestLine(p.chip, p.offset, gpiocdev.AsOutput(v), gpiocdev.WithConsumer("winnow"))
	if err != nil {
		return fmt.Errorf("request %s as output: %w", p, err)
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
	opts := []gpiocdev.LineReqOption{gpiocdev.AsInput, gpiocdev.WithConsumer("winnow")}
	switch pull {
	case gpio.PullUp:
		opts = append(opts, gpiocdev.WithPullUp)
	case gpio.PullDown:
		opts = append(opts, gpiocdev.WithPullDown)
	case gpio.Float:
		opts = append(opts, gpiocdev.WithBiasDisabled)
	}
	if e != gpio.NoEdge {
		opts = append(opts, gpiocdev.WithEventHandler(func(gpiocdev.LineEvent) { p.wake() }))
		switch e {
		case gpio.RisingEdge:
			opts = append(opts, gpiocdev.WithRisingEdge)
		case gpio.FallingEdge:
			opts = append(opts, gpiocdev.WithFallingEdge)
		default:
			opts = append(opts, gpiocdev.WithBothEdges)
		}
	}
	line, err := gpiocdev.RequestLine(p.chip, p.offset, opts...)
	if err != nil {
		return fmt.Errorf("request %s as input: %w", p, err)
	}
	p.line, p.pull = line, pull
	return nil
}

func (p *Pin) wake() {
	select {
	case p.edges <- struct{}{}:
	default:
	}
}

// Read returns the level; a line that is not requested reads low.
func (p *Pin) Read() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return gpio.Low
	}
	v, err := p.line.Value()
	return err == nil && v != 0
}

// WaitForEdge waits for an edge; -1 waits until one comes or Halt.
func (p *Pin) WaitForEdge(timeout time.Duration) bool {
	if timeout < 0 {
		<-p.edges
		return true
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-p.edges:
		return true
	case <-t.C:
		return false
	}
}

// Halt gives the line back to the kernel and wakes WaitForEdge. An output
// should be at its safe level before.
func (p *Pin) Halt() error {
	p.wake()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.release()
}

// Pull and DefaultPull.
func (p *Pin) Pull() gpio.Pull        { return p.pull }
func (p *Pin) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// PWM is not supported.
func (p *Pin) PWM(gpio.Duty, physic.Frequency) error { return errors.New("no PWM on GPIO lines") }
