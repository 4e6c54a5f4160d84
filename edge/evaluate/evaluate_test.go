package evaluate

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"winnow/edge"
)

func TestAUROCAgainstPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		good, bad := make([]float64, 1+r.IntN(30)), make([]float64, 1+r.IntN(30))
		for i := range good {
			good[i] = float64(r.IntN(12))
		}
		for i := range bad {
			bad[i] = float64(r.IntN(12)) + 2
		}
		want := 0.0
		for _, g := range good {
			for _, b := range bad {
				switch {
				case b > g:
					want++
				case b == g:
					want += 0.5
				}
			}
		}
		want /= float64(len(good) * len(bad))
		if got := AUROC(good, bad); math.Abs(got-want) > 1e-12 {
			t.Fatalf("AUROC %g, pairs say %g", got, want)
		}
	}
}

// Values computed by hand from the definition.
func TestCurvesByHand(t *testing.T) {
	good, bad := []float64{1, 2, 3, 4}, []float64{2.5, 5, 6}
	if got := AveragePrecision(good, bad); math.Abs(got-(1.0/3+1.0/3+1.0/3*3/5)) > 1e-12 {
		t.Errorf("average precision %g", got)
	}
	if got := BestF1(good, bad); math.Abs(got-0.8) > 1e-12 {
		t.Errorf("best F1 %g, want 0.8 (two caught, none wrong, one missed)", got)
	}
	if got := CaughtAt(good, bad, 0.25); math.Abs(got-2.0/3) > 1e-12 {
		t.Errorf("caught with one false reject allowed: %g", got)
	}
	if got := CaughtAt(good, bad, 0.01); math.Abs(got-2.0/3) > 1e-12 {
		t.Errorf("caught with none allowed: %g", got)
	}
	if !math.IsNaN(AUROC(nil, bad)) || !math.IsNaN(AveragePrecision(good, nil)) {
		t.Error("a figure without one class is not known")
	}
}

// Random maps and masks: histogram figures against brute force.
func TestPixelFiguresAgainstBruteForce(t *testing.T) {
	const w, h = 24, 20
	r := rand.New(rand.NewPCG(3, 4))
	p, scratch := newPixels(), newPixels()
	var good, bad []float64
	type region struct{ values []float32 }
	var regions []region
	for pic := range 6 {
		m, mask := make([]float32, w*h), make([]bool, w*h)
		if pic >= 3 {
			x0, y0 := r.IntN(w-8), r.IntN(h-8)
			for y := y0; y < y0+3+r.IntN(5); y++ {
				for x := x0; x < x0+3+r.IntN(5); x++ {
					mask[y*w+x] = true
				}
			}
		}
		for i := range m {
			m[i] = float32(r.ExpFloat64() + 0.01)
			if mask[i] {
				m[i] += 0.7
				bad = append(bad, float64(m[i]))
			} else {
				good = append(good, float64(m[i]))
			}
		}
		for _, c := range components(mask, w, h) {
			var g region
			for _, i := range c {
				g.values = append(g.values, m[i])
			}
			regions = append(regions, g)
		}
		if pic < 3 {
			mask = nil
		}
		picture := scratch.binned(m, mask, w, h)
		p.add(&picture)
	}
	if got, want := p.auroc(), AUROC(good, bad); math.Abs(got-want) > 2e-3 {
		t.Errorf("pixel AUROC %g, brute force %g", got, want)
	}
	brute, lastF, lastO := 0.0, 0.0, 0.0
	for th := 20.0; th > 0; th -= 0.002 {
		fp := 0
		for _, g := range good {
			if g > th {
				fp++
			}
		}
		o := 0.0
		for _, g := range regions {
			n := 0
			for _, v := range g.values {
				if float64(v) > th {
					n++
				}
			}
			o += float64(n) / float64(len(g.values)) / float64(len(regions))
		}
		f := float64(fp) / float64(len(good))
		if f > AUPROLimit {
			break
		}
		brute += (f - lastF) * (o + lastO) / 2
		lastF, lastO = f, o
	}
	brute = (brute + (AUPROLimit-lastF)*lastO) / AUPROLimit
	if got := p.aupro(AUPROLimit); math.Abs(got-brute) > 5e-3 {
		t.Errorf("AUPRO %g, brute force %g", got, brute)
	}
}

