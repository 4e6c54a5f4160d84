//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"winnow/buildroot/emulator/rig"
)

func TestEdgesAreReadFromTheTrace(t *testing.T) {
	for line, want := range map[string]rig.Edge{
		"          winnow-231     [001] d..1.    12.345678: gpio_value: 513 set 1": {Line: 513, Level: true, At: 12345678 * time.Microsecond},
		"           <...>-7       [000] .....  1000.000009: gpio_value: 600 set 0": {Line: 600, At: 1000*time.Second + 9*time.Microsecond},
	} {
		if got, ok := parseEdge(line); !ok || got != want {
			t.Errorf("%q: %+v, %v", line, got, ok)
		}
	}
	for _, line := range []string{
		"", "# tracer: nop",
		"  winnow-231 [001] d..1. 12.345678: gpio_value: 513 get 1", // reading moves nothing
		"  winnow-231 [001] d..1. 12.345678: gpio_direction: 513 out (0)",
		"CPU:1 [LOST 12 EVENTS]",
	} {
		if e, ok := parseEdge(line); ok {
			t.Errorf("%q was taken for %+v", line, e)
		}
		if gap := strings.Contains(line, "LOST"); lostEvents.MatchString(line) != gap {
			t.Errorf("%q: events are missing: %v", line, !gap)
		}
	}
}
