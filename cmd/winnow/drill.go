package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"winnow/cmd/winnow/internal/station"
	"winnow/edge"
	"winnow/edge/config"
	"winnow/gpio"
)

// drillReport is what `doctor --drill --json` prints.
type drillReport struct {
	Version string     `json:"version"`
	Rows    []drillRow `json:"rows"`
	OK      bool       `json:"ok"` // every declared reaction happened
}

// drillRow is what one failure did. Times are in milliseconds from the failure,
// recovery from its mending; null: did not happen, or was not to.
type drillRow struct {
	Component string   `json:"component"`
	Done      string   `json:"done"`
	Ready     *float64 `json:"ready_dropped_ms"`
	Parts     int      `json:"parts"`    // that passed meanwhile
	Rejected  int      `json:"rejected"` // of them
	Safe      *float64 `json:"outputs_safe_ms"`
	Alarms    []string `json:"alarms"` // codes that stood meanwhile
	Recovered *float64 `json:"recovered_ms"`
	ByReset   bool     `json:"recovered_by_reset"`
	Failed    []string `json:"failed"` // declared reactions that did not happen
}

// errUnsafe is the end of a drill with a reaction missing.
var errUnsafe = errors.New("a declared safe reaction did not happen; see the table")

// runDrill breaks one component after another of a station on the bench.
func runDrill(ctx context.Context, o labOptions, stderr io.Writer) (*drillReport, error) {
	l, err := newLab(ctx, o, stderr)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return drillOn(ctx, l, (*drill).failures, patience, stderr)
}

// drillOn drills failures in turn, and then the stop.
func drillOn(ctx context.Context, l *lab, failures func(*drill, context.Context) []failure, patience time.Duration, stderr io.Writer) (*drillReport, error) {
	d := &drill{lab: l, judge: &drilledJudge{judge: l.judge}, period: interval(l.cfg), patience: patience}
	if err := d.serveBroker(); err != nil {
		return nil, err
	}
	defer func() { _ = d.broker.Close() }()
	r := &drillReport{Version: version}
	bar := newProgress(stderr)
	defer bar.finish()
	d.wireSensors()
	_, err := l.run(ctx, d.judge, func(ctx context.Context, s *station.Station) error {
		d.station = s
		all := failures(d, ctx)
		for i, f := range all {
			row, err := d.run(ctx, f)
			if err != nil {
				return fmt.Errorf("drill: %s %s: %w", f.component, f.done, err)
			}
			r.Rows = append(r.Rows, row)
			bar.update("failures drilled", i+1, len(all)+1)
		}
		return d.lastPart(ctx)
	})
	if err != nil {
		return nil, err
	}
	r.Rows = append(r.Rows, d.stopped(l.clock.Now()))
	r.OK = !slices.ContainsFunc(r.Rows, func(r drillRow) bool { return len(r.Failed) > 0 })
	return r, nil
}

// drill is one station on the bench and what happened to it.
type drill struct {
	*lab
	station  *station.Station
	judge    *drilledJudge
	broker   stopper
	period   time.Duration // from part to part
	patience time.Duration
	parts    []passed
	stop     edge.Instant // when the station was asked to stop
}

// passed is a part, and what must become of it.
type passed struct {
	at   edge.Instant
	must fate
}

// fate of a part.
type fate uint8

const (
	mayBoth        fate = iota // it came as something broke, or nothing can reject it
	mustPass                   // it is good
	mustBeRejected             // it is bad, or nobody knows
)

// patience is how long the drill waits for a reaction.
const patience = 10 * time.Second

// leastParts pass during each failure.
const leastParts = 4

// run breaks, watches, mends and watches again.
func (d *drill) run(ctx context.Context, f failure) (drillRow, error) {
	d.judge.bad.Store(f.bad)
	d.parts = d.parts[:0]
	if err := d.getWell(ctx); err != nil {
		return drillRow{}, err
	}
	w := &observed{drill: d, failure: f, alarmed: []string{}}
	if err := d.passAll(ctx, w.healthy(), 2); err != nil {
		return drillRow{}, err
	}
	if err := d.pass(ctx, mayBoth, 1); err != nil { // it is on the belt as it breaks
		return drillRow{}, err
	}
	if err := w.breakAndMend(ctx); err != nil {
		return drillRow{}, err
	}
	if err := w.awaitRecovery(ctx); err != nil {
		return drillRow{}, err
	}
	if err := d.passAll(ctx, w.healthy(), 2); err != nil {
		return drillRow{}, err
	}
	return w.row(), nil
}

// breakAndMend breaks as a part comes, has others follow until all that is
// declared has happened, and mends, whatever happens.
func (w *observed) breakAndMend(ctx context.Context) (err error) {
	defer func() {
		w.mended = w.clock.Now()
		err = errors.Join(err, w.mends())
	}()
	w.broken = w.enter()
	w.parts = append(w.parts, passed{w.broken, w.fate()})
	if err := w.breaks(); err != nil {
		return err
	}
	w.shoot(w.broken)
	if err := w.rest(ctx, w.broken); err != nil {
		return err
	}
	for n := 1; n < leastParts || !w.reacted() && w.clock.Now().Sub(w.broken) < w.patience; n++ {
		if err := w.pass(ctx, w.fate(), 1); err != nil {
			return err
		}
	}
	return w.untilActedOn(ctx)
}

