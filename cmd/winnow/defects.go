package main

import (
	"math/rand/v2"

	"winnow/infer/anomaly"
)

// How many defects teach draws, and how many parts it shows in other conditions: so many that
// every kind is met often, and no more than it takes, since each costs a run of the encoder.
const (
	fewestDefects = 160
	mostDefects   = 256
	mostOfOnePart = 8
	lenders       = 12 // earlier parts that lend texture
	fewestSwayed  = 24
	mostSwayed    = 48
)

// defects draws into parts as they are taught, and sways them, the same for every
// detector.
type defects struct {
	each, of         int // each defects on every of-th part
	swayEach, swayOf int // seen swayEach times in other conditions, every swayOf-th part
	parts            int
	drawn            int
	swayed           int
	lent             []anomaly.Picture
}

// newDefects for about parts parts: fewest in all, or a few more.
func newDefects(parts, fewest int) *defects {
	parts = max(parts, 1)
	return &defects{
		each:     min(mostOfOnePart, (fewest+parts-1)/parts),
		of:       (parts + mostDefects - 1) / mostDefects,
		swayEach: (fewestSwayed + parts - 1) / parts,
		swayOf:   (parts + mostSwayed - 1) / mostSwayed,
	}
}

// counts are how many defects are drawn on so many parts, and how often one is swayed.
func (d *defects) counts(parts int) (drawn, swayed int) {
	return min(d.each*((parts+d.of-1)/d.of), mostDefects), min(d.swayEach*((parts+d.swayOf-1)/d.swayOf), mostSwayed)
}

// sway hands the next part, p, which draw has not met yet, in other conditions to add.
func (d *defects) sway(p anomaly.Picture, add func(q anomaly.Picture, part int) error) error {
	if d.parts%d.swayOf != 0 {
		return nil
	}
	for range d.swayEach {
		if d.swayed == mostSwayed {
			return nil
		}
		q := anomaly.Sway(p, rand.New(rand.NewPCG(uint64(d.swayed), 0x72656c69)))
		d.swayed++
		if err := add(q, d.parts); err != nil {
			return err
		}
	}
	return nil
}

// draw puts defects on the next part, p, and hands each to add: the picture,
// how much of each pixel it covers, the number of the part and the kind.
func (d *defects) draw(p anomaly.Picture, add func(q anomaly.Picture, cover []byte, part, kind int) error) error {
	part := d.parts
	d.parts++
	if part%d.of != 0 || d.drawn >= mostDefects {
		return nil
	}
	for range d.each {
		kind := d.drawn
		q, cover, ok := anomaly.Draw(p, d.lent, kind, rand.New(rand.NewPCG(uint64(d.drawn), 0x64726177)))
		d.drawn++
		if !ok {
			continue // this kind does not show on this part
		}
		if err := add(q, cover, part, kind%anomaly.Kinds); err != nil {
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
