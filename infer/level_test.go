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
	mean, dev := Brightness(plain, nil)
	for _, c := range []struct {
		kind         string
		gain, offset float64
	}{{models.LevelGain, 0.8, 0}, {models.LevelGain, 1.3, 0}, {models.LevelMeanStd, 0.8, 20}, {models.LevelMeanStd, 1.2, -10}} {
		in := dimmed(c.gain, c.offset)
		NewLeveller(&models.Level{Kind: c.kind, Mean: mean, Deviation: dev}, nil).Run(in)
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
	NewLeveller(nil, nil).Run(in)
	if !bytes.Equal(in, dimmed(0.8, 0)) {
		t.Error("no level changes a picture")
	}
}

// TestLevelIsBounded: a black picture stays dark, and a flat one is no error.
func TestLevelIsBounded(t *testing.T) {
	for _, kind := range []string{models.LevelGain, models.LevelMeanStd} {
		dark := dimmed(0.2, 0)
		before, _ := Brightness(dark, nil)
		NewLeveller(&models.Level{Kind: kind, Mean: 100, Deviation: 15}, nil).Run(dark)
		if after, _ := Brightness(dark, nil); kind == models.LevelGain && after > 2.1*before {
			t.Errorf("%s: brightness %.0f became %.0f", kind, before, after)
		}
		NewLeveller(&models.Level{Kind: kind, Mean: 100, Deviation: 15}, nil).Run(make([]byte, 300))
	}
}

// Under a mask only what counts says how bright a part is: three quarters of the picture are
// ignored here, and hold the mean taught picture whatever the lamp does.
func TestLevelIsOfWhatCounts(t *testing.T) {
	const side, taught = 64, 100
	pix, fill := make([]uint8, side*side), make([]byte, side*side*3)
	for i := range pix {
		if i%side < side/4 {
			pix[i] = 255
		}
	}
	for i := range fill {
		fill[i] = taught ^ 0x80
	}
	m, err := NewMask(pix, side, side, fill, side, side)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{models.LevelGain, models.LevelMeanStd} {
		in := bytes.Clone(fill)
		for i := range in {
			if pix[i/3] > 0 {
				in[i] = byte(taught*0.8+float64(i%2*16)-8) ^ 0x80 // a lamp at 80 %
			}
		}
		NewLeveller(&models.Level{Kind: kind, Mean: taught, Deviation: 10, Counted: true}, m).Run(in)
		if mean, _ := Brightness(in, m.Counts()); math.Abs(mean-taught) > 1 {
			t.Errorf("%s: what counts comes to %.1f, taught was %d", kind, mean, taught)
		}
		for i, b := range in {
			if pix[i/3] == 0 && b != fill[i] {
				t.Fatalf("%s: what is ignored comes to %d", kind, b^0x80)
			}
		}
	}
}
