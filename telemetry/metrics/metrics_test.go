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
