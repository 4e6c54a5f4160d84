// Package anomaly draws defects into pictures of good parts: patches cut and
// pasted (Li et al., CutPaste, CVPR 2021), foreign texture, stains, dark and
// bright marks, scratches, local blur and local displacement, each with the mask
// of what it changed.
//
// Drawn defects never teach what normal is. They say which deviations of
// features a defect causes at all, and how much each view of a part is worth. Beside them
// stand good parts in other conditions (Sway), which do teach it: what conditions change is no
// defect.
// The package knows pictures as the graphs take them and nothing else.
package anomaly

import (
	"math"
	"math/rand/v2"
)

// Picture is int8 RGB, value = pixel - 128, row-major.
type Picture struct {
	W, H int
	Pix  []byte // W*H*3
}

// Kinds is the number of kinds of defects.
const Kinds = len(kinds)

// kinds in two halves, even and odd, that have nothing in common: a detector
// that was fitted to one can be tried on the other.
var kinds = [...]func(*brush){paste, stain, foreign, mark, blurred, scratch, displaced, stain}

// minChange is the mean change, in grey levels of 255, below which a defect
// counts as invisible and is drawn again.
const minChange = 6

// Draw returns p with one defect of the given kind, and how much of each pixel
// it covers (0..255). others lend foreign texture; none is needed. Draw gives up
// on parts where nothing shows after some tries and reports false.
func Draw(p Picture, others []Picture, kind int, r *rand.Rand) (q Picture, cover []byte, ok bool) {
	for range 20 {
		b := newBrush(p, others, r)
		kinds[kind%Kinds](b)
		if b.visible() {
			return b.dst, b.bytes(), true
		}
	}
	return Picture{}, nil, false
}

// brush is one attempt at a defect.
type brush struct {
	src, dst Picture
	others   []Picture
	r        *rand.Rand
	grey     bool
	mean     float64
	spread   float64   // standard deviation of the picture, at least 8 levels
	size     float64   // of the defect, pixels
	alpha    []float32 // cover of each pixel, 0..1
}

func newBrush(p Picture, others []Picture, r *rand.Rand) *brush {
	b := &brush{src: p, dst: Picture{p.W, p.H, append([]byte(nil), p.Pix...)}, others: others, r: r, grey: p.grey()}
	sum, sqr := 0.0, 0.0
	for i := 0; i < len(p.Pix); i += 3 {
		v := float64(int8(p.Pix[i+1]))
		sum, sqr = sum+v, sqr+v*v
	}
	n := float64(p.W * p.H)
	b.mean = sum / n
	b.spread = math.Sqrt(max(0, sqr/n-b.mean*b.mean)) + 8
	b.size = float64(min(p.W, p.H)) * math.Exp(b.uniform(math.Log(0.03), math.Log(0.35)))
	return b
}

func (b *brush) uniform(lo, hi float64) float64 { return lo + (hi-lo)*b.r.Float64() }

// chance is true with probability p.
func (b *brush) chance(p float64) bool { return b.r.Float64() < p }

// tint is how a defect differs from its place, channel by channel.
func (b *brush) tint() (t [3]float64) {
	v := b.uniform(0.4, 2) * b.spread
	if b.chance(0.5) {
		v = -v
	}
	coloured := !b.grey && b.chance(0.5)
	for c := range t {
		t[c] = v
		if coloured {
			t[c] += 0.3 * b.spread * b.r.NormFloat64()
		}
	}
	return t
}

// mix writes value(x, y, channel) through the mask.
func (b *brush) mix(value func(x, y, c int) float64) {
	for y := range b.dst.H {
		for x := range b.dst.W {
			a := float64(b.alpha[y*b.dst.W+x])
			if a == 0 {
				continue
			}
			for c := range 3 {
				i := (y*b.dst.W+x)*3 + c
				b.dst.Pix[i] = toInt8(float64(int8(b.src.Pix[i]))*(1-a) + a*value(x, y, c))
			}
		}
	}
}

// at is the picture's value; beyond the edge the edge goes on.
func (p Picture) at(x, y, c int) float64 {
	x, y = min(max(x, 0), p.W-1), min(max(y, 0), p.H-1)
	return float64(int8(p.Pix[(y*p.W+x)*3+c]))
}

func toInt8(v float64) byte { return byte(int8(math.RoundToEven(max(-128, min(127, v))))) }

// visible reports whether the defect changed enough, and forgets the cover
// where it changed next to nothing.
func (b *brush) visible() bool {
	pixels, total := 0, 0.0
	for i := range b.alpha {
		change := 0.0
		for c := range 3 {
			change = max(change, math.Abs(float64(int8(b.dst.Pix[3*i+c]))-float64(int8(b.src.Pix[3*i+c]))))
		}
		if change <= 3 {
			b.alpha[i] = 0
			continue
		}
		if b.alpha[i] > 0.3 {
			pixels++
			total += change
		}
	}
	return pixels >= 6 && total/float64(pixels) >= minChange
}

func (b *brush) bytes() []byte {
	out := make([]byte, len(b.alpha))
	for i, a := range b.alpha {
		out[i] = byte(255*a + 0.5)
	}
	return out
}
