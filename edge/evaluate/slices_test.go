package evaluate

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge"
)

// marked is a defective part whose mask is n pixels in a row.
func marked(n int, score float64) Part {
	p := Part{Defect: "spot", Score: score, Decision: edge.Reject, Map: make([]float32, PixelSide*PixelSide), Mask: make([]bool, PixelSide*PixelSide)}
	for i := range p.Map {
		p.Map[i] = 0.5
	}
	for i := range n {
		p.Mask[5*PixelSide+i], p.Map[5*PixelSide+i] = true, 2
	}
	return p
}

func goodPart(score float64) Part {
	p := marked(0, score)
	p.Defect, p.Mask, p.Decision = "", nil, edge.Accept
	return p
}

func TestSizesAreTercilesOfTheMarkedShare(t *testing.T) {
	e := New()
	e.Add(goodPart(1))
	for n := 1; n <= 9; n++ {
		score := 2.0
		if n <= 3 {
			score = 0 // small ones are not seen
		}
		e.Add(marked(n, score))
	}
	r := e.Result(1)
	if len(r.PerSize) != 3 {
		t.Fatalf("%d bins", len(r.PerSize))
	}
	for i, want := range []Number{0, 1, 1} {
		s := r.PerSize[i]
		if s.N != 3 || s.ImageAUROC != want || math.Abs(float64(s.Low)-float64(3*i+1)/65536) > 1e-12 {
			t.Errorf("bin %d: %+v, image AUROC %v is expected", i, s, want)
		}
	}
	if r.RegionAUROC != 1 || r.PixelAUROC != 1 {
		t.Errorf("region AUROC %v, pixel AUROC %v of perfect maps", r.RegionAUROC, r.PixelAUROC)
	}
}

func TestConditionsShowWhereTheThresholdDoesNotHold(t *testing.T) {
	e := New()
	for i := range 20 {
		p := Part{Score: float64(i % 5), Condition: "day", Decision: edge.Accept}
		e.Add(p)
		p.Condition, p.Score, p.Decision = "night", p.Score+10, edge.Reject
		e.Add(p)
	}
	e.Add(Part{Defect: "spot", Score: 12, Condition: "day", Decision: edge.Unsure})
	r := e.Result(1)
	if len(r.Conditions) != 2 {
		t.Fatalf("%+v", r.Conditions)
	}
	day, night := r.Conditions[0], r.Conditions[1]
	if day.Name != "day" || day.FalseReject != 0 || night.FalseReject != 1 || day.ImageAUROC != 1 || night.ImageAUROC.Known() {
		t.Errorf("day %+v\nnight %+v", day, night)
	}
	if night.Shift <= 0 || day.Shift > night.Shift || night.Rejects1 != 14 {
		t.Errorf("shift of day %v, of night %v, threshold of its own %v", day.Shift, night.Shift, night.Rejects1)
	}
	if r.Escape != 0 || r.UnsureBad != 1 || r.Caught != 0 {
		t.Errorf("an unsure part is neither caught nor accepted: caught %v, escaped %v, unsure %v", r.Caught, r.Escape, r.UnsureBad)
	}
}

// Ten copies of one part are one part: intervals go by group.
func TestIntervalsGoByGroup(t *testing.T) {
	alone, grouped := New(), New()
	for i := range 60 {
		p := Part{Score: float64(i/6*7919%10) + 0.001*float64(i), Decision: edge.Accept}
		if i%2 == 1 {
			p.Defect, p.Score, p.Decision = "spot", p.Score+3, edge.Reject
		}
		alone.Add(p)
		p.Group = string(rune('a' + i/6))
		grouped.Add(p)
	}
	a, g := alone.Result(1), grouped.Result(1)
	width := func(r Result, name string) float64 { return float64(r.Intervals[name][1] - r.Intervals[name][0]) }
	for _, name := range []string{"image_auroc", "false_reject_rate"} {
		if width(g, name) <= 1.3*width(a, name) {
			t.Errorf("%s: interval of %g with groups, %g without", name, width(g, name), width(a, name))
		}
	}
	if a.ImageAUROC != g.ImageAUROC || g.Groups != 10 || a.Groups != 60 {
		t.Errorf("figures %v and %v, groups %d and %d", a.ImageAUROC, g.ImageAUROC, a.Groups, g.Groups)
	}
}

