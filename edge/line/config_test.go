package line

import (
	"math"
	"testing"

	"winnow/edge"
)

// Parts with so many rejected frames that the part is rejected, and none elsewhere, are
// the worst that a frame's false-reject rate allows; the bound is met there.
func TestTheBoundOfAPartIsThatOfItsWorstFrames(t *testing.T) {
	const frame = 0.004
	for _, r := range []Rule{Any, Majority, Mean} {
		for k := 1; k <= 9; k++ {
			least := 0 // rejected frames that reject a part
			for n := k; n >= 0; n-- {
				if partOf(r, k, n) == edge.Reject {
					least = n
				}
			}
			worst := frame * float64(k) / float64(least)
			if b := r.Bound(frame, k); math.Abs(b-worst) > 1e-12 {
				t.Errorf("%v, %d frames, rejected for %d of them: bound %g, want %g", r, k, least, b, worst)
			}
		}
	}
	if b := Any.Bound(0.3, 64); b != 1 {
		t.Errorf("a share is at most 1, not %g", b)
	}
}

// partOf fuses k frames, n of them rejected with a score far above the threshold.
func partOf(r Rule, k, n int) edge.Decision {
	var s slot
	s.init(k)
	s.got, s.asked, s.judged = k, k, k
	for i := range k {
		j := Job{Verdict: edge.Verdict{Decision: edge.Accept, Score: edge.Score{Fused: 0.5, Threshold: 1}}}
		if i < n {
			j.Verdict.Decision, j.Verdict.Score.Fused, j.Verdict.Reason = edge.Reject, 1000, edge.ReasonScore
		}
		s.tally(&j)
	}
	d, _, _ := s.fuse(r)
	return d
}
