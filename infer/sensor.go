package infer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"winnow/edge"
)

// SensorSchema is the version of Sensor that this program writes; it reads 1 too.
const SensorSchema = 2

// What is believed to be missing from a frame, and how much of it may be.
const (
	deadFrames   = 16   // frames over which a pixel must hold one value to be called dead
	deadContrast = 24   // levels that it must differ from its neighbours' mean
	deadStands   = 4    // of the frames in which it must: where it lies on what is as bright, it cannot
	deadCluster  = 4    // adjoining pixels that hold like values; more are a bright or dark area, not the sensor
	mostDead     = 0.01 // of all pixels; more are not the sensor's
	lineContrast = 12   // levels by which a dead line differs from its neighbours, in the mean
	lineCrossed  = 16   // pixels of a dead line that other dead lines may cross
	lineBundle   = 3    // adjoining dead lines that are bridged
	lineLively   = 8    // one in so many pixels of a living line differs from the next; fewer are a clipped ground or a drawing
	mostMissing  = 0.05 // of a frame that is bridged; above it the frame is a bad one
	edgeRows     = 0.08 // of a frame's rows that may hold one value at its edge, beyond what taught ones did
	evenLevels   = 8    // within which all pixels of a taught ground lie that less light, or clipping, may make one value
	brightRow    = 224  // level from which such rows are an overexposed ground: rows that never arrived are black or grey
)

// Sensor is what is known of the camera: pixels that hold one value whatever is
// before them. It has no say in verdicts but through what it bridges.
type Sensor struct {
	Schema int `json:"schema"`
	Width  int `json:"width"` // of the frames that were looked at; 0 where they differ in size
	Height int `json:"height"`
	// Dead pixels, 8 bytes each, little-endian: x and y (16 bits each), then the
	// value in three channels (equal where frames are grey) and a zero.
	Dead  []byte     `json:"dead"`
	Lines []DeadLine `json:"lines"`
	// Striped: some taught frame had a row or a column that looks dead and is none of
	// Lines, as parts with printed rules have. Then what looks dead says nothing of the
	// camera, and only Lines are bridged.
	Striped bool `json:"striped"`
	// Top and Bottom are the largest shares of rows, from there on, that all but held one
	// value in a taught frame, as even grounds do. A frame that was cut off on its way has
	// more.
	Top    float64 `json:"top"`
	Bottom float64 `json:"bottom"`
}

// DeadLine is a row or a column of pixels that hold one value.
type DeadLine struct {
	At     int      `json:"at"` // its number, from the top or the left
	Column bool     `json:"column"`
	Value  [3]uint8 `json:"value"` // in three channels, equal where frames are grey
}

// of is the line in f.
func (d DeadLine) of(f *edge.Frame) line {
	if d.Column {
		return columnOf(f, d.At)
	}
	return rowOf(f, d.At)
}

// pixel is where pixel i of the line lies.
func (d DeadLine) pixel(i int) (x, y int) {
	if d.Column {
		return d.At, i
	}
	return i, d.At
}

