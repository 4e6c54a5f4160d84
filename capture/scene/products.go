package scene

import "fmt"

// product is what the line makes: how a part looks when nothing is wrong, and
// where things can go wrong.
type product struct {
	name     string
	full     artwork
	blank    artwork // the same without the features that can be missing
	features []box   // that can be missing, smallest first
	glyphs   []box   // of the print, in reading order
	rim      []box   // points on the outline where chips break out
	speckle  rgb     // how a colour lot may differ, a channel (0..255 of 256)
}

// Products lists the names that Config.Product takes.
func Products() []string { return []string{"gear", "board", "cap"} }

func newProduct(name string, side int32) (*product, error) {
	switch name {
	case "", "gear":
		return newGear(side), nil
	case "board":
		return newBoard(side), nil
	case "cap":
		return newCap(side), nil
	}
	return nil, fmt.Errorf("scene: product %q is not one of %q", name, Products())
}

// draftsman draws an artwork twice, with and without its features.
type draftsman func(c *canvas, features bool)

func (p *product) draw(side int32, ink rgb, d draftsman) {
	for _, with := range []bool{true, false} {
		c := newCanvas(side)
		d(c, with)
		a := c.bake(ink)
		if with {
			p.full = a
		} else {
			p.blank = a
		}
	}
}

// ringOfPoints are n points on a circle.
func ringOfPoints(n, r, half int32) []box {
	var b []box
	for k := range n {
		a := k * turn / n
		u, v := rotate(r, 0, cosine(a), sine(a))
		b = append(b, box{u, v, half, half})
	}
	return b
}

// newGear is a machined steel gear: teeth, turned face, bore with keyway, six
// holes and a laser mark.
func newGear(side int32) *product {
	p := &product{name: "gear", speckle: rgb{5, 5, 6}}
	steel, hub := rgb{152, 156, 164}, rgb{166, 169, 174}
	holes := ringOfPoints(6, 52*one, 8*one)
	p.features = append(p.features, holes...)
	p.rim = ringOfPoints(30, 99*one, 3*one)
	p.draw(side, rgb{38, 36, 38}, func(c *canvas, features bool) {
		body, teeth := toothed(30, 97*one, 105*one)
		c.solid(body, teeth, steel, 150, 60)
		c.emboss(body, teeth, 3*one, 3*one)
		b, s := disc(0, 0, 86*one)
		c.solid(b, s, steel, 255, 44)
		c.emboss(b, s, -2*one, 3*one)
		b, s = ring(0, 0, 85*one, 2*one)
		c.solid(b, s, rgb{96, 98, 104}, 60, 60)
		b, s = disc(0, 0, 34*one)
		c.solid(b, s, hub, 230, 40)
		c.emboss(b, s, 3*one, 4*one)
		b, s = disc(0, 0, 20*one)
		_, ks := plate(0, -20*one, 5*one, 7*one, one)
		bore := func(u, v int32) int32 { return min(s(u, v), ks(u, v)) }
		bb := box{0, -3 * one, 21 * one, 25 * one}
		c.emboss(bb, bore, -5*one, 4*one)
		c.hole(bb, bore)
		if features {
			for _, h := range holes {
				drillHole(c, h)
			}
		}
		p.glyphs = text("WNW 2407", 0, 72*one, 12*one, 460, c.stamp)
	})
	return p
}

func drillHole(c *canvas, h box) {
	b, s := disc(h.u, h.v, h.hu+2*one)
	c.emboss(b, s, -2*one, 2*one)
	b, s = disc(h.u, h.v, h.hu)
	c.emboss(b, s, -3*one, 2*one)
	c.hole(b, s)
}

// toothed is a disc of radius root with n teeth up to radius tip.
func toothed(n, root, tip int32) (box, shape) {
	step := int32(turn) / n
	return box{0, 0, tip, tip}, func(u, v int32) int32 {
		r := hypot(u, v)
		d := r - root
		if d < -4*one || r > tip+8*one {
			return d
		}
		k := (angle(u, v) + step/2) / step
		ru, rv := rotate(u, v, cosine(k*step), -sine(k*step))
		// A tooth narrows from 12 to 6 nominal pixels.
		half := 6*one - (ru-root)*3*one/(tip-root)
		tooth := max(abs32(rv)-half, ru-tip, root-4*one-ru)
		return min(d, tooth)
	}
}

