package infer

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"winnow/edge"
)

// scenery is a smooth picture with noise, as a camera gives it; part moves it.
func scenery(r *rand.Rand, w, h int, format edge.PixelFormat) *edge.Frame {
	f := noiseFrame(r, w, h, format)
	bpp := format.BytesPerPixel()
	level := 90 + r.IntN(20)
	for y := range h {
		for x := range w {
			for c := range bpp {
				i := y*f.Stride + x*bpp + c
				f.Pix[i] = byte(level + x/8 + y/8 + int(f.Pix[i])%7)
			}
		}
	}
	return f
}

// clipped makes an area of f as bright as can be.
func clipped(f *edge.Frame, x0, y0, x1, y1 int) {
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			setAt(f, x, y, [3]uint8{255, 255, 255})
		}
	}
}

func TestDeadPixelsAreFound(t *testing.T) {
	for _, format := range []edge.PixelFormat{edge.Gray8, edge.RGB24} {
		r := rand.New(rand.NewPCG(1, 8))
		var l SensorLearner
		for range 20 {
			f := scenery(r, 64, 48, format)
			clipped(f, 40, 10, 50, 20) // a bright area is no dead pixel
			setAt(f, 5, 6, [3]uint8{0, 0, 0})
			setAt(f, 6, 6, [3]uint8{255, 255, 255})
			setAt(f, 0, 47, [3]uint8{255, 255, 255})
			l.Add(f)
		}
		s := l.Sensor()
		if s.Count() != 3 || s.Width != 64 || s.Height != 48 {
			t.Fatalf("%v: %d dead pixels: %v", format, s.Count(), s.pixels())
		}
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseSensor(b)
		if err != nil || !bytes.Equal(again.Dead, s.Dead) {
			t.Errorf("read back: %v", err)
		}
		alive := scenery(r, 64, 48, format)
		setAt(alive, 5, 6, [3]uint8{0, 0, 0})
		setAt(alive, 0, 47, [3]uint8{255, 255, 255})
		if s.Confirm(alive); s.Count() != 2 {
			t.Errorf("%v: %d dead pixels after one was seen alive", format, s.Count())
		}
	}
}

func TestFewOrMixedFramesSayNothingOfPixels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for what, n := range map[string]int{"few": deadFrames - 1, "mixed": deadFrames + 4} {
		var l SensorLearner
		for i := range n {
			w := 64
			if what == "mixed" && i == n-1 {
				w = 65
			}
			f := scenery(r, w, 48, edge.Gray8)
			setAt(f, 5, 6, [3]uint8{})
			l.Add(f)
		}
		if s := l.Sensor(); s.Count() != 0 {
			t.Errorf("%s frames: %d dead pixels", what, s.Count())
		}
	}
}

// A defect is never bridged: not one that hides a known dead pixel, not one that
// runs from edge to edge, not one as bright as can be.
func TestDefectsAreNotBridged(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var l SensorLearner
	for range 20 {
		f := scenery(r, 64, 48, edge.Gray8)
		setAt(f, 20, 20, [3]uint8{255, 255, 255})
		l.Add(f)
	}
	rep := newRepairer(l.Sensor())
	for what, draw := range map[string]func(f *edge.Frame){
		"a stain over the dead pixel": func(f *edge.Frame) {
			for y := 15; y < 25; y++ {
				for x := 15; x < 25; x++ {
					setAt(f, x, y, [3]uint8{30, 30, 30})
				}
			}
		},
		"a scratch from edge to edge": func(f *edge.Frame) {
			for x := range 64 {
				setAt(f, x, 30, [3]uint8{uint8(220 + x%2), 0, 0})
			}
			setAt(f, 20, 20, [3]uint8{})
		},
		"a scratch that ends before the edge": func(f *edge.Frame) {
			for x := range 40 {
				setAt(f, x, 30, [3]uint8{255, 0, 0})
			}
			setAt(f, 20, 20, [3]uint8{})
		},
		"a bright bar of four rows": func(f *edge.Frame) {
			clipped(f, 0, 30, 64, 34)
			setAt(f, 20, 20, [3]uint8{})
		},
		"single bright pixels": func(f *edge.Frame) {
			setAt(f, 10, 10, [3]uint8{255, 0, 0})
			setAt(f, 20, 20, [3]uint8{})
		},
	} {
		f := scenery(r, 64, 48, edge.Gray8)
		draw(f)
		before := bytes.Clone(f.Pix)
		whole, missing, bad := rep.run(f)
		if whole != f || missing != 0 || bad || !bytes.Equal(before, f.Pix) {
			t.Errorf("%s: %.4f is called missing, bad: %v", what, missing, bad)
		}
	}
}

func TestDeadPixelsAndLinesAreBridged(t *testing.T) {
	for _, format := range []edge.PixelFormat{edge.Gray8, edge.RGB24} {
		r := rand.New(rand.NewPCG(3, 1))
		clean := scenery(r, 96, 80, format)
		f := new(edge.Frame)
		copyInto(f, clean)
		for x := range 96 {
			setAt(f, x, 10, [3]uint8{})
			setAt(f, x, 79, [3]uint8{255, 255, 255})
		}
		for y := range 80 {
			setAt(f, 40, y, [3]uint8{255, 255, 255})
			setAt(f, 41, y, [3]uint8{})
		}
		setAt(f, 20, 20, [3]uint8{})
		s := &Sensor{Schema: SensorSchema, Width: 96, Height: 80, Dead: []byte{20, 0, 20, 0, 0, 0, 0, 0}}
		before := bytes.Clone(f.Pix)
		rep := newRepairer(s)
		whole, missing, bad := rep.run(f)
		if want := float64(2*96+2*80+1) / (96 * 80); bad || missing != want {
			t.Errorf("%v: %.4f is missing (bad: %v), want %.4f", format, missing, bad, want)
		}
		if !bytes.Equal(before, f.Pix) {
			t.Fatal("the caller's frame was written to")
		}
		for y := range 80 {
			for x := range 96 {
				a, b := valueAt(whole, x, y), valueAt(clean, x, y)
				if d := int(a[0]) - int(b[0]); d > 8 || d < -8 {
					t.Fatalf("%v: pixel %d,%d is %d, it was %d", format, x, y, a[0], b[0])
				}
			}
		}
		if n := testing.AllocsPerRun(10, func() { rep.run(clean) }); n != 0 {
			t.Errorf("%g allocations a whole frame", n)
		}
	}
}

