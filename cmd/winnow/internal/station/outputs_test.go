package station

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
	"winnow/edge/line"
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

// A camera is not exact to the nanosecond, nor is camera_delay: whether its pictures come a
// little sooner or later, each is of its own part.
func TestAPictureALittleEarlyIsOfItsOwnPart(t *testing.T) {
	cfg := config.Default()
	cfg.Trigger = config.Trigger{Kind: config.TriggerGPIO, Debounce: config.Duration(2 * time.Millisecond), MinInterval: config.Duration(80 * time.Millisecond), CameraDelay: config.Duration(100 * time.Millisecond)}
	cfg.Camera.Trigger, cfg.Recipe.Deadline = config.CameraHardware, config.Duration(300*time.Millisecond)
	for _, early := range []time.Duration{-5 * time.Millisecond, 0, time.Millisecond, 5 * time.Millisecond} {
		s := &Station{cfg: cfg, modes: &modes{mode: config.ModeReady}, triggered: true}
		clk := clock.NewManual(1e9, edge.WallTime{})
		pictures := map[uint64]uint64{} // of parts
		m, err := line.NewMachine(s.lineConfig(), line.Deps{
			Clock: clk, Actuator: nobody{}, Release: func(*edge.Frame) {},
			Judge: judgeFunc(func(f *edge.Frame, v *edge.Verdict) error { pictures[v.ID.Seq] = f.Seq; return nil }),
		})
		if err != nil {
			t.Fatal(err)
		}
		for now := time.Duration(1); now < 1000; now++ { // milliseconds; a part each 80
			clk.Advance(time.Millisecond)
			at := clk.Now()
			if now%80 == 0 {
				m.Trigger(at)
			}
			if exposed := now*time.Millisecond - 110*time.Millisecond + early; exposed >= 80*time.Millisecond && exposed%(80*time.Millisecond) == 0 { // it arrives 10 ms later
				m.Frame(&edge.Frame{Pix: make([]byte, 1), Width: 1, Height: 1, Stride: 1, At: at.Add(-10 * time.Millisecond), Seq: uint64(exposed / (80 * time.Millisecond))})
			}
			m.Tick()
			for j := m.Next(); j != nil; j = m.Next() {
				j.Err = j.Judge.Judge(j.Frame, &j.Verdict)
				m.Judged(j)
			}
		}
		for part := uint64(1); part <= 10; part++ {
			if pictures[part] != part {
				t.Errorf("%v early: part %d was judged by picture %d", early, part, pictures[part])
			}
		}
	}
}
