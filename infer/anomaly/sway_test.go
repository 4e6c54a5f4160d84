package anomaly

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// TestRelightTurnsLampsAndNothingElse: each channel of a picture is
// multiplied by a number of its own, about as far from 1 as light sways; a grey picture
// stays grey; the same seed gives the same picture.
func TestRelightTurnsLampsAndNothingElse(t *testing.T) {
	p := waves(64, 48, 0)
	grey := Picture{p.W, p.H, bytes.Clone(p.Pix)}
	for i := range grey.Pix {
		grey.Pix[i] = grey.Pix[i/3*3]
	}
	var factors [3][]float64
	same := 0
	for seed := range uint64(200) {
		q := Sway(p, rand.New(rand.NewPCG(seed, 1)))
		if again := Sway(p, rand.New(rand.NewPCG(seed, 1))); !bytes.Equal(q.Pix, again.Pix) {
			t.Fatalf("seed %d: two pictures", seed)
		}
		for c := range 3 {
			before, after := 0.0, 0.0
			for i := c; i < len(p.Pix); i += 3 {
				if int8(q.Pix[i]) == 127 {
					continue // clipped
				}
				before, after = before+float64(int8(p.Pix[i]))+128, after+float64(int8(q.Pix[i]))+128
			}
			by := after / before
			factors[c] = append(factors[c], by)
			for i := c; i < len(p.Pix); i += 3 {
				want := min((float64(int8(p.Pix[i]))+128)*by, 255)
				if got := float64(int8(q.Pix[i])) + 128; math.Abs(got-want) > 1 {
					t.Fatalf("seed %d: %.0f became %.0f, times %.3f is %.1f", seed, float64(int8(p.Pix[i]))+128, got, by, want)
				}
			}
		}
		g := Sway(grey, rand.New(rand.NewPCG(seed, 1)))
		if !g.grey() {
			t.Fatalf("seed %d: a grey picture is coloured", seed)
		}
		if bytes.Equal(g.Pix, grey.Pix) {
			same++
		}
	}
	for c, want := range [3]float64{math.Hypot(swayLight, swayWarmth), math.Hypot(swayLight, swayGreen), math.Hypot(swayLight, swayWarmth)} {
		sum := 0.0
		for _, f := range factors[c] {
			sum += math.Log(f) * math.Log(f) / float64(len(factors[c]))
		}
		if got := math.Sqrt(sum); got < 0.8*want || got > 1.2*want {
			t.Errorf("channel %d sways by %.3f, want about %.3f", c, got, want)
		}
	}
	if same > 10 {
		t.Errorf("%d of 200 grey pictures stay the same", same)
	}
	if p.grey() {
		t.Error("the coloured picture passes for grey")
	}
}
