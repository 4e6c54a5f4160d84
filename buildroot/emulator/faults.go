package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"winnow/buildroot/emulator/rig"
	"winnow/edge"
)

// fault is something that breaks while parts pass, how it is mended, and what is
// declared to happen in between. Parts before and after go by the list.
type fault struct {
	name          string
	breaks, mends func(*bench) error // mends may be nil: it passes by itself

	unplug bool        // the camera is gone
	dark   bool        // the plant can show it nothing meanwhile
	blind  edge.Reason // why parts that pass meanwhile are rejected, whatever they are; "": they go by the list
	alone  bool        // no parts pass meanwhile: READY is down and the belt stands
	empty  bool        // nor is there one on the belt when it breaks
	ready  bool        // READY stays on
	alarm  string      // is raised
	untold bool        // records of parts that pass meanwhile are lost
	reset  bool        // all is well after a reset; otherwise by itself
	killed bool        // the station is another process then
}

// faults breaks one thing after the other.
func (c *campaign) faults() error {
	if err := c.m.call("StartBroker", brokerAddress, &rig.None{}); err != nil {
		return err
	}
	start := time.Now()
	b, err := c.begin(c.small, func(s *setup) { s.broker = "mqtt://" + brokerAddress })
	if err != nil {
		return err
	}
	if err := b.drillAll(beltFaults(c.long)); err != nil {
		return err
	}
	if err := c.end(); err != nil {
		return err
	}
	b.elsewhere = true
	if err := b.start(func(s *setup) {
		s.broker, s.camera, s.more = "mqtt://"+brokerAddress, vividCamera, "size = \"320x180\"\nrate = 5"
	}); err != nil {
		return err
	}
	if err := b.drillAll(vividFaults(c.long)); err != nil {
		return err
	}
	if err := c.m.service("stop"); err != nil {
		return err
	}
	return c.sumFaults(start)
}

// sumFaults says how many faults were gone through, and whether the plant was
// told of each part that was decided.
func (c *campaign) sumFaults(start time.Time) error {
	n := c.drilled
	wanted, unplugs := shortFaults, shortUnplugs
	if c.long {
		wanted, unplugs = longFaults, longUnplugs
	}
	if c.match.String() != "" { // somebody looks at some of them
		wanted, unplugs = 1, 0
	}
	c.report.check(n.recovered == n.injected && n.injected >= wanted && n.unplugs >= unplugs,
		"faults: %d injected, %d recovered, %d of them unplugged cameras", n.injected, n.recovered, n.unplugs)
	var told rig.Told
	if err := c.m.call("Told", rig.None{}, &told); err != nil {
		return err
	}
	c.report.check(told.Parts == n.parts && len(told.Alarms) == 0, "over MQTT: %d of %d parts told, alarms that still stand: %v; %d records were lost to a full disk", told.Parts, n.parts, told.Alarms, n.lost)
	c.report.note("from the unplugging to READY off, in this machine's time: %s", spread(n.drops))
	c.report.note("the faults took %v", time.Since(start).Round(time.Second))
	return nil
}

// What the campaigns must at least go through.
const (
	shortFaults, shortUnplugs = 4, 2
	longFaults, longUnplugs   = 30, 10
)

// drilled counts the faults that were gone through.
type drilled struct {
	injected, recovered, unplugs int
	parts                        int             // that passed a station which lives, and are to be told of
	lost                         int             // of whom the record had no room on a full disk
	drops                        []time.Duration // from unplugging to READY off
}

func (b *bench) drillAll(all []fault) error {
	for _, f := range all {
		if !b.match.MatchString(f.name) {
			continue
		}
		if f.mends == nil {
			f.mends = func(*bench) error { return nil }
		}
		b.drilled.injected++
		if f.unplug {
			b.drilled.unplugs++
		}
		ok, said, err := b.drill(f)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", f.name, err), b.m.log())
		}
		if ok {
			b.drilled.recovered++
		}
		b.report.check(ok, "fault %d: %s: %s", b.drilled.injected, f.name, said)
	}
	return nil
}

// drill goes through one fault and says what came of it.
func (b *bench) drill(f fault) (bool, string, error) {
	d := drill{bench: b, fault: f}
	for _, step := range []func() error{d.before, d.during, d.after} {
		if err := step(); err != nil {
			return false, "", err
		}
	}
	return len(d.wrong) == 0, d.said(), nil
}

// drill is one fault on its way.
type drill struct {
	*bench
	fault   fault
	process int
	told    rig.Told
	raised  bool
	broken  time.Duration // when it broke, and when it was mended
	mended  time.Duration
	wrong   []string
	tally   tally
}

func (d *drill) miss(format string, a ...any) { d.wrong = append(d.wrong, fmt.Sprintf(format, a...)) }

// parts lets parts pass that go by the list, a bad one and a good one.
func (d *drill) parts(blind bool, pictures ...int) error {
	run := d.pace.belt(pictures...)
	run.Dark = d.elsewhere || blind && d.fault.dark
	d.drilled.parts += len(pictures)
	return d.lot.pass(run, blind)
}

func (d *drill) healthy() error { return d.parts(false, d.pick(true), d.pick(false)) }

func (d *drill) before() (err error) {
	if d.process, err = d.m.process(); err != nil {
		return err
	}
	if _, err = d.newLot(); err != nil {
		return err
	}
	if err := d.healthy(); err != nil {
		return err
	}
	if d.fault.empty {
		if err := d.m.sleep(d.pace.travel + d.pace.spacing); err != nil {
			return err
		}
	}
	return d.m.call("Told", rig.None{}, &d.told)
}

