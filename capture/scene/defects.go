package scene

import "image"

// scar is what a defect is drawn with.
type scar struct {
	paint *painter
	look  *look
	dice  *dice
	grade int32 // 0 small, 1 medium, 2 large
}

// drawers draw each kind of defect over a finished part.
var drawers = map[Kind]func(*scar){
	Scratch: drawScratch, Dent: drawDent, Stain: drawStain, Missing: drawMissing,
	Chip: drawChip, Crack: drawCrack, Particle: drawParticle, Misprint: drawMisprint,
}

// pick is the value for the defect's grade.
func (s *scar) pick(small, medium, large int32) int32 {
	return [3]int32{small, medium, large}[s.grade]
}

// vary is v give or take percent.
func (s *scar) vary(v, percent int32) int32 { return v + s.dice.around(max(v*percent/100, 1)) }

// spot finds a place on the part, n8 in its own frame, that is covered for r
// around.
func (s *scar) spot(r int32) (u, v int32) {
	for range 200 {
		u, v = s.dice.under(200*one)-100*one, s.dice.under(200*one)-100*one
		if s.covered(u, v, r) {
			break
		}
	}
	return u, v
}

func (s *scar) covered(u, v, r int32) bool {
	for _, p := range [5][2]int32{{0, 0}, {r, 0}, {-r, 0}, {0, r}, {0, -r}} {
		if s.paint.prod.full.at(u+p[0], v+p[1])>>24&255 < 250 {
			return false
		}
	}
	return true
}

// camera is where the point (u, v) of the part appears, in n8 from the
// picture's centre.
func (s *scar) camera(u, v int32) (int32, int32) {
	x, y := rotate(u, v, s.look.cos, s.look.sin)
	return x + s.look.du, y + s.look.dv
}

// area is the pixels within half sides hx, hy of the camera point (x, y).
func (s *scar) area(x, y, hx, hy int32) image.Rectangle {
	w, h := int64(s.paint.w), int64(s.paint.h)
	px := func(n int32) int { return int((int64(n)*w/(turn/2) + w) / 2) }
	py := func(n int32) int { return int((int64(n)*w/(turn/2) + h) / 2) }
	return image.Rect(px(x-hx)-1, py(y-hy)-1, px(x+hx)+2, py(y+hy)+2).Intersect(image.Rect(0, 0, int(w), int(h)))
}

// over calls change for each pixel of r, with the pixel's place in n8.
func (s *scar) over(r image.Rectangle, change func(x, y int32, px []uint16)) {
	for y := int32(r.Min.Y); y < int32(r.Max.Y); y++ {
		for x := int32(r.Min.X); x < int32(r.Max.X); x++ {
			nx, ny := s.paint.nominal(x, y)
			i := 3 * (y*s.paint.w + x)
			change(nx, ny, s.paint.lin[i:i+3])
		}
	}
}

// at is the light at a camera point.
func (s *scar) at(x, y int32) rgb {
	r := s.area(x, y, 0, 0)
	i := 3 * (int32(r.Min.Y)*s.paint.w + int32(r.Min.X))
	px := s.paint.lin[i : i+3]
	return rgb{int32(px[0]), int32(px[1]), int32(px[2])}
}

func contrast(a, b rgb) int32 {
	return abs32(a[0]-b[0]) + abs32(a[1]-b[1]) + abs32(a[2]-b[2])
}

// toward moves a pixel towards c by w/256.
func toward(px []uint16, c rgb, w int32) {
	for k := range px {
		px[k] = uint16(min(max(mixed(int32(px[k]), c[k], w), 0), white))
	}
}

// scale multiplies a pixel by m/256 a channel, in proportion to w/256.
func scale(px []uint16, m rgb, w int32) {
	for k := range px {
		v := int32(px[k])
		px[k] = uint16(min(mixed(v, v*m[k]>>8, w), white))
	}
}

// pen draws a polyline of camera points with a width that tapers to its ends.
func (s *scar) pen(points [][2]int32, width int32, ink func(px []uint16, w int32)) {
	for i := range len(points) - 1 {
		a, b := points[i], points[i+1]
		bx, line := stroke(a[0], a[1], b[0], b[1], 0)
		w := width * (3 + int32(min(i, len(points)-2-i))) / 5
		w = min(w, width)
		half := w/2 + 128
		s.over(s.area(bx.u, bx.v, bx.hu+w+one, bx.hv+w+one), func(x, y int32, px []uint16) {
			if d := line(x, y); d < half+128 {
				ink(px, ramp(-d, -half-64, -half+192))
			}
		})
	}
}

