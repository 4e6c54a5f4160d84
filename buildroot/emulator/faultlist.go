package main

import (
	"errors"
	"fmt"
	"time"

	"winnow/buildroot/emulator/rig"
	"winnow/edge"
)

// repeat gives a fault several times.
func repeat(n int, f fault) []fault {
	all := make([]fault, n)
	for i := range all {
		all[i] = f
	}
	return all
}

// counted is a fault, and how often each campaign goes through it.
type counted struct {
	short, long int
	fault
}

// chosen are the faults of one of the campaigns.
func chosen(long bool, all ...counted) []fault {
	var list []fault
	for _, f := range all {
		n := f.short
		if long {
			n = f.long
		}
		list = append(list, repeat(n, f.fault)...)
	}
	return list
}

// beltFaults are those of a station under the loopback camera, which shows it
// parts that are good or bad.
func beltFaults(long bool) []fault {
	well := spoil(rig.CameraWell)
	noPicture := fault{blind: edge.ReasonNoFrame, alarm: "camera"}
	badPicture := fault{blind: edge.ReasonBadFrame, alarm: "no-result", ready: true}
	with := func(f fault, name string, breaks, mends func(*bench) error) fault {
		f.name, f.breaks, f.mends = name, breaks, mends
		return f
	}
	gone := with(noPicture, "the camera's frames end and its device is none any more", (*bench).unplug, (*bench).replug)
	gone.unplug, gone.dark = true, true
	unseen := fault{ready: true}
	dead := fault{alone: true, empty: true, alarm: "unclean-stop", reset: true, killed: true}
	still := fault{alone: true, empty: true, alarm: "missed-reject", reset: true}
	full := with(unseen, "the disk is full", (*bench).fillDisk, (*bench).emptyDisk)
	full.alarm, full.untold = "outbox", true
	shut := with(unseen, "the broker is gone", door(rig.DoorShut), door(rig.DoorOpen))
	shut.alarm = "broker"
	deaf := with(unseen, "the broker does not answer", door(rig.DoorDeaf), door(rig.DoorOpen))
	deaf.alarm = "broker"
	refused := fault{alone: true, empty: true, killed: true}
	return chosen(long,
		counted{1, 3, gone},
		counted{0, 2, with(noPicture, "the camera falls silent", spoil(rig.CameraSilent), well)},
		counted{1, 2, with(badPicture, "short frames", spoil(rig.CameraShort), well)},
		counted{0, 2, with(fault{blind: edge.ReasonScore, ready: true}, "torn frames", spoil(rig.CameraTorn), well)},
		counted{0, 2, with(badPicture, "all-equal frames", spoil(rig.CameraFlat), well)},
		counted{0, 2, with(badPicture, "the same frame of a good part for ever", (*bench).freeze, well)},
		counted{0, 2, shut},
		counted{0, 1, deaf},
		counted{0, 2, full},
		counted{0, 1, with(unseen, "the clock is set a day ahead", setClock("+"), setClock("-"))},
		counted{0, 1, with(unseen, "bounces at the trigger", (*bench).bounce, func(b *bench) error { return b.m.reset() })},
		counted{1, 3, with(dead, "SIGKILL", (*bench).kill, nil)},
		counted{0, 2, with(still, "SIGSTOP, and SIGCONT when the parts are past", (*bench).stopAWhile, nil)},
		counted{0, 1, with(refused, "a damaged model package at a restart", (*bench).damageModel, (*bench).mendModel)},
		counted{0, 1, with(refused, "a mistake in the configuration at a restart", (*bench).damageConfig, (*bench).mendConfig)},
		counted{0, 1, with(refused, "a damaged outbox at a restart", (*bench).damageOutbox, nil)},
	)
}

// Buttons and sliders of vivid (drivers/media/test-drivers/vivid/vivid-ctrls.c).
const (
	vividDropped     = 0x00f0f040 // per cent of frames
	vividDisconnect  = 0x00f0f041
	vividQueueSetup  = 0x00f0f043
	vividBufPrepare  = 0x00f0f044
	vividStreamError = 0x00f0f045
)

// vividFaults are those of a station under the kernel's test camera. What it
// shows is never a good part: there it is the reasons that tell.
func vividFaults(long bool) []fault {
	f := func(name string, breaks, mends func(*bench) error) fault {
		return fault{name: "vivid: " + name, alarm: "camera", breaks: breaks, mends: mends}
	}
	blip := f("unplugged and plugged in at once", press(vividDisconnect), nil)
	blip.unplug, blip.alone = true, true
	unbound := f("unplugged, its device file gone", bind("unbind"), bind("bind"))
	unbound.unplug, unbound.blind = true, edge.ReasonNoFrame
	dropped := f("every frame dropped by the driver", slide(vividDropped, 100), slide(vividDropped, 0))
	dropped.blind = edge.ReasonNoFrame
	again := func(name string, id uint32) fault {
		f := f(name+" when it comes back", func(b *bench) error { return errors.Join(press(id)(b), press(vividDisconnect)(b)) }, nil)
		f.unplug, f.alone = true, true
		return f
	}
	return chosen(long,
		counted{0, 3, blip},
		counted{1, 4, unbound},
		counted{0, 2, dropped},
		counted{0, 1, again("the driver refuses to stream", vividStreamError)},
		counted{0, 1, again("the driver gives no buffers", vividQueueSetup)},
		counted{0, 1, again("the driver refuses a buffer", vividBufPrepare)},
	)
}

