package train

import (
	"math"
	"math/rand/v2"
)

// The kinds of drawn anomalies. They decide when training stops; no weight and
// no statistic of normality ever sees one.
var anomalyKinds = [...]func(Picture, *rand.Rand){cutPaste, blob, scratch, missing}

// AnomalyKinds is how many kinds Anomaly draws.
const AnomalyKinds = len(anomalyKinds)

// Anomaly is p with a defect drawn into it.
func Anomaly(p Picture, kind int, r *rand.Rand) Picture {
	q := Picture{p.W, p.H, append([]byte(nil), p.Pix...)}
	anomalyKinds[kind%AnomalyKinds](q, r)
	return q
}

// size of a defect: 3 to 12 % of the shorter side.
func size(p Picture, r *rand.Rand) float64 {
	return float64(min(p.W, p.H)) * (0.03 + 0.09*r.Float64())
}

// place of a defect whose half extent is e, inside the middle 80 %.
func place(p Picture, r *rand.Rand) (x, y float64) {
	return float64(p.W) * (0.1 + 0.8*r.Float64()), float64(p.H) * (0.1 + 0.8*r.Float64())
}

// set mixes colour v into pixel (x, y) with weight alpha.
func (p Picture) set(x, y int, v [3]float64, alpha float64) {
	if x < 0 || y < 0 || x >= p.W || y >= p.H {
		return
	}
	for c := range 3 {
		i := (y*p.W+x)*3 + c
		p.Pix[i] = toInt8(float64(int8(p.Pix[i]))*(1-alpha) + v[c]*alpha)
	}
}

// cutPaste moves a patch to another place (Li et al. 2021).
func cutPaste(p Picture, r *rand.Rand) {
	w, h := int(2*size(p, r)), int(2*size(p, r))
	w, h = min(w, p.W/2), min(h, p.H/2)
	sx, sy := r.IntN(p.W-w), r.IntN(p.H-h)
	dx, dy := r.IntN(p.W-w), r.IntN(p.H-h)
	patch := make([]byte, 0, w*h*3)
	for y := range h {
		patch = append(patch, p.Pix[((sy+y)*p.W+sx)*3:][:w*3]...)
	}
	for y := range h {
		copy(p.Pix[((dy+y)*p.W+dx)*3:], patch[y*w*3:(y+1)*w*3])
	}
}

func colour(r *rand.Rand) [3]float64 {
	grey := 220*r.Float64() - 110
	return [3]float64{grey + 30*r.NormFloat64(), grey + 30*r.NormFloat64(), grey + 30*r.NormFloat64()}
}

// blob is a round spot of uneven brightness.
func blob(p Picture, r *rand.Rand) {
	cx, cy := place(p, r)
	a, b := size(p, r), size(p, r)
	v, wave := colour(r), 0.3+0.7*r.Float64()
	for y := int(cy - b); y <= int(cy+b); y++ {
		for x := int(cx - a); x <= int(cx+a); x++ {
			d := math.Hypot((float64(x)-cx)/a, (float64(y)-cy)/b)
			if d < 1 {
				texture := 0.7 + 0.3*math.Sin(wave*float64(x))*math.Cos(wave*float64(y))
				p.set(x, y, v, texture*min(1, 3*(1-d)))
			}
		}
	}
}

// scratch is a thin bent line.
func scratch(p Picture, r *rand.Rand) {
	x, y := place(p, r)
	angle, length := 2*math.Pi*r.Float64(), 5*size(p, r)
	v, width := colour(r), 0.7+1.5*r.Float64()
	for s := 0.0; s < length; s += 0.5 {
		angle += 0.03 * r.NormFloat64()
		x, y = x+0.5*math.Cos(angle), y+0.5*math.Sin(angle)
		for dy := -2; dy <= 2; dy++ {
			for dx := -2; dx <= 2; dx++ {
				px, py := math.Round(x)+float64(dx), math.Round(y)+float64(dy)
				d := math.Hypot(px-x, py-y)
				if d < width {
					p.set(int(px), int(py), v, 0.9*(1-d/width))
				}
			}
		}
	}
}

// missing fills a region with what lies at its edge, as if a feature were gone.
func missing(p Picture, r *rand.Rand) {
	cx, cy := place(p, r)
	a, b := int(1.5*size(p, r)), int(1.5*size(p, r))
	x0, y0 := int(cx)-a, int(cy)-b
	var v [3]float64
	for c := range 3 {
		v[c] = (p.at(x0-1, y0-1, c) + p.at(x0+2*a+1, y0+2*b+1, c)) / 2
	}
	for y := y0; y <= y0+2*b; y++ {
		for x := x0; x <= x0+2*a; x++ {
			p.set(x, y, v, 1)
		}
	}
}