func TestPerfectMaps(t *testing.T) {
	e := New()
	flat := make([]float32, PixelSide*PixelSide)
	for i := range flat {
		flat[i] = 0.5
	}
	e.Add(Part{Map: flat, Score: 1, Decision: edge.Accept, Latency: time.Millisecond})
	hot, mask := append([]float32(nil), flat...), make([]bool, len(flat))
	for i := 1000; i < 1040; i++ {
		hot[i], mask[i] = 9, true
	}
	e.Add(Part{Defect: "spot", Map: hot, Mask: mask, Score: 5, Decision: edge.Reject, Latency: 3 * time.Millisecond})
	e.Add(Part{Defect: "blank", Map: flat, Mask: make([]bool, len(flat)), Score: 4, Decision: edge.Unsure})
	r := e.Result(1)
	if r.ImageAUROC != 1 || r.PixelAUROC != 1 || r.RegionAUROC != 1 || r.AUPRO < 0.999 {
		t.Errorf("perfect maps: %+v", r)
	}
	if r.EmptyMasks != 1 || r.PerDefect["spot"].N != 1 || r.FalseReject != 0 || r.Escape != 0 {
		t.Errorf("counts: %+v", r)
	}
}

func TestUnknownFiguresAreNull(t *testing.T) {
	e := New()
	e.Add(Part{Score: 1, Decision: edge.Accept})
	b, err := json.Marshal(e.Result(1))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"image_auroc", "pixel_auroc", "aupro", "region_auroc", "escape_rate", "caught_at_1pct"} {
		if v, ok := m[k]; !ok || v != nil {
			t.Errorf("%s is %v, want null", k, v)
		}
	}
}

// Enlarging keeps a constant and puts a peak where its cell is.
func TestEnlarge(t *testing.T) {
	m := make([]float64, 4*8)
	for i := range m {
		m[i] = 2
	}
	for _, v := range Enlarge(m, 4, 8) {
		if math.Abs(float64(v)-2) > 1e-5 {
			t.Fatalf("constant map became %g", v)
		}
	}
	m[2*8+5] = 10
	best, at := float32(0), 0
	for i, v := range Enlarge(m, 4, 8) {
		if v > best {
			best, at = v, i
		}
	}
	if x, y := at%PixelSide*8/PixelSide, at/PixelSide*4/PixelSide; x != 5 || y != 2 {
		t.Errorf("peak of cell (5,2) landed in cell (%d,%d)", x, y)
	}
}

// TestMoreExceed: against ranks counted by hand; of many fresh values as many exceed a
// threshold as its certificate says.
func TestMoreExceed(t *testing.T) {
	for _, c := range []struct {
		x, m, k, n int
		want       float64
	}{
		{0, 1, 1, 1, 0.5},          // one fresh value above one other
		{0, 1, 1, 9, 0.1},          // the largest of ten is the fresh one
		{1, 2, 1, 2, 1.0 / 6},      // both fresh ones above both others: 1 of 6 orders
		{0, 2, 2, 2, 5.0 / 6},      // any fresh one above the smaller: all orders but one
		{2, 2, 1, 2, 0},            // more than all
		{2, 100, 1, 100, 0.123116}, // three and more of as many: 100/200 * 99/199 * 98/198
	} {
		if got := MoreExceed(c.x, c.m, c.k, c.n); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("more than %d of %d above number %d of %d: %g, want %g", c.x, c.m, c.k, c.n, got, c.want)
		}
	}
	// 300 scores, rank 3, a bound of 2.08 %: 5 % where the fresh parts are many.
	if got := MoreExceed(20800, 1e6, 3, 300); math.Abs(got-0.05) > 0.002 {
		t.Errorf("a certificate of 95 %% is exceeded in %g of draws", got)
	}
}

// TestMasksThatMarkNothingAreCounted: masks of 0 and 1, say, where bright is defective.
func TestMasksThatMarkNothingAreCounted(t *testing.T) {
	e := New()
	e.Add(goodPart(1))
	for range 3 {
		p := marked(4, 2)
		p.Mask = make([]bool, len(p.Mask))
		e.Add(p)
	}
	if r := e.Result(1); r.EmptyMasks != 3 || r.PixelAUROC.Known() {
		t.Errorf("%d empty masks of 3, pixel AUROC %v", r.EmptyMasks, r.PixelAUROC)
	}
	e = New()
	e.Add(goodPart(1))
	p := marked(4, 2)
	p.Mask = nil
	e.Add(p)
	if r := e.Result(1); r.EmptyMasks != 0 || r.MissingMasks != 0 {
		t.Errorf("%d empty and %d missing masks in a set that has none", r.EmptyMasks, r.MissingMasks)
	}
	e.Add(marked(4, 2))
	if r := e.Result(1); r.EmptyMasks != 0 || r.MissingMasks != 1 {
		t.Errorf("%d empty and %d missing masks, want 0 and 1", r.EmptyMasks, r.MissingMasks)
	}
}
