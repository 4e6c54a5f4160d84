package main

import (
	"testing"

	"winnow/capture/scene"
	"winnow/cmd/winnow/internal/recalibrate"
	"winnow/edge"
)

// Of a part with several frames the tests see one, and to a new threshold it is one
// part: its frames are not independent.
func TestFramesOfAPartAreOnePart(t *testing.T) {
	_, w := watchedLine(t)
	s, err := scene.New(scene.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var fresh *recalibrate.Collector
	if err := w.Collect(30, func(c *recalibrate.Collector) { fresh = c }); err != nil {
		t.Fatal(err)
	}
	const frames = 3
	var f edge.Frame
	for part := range uint64(30) {
		if fresh != nil {
			t.Fatalf("30 parts with %d frames each were had of %d", frames, part)
		}
		s.Draw(500+part, scene.Defect{}, &f)
		for k := range frames {
			f.Pix[0] = byte(k) // another exposure
			v := edge.Verdict{ID: edge.EventID{Device: "d", Boot: "b", Seq: part + 1}}
			if err := w.Judge(&f, &v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if fresh == nil {
		t.Fatal("30 parts were not enough")
	}
	r, err := fresh.Finish(0.01, "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Package.Calibration.Certificate; c.N != 30 {
		t.Errorf("%d independent parts of 30", c.N)
	}
	if n := w.Status().Parts; n > 30 {
		t.Errorf("the tests saw %d parts of 30", n)
	}
}
