package scene_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"testing"

	"winnow/capture/scene"
	"winnow/edge"
)

func newScene(t testing.TB, c scene.Config) *scene.Scene {
	t.Helper()
	s, err := scene.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// digests pin the pictures: they must not depend on CPU, order or run.
var digests = map[string]string{
	"gear":  "4d447cf188c55a11",
	"board": "777d937bdbd1fb05",
	"cap":   "33457b9913a82241",
}

func TestPicturesAreTheSameEverywhere(t *testing.T) {
	for product, want := range digests {
		s := newScene(t, scene.Config{Seed: 3, Product: product, DefectRate: 0.5, Conditions: scene.LightDrift(100, 0.02)})
		h := sha256.New()
		var f edge.Frame
		for i := range uint64(12) {
			truth := s.Render(i, &f)
			h.Write(f.Pix)
			fmt.Fprintln(h, truth)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)[:8]); got != want {
			t.Errorf("%s: digest %s, want %s", product, got, want)
		}
	}
}

func TestPartsAreDrawnByIndex(t *testing.T) {
	s := newScene(t, scene.Config{Seed: 5, DefectRate: 0.4})
	other := s.Clone()
	var a, b edge.Frame
	ta := s.Render(17, &a)
	for i := range uint64(5) {
		other.Render(i, &b)
	}
	if tb := other.Render(17, &b); ta != tb || !bytes.Equal(a.Pix, b.Pix) || a.Seq != 17 {
		t.Errorf("part 17 depends on what was drawn before: %+v, %+v", ta, tb)
	}
	if tp := s.Part(17); tp != ta {
		t.Errorf("truth without a picture %+v, with it %+v", tp, ta)
	}
	other = newScene(t, scene.Config{Seed: 6, DefectRate: 0.4})
	other.Render(17, &b)
	if bytes.Equal(a.Pix, b.Pix) {
		t.Error("another seed draws the same part")
	}
}

func TestDefectRate(t *testing.T) {
	s := newScene(t, scene.Config{Seed: 1, DefectRate: 0.25, Kinds: []scene.Kind{scene.Dent, scene.Crack}, Sizes: []scene.Size{scene.Large}})
	n := map[scene.Kind]int{}
	for i := range uint64(4000) {
		d := s.Defect(i)
		n[d.Kind]++
		if d.Kind != scene.Good && d.Size != scene.Large {
			t.Fatalf("part %d: %+v", i, d)
		}
	}
	if len(n) != 3 || n[scene.Dent] < 420 || n[scene.Crack] < 420 || n[scene.Dent]+n[scene.Crack] > 1120 {
		t.Errorf("of 4000 parts %v, want about 500 of each defect", n)
	}
}

// TestTruth checks each defect's mask against the two pictures that it tells
// apart: with the defect and without.
func TestTruth(t *testing.T) {
	for _, product := range scene.Products() {
		s := newScene(t, scene.Config{Seed: 2, Product: product, Still: true})
		var good, bad, mask edge.Frame
		for _, k := range scene.Kinds() {
			area := map[scene.Size]int{}
			for _, z := range scene.Sizes() {
				for i := range uint64((2 + slowdown) / slowdown) {
					s.Draw(i, scene.Defect{}, &good)
					truth := s.Draw(i, scene.Defect{Kind: k, Size: z}, &bad)
					if m := s.Mask(i, scene.Defect{Kind: k, Size: z}, &mask); m != truth || mask.Check() != nil {
						t.Fatalf("%s %s %s: mask's truth %+v, picture's %+v", product, k, z, m, truth)
					}
					outside, inside := compare(&good, &bad, &mask, truth.Box)
					if truth.Kind != k || truth.Size != z || truth.Area < 6 || outside > 26 || inside < 12 {
						t.Errorf("%s part %d %s %s: %+v; largest change %d outside the mask, %d inside", product, i, k, z, truth, outside, inside)
					}
					area[z] += truth.Area
				}
			}
			// a missing feature is graded by what is left of it
			if k != scene.Missing && (area[scene.Small] >= area[scene.Medium] || area[scene.Medium] >= area[scene.Large]) {
				t.Errorf("%s %s: areas %v do not grow with the size", product, k, area)
			}
		}
	}
}

