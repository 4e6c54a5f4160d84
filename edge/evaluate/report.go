package evaluate

import (
	_ "embed" // the report's page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
)

// Shot is one picture of the report: what went wrong, or nearly.
type Shot struct {
	Caption string
	Detail  string
	Alarm   bool   // it is a mistake, not only close
	Media   string // image/png or image/jpeg
	Data    []byte
}

// Report is an evaluation as a page for people.
type Report struct {
	Title   string
	Command string // that gave these figures
	Result  Result
	Parts   []Part // for the curves
	Escapes []Shot // defective parts that were accepted, or came closest to it
	Rejects []Shot // good parts that were rejected, or came closest to it
}

//go:embed report.html
var page string

// WriteHTML writes one file that opens without a network: curves are inline SVG,
// pictures data URIs.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"percent": percent, "between": r.between, "uri": uri, "heat": heat, "number": number, "span": SizeBin.span, "signed": signed,
		"share": func(v float64) string { return percent(Number(v)) },
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}

func uri(s Shot) template.URL {
	return template.URL("data:" + s.Media + ";base64," + base64.StdEncoding.EncodeToString(s.Data)) //nolint:gosec // our own bytes
}

// percent words a share.
func percent(n Number) string {
	if !n.Known() {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n))
}

// signed words a difference of shares in points.
func signed(n Number) string {
	if !n.Known() {
		return "–"
	}
	return fmt.Sprintf("%+.2f", 100*float64(n))
}

func number(n Number) string {
	if !n.Known() {
		return "–"
	}
	return fmt.Sprintf("%.3g", float64(n))
}

// between words the interval of a figure, "" where there is none.
func (r *Report) between(name string) string {
	iv, ok := r.Result.Intervals[name]
	if !ok || !iv[0].Known() {
		return ""
	}
	return fmt.Sprintf("%.1f to %.1f", 100*float64(iv[0]), 100*float64(iv[1]))
}

// heat colours a share: good is green, bad is red, linear from worst to best.
func heat(n Number, worst, best float64) template.CSS {
	if !n.Known() {
		return ""
	}
	f := min(max((float64(n)-worst)/(best-worst), 0), 1)
	return template.CSS(fmt.Sprintf("background:hsl(%.0f 70%% 50%% / .28)", 130*f)) //nolint:gosec // one number
}

// KindRow is a kind of defect in the report.
type KindRow struct {
	Name string
	Defect
}

// Kinds are the kinds of defects in order.
func (r *Report) Kinds() []KindRow {
	var out []KindRow
	for _, k := range slices.Sorted(maps.Keys(r.Result.PerDefect)) {
		out = append(out, KindRow{k, r.Result.PerDefect[k]})
	}
	return out
}

// Clean is the corruption table's row of pictures as they are.
func (r *Report) Clean() *Corrupted {
	for i := range r.Result.Corruptions {
		if r.Result.Corruptions[i].Grade == 0 {
			return &r.Result.Corruptions[i]
		}
	}
	return nil
}

// Corruptions are the rows of the table, one a kind with its grades.
func (r *Report) Corruptions() [][]Corrupted {
	var out [][]Corrupted
	for _, c := range r.Result.Corruptions {
		switch n := len(out); {
		case c.Grade == 0:
		case n > 0 && out[n-1][0].Name == c.Name:
			out[n-1] = append(out[n-1], c)
		default:
			out = append(out, []Corrupted{c})
		}
	}
	return out
}

// Matrix is the cross-domain matrix: a row for each model.
func (r *Report) Matrix() [][]Crossed {
	var out [][]Crossed
	for _, c := range r.Result.CrossDomain {
		n := len(out)
		if n == 0 || len(out[n-1]) > 0 && out[n-1][0].Judged == c.Judged {
			out = append(out, nil)
			n++
		}
		out[n-1] = append(out[n-1], c)
	}
	return out
}

// split of the scores by truth.
func (r *Report) split() (good, bad []float64) {
	for i := range r.Parts {
		if p := &r.Parts[i]; p.Good() {
			good = append(good, p.Score)
		} else {
			bad = append(bad, p.Score)
		}
	}
	return good, bad
}
