package infer

import (
	"bytes"
	"math/rand/v2"
	"reflect"
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
func clipped(f *edge.Frame, x0, y0, x1, y1 int) { fill(f, x0, y0, x1, y1, 255) }

// cut makes the rows from y0 to y1 of f what rows are that never arrived.
func cut(f *edge.Frame, y0, y1 int) { fill(f, 0, y0, f.Width, y1, 0) }

func fill(f *edge.Frame, x0, y0, x1, y1 int, v uint8) {
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			setAt(f, x, y, [3]uint8{v, v, v})
		}
	}
}

func TestDeadPixelsAreFound(t *testing.T) {
	for _, format := range []edge.PixelFormat{edge.Gray8, edge.RGB24} {
		r := rand.New(rand.NewPCG(1, 8))
		var l SensorLearner
		for range 20 {
			f := scenery(r, 64, 48, format)
			clipped(f, 40, 10, 50, 20)          // a bright area is no dead pixel
			setAt(f, 45, 15, [3]uint8{0, 0, 0}) // a black one in it is
			setAt(f, 5, 6, [3]uint8{0, 0, 0})
			setAt(f, 6, 6, [3]uint8{255, 255, 255})
			setAt(f, 0, 47, [3]uint8{255, 255, 255})
			l.Add(f)
		}
		s := l.Sensor()
		if s.Count() != 4 || s.Width != 64 || s.Height != 48 {
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
		"a dark margin":   {func(f *edge.Frame) { cut(f, 93, 100) }, false},
		"a white quarter": {func(f *edge.Frame) { clipped(f, 0, 75, 100, 100) }, false},
		"a quarter lost":  {func(f *edge.Frame) { cut(f, 75, 100) }, true},
		"the top lost":    {func(f *edge.Frame) { cut(f, 0, 10) }, true},
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

// Where a taught part had a line that looks dead, however few did, lines are
// believed no more; a clipped margin says nothing of them.
func TestLinesOfOneValueAreNoSignWhereTheyAreUsual(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 7))
	for what, c := range map[string]struct {
		draw    func(f *edge.Frame)
		striped bool
	}{
		"a dead row":       {func(f *edge.Frame) { clipped(f, 0, 30, 64, 31) }, true},
		"a crossed line":   {func(f *edge.Frame) { clipped(f, 0, 30, 64, 31); clipped(f, 9, 0, 10, 48) }, true},
		"the last row":     {func(f *edge.Frame) { clipped(f, 0, 47, 64, 48) }, true},
		"a clipped margin": {func(f *edge.Frame) { clipped(f, 0, 0, 5, 48) }, false},
		"a ground":         {func(f *edge.Frame) { clipped(f, 0, 0, 64, 9); clipped(f, 0, 40, 64, 48) }, false},
	} {
		var l SensorLearner
		for i := range 20 {
			f := scenery(r, 64, 48, edge.Gray8)
			if i == 11 {
				c.draw(f)
			}
			l.Add(f)
		}
		s := l.Sensor()
		if s.Striped != c.striped {
			t.Errorf("%s: striped is %v", what, s.Striped)
		}
		f := scenery(r, 64, 48, edge.Gray8)
		clipped(f, 0, 20, 64, 21)
		whole, missing, bad := newRepairer(s).run(f)
		if c.striped && (whole != f || missing != 0) || !c.striped && (whole == f || missing != 1./48) || bad {
			t.Errorf("%s: %g is bridged, bad: %v", what, missing, bad)
		}
		fresh := &Sensor{Schema: SensorSchema, Striped: true, Top: 1}
		if fresh.Renew(&Sensor{Width: 9, Height: 9, Dead: make([]byte, 8), Lines: make([]DeadLine, 1), Bottom: 0.5}); len(fresh.Lines) != 1 || fresh.Striped || fresh.Top != 0 || fresh.Bottom != 0.5 || fresh.Count() != 1 {
			t.Errorf("renewed: %+v", fresh)
		}
	}
}

// Lines that held one value in every frame are bridged where they hold it, on a
// clipped ground too, where a new one is not told from a mark.
func TestDeadLinesAreFound(t *testing.T) {
	for _, format := range []edge.PixelFormat{edge.Gray8, edge.RGB24} {
		r := rand.New(rand.NewPCG(4, 1))
		frame := func() *edge.Frame {
			f := scenery(r, 128, 96, format)
			clipped(f, 0, 0, 128, 12)
			for x := range 128 {
				setAt(f, x, 6, [3]uint8{})
				setAt(f, x, 30, [3]uint8{})
				setAt(f, x, 31, [3]uint8{7, 7, 7})
			}
			for y := range 96 {
				setAt(f, 20, y, [3]uint8{255, 255, 255})
			}
			return f
		}
		var l SensorLearner
		for range 20 {
			l.Add(frame())
		}
		s := l.Sensor()
		want := []DeadLine{{At: 6}, {At: 30}, {At: 31, Value: [3]uint8{7, 7, 7}}, {At: 20, Column: true, Value: [3]uint8{255, 255, 255}}}
		if !reflect.DeepEqual(s.Lines, want) || s.Striped || s.Count() != 0 {
			t.Fatalf("%v: %+v", format, s)
		}
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if s, err = ParseSensor(b); err != nil || !reflect.DeepEqual(s.Lines, want) {
			t.Fatalf("read back: %+v, %v", s, err)
		}
		for what, known := range map[string]*Sensor{"judging": s, "teaching": s.ForTeaching()} {
			whole, missing, bad := newRepairer(known).run(frame())
			if want := float64(3*128+96) / (128 * 96); missing != want || bad {
				t.Errorf("%v, %s: %g is missing, bad: %v", format, what, missing, bad)
			}
			for _, at := range [][2]int{{40, 6}, {40, 30}, {40, 31}, {20, 40}} {
				if v, above := valueAt(whole, at[0], at[1]), valueAt(whole, at[0]+2, max(at[1]-3, 0)); differ(v, above) {
					t.Errorf("%v, %s: pixel %v is %v beside %v", format, what, at, v, above)
				}
			}
		}
		alive := frame()
		setAt(alive, 50, 30, [3]uint8{99, 99, 99})
		if s.Confirm(alive); s.knows(30, false) || !s.knows(31, false) || !s.knows(6, false) || !s.knows(20, true) {
			t.Errorf("%v: after a row was seen alive: %+v", format, s.Lines)
		}
	}
}

// A dead line that is as bright as what lies beside it is told by that it alone never
// moves.
func TestDeadLineThatDoesNotStandOutIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	var l SensorLearner
	for range 20 {
		f := noiseFrame(r, 64, 48, edge.Gray8)
		for i := range f.Pix {
			f.Pix[i] = 250 + f.Pix[i]%5
		}
		clipped(f, 0, 20, 64, 21)
		l.Add(f)
	}
	if s := l.Sensor(); !reflect.DeepEqual(s.Lines, []DeadLine{{At: 20, Value: [3]uint8{255, 255, 255}}}) {
		t.Errorf("%+v", s.Lines)
	}
}

