package scene

import (
	"fmt"
	"image"

	"winnow/capture"
	"winnow/edge"
)

// Kind is a kind of defect.
type Kind string

// Kinds of defects. Every product can have each.
const (
	Good     Kind = ""         // no defect
	Scratch  Kind = "scratch"  // a bright line with a dark edge
	Dent     Kind = "dent"     // a hollow that catches the light otherwise
	Stain    Kind = "stain"    // an irregular discoloured patch
	Missing  Kind = "missing"  // a hole, component or vent left out or too small
	Chip     Kind = "chip"     // broken out of the outline
	Crack    Kind = "crack"    // a dark jagged line
	Particle Kind = "particle" // something foreign that lies on the part
	Misprint Kind = "misprint" // marks missing or out of place
)

// Kinds lists every kind of defect.
func Kinds() []Kind {
	return []Kind{Scratch, Dent, Stain, Missing, Chip, Crack, Particle, Misprint}
}

// Size grades a defect.
type Size string

// Sizes of defects; a good part has none.
const (
	Small  Size = "small"
	Medium Size = "medium"
	Large  Size = "large"
)

// Sizes lists them, smallest first.
func Sizes() []Size { return []Size{Small, Medium, Large} }

// Defect is what is wrong with a part. The zero Defect is nothing.
type Defect struct {
	Kind Kind
	Size Size
}

// Truth is what is known of a part because it was drawn.
type Truth struct {
	Part    uint64
	Product string
	Defect
	Box  image.Rectangle // of the defect in pixels; empty for a good part
	Area int             // pixels of the defect
}

// Good reports whether nothing is wrong with the part.
func (t Truth) Good() bool { return t.Kind == Good }

// Config of a line. The zero Config is a line of good gears, 256x256 in colour.
type Config struct {
	Seed          uint64
	Product       string  // one of Products(); "": "gear"
	Width, Height int     // pixels; 0: 256. The part fills the width
	Grey          bool    // Gray8 frames instead of RGB24
	DefectRate    float64 // share of parts with a defect, 0..1
	Kinds         []Kind  // that occur; nil: all
	Sizes         []Size  // that occur; nil: all
	Still         bool    // no pose jitter, vibration, flicker, noise or dust
	// Conditions says in what the line differs from its usual state when a part
	// passes; nil: in nothing. It must give the same answer for the same part.
	Conditions func(part uint64) Conditions
}

// Scene draws the parts of a line. Not safe for concurrent use; Clone makes
// one for another goroutine.
type Scene struct {
	cfg   Config
	prod  *product
	mat   *materials
	optic *optics

	paint painter
	clean []uint16 // the part without its defect
	mask  []uint8  // 255 where the defect is
	line  []uint16 // scratch of the blur
	now   look     // of the part at hand
	plain twist    // changes nothing
}

// Limits of a picture's sides.
const (
	minSide = 32
	maxSide = 2048
)

// New prepares a line: a few hundred milliseconds for the product's artwork.
func New(cfg Config) (*Scene, error) {
	if cfg.Width == 0 {
		cfg.Width = 256
	}
	if cfg.Height == 0 {
		cfg.Height = 256
	}
	if cfg.Width < minSide || cfg.Height < minSide || cfg.Width > maxSide || cfg.Height > maxSide {
		return nil, fmt.Errorf("scene: a picture of %dx%d; each side is %d to %d pixels", cfg.Width, cfg.Height, minSide, maxSide)
	}
	if !(cfg.DefectRate >= 0 && cfg.DefectRate <= 1) {
		return nil, fmt.Errorf("scene: a defect rate of %v; it is 0 to 1", cfg.DefectRate)
	}
	if err := fillDefects(&cfg); err != nil {
		return nil, err
	}
	prod, err := newProduct(cfg.Product, int32(min(max(512, 2*cfg.Width), 1024)))
	if err != nil {
		return nil, err
	}
	s := &Scene{cfg: cfg, prod: prod, mat: newMaterials(cfg.Seed), optic: newOptics(cfg.Seed, int32(cfg.Width), int32(cfg.Height))}
	return s.Clone(), nil
}

