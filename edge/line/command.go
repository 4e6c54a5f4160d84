package line

import (
	"errors"
)

// Command is something typed that the plant or an operator wants of a line.
// All of them pass through one channel and take effect between parts.
type Command interface{ apply(m *Machine) error }

// Pause stops taking frames: parts that are announced meanwhile are rejected
// as without a frame.
type Pause bool

// SetShadow judges and records without firing.
type SetShadow bool

// SetInhibit holds the actuators.
type SetInhibit bool

// SetTeaching hands frames to the recorder unjudged, with an Unknown verdict,
// and does not fire.
type SetTeaching bool

// Hold makes the line NOT_READY for a reason of the caller's (a challenge that
// is overdue, a ledger that does not balance); an empty Reason lifts it.
type Hold struct{ Code, Reason string }

// Swap brings another judge. Parts already open keep theirs; Retired, if not
// nil, is told by the line's goroutine when no part uses the old one any more,
// and must not block.
type Swap struct {
	Judge   Judge
	Model   string
	Recipe  string // empty: as it was
	Retired func(old Judge)
}

// Reset leaves FAULT and lifts alarms and reached reject limits. It is refused while the
// judge hangs. Done, if not nil, is told by the line's goroutine of one that was not, and must
// not block.
type Reset struct{ Done func() }

// SourceLost makes the line NOT_READY until the next frame or SourceFound: the
// camera was unplugged, say.
type SourceLost string

// SourceFound says that the source is there and gives frames when it is
// triggered: a line that waits for its first part is ready for it.
type SourceFound struct{}

// raise is Line.Alarm.
type raise string

// Sync does nothing: once it has been sent, what was posted before has been
// carried out.
type Sync struct{}

// FailWith makes the line FAULT.
type FailWith string

// Confirmed counts reject pulses that a confirmation sensor saw.
type Confirmed int

// ErrJudgeHangs refuses a command that needs an idle judge.
var ErrJudgeHangs = errors.New("the judge still works on a part and does not answer; restart the station")

func (c Pause) apply(m *Machine) error {
	m.cond.set(holdPause, pick(bool(c), "paused"))
	return nil
}

func pick(on bool, s string) string {
	if on {
		return s
	}
	return ""
}

func (c SetShadow) apply(m *Machine) error   { m.cond.shadow = bool(c); return nil }
func (c SetInhibit) apply(m *Machine) error  { m.cond.inhibit = bool(c); return nil }
func (c SetTeaching) apply(m *Machine) error { m.cond.teaching = bool(c); return nil }
func (c FailWith) apply(m *Machine) error    { m.fail(string(c)); return nil }
func (c raise) apply(m *Machine) error       { m.cond.set(holdAlarm, string(c)); return nil }
func (Sync) apply(*Machine) error            { return nil }
func (SourceFound) apply(m *Machine) error   { m.cond.set(holdSource, ""); return nil }
func (c SourceLost) apply(m *Machine) error {
	m.cond.set(holdSource, "camera: "+string(c))
	return nil
}
func (c Confirmed) apply(m *Machine) error { m.Confirm(int(c)); return nil }

func (c Hold) apply(m *Machine) error {
	switch c.Code {
	case "", holdSource, holdJudge, holdPause, holdLimit, holdAlarm:
		return errors.New("hold: code " + c.Code + " is empty or the line's own")
	}
	m.cond.set(c.Code, c.Reason)
	return nil
}

func (c Swap) apply(m *Machine) error {
	if c.Judge == nil {
		return errors.New("swap: no judge")
	}
	if m.Hung(m.deps.Clock.Now()) {
		return ErrJudgeHangs
	}
	old := m.judge
	m.judge, m.model = c.Judge, c.Model
	m.limits.reset() // rejects by another judge say nothing of this one
	if c.Recipe != "" {
		m.cfg.Recipe = c.Recipe
	}
	m.cond.set(holdJudge, "")
	if c.Retired != nil && old != nil {
		m.retiring = append(m.retiring, retired{old, c.Retired})
	}
	return nil
}

func (c Reset) apply(m *Machine) error {
	if m.Hung(m.deps.Clock.Now()) {
		return ErrJudgeHangs
	}
	m.cond.fault = ""
	m.limits.reset()
	m.cond.set(holdLimit, "")
	m.cond.set(holdAlarm, "")
	if c.Done != nil {
		c.Done()
	}
	return nil
}

// Do carries c out.
func (m *Machine) Do(c Command) error {
	err := c.apply(m)
	m.pop()
	m.publish()
	return err
}

// retired is a judge that may still be in use.
type retired struct {
	judge Judge
	tell  func(Judge)
}

func (m *Machine) retire() {
	kept := m.retiring[:0]
	for _, r := range m.retiring {
		if m.uses(r.judge) {
			kept = append(kept, r)
			continue
		}
		r.tell(r.judge)
	}
	clear(m.retiring[len(kept):])
	m.retiring = kept
}

func (m *Machine) uses(j Judge) bool {
	for i := range m.n {
		if m.at(i).judge == j {
			return true
		}
	}
	return m.judge == j
}
