package fit_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"winnow/infer/fit"
)

// wideTaps are those of shaded, and a tap for the wide map alone.
var wideTaps = append(append([]fit.Tap{}, shadedTaps...), fit.Tap{Name: "means", Height: 8, Width: 8, Channels: 3, Scale: 0.1, ZeroPoint: 5})

// withMeans adds the means of the first tap's 2x2 cells to the taps of a part.
func withMeans(p [][]byte) [][]byte {
	m := make([]byte, 8*8*3)
	for i := range m {
		c, x, y := i%3, i/3%8, i/24
		sum := 0
		for _, d := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
			sum += int(int8(p[0][((2*y+d[0])*16+2*x+d[1])*3+c]))
		}
		m[i] = byte(int8(sum / 4))
	}
	return append(p, m)
}

// wideFit fits 80 parts with so many trailing taps for the wide map.
func wideFit(t *testing.T, part func(*rand.Rand) [][]byte, wide int) *fit.Result {
	t.Helper()
	taps := wideTaps[:2+wide]
	f := fit.NewFeatures(taps)
	defer f.Close()
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 80 {
		if err := f.Add(i, withMeans(part(r))[:len(taps)]); err != nil {
			t.Fatal(err)
		}
	}
	return fitTaps(t, f, wide)
}

// ranked is the share of pairs of a place inside the shade and one outside, all parts
// together, of which that inside has more.
func ranked(in, out []float64) float64 {
	more := 0.0
	for _, a := range in {
		for _, b := range out {
			if a > b {
				more++
			} else if a == b {
				more += 0.5
			}
		}
	}
	return more / float64(len(in)*len(out))
}

// TestFaintShadeTintsTheMap: a shade of half a deviation of the noise over a quarter of the part
// is told from the rest by the wide map, by the fine one hardly; the score is the same to
// the bit, and no good part's map is lifted to where it would make a region.
func TestFaintShadeTintsTheMap(t *testing.T) {
	plain, wide := wideFit(t, shaded, 0), wideFit(t, shaded, 1)
	if plain.Statistics.Wide != nil || wide.Statistics.Wide == nil {
		t.Fatalf("wide map without a tap for it: %v, with one: %v", plain.Statistics.Wide != nil, wide.Statistics.Wide != nil)
	}
	if last := wide.Statistics.Wide.Map[len(wide.Statistics.Wide.Map)-1]; last >= wide.Calibration.MapScale {
		t.Errorf("what is wide is shown as %g, where a region begins at %g", last, wide.Calibration.MapScale)
	}
	fine, lifted := measureWith(t, plain), measureWith(t, wide)
	r := rand.New(rand.NewPCG(8, 8))
	var in, out, inWide, outWide []float64
	for range 30 {
		p := shaded(r)
		for y := range 8 {
			for i := range 8 * 3 {
				p[0][y*16*3+i] += 4
			}
		}
		p = withMeans(p)
		d, a := fine(p[:2]...)
		e, b := lifted(p...)
		m, n := a.Map(), b.Map()
		if d != e {
			t.Fatalf("scored %+v, without a wide map %+v", e, d)
		}
		for i, v := range m {
			if n[i] < v {
				t.Fatalf("place %d was lowered from %g to %g", i, v, n[i])
			}
			if w := wide.Statistics.Grid[1]; i/w < wide.Statistics.Grid[0]/2 && i%w < w/2 {
				in, inWide = append(in, v), append(inWide, n[i])
			} else {
				out, outWide = append(out, v), append(outWide, n[i])
			}
		}
	}
	if a, b := ranked(in, out), ranked(inWide, outWide); b < a+0.05 {
		t.Errorf("places in the shade rank above others in %.3f of pairs by the fine map, in %.3f with the wide one", a, b)
	}
}

// TestGoodPartsAreAsSeldomWideAsTheyShould: of fresh good parts about one place in 32 has a
// surprise of five bits or more, though they differ by less than the features' steps and what large
// cells leave of them is mostly rounding.
func TestGoodPartsAreAsSeldomWideAsTheyShould(t *testing.T) {
	quiet := func(r *rand.Rand) [][]byte {
		phase := 0.05 * r.NormFloat64()
		tap := func(n int) []byte {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(int8(math.Round(30*math.Sin(phase+float64(i)) + r.NormFloat64())))
			}
			return p
		}
		return [][]byte{tap(16 * 16 * 3), tap(8 * 8 * 2)}
	}
	measure := measureWith(t, wideFit(t, quiet, 1))
	r := rand.New(rand.NewPCG(9, 9))
	wide, all := 0, 0
	for range 150 {
		_, s := measure(withMeans(quiet(r))...)
		bits, _, _ := s.Shade()
		for _, b := range bits {
			if all++; b >= 5 {
				wide++
			}
		}
	}
	if share := float64(wide) / float64(all); share < 1./64 || share > 1./16 {
		t.Errorf("one place in %.0f has five bits", 1/share)
	}
}

// TestNoWideMapWhereNothingRepeats: of parts that are noise alone no large cell can be foretold.
func TestNoWideMapWhereNothingRepeats(t *testing.T) {
	noise := func(r *rand.Rand) [][]byte {
		p := shaded(r)
		for _, tap := range p {
			for i := range tap {
				tap[i] = byte(int8(30 * max(-4, min(4, r.NormFloat64()))))
			}
		}
		return p
	}
	if res := wideFit(t, noise, 1); res.Statistics.Wide != nil || len(res.Graph.Outputs) != 3 {
		t.Errorf("a wide map of noise, %d outputs", len(res.Graph.Outputs))
	}
}