// newBoard is a small circuit board: solder mask, tracks, parts, white print.
func newBoard(side int32) *product {
	p := &product{name: "board", speckle: rgb{5, 12, 6}}
	for _, at := range [][2]int32{{-1, -1}, {1, -1}, {-1, 1}, {1, 1}} {
		p.rim = append(p.rim, box{at[0] * 98 * one, at[1] * 30 * one, 3 * one, 3 * one}, box{at[0] * 40 * one, at[1] * 78 * one, 3 * one, 3 * one})
	}
	chips := boardChips()
	p.features = chips
	p.draw(side, rgb{214, 216, 210}, func(c *canvas, features bool) {
		boardBase(c)
		for _, b := range chips {
			chipPads(c, b)
			if features {
				chipBody(c, b)
			}
		}
		if features {
			quadPack(c, 6*one, 4*one, 24*one)
		} else {
			quadPads(c, 6*one, 4*one, 24*one)
		}
		p.glyphs = nil
		for _, l := range []struct {
			s    string
			u, v int32
			h    int32
		}{{"WINNOW", -52, -62, 10}, {"REV4", 62, 62, 8}, {"C1", -76, -25, 6}, {"R2", -76, 20, 6}, {"U1", 44, -26, 7}} {
			p.glyphs = append(p.glyphs, text(l.s, l.u*one, l.v*one, l.h*one, 260, c.stamp)...)
		}
		for _, b := range chips {
			outline(c, box{b.u, b.v, b.hu + 3*one, b.hv + 3*one})
		}
	})
	p.features = append(p.features, box{6 * one, 4 * one, 33 * one, 33 * one})
	return p
}

func outline(c *canvas, b box) {
	for _, s := range []int32{-1, 1} {
		c.stamp(stroke(b.u-b.hu, b.v+s*b.hv, b.u+b.hu, b.v+s*b.hv, 200))
	}
}

// boardChips are the places of the two-pole parts, small ones first.
func boardChips() []box {
	var b []box
	for k := range int32(3) {
		b = append(b, box{-58 * one, (-24 + 22*k) * one, 7 * one, 4 * one})
	}
	for k := range int32(2) {
		b = append(b, box{(-20 + 44*k) * one, 58 * one, 9 * one, 5 * one})
	}
	return append(b, box{66 * one, -10 * one, 8 * one, 12 * one}, box{66 * one, 28 * one, 8 * one, 12 * one})
}

func boardBase(c *canvas) {
	mask, track, gold := rgb{10, 62, 28}, rgb{22, 92, 44}, rgb{196, 152, 62}
	b, s := plate(0, 0, 100*one, 80*one, 7*one)
	c.solid(b, s, mask, 0, 60)
	c.emboss(b, s, 2*one, 2*one)
	for k := range int32(7) {
		v := (-36 + 11*k) * one
		bend := (-34 + 3*k) * one
		for _, l := range [][4]int32{{-92 * one, v, bend, v}, {bend, v, bend + 14*one, v + 8*one}, {bend + 14*one, v + 8*one, 40 * one, v + 8*one}} {
			tb, ts := stroke(l[0], l[1], l[2], l[3], 2*one)
			c.solid(tb, ts, track, 0, 40)
			c.emboss(tb, ts, one/2, one)
		}
		b, s := disc(bend, v, 3*one)
		c.solid(b, s, gold, 40, 30)
		b, s = disc(bend, v, one+one/2)
		c.solid(b, s, rgb{14, 14, 14}, 0, 20)
	}
	for k := range int32(8) { // edge contacts
		b, s := plate((20+9*k)*one, -66*one, 3*one, 9*one, one)
		c.solid(b, s, gold, 60, 40)
		c.emboss(b, s, one/2, one)
	}
	for _, at := range [][2]int32{{-90, -70}, {-90, 70}, {90, 70}} {
		b, s := disc(at[0]*one, at[1]*one, 7*one)
		c.solid(b, s, gold, 80, 40)
		drillHole(c, box{at[0] * one, at[1] * one, 4 * one, 4 * one})
	}
}

