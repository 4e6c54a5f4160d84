package evaluate

import "math"

// PixelSide is the side of the square in which maps and masks are compared.
const PixelSide = 256

// blurSigma of the Gaussian that a map is smoothed with once it is enlarged,
// in pixels of PixelSide.
const blurSigma = 4

// Enlarge brings a map of h x w cells to PixelSide squared: bilinear, then a
// Gaussian of blurSigma, edges repeated.
func Enlarge(m []float64, h, w int) []float32 {
	big := make([]float32, PixelSide*PixelSide)
	for y := range PixelSide {
		y0, y1, fy := between(y, h)
		for x := range PixelSide {
			x0, x1, fx := between(x, w)
			top := m[y0*w+x0]*(1-fx) + m[y0*w+x1]*fx
			low := m[y1*w+x0]*(1-fx) + m[y1*w+x1]*fx
			big[y*PixelSide+x] = float32(top*(1-fy) + low*fy)
		}
	}
	return gauss(gauss(big, 1, PixelSide), PixelSide, 1)
}

func between(i, n int) (a, b int, f float64) {
	p := (float64(i)+0.5)*float64(n)/PixelSide - 0.5
	p = min(max(p, 0), float64(n-1))
	a = int(p)
	return a, min(a+1, n-1), p - float64(a)
}

// gauss filters lines whose neighbours are step apart; lines start lineStep apart.
func gauss(m []float32, step, lineStep int) []float32 {
	const radius = 4 * blurSigma
	var k [2*radius + 1]float32
	sum := float32(0)
	for i := range k {
		d := float64(i-radius) / blurSigma
		k[i] = float32(math.Exp(-d * d / 2))
		sum += k[i]
	}
	out := make([]float32, len(m))
	for line := range PixelSide {
		for i := range PixelSide {
			v := float32(0)
			for j, c := range k {
				v += c * m[line*lineStep+min(max(i+j-radius, 0), PixelSide-1)*step]
			}
			out[line*lineStep+i*step] = v / sum
		}
	}
	return out
}
