package scene

import (
	"image"
	"math/rand/v2"
)

// The noise-free picture is kept linear in light: 0 dark, 4095 where the sensor
// saturates, three values a pixel.
const white = 4095

// look is how one part lies and how it differs from its siblings.
type look struct {
	du, dv   int32 // position under the camera, n8
	cos, sin int32 // rotation, Q14
	printU   int32 // where the print lies, n8
	printV   int32
	fade     int32    // opacity of the print, 256 full
	tint     [3]int32 // colour lot, 256 neutral
	brush    int32    // strength of the turning marks, 256 usual
	ringAt   int32    // offset into the turning marks
	grainU   int32    // offset into the grain
	grainV   int32
	beltX    int32 // belt position
	beltY    int32
}

// twist is what a defect changes in the drawing itself. The zero twist changes
// nothing.
type twist struct {
	blank   *box  // features inside are missing ...
	shrink  int32 // ... or left at this size in 1/256 (0: gone)
	reprint []box // the print inside is moved by moveU, moveV or, if both are 0, absent
	moveU   int32
	moveV   int32
	outside func(u, v int32) int32 // 0..256 of the part that is left at a point; nil: all of it
	bounds  box                    // where outside matters
}

// materials are the textures that all parts share.
type materials struct {
	belt  []uint8 // beltSide x beltSide, 128 mean
	grain []uint8 // beltSide x beltSide, 128 mean, soft
	rings []uint8 // 1024 turning marks
	shine [257]int32
}

const beltSide = 512

func newMaterials(seed uint64) *materials {
	r := rand.NewPCG(seed, 0x6d617465)
	m := &materials{belt: make([]uint8, beltSide*beltSide), grain: make([]uint8, beltSide*beltSide), rings: make([]uint8, 1024)}
	fine, soft := tileNoise(r, 1), tileNoise(r, 5)
	for i := range m.grain {
		y, x := int32(i)/beltSide, int32(i)%beltSide
		m.grain[i] = byteOf(128 + fine[i]/3 + soft[i])
		// A woven belt: two sets of threads that pass over each other.
		warp, weft := abs32(x%8-4), abs32(y%8-4)
		thread := warp
		if (x/8+y/8)%2 == 0 {
			thread = weft
		}
		m.belt[i] = byteOf(104 + thread*10 + fine[i]/3 + soft[i]/3)
	}
	marks := make([]int32, 1024)
	for i := range marks {
		marks[i] = int32(r.Uint64()>>40&255) - 128
	}
	for i := range marks {
		a, b := marks[(i+1)&1023], marks[(i+2)&1023]
		m.rings[i] = byteOf(128 + (2*marks[i]+a+b)/4)
	}
	for i := range m.shine {
		v := int64(i) // (i/256)^6: the two bright sectors of turned metal
		v = v * v * v >> 16
		m.shine[i] = int32(v * v >> 8)
	}
	return m
}

// tileNoise is noise around 0, softened over 2*r+1 texels, that repeats
// without a seam.
func tileNoise(p *rand.PCG, r int32) []int32 {
	const n = beltSide
	s := make([]int32, n*n)
	for i := range s {
		s[i] = int32(p.Uint64()>>40&255) - 128
	}
	gain := 2*r + 1
	for _, step := range [2]int32{1, n} {
		out := make([]int32, len(s))
		for i := range out {
			y, x := int32(i)/n, int32(i)%n
			var sum int32
			for k := -r; k <= r; k++ {
				if step == 1 {
					sum += s[y*n+(x+k)&(n-1)]
				} else {
					sum += s[((y+k)&(n-1))*n+x]
				}
			}
			out[i] = sum
		}
		s = out
	}
	for i := range s {
		s[i] = s[i] * 2 / (gain * 3)
		if r > 1 {
			s[i] = s[i] / 2
		}
	}
	return s
}

