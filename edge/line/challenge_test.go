package line

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
)

func TestChallengeTimetable(t *testing.T) {
	c := clock.NewManual(1000*ms, edge.WallTime{})
	ch, err := NewChallenges(ChallengeConfig{Every: time.Hour, Grace: time.Minute, Parts: 2}, c)
	if err != nil {
		t.Fatal(err)
	}
	if !ch.Due() || ch.Hold() != "" {
		t.Error("the first one is due at the start, and in its grace")
	}
	c.Advance(time.Minute + 1)
	if ch.Hold() == "" {
		t.Error("READY stays although no challenge was made")
	}
	why := ch.Hold()
	if c.Advance(time.Second); ch.Hold() != why {
		t.Errorf("nothing has changed, but alarm and state are told anew: %q, then %q", why, ch.Hold())
	}
	const ever = edge.Instant(1 << 62)
	caught := &edge.Verdict{Trigger: ever, Decision: edge.Reject, Reason: edge.ReasonScore}
	late := &edge.Verdict{Trigger: ever, Decision: edge.Reject, Reason: edge.ReasonLate}
	missed := &edge.Verdict{Trigger: ever, Decision: edge.Accept}
	before := &edge.Verdict{Trigger: c.Now() - 1, Decision: edge.Accept}
	if ch.Judged(caught) {
		t.Error("a part outside of a challenge was counted")
	}
	ch.Begin()
	if ch.Judged(before) {
		t.Error("a part that was on the belt when the challenge began was counted")
	}
	for _, v := range []*edge.Verdict{caught, late, late, caught} {
		if ch.Due() || !ch.Judged(v) {
			t.Error("not of the challenge")
		}
	}
	if ch.Hold() != "" || ch.Due() {
		t.Errorf("after a passed challenge: %q", ch.Hold())
	}
	c.Advance(time.Hour)
	ch.Begin()
	if ch.Judged(missed); ch.Hold() == "" {
		t.Error("READY waits for the other parts of a challenge that has failed")
	}
	ch.Judged(caught)
	if ch.Hold() == "" || !ch.Due() {
		t.Error("a failed challenge leaves the line READY")
	}
	if d, failed := ch.Standing(); d.N != 4 || !failed {
		t.Errorf("%+v, failed: %v", d, failed)
	}
	if ch.Begin(); ch.Hold() == "" {
		t.Error("a challenge that begins lifts the failure of the one before")
	}
	ch.Judged(caught)
	ch.Judged(caught)
	if d := ch.Detection(); ch.Hold() != "" || d.N != 6 || d.Caught != 5 {
		t.Errorf("%q %+v", ch.Hold(), d)
	}
}

func TestFiftyNineOfFiftyNine(t *testing.T) {
	ch, _ := NewChallenges(ChallengeConfig{Every: time.Hour, Parts: 59}, clock.NewManual(1, edge.WallTime{}))
	ch.Begin()
	for range 59 {
		ch.Judged(&edge.Verdict{Trigger: 1, Decision: edge.Reject, Reason: edge.ReasonScore})
	}
	d := ch.Detection()
	if d.Bound < 0.95 || d.Bound > 0.951 {
		t.Errorf("%+v", d)
	}
	const says = "59 of 59: at least 95.0 % are detected, at 95 % confidence"
	if b, err := json.Marshal(d); d.String() != says || err != nil || !strings.Contains(string(b), says) {
		t.Errorf("%q, %s %v", d.String(), b, err)
	}
	if d := (Detection{58, 59, LowerBound(58, 59, 0.95)}); d.String() != "58 of 59: at least 92.2 % are detected, at 95 % confidence" {
		t.Error(d)
	}
}

func TestCurveCountsWhatOtherThresholdsWouldReject(t *testing.T) {
	var c Curve
	for i := range 100 { // scores 0.02, 0.04 .. 2.00 of a threshold of 10
		c.Add(&edge.Verdict{Decision: edge.Accept, Score: edge.Score{Fused: float64(i+1) * 0.2, Threshold: 10}})
	}
	c.Add(&edge.Verdict{Decision: edge.Reject, Reason: edge.ReasonNoFrame, Score: edge.Score{Fused: 99, Threshold: 10}})
	for _, p := range c.Points(2.5) {
		want := max(0, 100-int(math.Round(p.Threshold*50))+1)
		if d := int(p.Rejects) - want; d < -1 || d > 1 || p.N != 100 || p.Cost != 2.5*float64(p.Rejects) {
			t.Errorf("%+v, want %d rejects", p, want)
		}
		if share := float64(p.Rejects) / 100; p.Low > share || p.High < share {
			t.Errorf("%+v: the share is not within its bounds", p)
		}
	}
}

// TestLowerBoundAgainstItsDefinition: at the bound, as many hits or more are seen with a probability of
// one less the confidence; and the bound of a day's million parts is had at once.
func TestLowerBoundAgainstItsDefinition(t *testing.T) {
	tail := func(n, k uint64, p float64) (sum float64) {
		for i := k; i <= n; i++ {
			term := 1.0
			for j := range i { // n over i times p^i, factor by factor
				term *= float64(n-j) / float64(j+1) * p
			}
			sum += term * math.Pow(1-p, float64(n-i))
		}
		return sum
	}
	for n := uint64(1); n <= 60; n++ {
		for k := uint64(1); k <= n; k++ {
			if p := LowerBound(k, n, 0.95); math.Abs(tail(n, k, p)-0.05) > 1e-9 || p <= 0 || p >= float64(k)/float64(n) {
				t.Errorf("%d of %d: at %g as many or more have a probability of %g", k, n, p, tail(n, k, p))
			}
		}
	}
	if p := LowerBound(10_000, 1_000_000, 0.95); math.Abs(p-0.009837) > 2e-6 {
		t.Errorf("10 000 of a million: at least %g", p)
	}
}
