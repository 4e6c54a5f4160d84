package station

import (
	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/edge/line"
	"winnow/infer/drift"
	"winnow/telemetry"
)

// certificate of the model in force, void where its tests say so. Models are
// calibrated by the frame; what is promised here is of parts, with all their frames.
func (s *Station) certificate() edge.Certificate {
	m := s.model.Load()
	c := m.Certificate
	if m.Watch != nil {
		c = m.Watch.Certificate()
	}
	rule, _ := line.ParseRule(string(s.cfg.Recipe.Rule)) // checked with the configuration
	c.Bound = rule.Bound(c.Bound, s.cfg.Recipe.Frames)
	return c
}

// tellDrift publishes what the tests have come to since seen, and returns what it
// has published.
func (s *Station) tellDrift(seen *watch.Status) *watch.Status {
	m := s.model.Load()
	if m.Watch == nil {
		return nil
	}
	now := m.Watch.Status()
	if now == seen {
		return seen
	}
	s.teller.Drift(DriftReport(now))
	for k := range drift.Kinds {
		s.checkDrift(now, drift.Kind(k))
	}
	if seen == nil || now.Dead != seen.Dead {
		s.checkCamera(now)
	}
	if seen == nil || now.Void != seen.Void {
		s.telling.Lock()
		s.tellState(s.line.Status())
		s.telling.Unlock()
		s.checkCertificate(now)
	}
	return now
}

// DriftReport is now as it is published.
func DriftReport(now *watch.Status) telemetry.DriftReport {
	return telemetry.DriftReport{
		Light: now.Levels[drift.Light], Focus: now.Levels[drift.Focus], Pose: now.Levels[drift.Pose], Product: now.Levels[drift.Product],
		Void: now.Void,
	}
}

// checkDrift raises or clears the alarm of one kind of drift.
func (s *Station) checkDrift(now *watch.Status, k drift.Kind) {
	code := "drift-" + k.String()
	for _, a := range now.Alarms {
		if a.Kind == k {
			s.health.Raise(code, a.Text, a.Action)
			return
		}
	}
	s.health.Clear(code)
}

// checkCamera raises the alarm of a camera of which something has died.
func (s *Station) checkCamera(now *watch.Status) {
	if now.Dead == "" {
		s.health.Clear("camera-dead")
		return
	}
	s.health.Raise("camera-dead", "the camera seems to have "+now.Dead+", and had not when it was taught",
		"mend the camera, or run winnow calibrate on pictures of good parts that it takes now: then what is dead is bridged")
}

// checkCertificate raises the alarm of a certificate that is void.
func (s *Station) checkCertificate(now *watch.Status) {
	if now.Void == "" {
		s.health.Clear("certificate")
		return
	}
	s.health.Raise("certificate", "the certificate is void: "+now.Void, "recalibrate with fresh good parts: 30 do, 299 prove 1 %")
}
