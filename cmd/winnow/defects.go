package main

import (
	"math/rand/v2"

	"winnow/infer/anomaly"
)

// How many defects teach draws: so many that every kind is met often, and no
// more than it takes, since each costs a run of the encoder.
const (
	fewestDefects = 160
	mostDefects   = 256
	mostOfOnePart = 8
	lenders       = 12 // earlier parts that lend texture
)

// defects draws into parts as they are taught.
type defects struct {
	each, of int // each defects on every of-th part
	parts    int
	drawn    int
	lent     []anomaly.Picture
}

// newDefects for about parts parts.
func newDefects(parts int) *defects {
	parts = max(parts, 1)
	return &defects{
		each: min(mostOfOnePart, (fewestDefects+parts-1)/parts),
		of:   (parts + mostDefects - 1) / mostDefects,
	}
}

// draw puts defects on the part that t has just added, whose input is in, and
// adds their features. The input holds something else afterwards.
func (d *defects) draw(t *teacher, in []byte) error {
	part := d.parts
	d.parts++
	if part%d.of != 0 || d.drawn >= mostDefects {
		return nil
	}
	p := anomaly.Picture{W: t.w, H: t.h, Pix: append([]byte(nil), in...)}
	for range d.each {
		kind := d.drawn
		q, cover, ok := anomaly.Draw(p, d.lent, kind, rand.New(rand.NewPCG(uint64(d.drawn), 0x64726177)))
		d.drawn++
		if !ok {
			continue // this kind does not show on this part
		}
		copy(in, q.Pix)
		if err := t.session.Run(); err != nil {
			return err
		}
		if err := t.features.AddDrawn(part, kind%anomaly.Kinds, t.taps(), cover, t.w, t.h); err != nil {
			return err
		}
	}
	d.lend(p)
	return nil
}

// lend keeps p among the lenders, in the oldest one's place.
func (d *defects) lend(p anomaly.Picture) {
	if len(d.lent) < lenders {
		d.lent = append(d.lent, p)
		return
	}
	d.lent[d.parts/d.of%lenders] = p
}
