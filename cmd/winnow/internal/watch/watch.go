// Package watch stands between a line and its judge: it lets the judge judge,
// and then records what it saw. It never changes a verdict and never waits.
package watch

import (
	"winnow/edge"
	"winnow/edge/store/recording"
	"winnow/infer"
)

// Watch is a judge that is watched. It implements line.Judge and is used by one
// goroutine at a time, as its judge is.
type Watch struct {
	judge *infer.Judge
	rec   *recording.Writer
}

// New watches judge, which stays the caller's. rec may be nil; who made it runs it.
func New(judge *infer.Judge, rec *recording.Writer) *Watch {
	return &Watch{judge: judge, rec: rec}
}

// Model is the judge that is watched.
func (w *Watch) Model() *infer.Judge { return w.judge }

// Judge implements line.Judge.
func (w *Watch) Judge(f *edge.Frame, v *edge.Verdict) error {
	err := w.judge.Judge(f, v)
	if w.rec != nil {
		w.rec.Offer(f, v, err)
	}
	return err
}