func chipPads(c *canvas, b box) {
	for _, s := range []int32{-1, 1} {
		pb, ps := padOf(b, s)
		c.solid(pb, ps, rgb{176, 178, 176}, 60, 70)
		c.emboss(pb, ps, one, 2*one)
	}
}

// padOf is one of the two pads of a chip, along its longer side.
func padOf(b box, end int32) (box, shape) {
	if b.hu > b.hv {
		return plate(b.u+end*b.hu, b.v, 3*one, b.hv, one)
	}
	return plate(b.u, b.v+end*b.hv, b.hu, 3*one, one)
}

func chipBody(c *canvas, b box) {
	body := rgb{116, 84, 52}
	if b.hu < b.hv {
		body = rgb{20, 20, 22}
	}
	bb, s := plate(b.u, b.v, b.hu, b.hv, one)
	c.solid(bb, s, body, 0, 50)
	c.emboss(bb, s, 3*one, 2*one)
}

func quadPads(c *canvas, u, v, half int32) {
	for k := int32(-3); k <= 3; k++ {
		for _, e := range []int32{-1, 1} {
			for _, pad := range []box{{u + k*6*one, v + e*(half+4*one), one + one/4, 5 * one}, {u + e*(half+4*one), v + k*6*one, 5 * one, one + one/4}} {
				b, s := plate(pad.u, pad.v, pad.hu, pad.hv, one/2)
				c.solid(b, s, rgb{178, 180, 178}, 60, 50)
				c.emboss(b, s, one, one)
			}
		}
	}
}

func quadPack(c *canvas, u, v, half int32) {
	quadPads(c, u, v, half)
	b, s := plate(u, v, half, half, 2*one)
	c.solid(b, s, rgb{17, 17, 19}, 0, 60)
	c.emboss(b, s, 4*one, 3*one)
	b, s = disc(u-half+6*one, v-half+6*one, 2*one+one/2)
	c.emboss(b, s, -one, one)
	text("W32F4", u, v-4*one, 8*one, 230, func(b box, s shape) { c.solid(b, s, rgb{70, 70, 70}, 0, 40) })
	text("0731", u, v+9*one, 7*one, 230, func(b box, s shape) { c.solid(b, s, rgb{62, 62, 62}, 0, 40) })
}

// newCap is a moulded closure: knurled skirt, stepped top, three vent marks,
// printed logo.
func newCap(side int32) *product {
	p := &product{name: "cap", speckle: rgb{10, 14, 22}}
	blue := rgb{16, 58, 138}
	vents := ringOfPoints(5, 66*one, 5*one)
	p.features = vents
	p.rim = ringOfPoints(36, 103*one, 3*one)
	p.draw(side, rgb{222, 224, 220}, func(c *canvas, features bool) {
		b, s := toothed(60, 101*one, 104*one)
		c.solid(b, s, blue, 0, 50)
		c.emboss(b, s, 6*one, 6*one)
		for k := range int32(60) { // knurls run down the skirt
			a := k * turn / 60
			u0, v0 := rotate(92*one, 0, cosine(a), sine(a))
			u1, v1 := rotate(102*one, 0, cosine(a), sine(a))
			kb, ks := stroke(u0, v0, u1, v1, 4*one)
			c.emboss(kb, ks, one+one/2, 3*one)
		}
		b, s = disc(0, 0, 88*one)
		c.emboss(b, s, 4*one, 6*one)
		b, s = ring(0, 0, 78*one, 3*one)
		c.emboss(b, s, 2*one, 3*one)
		b, s = disc(0, 0, 54*one)
		c.emboss(b, s, -2*one, 5*one)
		if features {
			for _, f := range vents {
				b, s := disc(f.u, f.v, f.hu)
				c.emboss(b, s, 3*one, 3*one)
				b, s = disc(f.u, f.v, 2*one)
				c.emboss(b, s, -2*one, 2*one)
			}
		}
		b, s = disc(0, 24*one, 2*one) // where the mould's gate was
		c.emboss(b, s, -2*one, 2*one)
		c.stamp(ring(0, 0, 46*one, 2*one+one/2))
		p.glyphs = text("WINNOW", 0, -4*one, 12*one, 2*one, c.stamp)
		p.glyphs = append(p.glyphs, text("500 ML", 0, 16*one, 7*one, 280, c.stamp)...)
	})
	return p
}
