// Package metrics shows a station's figures to Prometheus. It keeps no counts
// of its own: every scrape reads a snapshot.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"winnow/edge"
	"winnow/telemetry"
)

// Snapshot is what a scrape shows.
type Snapshot struct {
	Counts      edge.Counts
	State       telemetry.LineState
	Certificate *edge.Certificate // nil before calibration
	Outbox      telemetry.OutboxStats
	Connected   bool // to the broker
	Pictures    int  // kept

	MissedTriggers uint64
	TooSoon        uint64             // triggers that were taken for the part before
	Overruns       uint64             // parts triggered while too many waited for their verdict
	Problems       int                // that stand
	DetectionBound map[string]float64 // proved at 95 % confidence, by known-bad "parts" and "injected" defects
	Times          []Distribution     // of the stretches from trigger to output
}

// Distribution of durations, in seconds.
type Distribution struct {
	Name  string
	N     uint64
	Sum   float64
	Below map[float64]uint64 // how many were at most so long
}

// station is a collector over snapshots.
type station struct {
	read func() Snapshot

	parts, late, confirmed, dropped, state, bound, connected, pending, lost, pictures, missed, tooSoon, overruns, problems, detection, times *prometheus.Desc
}

// Handler serves the figures of read in the text format of Prometheus. read is
// called on each scrape and must be safe for concurrent use. labels, such as site and line, are on every figure.
func Handler(read func() Snapshot, labels map[string]string) (http.Handler, error) {
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc("winnow_"+name, help, variable, labels)
	}
	reg := prometheus.NewRegistry()
	err := reg.Register(&station{
		read:      read,
		parts:     desc("parts_total", "Parts by verdict; no_result parts were rejected.", "verdict"),
		late:      desc("parts_late_total", "Parts rejected since their verdict was late."),
		confirmed: desc("rejects_confirmed_total", "Reject pulses that a sensor confirmed."),
		dropped:   desc("records_dropped_total", "Records that the recorder could not take."),
		state:     desc("state", "1 for the state that the line is in.", "state"),
		bound:     desc("certificate_bound_ratio", "Certified bound of the false-reject rate; absent without a valid certificate."),
		connected: desc("broker_connected", "1 while connected to the MQTT broker."),
		pending:   desc("outbox_pending", "Part records that no broker has acknowledged."),
		lost:      desc("outbox_lost_total", "Part records that will never be sent."),
		pictures:  desc("pictures", "Pictures of rejects that are kept."),
		missed:    desc("triggers_missed_total", "Triggers that the line had no room for."),
		tooSoon:   desc("triggers_too_soon_total", "Triggers within trigger.min_interval, taken for the part before."),
		overruns:  desc("overruns_total", "Parts rejected since too many waited for their verdict."),
		problems:  desc("problems", "Problems that stand."),
		detection: desc("detection_bound_ratio", "Share of such defects that is detected at least, at 95 % confidence.", "proof"),
		times:     desc("stretch_seconds", "Stretches of the way from a part's trigger to its reject pulse.", "stretch"),
	})
	if err != nil {
		return nil, err
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{}), nil
}

// Describe implements prometheus.Collector.
func (s *station) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.parts, s.late, s.confirmed, s.dropped, s.state, s.bound, s.connected, s.pending, s.lost, s.pictures, s.missed, s.tooSoon, s.overruns, s.problems, s.detection, s.times} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *station) Collect(ch chan<- prometheus.Metric) {
	n := s.read()
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count(s.parts, n.Counts.Accept, "accept")
	count(s.parts, n.Counts.Reject, "reject")
	count(s.parts, n.Counts.Unsure, "unsure")
	count(s.parts, n.Counts.NoResult, "no_result")
	count(s.late, n.Counts.Late)
	count(s.confirmed, n.Counts.Confirmed)
	count(s.dropped, n.Counts.Dropped)
	count(s.lost, n.Outbox.Lost)
	for _, state := range telemetry.LineStates() {
		gauge(s.state, indicator(state == n.State), string(state))
	}
	if n.Certificate != nil && n.Certificate.Void == "" {
		gauge(s.bound, n.Certificate.Bound)
	}
	gauge(s.connected, indicator(n.Connected))
	gauge(s.pending, float64(n.Outbox.Pending))
	gauge(s.pictures, float64(n.Pictures))
	count(s.missed, n.MissedTriggers)
	count(s.tooSoon, n.TooSoon)
	count(s.overruns, n.Overruns)
	gauge(s.problems, float64(n.Problems))
	for proof, bound := range n.DetectionBound {
		gauge(s.detection, bound, proof)
	}
	for _, d := range n.Times {
		ch <- prometheus.MustNewConstHistogram(s.times, d.N, d.Sum, d.Below, d.Name)
	}
}

func indicator(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
