package lite0

// Picture is an RGB picture, three bytes a pixel, rows without gaps.
type Picture struct {
	W, H int
	RGB  []byte
}

// Input of the network for the picture.
func (p Picture) Input() Map { return Input(p.RGB, p.W, p.H) }

// Draw makes a picture from a seed, in integers only, so that it is the same
// everywhere: gradients, cloud noise, overlapping leaves of colour (whose edges
// and sizes follow the statistics of photographs; Lee, Mumford and Huang 2001),
// stripes, marks like print, brushed metal with scratches, circuit-like
// traces, and a part on a belt. Eight seeds in a row give the eight kinds.
func Draw(seed uint64, w, h int) Picture {
	c := &canvas{Picture{w, h, make([]byte, 3*w*h)}, random(seed)}
	kinds := [...]func(*canvas){
		(*canvas).gradient, (*canvas).clouds, (*canvas).leaves, (*canvas).stripes,
		(*canvas).print, (*canvas).metal, (*canvas).circuit, (*canvas).part,
	}
	kinds[seed%uint64(len(kinds))](c)
	c.finish()
	return c.Picture
}

// random is SplitMix64 (Steele, Lea and Flood 2014).
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// between returns a number from lo to hi, both included.
func (r *random) between(lo, hi int) int { return lo + int(r.next()>>32%uint64(hi-lo+1)) }

func (r *random) one(in int) bool { return r.between(1, in) == 1 }

type colour [3]int

func (r *random) colour() colour {
	c := colour{r.between(0, 255), r.between(0, 255), r.between(0, 255)}
	grey := colour{c[0], c[0], c[0]}
	return mix(grey, c, 256/r.between(1, 6)) // mostly muted, as things are
}

type canvas struct {
	Picture
	r random
}

func (c *canvas) set(x, y int, v colour) {
	if x < 0 || y < 0 || x >= c.W || y >= c.H {
		return
	}
	p := c.RGB[3*(y*c.W+x):]
	for i := range v {
		p[i] = byte(min(max(v[i], 0), 255))
	}
}

// each sets every pixel of the box, cut to the picture.
func (c *canvas) each(x0, y0, x1, y1 int, f func(x, y int) (colour, bool)) {
	for y := max(y0, 0); y < min(y1, c.H); y++ {
		for x := max(x0, 0); x < min(x1, c.W); x++ {
			if v, ok := f(x, y); ok {
				c.set(x, y, v)
			}
		}
	}
}

func (c *canvas) fill(f func(x, y int) colour) {
	c.each(0, 0, c.W, c.H, func(x, y int) (colour, bool) { return f(x, y), true })
}

func (c *canvas) box(x, y, w, h int, v colour) {
	c.each(x, y, x+w, y+h, func(int, int) (colour, bool) { return v, true })
}

// disc is an ellipse with half axes a and b.
func (c *canvas) disc(cx, cy, a, b int, f func(x, y int) colour) {
	c.each(cx-a, cy-b, cx+a+1, cy+b+1, func(x, y int) (colour, bool) {
		dx, dy := (x-cx)*b, (y-cy)*a
		if dx*dx+dy*dy > a*a*b*b {
			return colour{}, false
		}
		return f(x, y), true
	})
}

// line is thick in x and y alike.
func (c *canvas) line(x0, y0, x1, y1, thick int, v colour) {
	n := max(abs(x1-x0), abs(y1-y0), 1)
	for i := range n + 1 {
		c.box(x0+(x1-x0)*i/n, y0+(y1-y0)*i/n, thick, thick, v)
	}
}

func abs(v int) int { return max(v, -v) }

// mix returns a*(256-t)/256 + b*t/256.
func mix(a, b colour, t int) colour {
	for i := range a {
		a[i] += (b[i] - a[i]) * t / 256
	}
	return a
}

// noise is value noise with the given cell, 0..255, smooth between lattice
// points.
func noise(seed uint64, x, y, cell int) int {
	ix, iy := x/cell, y/cell
	at := func(i, j int) int {
		r := random(seed ^ uint64(i)*0x8da6b343 ^ uint64(j)*0xd8163841)
		return int(r.next() >> 56)
	}
	ease := func(v int) int { t := v % cell * 256 / cell; return t * t * (768 - 2*t) >> 16 }
	tx, ty := ease(x), ease(y)
	top := at(ix, iy)*(256-tx) + at(ix+1, iy)*tx
	low := at(ix, iy+1)*(256-tx) + at(ix+1, iy+1)*tx
	return (top*(256-ty) + low*ty) >> 16
}

