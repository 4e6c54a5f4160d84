package drift

import (
	"fmt"
	"testing"

	"winnow/capture/scene"
)

// passing is a monitored line, and what it has told.
type passing struct {
	*drawnLine
	*Monitor
	t    *testing.T
	from uint64
	told []string // kinds in the order of their alarms
}

func (p *passing) parts(n int, c scene.Conditions) {
	p.t.Helper()
	p.conditions = c
	for range n {
		in, _ := p.part(p.from + uint64(p.Parts()))
		before := len(p.state.Alarms)
		changed, err := p.Add(in, 0)
		if err != nil {
			p.t.Fatal(err)
		}
		if now := p.state.Alarms; changed && len(now) > before {
			for _, a := range now[before:] {
				p.told = append(p.told, a.Kind.String())
			}
		}
	}
	p.conditions = scene.Conditions{}
}

func (p *passing) up() (kinds []string) {
	for _, a := range p.State().Alarms {
		kinds = append(kinds, a.Kind.String())
	}
	return kinds
}

// A change that lasts has one alarm, which no other kind's joins, and which goes when the
// change does, without another in its place. For the record, every product twice:
//
//	DRIFT_TRIALS=6 DRIFT_LASTS=1500 go test -run ThatLasts -v -timeout 60m ./infer/drift
func TestAChangeThatLastsIsToldOnce(t *testing.T) {
	trials, lasts := count(t, "DRIFT_TRIALS", 1), count(t, "DRIFT_LASTS", 300)
	products := scene.Products()
	right := 0
	for trial := range trials {
		for i, c := range changes {
			product := products[(trial+i)%len(products)]
			l := newLine(t, uint64(trial), product, 0)
			p := &passing{l, NewMonitor(l.taught(t, 80), noScores, Options{Lots: uint64(trial)}), t, 1<<33 + uint64(trial*100+i)<<20, nil}
			p.parts(20, scene.Conditions{})
			p.parts(lasts, c.c)
			up := fmt.Sprint(p.up())
			p.parts(300, scene.Conditions{})
			if want := fmt.Sprintf("[%v]", c.kind); up != want || fmt.Sprint(p.told) != want || len(p.up()) > 0 {
				t.Logf("trial %d (%s): %+v: after %d parts %s; told in all %v; left %v", trial, product, c.c, lasts, up, p.told, p.up())
				continue
			}
			right++
		}
	}
	all := trials * len(changes)
	t.Logf("%d of %d changes were told once and taken back", right, all)
	if float64(right) < 0.9*float64(all) {
		t.Errorf("%d of %d changes only were told once and taken back", right, all)
	}
}

// What changes while an alarm is up has its own, and either goes by itself.
func TestAChangeBehindAnotherIsTold(t *testing.T) {
	l := newLine(t, 1, "board", 0)
	p := &passing{l, NewMonitor(l.taught(t, 80), noScores, Options{}), t, 1 << 33, nil}
	for _, step := range []struct {
		c  scene.Conditions
		up string
	}{
		{scene.Conditions{}, "[]"},
		{scene.Conditions{Light: -0.08}, "[light]"},
		{scene.Conditions{Light: -0.08, ShiftX: 4}, "[light pose]"},
		{scene.Conditions{ShiftX: 4}, "[pose]"},
		{scene.Conditions{}, "[]"},
		{scene.Conditions{Blur: 1}, "[focus]"},
	} {
		p.parts(150, step.c)
		if got := fmt.Sprint(p.up()); got != step.up {
			t.Errorf("%+v: %s, want %s; told so far %v", step.c, got, step.up, p.told)
		}
	}
}
