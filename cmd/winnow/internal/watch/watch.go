// Package watch stands between a line and its judge: it lets the judge judge,
// and then looks at what the judge saw: it records frames, it tests whether parts
// still come as they came when the certificate was drawn, and it looks for what has
// died of the camera. It never changes a verdict and never waits.
package watch

import (
	"math"
	"sync/atomic"

	"winnow/cmd/winnow/internal/recalibrate"
	"winnow/edge"
	"winnow/edge/store/recording"
	"winnow/infer"
	"winnow/infer/drift"
	"winnow/models"
)

// Watch is a judge that is watched. It implements line.Judge and is used by one
// goroutine at a time, as its judge is; Status may be called by any.
type Watch struct {
	judge   *infer.Judge
	rec     *recording.Writer
	monitor *drift.Monitor
	camera  camera
	shown   *infer.Sensor // what of the camera is dead, as in status
	part    edge.EventID  // the latest of which a frame was looked at
	status  atomic.Pointer[Status]
	collect atomic.Pointer[collection]
}

// collection of live parts for a new threshold.
type collection struct {
	*recalibrate.Collector
	need   int
	had    atomic.Int64 // Len, for other goroutines
	looked bool         // the camera is being looked at
	seen   bool         // it has been
	done   func(*recalibrate.Collector)
}

// Collect takes the next n parts as fresh good ones, whatever is decided on them,
// and hands them to done, which must not block: that they are good is the word of
// who asks. Of a part with several frames the first is taken. Another Collect begins
// anew. Any goroutine may call it. The camera is
// looked at meanwhile: done may wait for a few parts more than n, which are not taken.
func (w *Watch) Collect(n int, done func(*recalibrate.Collector)) error {
	c, err := recalibrate.New(w.judge)
	if err != nil {
		return err
	}
	w.collect.Store(&collection{Collector: c, need: n, done: done})
	return nil
}

// Abandon ends the collection there is, if any, without its done. It says how many of
// the parts that were asked for it had: both are 0 where there was none.
func (w *Watch) Abandon() (had, of int) {
	c := w.collect.Swap(nil)
	if c == nil {
		return 0, 0
	}
	return int(c.had.Load()), c.need
}

// take gives the part that was just judged to the collection there is, and hands that
// over once it is complete and the camera has been looked at.
func (w *Watch) take(c *collection, fused float64) {
	if c.Len() < c.need && c.Take(fused, c.Len()) != nil {
		return
	}
	c.had.Store(int64(c.Len()))
	if c.Len() < c.need || !c.seen || !w.collect.CompareAndSwap(c, nil) {
		return
	}
	if w.shown != nil {
		c.Dead(w.shown.String())
	}
	c.done(c.Collector)
}

// Options of a Watch. The zero value watches scores and drift and records nothing.
type Options struct {
	Record *recording.Writer // who made it runs it; nil: nothing is recorded
	Lots   uint64            // seeds the randomness of the tests, so a run can be repeated
}

// Status is what the tests have come to. It is not changed once it is handed out.
type Status struct {
	drift.State
	Parts int    // observed
	Dead  string // what of the camera has died since the package was taught; "" = nothing that is known
}

// every is after how many parts Status is renewed while nothing happens.
const every = 16

// New watches judge, which stays the caller's.
func New(judge *infer.Judge, o Options) (*Watch, error) {
	m, err := monitorOf(judge.Package(), o.Lots)
	if err != nil {
		return nil, err
	}
	w := &Watch{judge: judge, rec: o.Record, monitor: m}
	if w.camera.known, err = judge.Sensor(); err != nil {
		return nil, err
	}
	w.show()
	return w, nil
}

// monitorOf a package's own reference and calibration.
func monitorOf(p *models.Package, lots uint64) (*drift.Monitor, error) {
	var ref *drift.Reference
	if p.Drift != nil {
		r, err := drift.Parse(p.Drift)
		if err != nil {
			return nil, err
		}
		if r.Width == p.Manifest.Preprocess.Width && r.Height == p.Manifest.Preprocess.Height {
			ref = r
		}
	}
	c := p.Calibration
	return drift.NewMonitor(ref, drift.Calibration{
		Scores: c.Scores, Split: c.Certificate.Method == "split", Threshold: c.Threshold,
	}, drift.Options{Lots: lots}), nil
}

// Model is the judge that is watched.
func (w *Watch) Model() *infer.Judge { return w.judge }

// Status is the latest: at most 16 parts old, and of the very part at which an
// alarm or the certificate changed.
func (w *Watch) Status() *Status { return w.status.Load() }

// Certificate of the model, void where the tests say so.
func (w *Watch) Certificate() edge.Certificate {
	c := w.judge.Package().Calibration.Certificate
	if void := w.Status().Void; void != "" {
		c.Void = void
	}
	return c
}

// Judge implements line.Judge.
func (w *Watch) Judge(f *edge.Frame, v *edge.Verdict) error {
	err := w.judge.Judge(f, v)
	if w.rec != nil {
		w.rec.Offer(f, v, err)
	}
	w.watchCamera(f, v.Decision == edge.Accept)
	if err == nil && v.Reason != edge.ReasonBadFrame && v.Reason != edge.ReasonMoved && !math.IsNaN(v.Score.Fused) && w.another(v.ID) {
		w.observe(v.Score.Fused)
		if c := w.collect.Load(); c != nil {
			w.take(c, v.Score.Fused)
		}
	}
	return err
}

// another reports whether id is another part than the latest. Frames of one part are
// not independent: tests and calibration, which count parts, take the first of them.
func (w *Watch) another(id edge.EventID) bool {
	if id.Seq == 0 { // judged outside of a line
		return true
	}
	before := w.part
	w.part = id
	return id != before
}

// watchCamera shows the frame that was just judged to whoever looks for what is dead.
func (w *Watch) watchCamera(f *edge.Frame, accepted bool) {
	if c := w.collect.Load(); c != nil {
		if !c.looked {
			c.looked = w.camera.look()
		} else if !c.seen {
			c.seen = w.camera.looked()
		}
	}
	w.camera.see(f, accepted)
	if dead := w.camera.dead.Load(); dead != w.shown {
		w.shown = dead
		w.show()
	}
}

// observe shows the part that was just judged to the monitor. A picture that
// cannot be measured is a fault of the package's, not of the part's: NewMonitor
// was given a reference of the right size, so there is none.
func (w *Watch) observe(fused float64) {
	changed, _ := w.monitor.Add(w.judge.Picture(), fused)
	if changed || w.monitor.Parts()%every == 0 {
		w.show()
	}
}

func (w *Watch) show() {
	s := &Status{State: w.monitor.State(), Parts: w.monitor.Parts()}
	if w.shown != nil {
		s.Dead = w.shown.String()
	}
	w.status.Store(s)
}
