package line

import (
	"fmt"

	"winnow/edge"
)

// State of a line. The zero value is NotReady.
type State uint8

// States, in the words of telemetry. When several apply the later of NotReady
// .. Fault wins, in this order: Ready, Shadow, Inhibit, NotReady, Teaching, Fault.
const (
	NotReady State = iota // something that it needs is missing; parts are rejected
	Ready                 // inspects and fires
	Shadow                // inspects and records, never fires
	Teaching              // frames go to the recorder unjudged, never fires
	Inhibit               // an input or command holds the actuators
	Fault                 // every part is rejected until Reset
)

var stateNames = [...]string{"NOT_READY", "READY", "SHADOW", "TEACHING", "INHIBIT", "FAULT"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("STATE(%d)", uint8(s))
}

// MarshalText writes the name used in telemetry.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Codes of the holds that the line itself sets.
const (
	holdSource = "source"
	holdJudge  = "judge"
	holdPause  = "paused"
	holdLimit  = "reject-limit"
	holdAlarm  = "alarm"
)

// Status is what the plant is told of a line.
type Status struct {
	State  State        `json:"state"`
	Reason string       `json:"reason,omitempty"` // why it is not READY
	Since  edge.Instant `json:"since"`            // when State or Reason changed
	Recipe string       `json:"recipe,omitempty"`
	Model  string       `json:"model,omitempty"`
	Stop   bool         `json:"stop"`  // a reject limit or an alarm wants the conveyor stopped
	Armed  bool         `json:"armed"` // rejects reach the actuator
}

// conditions are what the state is derived from; there is no transition table
// that could miss a way out.
type conditions struct {
	fault                     string
	teaching, shadow, inhibit bool
	holds                     []hold // in the order of arrival
}

type hold struct{ code, reason string }

// set adds, changes or (reason empty) removes a hold.
func (c *conditions) set(code, reason string) {
	for i := range c.holds {
		if c.holds[i].code != code {
			continue
		}
		if reason == "" {
			c.holds = append(c.holds[:i], c.holds[i+1:]...)
		} else {
			c.holds[i].reason = reason
		}
		return
	}
	if reason != "" {
		c.holds = append(c.holds, hold{code, reason})
	}
}

func (c *conditions) has(code string) bool {
	for _, h := range c.holds {
		if h.code == code {
			return true
		}
	}
	return false
}

func (c *conditions) state() (State, string) {
	switch {
	case c.fault != "":
		return Fault, c.fault
	case c.teaching:
		return Teaching, "teaching"
	case len(c.holds) > 0:
		return NotReady, c.holds[0].reason
	case c.inhibit:
		return Inhibit, "inhibited"
	case c.shadow:
		return Shadow, "shadow mode"
	}
	return Ready, ""
}

// armed reports whether verdicts reach the actuator: an operator's inhibit,
// shadow or teaching holds it also while the line is not ready. A fault does
// not lift an inhibit either: somebody's hand may be in the machine.
func (c *conditions) armed() bool { return !c.inhibit && !c.shadow && !c.teaching }