// cloud sums octaves of noise from cell down to finest, each half as strong as
// the one before; 0..255.
func cloud(seed uint64, x, y, cell, finest int) int {
	sum, weight, w := 0, 0, 128
	for ; cell >= finest && w > 0; cell, w = cell/2, w/2 {
		sum += w * noise(seed+uint64(cell), x, y, cell)
		weight += w
	}
	return sum / max(weight, 1)
}

func (c *canvas) gradient() {
	a, b := c.r.colour(), c.r.colour()
	gx, gy, bend := c.r.between(-100, 100), c.r.between(-100, 100), c.r.between(0, 1)
	c.fill(func(x, y int) colour {
		t := 128 + gx*(2*x-c.W)/c.W + gy*(2*y-c.H)/c.H + bend*(x-c.W/2)*(y-c.H/2)*256/(c.W*c.H)
		return mix(a, b, min(max(t, 0), 256))
	})
	for range c.r.between(0, 6) {
		v := c.r.colour()
		c.disc(c.r.between(0, c.W), c.r.between(0, c.H), c.r.between(1, c.W/5), c.r.between(1, c.H/5), func(int, int) colour { return v })
	}
}

func (c *canvas) clouds() {
	s := [3]uint64{c.r.next(), c.r.next(), c.r.next()}
	if c.r.one(2) {
		s[1], s[2] = s[0], s[0]
	}
	cell, finest, gain := 1<<c.r.between(3, 7), 1<<c.r.between(0, 2), c.r.between(64, 512)
	c.fill(func(x, y int) (v colour) {
		for i := range v {
			v[i] = 128 + (cloud(s[i], x, y, cell, finest)-128)*gain/128
		}
		return v
	})
}

// leaves are discs and boxes whose sizes fall off as the inverse cube.
func (c *canvas) leaves() {
	for range c.r.between(300, 900) {
		a, b, seed := c.r.colour(), c.r.colour(), c.r.next()
		u := c.r.between(1, 255)
		size := min(3+(c.W+c.H)*16/(u*u+60), c.W)
		cell, rough := c.r.between(2, 40), c.r.between(0, 256)
		texture := func(x, y int) colour { return mix(a, b, noise(seed, x, y, cell)*rough/256) }
		x, y := c.r.between(0, c.W), c.r.between(0, c.H)
		if c.r.one(3) {
			c.each(x, y, x+size, y+c.r.between(1, size), func(x, y int) (colour, bool) { return texture(x, y), true })
		} else {
			c.disc(x, y, size, c.r.between(1+size/3, 1+size), texture)
		}
	}
}

func (c *canvas) stripes() {
	a, b := c.r.colour(), c.r.colour()
	px, py := c.r.between(-8, 8), c.r.between(-8, 8)
	period, soft, check := c.r.between(24, 400), c.r.one(2), c.r.one(3)
	c.fill(func(x, y int) colour {
		t := ((x*px+y*py)%period + period) % period * 512 / period
		if check {
			t = (t + ((x*py-y*px)%period+period)%period*512/period) % 512
		}
		t = abs(t - 256)
		if !soft {
			t = t / 128 * 256
		}
		return mix(a, b, min(t, 256))
	})
}

func (c *canvas) print() {
	paper, ink := c.r.colour(), c.r.colour()
	c.box(0, 0, c.W, c.H, paper)
	size := c.r.between(5, 24)
	for y := c.r.between(0, size); y < c.H; y += size * c.r.between(12, 20) / 8 {
		for x := c.r.between(0, 3*size); x < c.W; x += size * c.r.between(7, 12) / 8 {
			if c.r.one(6) {
				continue // a space
			}
			for range c.r.between(2, 4) {
				c.line(x+c.r.between(0, size*5/8), y+c.r.between(0, size), x+c.r.between(0, size*5/8), y+c.r.between(0, size), max(size/8, 1), ink)
			}
		}
	}
}

