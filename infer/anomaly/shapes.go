package anomaly

import "math"

// blob covers an irregular, turned ellipse around a random place, about b.size
// across, with an edge one pixel soft.
func (b *brush) blob() {
	w, h := b.src.W, b.src.H
	b.alpha = make([]float32, w*h)
	cx, cy := b.uniform(0, float64(w)), b.uniform(0, float64(h))
	stretch, turn := math.Exp(b.uniform(-0.7, 0.7)), b.uniform(0, math.Pi)
	sin, cos := math.Sincos(turn)
	rough := b.noise(max(4, b.size/3))
	radius := b.size / 2
	reach := 2.5 * radius * max(stretch, 1/stretch)
	for y := max(0, int(cy-reach)); y < min(h, int(cy+reach)+1); y++ {
		for x := max(0, int(cx-reach)); x < min(w, int(cx+reach)+1); x++ {
			dx, dy := float64(x)-cx, float64(y)-cy
			u, v := (dx*cos+dy*sin)/stretch, (dy*cos-dx*sin)*stretch
			d := math.Hypot(u, v)/radius + 0.35*rough(x, y)
			b.alpha[y*w+x] = float32(max(0, min(1, (1-d)*radius+0.5)))
		}
	}
}

// line covers a bent line 0.8 to 2.5 pixels wide (of 256) and up to some sizes long.
func (b *brush) line() {
	w, h := b.src.W, b.src.H
	b.alpha = make([]float32, w*h)
	unit := float64(min(w, h)) / 256
	width := max(0.8, b.uniform(0.8, 2.5)*unit)
	length := 1.6*b.size + 8*unit
	x, y, angle := b.uniform(0, float64(w)), b.uniform(0, float64(h)), b.uniform(0, 2*math.Pi)
	const pieces = 12
	for range pieces {
		angle += 0.25 * b.r.NormFloat64()
		sin, cos := math.Sincos(angle)
		for t := 0.0; t < length/pieces; t += 0.5 {
			x, y = x+0.5*cos, y+0.5*sin
			b.dot(x, y, width/2)
		}
	}
}

// dot covers a disc with an edge one pixel soft.
func (b *brush) dot(cx, cy, radius float64) {
	for y := max(0, int(cy-radius-1)); y <= min(b.src.H-1, int(cy+radius+1)); y++ {
		for x := max(0, int(cx-radius-1)); x <= min(b.src.W-1, int(cx+radius+1)); x++ {
			a := float32(max(0, min(1, radius+0.5-math.Hypot(float64(x)-cx, float64(y)-cy))))
			i := y*b.src.W + x
			b.alpha[i] = max(b.alpha[i], a)
		}
	}
}

// noise is smooth Gaussian noise whose grains are about grain pixels.
func (b *brush) noise(grain float64) func(x, y int) float64 {
	gw, gh := int(float64(b.src.W)/grain)+2, int(float64(b.src.H)/grain)+2
	grid := make([]float64, gw*gh)
	for i := range grid {
		grid[i] = b.r.NormFloat64()
	}
	return func(x, y int) float64 {
		fx, fy := float64(x)/grain, float64(y)/grain
		ix, iy := min(int(fx), gw-2), min(int(fy), gh-2)
		tx, ty := smoothstep(fx-float64(ix)), smoothstep(fy-float64(iy))
		top := grid[iy*gw+ix]*(1-tx) + grid[iy*gw+ix+1]*tx
		bottom := grid[(iy+1)*gw+ix]*(1-tx) + grid[(iy+1)*gw+ix+1]*tx
		return top*(1-ty) + bottom*ty
	}
}

func smoothstep(t float64) float64 { return t * t * (3 - 2*t) }
