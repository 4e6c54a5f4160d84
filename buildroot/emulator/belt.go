package main

import (
	"fmt"
	"slices"
	"time"

	"winnow/buildroot/emulator/rig"
)

// belt runs all parts past a station that follows them by an encoder: at two
// speeds, with a stop and a restart in each half, and compares every reject
// with the list.
func (c *campaign) belt() error {
	g := c.goods
	b, err := c.begin(g, func(s *setup) { s.encoder = true })
	if err != nil {
		return err
	}
	p := b.pace
	l, err := b.newLot()
	if err != nil {
		return err
	}
	n := len(g.pictures) - 1
	for from := 1; from <= n; from += chunk {
		run := p.belt(upTo(from, min(from+chunk-1, n))...)
		run.EncoderLine = lineEncoder
		for i := range run.Steps {
			at := from + i
			if at > n/2 {
				run.Steps[i].After = p.spacing * 14 / 10
			}
			if at == n/4 || at == 3*n/4 {
				run.Steps[i].Stand = 3 * p.spacing
			}
		}
		if from+chunk > n {
			run.Tail = onBelt + 2
		}
		if err := l.pass(run, false); err != nil {
			return err
		}
		if c.long {
			c.report.note("%d of %d parts have passed", min(from+chunk-1, n), n)
		}
	}
	t, err := l.settle()
	if err != nil {
		return err
	}
	c.report.check(t.clean(), "belt by encoder, %v and %v from part to part, 2 stops, %d parts between trigger and actuator: %v",
		p.spacing.Round(time.Millisecond), (p.spacing * 14 / 10).Round(time.Millisecond), onBelt, t)
	c.report.note("from the count that was due to the pulse: %s", spread(l.offsets))
	if err := c.account(t, n); err != nil {
		return err
	}
	return c.end()
}

// chunk is how many parts pass between two words on the progress.
const chunk = 40

// account compares the station's own counts with what passed.
func (c *campaign) account(t tally, parts int) error {
	s, err := c.m.status()
	if err != nil {
		return err
	}
	n := s.Counts
	c.report.check(n.Triggers == uint64(parts) && n.Accept+n.Reject+n.Unsure+n.NoResult == n.Triggers && n.NoResult+n.Late == 0,
		"verdicts: %d triggers = %d accept + %d reject + %d unsure + %d no result; %d late", n.Triggers, n.Accept, n.Reject, n.Unsure, n.NoResult, n.Late)
	if !t.clean() {
		c.report.note("%v", c.m.log())
	}
	return nil
}

func upTo(first, last int) []int {
	var all []int
	for i := first; i <= last; i++ {
		all = append(all, i)
	}
	return all
}

// lot is parts that pass one after another, over several calls of the plant,
// and what must become of them.
type lot struct {
	b       *bench
	reject  []bool // by picture, as the list has it
	want    []bool // by part
	due     []int64
	counts  []time.Duration
	encoder bool
	offsets []time.Duration // from what was due to the pulse
	edges   []rig.Edge      // of every output
}

// newLot forgets what the outputs did before, and reads the list.
func (b *bench) newLot() (*lot, error) {
	if _, err := b.m.edges(); err != nil {
		return nil, err
	}
	reject, err := readList(b.goods.list)
	b.lot = &lot{b: b, reject: reject}
	return b.lot, err
}

// collect takes over what the outputs have done.
func (l *lot) collect() error {
	edges, err := l.b.m.edges()
	l.edges = append(l.edges, edges...)
	return err
}

// pass lets parts pass. Those of a blind station, in the dark, and from where
// the camera is pulled, must be rejected whatever they are.
func (l *lot) pass(b rig.Belt, blind bool) error {
	var r rig.Passed
	if err := l.b.m.call("Run", b, &r); err != nil {
		return err
	}
	l.encoder = b.EncoderLine >= 0
	for i, at := range r.Triggers {
		unseen := blind || b.Dark || b.Pull > 0 && i+1 >= b.Pull
		l.want = append(l.want, unseen || l.reject[b.Steps[i].Picture])
		if l.encoder {
			l.due = append(l.due, int64(len(l.counts)+r.Places[i]+distance))
		} else {
			l.due = append(l.due, int64(at+l.b.pace.travel))
		}
	}
	l.counts = append(l.counts, r.Counts...)
	return nil
}

// settle waits until the last part is past the actuator, and compares.
func (l *lot) settle() (tally, error) {
	if !l.encoder {
		if err := l.b.m.sleep(l.b.pace.travel + l.b.pace.spacing); err != nil {
			return tally{}, err
		}
	}
	if err := l.collect(); err != nil {
		return tally{}, err
	}
	t := l.compare(rises(l.edges, lineReject))
	for _, w := range t.which {
		l.b.report.note("%s", w)
	}
	l.b.sum.add(t)
	return t, nil
}

func (l *lot) compare(pulses []time.Duration) tally {
	places, reach := make([]int64, len(pulses)), int64(l.b.pace.spacing/2)
	for i, p := range pulses {
		places[i] = int64(p)
		if l.encoder {
			at, _ := slices.BinarySearch(l.counts, p+1)
			places[i], reach = int64(at), pitch/2
		}
		l.offsets = append(l.offsets, l.offset(p))
	}
	return compare(places, l.due, reach, l.want)
}

// offset is how long before (below 0) or after the nearest due instant a pulse began.
func (l *lot) offset(p time.Duration) time.Duration {
	best := time.Hour
	for _, d := range l.due {
		at := time.Duration(d)
		if l.encoder && int(d) <= len(l.counts) {
			at = l.counts[d-1]
		}
		if (p - at).Abs() < best.Abs() {
			best = p - at
		}
	}
	return best
}

// spread sums up durations, for reading and not for judging.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "nothing was measured"
	}
	d = slices.Sorted(slices.Values(d))
	at := func(q float64) time.Duration { return d[int(q*float64(len(d)-1))].Round(10 * time.Microsecond) }
	return fmt.Sprintf("n %d, smallest %v, p50 %v, p99 %v, largest %v", len(d), at(0), at(0.5), at(0.99), at(1))
}
