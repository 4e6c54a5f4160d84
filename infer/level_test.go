package infer

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"winnow/models"
)

// dimmed is a picture of noise around 100 with the given gain and offset.
func dimmed(gain, offset float64) []byte {
	r := rand.New(rand.NewPCG(7, 7))
	p := make([]byte, 64*64*3)
	for i := range p {
		p[i] = byte(int8(max(0, min(255, math.Round((100+15*r.NormFloat64())*gain+offset))) - 128))
	}
	return p
}

// TestLevelTakesLightOut: after levelling, a picture under other light is the
// taught one but for rounding, and without a level nothing changes.
func TestLevelTakesLightOut(t *testing.T) {
	plain := dimmed(1, 0)
	mean, dev := Brightness(plain)
	for _, c := range []struct {
		kind         string
		gain, offset float64
	}{{models.LevelGain, 0.8, 0}, {models.LevelGain, 1.3, 0}, {models.LevelMeanStd, 0.8, 20}, {models.LevelMeanStd, 1.2, -10}} {
		in := dimmed(c.gain, c.offset)
		NewLeveller(&models.Level{Kind: c.kind, Mean: mean, Deviation: dev}).Run(in)
		worst := 0
		for i := range in {
			d := int(int8(in[i])) - int(int8(plain[i]))
			worst = max(worst, d, -d)
		}
		if worst > 2 {
			t.Errorf("%s after gain %g, offset %g: off by %d levels", c.kind, c.gain, c.offset, worst)
		}
	}
	in := dimmed(0.8, 0)
	NewLeveller(nil).Run(in)
	if !bytes.Equal(in, dimmed(0.8, 0)) {
		t.Error("no level changes a picture")
	}
}

// TestLevelIsBounded: a black picture stays dark, and a flat one is no error.
func TestLevelIsBounded(t *testing.T) {
	for _, kind := range []string{models.LevelGain, models.LevelMeanStd} {
		dark := dimmed(0.2, 0)
		before, _ := Brightness(dark)
		NewLeveller(&models.Level{Kind: kind, Mean: 100, Deviation: 15}).Run(dark)
		if after, _ := Brightness(dark); kind == models.LevelGain && after > 2.1*before {
			t.Errorf("%s: brightness %.0f became %.0f", kind, before, after)
		}
		NewLeveller(&models.Level{Kind: kind, Mean: 100, Deviation: 15}).Run(make([]byte, 300))
	}
}
