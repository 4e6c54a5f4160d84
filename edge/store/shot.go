package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"winnow/edge"
)

// shot is a copy of one part's frame and verdict; its memory is used again.
type shot struct {
	verdict       edge.Verdict
	regions       []edge.Region
	pix           []byte // dense rows
	width, height int
	format        edge.PixelFormat
	bad           error // why there is no picture
}

func (s *shot) copy(v *edge.Verdict, f *edge.Frame) {
	s.verdict = *v
	s.regions = append(s.regions[:0], v.Regions...)
	s.verdict.Regions = s.regions
	s.pix = s.pix[:0]
	if s.bad = checkFrame(f); s.bad != nil {
		return
	}
	s.width, s.height, s.format = f.Width, f.Height, f.Format
	for y := range f.Height {
		s.pix = append(s.pix, f.Row(y)...)
	}
}

func checkFrame(f *edge.Frame) error {
	if f == nil {
		return errors.New("the part has no frame")
	}
	return f.Check()
}

// png encodes the pixels without loss.
func (s *shot) png() ([]byte, error) {
	if s.bad != nil {
		return nil, s.bad
	}
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := enc.Encode(&b, s.image()); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return b.Bytes(), nil
}

func (s *shot) image() image.Image {
	r := image.Rect(0, 0, s.width, s.height)
	if s.format == edge.Gray8 {
		return &image.Gray{Pix: s.pix, Stride: s.width, Rect: r}
	}
	m := image.NewNRGBA(r)
	for i, j := 0, 0; i < len(m.Pix); i, j = i+4, j+3 {
		copy(m.Pix[i:i+3], s.pix[j:j+3])
		m.Pix[i+3] = 0xff
	}
	return m
}

// number is a float64 whose NaN and infinities become null in JSON.
type number float64

// MarshalJSON writes the shortest number that reads back the same, or null.
func (n number) MarshalJSON() ([]byte, error) {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
}

type aboutRegion struct {
	X     int    `json:"x"`
	Y     int    `json:"y"`
	W     int    `json:"w"`
	H     int    `json:"h"`
	Area  int    `json:"area"`
	Score number `json:"score"`
	Share number `json:"share"`
}

type aboutNearest struct {
	Part     string `json:"part"`
	Distance number `json:"distance"`
	Usual    number `json:"usual"`
}

// about is the JSON beside a picture.
type about struct {
	Schema  int               `json:"schema"`
	ID      edge.EventID      `json:"id"`
	At      edge.WallTime     `json:"at"`
	Verdict edge.Decision     `json:"verdict"`
	Reason  edge.Reason       `json:"reason"`
	Why     string            `json:"why"`
	Score   map[string]number `json:"score"`
	Regions []aboutRegion     `json:"regions"`
	Nearest *aboutNearest     `json:"nearest"` // taught part
	Heatmap []byte            `json:"heatmap"` // 16x16 cells in base64
	Recipe  string            `json:"recipe"`
	Model   string            `json:"model"`
	Picture string            `json:"picture"`
	SHA256  string            `json:"sha256"` // of the picture's file
}

// describe returns the JSON beside the picture called name.
func (s *shot) describe(name, digest string) ([]byte, error) {
	v := &s.verdict
	a := about{
		Schema: 1, ID: v.ID, At: v.Wall, Verdict: v.Decision, Reason: v.Reason, Why: v.Why(),
		Score: map[string]number{
			"fused": number(v.Score.Fused), "latent": number(v.Score.Latent),
			"reconstruction": number(v.Score.Reconstruction), "latent_share": number(v.Score.LatentShare),
			"autoencoder": number(v.Score.Autoencoder), "surroundings": number(v.Score.Surroundings),
			"surroundings_share": number(v.Score.SurroundingsShare),
			"p_value":            number(v.Score.PValue), "threshold": number(v.Score.Threshold),
			"spread": number(v.Score.Spread),
		},
		Regions: []aboutRegion{}, Heatmap: v.Heatmap[:], Recipe: v.Recipe, Model: v.Model,
		Picture: name, SHA256: digest,
	}
	a.At.Time = a.At.Time.UTC()
	if n := v.Nearest; n.Part != "" {
		a.Nearest = &aboutNearest{n.Part, number(n.Distance), number(n.Usual)}
	}
	for _, r := range v.Regions {
		a.Regions = append(a.Regions, aboutRegion{
			r.Box.Min.X, r.Box.Min.Y, r.Box.Dx(), r.Box.Dy(), r.Area, number(r.Score), number(r.Share),
		})
	}
	b, err := json.MarshalIndent(a, "", "  ")
	return append(b, '\n'), err
}

// stemPattern is what our files are called: number, boot, seq. Numbers grow
// over boots, whatever the wall clock does.
var stemPattern = regexp.MustCompile(`^(\d{10,20})-[A-Za-z0-9_-]*-\d+\.(png|json)$`)

func stemOf(n uint64, id edge.EventID) string {
	boot := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, id.Boot)
	return fmt.Sprintf("%010d-%s-%d", n, boot[:min(len(boot), 64)], id.Seq)
}

func (p *Pictures) path(name string) string { return filepath.Join(p.dir, name) }

// scan counts complete pairs and removes halves and temporary files of ours.
func (p *Pictures) scan() error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return err
	}
	pairs := map[string]*picture{}
	halves := map[string]int{}
	for _, e := range entries {
		name := e.Name()
		if rest, ok := strings.CutPrefix(name, "."); ok && strings.Contains(rest, ".tmp-") {
			base, _, _ := strings.Cut(rest, ".tmp-")
			if stemPattern.MatchString(base) {
				os.Remove(p.path(name))
			}
			continue
		}
		m := stemPattern.FindStringSubmatch(name)
		info, err := e.Info()
		if m == nil || err != nil || !info.Mode().IsRegular() {
			continue
		}
		stem := strings.TrimSuffix(name, "."+m[2])
		n, _ := strconv.ParseUint(m[1], 10, 64)
		if pairs[stem] == nil {
			pairs[stem] = &picture{number: n, stem: stem}
		}
		pairs[stem].bytes += info.Size()
		halves[stem]++
		p.next = max(p.next, n+1)
	}
	p.adopt(pairs, halves)
	return nil
}

func (p *Pictures) adopt(pairs map[string]*picture, halves map[string]int) {
	for stem, pic := range pairs {
		if halves[stem] < 2 {
			os.Remove(p.path(stem + ".png"))
			os.Remove(p.path(stem + ".json"))
			continue
		}
		p.kept = append(p.kept, *pic)
		p.bytes += pic.bytes
	}
	sort.Slice(p.kept, func(i, j int) bool { return p.kept[i].number < p.kept[j].number })
}
