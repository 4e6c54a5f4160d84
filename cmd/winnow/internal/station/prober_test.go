package station

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/line"
)

// blots counts how often a black picture is drawn into between two looks at it.
type blots struct{ seen [][]byte }

func (b *blots) Judge(f *edge.Frame, v *edge.Verdict) error {
	b.seen = append(b.seen, bytes.Clone(f.Pix))
	v.Decision = edge.Accept
	return nil
}

// A picture that is kept while an earlier one waits for the line to be idle takes its
// place: it is probed with one defect, once, or what is proved is proved of two.
func TestAPictureIsProbedOnce(t *testing.T) {
	clk := clock.NewManual(1000, edge.WallTime{})
	bare := new(blots)
	p := &prober{
		judge: bare, bare: bare, clock: clk, room: 1, taken: make(chan struct{}, 1),
		fires: func(*edge.Verdict) bool { return true }, idle: func() bool { return true }, tell: func(bool, *edge.Verdict) {},
	}
	f := &edge.Frame{Pix: make([]byte, 64*64), Width: 64, Height: 64, Stride: 64}
	for range 2 {
		if err := p.Judge(f, new(edge.Verdict)); err != nil {
			t.Fatal(err)
		}
	}
	p.probe(1)
	p.probe(2)
	if d := p.detection(); d.N != 1 || len(bare.seen) != 3 {
		t.Errorf("%d probes of one picture", d.N)
	}
}

// A judge that panics over a drawn defect is a fault of the line, as one that panics
// over a part is: it does not end the program, and the pulses that wait with it.
func TestAPanicOverADrawnDefectIsAFault(t *testing.T) {
	p := software(t, "[challenge]\ninjected_every = \"1s\"\n", func(f *edge.Frame, v *edge.Verdict) error {
		for _, b := range f.Pix { // frames are black: only a defect is not
			if b > 40 {
				panic("broken")
			}
		}
		v.Decision, v.Score = edge.Accept, edge.Score{Fused: 0.5, Threshold: 1}
		return nil
	})
	p.until("FAULT", func() bool {
		if p.line.Status().State != line.Fault {
			p.trigger(1)
		}
		return p.line.Status().State == line.Fault
	})
	if d := p.Challenge().Injected; d.N != 0 {
		t.Errorf("%+v", d)
	}
}

// A judge that hangs over a drawn defect keeps the station from its end no longer than one
// that hangs over a part.
func TestAStationEndsThoughADrawnDefectIsStillJudged(t *testing.T) {
	hangs, release := make(chan struct{}), make(chan struct{})
	p := launchPage(t, strings.Replace(plantConfig, "1900ms", "500ms", 1)+"[challenge]\ninjected_every = \"1s\"\n", func(f *edge.Frame, v *edge.Verdict) error {
		if slices.Max(f.Pix) > 40 { // frames are black: only a defect is not
			close(hangs)
			<-release
		}
		v.Decision, v.Score = edge.Accept, edge.Score{Fused: 0.5, Threshold: 1}
		return nil
	})
	t.Cleanup(func() { close(release) })
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	p.until("a probe", func() bool {
		select {
		case <-hangs:
			return true
		default:
			p.trigger(1)
			return false
		}
	})
	stopped := make(chan error, 1)
	stop := p.stop
	p.stop = func() error { return nil }
	go func() { stopped <- stop() }()
	p.until("the end", func() bool { return len(stopped) == 1 })
	if err := <-stopped; !errors.Is(err, line.ErrJudgeHangs) {
		t.Error(err)
	}
}
