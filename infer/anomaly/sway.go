package anomaly

import (
	"math"
	"math/rand/v2"
)

// How far light is taken to sway: standard deviations of natural logarithms.
const (
	swayLight  = 0.1   // of all of it
	swayWarmth = 0.05  // of red, and against it of blue
	swayGreen  = 0.025 // of green
)

// Sway returns p as it would look in a little more or less light, warmer or colder: what
// lamps do as they age, and daylight does through the day. Grey pictures stay grey. What
// Sway returns is as good as p.
func Sway(p Picture, r *rand.Rand) Picture {
	all, warm, green := swayLight*r.NormFloat64(), swayWarmth*r.NormFloat64(), swayGreen*r.NormFloat64()
	if p.grey() {
		warm, green = 0, 0
	}
	by := [3]float64{math.Exp(all + warm), math.Exp(all + green), math.Exp(all - warm)}
	q := Picture{p.W, p.H, make([]byte, len(p.Pix))}
	for i, b := range p.Pix {
		q.Pix[i] = toInt8((float64(int8(b))+128)*by[i%3] - 128)
	}
	return q
}

// grey reports whether the channels of every pixel are equal.
func (p Picture) grey() bool {
	for i := 0; i < len(p.Pix); i += 3 {
		if p.Pix[i] != p.Pix[i+1] || p.Pix[i] != p.Pix[i+2] {
			return false
		}
	}
	return true
}
