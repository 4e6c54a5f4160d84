package line

import (
	"sync"

	"winnow/edge"
)

// Curve says what rejects would have cost at other thresholds, from parts that
// were judged in shadow mode. It keeps counts only, so it may run for weeks. The
// zero value is empty; it is safe for concurrent use.
type Curve struct {
	mu sync.Mutex
	n  uint64
	at [curveSteps + 1]uint64 // parts by score over threshold; the last: beyond
}

// The curve covers 0 to 4 times the threshold in steps of 1/50.
const (
	curveSteps = 200
	curveUnit  = 50
)

// Add books a part that was judged; others say nothing about thresholds.
func (c *Curve) Add(v *edge.Verdict) {
	s := v.Score
	if !resultOf(v) || v.Reason == edge.ReasonLate || !(s.Threshold > 0) {
		return
	}
	i := curveSteps
	if ratio := s.Fused / s.Threshold; ratio < curveSteps/curveUnit {
		i = int(max(ratio, 0) * curveUnit)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	c.at[i]++
}

// Reset empties the curve, for another judge.
func (c *Curve) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n, c.at = 0, [curveSteps + 1]uint64{}
}

// Point of a Curve: with the threshold at Threshold times the present one,
// Rejects of N parts would have been rejected, at Cost. Low and High bound the
// share of rejects, each at 95 % confidence.
type Point struct {
	Threshold float64 `json:"threshold"`
	Rejects   uint64  `json:"rejects"`
	N         uint64  `json:"n"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Cost      float64 `json:"cost"`
}

// Points returns the curve at every tenth of the threshold from 0.5 to 3; each
// reject costs perReject, in whatever money it is given.
func (c *Curve) Points(perReject float64) []Point {
	c.mu.Lock()
	total, at := c.n, c.at
	c.mu.Unlock() // the line must not wait for the arithmetic
	var out []Point
	for tenth := 5; tenth <= 30; tenth++ {
		p := Point{Threshold: float64(tenth) / 10, N: total}
		for _, n := range at[tenth*curveUnit/10:] {
			p.Rejects += n
		}
		p.Low = LowerBound(p.Rejects, p.N, 0.95)
		p.High = 1 - LowerBound(p.N-p.Rejects, p.N, 0.95)
		p.Cost = float64(p.Rejects) * perReject
		out = append(out, p)
	}
	return out
}
