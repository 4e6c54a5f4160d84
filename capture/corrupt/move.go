package corrupt

import (
	"math"

	"winnow/edge"
)

// blur is a Gaussian whose sigma goes with the width, in rows and in columns,
// edges repeated.
func (w *work) blur() {
	sigma := float64(w.v) / 100 * float64(w.f.Width) / 256
	k := gaussian(sigma)
	bpp := w.f.Format.BytesPerPixel()
	line := make([]byte, max(w.f.Width, w.f.Height))
	for c := range bpp {
		for y := range w.f.Height {
			filter(w.f.Pix[y*w.f.Stride+c:], bpp, line[:w.f.Width], k)
		}
		for x := range w.f.Width {
			filter(w.f.Pix[x*bpp+c:], w.f.Stride, line[:w.f.Height], k)
		}
	}
}

// gaussian weights in 1/65536, from the middle outwards; all of them, the middle
// once and the rest twice, sum to 65536.
func gaussian(sigma float64) []int {
	radius := int(3*sigma) + 1
	k := make([]int, radius+1)
	real, sum := make([]float64, radius+1), 0.0
	for i := range k {
		real[i] = math.Exp(float64(-float64(i*i) / float64(2*sigma*sigma)))
		sum += real[i]
		if i > 0 {
			sum += real[i]
		}
	}
	rest := 1 << 16
	for i := radius; i > 0; i-- {
		k[i] = int(math.Round(float64(real[i]/sum) * (1 << 16)))
		rest -= 2 * k[i]
	}
	k[0] = rest
	return k
}

// filter replaces len(line) values of pix, step apart.
func filter(pix []byte, step int, line []byte, k []int) {
	for i := range line {
		line[i] = pix[i*step]
	}
	last := len(line) - 1
	for i := range line {
		sum := 1<<15 + k[0]*int(line[i])
		for d := 1; d < len(k); d++ {
			sum += k[d] * (int(line[max(i-d, 0)]) + int(line[min(i+d, last)]))
		}
		pix[i*step] = byte(sum >> 16)
	}
}

// unit is one pixel in the fixed-point numbers of move.
const unit = 1 << 14

// shift moves the picture in a direction of its own.
func (w *work) shift() {
	a := 2 * math.Pi * float64(w.picture.IntN(360)) / 360
	by := int64(w.f.Width) * int64(w.v) * unit / 1000
	dx, dy := int64(fixed(math.Cos(a))), int64(fixed(math.Sin(a)))
	sx, sy := int(by*dx/unit), int(by*dy/unit)
	w.move(func(x, y int) (int, int) { return x*unit - sx, y*unit - sy })
}

// rotate turns the picture about its middle, one way or the other.
func (w *work) rotate() {
	a := float64(w.v) / 10 * math.Pi / 180
	if w.picture.IntN(2) == 0 {
		a = -a
	}
	c, s := fixed(math.Cos(a)), fixed(math.Sin(a))
	mx, my := w.f.Width-1, w.f.Height-1 // twice the middle
	w.move(func(x, y int) (int, int) {
		dx, dy := 2*x-mx, 2*y-my
		return (dx*c + dy*s + mx*unit) / 2, (dy*c - dx*s + my*unit) / 2
	})
}

// fixed rounds to units: the last bits of sines differ from processor to processor.
func fixed(v float64) int { return int(math.Round(v * unit)) }

// move fetches every pixel from where from says, in units, bilinear.
func (w *work) move(from func(x, y int) (int, int)) {
	f := w.f
	src := edge.Frame{Pix: append([]byte(nil), f.Pix...), Width: f.Width, Height: f.Height, Stride: f.Stride, Format: f.Format}
	bpp := f.Format.BytesPerPixel()
	for y := range f.Height {
		row := f.Row(y)
		for x := range f.Width {
			sx, sy := from(x, y)
			sx, sy = min(max(sx, 0), (f.Width-1)*unit), min(max(sy, 0), (f.Height-1)*unit)
			x0, y0, fx, fy := sx/unit, sy/unit, sx%unit, sy%unit
			x1, top, low := min(x0+1, f.Width-1), src.Row(y0), src.Row(min(y0+1, f.Height-1))
			for c := range bpp {
				a := int(top[x0*bpp+c])*(unit-fx) + int(top[x1*bpp+c])*fx
				b := int(low[x0*bpp+c])*(unit-fx) + int(low[x1*bpp+c])*fx
				row[x*bpp+c] = byte((int64(a)*int64(unit-fy) + int64(b)*int64(fy) + unit*unit/2) / (unit * unit))
			}
		}
	}
}
