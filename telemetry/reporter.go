package telemetry

import (
	"fmt"
	"sync"

	"winnow/edge"
)

// Sink takes messages that need no outbox. Neither method waits.
type Sink interface {
	// Retain publishes with QoS 1, retained, now and after every reconnect;
	// only the latest payload of a topic counts. An empty payload clears it.
	Retain(topic string, payload []byte)
	// Send publishes once with QoS 0 and may drop.
	Send(topic string, payload []byte)
}

// Reporter turns what happens at the station into messages. Every method
// returns without waiting for network or disk; all are safe for concurrent use.
type Reporter struct {
	station *Station
	sink    Sink
	outbox  *Outbox

	mu    sync.Mutex
	since map[string]Stamp // alarms that are up
}

// NewReporter returns a Reporter that tells sink and outbox.
func NewReporter(station *Station, sink Sink, outbox *Outbox) *Reporter {
	return &Reporter{station: station, sink: sink, outbox: outbox, since: map[string]Stamp{}}
}

// Part reports one verdict: its record through the outbox, its heatmap
// directly. It returns false when the record could not be taken. v may be
// reused as soon as Part returns.
func (r *Reporter) Part(v *edge.Verdict) bool {
	c := *v
	c.Regions = append([]edge.Region(nil), v.Regions...)
	ok := r.outbox.Enqueue(r.station.topics.Part(), func(record uint64) ([]byte, error) {
		return EncodePart(&c, record)
	})
	if b, err := EncodeHeatmap(&c); err == nil && v.Heatmap != (edge.Heatmap{}) {
		r.sink.Send(r.station.topics.Heatmap(), b)
	}
	return ok
}

// Online reports again that the station is there, with the model now in force.
func (r *Reporter) Online() {
	r.sink.Retain(r.station.topics.Status(), r.station.EncodeStatus(Online))
}

// Counts reports the ledger.
func (r *Reporter) Counts(c edge.Counts) {
	o := r.outbox.Stats()
	r.sink.Retain(r.station.topics.Counts(), encode(Counts{
		Header: r.station.header(), Counts: c,
		Records: RecordCounts{Pending: o.Pending, Lost: o.Lost},
	}))
}

// State reports the state of the line; what is no state is reported as FAULT.
// cert is nil before calibration.
func (r *Reporter) State(s LineState, reason, recipe string, cert *edge.Certificate) {
	if !s.Valid() {
		s, reason = Fault, fmt.Sprintf("unknown state %q: %s", s, reason)
	}
	r.sink.Retain(r.station.topics.State(), encode(State{
		Header: r.station.header(), State: s, Reason: clip(reason),
		Recipe: clip(recipe), Certificate: CertificateOf(cert),
	}))
}

// DriftReport is how far the scene has moved from the teach set, each in
// standard deviations of the teach set; NaN where not measured.
type DriftReport struct {
	Light, Focus, Pose, Product float64
	Void                        string // why the certificate no longer holds; "" while it does
}

// Drift reports a measurement of drift.
func (r *Reporter) Drift(d DriftReport) {
	certificate := "valid"
	if d.Void != "" {
		certificate = "void"
	}
	r.sink.Retain(r.station.topics.Drift(), encode(Drift{
		Header: r.station.header(),
		Light:  Number(d.Light), Focus: Number(d.Focus), Pose: Number(d.Pose), Product: Number(d.Product),
		Certificate: certificate, Reason: clip(d.Void),
	}))
}

// Alarm raises or renews an alarm: code is an id, text says what is wrong and
// action what a person does about it. Since stays that of the first call.
func (r *Reporter) Alarm(code, text, action string) error {
	topic, err := r.station.topics.Alarm(code)
	if err != nil {
		return err
	}
	h := r.station.header()
	r.mu.Lock()
	since, up := r.since[code]
	if !up {
		since = h.At
		r.since[code] = since
	}
	r.mu.Unlock()
	r.sink.Retain(topic, encode(Alarm{
		Header: h, Code: code, Since: since, Text: clip(text), Action: clip(action),
	}))
	return nil
}

// ClearAlarm takes an alarm back.
func (r *Reporter) ClearAlarm(code string) error {
	topic, err := r.station.topics.Alarm(code)
	if err != nil {
		return err
	}
	r.mu.Lock()
	delete(r.since, code)
	r.mu.Unlock()
	r.sink.Retain(topic, nil)
	return nil
}