// compare returns the largest difference of two pictures outside and inside mask.
func compare(a, b, mask *edge.Frame, box image.Rectangle) (outside, inside int) {
	for y := range a.Height {
		for x := range a.Width {
			d := 0
			for c := range 3 {
				v := int(a.Row(y)[3*x+c]) - int(b.Row(y)[3*x+c])
				d = max(d, v, -v)
			}
			if mask.Row(y)[x] == 255 {
				inside = max(inside, d)
				if !image.Pt(x, y).In(box) {
					return 999, 0
				}
			} else {
				outside = max(outside, d)
			}
		}
	}
	return outside, inside
}

func TestSizesAndFormats(t *testing.T) {
	for _, c := range []scene.Config{{Width: 320, Height: 240}, {Width: 64, Height: 64, Grey: true}, {Width: 100, Height: 160}} {
		s := newScene(t, c)
		var f edge.Frame
		s.Render(1, &f)
		if err := f.Check(); err != nil || f.Width != c.Width || f.Height != c.Height || (f.Format == edge.Gray8) != c.Grey {
			t.Errorf("%+v: frame %dx%d %v, %v", c, f.Width, f.Height, f.Format, err)
		}
	}
	for _, c := range []scene.Config{
		{Width: 8}, {Height: 9999}, {DefectRate: 2}, {DefectRate: -1}, {Product: "shoe"},
		{Kinds: []scene.Kind{"rust"}}, {Sizes: []scene.Size{"huge"}}, {DefectRate: 0.1, Kinds: []scene.Kind{}},
	} {
		if _, err := scene.New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestRenderAllocatesNothing(t *testing.T) {
	s := newScene(t, scene.Config{Seed: 1})
	var f edge.Frame
	i := uint64(0)
	if n := testing.AllocsPerRun(10, func() { s.Render(i, &f); i++ }); n != 0 {
		t.Errorf("%v allocations a part", n)
	}
}

func TestConditionsChangeThePicture(t *testing.T) {
	mean := func(c scene.Conditions) (level, detail int) {
		s := newScene(t, scene.Config{Seed: 1, Still: true, Conditions: func(uint64) scene.Conditions { return c }})
		var f edge.Frame
		s.Render(0, &f)
		for i := 3; i < len(f.Pix); i++ {
			level += int(f.Pix[i])
			d := int(f.Pix[i]) - int(f.Pix[i-3])
			detail += max(d, -d)
		}
		return int(int64(level) * 1000 / int64(len(f.Pix))), detail
	}
	level, detail := mean(scene.Conditions{})
	if dark, _ := mean(scene.Conditions{Light: -0.06}); dark >= level*99/100 || dark < level*94/100 {
		t.Errorf("6 %% less light: mean %d after %d", dark, level)
	}
	if _, soft := mean(scene.Conditions{Blur: 1.5}); soft >= detail*3/4 {
		t.Errorf("out of focus: detail %d after %d", soft, detail)
	}
	if _, noisy := mean(scene.Conditions{Noise: 3}); noisy <= detail*11/10 {
		t.Errorf("noise: detail %d after %d", noisy, detail)
	}
	if lot, _ := mean(scene.Conditions{Product: 1}); lot == level {
		t.Error("another lot looks the same")
	}
	ramp := scene.Ramp(10, 20, scene.Conditions{}, scene.Conditions{ShiftX: 4})
	for part, want := range map[uint64]float64{0: 0, 10: 0, 15: 2, 20: 4, 99: 4} {
		if got := ramp(part).ShiftX; got != want {
			t.Errorf("ramp at part %d: %v, want %v", part, got, want)
		}
	}
}
