package station

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/edge/store"
	"winnow/gpio"
)

// modes combine what a command and an input want of the actuators.
type modes struct {
	s *Station

	mu      sync.Mutex
	mode    config.Mode
	input   bool // INHIBIT is active
	changed edge.Instant

	keeping sync.Mutex // held while the disk works; mu is not
}

// setInput follows the INHIBIT input. It never blocks.
func (m *modes) setInput(active bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.input = active
	m.apply()
}

// set changes the mode. It never blocks.
func (m *modes) set(mode config.Mode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mode = mode
	m.apply()
}

// again tells outputs and line of the mode once more: a line that took no command then
// would be READY behind outputs that are held. It reports whether the line takes it, and
// never blocks.
func (m *modes) again() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.apply()
}

// apply holds the outputs first: a hand may be on its way into the machine. It reports
// whether the line takes the mode.
func (m *modes) apply() bool {
	m.s.outs.hold(m.holds())
	inhibit := m.input || m.mode == config.ModeInhibit
	first, second := line.Command(line.SetShadow(m.mode == config.ModeShadow)), line.Command(line.SetInhibit(inhibit))
	if inhibit { // what holds comes before what lets go: the line is not READY in between
		first, second = second, first
	}
	if !m.s.line.Post(first) || !m.s.line.Post(second) {
		m.s.stop("overload", "the line does not take commands", "restart the station")
		return false
	}
	return true
}

func (m *modes) holds() gpio.Hold {
	switch {
	case m.input || m.mode == config.ModeShadow:
		return gpio.HoldAll
	case m.mode == config.ModeInhibit:
		return gpio.HoldAutomatic
	}
	return gpio.HoldManual // a hand on the button does not fire at parts that pass
}

// mayFire reports whether a person may fire actuators by hand.
func (m *modes) mayFire() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.input:
		return refused("the INHIBIT input is active")
	case m.mode != config.ModeInhibit:
		return refused(`actuators are fired by hand in mode "inhibit" only`)
	}
	return nil
}

// modeFile is among the records while a command's mode is in force that is not the
// configuration's. A clean end takes it away; whoever was interrupted goes on in that
// mode: a hand may be at an actuator that a command has inhibited.
const modeFile = "mode.json"

type chosenMode struct {
	Mode config.Mode `json:"mode"`
}

// startMode is the mode that a station begins in.
func startMode(c *config.Config) (config.Mode, error) {
	path := filepath.Join(c.Records.Dir, modeFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c.Recipe.Mode, nil
	}
	var chosen chosenMode
	if err == nil {
		err = json.Unmarshal(b, &chosen)
	}
	if err == nil && chosen.Mode == "" {
		err = errors.New("it names no mode")
	}
	if err != nil {
		return "", fmt.Errorf("%s, the mode in force: %w; delete it to go back to the configuration's", path, err)
	}
	return chosen.Mode, nil
}

// keep notes the mode that is in force by now: of commands that come at once, the last
// to write writes the last that was set.
func (m *modes) keep() error {
	m.keeping.Lock()
	defer m.keeping.Unlock()
	m.mu.Lock()
	mode := m.mode
	m.mu.Unlock()
	return m.s.keepMode(mode)
}

// keepMode notes which mode is in force.
func (s *Station) keepMode(mode config.Mode) error {
	path := filepath.Join(s.cfg.Records.Dir, modeFile)
	if mode == s.cfg.Recipe.Mode {
		return store.Remove(path)
	}
	b, err := json.Marshal(chosenMode{mode})
	if err != nil {
		return err
	}
	return store.WriteFile(path, b, 0o644)
}

// forgetMode has the next start begin in the configuration's mode.
func (s *Station) forgetMode() {
	if err := s.keepMode(s.cfg.Recipe.Mode); err != nil {
		s.log.Warn("the next start goes on in the mode that a command has set", "err", err)
	}
}
