package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"

	"winnow/edge"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/train"
	"winnow/models"
)

// trainPage is the report of --html: one file without scripts or links.
var trainPage = template.Must(template.New("train").Parse(`<!doctype html><meta charset="utf-8"><title>{{.R.Model}}</title>
<style>body{font:14px sans-serif;margin:2em;max-width:70em}td,th{padding:.2em .8em;text-align:right}svg{background:#f4f4f4}img{margin:2px;max-width:32em}</style>
<h1>{{.R.Family}} on {{.R.Parts}} good parts</h1>
<p>{{.R.HeldOut}} parts were held out. {{.R.Promise}}.</p>
<h2>Loss</h2><p>Each step, logarithmic; from {{printf "%.4f" .First}} to {{printf "%.4f" .R.Loss}}.</p>
<svg width="800" height="240" viewBox="0 0 800 240"><polyline fill="none" stroke="#06c" points="{{.Curve}}"/></svg>
<h2>On what no weight has seen</h2>
<table><tr><th>network<th>phase<th>step<th>held-out loss<th>AUROC of drawn anomalies<th>blocks left</tr>
{{range .Looks}}<tr><td>{{.Member}}<td>{{.Phase}}<td>{{.Step}}<td>{{printf "%.4f" .Held}}<td>{{printf "%.3f" .Synthetic}}<td>{{printf "%.0f %%" (.Percent)}}</tr>{{end}}</table>
<h2>What each view is worth</h2><p>How often a drawn defect scores above a held-out good part, with views left out of the fusion.</p>
<table><tr><th>views<th>drawn defects told</tr>
{{range .Ablation}}<tr><td>{{.Name}}<td>{{printf "%.1f %%" .Percent}}</tr>{{end}}</table>
<h2>What the network sees, and what it makes of it</h2><p>Maps of {{.Shows}}: as they are on the left, reconstructed on the right.</p>
{{range .Maps}}<figure style="display:inline-block"><img src="{{.URL}}"><figcaption>{{.Title}}</figcaption></figure>{{end}}
<h2>Pictures beside their anomaly map</h2>
{{range .Shots}}<figure style="display:inline-block"><img src="{{.URL}}"><figcaption>{{.Title}}</figcaption></figure>{{end}}
`))

// lookRow is one look as the page shows it.
type lookRow struct{ train.Look }

// Percent of the prunable blocks that were left.
func (l lookRow) Percent() float64 { return 100 * l.Density }

// titled is a picture of the page.
type titled struct {
	URL   template.URL
	Title string
}

// html writes the report that --html asks for.
func (j *trainJob) html(r *trainedReport, p *models.Package, d *train.Data) error {
	if j.f.html == "" {
		return nil
	}
	shots, err := j.shots(p)
	if err != nil {
		return err
	}
	maps, err := j.reconstructions(d)
	if err != nil {
		return err
	}
	var looks []lookRow
	for _, l := range j.model.Looks {
		looks = append(looks, lookRow{l})
	}
	var b bytes.Buffer
	err = trainPage.Execute(&b, map[string]any{
		"R": r, "First": j.model.Curve[0].Loss, "Curve": polyline(j.model.Curve, 800, 240), "Looks": looks, "Shots": shots,
		"Ablation": ablation(j.fitted), "Maps": maps, "Shows": j.shows(),
	})
	if err != nil {
		return err
	}
	return writeAtomic(j.f.html, b.Bytes())
}

// told is a row of the ablation.
type told struct {
	Name    string
	Percent float64
}

// ablation is what drawn defects show with every view, without one of them, and
// with one alone; none without drawn defects.
func ablation(r *fit.Result) []told {
	if len(r.Drawn) == 0 {
		return nil
	}
	s := *r.Statistics
	with := func(name string, f infer.Fusion) told {
		return told{name, 100 * fit.DrawnAUROC(r.HeldOut, r.Drawn, func(h fit.HeldOut) float64 { return f.Fuse(s.Standardize(h.Raw)) })}
	}
	f := s.Fusion
	rows := []told{with("all", f)}
	drop := func(name string, left infer.Fusion) {
		if left.Reconstruction+left.Local+left.Latent > 0 {
			rows = append(rows, with("without "+name, left))
		}
	}
	drop("reconstruction", infer.Fusion{Local: f.Local, Latent: f.Latent, Root: f.Root})
	if s.Local != nil {
		drop("surroundings", infer.Fusion{Reconstruction: f.Reconstruction, Latent: f.Latent, Root: f.Root})
	}
	drop("latent", infer.Fusion{Reconstruction: f.Reconstruction, Local: f.Local, Root: f.Root})
	rows = append(rows, with("reconstruction alone", infer.Fusion{Reconstruction: 1}))
	if s.Local != nil {
		rows = append(rows, with("surroundings alone", infer.Fusion{Local: 1}))
	}
	return append(rows, with("latent alone", infer.Fusion{Latent: 1}))
}

