package infer

import (
	"bytes"
	"encoding/binary"
	"math"

	"winnow/edge"
)

// SensorLearner finds what holds still in frames of different parts. The zero
// value has seen none.
type SensorLearner struct {
	first edge.Frame
	// held is a number a pixel: 0 once it has shown something else than in the first
	// frame, else 1 and the frames, at most deadStands, in which it stood out.
	held        []uint8
	frames      int
	mixed       bool              // frames differ in size or format
	seen        map[DeadLine]bool // lines that looked dead in some frame, without values
	top, bottom float64
}

// Add looks at one frame, which stays the caller's.
func (l *SensorLearner) Add(f *edge.Frame) {
	if f.Check() != nil || f.Flags != 0 || f.Width < MinSide || f.Height < MinSide {
		return
	}
	if l.frames++; l.frames == 1 {
		copyInto(&l.first, f)
		l.held = bytes.Repeat([]byte{1}, f.Width*f.Height)
		l.seen = map[DeadLine]bool{}
	}
	rows, columns := deadLines(f, nil, nil, nil)
	for _, y := range rows {
		l.seen[DeadLine{At: y}] = true
	}
	for _, x := range columns {
		l.seen[DeadLine{At: x, Column: true}] = true
	}
	top, bottom := edgeShares(f, evenLevels)
	l.top, l.bottom = max(l.top, top), max(l.bottom, bottom)
	if l.mixed = l.mixed || f.Width != l.first.Width || f.Height != l.first.Height || f.Format != l.first.Format; l.mixed {
		l.first, l.held = edge.Frame{}, nil
		return
	}
	bpp := f.Format.BytesPerPixel()
	for y := range f.Height {
		a, b, held := l.first.Row(y), f.Row(y), l.held[y*f.Width:]
		for x := range f.Width {
			if held[x] == 0 {
				continue
			}
			if !same(a[x*bpp:][:bpp], b[x*bpp:][:bpp]) {
				held[x] = 0
			} else if held[x] <= deadStands && stands(f, x, y) {
				held[x]++
			}
		}
	}
}

// Sensor is what has been found. Few frames, frames of different sizes and frames
// without noise say nothing of what is dead; nor do very many pixels that hold still.
func (l *SensorLearner) Sensor() *Sensor {
	s := &Sensor{Schema: SensorSchema, Top: l.top, Bottom: l.bottom}
	if !l.mixed && l.frames >= deadFrames && l.first.Width <= math.MaxUint16 && l.first.Height <= math.MaxUint16 {
		s.Width, s.Height = l.first.Width, l.first.Height
		if !l.drawn() {
			s.Dead = l.deadPixels()
			if s.Lines = append(l.deadLines(s.Height, false), l.deadLines(s.Width, true)...); s.tooManyLines() {
				s.Lines = nil
			}
		}
	}
	for seen := range l.seen {
		s.Striped = s.Striped || !s.knows(seen.At, seen.Column)
	}
	return s
}

// deadPixels are those that never moved, stood out and are alone, as in Sensor.Dead.
func (l *SensorLearner) deadPixels() []byte {
	var dead []byte
	width := l.first.Width
	for i, held := range l.held {
		if x, y := i%width, i/width; held > deadStands && l.alone(x, y) {
			v := valueAt(&l.first, x, y)
			dead = binary.LittleEndian.AppendUint16(dead, uint16(x))
			dead = binary.LittleEndian.AppendUint16(dead, uint16(y))
			dead = append(dead, v[0], v[1], v[2], 0)
		}
	}
	if float64(len(dead)/8) > mostDead*float64(len(l.held)) {
		return nil
	}
	return dead
}

// drawn reports whether the frames have no noise: most pixels that are neither dark
// nor bright, or most of all where those are few, never moved. In such frames a mark
// of the product holds its value as a dead pixel does.
func (l *SensorLearner) drawn() bool {
	const dark, bright = 16, 239 // a camera clips beyond
	var n, still [2]int          // of all pixels, and of those between
	for i, held := range l.held {
		between := false
		for _, v := range valueAt(&l.first, i%l.first.Width, i/l.first.Width) {
			between = between || v > dark && v < bright
		}
		for k := range n {
			if k == 0 || between {
				n[k]++
				still[k] += int(min(held, 1))
			}
		}
	}
	if n[1] < n[0]/100 {
		return still[0] > n[0]/2
	}
	return still[1] > n[1]/2
}

