package drift

import "math"

// Cells of the grid that pictures are summed up in, and its inner part, which
// stays inside the picture when it is shifted.
const (
	grid  = 16
	inner = grid - 2
	cells = inner * inner * 3
)

// picture is one int8 NHWC input of three channels with its grey copy. Its memory
// is used again.
type picture struct {
	w, h   int
	input  []byte
	grey   []int16 // (R+2G+B)/4, 0..255
	column []int32 // sums of one half
}

func newPicture(w, h int) *picture {
	return &picture{w: w, h: h, grey: make([]int16, w*h), column: make([]int32, w)}
}

// set takes input, which stays the caller's and must not change while it is measured.
func (p *picture) set(input []byte) {
	p.input = input
	in := input[:3*len(p.grey)]
	for i := range p.grey {
		q := in[3*i : 3*i+3 : 3*i+3]
		p.grey[i] = (int16(q[0]^0x80) + 2*int16(q[1]^0x80) + int16(q[2]^0x80)) >> 2
	}
}

// profiles are the sums of contrast across each column and row, in halves: of
// columns the upper and lower half of the picture, of rows the left and right one.
type profiles struct {
	columns [2][]float64 // w each
	rows    [2][]float64 // h each
}

func newProfiles(w, h int) profiles {
	var p profiles
	for i := range 2 {
		p.columns[i], p.rows[i] = make([]float64, w), make([]float64, h)
	}
	return p
}

// profile fills dst from every second row, for columns, and every second column.
func (p *picture) profile(dst *profiles) {
	w, h := p.w, p.h
	for half := range 2 {
		clear(p.column)
		for y := half*h/2 | 1; y < min(h-1, (half+1)*h/2); y += 2 {
			row := p.grey[y*w:][:w]
			col := p.column[:w]
			for x := 1; x < len(row)-1; x++ {
				d := int32(row[x+1] - row[x-1])
				col[x] += max(d, -d)
			}
		}
		for x, v := range p.column {
			dst.columns[half][x] = float64(v)
		}
	}
	for y := 1; y < h-1; y++ {
		up, low := p.grey[(y-1)*w:][:w], p.grey[(y+1)*w:][:w]
		dst.rows[0][y], dst.rows[1][y] = float64(unevenness(up[:w/2], low[:w/2])), float64(unevenness(up[w/2:], low[w/2:]))
	}
}

// unevenness sums the differences of every second sample.
func unevenness(a, b []int16) int32 {
	b = b[:len(a)]
	s := int32(0)
	for x := 0; x < len(a); x += 2 {
		d := int32(b[x] - a[x])
		s += max(d, -d)
	}
	return s
}

// offset of cur against ref, in samples, within lo..hi and to a fraction: where
// their correlation is largest (and a parabola through its neighbours). Flat
// profiles have offset 0. Both are compared over ref's middle, margin away from
// its ends, so margin must be at least |lo| and |hi|.
func offset(ref, cur []float64, lo, hi, margin int) float64 {
	n := len(ref)
	r := ref[margin : n-margin]
	var best, at float64 = math.Inf(-1), 0
	var around [3]float64 // correlation before, at and behind the best
	last := math.Inf(-1)
	for lag := lo; lag <= hi; lag++ {
		c := correlation(r, cur[margin+lag:n-margin+lag])
		if c > best {
			best, at = c, float64(lag)
			around = [3]float64{last, c, math.Inf(-1)}
		} else if at == float64(lag-1) {
			around[2] = c
		}
		last = c
	}
	if math.IsInf(best, -1) || math.IsInf(around[0], -1) || math.IsInf(around[2], -1) {
		return max(at, float64(lo))
	}
	if curve := around[0] - 2*around[1] + around[2]; curve < 0 {
		at += 0.5 * (around[0] - around[2]) / curve
	}
	return at
}

