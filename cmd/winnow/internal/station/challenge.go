package station

import (
	"context"
	"encoding/json"

	"winnow/edge"
	"winnow/edge/line"
)

// Challenge is what is proved of the station's sight.
type Challenge struct {
	Due      bool           `json:"due"`      // known-bad parts should be sent now
	Hold     string         `json:"hold"`     // why READY is down for it; "" if it is not
	Parts    line.Detection `json:"parts"`    // known-bad parts that were sent
	Injected line.Detection `json:"injected"` // defects drawn into live pictures
}

// Challenge returns the state of the challenges.
func (s *Station) Challenge() Challenge {
	var c Challenge
	if s.challenges != nil {
		c.Due, c.Hold, c.Parts = s.challenges.Due(), s.challenges.Hold(), s.challenges.Detection()
	}
	if p := s.model.Load().prober; p != nil {
		c.Injected = p.detection()
	}
	return c
}

// cmdChallenge says that the next parts are known-bad.
func (s *Station) cmdChallenge(_ context.Context, raw json.RawMessage) error {
	if err := arguments(raw, new(struct{})); err != nil {
		return err
	}
	if s.challenges == nil {
		return refused("challenge.every is 0s: no challenges are asked for")
	}
	s.challenges.Begin()
	return nil
}

// challenged books a verdict, if it is of a known-bad part, and takes the hold
// off or on. It never blocks.
func (s *Station) challenged(v *edge.Verdict) {
	if s.challenges == nil || !s.challenges.Judged(v) {
		return
	}
	d := s.challenges.Detection()
	s.log.Info("known-bad part", "part", v.ID.Seq, "verdict", v.Decision.String(), "reason", v.Reason, "proved", d.String())
	s.checkChallenge()
}

// checkChallenge drops READY while a challenge is overdue or has failed.
func (s *Station) checkChallenge() {
	if s.challenges == nil {
		return
	}
	why := s.challenges.Hold()
	s.line.Post(line.Hold{Code: "challenge", Reason: why})
	switch {
	case why != "":
		s.health.Raise("challenge", why, "send the command \"challenge\", then the known-bad parts")
	default:
		s.health.Clear("challenge")
	}
}
