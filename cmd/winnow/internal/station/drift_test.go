package station

import (
	"strings"
	"testing"

	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/health"
)

// A package promises by the frame, the station by the part.
func TestTheCertificateIsOfPartsWithAllTheirFrames(t *testing.T) {
	m := Model{Judge: judgeFunc(oddIsBad), Digest: "test", Certificate: edge.Certificate{Bound: 0.01, Confidence: 0.95, N: 299, Method: "split"}}
	text := strings.Replace(plantConfig, "[recipe]\n", "[recipe]\nframes = 3\n", 1)
	if text == plantConfig {
		t.Fatal("the plant's configuration has no recipe")
	}
	p := launchIn(t, t.TempDir(), text, m, nil)
	p.until("the start", p.running.Load)
	want := m.Certificate
	want.Bound *= 3
	if got := p.certificate(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

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
