package evaluate

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// Charts are drawn in a box of chartW x chartH user units, the plot inside margins.
const (
	chartW, chartH = 360.0, 300.0
	left, right    = 44.0, 12.0
	top, bottom    = 14.0, 40.0
)

// plot maps 0..1 in both directions to the box, y upwards.
func plot(x, y float64) (px, py float64) {
	return left + x*(chartW-left-right), chartH - bottom - y*(chartH-top-bottom)
}

// drawing is an SVG that is being written.
type drawing struct{ strings.Builder }

func (d *drawing) line(class string, x0, y0, x1, y1 float64) {
	fmt.Fprintf(d, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x0, y0, x1, y1)
}

func (d *drawing) text(class string, x, y float64, s string) {
	fmt.Fprintf(d, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, template.HTMLEscapeString(s))
}

// frame draws axes with a grid of quarters and their names.
func (d *drawing) frame(xName, yName string) {
	for i := range 5 {
		v := float64(i) / 4
		x, y := plot(v, v)
		x0, y0 := plot(0, 0)
		x1, y1 := plot(1, 1)
		d.line("grid", x, y0, x, y1)
		d.line("grid", x0, y, x1, y)
		d.text("tick mid", x, y0+14, fmt.Sprintf("%.0f", 100*v))
		d.text("tick end", x0-5, y+3, fmt.Sprintf("%.0f", 100*v))
	}
	d.text("axis mid", (left+chartW-right)/2, chartH-8, xName)
	fmt.Fprintf(d, `<text class="axis mid" transform="translate(11 %.0f) rotate(-90)">%s</text>`, (top+chartH-bottom)/2, template.HTMLEscapeString(yName))
}

// path draws points of 0..1 as one line; with area it is filled to the axis.
func (d *drawing) path(class string, points [][2]float64, area bool) {
	var b strings.Builder
	for i, p := range points {
		x, y := plot(p[0], p[1])
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", verb, x, y)
	}
	if area && len(points) > 0 {
		x1, y0 := plot(points[len(points)-1][0], 0)
		x0, _ := plot(points[0][0], 0)
		fmt.Fprintf(d, `<path class="%s area" d="%sL%.1f %.1fL%.1f %.1fZ"/>`, class, b.String(), x1, y0, x0, y0)
	}
	fmt.Fprintf(d, `<path class="%s" d="%s"/>`, class, b.String())
}

func (d *drawing) svg(label string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">%s</svg>`, //nolint:gosec // numbers and escaped text
		chartW, chartH, template.HTMLEscapeString(label), d.String()))
}

// ROC draws caught against falsely rejected at every threshold, and the point
// of the calibrated one.
func (r *Report) ROC() template.HTML {
	good, bad := r.split()
	if len(good) == 0 || len(bad) == 0 {
		return ""
	}
	points := [][2]float64{{0, 0}}
	sweep(good, bad, func(_ float64, tp, fp int) {
		points = append(points, [2]float64{float64(fp) / float64(len(good)), float64(tp) / float64(len(bad))})
	})
	var d drawing
	d.frame("good parts rejected, %", "defective parts caught, %")
	x0, y0 := plot(0, 0)
	x1, y1 := plot(1, 1)
	d.line("chance", x0, y0, x1, y1)
	d.path("curve", points, true)
	x, y := plot(float64(r.Result.FalseReject), float64(r.Result.Caught))
	fmt.Fprintf(&d, `<circle class="now" cx="%.1f" cy="%.1f" r="4.5"><title>at the calibrated threshold</title></circle>`, x, y)
	return d.svg("receiver operating characteristic")
}

// PR draws precision against recall at every threshold.
func (r *Report) PR() template.HTML {
	good, bad := r.split()
	if len(good) == 0 || len(bad) == 0 {
		return ""
	}
	var points [][2]float64
	sweep(good, bad, func(_ float64, tp, fp int) {
		recall, precision := float64(tp)/float64(len(bad)), float64(tp)/float64(tp+fp)
		if n := len(points); n > 0 {
			points = append(points, [2]float64{points[n-1][0], precision})
		} else {
			points = append(points, [2]float64{0, precision})
		}
		points = append(points, [2]float64{recall, precision})
	})
	var d drawing
	d.frame("defective parts caught (recall), %", "defective among rejected (precision), %")
	d.path("curve", points, true)
	return d.svg("precision against recall")
}

const histogramBins = 44

// Histogram draws the scores of good parts upwards and of defective ones
// downwards, each as a share of its class, with the threshold.
func (r *Report) Histogram() template.HTML {
	good, bad := r.split()
	all := append(append([]float64(nil), good...), bad...)
	if len(all) == 0 {
		return ""
	}
	threshold := float64(r.Result.Threshold)
	lo := min(slices.Min(all), threshold)
	// A few scores far above would squeeze the rest: the last bar takes them.
	hi := max(Quantile(all, 0.98), threshold+0.25*(threshold-lo))
	if !(hi > lo) {
		hi = lo + 1
	}
	g, b := counts(good, lo, hi), counts(bad, lo, hi)
	tallest := max(slices.Max(g), slices.Max(b), 1e-9)
	var d drawing
	step := (chartW - left - right) / histogramBins
	_, middle := plot(0, 0.5)
	half := (chartH - top - bottom) / 2
	for i := range histogramBins {
		x := left + float64(i)*step
		up, down := g[i]/tallest*half, b[i]/tallest*half
		fmt.Fprintf(&d, `<rect class="good" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, middle-up, step-1, up)
		fmt.Fprintf(&d, `<rect class="bad" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, middle, step-1, down)
	}
	x0, y0 := plot(0, 0)
	x1, y1 := plot(1, 1)
	d.line("zero", x0, middle, x1, middle)
	at := left + (threshold-lo)/(hi-lo)*(chartW-left-right)
	d.line("threshold", at, y0, at, y1)
	d.text("tick mid", at, y1-3, "threshold")
	for i := range 5 {
		v := float64(i) / 4
		x, _ := plot(v, 0)
		d.text("tick mid", x, y0+14, fmt.Sprintf("%.3g", lo+v*(hi-lo)))
	}
	d.text("axis mid", (left+chartW-right)/2, chartH-8, "score (the last bar takes all above)")
	d.text("tick end", left-4, middle-half/2, "good")
	d.text("tick end", left-4, middle+half/2, "bad")
	return d.svg("scores of good and defective parts")
}

// counts are shares of v a bin.
func counts(v []float64, lo, hi float64) []float64 {
	out := make([]float64, histogramBins)
	for _, s := range v {
		i := int(math.Floor((s - lo) / (hi - lo) * histogramBins))
		out[min(max(i, 0), histogramBins-1)] += 1 / float64(len(v))
	}
	return out
}
