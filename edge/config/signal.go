package config

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Signal is one output of the handshake with a PLC. Its safe level is off.
type Signal struct {
	Name      SignalName `toml:"name"`
	Chip      string     `toml:"chip"`
	Line      int        `toml:"line"`
	ActiveLow bool       `toml:"active_low"`
}

func (s *Signal) setDefaults() { *s = Signal{Name: SignalReady, Chip: ChipSim} }

// SignalName is what an output tells.
type SignalName string

// Signals, as gpio.Signal has them.
const (
	SignalReady     SignalName = "ready"
	SignalBusy      SignalName = "busy"
	SignalValid     SignalName = "result_valid"
	SignalAccept    SignalName = "accept"
	SignalReject    SignalName = "reject"
	SignalUnsure    SignalName = "unsure"
	SignalError     SignalName = "error"
	SignalStop      SignalName = "stop"
	SignalHeartbeat SignalName = "heartbeat"
)

func signalNames() []SignalName {
	return []SignalName{SignalReady, SignalBusy, SignalValid, SignalAccept, SignalReject, SignalUnsure, SignalError, SignalStop, SignalHeartbeat}
}

// UnmarshalText reads the name of a signal.
func (s *SignalName) UnmarshalText(b []byte) error { return choose(s, b, signalNames()...) }

// Input is one line that the plant drives.
type Input struct {
	Name      InputName `toml:"name"`
	Chip      string    `toml:"chip"`
	Line      int       `toml:"line"`
	ActiveLow bool      `toml:"active_low"`
	Debounce  Duration  `toml:"debounce"`
}

func (i *Input) setDefaults() {
	*i = Input{Name: InputInhibit, Chip: ChipSim, Debounce: Duration(2 * time.Millisecond)}
}

// InputName is what an input means.
type InputName string

// Inputs.
const (
	InputAck     InputName = "ack"     // the PLC has taken the result
	InputInhibit InputName = "inhibit" // holds the actuators while active
	InputReset   InputName = "reset"   // leaves FAULT, lifts alarms
	InputConfirm InputName = "confirm" // sees rejected parts fall
)

func inputNames() []InputName {
	return []InputName{InputAck, InputInhibit, InputReset, InputConfirm}
}

// UnmarshalText reads the name of an input.
func (i *InputName) UnmarshalText(b []byte) error { return choose(i, b, inputNames()...) }

// Handshake says how results are handed over.
type Handshake struct {
	Hold        Duration `toml:"hold"`
	Acknowledge bool     `toml:"acknowledge"`
}

// Confirm says what the confirmation sensor must see.
type Confirm struct {
	Within   Duration `toml:"within"`
	JamAfter Duration `toml:"jam_after"`
}

// Input returns the input of that name, nil if none is wired.
func (c *Config) Input(name InputName) *Input {
	for i := range c.Inputs {
		if c.Inputs[i].Name == name {
			return &c.Inputs[i]
		}
	}
	return nil
}

// checkSignals looks at the lines to and from the PLC.
func (c *Config) checkSignals(k *checker) {
	once := map[string]string{}
	for i, s := range c.Signals {
		key := fmt.Sprintf("signal[%d]", i)
		known(k, key+".name", s.Name, signalNames()...)
		k.chip(key+".chip", s.Chip)
		k.line(key+".line", s.Line)
		k.once(once, key, "signal "+string(s.Name))
	}
	for i, in := range c.Inputs {
		key := fmt.Sprintf("input[%d]", i)
		known(k, key+".name", in.Name, inputNames()...)
		k.chip(key+".chip", in.Chip)
		k.line(key+".line", in.Line)
		k.span(key+".debounce", in.Debounce, 0, time.Second)
		k.once(once, key, "input "+string(in.Name))
	}
	c.checkHandshake(k)
}

// once refuses a name that another entry has.
func (k *checker) once(seen map[string]string, key, what string) {
	if other, twice := seen[what]; twice {
		k.problem(key+".name", fmt.Sprintf("%s is wired by %s already", what, other), "wire each once")
	}
	seen[what] = key
}

func (c *Config) checkHandshake(k *checker) {
	h := c.Handshake
	k.span("handshake.hold", h.Hold, time.Millisecond, time.Minute)
	if part := c.PartInterval(); len(c.Signals) > 0 && part > 0 && 2*h.Hold.Std() > part && !h.Acknowledge {
		k.refuse("handshake.hold", h.Hold.String(), fmt.Sprintf("at most half of the %v from part to part: a result stands for it, and RESULT VALID rests as long", part))
	}
	ack := c.Input(InputAck) != nil
	switch {
	case h.Acknowledge && !ack:
		k.problem("handshake.acknowledge", `no [[input]] has name = "ack"`, "wire one, or let results stand for handshake.hold")
	case ack && !h.Acknowledge:
		k.problem("handshake.acknowledge", "is false, so the ack input has no effect", "set it to true, or remove the input")
	}
	k.span("confirm.within", c.Confirm.Within, time.Millisecond, time.Minute)
	k.span("confirm.jam_after", c.Confirm.JamAfter, 0, time.Hour)
	if c.Input(InputConfirm) != nil && len(c.Actuators) == 0 {
		k.problem("input", "a confirmation sensor needs an actuator whose rejects it sees", "add an [[actuator]]")
	}
}

// Controls are settings of a camera by the driver's names, written
// "exposure_time_absolute=100, gain=8".
type Controls map[string]int32

func (c Controls) String() string {
	names := make([]string, 0, len(c))
	for n := range c {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		names[i] = fmt.Sprintf("%s=%d", n, c[n])
	}
	return strings.Join(names, ", ")
}

// MarshalText writes the controls in the order of their names.
func (c Controls) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// errControls says what Controls look like.
var errControls = errors.New(`the driver's names and whole numbers, such as "exposure_time_absolute=100, gain=8"; "winnow doctor" lists them`)

// UnmarshalText reads name=value, separated by commas.
func (c *Controls) UnmarshalText(b []byte) error {
	*c = nil
	if len(b) == 0 {
		return nil
	}
	all := Controls{}
	for _, pair := range strings.Split(string(b), ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		n, err := strconv.ParseInt(value, 10, 32)
		if !ok || name == "" || err != nil {
			return errControls
		}
		all[name] = int32(n)
	}
	*c = all
	return nil
}

func (Controls) example() string { return `them in quotes, such as "gain=8"` }
