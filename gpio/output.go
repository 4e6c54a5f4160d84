package gpio

import (
	"context"
	"errors"
	"fmt"
	"sync"

	pgpio "periph.io/x/conn/v3/gpio"
)

// Line is what an Output drives: the part of periph's gpio.PinIO that it needs.
type Line interface {
	Out(l pgpio.Level) error
	Halt() error
	String() string
}

// Polarity maps on and off to levels.
type Polarity struct {
	ActiveLow bool // on is the low level
	SafeOn    bool // the safe state is on
}

// Level of the state on.
func (p Polarity) Level(on bool) pgpio.Level { return pgpio.Level(on != p.ActiveLow) }

// SafeLevel is the level that a line is requested with and returns to.
func (p Polarity) SafeLevel() pgpio.Level { return p.Level(p.SafeOn) }

// Output is a line with a safe level: it is driven there when the output is
// made and when it is closed, and afterwards nothing else can be. It is safe
// for concurrent use.
type Output struct {
	line     Line
	polarity Polarity
	mu       sync.Mutex
	closed   bool
}

// ErrClosed is returned by Set on an output that has gone to its safe level
// for good.
var ErrClosed = errors.New("output is closed")

// NewOutput drives line to its safe level and returns the output.
func NewOutput(line Line, p Polarity) (*Output, error) {
	if err := line.Out(p.SafeLevel()); err != nil {
		return nil, fmt.Errorf("output %s to its safe level: %w", line, err)
	}
	return &Output{line: line, polarity: p}, nil
}

// CloseWith closes the output when ctx ends, whoever holds it then. Close it by
// defer besides, for the way out of a panic. The returned function detaches it.
func (o *Output) CloseWith(ctx context.Context) (detach func() bool) {
	return context.AfterFunc(ctx, func() { _ = o.Close() })
}

// String is the name of the line.
func (o *Output) String() string { return o.line.String() }

// Set drives the output on or off.
func (o *Output) Set(on bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return fmt.Errorf("output %s: %w", o.line, ErrClosed)
	}
	if err := o.line.Out(o.polarity.Level(on)); err != nil {
		return fmt.Errorf("output %s: %w", o.line, err)
	}
	return nil
}

// Safe drives the output to its safe level.
func (o *Output) Safe() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	return o.line.Out(o.polarity.SafeLevel())
}

// Close drives the output to its safe level for good and gives the line back.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	err := o.line.Out(o.polarity.SafeLevel())
	if herr := o.line.Halt(); err == nil {
		err = herr
	}
	return err
}
