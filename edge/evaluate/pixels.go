package evaluate

import "math"

// binBits of a float32's pattern sort map values into bins: for positive
// values the pattern is monotone, so a bin is a range of 0.2 %.
const (
	binShift = 14
	bins     = 1 << (31 - binShift)
)

func bin(v float32) int {
	if !(v > 0) {
		return 0
	}
	return int(math.Float32bits(v) >> binShift)
}

// pixels gathers map values of good places, of defective places, and of
// defective regions weighted by one over their area.
type pixels struct {
	good    []int64
	bad     []int64
	overlap []float64
	regions int
	peaks   []float64 // largest map value in each region
}

func newPixels() *pixels {
	return &pixels{good: make([]int64, bins), bad: make([]int64, bins), overlap: make([]float64, bins)}
}

// add one picture: map and mask (true = defective; nil = all good) of w x h.
func (p *pixels) add(m []float32, mask []bool, w, h int) {
	for i, v := range m {
		if mask != nil && mask[i] {
			p.bad[bin(v)]++
		} else {
			p.good[bin(v)]++
		}
	}
	if mask == nil {
		return
	}
	for _, region := range components(mask, w, h) {
		p.regions++
		peak := float32(0)
		for _, i := range region {
			p.overlap[bin(m[i])] += 1 / float64(len(region))
			peak = max(peak, m[i])
		}
		p.peaks = append(p.peaks, float64(peak))
	}
}

// auroc over pixels, ties within a bin counted half.
func (p *pixels) auroc() float64 {
	good, bad := total(p.good), total(p.bad)
	if good == 0 || bad == 0 {
		return math.NaN()
	}
	area, below := 0.0, int64(0)
	for i := range bins {
		area += float64(p.bad[i]) * (float64(below) + float64(p.good[i])/2)
		below += p.good[i]
	}
	return area / (float64(good) * float64(bad))
}

// aupro is the area under the per-region overlap against the false-positive
// rate up to limit, over limit (Bergmann et al., MVTec AD, IJCV 2021, 5.1).
func (p *pixels) aupro(limit float64) float64 {
	good := total(p.good)
	if good == 0 || p.regions == 0 {
		return math.NaN()
	}
	area, fpr, pro, fp := 0.0, 0.0, 0.0, int64(0)
	for i := bins - 1; i >= 0; i-- {
		if p.good[i] == 0 && p.overlap[i] == 0 {
			continue
		}
		fp += p.good[i]
		f := float64(fp) / float64(good)
		o := pro + p.overlap[i]/float64(p.regions)
		if f >= limit {
			part := 1.0
			if f > fpr {
				part = (limit - fpr) / (f - fpr)
			}
			return (area + (limit-fpr)*(pro+pro+part*(o-pro))/2) / limit
		}
		area += (f - fpr) * (o + pro) / 2
		fpr, pro = f, o
	}
	return (area + (limit-fpr)*pro) / limit
}

func total(v []int64) int64 {
	n := int64(0)
	for _, x := range v {
		n += x
	}
	return n
}

// components returns the 8-connected areas of mask as lists of indices.
func components(mask []bool, w, h int) [][]int {
	seen := make([]bool, len(mask))
	var out [][]int
	for start, on := range mask {
		if !on || seen[start] {
			continue
		}
		seen[start] = true
		area := []int{start}
		for next := 0; next < len(area); next++ {
			x, y := area[next]%w, area[next]/w
			for ny := max(0, y-1); ny <= min(h-1, y+1); ny++ {
				for nx := max(0, x-1); nx <= min(w-1, x+1); nx++ {
					if i := ny*w + nx; mask[i] && !seen[i] {
						seen[i] = true
						area = append(area, i)
					}
				}
			}
		}
		out = append(out, area)
	}
	return out
}

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
