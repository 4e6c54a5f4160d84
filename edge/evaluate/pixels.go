package evaluate

import (
	"math"
	"slices"
)

// binShift of a float32's pattern sorts map values into bins: for positive
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

// cell is one occupied bin of one picture's map: good and defective places in
// it, and defective places weighted by one over the area of their region.
type cell struct {
	bin       int32
	good, bad int32
	overlap   float32
}

// truth is what one picture adds to pixel figures.
type truth struct {
	cells   []cell
	regions int
	peaks   []float64 // largest map value in each defective region
	peak    float64   // and in the whole picture
	share   float64   // of the picture that is defective
}

// binned sorts a map of w x h with its mask (true = defective; nil: all good)
// into bins; p is scratch.
func (p *pixels) binned(m []float32, mask []bool, w, h int) truth {
	var t truth
	weight := make([]float64, len(m)) // 0 where good
	if mask != nil {
		t.addRegions(m, mask, w, h, weight)
	}
	p.reset()
	for i, v := range m {
		t.peak = max(t.peak, float64(v))
		if k := bin(v); weight[i] > 0 {
			p.bad[k]++
			p.overlap[k] += weight[i]
		} else {
			p.good[k]++
		}
	}
	for k := range bins {
		if p.good[k]+p.bad[k] > 0 {
			t.cells = append(t.cells, cell{int32(k), int32(p.good[k]), int32(p.bad[k]), float32(p.overlap[k])})
		}
	}
	t.cells = slices.Clip(t.cells)
	return t
}

func (t *truth) addRegions(m []float32, mask []bool, w, h int, weight []float64) {
	marked := 0
	for _, region := range components(mask, w, h) {
		peak := float32(0)
		for _, i := range region {
			weight[i] = 1 / float64(len(region))
			peak = max(peak, m[i])
		}
		marked += len(region)
		t.regions++
		t.peaks = append(t.peaks, float64(peak))
	}
	t.share = float64(marked) / float64(w*h)
}

// pixels is the sum of pictures' bins.
type pixels struct {
	good    []int64
	bad     []int64
	overlap []float64
	regions int
}

func newPixels() *pixels {
	return &pixels{good: make([]int64, bins), bad: make([]int64, bins), overlap: make([]float64, bins)}
}

// reset empties p.
func (p *pixels) reset() {
	clear(p.good)
	clear(p.bad)
	clear(p.overlap)
	p.regions = 0
}

// add one picture.
func (p *pixels) add(t *truth) {
	p.regions += t.regions
	for _, c := range t.cells {
		p.good[c.bin] += int64(c.good)
		p.bad[c.bin] += int64(c.bad)
		p.overlap[c.bin] += float64(c.overlap)
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
