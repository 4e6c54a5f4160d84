package station

import (
	"strings"
	"testing"

	"winnow/cmd/winnow/internal/watch"
	"winnow/edge/clock"
	"winnow/edge/health"
)

// What has died of the camera is an alarm that says what to do, until it is alive again.
func TestDeadCameraIsAnAlarm(t *testing.T) {
	clk, err := clock.NewSystem()
	if err != nil {
		t.Fatal(err)
	}
	s := &Station{health: health.New(clk, nil)}
	s.checkCamera(&watch.Status{Dead: "a dead row, 240"})
	ps := s.health.Problems()
	if len(ps) != 1 || ps[0].Code != "camera-dead" || !strings.Contains(ps[0].Text, "a dead row, 240") || !strings.Contains(ps[0].Action, "winnow calibrate") {
		t.Errorf("%+v", ps)
	}
	if s.checkCamera(new(watch.Status)); !s.health.Well() {
		t.Errorf("alive again: %+v", s.health.Problems())
	}
}
