package telemetry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"winnow/telemetry"
)

// TestKeysOfACommandAreExact: as the schema writes them, each once.
func TestKeysOfACommandAreExact(t *testing.T) {
	g := telemetry.NewGate(newFixed(), "b")
	e := noon.Add(time.Minute).Format(time.RFC3339)
	for i, p := range []string{
		`{"SCHEMA":1,"Id":"k%d","EXPIRES":"` + e + `"}`,
		`{"schema":1,"id":"k%d","expires":"2020-01-01T00:00:00Z","Expires":"` + e + `"}`,
		`{"schema":1,"id":"k%d","boot":"other","Boot":"","expires":"` + e + `"}`,
		`{"schema":1,"id":"x","id":"k%d","expires":"` + e + `"}`,
	} {
		if cmd, err := g.Admit("fire", fmt.Appendf(nil, p, i)); err == nil {
			t.Errorf("%s was admitted as %+v", p, cmd)
		}
	}
}

// TestRefusalNamesItsCommand: whoever waits for an answer by id hears it.
func TestRefusalNamesItsCommand(t *testing.T) {
	g := telemetry.NewGate(newFixed(), "b")
	e := noon.Add(time.Minute).Format(time.RFC3339)
	for _, p := range []string{
		`{"schema":1,"id":"k","expires":"` + e + `","x":1}`,
		`{"schema":1,"id":"k","expires":"` + e + `"} {}`,
		`{"schema":1,"id":"k","expires":"tomorrow"}`,
	} {
		if cmd, err := g.Admit("fire", []byte(p)); err == nil || cmd.ID != "k" {
			t.Errorf("%s: %v, for the answer %q", p, err, cmd.ID)
		}
	}
}

// TestRefusalSaysWhatExpiresIs: missing, or how long ago.
func TestRefusalSaysWhatExpiresIs(t *testing.T) {
	g := telemetry.NewGate(newFixed(), "b")
	for p, want := range map[string]string{
		`{"schema":1,"id":"k"}`:                                  "expires is missing",
		`{"schema":1,"id":"k","expires":null}`:                   "expires is missing",
		`{"schema":1,"id":"k","expires":"1600-01-01T00:00:00Z"}`: "expired 2562047h",
	} {
		if _, err := g.Admit("fire", []byte(p)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", p, err, want)
		}
	}
}

// TestSettingTheClockBackRevivesNoCommand: however far.
func TestSettingTheClockBackRevivesNoCommand(t *testing.T) {
	c := newFixed()
	g := telemetry.NewGate(c, "b")
	p := []byte(`{"schema":1,"id":"k","expires":"` + noon.Add(5*time.Minute).Format(time.RFC3339) + `"}`)
	if _, err := g.Admit("fire", p); err != nil {
		t.Fatal(err)
	}
	c.wall.Time = noon.Add(-30 * time.Minute) // NTP sets a fast RTC right
	for range 60 {
		c.now = c.now.Add(time.Minute)
		c.wall.Time = c.wall.Time.Add(time.Minute)
		if _, err := g.Admit("fire", p); err == nil {
			t.Fatalf("obeyed again at %v", c.wall.Time)
		}
	}
}
