package station

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/gpio"
	"winnow/gpio/cdev"
)

// Chips lists the GPIO chips of this machine.
func Chips() ([]string, error) { return cdev.Chips() }

// openPin opens a line of a real or the simulated chip.
func (s *Station) openPin(chip string, n int) (gpio.PinIO, error) {
	var pin gpio.PinIO
	var err error
	if chip == config.ChipSim {
		pin = s.chip.Line(n)
	} else if pin, err = cdev.Open(chip, n); err != nil {
		return nil, err
	}
	if s.wrap != nil {
		pin = s.wrap(pin)
	}
	return pin, nil
}

// openInputs opens lines whose edges come in one queue.
func (s *Station) openInputs(chip string, lines ...int) (gpio.Group, error) {
	if chip == config.ChipSim {
		return s.chip.Inputs(lines...)
	}
	return cdev.OpenInputs(chip, lines...)
}

// outputs are the actuators, as a line.Actuator: it fires them by time or by
// the encoder's counts, and hands results to the PLC behind that.
type outputs struct {
	s     *Station
	held  []*gpio.Output // everything that must return to its safe level
	names []string       // of the actuators, by channel
	sched *gpio.Scheduler
	gates line.Actuator // gpio.Rejector, gpio.Belt or nobody
	belt  *gpio.Belt    // nil without an encoder
	turns turns
}

// turns bring results into the order in which parts passed the trigger: a part may
// have its verdict before an older one, and the PLC's lines bear no number. It is
// for the line's goroutine alone.
type turns []turn

// mostTurns is more than can be under way: a part that should never be heard of again must
// not keep all behind it from the PLC.
const mostTurns = 8192

type turn struct {
	seq      uint64
	decided  bool
	decision edge.Decision
}

// of returns a part's turn, a new one if it was not announced.
func (t *turns) of(seq uint64) *turn {
	i := len(*t)
	for i > 0 && (*t)[i-1].seq >= seq {
		i--
	}
	if i == len(*t) || (*t)[i].seq != seq {
		*t = slices.Insert(*t, i, turn{seq: seq})
	}
	if len(*t) > mostTurns && i > 0 {
		*t = slices.Delete(*t, 0, 1)
		i--
	}
	return &(*t)[i]
}

// forget takes a part out that gets no result.
func (t *turns) forget(seq uint64) {
	*t = slices.DeleteFunc(*t, func(p turn) bool { return p.seq == seq })
}

// tell tells what no older part is in front of any more.
func (t *turns) tell(fn func(edge.Decision)) {
	n := 0
	for ; n < len(*t) && (*t)[n].decided; n++ {
		fn((*t)[n].decision)
	}
	*t = slices.Delete(*t, 0, n)
}

// capacity is how many pulses may wait for one actuator, and parts on the belt.
const capacity = 1024

