package line

import (
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	"winnow/edge"
)

// ChallengeConfig is a timetable of known-bad parts.
type ChallengeConfig struct {
	Every time.Duration // a challenge is due this long after the last one passed
	Grace time.Duration // and READY drops this much later
	Parts int           // known-bad parts of one challenge; 0: 3
}

// Challenges keeps the timetable and the statistics of known-bad parts sent
// through the station. A challenge is passed when all of its parts were
// rejected. It decides and never waits; it is safe for concurrent use.
type Challenges struct {
	cfg   ChallengeConfig
	clock edge.Clock

	mu        sync.Mutex
	due       edge.Instant
	begun     edge.Instant // the running challenge
	left      int          // parts of the running challenge still to come; 0: none runs
	missed    bool         // one of the running challenge was not rejected
	caught, n uint64
	failed    bool // one was not rejected, and no challenge was passed since
}

// NewChallenges starts the timetable: the first challenge is due now.
func NewChallenges(c ChallengeConfig, clock edge.Clock) (*Challenges, error) {
	if c.Every <= 0 || c.Grace < 0 || c.Parts < 0 {
		return nil, fmt.Errorf("challenges: every %v, grace %v, %d parts: give a time above 0", c.Every, c.Grace, c.Parts)
	}
	c.Parts = orElse(c.Parts, 3)
	return &Challenges{cfg: c, clock: clock, due: clock.Now()}, nil
}

// Begin says that the parts triggered from now on are known-bad.
func (c *Challenges) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.missed, c.begun = c.cfg.Parts, false, c.clock.Now()
}

// Judged books the verdict of the next known-bad part. Only a reject for what
// was seen counts: a part that was rejected because it was late or without a
// frame proves nothing, and is to be sent again. It returns whether the part was
// one of a running challenge.
func (c *Challenges) Judged(v *edge.Verdict) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 || c.begun.After(v.Trigger) {
		return false
	}
	if v.Decision == edge.Reject && v.Reason != edge.ReasonScore {
		return true
	}
	c.left--
	c.n++
	if v.Decision == edge.Reject {
		c.caught++
	} else {
		c.missed, c.failed = true, true
	}
	if c.left == 0 && !c.missed {
		c.failed, c.due = false, c.clock.Now().Add(c.cfg.Every)
	}
	return true
}

// Due reports whether a challenge should be made now.
func (c *Challenges) Due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left == 0 && !c.due.After(c.clock.Now())
}

// Hold is why the line must not be READY, or empty: give it to the line as the
// Reason of a Hold with code "challenge".
func (c *Challenges) Hold() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch late := c.clock.Now().Sub(c.due); {
	case c.failed:
		return "a known-bad part was not rejected; check lamp, focus and model, then repeat the challenge"
	case late > c.cfg.Grace:
		return fmt.Sprintf("the challenge is overdue; send %d known-bad parts", c.cfg.Parts) // the same each time: a new reason is told anew
	}
	return ""
}

// Renew begins for a judge, of which earlier challenges proved so much, or failed: a
// challenge is due now.
func (c *Challenges) Renew(caught, n uint64, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due, c.left, c.failed = c.clock.Now(), 0, failed
	c.caught, c.n = caught, n
}

// Detection is what the challenges have proved: that at least Bound of such
// parts are detected, at 95 % confidence.
type Detection struct {
	Caught uint64  `json:"caught"`
	N      uint64  `json:"n"`
	Bound  float64 `json:"bound"`
}

// String says it in words. The bound is rounded down: nothing more is proved.
func (d Detection) String() string {
	if d.N == 0 {
		return "nothing was tried"
	}
	return fmt.Sprintf("%d of %d: at least %.1f %% are detected, at 95 %% confidence", d.Caught, d.N, math.Floor(d.Bound*1000)/10)
}

// MarshalJSON adds the words.
func (d Detection) MarshalJSON() ([]byte, error) {
	type plain Detection
	return json.Marshal(struct {
		plain
		Says string `json:"says"`
	}{plain(d), d.String()})
}

// Detection returns the statistics.
func (c *Challenges) Detection() Detection {
	d, _ := c.Standing()
	return d
}

// Standing is what Renew wants to know after a restart: the statistics, and whether a
// known-bad part was not rejected and no challenge was passed since.
func (c *Challenges) Standing() (d Detection, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Detection{c.caught, c.n, LowerBound(c.caught, c.n, 0.95)}, c.failed
}
