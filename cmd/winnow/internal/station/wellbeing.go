package station

import (
	"context"
	"errors"
	"os"
	"time"

	"winnow/edge"
	"winnow/edge/health"
	"winnow/edge/supervise"
)

// stopCodes are problems that stay, and READY with them, until somebody resets:
// a part may have passed, or the plant may not see the truth.
var stopCodes = [...]string{
	"lost-reject", "missed-reject", "stuck-output", "missed-trigger", "overrun", "unconfirmed", "unexpected-reject",
	"jam", "encoder", "input", "plc-output", "plc-missed", "overload", "unclean-stop",
}

// stop makes the line NOT_READY until somebody resets it. It never blocks.
func (s *Station) stop(code, text, action string) {
	s.health.Raise(code, text, action)
	if s.line != nil {
		s.line.Alarm(text + "; " + action)
	}
}

// clearAlarms takes back what a reset has lifted.
func (s *Station) clearAlarms() {
	for _, code := range stopCodes {
		s.health.Clear(code)
	}
	s.health.Clear("trigger-too-soon")
	s.health.Clear("records-lost")
	s.keeper.excuse()
}

// Problems returns what is unwell, the longest-standing first.
func (s *Station) Problems() []health.Problem { return s.health.Problems() }

// flow raises parts that are rejected for want of a verdict, and takes that back
// once a while has passed without one.
type flow struct{ last edge.Counts }

func (f *flow) check(h *health.Tracker, now edge.Counts) {
	late, none := now.Late > f.last.Late, now.NoResult > f.last.NoResult
	f.last = now
	if late {
		h.Raise("late", "parts have no verdict in time and are rejected", "slow the belt, take a faster model, or look at what else this machine does")
	} else {
		h.Clear("late")
	}
	if none {
		h.Raise("no-result", "parts have no good picture or cannot be judged, and are rejected", "look at the camera and at the other alarms")
	} else {
		h.Clear("no-result")
	}
}

// look asks those who do not speak up by themselves.
func (s *Station) look() {
	failing := func(text string) error {
		if text == "" {
			return nil
		}
		return errors.New(text)
	}
	s.health.Check("broker", failing(s.teller.client.Stats().Failing), "check network and broker; records are kept and sent when it is back")
	s.health.Check("pictures", failing(s.pictures.Stats().Failing), "look at the disk; the line inspects without pictures")
	s.health.Check("outbox", failing(s.teller.Outbox.Stats().Failing), "look at the disk; the line inspects without records")
}

// unwell tells log and plant of a change of health. It never blocks.
func (s *Station) unwell(p health.Problem, cleared bool) {
	if cleared {
		s.log.Info("well again", "code", p.Code)
	} else {
		s.log.Error(p.Text, "code", p.Code, "action", p.Action)
	}
	if s.teller == nil {
		return
	}
	var err error
	if cleared {
		err = s.teller.ClearAlarm(p.Code)
	} else {
		err = s.teller.Alarm(p.Code, p.Text, p.Action)
	}
	if err != nil {
		s.log.Error("an alarm could not be told", "code", p.Code, "err", err)
	}
}

// dog is systemd's watchdog and the machine's, fed by the line's progress alone.
type dog struct {
	s       *Station
	systemd *supervise.Systemd
	watch   *supervise.Watchdog
	gate    *supervise.Gate
}

// newWatchdog arms the watchdogs that there are.
func (s *Station) newWatchdog() (*dog, error) {
	d := &dog{s: s}
	var err error
	if d.systemd, err = supervise.OpenSystemd(os.Getenv("NOTIFY_SOCKET")); err != nil {
		return nil, err
	}
	dogs := []supervise.Dog{d.systemd}
	patience := s.cfg.Watchdog.Patience.Std()
	if path := s.cfg.Watchdog.Device; path != "" {
		device, err := supervise.OpenDevice(path, patience)
		if err != nil {
			return nil, errors.Join(err, d.systemd.Close())
		}
		dogs = append(dogs, device)
	}
	if d.watch, err = supervise.NewWatchdog(s.clock, min(patience/5, time.Second), dogs...); err != nil {
		return nil, err
	}
	d.gate = d.watch.Gate("the line", patience/2)
	return d, nil
}

func (d *dog) beat() { d.gate.Beat() }

// started tells systemd that the station is up.
func (d *dog) started() {
	if err := d.systemd.Notify("READY=1"); err != nil {
		d.s.log.Warn("systemd was not told", "err", err)
	}
}

// run feeds until ctx ends. When the line hangs it leaves the dogs hungry: they
// restart service or machine.
func (d *dog) run(ctx context.Context) {
	if err := d.watch.Run(ctx); err != nil && ctx.Err() == nil {
		d.s.health.Raise("watchdog", err.Error(), "the station is restarted by its watchdog; look at what hung")
	}
}
