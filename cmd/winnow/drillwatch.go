package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"winnow/edge"
	"winnow/edge/config"
)

// observed is one failure as the wires and the alarms tell of it.
type observed struct {
	*drill
	failure
	broken, mended edge.Instant
	alarmed        []string     // codes that stood meanwhile, in the order of their coming
	recovered      edge.Instant // zero: it never did
}

// healthy is what must become of parts while nothing is broken.
func (w *observed) healthy() fate {
	if w.bad {
		return mustBeRejected
	}
	return mustPass
}

// fate is what must become of parts during the failure.
func (f failure) fate() fate {
	if f.cannotReject {
		return mayBoth
	}
	return mustBeRejected
}

// reacted notes the alarms that stand, and reports whether all that is declared
// to happen has happened.
func (w *observed) reacted() bool {
	for _, p := range w.station.Problems() {
		if !slices.Contains(w.alarmed, p.Code) {
			w.alarmed = append(w.alarmed, p.Code)
		}
	}
	return len(w.missing()) == 0 && (w.staysReady || !w.probe(config.SignalReady).on()) &&
		(!w.fault || w.probe(config.SignalError).on()) && !w.probe(config.SignalAccept).on()
}

// missing are the declared alarms that did not come.
func (w *observed) missing() []string {
	return slices.DeleteFunc(slices.Clone(w.alarms), func(a string) bool { return slices.Contains(w.alarmed, a) })
}

// well reports whether READY is on, ERROR off and no declared alarm stands.
func (w *observed) well() bool {
	for _, p := range w.station.Problems() {
		if slices.Contains(w.alarms, p.Code) {
			return false
		}
	}
	return w.probe(config.SignalReady).on() && !w.probe(config.SignalError).on()
}

// awaitRecovery presses reset again and again where that is declared to be
// needed, and has parts pass where inspecting went on.
func (w *observed) awaitRecovery(ctx context.Context) error {
	for !w.well() && w.clock.Now().Sub(w.mended) < w.patience {
		var err error
		switch {
		case w.byReset:
			err = w.reset(ctx)
		case w.staysReady:
			err = w.pass(ctx, w.healthy(), 1)
		default:
			err = w.clock.SleepUntil(ctx, w.clock.Now().Add(time.Millisecond))
		}
		if err != nil {
			return err
		}
	}
	if w.well() {
		w.recovered = w.clock.Now()
	}
	return nil
}

// firstAfter is when w was first switched to on after the failure and before its
// mending; zero: never.
func (w *observed) firstAfter(s config.SignalName, on bool) edge.Instant {
	for _, c := range w.probe(s).changes(w.broken, w.mended) {
		if c.on == on {
			return c.at
		}
	}
	return 0
}

// row sums up, with every declared reaction that is missing.
func (w *observed) row() drillRow {
	r := drillRow{Component: w.component, Done: w.done, Alarms: w.alarmed, ByReset: w.byReset, Failed: []string{}}
	fail := func(format string, a ...any) { r.Failed = append(r.Failed, fmt.Sprintf(format, a...)) }
	w.countParts(&r, fail)
	safe := w.checkSignals(&r, fail)
	for _, a := range w.missing() {
		fail("alarm %q was not raised", a)
	}
	if !w.staysReady && safe != 0 {
		r.Safe = w.since(w.broken, safe)
	}
	if w.recovered == 0 {
		fail("the station did not come back within %v", w.patience)
		return r
	}
	r.Recovered = w.since(w.mended, w.recovered)
	return r
}

func (w *observed) since(from, to edge.Instant) *float64 {
	ms := millis(to.Sub(from))
	return &ms
}

// countParts counts those of the failure, and says which part went the wrong way.
func (w *observed) countParts(r *drillRow, fail func(string, ...any)) {
	var escaped, lost int
	for _, p := range w.parts {
		out := w.rejected(p)
		if !w.broken.After(p.at) && w.mended.After(p.at) {
			r.Parts++
			if out {
				r.Rejected++
			}
		}
		switch {
		case p.must == mustBeRejected && !out:
			escaped++
		case p.must == mustPass && out:
			lost++
		}
	}
	if escaped > 0 {
		fail("%d of %d parts were not rejected", escaped, len(w.parts))
	}
	if lost > 0 {
		fail("%d good parts were rejected before or after", lost)
	}
}

// checkSignals looks at READY, ERROR and ACCEPT, and returns when the last of
// them was where it is declared to be; zero: one was not.
func (w *observed) checkSignals(r *drillRow, fail func(string, ...any)) edge.Instant {
	dropped := w.firstAfter(config.SignalReady, false)
	switch {
	case w.staysReady && dropped != 0:
		fail("READY dropped, though parts are inspected and rejected as before")
	case w.staysReady:
		return w.broken
	case dropped == 0:
		fail("READY did not drop")
	default:
		r.Ready = w.since(w.broken, dropped)
		if late := dropped.Sub(w.broken); late > w.within {
			fail("READY dropped after %v, later than %v", late.Round(time.Millisecond), w.within)
		}
		if w.probe(config.SignalReady).active(dropped+1, w.mended) {
			fail("READY came back before the failure was mended")
		}
	}
	safe := max(dropped, w.accepts(fail))
	if w.fault {
		on := w.firstAfter(config.SignalError, true)
		if on == 0 {
			fail("ERROR did not come on")
		}
		safe = max(safe, on)
	}
	return safe
}

// accepts is when ACCEPT was off for good.
func (w *observed) accepts(fail func(string, ...any)) edge.Instant {
	off := w.broken
	p := w.probe(config.SignalAccept)
	for _, c := range p.changes(w.broken, w.mended) {
		off = c.at
	}
	if p.active(w.mended-1, w.mended) {
		fail("ACCEPT was on until the failure was mended")
	}
	return off
}

// stopped is the row of the station's own end: now is after its outputs were
// given back.
func (d *drill) stopped(now edge.Instant) drillRow {
	r := drillRow{Component: "station", Done: "is asked to stop", Alarms: []string{}, Failed: []string{}}
	var last edge.Instant
	for _, w := range d.wires() {
		if w.on() != w.safeOn {
			r.Failed = append(r.Failed, fmt.Sprintf("output %s is not at its safe level", w.name))
		}
		for _, c := range w.changes(d.stop, now) {
			last = max(last, c.at)
			if w.name == string(config.SignalReady) && !c.on && r.Ready == nil {
				ms := millis(c.at.Sub(d.stop))
				r.Ready = &ms
			}
		}
	}
	for _, p := range d.parts {
		r.Parts++
		if d.rejected(p) {
			r.Rejected++
		}
	}
	if r.Rejected < r.Parts {
		r.Failed = append(r.Failed, fmt.Sprintf("%d of %d parts on the belt were not rejected", r.Parts-r.Rejected, r.Parts))
	}
	if last != 0 {
		ms := millis(last.Sub(d.stop))
		r.Safe = &ms
	}
	return r
}
