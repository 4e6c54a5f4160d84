package infer

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"winnow/edge"
)

// plane is a latent model of two directions in four dimensions.
func plane() *LatentModel {
	return &LatentModel{Mean: []float64{1, 2, 3, 4}, Scale: []float64{2, 2, 1, 1}, Rest: 1,
		Basis: [][]float64{{1, 0, 0, 0}, {0, 1, 0, 0}}, Variance: []float64{4, 1}}
}

func named(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("part %d", i+1))
	}
	return out
}

func TestNearestExemplar(t *testing.T) {
	m := plane()
	at := func(a, b float64) []float64 { return []float64{1 + 4*a, 2 + 2*b, 99, 99} } // a, b standard deviations
	e := NewExemplars(m, [][]float64{at(0, 0), at(2, 0), at(0, 3)}, named(3), nil)
	if e.Parts[0].Name != "part 1" || e.Parts[1].Name != "part 3" {
		t.Errorf("chosen first: %q, %q; the one at the mean and the farthest are wanted", e.Parts[0].Name, e.Parts[1].Name)
	}
	// The nearest are 2, 2 and 3 deviations away in one of two directions.
	if want := mul(codeStep, math.Sqrt(32*32/2)); e.Usual != want {
		t.Errorf("usual distance %g, want %g", e.Usual, want)
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGallery(b, m)
	if err != nil {
		t.Fatal(err)
	}
	n := g.find(m.along(at(2, 1)))
	if n.Part != "part 2" || n.Distance <= 0.70 || n.Distance >= 0.71 || g.last().Name != "part 2" {
		t.Errorf("nearest %+v", n)
	}
	g.forget()
	if g.last() != nil {
		t.Error("the last part's exemplar stays")
	}
	var none *gallery
	if none.find([]float64{1}) != (edge.Nearest{}) || none.last() != nil {
		t.Error("no gallery names a part")
	}
}

func TestExemplarsAreBounded(t *testing.T) {
	m, r := plane(), rand.New(rand.NewPCG(1, 2))
	var desc [][]float64
	var thumbs [][]byte
	for range 600 {
		desc = append(desc, []float64{r.NormFloat64() * 20, r.NormFloat64() * 20, 0, 0})
		thumbs = append(thumbs, make([]byte, 2000))
	}
	names := named(600)
	for i := range names {
		names[i] = strings.Repeat("ö", 50) + names[i]
	}
	e := NewExemplars(m, desc, names, thumbs)
	total, seen := 0, map[string]bool{}
	for _, p := range e.Parts {
		total += len(p.Thumb)
		seen[p.Name] = true
	}
	if len(e.Parts) != MaxExemplars || len(seen) != MaxExemplars || total > maxThumbs || total < maxThumbs-2000 {
		t.Errorf("%d parts of %d names with %d bytes of pictures", len(e.Parts), len(seen), total)
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseExemplars(b, 2); err != nil {
		t.Error(err)
	}
	for what, bad := range map[string][]byte{
		"other directions": b, "schema": bytes.Replace(b, []byte(`"schema":1`), []byte(`"schema":2`), 1),
		"nothing": []byte(`{"schema":1,"step":0.0625}`), "no JSON": b[:50],
		"no step": bytes.Replace(b, []byte(`"step":0.0625`), []byte(`"step":0`), 1),
	} {
		n := 2
		if what == "other directions" {
			n = 3
		}
		if _, err := ParseExemplars(bad, n); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	if NewExemplars(&LatentModel{}, desc, names, nil) != nil {
		t.Error("exemplars without directions")
	}
}

func TestThumb(t *testing.T) {
	const w, h = 128, 96
	in := make([]byte, w*h*3)
	for i := range in {
		in[i] = 200 ^ 0x80
	}
	b, err := Thumb(in, w, h)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil || img.Bounds().Dx() != 64 || img.Bounds().Dy() != 48 {
		t.Fatalf("%v, %v", img.Bounds(), err)
	}
	if r, _, _, _ := img.At(30, 20).RGBA(); r>>8 < 198 || r>>8 > 202 {
		t.Errorf("grey 200 became %d", r>>8)
	}
}