// Clopper-Pearson by the rule of three and by tables (20 trials, 1 event: 0.1 to 24.9 %).
func TestBinomialInterval(t *testing.T) {
	for _, c := range []struct {
		rate   float64
		n      int
		lo, hi float64
	}{{0, 20, 0, 0.1684}, {0.05, 20, 0.00127, 0.2487}, {1, 20, 0.8316, 1}} {
		iv := BinomialInterval(c.rate, c.n)
		if math.Abs(float64(iv[0])-c.lo) > 1e-4 || math.Abs(float64(iv[1])-c.hi) > 1e-4 {
			t.Errorf("%g of %d: %v, want %g to %g", c.rate, c.n, iv, c.lo, c.hi)
		}
	}
	if BinomialInterval(math.NaN(), 5)[0].Known() {
		t.Error("an unknown rate has an interval")
	}
}

// A fusion that adds a blind view to a good one loses; the interval says so.
func TestViewsComparePaired(t *testing.T) {
	e := New()
	for i := range 80 {
		p := Part{Latent: float64(i * 7919 % 80), Autoencoder: float64(i * 31 % 40)}
		if i%2 == 1 {
			p.Defect, p.Autoencoder = "spot", p.Autoencoder+30
		}
		p.Score = p.Latent + 0.1*p.Autoencoder
		e.Add(p)
	}
	v := e.Result(1).Views
	if v.Gain >= 0 || v.GainInterval[1] >= 0 || v.Fused-max(v.Latent, v.Autoencoder) != v.Gain || v.Surroundings.Known() {
		t.Errorf("%+v", v)
	}
	// A third view that tells more than the fused score is what gain is counted from.
	for i := range e.parts {
		e.parts[i].Surroundings = 1 + float64(i%2)
	}
	if w := e.Result(1).Views; w.Surroundings != 1 || w.Gain != w.Fused-1 {
		t.Errorf("%+v", w)
	}
}

func TestLabelConditions(t *testing.T) {
	dir := folder(t, "test/good/a.png", "test/crack/b.png")
	write := func(text string) string {
		f := filepath.Join(t.TempDir(), "c.csv")
		if err := os.WriteFile(f, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return f
	}
	d, err := OpenDataset(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	column, err := LabelConditions(d.Test, dir, write("file,class,exposure\ntest/good/a.png,free,1\ntrain/good/x.png,free,2\n"))
	if err != nil || column != "exposure" {
		t.Fatalf("column %q, %v", column, err)
	}
	for _, p := range d.Test {
		if want := map[string]string{"a.png": "1", "b.png": ""}[filepath.Base(p.Path)]; p.Condition != want {
			t.Errorf("%+v", p)
		}
	}
	if ps, err := Under(d.Test, "1"); err != nil || len(ps) != 1 || filepath.Base(ps[0].Path) != "a.png" {
		t.Errorf("under condition 1: %+v, %v", ps, err)
	}
	if _, err := Under(d.Test, "2"); err == nil || !strings.Contains(err.Error(), `none of 2 pictures is of condition "2"; there are ["1"]`) {
		t.Errorf("under condition 2: %v", err)
	}
	for text, want := range map[string]string{
		"picture,exposure\n":         "path (or file)",
		"path\ntest/good/a.png\n":    "path (or file)",
		"path,lamp\nnone.png,1\n":    "such as test/",
		"path,lamp\ntest/good/a.png": "c.csv:2: 1 columns",
		"\xff\xfe":                   "path (or file)",
		"path,lamp\ntest/good/a.png,1\ntest/good/a.png,1\ntest/good/a.png,2": `c.csv:4: test/good/a.png is "2" here and "1" in line 3; give it one lamp`,
		"": "first line",
	} {
		if _, err := LabelConditions(d.Test, dir, write(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}
