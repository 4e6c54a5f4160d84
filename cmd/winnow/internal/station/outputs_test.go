package station

import (
	"log/slog"
	"slices"
	"testing"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
	"winnow/gpio"
	"winnow/gpio/sim"
)

// TestResultsKeepTheOrderOfParts: a PLC that counts parts hears of them in the order in which they came.
func TestResultsKeepTheOrderOfParts(t *testing.T) {
	var q turns
	var got []edge.Decision
	act := func(seq uint64, d edge.Decision) {
		p := q.of(seq)
		p.decided, p.decision = true, d
		q.tell(func(d edge.Decision) { got = append(got, d) })
	}
	q.of(1)
	q.of(2)
	q.of(3)
	act(2, edge.Reject) // a bad frame
	if len(got) != 0 {
		t.Error("told before its turn")
	}
	act(1, edge.Accept)
	act(4, edge.Unsure) // it was not announced
	q.forget(3)
	q.tell(func(d edge.Decision) { got = append(got, d) })
	if !slices.Equal(got, []edge.Decision{edge.Accept, edge.Reject, edge.Unsure}) || len(q) != 0 {
		t.Errorf("%v, %d left", got, len(q))
	}
}

// A part has no verdict yet, whether a trigger announced it or its first frame did, and
// though the verdict of the part before came between its trigger and its place in the line.
func TestBusyFollowsEveryAnnouncedPart(t *testing.T) {
	cfg := config.Default()
	cfg.Records.Dir = t.TempDir()
	cfg.Signals = []config.Signal{{Name: config.SignalBusy, Chip: config.ChipSim, Line: 12}}
	clk := clock.NewManual(1e9, edge.WallTime{})
	chip := sim.NewChip(clk)
	s, err := Open(Options{Config: cfg, Clock: clk, Log: slog.New(slog.DiscardHandler), Chip: chip})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	busy := func() bool { return chip.Line(12).Read() == gpio.High }
	s.outs.Announce(1, clk.Now())
	if !busy() {
		t.Error("BUSY is off while a part is judged")
	}
	s.plc.setBusy(true) // the second passes its trigger
	s.plc.setBusy(false)
	s.outs.Announce(2, clk.Now())
	if !busy() {
		t.Error("BUSY is off while the second part is judged")
	}
}