func drawScratch(s *scar) {
	length := s.vary(s.pick(16, 28, 62)*one, 15)
	width := s.pick(270, 300, 340)
	u, v := s.spot(length / 3)
	a := s.dice.under(turn)
	bend := s.dice.around(turn / 24)
	n := int32(7)
	var points, edge [][2]int32
	u, v = u-int32(int64(cosine(a))*int64(length/2)>>14), v-int32(int64(sine(a))*int64(length/2)>>14)
	for range n + 1 {
		x, y := s.camera(u, v)
		points = append(points, [2]int32{x, y})
		edge = append(edge, [2]int32{x + one, y + one})
		du, dv := rotate(length/n, 0, cosine(a), sine(a))
		u, v, a = u+du, v+dv, a+bend/n
	}
	light := s.pick(2300, 2500, 2700)
	s.pen(edge, width, func(px []uint16, w int32) { scale(px, rgb{110, 110, 110}, w) })
	s.pen(points, width, func(px []uint16, w int32) {
		toward(px, rgb{int32(px[0]) + light, int32(px[1]) + light, int32(px[2]) + light}, w*3/4)
	})
}

func drawDent(s *scar) {
	r := s.vary(s.pick(1050, 1700, 2900), 12)
	u, v := s.spot(r)
	cx, cy := s.camera(u, v)
	depth := s.pick(205, 215, 225)
	s.over(s.area(cx, cy, 2*r, 2*r), func(x, y int32, px []uint16) {
		dx, dy := x-cx, y-cy
		d := hypot(dx, dy)
		if d >= 2*r {
			return
		}
		// The side away from the lamp catches the light; its slope is steepest
		// at half the radius.
		w := ramp(2*r-d, 0, r)
		slope := int32(int64(dx+dy) * 181 / int64(r)) // Q8, 256 at the rim along the light
		f := 256 + slope*depth>>8*w>>8 - w*28>>8
		scale(px, rgb{f, f, f}, 256)
	})
}

func drawStain(s *scar) {
	r := s.vary(s.pick(1100, 1800, 3300), 12)
	u, v := s.spot(r / 2)
	cx, cy := s.camera(u, v)
	gu, gv := s.dice.under(1<<16), s.dice.under(1<<16)
	tints := []rgb{{150, 116, 80}, {96, 92, 92}, {190, 128, 60}}
	tint := tints[s.dice.under(int32(len(tints)))]
	strength := s.pick(240, 225, 210)
	p := s.paint
	s.over(s.area(cx, cy, 2*r, 2*r), func(x, y int32, px []uint16) {
		g := int32(p.mat.grain[p.cell((y-cy)/2+gv)*beltSide+p.cell((x-cx)/2+gu)]) - 128
		d := hypot(x-cx, y-cy) + g*r>>7
		w := ramp(r-d, -one, one)
		rim := 256 + ramp(d-r, -one*2, 0)>>2 // stains dry darker at the rim
		scale(px, tint, min(w*strength>>8*rim>>8, 256))
	})
}

// drawMissing leaves a feature out, or makes it too small.
func drawMissing(s *scar) {
	f := s.paint.prod.features
	b := f[s.dice.under(int32(len(f)))]
	shrink := int32(0)
	switch s.grade {
	case 0:
		b = f[s.dice.under(int32(min(len(f), 3)))]
		shrink = s.vary(160, 5)
	case 1:
		b = f[s.dice.under(int32(min(len(f), 5)))]
		shrink = s.vary(120, 8)
	}
	b.hu, b.hv = b.hu+3*one, b.hv+3*one
	s.redraw(b, &twist{blank: &b, shrink: shrink})
}

// redraw paints the surroundings of a box of the part again under t.
func (s *scar) redraw(b box, t *twist) {
	x, y := s.camera(b.u, b.v)
	// A rotated box reaches further by a sixteenth of its other side.
	s.paint.paint(s.area(x, y, b.hu+b.hv/16+one, b.hv+b.hu/16+one), s.look, t)
}

// drawChip breaks a piece out of the outline.
func drawChip(s *scar) {
	rim := s.paint.prod.rim
	at := rim[s.dice.under(int32(len(rim)))]
	r := s.vary(s.pick(1600, 2300, 3200), 10)
	gu, gv := s.dice.under(1<<16), s.dice.under(1<<16)
	p := s.paint
	left := func(u, v int32) int32 {
		g := int32(p.mat.grain[p.cell((v-at.v)+gv)*beltSide+p.cell((u-at.u)+gu)]) - 128
		return ramp(hypot(u-at.u, v-at.v)+g*r>>8-r, -one/2, one/2)
	}
	b := box{at.u, at.v, 2 * r, 2 * r}
	s.redraw(b, &twist{outside: left, bounds: b})
	cx, cy := s.camera(at.u, at.v)
	s.over(s.area(cx, cy, 2*r, 2*r), func(x, y int32, px []uint16) { // the bright face of the break
		ru, rv := rotate(x-cx, y-cy, s.look.cos, -s.look.sin)
		u, v := at.u+ru, at.v+rv
		if int32(p.prod.full.at(u, v)>>24&255) < 200 {
			return
		}
		g := int32(p.mat.grain[p.cell((v-at.v)+gv)*beltSide+p.cell((u-at.u)+gu)]) - 128
		d := abs32(hypot(u-at.u, v-at.v) + g*r>>8 - r - one)
		toward(px, rgb{2600, 2600, 2650}, ramp(-d, -one, one/2)*5/8)
	})
}

