package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"winnow/capture/pixfmt"
	"winnow/capture/replay"
	"winnow/capture/scene"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer/fit"
)

// truth is what is known of a demo part beforehand.
type truth struct {
	known bool
	kind  string // "" for a good part
	size  string
}

func (t truth) bad() bool { return t.known && t.kind != "" }

// name of the defect as reports show it.
func (t truth) name() string {
	if t.size == "" {
		return t.kind
	}
	return t.kind + "/" + t.size
}

// exhibit is what a demo teaches with and judges.
type exhibit interface {
	Title() string
	Teach() int                             // good parts to learn from
	TeachPart(i int, dst *edge.Frame) error // one of them
	Parts() int                             // to judge
	Part(i int, dst *edge.Frame) (truth, error)
}

// drawn is an exhibit that a scene draws.
type drawn struct {
	line  *scene.Scene
	teach int
	parts int
}

// firstTaught keeps taught parts away from judged ones, which begin at 0.
const firstTaught = 1 << 32

func newDrawn(seed uint64, teach, parts int) (*drawn, error) {
	return newDrawnProduct("", seed, teach, parts)
}

// newDrawnProduct is newDrawn of one of scene.Products.
func newDrawnProduct(product string, seed uint64, teach, parts int) (*drawn, error) {
	return newDrifting(product, seed, teach, parts, scene.Conditions{})
}

// newDrifting is newDrawnProduct whose second half of parts passes under c.
func newDrifting(product string, seed uint64, teach, parts int, c scene.Conditions) (*drawn, error) {
	s, err := scene.New(scene.Config{Seed: seed, Product: product, DefectRate: 0.2, Conditions: func(part uint64) scene.Conditions {
		if part < uint64(parts/2) || part >= firstTaught {
			return scene.Conditions{}
		}
		return c
	}})
	if err != nil {
		return nil, err
	}
	return &drawn{s, teach, parts}, nil
}

// driftOf is what --drift says happens to a drawn line; "" is nothing.
func driftOf(name string) (c scene.Conditions, known bool) {
	switch name {
	case "":
	case "light":
		c.Light = -0.06
	case "focus":
		c.Blur = 0.6
	case "pose":
		c.ShiftX = 4
	case "product":
		c.Product = 1
	default:
		return c, false
	}
	return c, true
}

func (d *drawn) Title() string { return fmt.Sprintf("a drawn line of parts (%s)", d.line.Product()) }
func (d *drawn) Teach() int    { return d.teach }
func (d *drawn) Parts() int    { return d.parts }

func (d *drawn) TeachPart(i int, dst *edge.Frame) error {
	d.shape(dst)
	d.line.Draw(firstTaught+uint64(i), scene.Defect{}, dst)
	return nil
}

func (d *drawn) Part(i int, dst *edge.Frame) (truth, error) {
	d.shape(dst)
	t := d.line.Render(uint64(i), dst)
	return truth{known: true, kind: string(t.Kind), size: string(t.Defect.Size)}, nil
}

// shape gives dst room for one picture of the scene.
func (d *drawn) shape(dst *edge.Frame) {
	w, h := d.line.Size()
	n := w * h * d.line.Format().BytesPerPixel()
	if len(dst.Pix) != n {
		*dst = edge.Frame{Pix: make([]byte, n)}
	}
	dst.Width, dst.Height, dst.Stride, dst.Format = w, h, w*d.line.Format().BytesPerPixel(), d.line.Format()
}

// pictures is an exhibit of files.
type pictures struct {
	title       string
	teach, test []evaluate.Picture
	known       bool
}

func (p *pictures) Title() string { return p.title }
func (p *pictures) Teach() int    { return len(p.teach) }
func (p *pictures) Parts() int    { return len(p.test) }

func (p *pictures) TeachPart(i int, dst *edge.Frame) error {
	return pixfmt.ReadImageInto(dst, p.teach[i].Path)
}

func (p *pictures) Part(i int, dst *edge.Frame) (truth, error) {
	return truth{known: p.known, kind: p.test[i].Defect}, pixfmt.ReadImageInto(dst, p.test[i].Path)
}

// film is an exhibit of an animation: taught on its first frames.
type film struct {
	path   string
	frames *pixfmt.Animation
	teach  int
	parts  int
}