// knows reports whether a row or column is among Lines.
func (s *Sensor) knows(at int, column bool) bool {
	for _, d := range s.Lines {
		if d.At == at && d.Column == column {
			return true
		}
	}
	return false
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
	var read struct {
		Sensor
		// Even, of schema 1: some taught frame had a row or a column of one value.
		Even bool `json:"even"`
	}
	if err := json.Unmarshal(b, &read); err != nil {
		return nil, fmt.Errorf("sensor: %w", err)
	}
	s := &read.Sensor
	if s.Schema == 1 {
		s.Schema, s.Striped, s.Top, s.Bottom = SensorSchema, read.Even, 0, 0
		if read.Even {
			s.Top, s.Bottom = 1, 1
		}
	}
	switch {
	case s.Schema != SensorSchema:
		return nil, fmt.Errorf("sensor: schema %d; this program knows 1 and %d", s.Schema, SensorSchema)
	case !(s.Top >= 0 && s.Top <= 1 && s.Bottom >= 0 && s.Bottom <= 1):
		return nil, fmt.Errorf("sensor: shares of rows %g and %g; they are 0 to 1", s.Top, s.Bottom)
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
	for _, d := range s.Lines {
		if d.At < 0 || d.At >= s.across(d.Column) {
			return nil, fmt.Errorf("sensor: dead line %d lies outside frames of %dx%d", d.At, s.Width, s.Height)
		}
	}
	if s.tooManyLines() {
		return nil, fmt.Errorf("sensor: %d dead lines in frames of %dx%d are more than %.0f %%", len(s.Lines), s.Width, s.Height, 100*mostMissing)
	}
	return s, nil
}

// across is how many rows, or columns, frames have.
func (s *Sensor) across(columns bool) int {
	if columns {
		return s.Width
	}
	return s.Height
}

// tooManyLines reports whether frames with Lines would lack too much to be judged.
func (s *Sensor) tooManyLines() bool {
	n := 0
	for _, d := range s.Lines {
		n += s.across(!d.Column)
	}
	return float64(n) > mostMissing*float64(s.Width*s.Height)
}

// ForTeaching is s while frames are taught: what is known to be dead is bridged, and
// lines that only look so are learned as they are.
func (s *Sensor) ForTeaching() *Sensor {
	t := *s
	t.Striped, t.Top, t.Bottom = true, 1, 1
	return &t
}

// Renew is what fresh frames, which s comes from, and the sensor as it was taught
// say together: pixels may have died since, and so may lines, which says nothing of
// what was taught.
func (s *Sensor) Renew(old *Sensor) {
	if old == nil {
		return
	}
	s.Striped, s.Top, s.Bottom = old.Striped, old.Top, old.Bottom
	if s.Width == 0 { // nothing new is known of the camera
		s.Width, s.Height, s.Dead, s.Lines = old.Width, old.Height, old.Dead, old.Lines
	}
}

// Confirm looks at one more taught frame: a pixel or a line that shows something else
// in it is alive.
func (s *Sensor) Confirm(f *edge.Frame) {
	top, bottom := edgeShares(f, evenLevels)
	s.Top, s.Bottom = max(s.Top, top), max(s.Bottom, bottom)
	rows, columns := deadLines(f, s, nil, nil)
	fits := f.Width == s.Width && f.Height == s.Height
	var lines []DeadLine
	for _, d := range s.Lines {
		if fits && (d.Column && slices.Contains(columns, d.At) || !d.Column && slices.Contains(rows, d.At)) {
			lines = append(lines, d)
		}
	}
	s.Lines = lines
	if rows, columns = deadLines(f, nil, rows[:0], columns[:0]); !s.Striped {
		s.Striped = slices.ContainsFunc(rows, func(y int) bool { return !s.knows(y, false) }) ||
			slices.ContainsFunc(columns, func(x int) bool { return !s.knows(x, true) })
	}
	if s.Count() == 0 {
		return
	}
	var dead []byte
	for i, d := range s.pixels() {
		if fits && valueAt(f, d.x, d.y) == d.value {
			dead = append(dead, s.Dead[8*i:8*i+8]...)
		}
	}
	s.Dead = dead
}

// Beyond is what s says to be dead and known, which may be nil, does not.
func (s *Sensor) Beyond(known *Sensor) *Sensor {
	if known == nil || known.Width != s.Width || known.Height != s.Height {
		return s
	}
	old := map[deadPixel]bool{}
	for _, d := range known.pixels() {
		old[d] = true
	}
	out := *s
	out.Dead, out.Lines = nil, nil
	for i, d := range s.pixels() {
		if !old[d] {
			out.Dead = append(out.Dead, s.Dead[8*i:8*i+8]...)
		}
	}
	for _, d := range s.Lines {
		if !known.knows(d.At, d.Column) {
			out.Lines = append(out.Lines, d)
		}
	}
	return &out
}

// String counts what is dead and says where the first of it is; "" where nothing is.
func (s *Sensor) String() string {
	var said []string
	if n := s.Count(); n > 0 {
		first := s.pixels()[0]
		said = append(said, fmt.Sprintf("%d dead pixels (%d,%d and so on)", n, first.x, first.y))
		if n == 1 {
			said[0] = fmt.Sprintf("a dead pixel at %d,%d", first.x, first.y)
		}
	}
	for _, kind := range []struct {
		column bool
		name   string
	}{{false, "row"}, {true, "column"}} {
		var at []string
		for _, d := range s.Lines {
			if d.Column == kind.column {
				at = append(at, strconv.Itoa(d.At))
			}
		}
		switch len(at) {
		case 0:
		case 1:
			said = append(said, fmt.Sprintf("a dead %s, %s", kind.name, at[0]))
		default:
			said = append(said, fmt.Sprintf("%d dead %ss (%s)", len(at), kind.name, strings.Join(at, ", ")))
		}
	}
	return strings.Join(said, " and ")
}

// edgeShares are the shares of rows, from the top and from the bottom, whose pixels all
// lie within so many levels of the outermost row's first.
func edgeShares(f *edge.Frame, levels int) (top, bottom float64) {
	n := evenRows(f, levels, func(i int) int { return i })
	if n == f.Height {
		return 1, 1
	}
	m := evenRows(f, levels, func(i int) int { return f.Height - 1 - i })
	return float64(n) / float64(f.Height), float64(m) / float64(f.Height)
}

// evenRows counts such rows of f from row(0) on.
func evenRows(f *edge.Frame, levels int, row func(i int) int) int {
	first := valueAt(f, 0, row(0))
	n := 0
	for n < f.Height && within(f, row(n), first, levels) {
		n++
	}
	return n
}

// within reports whether all pixels of row y lie within so many levels of v.
func within(f *edge.Frame, y int, v [3]uint8, levels int) bool {
	row, bpp := f.Row(y), f.Format.BytesPerPixel()
	for i := 0; i < len(row); i += bpp {
		for c := range bpp {
			if d := int(row[i+c]) - int(v[c]); d > levels || d < -levels {
				return false
			}
		}
	}
	return true
}

// bright reports whether v is lighter than what stands in for rows that never arrived.
func bright(v [3]uint8) bool { return min(v[0], v[1], v[2]) >= brightRow }
