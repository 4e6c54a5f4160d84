package infer

import (
	"cmp"
	"image"
	"math"
	"slices"

	"winnow/edge"
)

// box is a rectangle of frame pixels.
type box struct{ x0, y0, x1, y1 int }

// fillHeatmap sums the map up in edge.HeatmapSide squared cells, each the
// largest map value that it touches; 128 is the map scale.
func fillHeatmap(dst *edge.Heatmap, m []float64, h, w int, scale float64) {
	const n = edge.HeatmapSide
	for r := range n {
		y0, y1 := span(r, h)
		for c := range n {
			x0, x1 := span(c, w)
			peak := 0.0
			for y := y0; y < y1; y++ {
				for x := x0; x < x1; x++ {
					peak = max(peak, m[y*w+x])
				}
			}
			dst[r*n+c] = uint8(min(255, math.Floor(mul(peak/scale, 128)+0.5)))
		}
	}
}

// span returns the cells of a grid n long that heatmap row or column i touches.
func span(i, n int) (from, to int) {
	from = i * n / edge.HeatmapSide
	to = ((i+1)*n + edge.HeatmapSide - 1) / edge.HeatmapSide
	return from, max(to, from+1)
}

// regionFinder finds connected areas of an anomaly map. It keeps its memory.
type regionFinder struct {
	h, w  int
	label []bool
	stack []int
}

// find appends up to edge.MaxRegions regions of cells above scale, 8-connected,
// largest share of the excess first. Where nothing is above it but atLeastOne
// is asked for, the region around the peak is given instead: a rejected part
// always has a place to look at.
func (f *regionFinder) find(dst []edge.Region, m []float64, scale float64, frame box, atLeastOne bool) []edge.Region {
	peak := 0.0
	for _, v := range m {
		peak = max(peak, v)
	}
	limit := scale
	if peak <= limit {
		if !atLeastOne || peak == 0 {
			return dst
		}
		limit = mul(peak, 0.8)
	}
	f.label = append(f.label[:0], make([]bool, len(m))...)
	total := 0.0
	for i, v := range m {
		if v > limit && !f.label[i] {
			r, excess := f.grow(m, i, limit, scale, frame)
			total += excess
			r.Share = excess
			dst = append(dst, r)
		}
	}
	for i := range dst {
		dst[i].Share /= total
	}
	slices.SortStableFunc(dst, func(a, b edge.Region) int { return cmp.Compare(b.Share, a.Share) })
	return dst[:min(len(dst), edge.MaxRegions)]
}

// grow collects the region that cell start belongs to.
func (f *regionFinder) grow(m []float64, start int, limit, scale float64, frame box) (edge.Region, float64) {
	x0, y0, x1, y1 := f.w, f.h, 0, 0
	cells, peak, excess := 0, 0.0, 0.0
	f.stack = append(f.stack[:0], start)
	f.label[start] = true
	for len(f.stack) > 0 {
		i := f.stack[len(f.stack)-1]
		f.stack = f.stack[:len(f.stack)-1]
		x, y := i%f.w, i/f.w
		x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
		cells++
		peak = max(peak, m[i])
		excess += m[i] - limit
		f.push(m, x, y, limit)
	}
	fw, fh := frame.x1-frame.x0, frame.y1-frame.y0
	return edge.Region{
		Box: image.Rect(frame.x0+x0*fw/f.w, frame.y0+y0*fh/f.h,
			frame.x0+(x1*fw+f.w-1)/f.w, frame.y0+(y1*fh+f.h-1)/f.h),
		Area:  cells * fw * fh / (f.w * f.h),
		Score: peak / scale,
	}, excess
}

func (f *regionFinder) push(m []float64, x, y int, limit float64) {
	for ny := max(y-1, 0); ny <= min(y+1, f.h-1); ny++ {
		for nx := max(x-1, 0); nx <= min(x+1, f.w-1); nx++ {
			if i := ny*f.w + nx; !f.label[i] && m[i] > limit {
				f.label[i] = true
				f.stack = append(f.stack, i)
			}
		}
	}
}
