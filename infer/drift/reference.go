package drift

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Schema is the version of Reference that this program knows.
const Schema = 1

// MaxSeeds bounds the measures that a Reference keeps.
const MaxSeeds = 512

// Reference is what taught parts look like, as far as drift is concerned. It
// travels in the package as JSON.
//
// Cells, Weights, Signatures and Components live in a grid of cells over the
// picture moved back to where parts usually lie: [14][14][3] means of pixels. The
// deviation r of a part from Cells is modelled as r = A t + e, where the columns
// of A are Signatures (what more light, a shift, a turn and a blur do to Cells)
// and e is normal with the low-rank covariance of taught parts. t is estimated by
// generalized least squares (Aitken, 1935), so a direction in which good parts
// differ anyway, such as the colour of a lot, is not taken for light.
type Reference struct {
	Schema  int          `json:"schema"`
	Width   int          `json:"width"` // of the graph's input
	Height  int          `json:"height"`
	Columns [2][]float64 `json:"columns"` // profiles of contrast: see profiles
	Rows    [2][]float64 `json:"rows"`
	Edges   []int32      `json:"edges"` // pixels that sharpness is measured at, as differences from one to the next
	Cells   []float32    `json:"cells"`

	Signatures [][]float32 `json:"signatures"` // light first
	Solver     [][]float32 `json:"solver"`     // t[i] = Solver[i] . r
	Components [][]float32 `json:"components"` // of the covariance: orthonormal
	Shrink     []float64   `json:"shrink"`     // (1 - rest/variance) of each component
	Rest       float64     `json:"rest"`       // variance across components

	Seeds []Sample `json:"seeds"` // measures of taught parts that the rest was not fitted to
}

// Encode returns the JSON form.
func (r *Reference) Encode() ([]byte, error) {
	r.Schema = Schema
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("drift reference: %w", err)
	}
	return json.Marshal(r)
}

// Parse reads and checks what Encode wrote.
func Parse(b []byte) (*Reference, error) {
	r := new(Reference)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("drift reference: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("drift reference: %w", err)
	}
	return r, nil
}

func (r *Reference) check() error {
	n := r.Width * r.Height
	switch {
	case r.Schema != Schema:
		return fmt.Errorf("schema %d; this program knows %d", r.Schema, Schema)
	case r.Width < MinSide || r.Height < MinSide || r.Width > 4096 || r.Height > 4096:
		return fmt.Errorf("size %dx%d", r.Width, r.Height)
	case len(r.Cells) != cells || len(r.Signatures) == 0 || len(r.Signatures) != len(r.Solver) || len(r.Components) != len(r.Shrink):
		return errors.New("cells, signatures and components do not fit")
	case !(r.Rest > 0):
		return fmt.Errorf("rest variance %g", r.Rest)
	case len(r.Edges) > n || len(r.Seeds) > MaxSeeds:
		return fmt.Errorf("%d edges, %d seeds", len(r.Edges), len(r.Seeds))
	}
	for i := range 2 {
		if len(r.Columns[i]) != r.Width || len(r.Rows[i]) != r.Height {
			return errors.New("profiles do not fit the size")
		}
	}
	for _, set := range [][][]float32{r.Signatures, r.Solver, r.Components} {
		for _, v := range set {
			if len(v) != cells {
				return errors.New("a vector does not fit the grid")
			}
		}
	}
	return r.checkNumbers(n)
}

func (r *Reference) checkNumbers(pixels int) error {
	at := int64(0)
	for _, e := range r.Edges {
		if at += int64(e); at < 0 || at >= int64(pixels) {
			return errors.New("an edge lies outside the picture")
		}
	}
	for _, s := range r.Shrink {
		if !(s >= 0 && s < 1) {
			return fmt.Errorf("shrinkage %g", s)
		}
	}
	for _, s := range r.Seeds {
		for _, v := range s {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return errors.New("a seed is not a number")
			}
		}
	}
	return nil
}

// MinSide is the smallest input, in pixels a side, that is measured.
const MinSide = 64

// Meter measures pictures against a reference. It allocates nothing for a
// picture and is not safe for concurrent use.
type Meter struct {
	ref     *Reference
	profile profiles
	whole   [2][]float64 // ref's profiles, both halves together
	edges   []int32

	pic     *picture
	current profiles
	sum     [2][]float64
	dev     []float32 // deviation of the cells
	moves   int
}

// NewMeter for inputs of the reference's size.
func NewMeter(r *Reference) *Meter {
	m := &Meter{
		ref: r, profile: profiles{r.Columns, r.Rows}, pic: newPicture(r.Width, r.Height),
		current: newProfiles(r.Width, r.Height), dev: make([]float32, cells),
	}
	m.whole = [2][]float64{make([]float64, r.Width), make([]float64, r.Height)}
	m.sum = [2][]float64{make([]float64, r.Width), make([]float64, r.Height)}
	add(m.whole[0], r.Columns[0], r.Columns[1])
	add(m.whole[1], r.Rows[0], r.Rows[1])
	at := int32(0)
	for _, e := range r.Edges {
		at += e
		m.edges = append(m.edges, at)
	}
	return m
}

// Measure one preprocessed picture: int8 NHWC, three channels, the reference's size.
func (m *Meter) Measure(input []byte) (Sample, error) {
	var s Sample
	if len(input) != 3*len(m.pic.grey) {
		return s, fmt.Errorf("drift: a picture of %d bytes; %dx%dx3 are needed", len(input), m.ref.Width, m.ref.Height)
	}
	m.pic.set(input)
	m.pic.profile(&m.current)
	dx, dy, turn := pose(&m.profile, &m.current, &m.whole, &m.sum)
	s[right], s[down], s[turned] = dx, dy, turn
	ix, iy := int(math.Round(dx)), int(math.Round(dy))
	s[sharpness] = m.pic.sharpAt(m.edges, ix, iy)
	m.pic.cellsAt(ix, iy, m.dev)
	for i, v := range m.ref.Cells {
		m.dev[i] -= v
	}
	s[gain] = m.explain()
	s[unlike] = math.Log(m.distance() + 1e-6)
	return s, nil
}

// explain takes out of dev what the signatures explain, and returns the share of light.
func (m *Meter) explain() float64 {
	light := 0.0
	var t [8]float64
	for i, w := range m.ref.Solver {
		if i < len(t) {
			t[i] = dot(w, m.dev)
		}
	}
	light = t[0]
	for i, a := range m.ref.Signatures {
		if i >= len(t) {
			break
		}
		k := float32(t[i])
		for j, v := range a {
			m.dev[j] -= k * v
		}
	}
	return light
}

// distance is the squared Mahalanobis distance of dev, a dimension.
func (m *Meter) distance() float64 {
	d := dot(m.dev, m.dev)
	for i, c := range m.ref.Components {
		z := dot(c, m.dev)
		d -= m.ref.Shrink[i] * z * z
	}
	return max(d, 0) / (m.ref.Rest * cells)
}

func dot(a, b []float32) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return float64(s0) + float64(s1) + float64(s2) + float64(s3)
}
