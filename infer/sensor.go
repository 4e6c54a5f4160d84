package infer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"winnow/edge"
)

// SensorSchema is the version of Sensor that this program knows.
const SensorSchema = 1

// What is believed to be missing from a frame, and how much of it may be.
const (
	deadFrames   = 16   // frames over which a pixel must hold one value to be called dead
	deadContrast = 24   // levels that it must differ from its neighbours' mean, in the first and in the last of them
	deadCluster  = 4    // adjoining pixels that hold their values; more are a bright or dark area, not the sensor
	mostDead     = 0.01 // of all pixels; more are not the sensor's
	lineContrast = 12   // levels by which a dead line differs from its neighbours, in the mean
	lineCrossed  = 16   // pixels of a dead line that other dead lines may cross
	lineBundle   = 3    // adjoining dead lines that are bridged
	mostMissing  = 0.05 // of a frame that is bridged; above it the frame is a bad one
	edgeRows     = 0.08 // of a frame's rows that may hold one value at its edge
)

// Sensor is what is known of the camera: pixels that hold one value whatever is
// before them. It has no say in verdicts but through what it bridges.
type Sensor struct {
	Schema int `json:"schema"`
	Width  int `json:"width"` // of the frames that were looked at; 0 where they differ in size
	Height int `json:"height"`
	// Dead pixels, 8 bytes each, little-endian: x and y (16 bits each), then the
	// value in three channels (equal where frames are grey) and a zero.
	Dead []byte `json:"dead"`
	// Even: some taught frame had a row or a column of one value, as pictures without
	// sensor noise or with clipped grounds have. Then such lines say nothing of the
	// camera: none is bridged, and no frame is bad for them.
	Even bool `json:"even"`
}

type deadPixel struct {
	x, y  int
	value [3]uint8
}

func (s *Sensor) pixels() []deadPixel {
	var out []deadPixel
	for b := s.Dead; len(b) >= 8; b = b[8:] {
		out = append(out, deadPixel{int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:])), [3]uint8{b[4], b[5], b[6]}})
	}
	return out
}

// Count is the number of dead pixels.
func (s *Sensor) Count() int { return len(s.Dead) / 8 }

// Encode returns the JSON form.
func (s *Sensor) Encode() ([]byte, error) { return json.Marshal(s) }

// ParseSensor reads and checks what Encode wrote.
func ParseSensor(b []byte) (*Sensor, error) {
	s := new(Sensor)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("sensor: %w", err)
	}
	switch {
	case s.Schema != SensorSchema:
		return nil, fmt.Errorf("sensor: schema %d; this program knows %d", s.Schema, SensorSchema)
	case s.Width < 0 || s.Height < 0 || s.Width > math.MaxUint16 || s.Height > math.MaxUint16 || len(s.Dead)%8 != 0:
		return nil, fmt.Errorf("sensor: %d bytes of dead pixels in frames of %dx%d", len(s.Dead), s.Width, s.Height)
	case float64(s.Count()) > mostDead*float64(s.Width*s.Height):
		return nil, fmt.Errorf("sensor: %d dead pixels in frames of %dx%d are more than %.0f %%", s.Count(), s.Width, s.Height, 100*mostDead)
	}
	for _, d := range s.pixels() {
		if d.x >= s.Width || d.y >= s.Height {
			return nil, fmt.Errorf("sensor: dead pixel %d,%d lies outside frames of %dx%d", d.x, d.y, s.Width, s.Height)
		}
	}
	return s, nil
}

// SensorLearner finds what holds still in frames of different parts. The zero
// value has seen none.
type SensorLearner struct {
	first, last edge.Frame
	still       []bool // pixels that have held their value since the first frame
	frames      int
	mixed       bool // frames differ in size or format
	even        bool
}

// Add looks at one frame, which stays the caller's.
func (l *SensorLearner) Add(f *edge.Frame) {
	if f.Check() != nil || f.Flags != 0 {
		return
	}
	l.even = l.even || isEven(f)
	l.frames++
	if l.frames == 1 {
		copyInto(&l.first, f)
		l.still = make([]bool, f.Width*f.Height)
		for i := range l.still {
			l.still[i] = true
		}
	}
	if l.mixed = l.mixed || f.Width != l.first.Width || f.Height != l.first.Height || f.Format != l.first.Format; l.mixed {
		l.first, l.last, l.still = edge.Frame{}, edge.Frame{}, nil
		return
	}
	bpp := f.Format.BytesPerPixel()
	for y := range f.Height {
		a, b, still := l.first.Row(y), f.Row(y), l.still[y*f.Width:]
		for x := range f.Width {
			for c := x * bpp; c < (x+1)*bpp && still[x]; c++ {
				still[x] = a[c] == b[c]
			}
		}
	}
	copyInto(&l.last, f)
}

// copyInto makes dst a dense copy of f.
func copyInto(dst, f *edge.Frame) {
	pix := dst.Pix[:0]
	for y := range f.Height {
		pix = append(pix, f.Row(y)...)
	}
	*dst = *f
	dst.Pix, dst.Stride = pix, f.Width*f.Format.BytesPerPixel()
}