// openOutputs requests every output at its safe level.
func openOutputs(s *Station) (*outputs, error) {
	o := &outputs{s: s, gates: nobody{}}
	if err := o.open(); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

func (o *outputs) open() error {
	var channels []gpio.ChannelConfig
	for _, a := range o.s.cfg.Actuators {
		out, err := o.request("actuator "+a.Name, a.Chip, a.Line, gpio.Polarity{ActiveLow: a.ActiveLow, SafeOn: a.Safe == config.SafeOn})
		if err != nil {
			return err
		}
		o.names = append(o.names, a.Name)
		channels = append(channels, gpio.ChannelConfig{
			Output: out, Merge: true, MinPeriod: a.MinGap.Std(), DeadTime: a.DeadTime.Std(), Capacity: capacity,
		})
	}
	if err := o.openSignals(); err != nil {
		return err
	}
	if len(channels) == 0 {
		return nil
	}
	var err error
	if o.sched, err = gpio.NewScheduler(o.s.clock, channels, o.pulsed); err != nil {
		return err
	}
	o.sched.OnBegin(o.begins)
	o.sched.OnStuck(o.stuck)
	return o.openGates()
}

// request drives a line to its safe level and remembers it for Close.
func (o *outputs) request(what, chip string, n int, p gpio.Polarity) (*gpio.Output, error) {
	pin, err := o.s.openPin(chip, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	out, err := gpio.NewOutput(pin, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	o.held = append(o.held, out)
	return out, nil
}

func (o *outputs) openSignals() error {
	outs := map[gpio.Signal]gpio.Switch{}
	for _, c := range o.s.cfg.Signals {
		out, err := o.request("signal "+string(c.Name), c.Chip, c.Line, gpio.Polarity{ActiveLow: c.ActiveLow})
		if err != nil {
			return err
		}
		outs[signalOf(c.Name)] = out
	}
	var err error
	o.s.plc, err = newPLC(o.s, outs)
	return err
}

// gateOrder lists the actuators as gates want them: the one that takes whatever
// no region takes, then the others; and which of them is for unsure parts.
func gateOrder(all []config.Actuator) (order []int, unsure int) {
	for i, a := range all {
		if a.On == config.FiresReject && a.Region == (config.Area{}) {
			order = append([]int{i}, order...)
		} else {
			order = append(order, i)
		}
	}
	for g, i := range order {
		if all[i].On == config.FiresUnsure {
			unsure = g
		}
	}
	return order, unsure
}

func (o *outputs) openGates() error {
	c := o.s.cfg
	order, unsure := gateOrder(c.Actuators)
	fires := c.Recipe.Unsure == config.UnsureReject
	if c.Encoder.Present() {
		belt := gpio.BeltConfig{UnsureFires: fires, UnsureGate: unsure, Capacity: capacity, Lost: o.lost, TopSpeed: c.Belt.Speed * c.Encoder.PerMM}
		for _, i := range order {
			a := c.Actuators[i]
			belt.Gates = append(belt.Gates, gpio.BeltGate{
				Channel: i, Distance: c.Encoder.Counts(c.ActuatorMM(i)), Advance: a.Advance.Std() + a.Pulse.Std()/2, Width: a.Pulse.Std(), Lane: lane(a.Region),
			})
		}
		b, err := gpio.NewBelt(belt, o.sched, o.s.clock)
		o.belt, o.gates = b, b
		return err
	}
	byTime := gpio.RejectConfig{UnsureFires: fires, UnsureGate: unsure, Deadline: c.Recipe.Deadline.Std(), Pitch: c.PartInterval(), Lost: o.lost}
	for _, i := range order {
		a := c.Actuators[i]
		byTime.Gates = append(byTime.Gates, gpio.Gate{
			Channel: i, Travel: c.ActuatorDelay(i), Advance: a.Advance.Std(), Width: a.Pulse.Std(), Window: a.Window.Std(), Lane: lane(a.Region),
		})
	}
	r, err := gpio.NewRejector(byTime, o.sched, o.s.clock)
	o.gates = r
	return err
}

func lane(a config.Area) image.Rectangle { return image.Rect(a.X, a.Y, a.X+a.Width, a.Y+a.Height) }

// nobody is where a station without actuators sends its rejects; the PLC acts.
type nobody struct{}

func (nobody) Act(*edge.Verdict) {}

// Act fires for a verdict, then hands it to the PLC. It never blocks.
func (o *outputs) Act(v *edge.Verdict) {
	v.Late(o.s.clock.Now())
	o.s.times.acted(v)
	o.gates.Act(v)
	o.s.times.decided(v)
	p := o.turns.of(v.ID.Seq)
	p.decided, p.decision = true, v.Decision
	o.turns.tell(o.s.plc.result)
}

// Announce has a part rejected unless its verdict says otherwise.
func (o *outputs) Announce(seq uint64, trigger edge.Instant) {
	o.turns.of(seq)
	defer o.s.plc.setBusy(true)
	if a, ok := o.gates.(line.Announcer); ok {
		a.Announce(seq, trigger)
	}
}

// Hold fires for a part that has its verdict during INHIBIT or in shadow mode, if that is over
// when it is before its actuator: till then the scheduler keeps its pulse. Its result is not
// handed over.
func (o *outputs) Hold(v *edge.Verdict) {
	o.s.times.acted(v)
	o.gates.Act(v)
	o.s.times.decided(v)
	o.turns.forget(v.ID.Seq)
	o.turns.tell(o.s.plc.result)
}

// Forget lets a part pass.
func (o *outputs) Forget(seq uint64) {
	if a, ok := o.gates.(line.Announcer); ok {
		a.Forget(seq)
	}
	o.turns.forget(seq)
	o.turns.tell(o.s.plc.result)
}

// lost stops the line for a part that no pulse will reach.
func (o *outputs) lost(seq uint64, err error) {
	o.s.stop("lost-reject", fmt.Sprintf("part %d will not be rejected: %v", seq, err), "take it off the belt, then reset")
}

// pulsed books what became of a pulse. It is called by the scheduler's thread.
func (o *outputs) pulsed(r gpio.Record) {
	o.s.times.pulsed(r)
	if r.Manual {
		return
	}
	if r.Outcome == gpio.Merged {
		o.begins(r)
	}
	if r.Outcome == gpio.Missed || r.Outcome == gpio.Failed {
		o.s.stop("missed-reject", fmt.Sprintf("actuator %s: part %d was not rejected (%v)", o.names[r.Channel], r.ID, r.Outcome), "take it off the belt, then reset")
	}
}

// stuck stops the line for an actuator that stays on. It is called by the scheduler's thread.
func (o *outputs) stuck(channel int, err error) {
	o.s.stop("stuck-output", fmt.Sprintf("actuator %s does not switch off: %v", o.names[channel], err), "cut its power, check the wiring, then reset")
}

// begins has the confirmation sensor wait for the part of a pulse.
func (o *outputs) begins(r gpio.Record) {
	if o.s.confirm != nil && !r.Manual {
		o.s.confirm.Fired(r)
		o.s.pump.poke()
	}
}

// hold keeps pulses from the actuators.
func (o *outputs) hold(h gpio.Hold) {
	if o.sched != nil {
		o.sched.Hold(h)
	}
}

// errNoActuator says what can be fired by hand.
var errNoActuator = errors.New("no actuator of that name")

// fire switches an actuator on by hand for at most width.
func (o *outputs) fire(name string, width time.Duration) error {
	for i, n := range o.names {
		if n == name {
			return o.sched.Schedule(i, gpio.Pulse{At: o.s.clock.Now(), Width: width, Manual: true})
		}
	}
	return fmt.Errorf("%w: %q; there are %q", errNoActuator, name, o.names)
}

// Run fires pulses until ctx ends.
func (o *outputs) Run(ctx context.Context) {
	if o.sched != nil {
		_ = o.sched.Run(ctx)
	}
}

// sayPriority logs why pulses are not fired with real-time priority: on a busy
// machine they come late then.
func (o *outputs) sayPriority() {
	if o.sched == nil {
		return
	}
	if err := o.sched.Realtime(); err != nil {
		o.s.log.Warn("reject pulses may come late while this machine is busy", "err", err)
	}
}

// drain waits, a few seconds at most, until parts on the belt have been acted on. It
// beats meanwhile: the line has ended, and hangs no more.
func (o *outputs) drain(ctx context.Context, beat func()) {
	clock := o.s.clock
	end := clock.Now().Add(5 * time.Second)
	for !o.idle() && end.After(clock.Now()) {
		beat()
		if clock.SleepUntil(ctx, clock.Now().Add(5*time.Millisecond)) != nil {
			return
		}
	}
}

// idle reports whether no pulse is on or to come.
func (o *outputs) idle() bool {
	return (o.belt == nil || o.belt.Ahead() == 0) && (o.sched == nil || o.sched.Idle())
}

// Close returns every output to its safe level.
func (o *outputs) Close() {
	for _, out := range o.held {
		if err := out.Close(); err != nil {
			o.s.log.Error("an output did not return to its safe level", "output", out.String(), "err", err)
		}
	}
}
