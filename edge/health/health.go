// Package health knows what is unwell, since when, and what to do about it.
// Web page, MQTT alarms and lamps read it. It notices nothing by itself and
// does nothing about it.
package health

import (
	"cmp"
	"slices"
	"sync"

	"winnow/edge"
)

// Problem is one thing that is unwell.
type Problem struct {
	Code   string        `json:"code"`   // stable word: "camera", "broker", "disk-full"
	Text   string        `json:"text"`   // what is wrong
	Action string        `json:"action"` // what to do next
	Since  edge.WallTime `json:"since"`
	At     edge.Instant  `json:"-"` // the same, monotonic
}

// Tracker holds the problems of a station. It is safe for concurrent use.
type Tracker struct {
	clock edge.Clock
	tell  func(p Problem, cleared bool)

	mu       sync.Mutex
	problems map[string]Problem
}

// New returns a tracker of a healthy station. tell, if not nil, is told of each
// change, in order; it must not block and must not call the tracker.
func New(clock edge.Clock, tell func(p Problem, cleared bool)) *Tracker {
	if tell == nil {
		tell = func(Problem, bool) {}
	}
	return &Tracker{clock: clock, tell: tell, problems: map[string]Problem{}}
}

// Raise reports a problem. Since stays that of the first report; the same text
// again changes nothing and tells nobody.
func (t *Tracker) Raise(code, text, action string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, known := t.problems[code]
	if known && p.Text == text && p.Action == action {
		return
	}
	if !known {
		p = Problem{Code: code, Since: t.clock.Wall(), At: t.clock.Now()}
	}
	p.Text, p.Action = text, action
	t.problems[code] = p
	t.tell(p, false)
}

// Clear ends a problem, if there is one of that code.
func (t *Tracker) Clear(code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, known := t.problems[code]
	if !known {
		return
	}
	delete(t.problems, code)
	t.tell(p, true)
}

// Check raises a problem with err's text, or clears it if err is nil.
func (t *Tracker) Check(code string, err error, action string) {
	if err == nil {
		t.Clear(code)
		return
	}
	t.Raise(code, err.Error(), action)
}

// Problems returns what is unwell, the longest-standing first.
func (t *Tracker) Problems() []Problem {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Problem, 0, len(t.problems))
	for _, p := range t.problems {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Code, b.Code))
	})
	return out
}

// Well reports whether nothing is unwell.
func (t *Tracker) Well() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.problems) == 0
}
