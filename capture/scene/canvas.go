package scene

// rgb is a reflectance, 0..255 a channel, linear in light.
type rgb [3]int32

// texel is what is known of a point of a product: everything that does not
// change from part to part. It is packed into 64 bits for interpolation.
type texel struct {
	color  rgb
	cover  int32 // 255 on the part, 0 where the belt shows
	shade  int32 // light that the relief catches, 128 where it is level
	gloss  int32 // share of brushed metal's highlight
	grain  int32 // strength of the surface's own texture
	shadow int32 // shadow that the part casts on the belt
}

// artwork is a product without the variation of its parts.
type artwork struct {
	side  int32    // texels a side; they span 256 nominal pixels
	texel []uint64 // packed texels, row-major
	print []uint8  // opacity of what is printed on it
	ink   rgb
}

// canvas is where an artwork is drawn, unpacked.
type canvas struct {
	side   int32
	pitch  int32 // n8 a texel
	t      []texel
	height []int32 // relief in n8
	print  []uint8
}

func newCanvas(side int32) *canvas {
	n := side * side
	return &canvas{side: side, pitch: turn / side, t: make([]texel, n), height: make([]int32, n), print: make([]uint8, n)}
}

// shape is the signed distance of (u, v) from an outline, negative inside.
type shape func(u, v int32) int32

// box bounds a shape: its centre and half its size, all n8.
type box struct{ u, v, hu, hv int32 }

// each calls fn for each texel whose centre lies in b, widened by margin.
func (c *canvas) each(b box, margin int32, fn func(i, u, v int32)) {
	lo := func(x int32) int32 { return min(max((x+turn/2)/c.pitch, 0), c.side) }
	x0, x1 := lo(b.u-b.hu-margin), lo(b.u+b.hu+margin+c.pitch)
	y0, y1 := lo(b.v-b.hv-margin), lo(b.v+b.hv+margin+c.pitch)
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			fn(y*c.side+x, x*c.pitch+c.pitch/2-turn/2, y*c.pitch+c.pitch/2-turn/2)
		}
	}
}

// coverage is the share of a texel, 0..256, that lies inside distance d.
func (c *canvas) coverage(d int32) int32 { return ramp(-d, -c.pitch/2, c.pitch/2) }

// paint lets change act on texels inside s, in proportion to the coverage w
// (0..256).
func (c *canvas) paint(b box, s shape, change func(t *texel, w int32)) {
	c.each(b, c.pitch, func(i, u, v int32) {
		if w := c.coverage(s(u, v)); w > 0 {
			change(&c.t[i], w)
		}
	})
}

// solid makes s part of the product, of one colour and finish.
func (c *canvas) solid(b box, s shape, color rgb, gloss, grain int32) {
	c.paint(b, s, func(t *texel, w int32) {
		t.cover = max(t.cover, w*255>>8)
		t.gloss, t.grain = mixed(t.gloss, gloss, w), mixed(t.grain, grain, w)
		for k := range t.color {
			if t.color[k] == 0 { // no dark seam where belt was
				t.color[k] = color[k]
			}
			t.color[k] = mixed(t.color[k], color[k], w)
		}
	})
}

// hole takes s out of the product.
func (c *canvas) hole(b box, s shape) {
	c.paint(b, s, func(t *texel, w int32) { t.cover = mixed(t.cover, 0, w) })
}

// emboss raises the inside of s by h (lowers it for h < 0) with a slope as
// wide as bevel along its outline.
func (c *canvas) emboss(b box, s shape, h, bevel int32) {
	c.each(b, bevel, func(i, u, v int32) {
		w := ramp(-s(u, v), -bevel/2, bevel/2)
		w = w * w * (768 - 2*w) >> 16 // smoothstep
		c.height[i] += h * w >> 8
	})
}

// stamp prints s.
func (c *canvas) stamp(b box, s shape) {
	c.each(b, c.pitch, func(i, u, v int32) {
		c.print[i] = uint8(max(int32(c.print[i]), c.coverage(s(u, v))*255>>8))
	})
}