// during breaks something and lets parts pass that would be accepted if they
// were judged: two good ones.
func (d *drill) during() (err error) {
	if d.broken, err = d.m.now(); err != nil {
		return err
	}
	if err := d.fault.breaks(d.bench); err != nil {
		return err
	}
	if !d.fault.alone {
		pictures := []int{d.pick(false), d.pick(false)}
		if d.fault.blind == "" {
			pictures[0] = d.pick(true)
		}
		if err := d.parts(d.fault.blind != "", pictures...); err != nil {
			return err
		}
	}
	if err := d.awaitAlarm(); err != nil {
		return err
	}
	if d.fault.blind == edge.ReasonNoFrame {
		// A camera that comes back before would show the parts' place without them.
		if err := d.m.sleep(d.pace.deadline); err != nil {
			return err
		}
	}
	if d.mended, err = d.m.now(); err != nil {
		return err
	}
	if err := d.fault.mends(d.bench); err != nil || !d.fault.untold {
		return err
	}
	return d.countTold()
}

// countTold goes on from what the plant was told of: a record that could not be
// kept is lost, and counted by the station.
func (d *drill) countTold() error {
	if err := d.m.sleep(time.Second); err != nil {
		return err
	}
	var told rig.Told
	if err := d.m.call("Told", rig.None{}, &told); err != nil {
		return err
	}
	d.drilled.lost += d.drilled.parts - told.Parts
	d.drilled.parts = told.Parts
	return nil
}

// awaitAlarm waits until the fault's alarm was raised. One that is over by
// itself may have been told and lifted in the meantime.
func (d *drill) awaitAlarm() error {
	if d.fault.alarm == "" {
		return nil
	}
	return d.m.wait("the alarm "+d.fault.alarm, func() (bool, error) {
		if s, err := d.m.status(); err == nil && s.has(d.fault.alarm) {
			d.raised = true
			return true, nil
		}
		var told rig.Told
		err := d.m.call("Told", rig.None{}, &told)
		d.raised = d.raised || slices.Contains(told.Raised, d.fault.alarm)
		return d.raised, err
	})
}

func (d *drill) after() error {
	if d.fault.reset {
		if err := d.holdsUntilReset(); err != nil {
			return err
		}
	}
	if err := d.m.ready(); err != nil {
		return err
	}
	if err := d.healthy(); err != nil {
		return err
	}
	var err error
	if d.tally, err = d.lot.settle(); err != nil {
		return err
	}
	if !d.tally.clean() {
		d.miss("parts went the wrong way")
	}
	d.lookAtReady()
	if err := d.lookAtReasons(); err != nil {
		return err
	}
	process, err := d.m.process()
	if err != nil {
		return err
	}
	if (process != d.process) != d.fault.killed {
		d.miss("the station's process was %d and is %d", d.process, process)
	}
	return d.m.wait("the end of all alarms", func() (bool, error) {
		s, err := d.m.status()
		return err == nil && len(s.Problems) == 0, nil
	})
}

// holdsUntilReset checks that READY does not come by itself.
func (d *drill) holdsUntilReset() error {
	if err := d.m.sleep(time.Second); err != nil {
		return err
	}
	var high bool
	if err := d.m.call("Level", lineReady, &high); err != nil {
		return err
	}
	if high {
		d.miss("READY came back without a reset")
	}
	return d.m.reset()
}

// lookAtReady compares READY's edges with what was declared.
func (d *drill) lookAtReady() {
	dropped, high := false, true
	for _, e := range d.lot.edges {
		if e.Line != lineReady {
			continue
		}
		if high && !e.Level && e.At >= d.broken {
			if !dropped && d.fault.unplug {
				d.drilled.drops = append(d.drilled.drops, e.At-d.broken)
			}
			dropped = true
		}
		high = e.Level
	}
	if dropped == d.fault.ready {
		d.miss("READY dropped: %v", dropped)
	}
}

// lookAtReasons waits until the plant was told of every part, and looks why the
// blind ones were rejected.
func (d *drill) lookAtReasons() error {
	var now rig.Told
	err := d.m.wait(fmt.Sprintf("word of %d parts", d.drilled.parts), func() (bool, error) {
		err := d.m.call("Told", rig.None{}, &now)
		return now.Parts >= d.drilled.parts, err
	})
	if d.fault.blind == "" || err != nil {
		return err
	}
	reason, want := string(d.fault.blind), 2
	if d.fault.blind == edge.ReasonScore {
		want++ // the bad part behind them
	}
	if n := now.Reasons[reason] - d.told.Reasons[reason]; n != want {
		d.miss("%d parts were rejected for %q, %d should have been; reasons %v, before %v", n, reason, want, now.Reasons, d.told.Reasons)
	}
	return nil
}

func (d *drill) said() string {
	f := d.fault
	words := []string{d.tally.short()}
	if f.blind != "" {
		words = append(words, "parts meanwhile rejected: "+string(f.blind))
	}
	if !f.ready {
		words = append(words, "READY dropped")
	}
	if f.alarm != "" {
		words = append(words, "alarm "+f.alarm)
	}
	switch {
	case f.reset:
		words = append(words, "back after a reset")
	case f.killed:
		words = append(words, "back after a restart")
	default:
		words = append(words, "back by itself")
	}
	return strings.Join(append(words, d.wrong...), ", ")
}
