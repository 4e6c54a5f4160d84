package station

import (
	"context"
	"time"

	"winnow/edge/line"
	"winnow/telemetry"
	"winnow/telemetry/hass"
	"winnow/telemetry/metrics"
	"winnow/telemetry/modbus"
)

// serviceRetry is how long a service that failed waits before it begins again.
const serviceRetry = 5 * time.Second

// serve keeps a service running until ctx ends; the line does not need it.
func (s *Station) serve(ctx context.Context, name, action string, run func(context.Context) error) {
	for {
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		s.health.Check(name, err, action)
		if s.clock.SleepUntil(ctx, s.clock.Now().Add(serviceRetry)) != nil {
			return
		}
	}
}

// runModbus serves PLCs, if the configuration says where.
func (s *Station) runModbus(ctx context.Context) {
	if s.cfg.Modbus.Listen == "" {
		return
	}
	s.serve(ctx, "modbus", "choose a free address for modbus.listen", func(ctx context.Context) error {
		return modbus.Run(ctx, modbus.Config{Listen: s.cfg.Modbus.Listen, Serving: func() { s.health.Clear("modbus") }}, s.registers)
	})
}

// registers is what a PLC reads.
func (s *Station) registers() modbus.Snapshot {
	st := s.line.Status()
	s.plc.mu.Lock()
	defer s.plc.mu.Unlock()
	return modbus.Snapshot{
		Ready: st.State == line.Ready, Error: st.State == line.Fault, Stop: st.Stop, Shadow: st.State == line.Shadow,
		Inhibit: st.State == line.Inhibit, Teaching: st.State == line.Teaching,
		Counts: s.line.Counts(), LastPart: s.plc.last.seq, LastDecision: s.plc.last.decision, Heartbeat: s.plc.beats,
	}
}

// introduce tells Home Assistant of the station, if the configuration says so.
func (s *Station) introduce(who telemetry.Identity) error {
	h := s.cfg.MQTT.HomeAssistant
	if !h.Enabled {
		return nil
	}
	topic, body, err := hass.Discovery(h.Prefix, who)
	if err == nil {
		s.teller.client.Retain(topic, body)
	}
	return err
}

// figures is what a scrape of /metrics shows.
func (s *Station) figures() metrics.Snapshot {
	cert := s.certificate()
	n := metrics.Snapshot{
		Counts: s.line.Counts(), State: telemetry.LineState(s.line.Status().State.String()), Certificate: &cert,
		Outbox: s.teller.Outbox.Stats(), Connected: s.teller.client.Stats().Connected, Pictures: s.pictures.Stats().Kept,
		MissedTriggers: s.line.MissedTriggers(), TooSoon: s.triggers.tooSoon.Load(), Overruns: s.line.Extra().Overruns, Problems: len(s.health.Problems()),
	}
	if n.Certificate.N == 0 {
		n.Certificate = nil
	}
	c := s.Challenge()
	n.DetectionBound = map[string]float64{"parts": c.Parts.Bound, "injected": c.Injected.Bound}
	s.times.mu.Lock()
	defer s.times.mu.Unlock()
	for i := range s.times.cuts {
		h := &s.times.cuts[i]
		d := metrics.Distribution{Name: cutNames[i], N: h.N, Sum: s.times.sums[i].Seconds(), Below: map[float64]uint64{}}
		for _, b := range bounds {
			d.Below[b.Seconds()] = h.Below(b)
		}
		n.Times = append(n.Times, d)
	}
	return n
}

// bounds of the buckets of /metrics.
var bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
}