// correlation is Pearson's, or minus infinity where one of both is flat.
func correlation(a, b []float64) float64 {
	b = b[:len(a)]
	var sa, sb, saa, sbb, sab float64
	for i, v := range a {
		u := b[i]
		sa += v
		sb += u
		saa += v * v
		sbb += u * u
		sab += v * u
	}
	n := float64(len(a))
	va, vb := saa-sa*sa/n, sbb-sb*sb/n
	if va <= 1e-6*saa || vb <= 1e-6*sbb {
		return math.Inf(-1)
	}
	return (sab - sa*sb/n) / math.Sqrt(va*vb)
}

// margin that profiles of n samples are shifted within.
func margin(n int) int { return min(24, n/10) }

// pose of the part in cur against ref: pixels right and down, degrees clockwise.
// whole are ref's profiles with their halves added up, sum is room for cur's.
func pose(ref, cur *profiles, whole, sum *[2][]float64) (dx, dy, turn float64) {
	add(sum[0], cur.columns[0], cur.columns[1])
	add(sum[1], cur.rows[0], cur.rows[1])
	w, h := len(sum[0]), len(sum[1])
	mx, my := margin(w), margin(h)
	dx = offset(whole[0], sum[0], -mx, mx, mx)
	dy = offset(whole[1], sum[1], -my, my, my)
	near := func(ref, cur []float64, at float64, m int) float64 {
		c := int(math.Round(at))
		return offset(ref, cur, max(-m, c-3), min(m, c+3), m)
	}
	upper, lower := near(ref.columns[0], cur.columns[0], dx, mx), near(ref.columns[1], cur.columns[1], dx, mx)
	left, rite := near(ref.rows[0], cur.rows[0], dy, my), near(ref.rows[1], cur.rows[1], dy, my)
	slope := (rite-left)/float64(w) - (lower-upper)/float64(h) // twice the mean of both, over half a side
	return dx, dy, slope * 180 / math.Pi
}

func add(dst, a, b []float64) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// cellsAt sums the picture up in the inner cells of the grid, shifted by (dx, dy)
// pixels: means, three channels, 0..255. Every second row counts.
func (p *picture) cellsAt(dx, dy int, dst []float32) {
	w, h := p.w, p.h
	for cy := range inner {
		y0, y1 := (cy+1)*h/grid+dy, (cy+2)*h/grid+dy
		for cx := range inner {
			x0, x1 := (cx+1)*w/grid+dx, (cx+2)*w/grid+dx
			var r, g, b, n int32
			for y := max(y0, 0); y < min(y1, h); y += 2 {
				row := p.input[3*(y*w+max(x0, 0)) : 3*(y*w+min(x1, w))]
				for len(row) >= 3 {
					r, g, b = r+int32(row[0]^0x80), g+int32(row[1]^0x80), b+int32(row[2]^0x80)
					row = row[3:]
					n++
				}
			}
			k := 1 / float32(max(n, 1))
			d := dst[3*(cy*inner+cx):][:3]
			d[0], d[1], d[2] = float32(r)*k, float32(g)*k, float32(b)*k
		}
	}
}

// reach is how far from a pixel sharpAt looks.
const reach = 3

// sharpAt is the logarithm of fine over coarse contrast energy at the pixels of
// edges, moved by (dx, dy): blur takes fine contrast first; gain takes none.
func (p *picture) sharpAt(edges []int32, dx, dy int) float64 {
	w, h := p.w, p.h
	var fine, coarse int64
	move := int32(dy*w + dx)
	lo, hi := int32(reach*w+reach), int32((h-reach)*w-reach)
	for _, e := range edges {
		i := e + move
		if i < lo || i >= hi {
			continue
		}
		c := 2 * int32(p.grey[i])
		fx := c - int32(p.grey[i-1]) - int32(p.grey[i+1])
		fy := c - int32(p.grey[i-int32(w)]) - int32(p.grey[i+int32(w)])
		gx := int32(p.grey[i+reach]) - int32(p.grey[i-reach])
		gy := int32(p.grey[i+int32(reach*w)]) - int32(p.grey[i-int32(reach*w)])
		fine += int64(fx*fx + fy*fy)
		coarse += int64(gx*gx + gy*gy)
	}
	return math.Log(float64(fine+1) / float64(coarse+1))
}
