// Package corrupt spoils pictures in the ways in which a line spoils them: light,
// lens, sensor and position. It is what robustness is measured with; it judges
// nothing and is no part of a running line.
//
// Every corruption has three grades: 1 is what a good line shows on a bad day, 2
// a fault that somebody should mend, 3 one that cannot be overlooked. The same
// seed, picture number and grade give the same bytes on every processor: all
// arithmetic on pixels is in integers.
package corrupt

import (
	"fmt"
	"math/rand/v2"

	"winnow/edge"
)

// Kind is a way in which a picture is spoiled.
type Kind string

// Kinds of corruption. What the sensor does wrong (dead pixels and lines) is the
// same in every picture of a seed; the rest differs from picture to picture.
const (
	Exposure  Kind = "exposure"    // less light reaches a linear sensor
	Gain      Kind = "gain"        // amplified until highlights clip
	Cast      Kind = "colour-cast" // warmer light: red up, blue down; nothing on grey pictures
	Blur      Kind = "blur"        // out of focus: Gaussian
	Noise     Kind = "noise"       // Gaussian grain
	Dead      Kind = "dead-pixels" // pixels stuck at black or white
	Lines     Kind = "dead-lines"  // whole rows or columns stuck
	Occlusion Kind = "occlusion"   // something dark before the lens, at the rim
	Shift     Kind = "shift"       // the part lies elsewhere, edges repeated
	Rotation  Kind = "rotation"    // the part is turned, edges repeated
)

// Kinds lists them.
func Kinds() []Kind {
	return []Kind{Exposure, Gain, Cast, Blur, Noise, Dead, Lines, Occlusion, Shift, Rotation}
}

// Grades is the number of grades.
const Grades = 3

// strengths of the grades, in units that each kind names in texts.
var strengths = map[Kind][Grades]int{
	Exposure:  {60, 200, 400}, // light lost, in thousandths
	Gain:      {60, 200, 500}, // added, in thousandths
	Cast:      {30, 100, 250}, // red up and blue down, in thousandths
	Blur:      {50, 100, 200}, // sigma in hundredths of 1/256 of the width
	Noise:     {2, 6, 15},     // sigma in codes of 255
	Dead:      {2, 10, 50},    // of ten thousand pixels
	Lines:     {1, 3, 8},      // rows and columns
	Occlusion: {1, 4, 10},     // percent of the picture
	Shift:     {10, 30, 60},   // thousandths of the width
	Rotation:  {10, 30, 80},   // tenths of a degree
}

var texts = map[Kind]func(v int) string{
	Exposure:  func(v int) string { return fmt.Sprintf("-%g %% light", float64(v)/10) },
	Gain:      func(v int) string { return fmt.Sprintf("+%g %%", float64(v)/10) },
	Cast:      func(v int) string { return fmt.Sprintf("red +%g %%, blue -%g %%", float64(v)/10, float64(v)/10) },
	Blur:      func(v int) string { return fmt.Sprintf("sigma %g/256 of the width", float64(v)/100) },
	Noise:     func(v int) string { return fmt.Sprintf("sigma %d of 255", v) },
	Dead:      func(v int) string { return fmt.Sprintf("%g %% of pixels", float64(v)/100) },
	Lines:     func(v int) string { return fmt.Sprintf("%d rows or columns", v) },
	Occlusion: func(v int) string { return fmt.Sprintf("%d %% of the picture", v) },
	Shift:     func(v int) string { return fmt.Sprintf("%g %% of the width", float64(v)/10) },
	Rotation:  func(v int) string { return fmt.Sprintf("%g degrees", float64(v)/10) },
}

// Strength words what a grade of k is.
func Strength(k Kind, grade int) string {
	s, ok := strengths[k]
	if !ok || grade < 1 || grade > Grades {
		return ""
	}
	return texts[k](s[grade-1])
}

// work is what one corruption of one picture is done with.
type work struct {
	f       *edge.Frame
	v       int        // strength
	sensor  *rand.Rand // the same for every picture
	picture *rand.Rand // of this picture
}

