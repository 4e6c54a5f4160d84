package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"winnow/buildroot/emulator/rig"
	"winnow/edge"
)

// Lines of the simulated bank.
const (
	lineTrigger = iota
	lineReject
	lineReady
	lineHeartbeat
	lineEncoder
	lineReset
	lineError
	lineStop
)

// outputs are the lines that the station drives. The safe level of each is low.
var outputs = map[int]string{lineReject: "reject", lineReady: "ready", lineHeartbeat: "heartbeat", lineError: "error", lineStop: "stop"}

// Places in the machine.
const (
	configFile = "/etc/winnow/winnow.toml"
	modelFile  = "/etc/winnow/part.tflite"
	logFile    = "/var/log/winnow.log"
	stateDir   = "/var/lib/winnow"
	httpAt     = "127.0.0.1:8080"
)

// setup is what a station is configured with.
type setup struct {
	chip, camera string
	more         string // further lines of [camera]
	broker       string // "" is the one inside the station
	pace         pace
	encoder      bool
	frames       int // of a part; 0: 1
	watchdog     time.Duration
	environment  string // of the service, beside its defaults
}

// toml is the station's configuration.
func (s setup) toml() string {
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	p("[device]\nid = \"emulated\"\nlog_level = \"debug\"")
	p("[camera]\nkind = \"v4l2\"\ndevice = %q\n%s", s.camera, s.more)
	p("[model]\npath = %q\nengine = \"native\"\nthreads = 1", modelFile)
	p("[recipe]\nname = \"emulated\"\ndeadline = %q\nframes = %d", s.pace.deadline, max(s.frames, 1))
	p("[trigger]\nkind = \"gpio\"\nchip = %q\nline = %d\nedge = \"rising\"\ndebounce = \"5ms\"\nmin_interval = %q", s.chip, lineTrigger, s.pace.spacing/2)
	if s.encoder {
		p("[belt]\nspeed_mm_per_s = %f", pitch/s.pace.spacing.Seconds())
		p("[encoder]\nkind = \"single\"\nchip = %q\nline = %d\ncounts_per_mm = 1.0", s.chip, lineEncoder)
	}
	p("[[actuator]]\nname = \"reject\"\nchip = %q\nline = %d\npulse = %q\nmin_gap = %q", s.chip, lineReject, s.pace.pulse, s.pace.pulse)
	if s.encoder {
		p("delay = \"0s\"\ndistance_mm = %d", distance)
	} else {
		p("delay = %q", s.pace.travel)
	}
	for _, sig := range []struct {
		name string
		line int
	}{{"ready", lineReady}, {"heartbeat", lineHeartbeat}, {"error", lineError}, {"stop", lineStop}} {
		p("[[signal]]\nname = %q\nchip = %q\nline = %d", sig.name, s.chip, sig.line)
	}
	p("[[input]]\nname = \"reset\"\nchip = %q\nline = %d\ndebounce = \"5ms\"", s.chip, lineReset)
	if s.watchdog > 0 {
		p("[watchdog]\ndevice = \"/dev/watchdog\"\npatience = %q", s.watchdog)
	}
	p("[mqtt]\nbroker = %q\n[records]\ndir = %q\nkeep_rejects = 50\n[http]\nlisten = %q\ntoken_file = %q", s.broker, stateDir+"/records", httpAt, stateDir+"/http.token")
	return b.String()
}

// defaults of the service. The machine has one processor, on which Go would run
// judge and line in turns; on a camera each has its own.
const defaults = "LOG=" + logFile + "\nexport GOMAXPROCS=2\n"

// configure writes the station's configuration and model, and has the station
// check them.
func (m *machine) configure(s setup, model string) error {
	if err := m.put(modelFile, model); err != nil {
		return err
	}
	for _, f := range []rig.File{
		{Path: configFile, Mode: 0o644, Data: []byte(s.toml())},
		{Path: "/etc/default/winnow", Mode: 0o644, Data: []byte(defaults + s.environment)},
	} {
		if err := m.call("Put", f, &rig.None{}); err != nil {
			return err
		}
	}
	_, err := m.sh("/usr/bin/winnow config check " + configFile)
	return err
}