func drawCrack(s *scar) {
	n := s.pick(9, 13, 19)
	width := s.pick(270, 290, 320)
	u, v := s.spot(4 * one)
	a := s.dice.under(turn)
	s.crackFrom(u, v, a, n, width, 1)
}

// crackFrom draws n jagged steps, and from the middle a branch.
func (s *scar) crackFrom(u, v, a, n, width, branches int32) {
	var points [][2]int32
	for k := range n + 1 {
		x, y := s.camera(u, v)
		points = append(points, [2]int32{x, y})
		step := s.vary(3*one, 30)
		a += s.dice.around(turn / 9)
		du, dv := rotate(step, 0, cosine(a), sine(a))
		for try := int32(0); try < 8 && !s.covered(u+du, v+dv, one); try++ { // it stays in the material
			a += turn / 8
			du, dv = rotate(step, 0, cosine(a), sine(a))
		}
		u, v = u+du, v+dv
		if branches > 0 && n > 6 && k == n/2 {
			s.crackFrom(u, v, a+turn/10, n/3, width*3/4, branches-1)
		}
	}
	s.pen(points, width, func(px []uint16, w int32) { scale(px, rgb{46, 46, 50}, w*15/16) })
}

// drawParticle lays something on the part: a crumb, or a fibre.
func drawParticle(s *scar) {
	r := s.vary(s.pick(700, 1050, 1700), 10)
	u, v := s.spot(r)
	cx, cy := s.camera(u, v)
	colors := []rgb{{3100, 2700, 1500}, {520, 380, 300}, {2900, 700, 500}, {700, 1700, 2600}}
	c := colors[s.dice.under(int32(len(colors)))]
	for range 4 { // nobody would see it on its own colour
		if contrast(s.at(cx, cy), c) > 2400 {
			break
		}
		c = colors[s.dice.under(int32(len(colors)))]
	}
	a := s.dice.under(turn)
	ca, sa := cosine(a), sine(a)
	long := s.dice.between(256, 420)
	s.over(s.area(cx, cy, 4*r, 4*r), func(x, y int32, px []uint16) {
		inside := func(dx, dy int32) int32 {
			ru, rv := rotate(dx, dy, ca, -sa)
			return r - max(hypot(ru*256/long, rv), abs32(ru*256/long)+abs32(rv)*3/4)
		}
		scale(px, rgb{110, 110, 116}, ramp(inside(x-cx-one, y-cy-one-one/2), -one, one)*3/4)
		d := inside(x-cx, y-cy)
		shade := 256 - (x-cx+y-cy)*60/r
		toward(px, rgb{c[0] * shade >> 8, c[1] * shade >> 8, c[2] * shade >> 8}, ramp(d, -one/2, one/2))
	})
}

// drawMisprint takes marks away or moves them.
func drawMisprint(s *scar) {
	g := s.paint.prod.glyphs
	first := s.dice.under(int32(len(g)))
	n := s.pick(1, 3, int32(len(g)))
	if s.grade == 2 {
		first = 0
	}
	first = min(first, int32(len(g))-n)
	t := &twist{reprint: g[first : first+n]}
	if s.grade > 0 && s.dice.under(2) == 0 {
		t.moveU, t.moveV = 3*one, -4*one-s.dice.under(one)
	}
	s.redraw(union(t.reprint, s.look), t)
}

// union is the box around boxes of the print, with room for it to move.
func union(boxes []box, l *look) box {
	u0, v0, u1, v1 := int32(turn), int32(turn), int32(-turn), int32(-turn)
	for _, b := range boxes {
		u0, u1 = min(u0, b.u-b.hu), max(u1, b.u+b.hu)
		v0, v1 = min(v0, b.v-b.hv), max(v1, b.v+b.hv)
	}
	return box{(u0+u1)/2 + l.printU, (v0+v1)/2 + l.printV, (u1-u0)/2 + 5*one, (v1-v0)/2 + 5*one}
}
