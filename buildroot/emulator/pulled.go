package main

import "winnow/buildroot/emulator/rig"

// pulled takes the camera away while the belt is full: parts that have been
// judged go by the list, every part from then on is rejected.
func (c *campaign) pulled() error {
	b, err := c.begin(c.goods, func(s *setup) { s.encoder = true })
	if err != nil {
		return err
	}
	process, err := c.m.process()
	if err != nil {
		return err
	}
	for range c.rounds(1, 3) {
		if err := b.pullOnce(); err != nil {
			return err
		}
	}
	after, err := c.m.process()
	if err != nil {
		return err
	}
	c.report.check(after == process, "the station is the process that it was: %d, %d", process, after)
	return c.end()
}

// rounds is how often the short and the long campaign do something.
func (c *campaign) rounds(short, long int) int {
	if c.long {
		return long
	}
	return short
}

// pullOnce lets three belts full of parts pass: with the camera, while it is
// taken away, and when it is back.
func (b *bench) pullOnce() error {
	l, err := b.newLot()
	if err != nil {
		return err
	}
	run := b.pace.belt()
	run.EncoderLine = lineEncoder
	// Parts that would be accepted if they were judged, but for two that show that
	// the list is still followed.
	for i := range 3 * onBelt {
		run.Steps = append(run.Steps, rig.Step{Picture: b.pick(i%onBelt == 2), After: b.pace.spacing})
	}
	run.Pull = onBelt + 2
	run.Tail = onBelt + 2
	if err := l.pass(run, false); err != nil {
		return err
	}
	if err := b.m.problem("camera", true); err != nil {
		return err
	}
	if err := b.m.notReady(); err != nil {
		return err
	}
	t, err := l.settle()
	if err != nil {
		return err
	}
	b.report.check(t.clean() && b.readyFell(l), "camera pulled with %d parts on the belt and %d behind them: those without a picture rejected, READY dropped, alarm camera raised: %v",
		onBelt, len(run.Steps)-run.Pull+1, t)
	return b.backAgain()
}

// readyFell reports whether READY dropped once.
func (b *bench) readyFell(l *lot) bool {
	falls, high := 0, true
	for _, e := range l.edges {
		if e.Line == lineReady {
			if high && !e.Level {
				falls++
			}
			high = e.Level
		}
	}
	return falls == 1
}

// backAgain plugs the camera in and lets a belt full of parts pass.
func (b *bench) backAgain() error {
	if err := b.replug(); err != nil {
		return err
	}
	if err := b.m.problem("camera", false); err != nil {
		return err
	}
	if err := b.m.ready(); err != nil {
		return err
	}
	l, err := b.newLot()
	if err != nil {
		return err
	}
	run := b.pace.belt()
	run.EncoderLine, run.Tail = lineEncoder, onBelt+2
	for i := range onBelt + 1 {
		run.Steps = append(run.Steps, rig.Step{Picture: b.pick(i%2 == 0), After: b.pace.spacing})
	}
	if err := l.pass(run, false); err != nil {
		return err
	}
	t, err := l.settle()
	if err != nil {
		return err
	}
	b.report.check(t.clean(), "camera plugged in again: READY and alarm came back by themselves: %v", t)
	return nil
}
