package anomaly

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// waves is a textured picture with some colour.
func waves(w, h int, phase float64) Picture {
	p := Picture{w, h, make([]byte, w*h*3)}
	for y := range h {
		for x := range w {
			for c := range 3 {
				p.Pix[(y*w+x)*3+c] = toInt8(40*math.Sin(1.3*float64(x)+phase) + 20*math.Cos(float64(y)/5) + 10*float64(c))
			}
		}
	}
	return p
}

// TestEveryKindShowsWhereItsMaskSays: a defect changes pixels that its mask
// covers, none that it does not, and enough of them to be seen.
func TestEveryKindShowsWhereItsMaskSays(t *testing.T) {
	p, other := waves(160, 96, 0), waves(160, 96, 1)
	for kind := range Kinds {
		for seed := range uint64(20) {
			q, cover, ok := Draw(p, []Picture{other}, kind, rand.New(rand.NewPCG(seed, 1)))
			if !ok {
				t.Fatalf("kind %d, seed %d: nothing shows", kind, seed)
			}
			changed, covered := 0, 0
			for i, a := range cover {
				same := bytes.Equal(q.Pix[3*i:3*i+3], p.Pix[3*i:3*i+3])
				if a == 0 && !same && d(q, p, i) > 3 {
					t.Fatalf("kind %d, seed %d: pixel %d changed outside the mask", kind, seed, i)
				}
				if a > 76 {
					covered++
					if !same {
						changed++
					}
				}
			}
			if covered < 6 || changed < covered/2 {
				t.Errorf("kind %d, seed %d: %d of %d covered pixels changed", kind, seed, changed, covered)
			}
		}
	}
}

func d(a, b Picture, i int) float64 {
	m := 0.0
	for c := range 3 {
		m = max(m, math.Abs(float64(int8(a.Pix[3*i+c]))-float64(int8(b.Pix[3*i+c]))))
	}
	return m
}

func TestDrawIsRepeatableAndLeavesItsInputAlone(t *testing.T) {
	p := waves(64, 64, 0)
	before := bytes.Clone(p.Pix)
	for kind := range Kinds {
		a, ma, _ := Draw(p, nil, kind, rand.New(rand.NewPCG(5, 5)))
		b, mb, _ := Draw(p, nil, kind, rand.New(rand.NewPCG(5, 5)))
		if !bytes.Equal(a.Pix, b.Pix) || !bytes.Equal(ma, mb) {
			t.Errorf("kind %d: two drawings of one seed differ", kind)
		}
	}
	if !bytes.Equal(before, p.Pix) {
		t.Error("the part itself was drawn on")
	}
}

// TestGreyStaysGrey: no defect brings colour into a grey picture.
func TestGreyStaysGrey(t *testing.T) {
	p := waves(64, 64, 0)
	for i := range p.Pix {
		p.Pix[i] = p.Pix[i-i%3]
	}
	for kind := range Kinds {
		q, _, _ := Draw(p, nil, kind, rand.New(rand.NewPCG(9, 9)))
		for i := 0; i < len(q.Pix); i += 3 {
			if q.Pix[i] != q.Pix[i+1] || q.Pix[i] != q.Pix[i+2] {
				t.Fatalf("kind %d coloured pixel %d", kind, i/3)
			}
		}
	}
}

// TestNothingShowsOnNothing: where a patch equals its surroundings there is no defect.
func TestNothingShowsOnNothing(t *testing.T) {
	flat := Picture{32, 32, make([]byte, 32*32*3)}
	if _, _, ok := Draw(flat, nil, 6, rand.New(rand.NewPCG(1, 1))); ok {
		t.Error("a displacement in a flat picture is said to show")
	}
}