// passAll has n parts pass and waits until all are behind the actuators.
func (d *drill) passAll(ctx context.Context, must fate, n int) error {
	if err := d.pass(ctx, must, n); err != nil {
		return err
	}
	return d.untilActedOn(ctx)
}

// pass has n parts pass.
func (d *drill) pass(ctx context.Context, must fate, n int) error {
	for range n {
		at := d.part()
		d.parts = append(d.parts, passed{at, must})
		if err := d.rest(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// rest lets the part that came at an instant out of the light barrier, and waits
// for the time of the next.
func (d *drill) rest(ctx context.Context, at edge.Instant) error {
	if err := d.clock.SleepUntil(ctx, at.Add(d.period/2)); err != nil {
		return err
	}
	d.leave()
	return d.clock.SleepUntil(ctx, at.Add(d.period))
}

// untilActedOn waits until the last part is behind the last actuator.
func (d *drill) untilActedOn(ctx context.Context) error {
	var way time.Duration
	for i, a := range d.cfg.Actuators {
		way = max(way, d.cfg.ActuatorDelay(i)+a.Pulse.Std())
	}
	last := d.parts[len(d.parts)-1].at
	return d.clock.SleepUntil(ctx, last.Add(max(way, d.cfg.Recipe.Deadline.Std())).Add(50*time.Millisecond))
}

// rejected reports whether an actuator was on while the part was before it.
func (d *drill) rejected(p passed) bool {
	for i, a := range d.cfg.Actuators {
		there := p.at.Add(d.cfg.ActuatorDelay(i) - a.Advance.Std())
		if a.On == config.FiresReject && d.wires()[i].active(there, there.Add(max(a.Pulse, a.Window).Std())) {
			return true
		}
	}
	return false
}

// getWell presses reset until nothing of what was drilled before is left.
func (d *drill) getWell(ctx context.Context) error {
	for end := d.clock.Now().Add(d.patience); len(d.station.Problems()) > 0 || !d.probe(config.SignalReady).on(); {
		if d.clock.Now().After(end) {
			return fmt.Errorf("the station is not READY before it: %+v", d.station.Problems())
		}
		if err := d.reset(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wireSensors has the plant's sensors see what the station does: rejected parts
// fall before the confirmation sensor, and the PLC acknowledges.
func (d *drill) wireSensors() {
	if in := d.cfg.Input(config.InputConfirm); in != nil {
		for i := range d.cfg.Actuators {
			d.wires()[i].pin.Wire(d.chip.Line(in.Line))
		}
	}
	if in := d.cfg.Input(config.InputAck); in != nil {
		d.probe(config.SignalValid).pin.Wire(d.chip.Line(in.Line))
	}
}

// reset presses the button.
func (d *drill) reset(ctx context.Context) error {
	in := d.cfg.Input(config.InputReset)
	pin := d.chip.Line(in.Line)
	pin.Drive(gpio.High)
	defer pin.Drive(gpio.Low)
	return d.clock.SleepUntil(ctx, d.clock.Now().Add(2*in.Debounce.Std()+20*time.Millisecond))
}

// lastPart comes just before the station is asked to stop.
func (d *drill) lastPart(ctx context.Context) error {
	d.judge.bad.Store(true)
	d.parts = d.parts[:0]
	if err := d.pass(ctx, mustBeRejected, 2); err != nil {
		return err
	}
	d.parts = append(d.parts, passed{d.part(), mustBeRejected})
	d.leave()
	err := d.clock.SleepUntil(ctx, d.clock.Now().Add(5*time.Millisecond))
	d.stop = d.clock.Now()
	return err
}

// print writes the table.
func (r *drillReport) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "component\tdone\tREADY dropped\tparts rejected\toutputs safe\talarm\trecovered\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d of %d\t%s\t%s\t%s\t\n", row.Component, row.Done, after(row.Ready, "stays"), row.Rejected, row.Parts,
			after(row.Safe, "-"), orDash(strings.Join(row.Alarms, " ")), row.recovery())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, row := range r.Rows {
		for _, f := range row.Failed {
			fmt.Fprintf(w, "FAILED  %s %s: %s\n", row.Component, row.Done, f)
		}
	}
	if r.OK {
		fmt.Fprintln(w, "every declared reaction happened")
	}
	return r.verdict()
}

// verdict is an error where a reaction is missing.
func (r *drillReport) verdict() error {
	if r.OK {
		return nil
	}
	return errUnsafe
}

func (r *drillRow) recovery() string {
	s := after(r.Recovered, "-")
	if r.ByReset && r.Recovered != nil {
		s += ", by reset"
	}
	return s
}

func after(ms *float64, otherwise string) string {
	if ms == nil {
		return otherwise
	}
	return fmt.Sprintf("%.1f ms", *ms)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