func spoil(f rig.CameraFault) func(*bench) error {
	return func(b *bench) error { return b.m.call("Spoil", rig.Spoil{Fault: f}, &rig.None{}) }
}

func (b *bench) freeze() error {
	return b.m.call("Spoil", rig.Spoil{Fault: rig.CameraFrozen, Picture: b.pick(false)}, &rig.None{})
}

func (b *bench) unplug() error { return b.m.call("Unplug", rig.None{}, &rig.None{}) }
func (b *bench) replug() error { return b.plug(b.goods, b.pace) }

func door(state rig.Door) func(*bench) error {
	return func(b *bench) error { return b.m.call("Door", state, &rig.None{}) }
}

func press(id uint32) func(*bench) error { return slide(id, 1) }

func slide(id uint32, value int32) func(*bench) error {
	return func(b *bench) error {
		return b.m.call("Press", rig.Control{Device: "/dev/video0", ID: id, Value: value}, &rig.None{})
	}
}

func bind(what string) func(*bench) error {
	return func(b *bench) error {
		_, err := b.m.sh("echo vivid.0 >/sys/bus/platform/drivers/vivid/" + what)
		return err
	}
}

func (b *bench) fillDisk() error {
	_, err := b.m.sh("dd if=/dev/zero of=" + stateDir + "/fill bs=16k 2>/dev/null; test -s " + stateDir + "/fill")
	return err
}

func (b *bench) emptyDisk() error {
	_, err := b.m.sh("rm " + stateDir + "/fill")
	return err
}

func setClock(sign string) func(*bench) error {
	return func(b *bench) error {
		_, err := b.m.sh("date -s @$(($(date +%s) " + sign + " 86400))")
		return err
	}
}

// bounce pulls the trigger for less than its debounce time. One that a busy machine
// draws out is told of as a trigger that came too soon, until a reset.
func (b *bench) bounce() error {
	for range 5 {
		if err := b.m.call("Bounce", lineTrigger, &rig.None{}); err != nil {
			return err
		}
	}
	return nil
}

// strays lets two parts pass that nobody will reject: READY tells the plant.
func (b *bench) strays() error {
	b.drilled.parts += 2 // they are told of, if nothing else
	var r rig.Passed
	run := b.pace.belt(b.pick(true), b.pick(true))
	run.Dark = b.elsewhere
	return b.m.call("Run", run, &r)
}

// kill kills the station with parts on its belt and waits until another one is
// there.
func (b *bench) kill() error {
	if err := errors.Join(b.strays(), b.m.sleep(time.Second)); err != nil { // they are judged, and told of
		return err
	}
	if _, err := b.m.sh("kill -9 $(pidof winnow)"); err != nil {
		return err
	}
	if err := b.m.notReady(); err != nil {
		return err
	}
	return b.m.outputsSafe()
}

// stopAWhile stops the whole process until the parts that pass meanwhile are
// beyond the actuator.
func (b *bench) stopAWhile() error {
	if _, err := b.m.sh("kill -STOP $(pidof winnow)"); err != nil {
		return err
	}
	if err := b.lot.collect(); err != nil {
		return err
	}
	before := len(b.lot.edges)
	if err := errors.Join(b.strays(), b.m.sleep(b.pace.travel+2*b.pace.spacing), b.lot.collect()); err != nil {
		return err
	}
	if moved := b.lot.edges[before:]; len(moved) > 0 {
		return fmt.Errorf("a stopped station moved outputs: %v", moved)
	}
	_, err := b.m.sh("kill -CONT $(pidof winnow)")
	return err
}

// restartWith has the station stop, something be done, and the station start
// again, which it must not be able to.
func (b *bench) restartWith(do func() error) error {
	if err := b.m.service("stop"); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if err := b.m.service("start"); err != nil {
		return err
	}
	if err := b.m.sleep(3 * time.Second); err != nil {
		return err
	}
	return b.m.outputsSafe()
}

func (b *bench) damageModel() error {
	return b.restartWith(func() error { return b.m.damage(modelFile) })
}

func (b *bench) mendModel() error { return b.m.put(modelFile, b.goods.model) }

func (b *bench) damageConfig() error {
	return b.restartWith(func() error { return b.sed("s/^deadline = .*/deadline = soon/") })
}

func (b *bench) mendConfig() error {
	return b.sed(fmt.Sprintf("s/^deadline = .*/deadline = %q/", b.pace.deadline))
}

func (b *bench) sed(script string) error {
	_, err := b.m.sh(fmt.Sprintf("sed -i '%s' %s", script, configFile))
	return err
}

// damageOutbox spoils the records that wait for the broker while nobody writes
// them.
func (b *bench) damageOutbox() error {
	if err := b.m.service("stop"); err != nil {
		return err
	}
	if _, err := b.m.sh(fmt.Sprintf("cd %s/records && rm -f outbox.db-* && dd if=/dev/urandom of=outbox.db bs=1k count=4 conv=notrunc 2>/dev/null", stateDir)); err != nil {
		return err
	}
	return b.m.service("start")
}