// fillDefects puts the defaults in and checks names.
func fillDefects(cfg *Config) error {
	if cfg.Kinds == nil {
		cfg.Kinds = Kinds()
	}
	if cfg.Sizes == nil {
		cfg.Sizes = Sizes()
	}
	for _, k := range cfg.Kinds {
		if _, ok := drawers[k]; !ok {
			return fmt.Errorf("scene: defect %q is not one of %q", k, Kinds())
		}
	}
	for _, z := range cfg.Sizes {
		if z.grade() < 0 {
			return fmt.Errorf("scene: defect size %q is not one of %q", z, Sizes())
		}
	}
	if cfg.DefectRate > 0 && (len(cfg.Kinds) == 0 || len(cfg.Sizes) == 0) {
		return fmt.Errorf("scene: a defect rate of %v without a kind and a size of defect", cfg.DefectRate)
	}
	return nil
}

// grade is 0 for small, 2 for large, -1 for anything unknown.
func (z Size) grade() int {
	for i, s := range Sizes() {
		if s == z {
			return i
		}
	}
	return -1
}

// Clone returns a scene of the same line with its own working memory.
func (s *Scene) Clone() *Scene {
	n := s.cfg.Width * s.cfg.Height
	c := &Scene{cfg: s.cfg, prod: s.prod, mat: s.mat, optic: s.optic}
	c.clean, c.mask, c.line = make([]uint16, 3*n), make([]uint8, n), make([]uint16, 3*max(c.cfg.Width, c.cfg.Height))
	c.paint = painter{w: int32(c.cfg.Width), h: int32(c.cfg.Height), prod: c.prod, mat: c.mat, lin: make([]uint16, 3*n)}
	return c
}

// Product is the name of what the line makes.
func (s *Scene) Product() string { return s.prod.name }

// Size of the pictures in pixels.
func (s *Scene) Size() (width, height int) { return s.cfg.Width, s.cfg.Height }

// Format of the pictures.
func (s *Scene) Format() edge.PixelFormat {
	if s.cfg.Grey {
		return edge.Gray8
	}
	return edge.RGB24
}

// Defect is what the line's DefectRate made of part i.
func (s *Scene) Defect(i uint64) Defect {
	d := newDice(s.cfg.Seed, i, streamFate)
	const scale = 1 << 24
	if float64(d.under(scale)) >= s.cfg.DefectRate*scale {
		return Defect{}
	}
	return Defect{s.cfg.Kinds[d.under(int32(len(s.cfg.Kinds)))], s.cfg.Sizes[d.under(int32(len(s.cfg.Sizes)))]}
}

// Part returns the truth of part i without taking its picture.
func (s *Scene) Part(i uint64) Truth {
	return s.compose(i, s.Defect(i), s.conditions(i))
}

// Render draws part i into dst, which gets the scene's size and format; Seq is
// set to i and Flags are cleared. Nothing is allocated once dst has its memory.
func (s *Scene) Render(i uint64, dst *edge.Frame) Truth {
	return s.Draw(i, s.Defect(i), dst)
}

// Draw is Render of part i as it would be with defect d, whatever the line's
// rate made of it. An unknown kind or size draws a good part.
func (s *Scene) Draw(i uint64, d Defect, dst *edge.Frame) Truth {
	c := s.conditions(i)
	t := s.compose(i, d, c)
	s.expose(i, c, dst)
	dst.Seq, dst.Flags = i, 0
	return t
}

// Mask draws the truth of part i as it would be with defect d: Gray8, 255 on
// the defect and 0 elsewhere.
func (s *Scene) Mask(i uint64, d Defect, dst *edge.Frame) Truth {
	t := s.compose(i, d, s.conditions(i))
	capture.Reshape(dst, s.cfg.Width, s.cfg.Height, edge.Gray8)
	copy(dst.Pix, s.mask)
	dst.Seq, dst.Flags = i, 0
	return t
}

