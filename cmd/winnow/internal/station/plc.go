package station

import (
	"context"
	"sync"
	"sync/atomic"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/gpio"
)

func signalOf(n config.SignalName) gpio.Signal {
	return map[config.SignalName]gpio.Signal{
		config.SignalReady: gpio.Ready, config.SignalBusy: gpio.Busy, config.SignalValid: gpio.ResultValid,
		config.SignalAccept: gpio.AcceptOut, config.SignalReject: gpio.RejectOut, config.SignalUnsure: gpio.UnsureOut,
		config.SignalError: gpio.ErrorOut, config.SignalStop: gpio.StopOut, config.SignalHeartbeat: gpio.Heartbeat,
	}[n]
}

// plc shows the line's state and results on the handshake's lines.
type plc struct {
	s    *Station
	hand *gpio.Handshake

	missed atomic.Uint64 // results that the line was stopped for

	mu     sync.Mutex
	status line.Status
	busy   bool
	last   lastPart
	beats  uint16
}

// lastPart is what was decided last.
type lastPart struct {
	seq      uint64
	decision edge.Decision
}

func newPLC(s *Station, outs map[gpio.Signal]gpio.Switch) (*plc, error) {
	h, err := gpio.NewHandshake(gpio.HandshakeConfig{
		Hold: s.cfg.Handshake.Hold.Std(), Acknowledge: s.cfg.Handshake.Acknowledge,
		Queue: max(16, s.lineConfig().InFlight), // results behind one that is late come all at once
	}, outs)
	return &plc{s: s, hand: h}, err
}

// show sets the lines that follow the line's state. READY means that parts are
// inspected and rejects are fired.
func (p *plc) show(st line.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = st
	p.lines()
}

// setBusy says whether a part waits for its verdict.
func (p *plc) setBusy(busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy != busy {
		p.busy = busy
		p.lines()
	}
}

func (p *plc) lines() {
	st := p.status
	p.check(p.hand.Show(st.State == line.Ready, p.busy, st.State == line.Fault, st.Stop))
}

// result hands a decision over; the pump takes it off.
func (p *plc) result(d edge.Decision) {
	p.check(p.hand.Result(d, p.s.clock.Now()))
	p.checkMissed()
	p.s.pump.poke()
}

// decided notes the last part, for PLCs that read it over Modbus.
func (p *plc) decided(v *edge.Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = lastPart{v.ID.Seq, v.Decision}
}

// beat changes HEARTBEAT; it is called where the line makes progress.
func (p *plc) beat() {
	p.check(p.hand.Beat())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beats++
}

func (p *plc) ack(c gpio.Change) {
	p.check(p.hand.Ack(c.Active, c.At))
	p.s.pump.poke()
}

// tick does what is due and returns when there is more; zero: not by itself.
func (p *plc) tick(now edge.Instant) edge.Instant {
	next, err := p.hand.Tick(now)
	p.check(err)
	p.checkMissed()
	return next
}

// checkMissed stops the line for a result that the PLC has not taken: it may be
// the PLC that takes bad parts off.
func (p *plc) checkMissed() {
	if n := p.hand.Missed(); n > p.missed.Swap(n) {
		p.s.stop("plc-missed", "the PLC has not taken a result: it may let a bad part pass", "look at ACK and at handshake.hold, clear the belt, then reset")
	}
}

// check raises an output that cannot be set; the PLC no longer sees the truth.
func (p *plc) check(err error) {
	if err != nil {
		p.s.stop("plc-output", err.Error(), "check the wiring of the signals, then reset")
	}
}

// pump turns what decides and never waits, when it is due.
type pump struct {
	clock edge.Clock
	ticks []func(now edge.Instant) edge.Instant

	mu     sync.Mutex
	cancel context.CancelFunc
}

// poke has the ticks asked again at once.
func (p *pump) poke() {
	gpio.LockSoon(&p.mu) // the pulse thread pokes
	defer p.mu.Unlock()
	if p.cancel != nil {
		p.cancel()
	}
}

// run turns until ctx ends.
func (p *pump) run(ctx context.Context) {
	for ctx.Err() == nil {
		sleep := p.arm(ctx)
		var next edge.Instant
		for _, tick := range p.ticks {
			if t := tick(p.clock.Now()); t != 0 && (next == 0 || next.After(t)) {
				next = t
			}
		}
		if next == 0 {
			<-sleep.Done()
		} else {
			_ = p.clock.SleepUntil(sleep, next)
		}
		p.disarm()
	}
}

// arm returns what the next poke ends.
func (p *pump) arm(ctx context.Context) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	sleep, cancel := context.WithCancel(ctx)
	p.cancel = cancel
	return sleep
}

func (p *pump) disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancel()
	p.cancel = nil
}