var ways = map[Kind]func(*work){
	Exposure:  func(w *work) { w.scale(1000-w.v, 1000-w.v, 1000-w.v) },
	Gain:      func(w *work) { w.scale(1000+w.v, 1000+w.v, 1000+w.v) },
	Cast:      (*work).cast,
	Blur:      (*work).blur,
	Noise:     (*work).noise,
	Dead:      (*work).deadPixels,
	Lines:     (*work).deadLines,
	Occlusion: (*work).occlude,
	Shift:     (*work).shift,
	Rotation:  (*work).rotate,
}

// Apply spoils f, picture number i of a series, in place.
func Apply(f *edge.Frame, k Kind, grade int, seed, i uint64) error {
	if err := f.Check(); err != nil {
		return err
	}
	s, ok := strengths[k]
	if !ok {
		return fmt.Errorf("corruption %q is not one of %q", k, Kinds())
	}
	if grade < 1 || grade > Grades {
		return fmt.Errorf("corruption grade %d; it is 1 to %d", grade, Grades)
	}
	ways[k](&work{
		f: f, v: s[grade-1],
		sensor: rand.New(rand.NewPCG(seed, uint64(len(k)))), picture: rand.New(rand.NewPCG(seed+1, i)),
	})
	return nil
}

// each replaces every byte; channel is 0, 1 or 2 (0 on grey pictures).
func (w *work) each(change func(v, channel int) int) {
	bpp := w.f.Format.BytesPerPixel()
	for y := range w.f.Height {
		for i, row := 0, w.f.Row(y); i < len(row); i++ {
			row[i] = byte(min(max(change(int(row[i]), i%bpp), 0), 255))
		}
	}
}

// scale multiplies the channels by thousandths.
func (w *work) scale(r, g, b int) {
	by := [3]int{r, g, b}
	w.each(func(v, c int) int { return (v*by[c] + 500) / 1000 })
}

func (w *work) cast() {
	if w.f.Format == edge.RGB24 {
		w.scale(1000+w.v, 1000, 1000-w.v)
	}
}

// noise adds the sum of twelve uniform numbers, Gaussian enough and exact.
func (w *work) noise() {
	const n = 12 // variance of the sum of 12 uniform numbers of width 1 is 1
	w.each(func(v, _ int) int {
		sum := 0
		for range n / 4 {
			u := w.picture.Uint64()
			sum += int(u&0xffff) + int(u>>16&0xffff) + int(u>>32&0xffff) + int(u>>48)
		}
		d := (sum - n*0x8000) * w.v // in 1/65536 codes
		return v + (d+0x8000)>>16
	})
}

func (w *work) set(x, y int, to byte) {
	bpp := w.f.Format.BytesPerPixel()
	p := w.f.Row(y)[x*bpp:][:bpp]
	for i := range p {
		p[i] = to
	}
}

// stuck is black or white.
func (w *work) stuck() byte { return byte(255 * w.sensor.IntN(2)) }

func (w *work) deadPixels() {
	for range max(1, w.f.Width*w.f.Height*w.v/10000) {
		w.set(w.sensor.IntN(w.f.Width), w.sensor.IntN(w.f.Height), w.stuck())
	}
}

func (w *work) deadLines() {
	for range w.v {
		to := w.stuck()
		if w.sensor.IntN(2) == 0 {
			y := w.sensor.IntN(w.f.Height)
			for x := range w.f.Width {
				w.set(x, y, to)
			}
			continue
		}
		x := w.sensor.IntN(w.f.Width)
		for y := range w.f.Height {
			w.set(x, y, to)
		}
	}
}

// occlude covers v percent with a dark rectangle that reaches in from one of
// the four sides, over a half of its length.
func (w *work) occlude() {
	width, height := w.f.Width, w.f.Height
	side := w.picture.IntN(4)
	long, deep := width/2, height*2*w.v/100
	if side >= 2 {
		long, deep = height/2, width*2*w.v/100
	}
	from := w.picture.IntN(long + 1)
	for a := from; a < from+long; a++ {
		for d := range max(1, deep) {
			switch side {
			case 0:
				w.set(a, d, 24)
			case 1:
				w.set(a, height-1-d, 24)
			case 2:
				w.set(d, a, 24)
			default:
				w.set(width-1-d, a, 24)
			}
		}
	}
}
