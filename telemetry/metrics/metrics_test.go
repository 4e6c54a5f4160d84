package metrics_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"winnow/edge"
	"winnow/telemetry"
	"winnow/telemetry/metrics"
)

func TestScrape(t *testing.T) {
	n := metrics.Snapshot{
		Counts: edge.Counts{Triggers: 10, Accept: 4, Reject: 3, Unsure: 2, NoResult: 1, Late: 1},
		State:  telemetry.Ready, Certificate: &edge.Certificate{Bound: 0.01},
		Outbox: telemetry.OutboxStats{Pending: 7, Lost: 8}, Connected: true, Pictures: 9,
		MissedTriggers: 11, Overruns: 12, Problems: 13, DetectionBound: map[string]float64{"parts": 0.95},
		Times: []metrics.Distribution{{Name: "due_edge", N: 3, Sum: 0.5, Below: map[float64]uint64{0.1: 2}}},
	}
	h, err := metrics.Handler(func() metrics.Snapshot { return n }, map[string]string{"line": "l"})
	if err != nil {
		t.Fatal(err)
	}
	scrape := func() string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	text := scrape()
	for _, want := range []string{
		`winnow_parts_total{line="l",verdict="no_result"} 1`,
		`winnow_parts_total{line="l",verdict="accept"} 4`,
		`winnow_state{line="l",state="READY"} 1`,
		`winnow_state{line="l",state="FAULT"} 0`,
		`winnow_certificate_bound_ratio{line="l"} 0.01`,
		`winnow_broker_connected{line="l"} 1`,
		`winnow_outbox_pending{line="l"} 7`,
		`winnow_outbox_lost_total{line="l"} 8`,
		`winnow_pictures{line="l"} 9`,
		`winnow_triggers_missed_total{line="l"} 11`,
		`winnow_overruns_total{line="l"} 12`,
		`winnow_problems{line="l"} 13`,
		`winnow_detection_bound_ratio{line="l",proof="parts"} 0.95`,
		`winnow_stretch_seconds_bucket{line="l",stretch="due_edge",le="0.1"} 2`,
		`winnow_stretch_seconds_count{line="l",stretch="due_edge"} 3`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	n.Certificate.Void = "light"
	if strings.Contains(scrape(), "certificate_bound") {
		t.Error("a void certificate is shown")
	}
}
