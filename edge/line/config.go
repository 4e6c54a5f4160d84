package line

import (
	"errors"
	"fmt"
	"time"

	"winnow/edge"
)

// Rule fuses the frames of one part.
type Rule uint8

// Rules. Whatever the rule, a frame that cannot be judged rejects the part.
const (
	Any      Rule = iota // one rejected frame rejects the part
	Majority             // more than half of the frames reject; a tie is Unsure
	Mean                 // the mean of the fused scores is compared with the threshold
)

func (r Rule) String() string {
	if int(r) < len(ruleNames) {
		return ruleNames[r]
	}
	return fmt.Sprintf("rule(%d)", uint8(r))
}

// Bound is what a part's false-reject rate is at most where that of a frame is at
// most frame and a part has frames of them, alike as they may be: parts are rejected
// for at least m of their frames, and Markov's inequality gives frames*frame/m.
// m is 1 under Any, more than half of the frames under Majority, and 1 under Mean:
// a mean above the threshold takes a frame above it.
func (r Rule) Bound(frame float64, frames int) float64 {
	m := 1
	if r == Majority {
		m = frames/2 + 1
	}
	return min(1, frame*float64(frames)/float64(m))
}

var ruleNames = [...]string{"any", "majority", "mean"}

// ParseRule accepts the names that String gives.
func ParseRule(s string) (Rule, error) {
	for i, n := range ruleNames {
		if n == s {
			return Rule(i), nil
		}
	}
	return 0, fmt.Errorf("frame rule %q is not one of any, majority, mean", s)
}

// Limits stop the line when too much is rejected: a lamp that failed rejects
// everything, and somebody should look. Zero switches a limit off.
type Limits struct {
	Consecutive int // parts in a row that are not accepted
	Rejects     int // of the last Window parts
	Window      int // at most 10 000
}

// Config of a line. Only Deadline is needed; other zero values mean what their
// comments say.
type Config struct {
	Device string // the three names go into every verdict
	Boot   string
	Recipe string
	Model  string

	// Triggered says that parts are announced by Trigger. Otherwise the camera
	// runs free and every Frames frames are a part, announced by the first.
	Triggered bool
	// Deadline is the time from trigger to Due. It must leave the actuator the
	// rest of the way.
	Deadline time.Duration
	// FrameDelay is added to a trigger to find its first frame: frames exposed
	// earlier belong to the part before. Slightly negative allows for clocks
	// that disagree.
	FrameDelay time.Duration
	// TriggerNews is how long after it a trigger may be heard of, for its debounce
	// time. A frame that may show a part not heard of yet is not judged before.
	TriggerNews time.Duration
	// FrameTimeout is the time from trigger until all frames must be in hand; 0: Deadline.
	FrameTimeout time.Duration
	Frames       int // a part, at most 64; 0: 1
	Rule         Rule
	// InFlight is how many parts may be open at once, at most 4096; 0: 16.
	InFlight int
	// JudgeLimit is how long one call of the judge may take before it counts as
	// hung; 0: four deadlines, at least a second.
	JudgeLimit time.Duration
	// SourceStall: a free-running camera that is silent for longer makes the
	// line NOT_READY; 0: never.
	SourceStall time.Duration
	Limits      Limits
	// Shadow and Inhibit are the mode that the line starts in.
	Shadow, Inhibit bool
	// FirstSeq is the sequence number of the first part; 0: 1.
	FirstSeq uint64
}

func (c Config) withDefaults() Config {
	c.FrameTimeout = orElse(c.FrameTimeout, c.Deadline)
	c.Frames = orElse(c.Frames, 1)
	c.InFlight = orElse(c.InFlight, 16)
	c.JudgeLimit = orElse(c.JudgeLimit, HangLimit(c.Deadline))
	c.FirstSeq = orElse(c.FirstSeq, 1)
	return c
}

// HangLimit is the default of JudgeLimit.
func HangLimit(deadline time.Duration) time.Duration { return max(4*deadline, time.Second) }

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// Check returns all that is wrong with c.
func (c Config) Check() error {
	c = c.withDefaults()
	var errs []error
	refuse := func(bad bool, format string, a ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	refuse(c.Deadline <= 0, "deadline %v: give the time from trigger to verdict, above 0", c.Deadline)
	refuse(c.FrameTimeout < 0 || c.FrameTimeout > c.Deadline, "frame timeout %v is not within 0 and the deadline %v", c.FrameTimeout, c.Deadline)
	refuse(c.FrameDelay >= c.FrameTimeout || c.FrameDelay <= -c.Deadline, "frame delay %v leaves no time before the frame timeout %v", c.FrameDelay, c.FrameTimeout)
	refuse(c.TriggerNews < 0 || c.TriggerNews >= c.Deadline, "news of a trigger after %v is not within 0 and the deadline %v: no part would be judged by then", c.TriggerNews, c.Deadline)
	refuse(c.Frames < 1 || c.Frames > 64, "%d frames a part: 1 to 64", c.Frames)
	refuse(c.Rule > Mean, "unknown frame rule %v", c.Rule)
	refuse(c.InFlight < 1 || c.InFlight > 4096, "%d parts in flight: 1 to 4096", c.InFlight)
	refuse(c.JudgeLimit < 0, "judge limit %v is negative", c.JudgeLimit)
	refuse(c.SourceStall < 0, "source stall %v is negative", c.SourceStall)
	refuse(c.Limits.Consecutive < 0, "consecutive-reject limit %d is negative", c.Limits.Consecutive)
	refuse(c.Limits.Window < 0 || c.Limits.Window > 10_000, "reject-rate window %d: 0 to 10000 parts", c.Limits.Window)
	refuse(c.Limits.Rejects < 0 || c.Limits.Rejects > c.Limits.Window, "reject-rate limit %d of %d parts", c.Limits.Rejects, c.Limits.Window)
	return errors.Join(errs...)
}

// Deps are what a line works with. Recorder and OnChange may be nil.
type Deps struct {
	Clock    edge.Clock
	Judge    Judge // nil: NOT_READY until a Swap brings one
	Actuator Actuator
	Recorder Recorder
	// Release takes frames back. Line sets it to its Source's.
	Release func(*edge.Frame)
	// OnChange is told every new Status, by the goroutine that runs the line;
	// it must not block and must not call back.
	OnChange func(Status)
}

func (d Deps) check() error {
	switch {
	case d.Clock == nil:
		return errors.New("line: no clock")
	case d.Actuator == nil:
		return errors.New("line: no actuator; a line that only watches takes one that does nothing")
	case d.Release == nil:
		return errors.New("line: nobody takes frames back")
	}
	return nil
}
