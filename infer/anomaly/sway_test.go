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

// TestSwayLeavesPartsAsTheyAre: Sway changes every picture a little: each channel's mean by a
// number of its own, about as far from 1 as light sways, what lies where by next to nothing;
// about half of the pictures in light alone, some of the others softer. A grey picture stays
// grey, and sways too; the same seed gives the same picture.
func TestSwayLeavesPartsAsTheyAre(t *testing.T) {
	p := waves(64, 48, 0)
	grey := Picture{p.W, p.H, bytes.Clone(p.Pix)}
	for i := range grey.Pix {
		grey.Pix[i] = grey.Pix[i/3*3]
	}
	if p.grey() || !grey.grey() {
		t.Fatal("a coloured picture passes for grey, or a grey one for coloured")
	}
	const n = 200
	var logs [3][]float64
	same, inLightAlone, softer := 0, 0, 0
	before := floats(p)
	for seed := range uint64(n) {
		q := Sway(p, rand.New(rand.NewPCG(seed, 1)))
		if again := Sway(p, rand.New(rand.NewPCG(seed, 1))); !bytes.Equal(q.Pix, again.Pix) {
			t.Fatalf("seed %d: two pictures", seed)
		}
		if bytes.Equal(q.Pix, p.Pix) {
			t.Errorf("seed %d: nothing sways", seed)
		}
		g := Sway(grey, rand.New(rand.NewPCG(seed, 1)))
		if !g.grey() {
			t.Fatalf("seed %d: a grey picture is coloured", seed)
		}
		if bytes.Equal(g.Pix, grey.Pix) {
			same++
		}
		after := floats(q)
		off, steep, was := 0.0, 0.0, 0.0
		for c := range 3 {
			sum, to := 0.0, 0.0
			for i := c; i < len(before); i += 3 {
				if int8(q.Pix[i]) == 127 {
					continue // clipped
				}
				sum, to = sum+float64(before[i]), to+float64(after[i])
			}
			by := to / sum
			logs[c] = append(logs[c], math.Log(by))
			for i := c; i+3 < len(before); i += 3 {
				off = max(off, math.Abs(float64(after[i])-min(float64(before[i])*by, 255)))
				was += by * by * math.Pow(float64(before[i+3]-before[i]), 2)
				steep += math.Pow(float64(after[i+3]-after[i]), 2)
			}
		}
		if off <= 1 {
			inLightAlone++
		}
		if steep < 0.95*was {
			softer++
		}
		if c := correlation(before, after); c < 0.85 {
			t.Errorf("seed %d: what is left correlates by %.2f", seed, c)
		}
	}
	for c, want := range [3]float64{math.Hypot(swayLight, swayWarmth), math.Hypot(swayLight, swayGreen), math.Hypot(swayLight, swayWarmth)} {
		sum := 0.0
		for _, l := range logs[c] {
			sum += l * l / n
		}
		if got := math.Sqrt(sum); got < 0.8*want || got > 1.2*want {
			t.Errorf("channel %d sways by %.3f, want about %.3f", c, got, want)
		}
	}
	apart := 0.0
	for i := range n {
		d := (logs[0][i] - logs[2][i]) / 2
		apart += d * d / n
	}
	if got := math.Sqrt(apart); got < 0.8*swayWarmth || got > 1.2*swayWarmth {
		t.Errorf("red sways against blue by %.3f, want about %g", got, swayWarmth)
	}
	if same > n/20 {
		t.Errorf("%d of %d grey pictures stay the same", same, n)
	}
	if inLightAlone < n*2/5 || inLightAlone > n*3/5 {
		t.Errorf("%d of %d pictures sway in light alone", inLightAlone, n)
	}
	if softer < n/10 || softer > n/2 {
		t.Errorf("%d of %d pictures are softer", softer, n)
	}
}

// TestSwayAddsNoise: a flat picture, which no focus changes, comes back with noise half of
// the time, whose deviation sways as it is said to.
func TestSwayAddsNoise(t *testing.T) {
	flat := Picture{32, 32, make([]byte, 32*32*3)}
	const n = 400
	noisy, power := 0, 0.0
	for seed := range uint64(n) {
		v := floats(Sway(flat, rand.New(rand.NewPCG(seed, 1))))
		sum, sqr := 0.0, 0.0
		for _, x := range v {
			sum, sqr = sum+float64(x)/float64(len(v)), sqr+float64(x)*float64(x)/float64(len(v))
		}
		if variance := sqr - sum*sum; variance > 1e-6 {
			noisy++
			power += variance
		}
	}
	if noisy < n*2/5 || noisy > n*3/5 {
		t.Errorf("%d of %d pictures are noisy", noisy, n)
	}
	if got := math.Sqrt(power / float64(noisy)); got < 0.8*swayNoise || got > 1.2*swayNoise {
		t.Errorf("noise deviates by %.2f, want about %d", got, swayNoise)
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
