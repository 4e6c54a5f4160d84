package evaluate

import (
	"fmt"
	"math"
	"slices"

	"winnow/edge"
)

// sizeNames of the terciles of the share of the picture that is defective.
var sizeNames = [...]string{"small", "medium", "large"}

// sizes splits defective parts with a mask into terciles of the marked share.
func (e *Evaluation) sizes(good, bad []int) []SizeBin {
	var marked []int
	for _, i := range bad {
		if e.parts[i].pixels {
			marked = append(marked, i)
		}
	}
	out := []SizeBin{}
	if len(marked) < len(sizeNames) {
		return out
	}
	share := func(i int) float64 { return e.parts[i].share }
	slices.SortStableFunc(marked, func(a, b int) int {
		switch {
		case share(a) < share(b):
			return -1
		case share(a) > share(b):
			return 1
		}
		return 0
	})
	n := len(marked)
	for k, name := range sizeNames {
		lo, hi := k*n/len(sizeNames), (k+1)*n/len(sizeNames)
		high := math.Nextafter(share(marked[hi-1]), 2)
		if hi < n {
			high = share(marked[hi])
		}
		out = append(out, SizeBin{name, Number(share(marked[lo])), Number(high), e.defect(good, marked[lo:hi])})
	}
	return out
}

// conditions are the slices in order of their names.
func (e *Evaluation) conditions() []Condition {
	names := map[string]bool{}
	for i := range e.parts {
		if c := e.parts[i].Condition; c != "" {
			names[c] = true
		}
	}
	out := []Condition{}
	all := e.scores(e.where((*Part).Good))
	for name := range names {
		out = append(out, e.condition(name, all))
	}
	slices.SortFunc(out, func(a, b Condition) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// condition of one name; all are the scores of all good parts.
func (e *Evaluation) condition(name string, all []float64) Condition {
	good := e.where(func(p *Part) bool { return p.Condition == name && p.Good() })
	bad := e.where(func(p *Part) bool { return p.Condition == name && !p.Good() })
	g := e.scores(good)
	c := Condition{
		Name: name, Good: len(good), Bad: len(bad), ImageAUROC: Number(AUROC(g, e.scores(bad))),
		FalseReject: Number(e.rate(good, edge.Reject, edge.Unknown)), Unsure: Number(e.rate(good, edge.Unsure)),
		Escape: Number(e.rate(bad, edge.Accept)), Shift: Number(math.NaN()), Rejects1: Number(math.NaN()),
	}
	c.Interval = BinomialInterval(float64(c.FalseReject), len(e.clusters(good)))
	if len(g) == 0 {
		return c
	}
	middle := Quantile(all, 0.5)
	away := make([]float64, len(all))
	for i, v := range all {
		away[i] = math.Abs(v - middle)
	}
	if mad := Quantile(away, 0.5); mad > 0 {
		c.Shift = Number((Quantile(g, 0.5) - middle) / mad)
	}
	c.Rejects1 = Number(thresholdAt(g, 0.01))
	return c
}

// span words the range of a size bin in percent of the picture.
func (s SizeBin) span() string {
	return fmt.Sprintf("%.2g to %.2g %% of the picture", 100*float64(s.Low), 100*float64(s.High))
}

// Corrupted sums the evaluation up as one row of the corruption table.
func (e *Evaluation) Corrupted(name string, grade int, strength string) Corrupted {
	good, bad := e.where((*Part).Good), e.where(func(p *Part) bool { return !p.Good() })
	return Corrupted{
		Name: name, Grade: grade, Strength: strength, ImageAUROC: Number(AUROC(e.scores(good), e.scores(bad))),
		FalseReject: Number(e.rate(good, edge.Reject, edge.Unknown)), Unsure: Number(e.rate(good, edge.Unsure)),
		Escape: Number(e.rate(bad, edge.Accept)),
	}
}

// Crossed sums the evaluation up as one cell of the cross-domain matrix.
func (e *Evaluation) Crossed(taught, judged string) Crossed {
	r := e.Result(1)
	c := Crossed{
		Taught: taught, Judged: judged, ImageAUROC: r.ImageAUROC, CaughtAt1: r.CaughtAt1, FalseReject: r.FalseReject, Escape: r.Escape,
		Interval: [2]Number{Number(math.NaN()), Number(math.NaN())},
	}
	if v, ok := r.Intervals["image_auroc"]; ok {
		c.Interval = v
	}
	return c
}