// bake lights the relief from the upper left, lays the shadow and packs.
func (c *canvas) bake(ink rgb) artwork {
	shadow := c.shadow(5*one, 6*one, 4)
	a := artwork{side: c.side, texel: make([]uint64, len(c.t)), print: c.print, ink: ink}
	for y := range c.side {
		for x := range c.side {
			i := y*c.side + x
			l, r := y*c.side+max(x-1, 0), y*c.side+min(x+1, c.side-1)
			u, d := max(y-1, 0)*c.side+x, min(y+1, c.side-1)*c.side+x
			sx := (c.height[r] - c.height[l]) * 128 / c.pitch // slope, Q8
			sy := (c.height[d] - c.height[u]) * 128 / c.pitch
			t := c.t[i]
			t.shade = min(max(128+(sx*9+sy*12)*5/128, 20), 250)
			t.shadow = shadow[i]
			a.texel[i] = t.pack()
		}
	}
	return a
}

// shadow is the cover, moved by (du, dv) and softened over 2*r+1 texels twice.
func (c *canvas) shadow(du, dv, r int32) []int32 {
	s := make([]int32, len(c.t))
	ox, oy := du/c.pitch, dv/c.pitch
	for y := oy; y < c.side; y++ {
		for x := ox; x < c.side; x++ {
			s[y*c.side+x] = c.t[(y-oy)*c.side+x-ox].cover
		}
	}
	for range 2 {
		boxBlur(s, c.side, 1, c.side, r)
		boxBlur(s, c.side, c.side, 1, r)
	}
	return s
}

// boxBlur averages 2*r+1 neighbours along lines: n lines that begin lineStep
// apart, whose elements are step apart.
func boxBlur(s []int32, n, step, lineStep, r int32) {
	line := make([]int32, n)
	for l := range n {
		for i := range n {
			line[i] = s[l*lineStep+i*step]
		}
		sum := line[0] * (r + 1)
		for i := range r {
			sum += line[i]
		}
		for i := range n {
			sum += line[min(i+r, n-1)] - line[max(i-r-1, 0)]
			s[l*lineStep+i*step] = sum / (2*r + 1)
		}
	}
}

// pack puts the texel's eight values into the bytes of a word.
func (t texel) pack() uint64 {
	var w uint64
	for k, v := range [8]int32{t.color[0], t.color[1], t.color[2], t.cover, t.shade, t.gloss, t.grain, t.shadow} {
		w |= uint64(min(max(v, 0), 255)) << (8 * k)
	}
	return w
}

// Shapes.

func disc(u0, v0, r int32) (box, shape) {
	return box{u0, v0, r, r}, func(u, v int32) int32 { return hypot(u-u0, v-v0) - r }
}

// ring is a circle line of width w.
func ring(u0, v0, r, w int32) (box, shape) {
	return box{u0, v0, r + w, r + w}, func(u, v int32) int32 { return abs32(hypot(u-u0, v-v0)-r) - w/2 }
}

// plate is a rectangle of half sides hu, hv with corners of radius r.
func plate(u0, v0, hu, hv, r int32) (box, shape) {
	return box{u0, v0, hu, hv}, func(u, v int32) int32 {
		qu, qv := abs32(u-u0)-hu+r, abs32(v-v0)-hv+r
		return hypot(max(qu, 0), max(qv, 0)) + min(max(qu, qv), 0) - r
	}
}

// stroke is a line from a to b of width w with round ends.
func stroke(u0, v0, u1, v1, w int32) (box, shape) {
	du, dv := u1-u0, v1-v0
	length := max(int64(du)*int64(du)+int64(dv)*int64(dv), 1)
	b := box{(u0 + u1) / 2, (v0 + v1) / 2, abs32(du)/2 + w, abs32(dv)/2 + w}
	return b, func(u, v int32) int32 {
		t := (int64(u-u0)*int64(du) + int64(v-v0)*int64(dv)) << 12 / length
		t = min(max(t, 0), 1<<12)
		return hypot(u-u0-int32(int64(du)*t>>12), v-v0-int32(int64(dv)*t>>12)) - w/2
	}
}
