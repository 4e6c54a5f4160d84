package anomaly

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// floats are grey values, 0 to 255.
func floats(p Picture) []float32 {
	v := make([]float32, len(p.Pix))
	for i, b := range p.Pix {
		v[i] = float32(int8(b)) + 128
	}
	return v
}

// TestSwayLeavesPartsAsTheyAre: Sway changes every picture, and each a little: its mean by no
// more than light may, what lies where by next to nothing; a grey picture stays grey; the
// same seed gives the same picture.
func TestSwayLeavesPartsAsTheyAre(t *testing.T) {
	p := waves(64, 48, 0)
	grey := Picture{p.W, p.H, bytes.Clone(p.Pix)}
	for i := range grey.Pix {
		grey.Pix[i] = grey.Pix[i/3*3]
	}
	if p.grey() || !grey.grey() {
		t.Fatal("a coloured picture passes for grey, or a grey one for coloured")
	}
	var logs []float64
	for seed := range uint64(200) {
		q := Sway(p, rand.New(rand.NewPCG(seed, 1)))
		if again := Sway(p, rand.New(rand.NewPCG(seed, 1))); !bytes.Equal(q.Pix, again.Pix) {
			t.Fatalf("seed %d: two pictures", seed)
		}
		if bytes.Equal(q.Pix, p.Pix) {
			t.Errorf("seed %d: nothing sways", seed)
		}
		if g := Sway(grey, rand.New(rand.NewPCG(seed, 1))); !g.grey() {
			t.Fatalf("seed %d: a grey picture is coloured", seed)
		}
		before, after := floats(p), floats(q)
		sum, to := 0.0, 0.0
		for i := range before {
			sum, to = sum+float64(before[i]), to+float64(after[i])
		}
		logs = append(logs, math.Log(to/sum))
		if c := correlation(before, after); c < 0.85 {
			t.Errorf("seed %d: what is left correlates by %.2f", seed, c)
		}
	}
	sum := 0.0
	for _, l := range logs {
		sum += l * l / float64(len(logs))
	}
	if got := math.Sqrt(sum); got < 0.8*swayLight || got > 1.3*swayLight {
		t.Errorf("light sways by %.3f, want about %g", got, swayLight)
	}
}

func correlation(a, b []float32) float64 {
	var ma, mb, aa, bb, ab float64
	for i := range a {
		ma, mb = ma+float64(a[i])/float64(len(a)), mb+float64(b[i])/float64(len(a))
	}
	for i := range a {
		x, y := float64(a[i])-ma, float64(b[i])-mb
		aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
	}
	return ab / math.Sqrt(aa*bb)
}

// TestRelightTurnsLampsAndNothingElse: each channel is multiplied by its own number, up to
// where a sensor clips.
func TestRelightTurnsLampsAndNothingElse(t *testing.T) {
	by := [3]float64{0.2, -0.1, 0.9}
	before := floats(waves(64, 48, 0))
	v := slices.Clone(before)
	relight(v, by[0], by[1], by[2])
	clipped := 0
	for i, x := range v {
		want := min(float64(before[i])*math.Exp(by[i%3]), 255)
		if math.Abs(float64(x)-want) > 1e-3 {
			t.Fatalf("value %d: %g became %g, want %g", i, before[i], x, want)
		}
		if want == 255 {
			clipped++
		}
	}
	if clipped == 0 {
		t.Error("nothing is bright enough to clip")
	}
}

// TestRefocusSoftensAndSharpens: what is flat stays; a single bright pixel gives its
// neighbours the weights of a 3x3 binomial, in its own channel and none beyond; the other
// way it stands out more, and the sum stays.
func TestRefocusSoftensAndSharpens(t *testing.T) {
	const w, h = 5, 4
	flat := slices.Repeat([]float32{90}, 3*w*h)
	refocus(flat, w, h, 1)
	for i, x := range flat {
		if x != 90 {
			t.Fatalf("flat value %d became %g", i, x)
		}
	}
	for _, far := range []float32{0, 1, 0.5, -0.5} {
		v := make([]float32, 3*w*h)
		at := func(y, x, c int) int { return (y*w+x)*3 + c }
		v[at(1, 2, 1)] = 16
		refocus(v, w, h, far)
		for y := range h {
			for x := range w {
				for c := range 3 {
					want := float32(0)
					if dy, dx := y-1, x-2; c == 1 && dy*dy <= 1 && dx*dx <= 1 {
						want = far * float32((2-dy*dy)*(2-dx*dx))
						if dy == 0 && dx == 0 {
							want += (1 - far) * 16
						}
					}
					if got := v[at(y, x, c)]; math.Abs(float64(got-want)) > 1e-4 {
						t.Errorf("far %g: pixel %d,%d channel %d is %g, want %g", far, x, y, c, got, want)
					}
				}
			}
		}
	}
	corner := make([]float32, 3*w*h) // repeats beyond the border: nothing is lost there
	corner[0] = 16
	refocus(corner, w, h, 1)
	sum := float32(0)
	for _, x := range corner {
		sum += x
	}
	if corner[0] != 9 || sum != 16 {
		t.Errorf("the corner keeps %g of 16, all pixels %g; want 9 and 16", corner[0], sum)
	}
}

// TestNoiseHasItsDeviation: white, of the deviation asked for, and the same to all channels
// of grey pixels.
func TestNoiseHasItsDeviation(t *testing.T) {
	for _, grey := range []bool{false, true} {
		v := make([]float32, 3*10_000)
		addNoise(v, grey, 3, rand.New(rand.NewPCG(4, 4)))
		power, beside := 0.0, 0.0
		for i := 0; i+3 < len(v); i += 3 {
			power += float64(v[i]) * float64(v[i]) / 10_000
			beside += float64(v[i]) * float64(v[i+3]) / 10_000
			if same := v[i] == v[i+1] && v[i] == v[i+2]; same != grey {
				t.Fatalf("grey %t: pixel %d is %v", grey, i/3, v[i:i+3])
			}
		}
		if math.Abs(math.Sqrt(power)-3) > 0.1 || math.Abs(beside) > 0.3 {
			t.Errorf("grey %t: deviation %.2f, covariance of neighbours %.2f; want 3 and 0", grey, math.Sqrt(power), beside)
		}
	}
}
