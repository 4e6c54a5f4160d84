package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"winnow/edge/config"
	"winnow/gpio"
)

// drillConfig leaves a machine that is busy with other tests enough time. Its
// lines are a real chip's, which the drill must not touch.
const drillConfig = `
[recipe]
deadline = "500ms"
[trigger]
kind = "gpio"
chip = "gpiochip7"
min_interval = "160ms"
[[actuator]]
chip = "gpiochip7"
line = 1
active_low = true
delay = "600ms"
pulse = "120ms"
min_gap = "120ms"
[[signal]]
name = "ready"
chip = "gpiochip8"
line = 1
active_low = true
[records]
keep_rejects = 5
`

func drillFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "station.toml")
	if err := os.WriteFile(path, []byte(drillConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The drill has a process of its own: a full disk is full for the whole process, also
// for what the testing package writes beside the tests.
func TestEveryDrilledFailureHasItsDeclaredReaction(t *testing.T) {
	if testing.Short() {
		t.Skip("takes most of a minute")
	}
	model, _ := taught(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "doctor", "--drill", "--config", drillFile(t), "--model", model, "--json")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, _ := cmd.Output() // it leaves with 1 where a reaction came late
	var r drillReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, &errs)
	}
	var drilled []string
	for _, row := range r.Rows {
		drilled = append(drilled, row.Component)
		for _, f := range row.Failed {
			if !strings.Contains(f, "later than") { // how soon is the machine's affair
				t.Errorf("%s %s: %s (%v)", row.Component, row.Done, f, row.Alarms)
			}
		}
	}
	for _, c := range []string{"camera", "scorer", "disk", "broker", "output", "station"} {
		if !slices.Contains(drilled, c) {
			t.Errorf("%s was not drilled", c)
		}
	}
}

// stuck is a line that ignores being driven to some levels.
type stuck struct {
	gpio.PinIO
	ignores func(gpio.Level) bool
}

func (s stuck) Out(l gpio.Level) error {
	if s.ignores(l) {
		return nil
	}
	return s.PinIO.Out(l)
}

func TestTheDrillNoticesReactionsThatDoNotHappen(t *testing.T) {
	model, _ := taught(t)
	cfg, err := config.Load(drillFile(t))
	if err != nil {
		t.Fatal(err)
	}
	low := func(l gpio.Level) bool { return l == gpio.Low }
	high := func(l gpio.Level) bool { return l == gpio.High }
	component := func(name, done string) func(*drill, context.Context) []failure {
		return func(d *drill, ctx context.Context) []failure {
			return slices.DeleteFunc(d.failures(ctx), func(f failure) bool { return f.component != name || f.done != done })
		}
	}
	nothing := func() error { return nil }
	silent := func(change func(*failure)) func(*drill, context.Context) []failure {
		return func(d *drill, ctx context.Context) []failure {
			all := component("camera", "is unplugged")(d, ctx)
			change(&all[0])
			return all
		}
	}
	for what, c := range map[string]struct {
		output   string // that is stuck
		ignores  func(gpio.Level) bool
		failures func(*drill, context.Context) []failure
		want     []string
	}{
		"READY sticks":            {"ready", high, component("camera", "is unplugged"), []string{"READY did not drop", "output ready is not at its safe level"}},
		"the actuator is deaf":    {"reject", low, component("camera", "is unplugged"), []string{"parts were not rejected", "parts on the belt were not rejected"}},
		"ERROR is deaf":           {"error", high, component("scorer", "panics"), []string{"ERROR did not come on"}},
		"ACCEPT sticks":           {"accept", low, component("scorer", "panics"), []string{"ACCEPT was on until", "output accept is not at its safe level"}},
		"nobody notices":          {"", nil, silent(func(f *failure) { f.breaks = nothing }), []string{"READY did not drop", `alarm "camera" was not raised`, "parts were not rejected"}},
		"it does not come back":   {"", nil, silent(func(f *failure) { f.mends = nothing }), []string{"did not come back", "good parts were rejected"}},
		"READY drops needlessly":  {"", nil, silent(func(f *failure) { f.staysReady = true }), []string{"READY dropped, though"}},
		"READY drops but later":   {"", nil, silent(func(f *failure) { f.within = 0 }), []string{"later than 0s"}},
		"the whole does not fail": {"", nil, silent(func(f *failure) { f.within = time.Hour }), nil},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l, err := newLab(t.Context(), labOptions{model: model, config: cfg, threads: 1}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			l.wrap = func(p gpio.PinIO) gpio.PinIO {
				for _, w := range l.wires() {
					if w.name == c.output && w.pin.Number() == p.Number() {
						return stuck{p, c.ignores}
					}
				}
				return p
			}
			r, err := drillOn(t.Context(), l, c.failures, 3*time.Second, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, row := range r.Rows {
				got = append(got, row.Failed...)
			}
			for _, w := range c.want {
				if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, w) }) {
					t.Errorf("no %q in %q", w, got)
				}
			}
			if c.want == nil && len(got) > 0 {
				t.Errorf("%q", got)
			}
			if (r.verdict() == nil) != (c.want == nil) {
				t.Errorf("verdict %v", r.verdict())
			}
		})
	}
}