func TestFramesThatLackTooMuchAreBad(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 7))
	s := &Sensor{Schema: SensorSchema}
	for what, c := range map[string]struct {
		draw func(f *edge.Frame)
		bad  bool
	}{
		"whole":           {func(*edge.Frame) {}, false},
		"a bright margin": {func(f *edge.Frame) { clipped(f, 0, 93, 100, 100) }, false},
		"a quarter lost":  {func(f *edge.Frame) { clipped(f, 0, 75, 100, 100) }, true},
		"the top lost":    {func(f *edge.Frame) { clipped(f, 0, 0, 100, 10) }, true},
		"six dead rows": {func(f *edge.Frame) {
			for i := range 6 {
				clipped(f, 0, 10*i+5, 100, 10*i+6)
			}
		}, true},
	} {
		f := scenery(r, 100, 100, edge.RGB24)
		c.draw(f)
		if _, missing, bad := newRepairer(s).run(f); bad != c.bad || bad && missing < 0.05 {
			t.Errorf("%s: bad is %v with %.3f missing", what, bad, missing)
		}
		if whole, missing, bad := newRepairer(s.ForTeaching()).run(f); whole != f || missing != 0 || bad {
			t.Errorf("%s, where lines of one value are usual: bad is %v with %.3f missing", what, bad, missing)
		}
	}
}

// Pictures without sensor noise have lines of one value: what they say is not
// believed, however few of them were taught.
func TestLinesOfOneValueAreNoSignWhereTheyAreUsual(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 7))
	for what, draw := range map[string]func(f *edge.Frame){
		"a dead row":        func(f *edge.Frame) { clipped(f, 0, 30, 64, 31) },
		"a clipped margin":  func(f *edge.Frame) { clipped(f, 0, 0, 5, 48) },
		"a crossed line":    func(f *edge.Frame) { clipped(f, 0, 30, 64, 31); clipped(f, 9, 0, 10, 48) },
		"one row in twenty": func(f *edge.Frame) { clipped(f, 0, 47, 64, 48) },
	} {
		var l SensorLearner
		for i := range 20 {
			f := scenery(r, 64, 48, edge.Gray8)
			if i == 11 {
				draw(f)
			}
			l.Add(f)
		}
		s := l.Sensor()
		if !s.Even {
			t.Errorf("%s: believed", what)
		}
		f := scenery(r, 64, 48, edge.Gray8)
		clipped(f, 0, 20, 64, 21)
		if whole, missing, bad := newRepairer(s).run(f); whole != f || missing != 0 || bad {
			t.Errorf("%s: %g is bridged", what, missing)
		}
		fresh := &Sensor{Schema: SensorSchema, Even: true}
		if fresh.Renew(&Sensor{Width: 9, Height: 9, Dead: make([]byte, 8)}); fresh.Even || fresh.Count() != 1 {
			t.Errorf("renewed: %+v", fresh)
		}
	}
}

// A flat frame is not for the repairer: the camera's checks flag it.
func TestFlatFramesAreLeftAlone(t *testing.T) {
	f := grayFrame(64, 64)
	if whole, missing, bad := newRepairer(nil).run(f); whole != f || missing != 0 || bad {
		t.Errorf("%g missing, bad: %v", missing, bad)
	}
}

func TestSensorsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, bad := range []string{
		`{`, `{"schema":2}`, `{"schema":1,"width":9,"height":9,"dead":"AAA="}`, `{"schema":1,"even":3}`,
		`{"schema":1,"width":100,"height":100,"dead":"ZAAAAAAAAAA="}`, // x = 100
		`{"schema":1,"width":5,"height":5,"dead":"AAAAAAAAAAA="}`,     // 4 %
		`{"schema":1,"width":70000,"height":5}`,
	} {
		if _, err := ParseSensor([]byte(bad)); err == nil {
			t.Errorf("%s: taken", bad)
		}
	}
}

// A judge never accepts a frame that lacks too much, and says how much.
func TestJudgeRejectsWhatIsMissing(t *testing.T) {
	p, e := fakePackage(t, 100)
	p.Sensor = []byte(`{"schema":1}`)
	j, err := NewJudge(p, e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := scenery(rand.New(rand.NewPCG(1, 1)), 128, 64, edge.Gray8)
	var v edge.Verdict
	if err := j.Judge(f, &v); err != nil || v.Decision != edge.Accept || v.Missing != 0 {
		t.Fatalf("a whole frame: %v, %g missing, %v", v.Decision, v.Missing, err)
	}
	clipped(f, 0, 40, 128, 64)
	if err := j.Judge(f, &v); err != nil || v.Decision != edge.Reject || v.Reason != edge.ReasonBadFrame || v.Missing != 0.375 {
		t.Errorf("a cut frame: %v %q, %g missing, %v", v.Decision, v.Reason, v.Missing, err)
	}
}