// Sensor is what has been found. Few frames, or frames of different sizes, say
// nothing of single pixels; nor do very many pixels that hold still.
func (l *SensorLearner) Sensor() *Sensor {
	s := &Sensor{Schema: SensorSchema, Even: l.even}
	if l.mixed || l.frames < deadFrames || l.first.Width > math.MaxUint16 || l.first.Height > math.MaxUint16 {
		return s
	}
	s.Width, s.Height = l.first.Width, l.first.Height
	for i := range l.still {
		if x, y := i%s.Width, i/s.Width; l.still[i] && l.alone(x, y) && l.stands(&l.first, x, y) && l.stands(&l.last, x, y) {
			v := valueAt(&l.first, x, y)
			s.Dead = binary.LittleEndian.AppendUint16(s.Dead, uint16(x))
			s.Dead = binary.LittleEndian.AppendUint16(s.Dead, uint16(y))
			s.Dead = append(s.Dead, v[0], v[1], v[2], 0)
		}
	}
	if float64(s.Count()) > mostDead*float64(len(l.still)) {
		s.Dead = nil
	}
	return s
}

// ForTeaching is s while frames are taught: dead pixels are bridged, and lines are
// learned as they are.
func (s *Sensor) ForTeaching() *Sensor {
	t := *s
	t.Even = true
	return &t
}

// Renew is what fresh frames, which s comes from, and the sensor as it was taught
// say together: pixels may have died since, and so may lines, which says nothing of
// what was taught.
func (s *Sensor) Renew(old *Sensor) {
	if old == nil {
		return
	}
	if s.Even = old.Even; s.Width == 0 { // nothing new is known of pixels
		s.Width, s.Height, s.Dead = old.Width, old.Height, old.Dead
	}
}

// Confirm looks at one more taught frame: a pixel that shows something else in it is
// alive.
func (s *Sensor) Confirm(f *edge.Frame) {
	s.Even = s.Even || isEven(f)
	if s.Count() == 0 {
		return
	}
	var dead []byte
	if f.Width == s.Width && f.Height == s.Height {
		for i, d := range s.pixels() {
			if valueAt(f, d.x, d.y) == d.value {
				dead = append(dead, s.Dead[8*i:8*i+8]...)
			}
		}
	}
	s.Dead = dead
}

// alone reports whether at most deadCluster adjoining pixels hold still with this one.
func (l *SensorLearner) alone(x, y int) bool {
	w, h := l.first.Width, l.first.Height
	found := [][2]int{{x, y}}
	for k := 0; k < len(found); k++ {
		for ny := max(found[k][1]-1, 0); ny <= min(found[k][1]+1, h-1); ny++ {
			for nx := max(found[k][0]-1, 0); nx <= min(found[k][0]+1, w-1); nx++ {
				if !l.still[ny*w+nx] || contains(found, nx, ny) {
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
func (l *SensorLearner) stands(f *edge.Frame, x, y int) bool {
	mean, ok := around(f, x, y, func(i int) bool { return l.still[i] })
	if !ok {
		return false
	}
	v := valueAt(f, x, y)
	for c := range v {
		if d := int(v[c]) - int(mean[c]); d >= deadContrast || d <= -deadContrast {
			return true
		}
	}
	return false
}

// around is the mean of a pixel's neighbours that are not out, of the nearest ring
// that has any within two pixels.
func around(f *edge.Frame, x, y int, out func(i int) bool) (mean [3]uint8, ok bool) {
	for reach := 1; reach <= 2; reach++ {
		var sum [3]int
		n := 0
		for ny := max(y-reach, 0); ny <= min(y+reach, f.Height-1); ny++ {
			for nx := max(x-reach, 0); nx <= min(x+reach, f.Width-1); nx++ {
				if out(ny*f.Width + nx) {
					continue
				}
				v := valueAt(f, nx, ny)
				for c := range sum {
					sum[c] += int(v[c])
				}
				n++
			}
		}
		if n > 0 {
			for c := range mean {
				mean[c] = uint8((sum[c] + n/2) / n)
			}
			return mean, true
		}
	}
	return mean, false
}

// valueAt is a pixel in three channels, equal where f is grey.
func valueAt(f *edge.Frame, x, y int) [3]uint8 {
	if f.Format == edge.Gray8 {
		v := f.Pix[y*f.Stride+x]
		return [3]uint8{v, v, v}
	}
	p := f.Pix[y*f.Stride+3*x:][:3]
	return [3]uint8{p[0], p[1], p[2]}
}

func setAt(f *edge.Frame, x, y int, v [3]uint8) {
	if f.Format == edge.Gray8 {
		f.Pix[y*f.Stride+x] = v[0]
		return
	}
	copy(f.Pix[y*f.Stride+3*x:][:3], v[:])
}

// edgeShares are the shares of rows, from the top and from the bottom, that hold
// one value, the same in all of them.
func edgeShares(f *edge.Frame) (top, bottom float64) {
	n := 0
	for n < f.Height && uniform(f, n) && valueAt(f, 0, n) == valueAt(f, 0, 0) {
		n++
	}
	m := 0
	for m < f.Height-n && uniform(f, f.Height-1-m) && valueAt(f, 0, f.Height-1-m) == valueAt(f, 0, f.Height-1) {
		m++
	}
	return float64(n) / float64(f.Height), float64(m) / float64(f.Height)
}

// isEven reports whether a row or a column of f holds one value, or looks dead.
func isEven(f *edge.Frame) bool {
	for y := range f.Height {
		if uniform(f, y) {
			return true
		}
	}
	for x := range f.Width {
		n := 1
		for n < f.Height && valueAt(f, x, n) == valueAt(f, x, 0) {
			n++
		}
		if n == f.Height {
			return true
		}
	}
	rows, columns := deadLines(f, nil, nil)
	return len(rows)+len(columns) > 0
}

// uniform reports whether row y holds one value.
func uniform(f *edge.Frame, y int) bool {
	row, bpp := f.Row(y), f.Format.BytesPerPixel()
	for i := bpp; i < len(row); i++ {
		if row[i] != row[i-bpp] {
			return false
		}
	}
	return true
}
