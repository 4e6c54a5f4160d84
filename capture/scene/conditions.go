package scene

import "math"

// Conditions is in what the line differs from its usual state. The zero
// Conditions is the usual state.
type Conditions struct {
	Light   float64 // relative change of the lamp: -0.06 is 6 % darker
	Blur    float64 // loss of focus: standard deviation of the added blur in nominal pixels, up to 4
	ShiftX  float64 // the part lies further right by so many nominal pixels ...
	ShiftY  float64 // ... and further down
	Rotate  float64 // degrees, clockwise
	Product float64 // 0 this lot, 1 another: colour, finish and print change
	Noise   float64 // added sensor noise: 1 doubles it
	Dust    float64 // more specks a part
}

// fix turns a knob into an integer; anything absurd becomes 0 or the limit.
func fix(v float64, scale int32) int32 {
	v *= float64(scale)
	if !(v > -1<<20) { // NaN too
		return 0
	}
	return int32(math.Floor(min(v, 1<<20) + 0.5))
}

// Ramp returns conditions that change evenly from a, up to part from, to b,
// from part to on.
func Ramp(from, to uint64, a, b Conditions) func(uint64) Conditions {
	return func(i uint64) Conditions {
		switch {
		case i <= from:
			return a
		case i >= to:
			return b
		}
		return between(a, b, float64(i-from)/float64(to-from))
	}
}

// LightDrift returns conditions under which the lamp sways by +-amplitude
// (0.03 is 3 %) once in period parts, as over a day.
func LightDrift(period uint64, amplitude float64) func(uint64) Conditions {
	return func(i uint64) Conditions {
		if period == 0 {
			return Conditions{}
		}
		a := int32(i % period * turn / period)
		return Conditions{Light: amplitude * (float64(sine(a)) / 16384)}
	}
}

func between(a, b Conditions, t float64) Conditions {
	// The conversions keep compilers from fusing the multiplication with the
	// addition, which would round differently from CPU to CPU.
	at := func(x, y float64) float64 { return x + float64(float64(y-x)*t) }
	return Conditions{
		Light: at(a.Light, b.Light), Blur: at(a.Blur, b.Blur),
		ShiftX: at(a.ShiftX, b.ShiftX), ShiftY: at(a.ShiftY, b.ShiftY), Rotate: at(a.Rotate, b.Rotate),
		Product: at(a.Product, b.Product), Noise: at(a.Noise, b.Noise), Dust: at(a.Dust, b.Dust),
	}
}
