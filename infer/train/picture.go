package train

import (
	"math"
	"math/rand/v2"

	"winnow/infer/anomaly"
)

// Picture is int8 RGB as a package's graph takes it: pixel - 128, row-major.
type Picture = anomaly.Picture

// pixel is a value of p; beyond the edge the edge goes on.
func pixel(p Picture, x, y, c int) float64 {
	x, y = min(max(x, 0), p.W-1), min(max(y, 0), p.H-1)
	return float64(int8(p.Pix[(y*p.W+x)*3+c]))
}

// bilinear value between pixels; beyond the edge the edge goes on.
func bilinear(p Picture, x, y float64, c int) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	dx, dy := x-fx, y-fy
	top := pixel(p, ix, iy, c)*(1-dx) + pixel(p, ix+1, iy, c)*dx
	bottom := pixel(p, ix, iy+1, c)*(1-dx) + pixel(p, ix+1, iy+1, c)*dx
	return top*(1-dy) + bottom*dy
}

func toInt8(v float64) byte { return byte(int8(math.RoundToEven(max(-128, min(127, v))))) }

// Changed is p as the same part might have looked: cut and turned, then lit,
// then blurred, then noisy, in the order in which a camera would do it. What is
// drawn follows from r.
func (a *Augment) Changed(p Picture, r *rand.Rand) Picture {
	q := a.geometry(p, r)
	a.light(q, r)
	if a.Blur > 0 {
		q = blurred(q, a.Blur*r.Float64())
	}
	if a.Noise > 0 {
		for i, b := range q.Pix {
			q.Pix[i] = toInt8(float64(int8(b)) + 255*a.Noise*r.NormFloat64())
		}
	}
	return q
}

// geometry cuts off up to Crop of each side, turns by up to Rotate degrees and
// mirrors.
func (a *Augment) geometry(p Picture, r *rand.Rand) Picture {
	left, right, top, bottom := a.Crop*r.Float64(), a.Crop*r.Float64(), a.Crop*r.Float64(), a.Crop*r.Float64()
	angle := a.Rotate * (2*r.Float64() - 1) * math.Pi / 180
	mirror := a.Flip && r.IntN(2) == 1
	sin, cos := math.Sincos(angle)
	w, h := float64(p.W), float64(p.H)
	q := Picture{W: p.W, H: p.H, Pix: make([]byte, len(p.Pix))}
	for y := range p.H {
		for x := range p.W {
			u := w*left + float64(x)*(1-left-right) - w/2
			v := h*top + float64(y)*(1-top-bottom) - h/2
			if mirror {
				u = -1 - u
			}
			sx, sy := cos*u-sin*v+w/2, sin*u+cos*v+h/2
			for c := range 3 {
				q.Pix[(y*p.W+x)*3+c] = toInt8(bilinear(p, sx, sy, c))
			}
		}
	}
	return q
}

// light changes exposure and the balance of colours, in place.
func (a *Augment) light(q Picture, r *rand.Rand) {
	if a.Exposure == 0 && a.Colour == 0 {
		return
	}
	exposure := 1 + a.Exposure*(2*r.Float64()-1)
	var gain [3]float64
	for c := range gain {
		gain[c] = exposure * (1 + a.Colour*(2*r.Float64()-1))
	}
	for i, b := range q.Pix {
		q.Pix[i] = toInt8((float64(int8(b))+128)*gain[i%3] - 128)
	}
}

// blurred by a separable Gaussian of deviation sigma pixels.
func blurred(p Picture, sigma float64) Picture {
	if sigma < 0.2 {
		return p
	}
	half := int(math.Ceil(2.5 * sigma))
	kernel := make([]float64, 2*half+1)
	sum := 0.0
	for i := range kernel {
		d := float64(i - half)
		kernel[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += kernel[i]
	}
	pass := func(p Picture, dx, dy int) Picture {
		q := Picture{W: p.W, H: p.H, Pix: make([]byte, len(p.Pix))}
		for y := range p.H {
			for x := range p.W {
				for c := range 3 {
					v := 0.0
					for i, k := range kernel {
						v += k * pixel(p, x+(i-half)*dx, y+(i-half)*dy, c)
					}
					q.Pix[(y*p.W+x)*3+c] = toInt8(v / sum)
				}
			}
		}
		return q
	}
	return pass(pass(p, 1, 0), 0, 1)
}

// Sheet lays pictures out in rows of columns, for looking at: 8-bit RGB.
func Sheet(ps []Picture, columns int) (w, h int, pix []byte) {
	if len(ps) == 0 {
		return 0, 0, nil
	}
	pw, ph := ps[0].W, ps[0].H
	rows := (len(ps) + columns - 1) / columns
	w, h = pw*columns, ph*rows
	pix = make([]byte, w*h*3)
	for i, p := range ps {
		x0, y0 := i%columns*pw, i/columns*ph
		for y := range ph {
			for j := range pw * 3 {
				pix[((y0+y)*w+x0)*3+j] = p.Pix[y*pw*3+j] ^ 0x80
			}
		}
	}
	return w, h, pix
}