func byteOf(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

// painter draws parts of one product into a linear buffer.
type painter struct {
	w, h int32
	prod *product
	mat  *materials
	lin  []uint16 // w*h*3
}

// paint draws the pixels of r.
func (p *painter) paint(r image.Rectangle, l *look, t *twist) {
	for y := int32(r.Min.Y); y < int32(r.Max.Y); y++ {
		// The part's own coordinates move by a constant step along a row.
		x0, y0 := p.nominal(int32(r.Min.X), y)
		u, v := int64(x0-l.du)*int64(l.cos)+int64(y0-l.dv)*int64(l.sin), int64(y0-l.dv)*int64(l.cos)-int64(x0-l.du)*int64(l.sin)
		du, dv := int64(turn)*int64(l.cos)/int64(p.w), -int64(turn)*int64(l.sin)/int64(p.w)
		out := p.lin[3*(y*p.w+int32(r.Min.X)):]
		for x := int32(r.Min.X); x < int32(r.Max.X); x++ {
			nx, ny := p.nominal(x, y)
			c := p.point(nx-l.du, ny-l.dv, int32(u>>14), int32(v>>14), l, t)
			out[0], out[1], out[2] = uint16(c[0]), uint16(c[1]), uint16(c[2])
			out = out[3:]
			u, v = u+du, v+dv
		}
	}
}

// nominal is the centre of pixel (x, y) in n8.
func (p *painter) nominal(x, y int32) (int32, int32) {
	return int32(int64(2*x+1-p.w) * (turn / 2) / int64(p.w)), int32(int64(2*y+1-p.h) * (turn / 2) / int64(p.w))
}

// point is the light that comes from a point: (x, y) from the part's centre as
// the camera sees it, (u, v) in the part's own frame; both n8.
func (p *painter) point(x, y, u, v int32, l *look, t *twist) rgb {
	w := p.sample(u, v, t)
	cover := int32(w >> 24 & 255)
	if t.outside != nil && cover > 0 && t.bounds.holds(u, v) {
		cover = cover * t.outside(u, v) >> 8
	}
	if cover == 0 {
		return p.beltAt(x+l.du, y+l.dv, int32(w>>56), l)
	}
	c := p.surface(x, y, u, v, w, l, t)
	if cover < 255 {
		b := p.beltAt(x+l.du, y+l.dv, int32(w>>56), l)
		for k := range c {
			c[k] = b[k] + (c[k]-b[k])*cover/255
		}
	}
	return c
}

// surface is the light from a point of the part, whose texel is w.
func (p *painter) surface(x, y, u, v int32, w uint64, l *look, t *twist) rgb {
	shade, gloss, grain := int32(w>>32&255), int32(w>>40&255), int32(w>>48&255)
	g := int32(p.mat.grain[p.cell(v+l.grainV)*beltSide+p.cell(u+l.grainU)]) - 128
	light := shade * (256 + g*grain>>7) >> 3 // 12 + 8 - 4 - 8 bits: 128 level -> 4096
	add := int32(0)
	if gloss > 0 {
		light, add = p.metal(x, y, light, gloss, l)
	}
	var c rgb
	for k := range c {
		c[k] = int32(w>>(8*k)&255) * l.tint[k] >> 8
	}
	if ink := p.printAt(u, v, l, t); ink > 0 {
		add -= add * ink >> 9
		for k := range c {
			c[k] += (p.prod.full.ink[k] - c[k]) * ink >> 8
		}
	}
	for k := range c {
		c[k] = min(c[k]*light>>8+add, white)
	}
	return c
}

// metal adds what light does on concentric turning marks: fine rings, and two
// opposite bright sectors that stay with the lamp, not with the part.
func (p *painter) metal(x, y, light, gloss int32, l *look) (int32, int32) {
	r := hypot(x, y)
	at := r*2 + l.ringAt
	a, b := int32(p.mat.rings[at>>8&1023]), int32(p.mat.rings[(at>>8+1)&1023])
	mark := mixed(a, b, at&255) - 128
	light += light * (mark * gloss >> 8) * l.brush >> 8 >> 9
	along := int64(x)*11585 + int64(y)*11585>>0
	across := along >> 14
	c := int32(across * across * 256 / (int64(r)*int64(r) + 1))
	add := p.mat.shine[min(c, 256)] * gloss >> 8 * 4
	add += add * mark * l.brush >> 8 >> 8
	return light, add
}

// beltAt is the light from the belt under a shadow of 0..255.
func (p *painter) beltAt(x, y, shadow int32, l *look) rgb {
	b := int32(p.mat.belt[p.cell(y+l.beltY)*beltSide+p.cell(x+l.beltX)])
	v := b * (256 - shadow*5/8) >> 8 // mean 128
	return rgb{v * 5 / 2, v * 11 / 4, v * 13 / 4}
}

// cell is the column or row of a shared texture, two to a nominal pixel.
func (p *painter) cell(n int32) int32 { return n >> 7 & (beltSide - 1) }

// sample reads the artwork at (u, v), with features left out where t says so.
func (p *painter) sample(u, v int32, t *twist) uint64 {
	if b := t.blank; b != nil && b.holds(u, v) {
		if t.shrink == 0 {
			return p.prod.blank.at(u, v)
		}
		su, sv := b.u+(u-b.u)*256/t.shrink, b.v+(v-b.v)*256/t.shrink
		if b.holds(su, sv) {
			return p.prod.full.at(su, sv)
		}
		return p.prod.blank.at(u, v)
	}
	return p.prod.full.at(u, v)
}

// printAt is the opacity, 0..256, of the print at (u, v).
func (p *painter) printAt(u, v int32, l *look, t *twist) int32 {
	pu, pv := u-l.printU, v-l.printV
	a := p.prod.full.printAt(pu, pv)
	for i := range t.reprint {
		b := &t.reprint[i]
		su, sv := pu-t.moveU, pv-t.moveV
		switch {
		case b.holds(su, sv) && (t.moveU != 0 || t.moveV != 0):
			a = max(p.prod.full.printAt(su, sv), 1)
		case b.holds(pu, pv):
			a = 0
		default:
			continue
		}
		break
	}
	if a == 0 {
		return 0
	}
	return a * l.fade >> 8
}

func (b *box) holds(u, v int32) bool { return abs32(u-b.u) <= b.hu && abs32(v-b.v) <= b.hv }

// grid is the texel left of and above (u, v) and the fractions towards the next.
func (a *artwork) grid(u, v int32) (i, fx, fy int32, ok bool) {
	x := int32((int64(u)+turn/2)*int64(a.side)>>8) - 128
	y := int32((int64(v)+turn/2)*int64(a.side)>>8) - 128
	i = y>>8*a.side + x>>8
	ok = x >= 0 && y >= 0 && x>>8 < a.side-1 && y>>8 < a.side-1
	return i, x & 255, y & 255, ok
}

// at interpolates between four texels, eight values at once: the even and the
// odd bytes each spread over 16-bit lanes.
func (a *artwork) at(u, v int32) uint64 {
	i, fx, fy, ok := a.grid(u, v)
	if !ok {
		return 0
	}
	top := blend(a.texel[i], a.texel[i+1], uint64(fx))
	bottom := blend(a.texel[i+a.side], a.texel[i+a.side+1], uint64(fx))
	return blend(top, bottom, uint64(fy))
}

// blend is a + (b-a)*f/256 in each byte.
func blend(a, b, f uint64) uint64 {
	const even = 0x00ff00ff00ff00ff
	lo := (a&even*(256-f) + b&even*f) >> 8 & even
	hi := (a>>8&even*(256-f) + b>>8&even*f) &^ even
	return lo | hi
}

func (a *artwork) printAt(u, v int32) int32 {
	i, fx, fy, ok := a.grid(u, v)
	if !ok {
		return 0
	}
	p := a.print
	top := mixed(int32(p[i]), int32(p[i+1]), fx)
	bottom := mixed(int32(p[i+a.side]), int32(p[i+a.side+1]), fx)
	return mixed(top, bottom, fy)
}
