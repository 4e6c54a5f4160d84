package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"winnow/capture/corrupt"
	"winnow/edge/evaluate"
	"winnow/infer/fit"
)

// pc words a share without its sign: the tables are in percent.
func pc(n evaluate.Number) string {
	if !n.Known() {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*float64(n))
}

func interval(iv [2]evaluate.Number) string {
	if !iv[0].Known() {
		return ""
	}
	return fmt.Sprintf(" (%.1f to %.1f)", 100*float64(iv[0]), 100*float64(iv[1]))
}

// figure of a row with its interval.
func (r *row) figure(name string, n evaluate.Number) string {
	iv, ok := r.eval.Intervals[name]
	if !ok || !n.Known() {
		return pc(n)
	}
	return pc(n) + interval(iv)
}

// framed is how often the first frame lies on a defect, and how well.
func (r *row) framed() string {
	if !r.eval.Framed.Known() {
		return "-"
	}
	return fmt.Sprintf("%s, IoU %.2f", pc(r.eval.Framed), float64(r.eval.FrameIoU))
}

// table writes Markdown.
func table(w *strings.Builder, header string, rows [][]string) {
	columns := strings.Split(header, "|")
	fmt.Fprintf(w, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, r := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(r, " | "))
	}
}

// document is everything that stands between the markers.
func (b *bench) document(now time.Time) string {
	var w strings.Builder
	fmt.Fprintf(&w, "\nMeasured on %s with `make accuracy` on %s (defaults, no flag per set; int8 on the native engine, one core; percentages, in brackets\n"+
		"95 %% intervals: bootstrap over groups, exact binomial for rates at the threshold). Drawn lines are `winnow demo --write`: %s parts taught, %s judged, half of them defective.\n",
		now.Format("2006-01-02"), processor(), drawnTeach, drawnParts)
	b.detection(&w)
	b.threshold(&w)
	b.views(&w)
	b.corruption(&w)
	b.matrix(&w)
	b.mislabelTable(&w)
	w.WriteString("\n")
	return w.String()
}

func (b *bench) detection(w *strings.Builder) {
	var rows [][]string
	for i := range b.rows {
		r := &b.rows[i]
		e := &r.eval
		rows = append(rows, []string{
			r.title, fmt.Sprint(r.taught.Parts), fmt.Sprintf("%dx%d", r.taught.Input[0], r.taught.Input[1]), r.figure("image_auroc", e.ImageAUROC),
			r.figure("pixel_auroc", e.PixelAUROC), r.figure("aupro", e.AUPRO), pc(e.RegionAUROC), r.figure("caught_at_1pct", e.CaughtAt1), r.figure("caught_at_none", e.CaughtAt0),
		})
	}
	table(w, "set|taught|input|image AUROC|pixel AUROC|AUPRO|region AUROC|caught at 1 %|caught at none", rows)
}

func (b *bench) threshold(w *strings.Builder) {
	w.WriteString("\nAt the threshold that teach calibrated, which saw none of the judged parts; an unsure part is neither caught nor accepted. Framed: of defective parts that are not\n" +
		"accepted, in how many the box of the first region has something marked in it, and the median intersection over union of that box with the defect's.\n" +
		"Seconds are processor time of the whole `winnow teach`, MiB its resident peak, ms the median of frame to verdict while judging.\n")
	var rows [][]string
	for i := range b.rows {
		r := &b.rows[i]
		e := &r.eval
		rows = append(rows, []string{
			r.title, r.figure("false_reject_rate", e.FalseReject), fmt.Sprintf("%s from %d", fit.AtMost(100*e.Certificate.Bound), e.Certificate.N), r.figure("escape_rate", e.Escape),
			pc(e.Unsure), pc(e.UnsureBad), r.framed(), fmt.Sprintf("%.1f", r.cost.cpu.Seconds()), fmt.Sprintf("%.0f", float64(r.cost.peak)/(1<<20)), fmt.Sprintf("%.1f", float64(e.LatencyMS.P50)),
		})
	}
	table(w, "set|false rejects|certified|escapes|unsure, good|unsure, defective|framed|teach s|peak MiB|part ms", rows)
}

func (b *bench) views(w *strings.Builder) {
	w.WriteString("\nWhat the fusion is worth: image AUROC of each view alone, of both maps (autoencoder and surroundings) and fused; points that fused gains over the best single view, by paired bootstrap.\n")
	var rows [][]string
	for i := range b.rows {
		v := &b.rows[i].eval.Views
		rows = append(rows, []string{
			b.rows[i].title, pc(v.Latent), pc(v.Autoencoder), pc(v.Surroundings), pc(v.Reconstruction), pc(v.Fused),
			fmt.Sprintf("%+.1f (%+.1f to %+.1f)", 100*float64(v.Gain), 100*float64(v.GainInterval[0]), 100*float64(v.GainInterval[1])),
		})
	}
	table(w, "set|latent|autoencoder|surroundings|both maps|fused|gain", rows)
}

// corruption is a table of all sets: image AUROC and false rejects a grade.
func (b *bench) corruption(w *strings.Builder) {
	if b.o.corruptParts == 0 {
		return
	}
	fmt.Fprintf(w, "\nUnder corruption: image AUROC / false rejects at the unchanged threshold, of at most %d good and %d defective pictures a set (`winnow eval --corrupt --corrupt-parts %d`).\n",
		b.o.corruptParts, b.o.corruptParts, b.o.corruptParts)
	header := "corruption|strength"
	for i := range b.rows {
		header += "|" + b.rows[i].name
	}
	cells := func(name string, grade int) []string {
		var out []string
		for i := range b.rows {
			cell := "-"
			for _, c := range b.rows[i].eval.Corruptions {
				if c.Name == name && c.Grade == grade {
					cell = pc(c.ImageAUROC) + " / " + pc(c.FalseReject)
				}
			}
			out = append(out, cell)
		}
		return out
	}
	rows := [][]string{append([]string{"none", ""}, cells("none", 0)...)}
	for _, k := range corrupt.Kinds() {
		for g := 1; g <= corrupt.Grades; g++ {
			rows = append(rows, append([]string{string(k), corrupt.Strength(k, g)}, cells(string(k), g)...))
		}
		for g := 1; g <= corrupt.Grades && (k == corrupt.Dead || k == corrupt.Lines); g++ { // by a judge that knows them
			name := string(k) + ", known"
			rows = append(rows, append([]string{name, corrupt.Strength(k, g)}, cells(name, g)...))
		}
	}
	table(w, header, rows)
}

func (b *bench) matrix(w *strings.Builder) {
	if len(b.cross) == 0 {
		return
	}
	w.WriteString("\nAcross domains: image AUROC / false rejects of a model taught on one set (rows) and judged on another (columns).\n")
	header, rows := "taught on", [][]string{}
	for i, c := range b.cross {
		if i == 0 || c.Taught != b.cross[i-1].Taught {
			rows = append(rows, []string{c.Taught})
		}
		if len(rows) == 1 {
			header += "|" + c.Judged
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], pc(c.ImageAUROC)+" / "+pc(c.FalseReject))
	}
	table(w, header, rows)
}

// processor is the name that Linux gives of it.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	for line := range strings.Lines(string(b)) {
		if name, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return "an unknown processor"
}

// mean of v; NaN where there is none.
func mean(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
