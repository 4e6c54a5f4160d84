package anomaly

import (
	"math"
	"math/rand/v2"
)

// How far conditions are taken to sway, as standard deviations: of natural logarithms of
// light, of how far a picture is blurred, and of grey values of noise, of 255.
const (
	swayLight  = 0.1   // of all of it
	swayWarmth = 0.05  // of red, and against it of blue
	swayGreen  = 0.025 // of green
	swayFocus  = 0.4   // of the way to what a 3x3 binomial blur leaves
	swayNoise  = 2     // of the noise's own deviation from nothing
)

// Sway returns p as the same camera might show it at another time: in a little more or less
// light, warmer or colder, which lamps give as they age and daylight through the day; a
// little softer or sharper; with a little more noise, as a sensor has when it warms up or
// its gain is raised. Half of the pictures sway in light alone, so that what it does is seen
// unmixed. Grey pictures stay grey. What Sway returns is as good as p.
func Sway(p Picture, r *rand.Rand) Picture {
	grey := p.grey()
	v := make([]float32, len(p.Pix))
	for i, b := range p.Pix {
		v[i] = float32(int8(b)) + 128
	}
	all, warm, green := swayLight*r.NormFloat64(), swayWarmth*r.NormFloat64(), swayGreen*r.NormFloat64()
	if grey {
		warm, green = 0, 0
	}
	relight(v, all+warm, all+green, all-warm)
	if r.IntN(2) == 0 {
		refocus(v, p.W, p.H, float32(swayFocus*r.NormFloat64()))
		addNoise(v, grey, swayNoise*math.Abs(r.NormFloat64()), r)
	}
	q := Picture{p.W, p.H, make([]byte, len(p.Pix))}
	for i, x := range v {
		q.Pix[i] = toInt8(float64(x) - 128)
	}
	return q
}

// relight multiplies red, green and blue by the exponentials of numbers, and clips as a
// sensor does.
func relight(v []float32, red, green, blue float64) {
	by := [3]float32{float32(math.Exp(red)), float32(math.Exp(green)), float32(math.Exp(blue))}
	for i := range v {
		v[i] = min(v[i]*by[i%3], 255)
	}
}

// refocus moves RGB pixels by the share far towards what a 3x3 binomial blur leaves of
// them, or away from it where far is negative. Pixels at the border repeat beyond it.
func refocus(v []float32, w, h int, far float32) {
	soft := make([]float32, len(v))
	for y := range h { // along rows
		row, out := v[y*w*3:(y+1)*w*3], soft[y*w*3:(y+1)*w*3]
		for i, x := range row {
			left, right := x, x
			if i >= 3 {
				left = row[i-3]
			}
			if i+3 < len(row) {
				right = row[i+3]
			}
			out[i] = (left + 2*x + right) / 4
		}
	}
	for y := range h { // and across them
		above, below := soft[max(y-1, 0)*w*3:], soft[min(y+1, h-1)*w*3:]
		row, out := soft[y*w*3:(y+1)*w*3], v[y*w*3:(y+1)*w*3]
		for i, x := range row {
			out[i] += far * ((above[i]+2*x+below[i])/4 - out[i])
		}
	}
}

// addNoise adds white noise of a deviation, the same to all channels of a grey pixel.
func addNoise(v []float32, grey bool, deviation float64, r *rand.Rand) {
	n := float32(0)
	for i := range v {
		if !grey || i%3 == 0 {
			n = float32(deviation * r.NormFloat64())
		}
		v[i] += n
	}
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