// deadLines are the rows, or the columns, of n that never moved and hold one value, but
// for few pixels where others may cross them, in bundles of at most lineBundle that
// differ on both sides from what lies beside them: in what the first frame shows, or
// because that moved.
func (l *SensorLearner) deadLines(n int, columns bool) (out []DeadLine) {
	of := rowOf
	if columns {
		of = columnOf
	}
	at := func(i int) (d DeadLine, ok bool) {
		d = DeadLine{At: i, Column: columns}
		own := d.of(&l.first)
		usual, ok := own.usual(&l.first)
		if !ok {
			return d, false
		}
		if _, ok = own.constant(&l.first, nil); !ok {
			return d, false
		}
		if l.movedPixels(d) > 0 {
			return d, false
		}
		d.Value = [3]uint8{usual[0], usual[0], usual[0]}
		copy(d.Value[:], usual)
		return d, true
	}
	for from := 1; from < n; from++ {
		d, ok := at(from)
		if !ok {
			continue
		}
		bundle := []DeadLine{d}
		for to := from + 1; to < n; to++ {
			if d, ok = at(to); !ok || differ(d.Value, bundle[0].Value) {
				break
			}
			bundle = append(bundle, d)
		}
		to := from + len(bundle)
		if len(bundle) <= lineBundle && to < n && (apartFrom(&l.first, from, to, n, of) || l.moved(from-1, columns) && l.moved(to, columns)) {
			out = append(out, bundle...)
		}
		from = to - 1
	}
	return out
}

// moved reports whether many pixels of a row or column moved.
func (l *SensorLearner) moved(at int, column bool) bool {
	d := DeadLine{At: at, Column: column}
	return l.movedPixels(d) >= d.of(&l.first).n/lineLively
}

func (l *SensorLearner) movedPixels(d DeadLine) (n int) {
	for i := range d.of(&l.first).n {
		if x, y := d.pixel(i); l.held[y*l.first.Width+x] == 0 {
			n++
		}
	}
	return n
}

// alone reports whether at most deadCluster adjoining pixels hold values like this
// one's: a black pixel on a clipped ground is alone among pixels that hold still.
func (l *SensorLearner) alone(x, y int) bool {
	w, h := l.first.Width, l.first.Height
	v := valueAt(&l.first, x, y)
	found := [][2]int{{x, y}}
	for k := 0; k < len(found); k++ {
		for ny := max(found[k][1]-1, 0); ny <= min(found[k][1]+1, h-1); ny++ {
			for nx := max(found[k][0]-1, 0); nx <= min(found[k][0]+1, w-1); nx++ {
				if l.held[ny*w+nx] == 0 || differ(valueAt(&l.first, nx, ny), v) || contains(found, nx, ny) {
					continue
				}
				if found = append(found, [2]int{nx, ny}); len(found) > deadCluster {
					return false
				}
			}
		}
	}
	return true
}

func contains(of [][2]int, x, y int) bool {
	for _, p := range of {
		if p == [2]int{x, y} {
			return true
		}
	}
	return false
}

// stands reports whether a pixel stands out from its neighbours in f.
func stands(f *edge.Frame, x, y int) bool {
	v := valueAt(f, x, y)
	if x > 0 && y > 0 && x < f.Width-1 && y < f.Height-1 && // most pixels are told quickly
		!differ(v, valueAt(f, x-1, y)) && !differ(v, valueAt(f, x+1, y)) && !differ(v, valueAt(f, x, y-1)) && !differ(v, valueAt(f, x, y+1)) {
		return false
	}
	mean, ok := around(f, x, y, func(nx, ny int) bool { return nx == x && ny == y })
	return ok && differ(v, mean)
}
