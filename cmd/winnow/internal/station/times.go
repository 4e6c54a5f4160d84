package station

import (
	"sync"
	"time"

	"winnow/edge"
	"winnow/edge/line"
	"winnow/gpio"
	"winnow/telemetry"
)

// Cut is a stretch of the way from a part's trigger to its reject pulse.
type Cut struct {
	Name  string
	Ours  bool // shorter by better software; else the camera's, or wanted
	Times line.Histogram
}

// The cuts, in the order of the way.
const (
	cutFrame = iota // trigger to exposure: the camera's
	cutScore        // exposure to decision: transfer, preprocessing, model, rules
	cutWait         // decision to the instant of the pulse: the way to the actuator
	cutEdge         // the instant of the pulse to the output's edge
	cutTotal        // trigger to the output's edge
	cuts
)

var cutNames = [cuts]string{"trigger_frame", "frame_score", "score_due", "due_edge", "trigger_edge"}

// times measures every part's way from trigger to output. It is safe for
// concurrent use.
type times struct {
	mu     sync.Mutex
	cuts   [cuts]line.Histogram
	sums   [cuts]time.Duration
	ring   [capacity]stamps // of the latest parts, by number
	latest uint64           // part
}

// stamps are of one part; instants of zero did not come.
type stamps struct {
	seq                         uint64
	trigger, frame, scored, due edge.Instant
	decision                    edge.Decision
	reason                      edge.Reason
	score, threshold            float64
	pulse                       edge.Instant // when its pulse was wanted
	on, off                     edge.Instant // of the output
	outcome                     string       // of the pulse
}

func (t *times) add(cut int, d time.Duration) {
	t.cuts[cut].Add(d)
	t.sums[cut] += max(d, 0)
}

// acted notes a part whose verdict goes to the actuators.
func (t *times) acted(v *edge.Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latest = max(t.latest, v.ID.Seq)
	s := &t.ring[v.ID.Seq%capacity]
	pulse := stamps{seq: v.ID.Seq}
	if s.seq == v.ID.Seq {
		pulse = *s // it was fired at before its verdict came
	}
	*s = stamps{
		seq: v.ID.Seq, trigger: v.Trigger, frame: v.Frame, scored: v.Scored, due: v.Due,
		score: v.Score.Fused, threshold: v.Score.Threshold, pulse: pulse.pulse, on: pulse.on, off: pulse.off, outcome: pulse.outcome,
	}
	if v.Frame != 0 {
		t.add(cutFrame, v.Frame.Sub(v.Trigger))
		t.add(cutScore, v.Scored.Sub(v.Frame))
	}
}

// decided notes what became of the verdict of a part that was acted upon.
func (t *times) decided(v *edge.Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := &t.ring[v.ID.Seq%capacity]; s.seq == v.ID.Seq {
		s.decision, s.reason = v.Decision, v.Reason
	}
}

// pulsed notes the pulse that a part got.
func (t *times) pulsed(r gpio.Record) {
	gpio.LockSoon(&t.mu)
	defer t.mu.Unlock()
	s := &t.ring[r.ID%capacity]
	if r.Manual || s.seq > r.ID {
		return
	}
	if s.seq < r.ID {
		*s = stamps{seq: r.ID}
	}
	s.pulse, s.on, s.off, s.outcome = r.At, r.Start, r.End, r.Outcome.String()
	if r.Outcome != gpio.Fired || s.trigger == 0 {
		return
	}
	t.add(cutWait, r.At.Sub(s.scored))
	t.add(cutEdge, r.Start.Sub(r.At))
	t.add(cutTotal, r.Start.Sub(s.trigger))
}

// Part is how one part went from trigger to output. Times are microseconds from its
// trigger; null where something did not come.
type Part struct {
	Part      uint64           `json:"part"`
	Verdict   edge.Decision    `json:"verdict"`
	Reason    edge.Reason      `json:"reason"`
	Score     telemetry.Number `json:"score"`
	Threshold telemetry.Number `json:"threshold"`
	Frame     *int64           `json:"frame_us"`  // it was exposed
	Scored    *int64           `json:"scored_us"` // the decision was made
	Due       *int64           `json:"due_us"`    // the last instant for that
	Pulse     *int64           `json:"pulse_us"`  // its pulse was to begin
	On        *int64           `json:"on_us"`     // the output went on: of a merged pulse, that which it was merged with
	Off       *int64           `json:"off_us"`
	Outcome   string           `json:"outcome"` // of the pulse; "": none was asked for, or it is still to come
}

// Parts returns the latest parts that the actuators were told of, the newest first.
func (s *Station) Parts() []Part {
	t := s.times
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := []Part{}
	for seq := t.latest; seq > 0 && seq+capacity > t.latest; seq-- {
		p := t.ring[seq%capacity]
		if p.seq != seq || p.trigger == 0 {
			continue
		}
		after := func(at edge.Instant) *int64 {
			if at == 0 {
				return nil
			}
			us := at.Sub(p.trigger).Microseconds()
			return &us
		}
		parts = append(parts, Part{
			Part: seq, Verdict: p.decision, Reason: p.reason, Score: telemetry.Number(p.score), Threshold: telemetry.Number(p.threshold), Outcome: p.outcome,
			Frame: after(p.frame), Scored: after(p.scored), Due: after(p.due), Pulse: after(p.pulse), On: after(p.on), Off: after(p.off),
		})
	}
	return parts
}

// CutTotal is the name of the whole way.
const CutTotal = "trigger_edge"

// Counts returns the ledger since the start.
func (s *Station) Counts() edge.Counts { return s.line.Counts() }

// Pulses says what became of the actuators' pulses since the start.
func (s *Station) Pulses() gpio.Stats {
	if s.outs.sched == nil {
		return gpio.Stats{}
	}
	return s.outs.sched.Stats()
}

// Cuts returns the times since the start.
func (s *Station) Cuts() []Cut {
	s.times.mu.Lock()
	defer s.times.mu.Unlock()
	var all []Cut
	for i, h := range s.times.cuts {
		all = append(all, Cut{cutNames[i], i == cutScore || i == cutEdge, h})
	}
	return all
}
