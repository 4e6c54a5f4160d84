package infer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"winnow/edge"
)

// ExemplarsSchema is the version of Exemplars that this program knows.
const ExemplarsSchema = 1

// Bounds on Exemplars.
const (
	MaxExemplars = 256
	maxThumbs    = 256 << 10 // bytes of all thumbs together; behind that, names only
	thumbSide    = 64        // pixels, the longer side of a thumb
	maxName      = 64        // bytes
	codeStep     = 1.0 / 16  // standard deviations a step of a code
)

// Exemplars are taught parts that lie far apart in latent space: what a rejected
// part is shown beside. They have no say in verdicts.
type Exemplars struct {
	Schema int        `json:"schema"`
	Step   float64    `json:"step"`  // standard deviations of taught parts that one step of a code stands for
	Usual  float64    `json:"usual"` // the median exemplar's distance to its nearest; 0 where there is only one
	Parts  []Exemplar `json:"parts"`
}

// Exemplar is one taught part.
type Exemplar struct {
	Name  string `json:"name"`            // of its picture, or its number
	Code  []byte `json:"code"`            // int8: its descriptor along the latent basis
	Thumb []byte `json:"thumb,omitempty"` // JPEG; none where the bound on all of them is reached
}

// NewExemplars chooses at most MaxExemplars of the taught parts, given by their
// descriptors, names and thumbs (nil for none): first the one nearest the mean, then
// always the one farthest from those chosen (Gonzalez, Theoretical Computer Science
// 38, 1985). It returns nil where the latent model has no directions.
func NewExemplars(m *LatentModel, descriptors [][]float64, names []string, thumbs [][]byte) *Exemplars {
	if len(m.Basis) == 0 || len(descriptors) == 0 {
		return nil
	}
	codes := make([][]byte, len(descriptors))
	for i, d := range descriptors {
		codes[i] = make([]byte, len(m.Basis))
		m.encode(codes[i], m.along(d))
	}
	e := &Exemplars{Schema: ExemplarsSchema, Step: codeStep}
	used := 0
	for _, i := range spread(codes, MaxExemplars) {
		x := Exemplar{Name: shortName(names[i]), Code: codes[i]}
		if i < len(thumbs) && used+len(thumbs[i]) <= maxThumbs {
			used += len(thumbs[i])
			x.Thumb = thumbs[i]
		}
		e.Parts = append(e.Parts, x)
	}
	e.Usual = e.usual()
	return e
}

// along is a descriptor, not yet standardized, along the basis.
func (m *LatentModel) along(desc []float64) []float64 {
	out := make([]float64, len(m.Basis))
	for i, b := range m.Basis {
		for j, v := range desc {
			out[i] += mul((v-m.Mean[j])/m.Scale[j], b[j])
		}
	}
	return out
}

// encode writes coordinates along the basis to code: int8 steps of codeStep
// standard deviations.
func (m *LatentModel) encode(code []byte, along []float64) {
	for i, z := range along {
		s := z / math.Sqrt(m.Variance[i]) / codeStep
		if !(s >= -127) { // too low, or no number
			s = -127
		}
		code[i] = byte(int8(math.RoundToEven(min(s, 127))))
	}
}

// spread chooses at most n codes that lie far apart.
func spread(codes [][]byte, n int) []int {
	zero := make([]byte, len(codes[0]))
	next, gap := 0, make([]int, len(codes)) // to the nearest of those chosen
	for i, c := range codes {
		gap[i] = math.MaxInt
		if apart(c, zero) < apart(codes[next], zero) {
			next = i
		}
	}
	var chosen []int
	for len(chosen) < min(n, len(codes)) {
		chosen = append(chosen, next)
		gap[next] = -1
		far := next
		for i := range codes {
			if gap[i] >= 0 {
				gap[i] = min(gap[i], apart(codes[i], codes[next]))
			}
			if gap[i] > gap[far] {
				far = i
			}
		}
		next = far
	}
	return chosen
}

// apart is the sum of squared differences of two codes.
func apart(a, b []byte) int {
	sum := 0
	for i, v := range a {
		d := int(int8(v)) - int(int8(b[i]))
		sum += d * d
	}
	return sum
}

// distance of codes that are so far apart: root mean square over the directions.
func (e *Exemplars) distance(apart, directions int) float64 {
	return mul(e.Step, math.Sqrt(float64(apart)/float64(directions)))
}