// Where lines that never moved are more than a frame may lack, none is called dead.
func TestTooManyDeadLinesAreNone(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 3))
	for n, want := range map[int]int{2: 2, 5: 0} {
		var l SensorLearner
		for range 20 {
			f := scenery(r, 64, 80, edge.Gray8)
			for k := range n {
				clipped(f, 0, 10+10*k, 64, 11+10*k)
			}
			l.Add(f)
		}
		if s := l.Sensor(); len(s.Lines) != want {
			t.Errorf("%d of 80 rows: %v", n, s.Lines)
		}
	}
}

// In frames without noise a mark of the product holds its value as a dead pixel does:
// nothing is called dead.
func TestFramesWithoutNoiseSayNothing(t *testing.T) {
	var l SensorLearner
	for i := range 20 {
		f := grayFrame(64, 48)
		for k := range f.Pix {
			f.Pix[k] = byte(60 + k%64)
		}
		clipped(f, 10+i, 20, 20+i, 30)
		for x := range 64 {
			setAt(f, x, 8, [3]uint8{})
		}
		setAt(f, 40, 40, [3]uint8{})
		l.Add(f)
	}
	if s := l.Sensor(); s.Count() != 0 || len(s.Lines) != 0 || s.Width != 64 {
		t.Errorf("%+v", s)
	}
}

