package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"winnow/edge"
	"winnow/edge/line"
	"winnow/gpio"
)

// errScore stands for whatever a judge may fail with.
var errScore = errors.New("no score")

// result of a run. Everything under Wrong must be zero.
type result struct {
	Parts    int64                  `json:"parts"`
	Seed     uint64                 `json:"seed"`
	Virtual  float64                `json:"virtual_seconds"`
	Stops    int64                  `json:"belt_stops"`
	Ledger   edge.Counts            `json:"ledger"`
	Extra    line.Extra             `json:"extra"`
	Reasons  map[edge.Reason]uint64 `json:"reasons"`
	Pulses   int                    `json:"pulses"`
	Actuated gpio.Stats             `json:"actuator"`
	Belt     gpio.BeltStats         `json:"belt"`
	Latency  [3]float64             `json:"latency_ms"` // p50, p99, p99.9 of trigger to verdict

	Defective uint64 `json:"defective"`
	Hit       uint64 `json:"rejected_at_gate"`
	LateHit   uint64 `json:"late_rejected_at_gate"`

	Wrong wrong `json:"wrong"`

	FramesOut  uint64 `json:"-"`
	FramesBack uint64 `json:"-"`
	Twice      uint64 `json:"-"`
	Homeless   uint64 `json:"-"`
}

// wrong is what must not happen.
type wrong struct {
	Escaped    uint64 `json:"escaped"`     // defective and accepted, or passed the gate unharmed
	Missed     uint64 `json:"missed"`      // should be rejected, nothing fired
	Neighbours uint64 `json:"neighbours"`  // accepted, and touched anywhere
	LatePassed uint64 `json:"late_passed"` // late, and not rejected
	Undecided  uint64 `json:"undecided"`   // at the gate without a verdict
	Verdicts   uint64 `json:"verdicts"`    // two for a part, or one for no part
	Ledger     uint64 `json:"ledger"`      // 1: out of balance
	Frames     uint64 `json:"frames"`      // not given back
	Outputs    uint64 `json:"outputs"`     // pulses that failed, were lost or too late
}

func (r *result) ok() bool { return r.Wrong == wrong{} }

func (r *result) add(v *edge.Verdict) {
	if r.Reasons == nil {
		r.Reasons = make(map[edge.Reason]uint64)
	}
	r.Reasons[v.Reason]++
}

// cross books a part that passes the gate.
func (r *result) cross(p part) {
	hit := p.hit
	count := func(n *uint64, is bool) {
		if is {
			*n++
		}
	}
	count(&r.Defective, p.defective)
	count(&r.Hit, hit)
	count(&r.LateHit, hit && p.late)
	count(&r.Wrong.Undecided, !p.decided)
	count(&r.Wrong.Escaped, p.defective && !hit)
	count(&r.Wrong.Missed, p.fires && !hit)
	count(&r.Wrong.LatePassed, p.late && (!p.fires || !hit))
	count(&r.Wrong.Neighbours, p.decided && !p.fires && p.struck)
}

// finish collects the counters.
func (w *world) finish() {
	w.machine.Abort() // nothing is open; a frame may wait for a trigger that never comes
	r := &w.result
	r.Parts, r.Seed = w.sent, w.plan.Seed
	r.Virtual, r.Stops = time.Duration(w.clock.now-1e9).Seconds(), w.belt.stops
	r.Ledger, r.Extra = w.machine.Counts(), w.machine.Extra()
	r.Pulses, r.Actuated, r.Belt = w.wire.Rises(gpio.High), w.sched.Stats(), w.tracker.Stats()
	h := w.machine.Latency()
	for i, q := range []float64{0.5, 0.99, 0.999} {
		r.Latency[i] = float64(h.Quantile(q)) / 1e6
	}
	r.Wrong.Verdicts = r.Twice + r.Homeless
	if !r.Ledger.Balanced() || r.Ledger.Triggers != uint64(w.sent) {
		r.Wrong.Ledger = 1
	}
	inHand := uint64(len(w.shots))
	if w.job != nil {
		inHand++
	}
	r.Wrong.Frames = r.FramesOut - r.FramesBack - inHand
	r.Wrong.Outputs = r.Actuated.Failed + r.Actuated.Missed + r.Belt.Full + r.Belt.Lost + r.Belt.TooLate
}

func (r *result) print(out io.Writer) error {
	verdict := "as it should be: every late part rejected, no neighbour hit, ledger balanced"
	if !r.ok() {
		verdict = fmt.Sprintf("WRONG: %+v", r.Wrong)
	}
	_, err := fmt.Fprintf(out, `%d parts over %.1f h of virtual time, %d belt stops (seed %d)
ledger    %d accept + %d reject + %d unsure + %d no result = %d triggers
late      %d, of which rejected at the gate %d
rejected  %d at the gate by %d pulses (%d merged)
defective %d, escaped %d; neighbours hit %d
latency   trigger to verdict p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms
%s
`, r.Parts, r.Virtual/3600, r.Stops, r.Seed,
		r.Ledger.Accept, r.Ledger.Reject, r.Ledger.Unsure, r.Ledger.NoResult, r.Ledger.Triggers,
		r.Ledger.Late, r.LateHit, r.Hit, r.Pulses, r.Actuated.Merged,
		r.Defective, r.Wrong.Escaped, r.Wrong.Neighbours,
		r.Latency[0], r.Latency[1], r.Latency[2], verdict)
	return err
}