func (f *film) Title() string { return filepath.Base(f.path) + ", taught on its first frames" }
func (f *film) Teach() int    { return f.teach }
func (f *film) Parts() int    { return f.parts }

func (f *film) TeachPart(i int, dst *edge.Frame) error { return f.frames.Frame(dst, i) }

func (f *film) Part(i int, dst *edge.Frame) (truth, error) {
	return truth{}, f.frames.Frame(dst, f.teach+i)
}

// openExhibit makes the exhibit of --data: a folder in MVTec layout, whose test
// pictures pass in an order drawn by seed; a plain folder or an animation,
// whose first half is taught; or a drawn line of product, to which drift happens
// half way.
func openExhibit(data, product, drift string, seed uint64, teach, parts int) (exhibit, error) {
	if data == "" {
		c, _ := driftOf(drift) // checked with the flags
		return newDrifting(product, seed, teach, parts, c)
	}
	st, err := os.Stat(data)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return openFilm(data, parts)
	}
	ds, err := evaluate.OpenDataset(data, "")
	if err != nil {
		return nil, err
	}
	p := &pictures{title: filepath.Base(filepath.Clean(data)), teach: ds.Teach, test: ds.Test, known: len(ds.Test) > 0}
	if len(p.test) == 0 {
		if err := p.halve(data); err != nil {
			return nil, err
		}
	} else {
		r := rand.New(rand.NewPCG(seed, 0x64656d6f))
		r.Shuffle(len(p.test), func(i, j int) { p.test[i], p.test[j] = p.test[j], p.test[i] })
	}
	if parts > 0 && parts < len(p.test) {
		p.test = p.test[:parts]
	}
	return p, nil
}

// halve teaches the first half of a plain folder and judges the rest.
func (p *pictures) halve(data string) error {
	if len(p.teach) == 0 {
		paths, err := replay.List(data)
		if err != nil {
			return err
		}
		for _, path := range paths {
			p.teach = append(p.teach, evaluate.Picture{Path: path})
		}
	}
	n := max(fit.MinParts, len(p.teach)/2)
	if n >= len(p.teach) {
		return fmt.Errorf("%s has %d pictures: at least %d are needed, half of them to teach", data, len(p.teach), 2*fit.MinParts)
	}
	p.teach, p.test = p.teach[:n], p.teach[n:]
	return nil
}

func openFilm(path string, parts int) (exhibit, error) {
	if !strings.EqualFold(filepath.Ext(path), ".gif") {
		return nil, fmt.Errorf("%s is neither a folder of pictures nor a .gif animation", path)
	}
	a, err := pixfmt.OpenAnimation(path)
	if err != nil {
		return nil, err
	}
	f := &film{path: path, frames: a, teach: max(fit.MinParts, a.Len()/2)}
	f.parts = a.Len() - f.teach
	if parts > 0 {
		f.parts = min(f.parts, parts)
	}
	if f.parts < 1 {
		return nil, fmt.Errorf("%s has %d frames: at least %d are needed, half of them to teach", path, a.Len(), 2*fit.MinParts)
	}
	return f, nil
}

// exhibitSource passes the parts of an exhibit under the line as a camera would.
type exhibitSource struct {
	exhibit exhibit
	clock   edge.Clock
	frame   edge.Frame
	next    int
	truths  []truth
	skipped []string
}

// Next returns the next part's frame, io.EOF behind the last. A picture that
// cannot be read passes as a frame with its error flag set: it is rejected.
func (s *exhibitSource) Next() (*edge.Frame, error) {
	if s.next >= s.exhibit.Parts() {
		return nil, io.EOF
	}
	i := s.next
	s.next++
	s.frame.Flags = 0
	t, err := s.exhibit.Part(i, &s.frame)
	s.truths = append(s.truths, t)
	if err != nil {
		s.skipped = append(s.skipped, explain(err))
		s.frame = edge.Frame{Pix: make([]byte, 1), Width: 1, Height: 1, Stride: 1, Flags: edge.FrameError}
	}
	s.frame.Seq, s.frame.At = uint64(i), s.clock.Now()
	return &s.frame, nil
}

var errNoParts = errors.New("no parts to judge: --parts must be above 0")

// checkProduct refuses a product that nobody can draw.
func checkProduct(name string) error {
	if name != "" && !slices.Contains(scene.Products(), name) {
		return usagef("--product %s: it is one of %s", name, strings.Join(scene.Products(), ", "))
	}
	return nil
}