// Neither on a clipped ground nor in a drawing without noise is a line of one value
// the sensor's.
func TestLinesBetweenEvenOnesAreScored(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 7))
	ground := scenery(r, 64, 48, edge.Gray8)
	clipped(ground, 0, 0, 64, 12)
	drawing := grayFrame(64, 48)
	for y := range 48 {
		for x := range 64 {
			setAt(drawing, x, y, [3]uint8{uint8(40 + 60*((x/16+y/16)%3))})
		}
	}
	for what, f := range map[string]*edge.Frame{"ground": ground, "drawing": drawing} {
		for x := range 64 {
			setAt(f, x, 6, [3]uint8{})
		}
		s := &Sensor{Schema: SensorSchema, Top: 0.3}
		if whole, missing, bad := newRepairer(s).run(f); whole != f || missing != 0 || bad {
			t.Errorf("%s: %g is bridged, bad: %v", what, missing, bad)
		}
	}
}

// An even ground that taught frames had is no sign of a frame that was cut off, even
// where less light makes one value of it; far more of it is.
func TestMoreGroundThanTaughtIsLost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 7))
	var l SensorLearner
	for i := range 20 {
		f := scenery(r, 64, 100, edge.Gray8)
		cut(f, 100-i, 100)
		for k := (100 - i) * f.Stride; k < len(f.Pix); k++ {
			f.Pix[k] = byte(10 + k%8)
		}
		l.Add(f)
	}
	s := l.Sensor()
	if s.Bottom != 0.19 {
		t.Fatalf("taught frames had %g of ground", s.Bottom)
	}
	for rows, lost := range map[int]bool{0: false, 19: false, 28: false, 29: true, 60: true} {
		f := scenery(r, 64, 100, edge.Gray8)
		cut(f, 100-rows, 100)
		if _, missing, bad := newRepairer(s).run(f); bad != lost || bad && missing != float64(rows)/100 {
			t.Errorf("%d rows of ground: bad is %v with %g missing", rows, bad, missing)
		}
	}
}

func TestSensorsOfSchema1AreRead(t *testing.T) {
	for in, want := range map[string]Sensor{
		`{"schema":1,"width":9,"height":9,"dead":"","even":true}`: {Schema: SensorSchema, Width: 9, Height: 9, Dead: []byte{}, Striped: true, Top: 1, Bottom: 1},
		`{"schema":1,"even":false,"striped":true,"top":0.5}`:      {Schema: SensorSchema},
	} {
		if s, err := ParseSensor([]byte(in)); err != nil || !reflect.DeepEqual(*s, want) {
			t.Errorf("%s: %+v, %v", in, s, err)
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
		`{`, `{"schema":3}`, `{"schema":2,"top":1.5}`, `{"schema":2,"bottom":-1}`, `{"schema":1,"width":9,"height":9,"dead":"AAA="}`, `{"schema":1,"even":3}`, `{"schema":2,"striped":3}`,
		`{"schema":2,"width":9,"height":9,"lines":[{"at":9}]}`,
		`{"schema":2,"width":90,"height":9,"lines":[{"at":-1,"column":true}]}`,
		`{"schema":2,"width":90,"height":9,"lines":[{"at":8}]}`,
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
	cut(f, 40, 64)
	if err := j.Judge(f, &v); err != nil || v.Decision != edge.Reject || v.Reason != edge.ReasonBadFrame || v.Missing != 0.375 {
		t.Errorf("a cut frame: %v %q, %g missing, %v", v.Decision, v.Reason, v.Missing, err)
	}
}

// noisy is a frame of noise, 64 grey values wide.
func noisy(seed uint64, w, h int) *edge.Frame {
	f := &edge.Frame{Width: w, Height: h, Stride: w, Pix: make([]byte, w*h)}
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range f.Pix {
		f.Pix[i] = byte(100 + r.IntN(64))
	}
	return f
}

// TestTinyPicturesSayNothingOfTheCamera: a picture that is too small to be taught is none of its frames.
func TestTinyPicturesSayNothingOfTheCamera(t *testing.T) {
	for _, tiny := range []*edge.Frame{noisy(99, 64, 1), noisy(99, 1, 1)} {
		var l SensorLearner
		for i := range uint64(20) {
			l.Add(noisy(i, 64, 64))
		}
		l.Add(tiny)
		s := l.Sensor()
		cut := noisy(50, 64, 64)
		clear(cut.Pix[32*64:]) // the lower half never came
		if lost := s.lost(cut, nil); lost != 0.5 || s.Width != 64 {
			t.Errorf("%dx%d among them: %g of a cut frame is lost, want 0.5; size %d known", tiny.Width, tiny.Height, lost, s.Width)
		}
	}
}