func (c *canvas) metal() {
	base, seed, grain := c.r.between(50, 200), c.r.next(), c.r.between(1, 60)
	length, shade := c.r.between(4, 60), c.r.next()
	c.fill(func(x, y int) colour {
		v := base + (noise(seed, x+length*y*97, y*31, length)-128)*grain/128 + (noise(shade, x, y, 90)-128)/4
		return colour{v, v, v}
	})
	for range c.r.between(0, 12) {
		x, y, v := c.r.between(0, c.W), c.r.between(0, c.H), base+c.r.between(-90, 90)
		c.line(x, y, x+c.r.between(-50, 50), y+c.r.between(-50, 50), c.r.between(1, 3), colour{v, v, v})
	}
	for range c.r.between(0, 8) {
		v := base - c.r.between(0, 100)
		c.disc(c.r.between(0, c.W), c.r.between(0, c.H), c.r.between(1, 12), c.r.between(1, 12), func(int, int) colour { return colour{v, v, v} })
	}
}

func (c *canvas) circuit() {
	board, trace := c.r.colour(), c.r.colour()
	c.box(0, 0, c.W, c.H, board)
	pitch := c.r.between(8, 24)
	for range c.W * c.H / (pitch * pitch * 3) {
		x, y := c.r.between(0, c.W/pitch)*pitch, c.r.between(0, c.H/pitch)*pitch
		n, thick := c.r.between(1, 8)*pitch, c.r.between(2, max(pitch/2, 3))
		d := [...][2]int{{1, 0}, {0, 1}, {1, 1}, {-1, 1}}[c.r.between(0, 3)]
		c.line(x, y, x+d[0]*n, y+d[1]*n, thick, trace)
		pad := c.r.between(2, pitch/2+2)
		c.disc(x, y, pad, pad, func(int, int) colour { return trace })
		if c.r.one(2) {
			c.disc(x, y, pad/3, pad/3, func(int, int) colour { return board })
		}
	}
}

func (c *canvas) part() {
	if c.r.one(2) {
		c.metal()
	} else {
		c.clouds()
	}
	a, b, seed := c.r.colour(), c.r.colour(), c.r.next()
	cell, rough := c.r.between(2, 60), c.r.between(0, 200)
	texture := func(x, y int) colour { return mix(a, b, noise(seed, x, y, cell)*rough/256) }
	cx, cy := c.W/2+c.r.between(-c.W/8, c.W/8), c.H/2+c.r.between(-c.H/8, c.H/8)
	rx, ry := c.r.between(c.W/8, c.W/2-4), c.r.between(c.H/8, c.H/2-4)
	c.disc(cx+6, cy+6, rx, ry, func(int, int) colour { return colour{20, 20, 20} })
	c.disc(cx, cy, rx, ry, texture)
	for range c.r.between(1, 8) {
		v := c.r.colour()
		x, y := cx+c.r.between(-rx, rx)*2/3, cy+c.r.between(-ry, ry)*2/3
		if c.r.one(2) {
			c.box(x, y, c.r.between(2, 30), c.r.between(2, 30), v)
		} else {
			c.disc(x, y, c.r.between(2, 16), c.r.between(2, 16), func(int, int) colour { return v })
		}
	}
}

// finish does what a camera does: light, blur, noise, sometimes no colour.
func (c *canvas) finish() {
	if c.r.one(3) {
		for i := 0; i < len(c.RGB); i += 3 {
			g := (int(c.RGB[i])*77 + int(c.RGB[i+1])*150 + int(c.RGB[i+2])*29) >> 8
			c.RGB[i], c.RGB[i+1], c.RGB[i+2] = byte(g), byte(g), byte(g)
		}
	}
	for range c.r.between(0, 2) {
		c.blur()
	}
	gain, lift, grain := c.r.between(96, 300), c.r.between(-30, 30), c.r.between(0, 12)
	for i, v := range c.RGB {
		n := c.r.between(-grain, grain) + c.r.between(-grain, grain)
		c.RGB[i] = byte(min(max(128+(int(v)-128)*gain/256+lift+n, 0), 255))
	}
}

// blur is 1-2-1 along rows and columns.
func (c *canvas) blur() {
	for _, step := range [...]int{3, 3 * c.W} {
		old := append([]byte(nil), c.RGB...)
		for i := step; i+step < len(old); i++ {
			c.RGB[i] = byte((int(old[i-step]) + 2*int(old[i]) + int(old[i+step]) + 2) / 4)
		}
	}
}

// Drawings returns n drawings from the seed on, in the sizes and shapes that
// recipes use.
func Drawings(seed uint64, n int) []Picture {
	sizes := [...][2]int{{224, 224}, {256, 192}, {192, 256}}
	out := make([]Picture, n)
	parallel(n, func(i int) {
		s := sizes[i%len(sizes)]
		out[i] = Draw(seed+uint64(i), s[0], s[1])
	})
	return out
}
