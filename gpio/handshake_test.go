package gpio_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	pgpio "periph.io/x/conn/v3/gpio"

	"winnow/edge"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// plc reads the handshake's lines as a controller would.
type plc struct {
	*gpio.Handshake
	chip *sim.Chip
}

func newPLC(t *testing.T, c gpio.HandshakeConfig) *plc {
	t.Helper()
	p := &plc{chip: sim.NewChip(&hand{})}
	outs := map[gpio.Signal]gpio.Switch{}
	for s := gpio.Ready; s <= gpio.Heartbeat; s++ {
		o, err := gpio.NewOutput(p.chip.Line(int(s)), gpio.Polarity{})
		if err != nil {
			t.Fatal(err)
		}
		outs[s] = o
	}
	var err error
	if p.Handshake, err = gpio.NewHandshake(c, outs); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *plc) reads(s gpio.Signal) bool { return p.chip.Line(int(s)).Read() == pgpio.High }

// result is what stands on the lines, or Unknown while nothing is valid.
func (p *plc) result(t *testing.T) edge.Decision {
	t.Helper()
	if !p.reads(gpio.ResultValid) {
		return edge.Unknown
	}
	var on []edge.Decision
	for s, d := range map[gpio.Signal]edge.Decision{gpio.AcceptOut: edge.Accept, gpio.RejectOut: edge.Reject, gpio.UnsureOut: edge.Unsure} {
		if p.reads(s) {
			on = append(on, d)
		}
	}
	if len(on) != 1 {
		t.Fatalf("valid shows %v", on)
	}
	return on[0]
}

