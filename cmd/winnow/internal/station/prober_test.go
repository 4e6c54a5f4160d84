package station

import (
	"bytes"
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
