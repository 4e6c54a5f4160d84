package anomaly

// elsewhere returns a value reader of a picture that is rolled by a random
// offset and perhaps mirrored.
func (b *brush) elsewhere(p Picture) func(x, y, c int) float64 {
	dx, dy := b.r.IntN(p.W), b.r.IntN(p.H)
	mirrorX, mirrorY := b.chance(0.5), b.chance(0.5)
	return func(x, y, c int) float64 {
		x, y = (x+dx)%p.W, (y+dy)%p.H
		if mirrorX {
			x = p.W - 1 - x
		}
		if mirrorY {
			y = p.H - 1 - y
		}
		return p.at(x, y, c)
	}
}

// lender is a picture of the others, or the own one.
func (b *brush) lender() Picture {
	if len(b.others) == 0 {
		return b.src
	}
	return b.others[b.r.IntN(len(b.others))]
}

// paste covers a place with another place, of this part or of another.
func paste(b *brush) {
	p := b.src
	if b.chance(0.5) {
		p = b.lender()
	}
	b.blob()
	from, shift := b.elsewhere(p), 0.0
	if b.chance(0.5) {
		shift = 0.5 * b.spread * b.r.NormFloat64()
	}
	b.mix(func(x, y, c int) float64 { return from(x, y, c) + shift })
}

// foreign is a place with the texture of another one, at this picture's
// brightness and another contrast.
func foreign(b *brush) {
	p := b.lender()
	b.blob()
	from, contrast := b.elsewhere(p), b.uniform(0.5, 1.6)
	shift := 0.6 * b.spread * b.r.NormFloat64()
	b.mix(func(x, y, c int) float64 { return (from(x, y, c)-b.mean)*contrast + b.mean + shift })
}

// stain lightens or darkens a place.
func stain(b *brush) {
	b.blob()
	t := b.tint()
	b.mix(func(x, y, c int) float64 { return b.src.at(x, y, c) + t[c] })
}

// mark hides most of a place under one tone: a hole, a chip, a lump.
func mark(b *brush) {
	b.blob()
	t, rough := b.tint(), b.noise(3)
	b.mix(func(x, y, c int) float64 {
		return 0.3*b.src.at(x, y, c) + 0.7*(b.mean+t[c]) + 0.1*b.spread*rough(x, y)
	})
}

// scratch is a thin bent line.
func scratch(b *brush) {
	b.line()
	t := b.tint()
	b.mix(func(x, y, c int) float64 { return b.src.at(x, y, c) + t[c] })
}

// blurred smears a place.
func blurred(b *brush) {
	b.blob()
	n := max(1, int(b.uniform(1.5, 4)*float64(min(b.src.W, b.src.H))/256+0.5))
	b.mix(func(x, y, c int) float64 {
		sum := 0.0
		for dy := -n; dy <= n; dy++ {
			for dx := -n; dx <= n; dx++ {
				sum += b.src.at(x+dx, y+dy, c)
			}
		}
		return sum / float64((2*n+1)*(2*n+1))
	})
}

// displaced moves what is in a place by some pixels.
func displaced(b *brush) {
	b.blob()
	unit := 6 * float64(min(b.src.W, b.src.H)) / 256
	dx, dy := int(unit*b.r.NormFloat64()), int(unit*b.r.NormFloat64())
	b.mix(func(x, y, c int) float64 { return b.src.at(x+dx, y+dy, c) })
}