func (s *Scene) conditions(i uint64) Conditions {
	if s.cfg.Conditions == nil {
		return Conditions{}
	}
	return s.cfg.Conditions(i)
}

// compose draws part i without the camera's part in it: s.paint.lin, s.mask.
func (s *Scene) compose(i uint64, d Defect, c Conditions) Truth {
	t := Truth{Part: i, Product: s.prod.name}
	s.now = s.look(i, c)
	all := image.Rect(0, 0, s.cfg.Width, s.cfg.Height)
	s.paint.paint(all, &s.now, &s.plain)
	clear(s.mask)
	if draw, ok := drawers[d.Kind]; ok && d.Size.grade() >= 0 {
		t.Defect = d
		copy(s.clean, s.paint.lin)
		dd := newDice(s.cfg.Seed, i, streamDefect)
		draw(&scar{paint: &s.paint, look: &s.now, dice: &dd, grade: int32(d.Size.grade())})
		t.Box, t.Area = s.difference()
	}
	return t
}

// look draws lots for the pose and the surface of part i.
func (s *Scene) look(i uint64, c Conditions) look {
	pose, surf := newDice(s.cfg.Seed, i, streamPose), newDice(s.cfg.Seed, i, streamSurface)
	jitter := int32(1)
	if s.cfg.Still {
		jitter = 0
	}
	rot := jitter*pose.around(turn/1000) + fix(c.Rotate/360, turn) // +-0.36 degrees
	l := look{
		du: jitter*pose.around(one) + fix(c.ShiftX, one), dv: jitter*pose.around(one/2) + fix(c.ShiftY, one),
		cos: cosine(rot), sin: sine(rot),
		printU: surf.around(3 * one / 4), printV: surf.around(3 * one / 4),
		fade:   218 + surf.around(18),
		brush:  64 + surf.around(12) + fix(c.Product, 120),
		ringAt: surf.under(1 << 18), grainU: surf.under(1 << 16), grainV: surf.under(1 << 16),
		beltX: surf.under(1 << 16), beltY: surf.under(1 << 16),
	}
	lot := surf.around(256)
	for k := range l.tint {
		l.tint[k] = 256 + lot*s.prod.speckle[k]>>8 + surf.around(2) + fix(c.Product, 3*s.prod.speckle[k])
	}
	l.printU += fix(c.Product, one)
	return l
}

// difference marks in s.mask the pixels that the defect changed beyond 2.5 %
// of white, with a rim of one pixel as the blur of the camera gives them.
func (s *Scene) difference() (image.Rectangle, int) {
	const least = white / 40
	w, h := s.cfg.Width, s.cfg.Height
	lin, clean := s.paint.lin, s.clean
	for i := range s.mask {
		changed := false
		for k := 3 * i; k < 3*i+3; k++ {
			d := int32(lin[k]) - int32(clean[k])
			// dark surfaces show less light but the same contrast
			changed = changed || abs32(d) > least || abs32(d)*6 > int32(clean[k])+160
		}
		if !changed {
			continue
		}
		x, y := i%w, i/w
		for yy := max(y-1, 0); yy <= min(y+1, h-1); yy++ {
			for xx := max(x-1, 0); xx <= min(x+1, w-1); xx++ {
				s.mask[yy*w+xx] = 255
			}
		}
	}
	return bounds(s.mask, w, h)
}

// bounds is the box and the number of the marked pixels.
func bounds(mask []uint8, w, h int) (box image.Rectangle, n int) {
	for y := range h {
		for x, v := range mask[y*w : (y+1)*w] {
			if v != 0 {
				box = box.Union(image.Rect(x, y, x+1, y+1))
				n++
			}
		}
	}
	return box, n
}
