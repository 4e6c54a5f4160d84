package station

import (
	"sync"
	"time"

	"winnow/edge"
	"winnow/edge/line"
	"winnow/gpio"
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
	mu   sync.Mutex
	cuts [cuts]line.Histogram
	sums [cuts]time.Duration
	ring [capacity]stamps // of the parts that may still get their pulse, by number
}

type stamps struct {
	seq             uint64
	trigger, scored edge.Instant
}

func (t *times) add(cut int, d time.Duration) {
	t.cuts[cut].Add(d)
	t.sums[cut] += max(d, 0)
}

// acted notes a part whose verdict goes to the actuators.
func (t *times) acted(v *edge.Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring[v.ID.Seq%capacity] = stamps{v.ID.Seq, v.Trigger, v.Scored}
	if v.Frame != 0 {
		t.add(cutFrame, v.Frame.Sub(v.Trigger))
		t.add(cutScore, v.Scored.Sub(v.Frame))
	}
}

// pulsed notes the pulse that a part got.
func (t *times) pulsed(r gpio.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.ring[r.ID%capacity]
	if r.Outcome != gpio.Fired || r.Manual || s.seq != r.ID {
		return
	}
	t.add(cutWait, r.At.Sub(s.scored))
	t.add(cutEdge, r.Start.Sub(r.At))
	t.add(cutTotal, r.Start.Sub(s.trigger))
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