func (e *Exemplars) usual() float64 {
	if len(e.Parts) < 2 {
		return 0
	}
	nearest := make([]int, len(e.Parts))
	for i, a := range e.Parts {
		nearest[i] = math.MaxInt
		for k, b := range e.Parts {
			if k != i {
				nearest[i] = min(nearest[i], apart(a.Code, b.Code))
			}
		}
	}
	slices.Sort(nearest)
	return e.distance(nearest[len(nearest)/2], len(e.Parts[0].Code))
}

// shortName keeps the end of a name, where its number is, within maxName bytes.
func shortName(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= maxName {
		return s
	}
	at := len(s) - (maxName - len("…"))
	for !utf8.RuneStart(s[at]) {
		at++
	}
	return "…" + s[at:]
}

// Encode returns the JSON form.
func (e *Exemplars) Encode() ([]byte, error) { return json.Marshal(e) }

// ParseExemplars reads and checks what Encode wrote, for codes of so many directions.
func ParseExemplars(b []byte, directions int) (*Exemplars, error) {
	e := new(Exemplars)
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("exemplars: %w", err)
	}
	switch {
	case e.Schema != ExemplarsSchema:
		return nil, fmt.Errorf("exemplars: schema %d; this program knows %d", e.Schema, ExemplarsSchema)
	case directions == 0:
		return nil, errors.New("exemplars: the latent model has no directions to tell them apart by")
	case len(e.Parts) == 0 || len(e.Parts) > MaxExemplars:
		return nil, fmt.Errorf("exemplars: %d parts; 1 to %d are allowed", len(e.Parts), MaxExemplars)
	case e.Step != codeStep || !(e.Usual >= 0) || math.IsInf(e.Usual, 0):
		return nil, fmt.Errorf("exemplars: a step of %g and a usual distance of %g", e.Step, e.Usual)
	}
	for i, p := range e.Parts {
		if len(p.Code) != directions || len(p.Name) == 0 || len(p.Name) > maxName {
			return nil, fmt.Errorf("exemplars: part %d has a name of %d bytes and a code of %d, %d are needed", i, len(p.Name), len(p.Code), directions)
		}
	}
	return e, nil
}

// Thumb is a small JPEG of an int8 NHWC input of w x h pixels and three channels.
func Thumb(input []byte, w, h int) ([]byte, error) {
	side := max(w, h)
	tw, th := max(1, w*thumbSide/side), max(1, h*thumbSide/side)
	img := image.NewRGBA(image.Rect(0, 0, tw, th))
	for y := range th {
		for x := range tw {
			img.SetRGBA(x, y, meanColor(input, w, [4]int{x * w / tw, y * h / th, max((x+1)*w/tw, x*w/tw+1), max((y+1)*h/th, y*h/th+1)}))
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// meanColor of the pixels in r (x0, y0, x1, y1).
func meanColor(input []byte, w int, r [4]int) color.RGBA {
	var sum [3]int
	for y := r[1]; y < r[3]; y++ {
		for i, b := range input[3*(y*w+r[0]) : 3*(y*w+r[2])] {
			sum[i%3] += int(b ^ 0x80)
		}
	}
	n := (r[2] - r[0]) * (r[3] - r[1])
	return color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255}
}

// gallery finds the nearest exemplar. A nil gallery knows none.
type gallery struct {
	e     *Exemplars
	m     *LatentModel
	code  []byte
	found *Exemplar
}

// newGallery of a package's exemplars; nil where it has none.
func newGallery(b []byte, m *LatentModel) (*gallery, error) {
	if b == nil {
		return nil, nil
	}
	e, err := ParseExemplars(b, len(m.Basis))
	if err != nil {
		return nil, err
	}
	return &gallery{e: e, m: m, code: make([]byte, len(m.Basis))}, nil
}

// find the exemplar nearest to a part at these coordinates along the basis.
func (g *gallery) find(along []float64) edge.Nearest {
	if g == nil {
		return edge.Nearest{}
	}
	g.m.encode(g.code, along)
	best := math.MaxInt
	for i := range g.e.Parts {
		if d := apart(g.code, g.e.Parts[i].Code); d < best {
			best, g.found = d, &g.e.Parts[i]
		}
	}
	return edge.Nearest{Part: g.found.Name, Distance: g.e.distance(best, len(g.code)), Usual: g.e.Usual}
}

func (g *gallery) forget() {
	if g != nil {
		g.found = nil
	}
}

func (g *gallery) last() *Exemplar {
	if g == nil {
		return nil
	}
	return g.found
}
