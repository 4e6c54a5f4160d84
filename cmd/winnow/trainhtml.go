package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/png"
	"strings"

	"winnow/edge"
	"winnow/infer"
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
func (j *trainJob) html(r *trainedReport, p *models.Package) error {
	if j.f.html == "" {
		return nil
	}
	shots, err := j.shots(p)
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
	})
	if err != nil {
		return err
	}
	return writeAtomic(j.f.html, b.Bytes())
}

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