// mapSide is how large the longer side of a map is drawn, in pixels.
const mapSide = 160

// shows says what the maps of the network are.
func (j *trainJob) shows() string {
	if j.r.Source() == train.FromPicture {
		return "mean brightness of 4x4 squares"
	}
	return "the mean of all feature channels"
}

// reconstructions draws maps of held-out parts and drawn defects beside what the
// network makes of them.
func (j *trainJob) reconstructions(d *train.Data) ([]titled, error) {
	channels := d.Out.C
	if j.r.Source() == train.FromPicture {
		channels = 3 // the first coefficient of each colour
	}
	var all []titled
	for _, set := range []struct {
		v    train.Views
		what string
	}{{d.Held, "held-out good part"}, {d.Synthetic, "drawn defect"}} {
		v := set.v
		n := min(4, len(v.Inputs))
		if v.Inputs = v.Inputs[:n]; v.Targets != nil {
			v.Targets = v.Targets[:n]
		}
		diffs, err := j.model.Differences(j.t.eng, d, v)
		if err != nil {
			return nil, err
		}
		for i := range n {
			m := v.Inputs[i]
			if v.Targets != nil {
				m = v.Targets[i]
			}
			var b bytes.Buffer
			if err := png.Encode(&b, pairOfMaps(m, diffs[i], d.Out, channels)); err != nil {
				return nil, err
			}
			all = append(all, titled{template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), set.what})
		}
	}
	return all, nil
}

// pairOfMaps draws the mean of the first channels of a map, and beside it that of
// the map less what differs. A standard deviation is half way to white or black.
func pairOfMaps(m, diff []byte, s train.Shape, channels int) image.Image {
	const gap = 4
	zoom := max(1, mapSide/max(s.H, s.W))
	mean := make([]float64, s.H*s.W)
	again := make([]float64, len(mean))
	spread := 1e-9
	for p := range mean {
		for c := range channels {
			v := float64(int8(m[p*s.C+c]))
			mean[p] += v / float64(channels)
			again[p] += (v - float64(int8(diff[p*s.C+c]))) / float64(channels)
		}
		spread += mean[p] * mean[p] / float64(len(mean))
	}
	spread = math.Sqrt(spread)
	img := image.NewGray(image.Rect(0, 0, 2*s.W*zoom+gap, s.H*zoom))
	for y := range s.H * zoom {
		for x := range s.W * zoom {
			p := y/zoom*s.W + x/zoom
			img.SetGray(x, y, color.Gray{grey(mean[p] / spread)})
			img.SetGray(x+s.W*zoom+gap, y, color.Gray{grey(again[p] / spread)})
		}
	}
	return img
}

func grey(v float64) uint8 { return uint8(max(0, min(255, 128+64*v))) }

// polyline draws losses on a logarithmic axis into w x h.
func polyline(curve []train.Point, w, h float64) string {
	lo, hi := infer.Log(1e9), infer.Log(1e-9)
	logs := make([]float64, len(curve))
	for i, p := range curve {
		logs[i] = infer.Log(max(1e-9, float64(p.Loss)))
		lo, hi = min(lo, logs[i]), max(hi, logs[i])
	}
	var s strings.Builder
	for i := 0; i < len(logs); i += max(1, len(logs)/800) {
		y := h - 5 - (h-10)*(logs[i]-lo)/max(hi-lo, 1e-9)
		fmt.Fprintf(&s, "%.1f,%.1f ", w*float64(i)/float64(max(1, len(logs)-1)), y)
	}
	return s.String()
}

// shots judges four held-out parts and four drawn anomalies with the package.
func (j *trainJob) shots(p *models.Package) ([]titled, error) {
	judge, err := infer.NewJudge(p, native.New(), infer.Options{Threads: j.t.threads})
	if err != nil {
		return nil, err
	}
	defer judge.Close()
	var all []titled
	add := func(pic train.Picture, what string) error {
		_, _, pix := train.Sheet([]train.Picture{pic}, 1)
		f := &edge.Frame{Width: pic.W, Height: pic.H, Stride: 3 * pic.W, Format: edge.RGB24, Pix: pix}
		var v edge.Verdict
		if err := judge.Judge(f, &v); err != nil {
			return err
		}
		var b bytes.Buffer
		if err := png.Encode(&b, overlay(f, judge, &v)); err != nil {
			return err
		}
		url := template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()))
		all = append(all, titled{url, fmt.Sprintf("%s: %.2f, threshold %.2f", what, v.Score.Fused, v.Score.Threshold)})
		return nil
	}
	for k := range min(4, len(j.held)) {
		if err := add(j.held[k].Picture, "held-out good part"); err != nil {
			return nil, err
		}
	}
	for _, p := range j.drawn[:min(4, len(j.drawn))] {
		if err := add(p, "drawn defect"); err != nil {
			return nil, err
		}
	}
	return all, nil
}