func TestHandshakeHandsOverInOrder(t *testing.T) {
	p := newPLC(t, gpio.HandshakeConfig{Hold: ms(50), Acknowledge: true, Queue: 2})
	for i, d := range []edge.Decision{edge.Accept, edge.Unknown, edge.Unsure, edge.Reject} {
		if err := p.Result(d, at(float64(i))); err != nil {
			t.Fatal(err)
		}
	}
	var got []edge.Decision
	for i := range 3 {
		got = append(got, p.result(t))
		now := at(float64(10 * (1 + i)))
		if err := p.Ack(true, now); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Tick(now + at(5)); err != nil || p.result(t) != edge.Unknown {
			t.Errorf("result %v while ACK is active, %v", p.result(t), err)
		}
		if err := p.Ack(false, now+at(6)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []edge.Decision{edge.Accept, edge.Reject, edge.Unsure}; !slices.Equal(got, want) || p.Missed() != 1 {
		t.Errorf("%v, missed %d; want %v and the fourth missed", got, p.Missed(), want)
	}
	if p.result(t) != edge.Unknown {
		t.Error("valid without a result")
	}
}

func TestResultWithoutAckIsMissed(t *testing.T) {
	for acknowledge, missed := range map[bool]uint64{false: 0, true: 1} {
		p := newPLC(t, gpio.HandshakeConfig{Hold: ms(50), Acknowledge: acknowledge})
		_ = p.Result(edge.Accept, at(100))
		if next, _ := p.Tick(at(149)); next != at(150) || p.result(t) != edge.Accept {
			t.Errorf("next %v, %v", next, p.result(t))
		}
		if next, _ := p.Tick(at(150)); next != 0 || p.result(t) != edge.Unknown || p.Missed() != missed {
			t.Errorf("next %v, %v, missed %d", next, p.result(t), p.Missed())
		}
	}
}

// A PLC whose ACK does not go takes no further result: that is told once the first that
// waits for it has waited as long as one would for ACK.
func TestAnAckThatStaysMissesAResult(t *testing.T) {
	p := newPLC(t, gpio.HandshakeConfig{Hold: ms(50), Acknowledge: true})
	_ = p.Result(edge.Accept, at(100))
	_ = p.Ack(true, at(110))
	if next, _ := p.Tick(at(200)); next != 0 {
		t.Errorf("nothing waits, and next is %v", next)
	}
	_ = p.Result(edge.Reject, at(300))
	_ = p.Result(edge.Accept, at(330))
	if next, _ := p.Tick(at(349)); next != at(350) || p.Missed() != 0 {
		t.Errorf("next %v, missed %d", next, p.Missed())
	}
	if next, _ := p.Tick(at(350)); next != 0 || p.Missed() != 1 {
		t.Errorf("next %v, missed %d", next, p.Missed())
	}
	_ = p.Ack(false, at(400))
	if p.result(t) != edge.Reject {
		t.Errorf("%v once ACK has gone", p.result(t))
	}
	_ = p.Ack(true, at(410))
	if next, _ := p.Tick(at(420)); next != at(460) {
		t.Errorf("next %v while another ACK stays", next)
	}
	_ = p.Ack(false, at(430))
	if next, _ := p.Tick(at(440)); next != at(480) || p.result(t) != edge.Accept || p.Missed() != 1 {
		t.Errorf("next %v, %v, missed %d", next, p.result(t), p.Missed())
	}
}

// A PLC that scans the lines must see RESULT VALID fall between two results.
func TestResultValidRestsBetweenResults(t *testing.T) {
	p := newPLC(t, gpio.HandshakeConfig{Hold: ms(50)})
	_ = p.Result(edge.Accept, at(100))
	_ = p.Result(edge.Reject, at(110))
	for _, c := range []struct {
		now, next float64
		want      edge.Decision
	}{{150, 200, edge.Unknown}, {199, 200, edge.Unknown}, {200, 250, edge.Reject}, {250, 0, edge.Unknown}} {
		if next, _ := p.Tick(at(c.now)); next != at(c.next) || p.result(t) != c.want {
			t.Errorf("at %v: next %v, %v, want %v", c.now, next, p.result(t), c)
		}
	}
}

func TestResultIsNeverValidWithItsLinesUnset(t *testing.T) {
	p := newPLC(t, gpio.HandshakeConfig{Hold: ms(50)})
	broken := errors.New("broken")
	p.chip.Line(int(gpio.RejectOut)).Fail(broken)
	if err := p.Result(edge.Accept, at(1)); !errors.Is(err, broken) || p.reads(gpio.ResultValid) {
		t.Errorf("%v, valid %v", err, p.reads(gpio.ResultValid))
	}
}

func TestHandshakeFollowsTheState(t *testing.T) {
	p := newPLC(t, gpio.HandshakeConfig{Hold: ms(50)})
	_ = p.Show(true, true, false, false)
	_ = p.Beat()
	if !p.reads(gpio.Ready) || !p.reads(gpio.Busy) || p.reads(gpio.ErrorOut) || p.reads(gpio.StopOut) || !p.reads(gpio.Heartbeat) {
		t.Error("READY, BUSY, HEARTBEAT are not what they should be")
	}
	_ = p.Show(false, false, true, true)
	_ = p.Beat()
	if p.reads(gpio.Ready) || p.reads(gpio.Busy) || !p.reads(gpio.ErrorOut) || !p.reads(gpio.StopOut) || p.reads(gpio.Heartbeat) {
		t.Error("ERROR, STOP are not what they should be")
	}
}

func TestConfirmation(t *testing.T) {
	var got []string
	c, err := gpio.NewConfirmer(gpio.ConfirmConfig{Within: ms(100), JamAfter: ms(200), Capacity: 3}, func(f gpio.Confirmation) {
		got = append(got, f.Finding.String()+string(rune('0'+f.ID)))
	})
	if err != nil {
		t.Fatal(err)
	}
	fired := func(id uint64, start float64, o gpio.Outcome) {
		c.Fired(gpio.Record{Pulse: gpio.Pulse{ID: id, At: at(start)}, Outcome: o, Start: at(start)})
	}
	sees := func(from, to float64) {
		c.Sensor(gpio.Change{At: at(from), Active: true})
		c.Tick(at(to))
		c.Sensor(gpio.Change{At: at(to)})
	}
	fired(1, 10, gpio.Fired)
	fired(2, 20, gpio.Merged)
	fired(3, 30, gpio.Missed)
	sees(60, 70)
	sees(80, 90)
	sees(95, 99) // nobody rejected this one
	fired(4, 200, gpio.Fired)
	if next := c.Tick(at(250)); next != at(300)+1 {
		t.Errorf("next %v", next)
	}
	if next := c.Tick(at(300) + 1); next != 0 {
		t.Errorf("next %v", next)
	}
	fired(5, 400, gpio.Fired)
	sees(410, 700)
	for id := range uint64(4) {
		fired(6+id, 800, gpio.Fired)
	}
	want := []string{"confirmed1", "confirmed2", "unexpected0", "unseen4", "confirmed5", "jammed0", "freed0", "unseen9"}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

// A part that stands or creeps before an actuator gets pulse upon pulse, and falls once.
func TestAPartIsAwaitedOnceHoweverManyPulsesItGets(t *testing.T) {
	var got []string
	c, err := gpio.NewConfirmer(gpio.ConfirmConfig{Within: ms(100)}, func(f gpio.Confirmation) {
		got = append(got, fmt.Sprint(f.Finding, " ", f.ID, " ", f.At))
	})
	if err != nil {
		t.Fatal(err)
	}
	fired := func(id uint64, channel int, start float64, o gpio.Outcome) {
		c.Fired(gpio.Record{Pulse: gpio.Pulse{ID: id, At: at(start)}, Channel: channel, Outcome: o, Start: at(start)})
	}
	fired(1, 0, 10, gpio.Fired)
	fired(1, 0, 20, gpio.Merged)
	c.Sensor(gpio.Change{At: at(15), Active: true})
	c.Sensor(gpio.Change{At: at(25)})
	fired(1, 0, 30, gpio.Merged) // the belt does not know that it is gone
	fired(1, 0, 60, gpio.Fired)
	c.Tick(at(200))
	fired(2, 0, 300, gpio.Fired)
	fired(2, 1, 310, gpio.Fired) // by another actuator
	fired(2, 0, 390, gpio.Merged)
	for now := c.Tick(at(400)); now != 0; now = c.Tick(now) {
	}
	want := []string{"confirmed 1 15ms", "unseen 2 410.000001ms", "unseen 2 490.000001ms"}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}