// service has the station's own init script do something.
func (m *machine) service(what string) error {
	_, err := m.sh("/etc/init.d/S01winnow " + what)
	return err
}

// status is what the station says of itself at GET /status.
type status struct {
	Line struct {
		State  string `json:"state"`
		Reason string `json:"reason"`
	} `json:"line"`
	Counts   edge.Counts `json:"counts"`
	Problems []struct {
		Code string `json:"code"`
		Text string `json:"text"`
	} `json:"problems"`
}

func (s status) has(problem string) bool {
	for _, p := range s.Problems {
		if p.Code == problem {
			return true
		}
	}
	return false
}

// status asks the station; a station that does not answer is an error.
func (m *machine) status() (s status, err error) {
	var out []byte
	if err := m.call("Fetch", "http://"+httpAt+"/status", &out); err != nil {
		return s, errors.Join(err, m.log())
	}
	return s, json.Unmarshal(out, &s)
}

// problem waits until the station names a problem, or no longer does.
func (m *machine) problem(code string, there bool) error {
	what := map[bool]string{true: "the alarm " + code, false: "the end of the alarm " + code}[there]
	return m.wait(what, func() (bool, error) {
		s, err := m.status()
		return err == nil && s.has(code) == there, nil
	})
}

// reset presses the button that lifts alarms.
func (m *machine) reset() error {
	for _, high := range []bool{true, false} {
		if err := m.call("Pull", rig.Pull{Line: lineReset, High: high}, &rig.None{}); err != nil {
			return err
		}
		if err := m.sleep(100 * time.Millisecond); err != nil { // beyond its debounce
			return err
		}
	}
	return nil
}

// patience is how long the station may take for anything, in the machine's time:
// no claim on speed, but the end of hope.
const patience = 3 * time.Minute

// wait asks every tenth of a second of the machine's time until ok. What the
// station said last is part of the error.
func (m *machine) wait(what string, ok func() (bool, error)) error {
	const every = 100 * time.Millisecond
	for waited := time.Duration(0); ; waited += every {
		good, err := ok()
		switch {
		case err != nil:
			return fmt.Errorf("waiting for %s: %w", what, err)
		case good:
			return nil
		case waited > patience:
			return errors.Join(fmt.Errorf("%s did not come in %v", what, patience), m.log())
		}
		if err := m.sleep(every); err != nil {
			return err
		}
	}
}

// notReady waits until READY is off.
func (m *machine) notReady() error {
	return m.wait("the end of READY", func() (bool, error) {
		var high bool
		err := m.call("Level", lineReady, &high)
		return !high, err
	})
}

// ready waits until READY is on.
func (m *machine) ready() error {
	return m.wait("READY", func() (bool, error) {
		var high bool
		err := m.call("Level", lineReady, &high)
		return high, err
	})
}

// sleep lets time pass in the machine, which has its own.
func (m *machine) sleep(d time.Duration) error { return m.call("Sleep", d, &rig.None{}) }

// log is the station's own words, as an error to join.
func (m *machine) log() error {
	out, err := m.sh("tail -n 40 " + logFile)
	return errors.Join(err, fmt.Errorf("the station's log:\n%s", out))
}

// edges are what the outputs did since the last call.
func (m *machine) edges() (e []rig.Edge, err error) {
	err = m.call("Edges", rig.None{}, &e)
	return e, err
}

// rises are the instants at which a line went high.
func rises(edges []rig.Edge, line int) []time.Duration {
	var up []time.Duration
	high := false
	for _, e := range edges {
		if e.Line == line {
			if e.Level && !high {
				up = append(up, e.At)
			}
			high = e.Level
		}
	}
	slices.Sort(up)
	return up
}
