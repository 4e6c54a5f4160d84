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

// fillHeatmap sums the map of judged, a part of a frame of fw x fh pixels, up in
// edge.HeatmapSide squared cells over the frame, each the largest map value that it
// touches; 128 is the map scale. What was not looked at is 0.
func fillHeatmap(dst *edge.Heatmap, m []float64, h, w int, scale float64, judged box, fw, fh int) {
	const n = edge.HeatmapSide
	for r := range n {
		y0, y1 := span(r, h, fh, judged.y0, judged.y1)
		for c := range n {
			x0, x1 := span(c, w, fw, judged.x0, judged.x1)
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

// span returns the cells of a grid n long over pixels from lo to hi of side that heatmap row
// or column i touches; none where that lies beside them.
func span(i, n, side, lo, hi int) (from, to int) {
	of := int64(edge.HeatmapSide) * int64(hi-lo) // more than 32 bits in between
	at := func(i int) int64 { return (int64(i)*int64(side) - int64(edge.HeatmapSide*lo)) * int64(n) }
	return int(max(0, at(i)/of)), int(min((at(i+1)+of-1)/of, int64(n))) // rounded up where it is above 0
}

// regionCore is the share of its peak from which a cell belongs to a region, and down to which a
// map must fall between two peaks for the lower one to be a region of its own. A map is as wide
// as what the encoder's cells see, so around a strong defect far more of it is above the threshold
// than the defect covers.
const regionCore = 0.75

// regionFinder finds the regions of an anomaly map. It keeps its memory.
type regionFinder struct {
	h, w  int
	owner []int32 // of each cell: its hill, from 1 on; 0: none yet
	order []int32 // cells above the limit, highest first
	cells []int32 // of the set that grows
	hills []hill
}

// hill is a peak and all that falls from it.
type hill struct {
	peak, excess   float64
	core           int // cells above regionCore of the peak
	x0, y0, x1, y1 int // which lie in these
}

// find appends up to edge.MaxRegions regions of the map m, largest share of the excess first.
//
// Cells above scale are divided into hills: a peak is one of its own where the map falls below
// regionCore of it on every way to a higher one. A region's box and area are those of the cells
// around its peak that reach regionCore of it; its share is that of the whole hill. Where nothing
// is above scale but atLeastOne is asked for, cells above 0.8 of the highest are divided instead:
// a rejected part always has a place to look at.
func (f *regionFinder) find(dst []edge.Region, m []float64, scale float64, frame box, atLeastOne bool) []edge.Region {
	peak := 0.0
	for _, v := range m {
		peak = max(peak, v)
	}
	f.hills = f.hills[:0]
	limit := scale
	if peak <= limit {
		if !atLeastOne || peak == 0 {
			return dst
		}
		limit = mul(peak, 0.8)
	}
	f.divide(m, limit)
	total := 0.0
	for _, h := range f.hills {
		total += h.excess
	}
	slices.SortStableFunc(f.hills, func(a, b hill) int { return cmp.Compare(b.excess, a.excess) })
	for _, h := range f.hills[:min(len(f.hills), edge.MaxRegions)] {
		dst = append(dst, h.region(f.h, f.w, scale, total, frame))
	}
	return dst
}

// divide gives every cell of m above limit to a hill, from the highest cell down.
func (f *regionFinder) divide(m []float64, limit float64) {
	f.owner = append(f.owner[:0], make([]int32, len(m))...)
	f.order = f.order[:0]
	for i, v := range m {
		if v > limit {
			f.order = append(f.order, int32(i))
		}
	}
	slices.SortStableFunc(f.order, func(a, b int32) int { return cmp.Compare(m[b], m[a]) })
	for _, i := range f.order {
		if f.owner[i] != 0 {
			continue
		}
		to := f.grow(m, int(i), max(limit, mul(m[i], regionCore)))
		if to == 0 {
			f.hills = append(f.hills, f.hillOf(m))
			to = int32(len(f.hills))
		}
		h := &f.hills[to-1]
		for _, c := range f.cells {
			f.owner[c] = to
			h.excess += m[c] - limit
		}
	}
}

// grow collects the cells above level that nobody owns and that hang together with start,
// 8-connected, and returns the highest hill that they touch; 0 if none.
func (f *regionFinder) grow(m []float64, start int, level float64) (touched int32) {
	const own = -1
	f.cells = append(f.cells[:0], int32(start))
	f.owner[start] = own
	for n := 0; n < len(f.cells); n++ {
		x, y := int(f.cells[n])%f.w, int(f.cells[n])/f.w
		for ny := max(y-1, 0); ny <= min(y+1, f.h-1); ny++ {
			for nx := max(x-1, 0); nx <= min(x+1, f.w-1); nx++ {
				i := ny*f.w + nx
				switch o := f.owner[i]; {
				case o > 0 && (touched == 0 || o < touched):
					touched = o
				case o == 0 && m[i] > level:
					f.owner[i] = own
					f.cells = append(f.cells, int32(i))
				}
			}
		}
	}
	return touched
}

// hillOf is the hill whose core has grown, and nothing else yet.
func (f *regionFinder) hillOf(m []float64) hill {
	h := hill{peak: m[f.cells[0]], core: len(f.cells), x0: f.w, y0: f.h}
	for _, c := range f.cells {
		x, y := int(c)%f.w, int(c)/f.w
		h.x0, h.y0, h.x1, h.y1 = min(h.x0, x), min(h.y0, y), max(h.x1, x+1), max(h.y1, y+1)
	}
	return h
}

// region of frame that hill a of a map of h x w cells is, with a share of the total excess.
func (a *hill) region(h, w int, scale, total float64, frame box) edge.Region {
	fw, fh := frame.x1-frame.x0, frame.y1-frame.y0
	return edge.Region{
		Box: image.Rect(frame.x0+a.x0*fw/w, frame.y0+a.y0*fh/h,
			frame.x0+(a.x1*fw+w-1)/w, frame.y0+(a.y1*fh+h-1)/h),
		Area:  int(int64(a.core) * int64(fw) * int64(fh) / int64(w*h)), // more than 32 bits in between
		Score: a.peak / scale,
		Share: a.excess / total,
	}
}
