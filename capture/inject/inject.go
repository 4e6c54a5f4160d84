// Package inject draws a defect into a copy of a live picture, so that a station
// can show between challenges that it still sees. It knows nothing of judges.
package inject

import (
	"math"
	"math/rand/v2"

	"winnow/edge"
)

// Kind of a defect.
type Kind string

// Kinds.
const (
	Blot    Kind = "blot"    // a dark or bright spot with a soft rim
	Scratch Kind = "scratch" // a thin line
)

// Options of a defect.
type Options struct {
	Kind Kind
	// Size is the blot's radius or half the scratch's length, as a share of the
	// picture's shorter side.
	Size float64
	// Contrast by which pixels change in its middle, 0 to 1 of full scale; away
	// from what the picture has there, so that it always shows.
	Contrast float64
}

// Default is what a person sees at a glance.
func Default(k Kind) Options {
	if k == Scratch {
		return Options{Kind: Scratch, Size: 0.15, Contrast: 0.4}
	}
	return Options{Kind: Blot, Size: 0.04, Contrast: 0.4}
}

// Draw blends a defect into f, in place, at a point of the middle half of the
// picture that seed chooses. The same seed draws the same defect.
func Draw(f *edge.Frame, o Options, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x696e6a656374))
	side := float64(min(f.Width, f.Height))
	d := defect{
		x: float64(f.Width) * (0.25 + r.Float64()/2), y: float64(f.Height) * (0.25 + r.Float64()/2),
		size: max(1, side*o.Size), angle: r.Float64() * math.Pi,
	}
	change := int(math.Round(o.Contrast * 255))
	if d.mean(f) > 127 {
		change = -change
	}
	reach := int(d.size) + 2
	for y := max(0, int(d.y)-reach); y < min(f.Height, int(d.y)+reach+1); y++ {
		row := f.Row(y)
		for x := max(0, int(d.x)-reach); x < min(f.Width, int(d.x)+reach+1); x++ {
			blend(row, x, f.Format.BytesPerPixel(), float64(change)*d.weight(o.Kind, float64(x), float64(y), side))
		}
	}
}

// defect is where and how one lies.
type defect struct{ x, y, size, angle float64 }

// mean grey value around the middle.
func (d *defect) mean(f *edge.Frame) int {
	sum, n := 0, 0
	bpp := f.Format.BytesPerPixel()
	for y := max(0, int(d.y)-2); y < min(f.Height, int(d.y)+3); y++ {
		row := f.Row(y)
		for x := max(0, int(d.x)-2); x < min(f.Width, int(d.x)+3); x++ {
			sum, n = sum+int(row[x*bpp]), n+1
		}
	}
	return sum / max(n, 1)
}

// weight of the defect at a pixel, 0 to 1.
func (d *defect) weight(k Kind, x, y, side float64) float64 {
	dx, dy := x-d.x, y-d.y
	if k == Scratch {
		along := dx*math.Cos(d.angle) + dy*math.Sin(d.angle)
		across := math.Abs(dy*math.Cos(d.angle) - dx*math.Sin(d.angle))
		half := max(1, side/200)
		if math.Abs(along) > d.size {
			return 0
		}
		return soft(across / half)
	}
	return soft(math.Hypot(dx, dy) / d.size)
}

// soft falls from 1 in the middle to 0 at 1, flat at both ends.
func soft(t float64) float64 {
	if t >= 1 {
		return 0
	}
	return 1 - t*t*(3-2*t)
}

func blend(row []byte, x, bpp int, by float64) {
	for c := range bpp {
		p := &row[x*bpp+c]
		*p = byte(min(255, max(0, int(*p)+int(math.Round(by)))))
	}
}
