package evaluate

import (
	"math"

	"winnow/edge"
)

// figure is one number of a Result, computed from good and defective parts.
type figure struct {
	name string
	at   func(*Result) *Number
	of   func(e *Evaluation, good, bad []int) float64
	// slow figures go over pixels: their intervals come from fewer resamples.
	slow bool
}

// ofScores makes a figure of scores.
func ofScores(of func(good, bad []float64) float64) func(*Evaluation, []int, []int) float64 {
	return func(e *Evaluation, good, bad []int) float64 { return of(e.scores(good), e.scores(bad)) }
}

// caughtAt makes CaughtAt a figure.
func caughtAt(rate float64) func(*Evaluation, []int, []int) float64 {
	return ofScores(func(good, bad []float64) float64 { return CaughtAt(good, bad, rate) })
}

// figures of every evaluation. Region AUROC is our own: one sample is one
// 8-connected region of the truth with the largest map value inside it, against
// one sample a good part with the largest value of its whole map. It asks, free
// of how large a defect is, whether each single defect stands out over
// everything that a good part shows (in the manner of free-response ROC:
// Bunch et al. 1978). The framed rate is the pointing game of Zhang et al. (2016) with the box of
// the first region instead of a point.
var figures = []figure{
	{"image_auroc", func(r *Result) *Number { return &r.ImageAUROC }, ofScores(AUROC), false},
	{"image_ap", func(r *Result) *Number { return &r.ImageAP }, ofScores(AveragePrecision), false},
	{"f1", func(r *Result) *Number { return &r.F1 }, ofScores(BestF1), false},
	{"caught_at_1pct", func(r *Result) *Number { return &r.CaughtAt1 }, caughtAt(0.01), false},
	{"caught_at_none", func(r *Result) *Number { return &r.CaughtAt0 }, caughtAt(0), false},
	{"f1_at_threshold", func(r *Result) *Number { return &r.F1At }, f1At, false},
	{"caught_rate", func(r *Result) *Number { return &r.Caught }, ofBad(edge.Reject, edge.Unknown), false},
	{"escape_rate", func(r *Result) *Number { return &r.Escape }, ofBad(edge.Accept), false},
	{"unsure_bad_rate", func(r *Result) *Number { return &r.UnsureBad }, ofBad(edge.Unsure), false},
	{"false_reject_rate", func(r *Result) *Number { return &r.FalseReject }, ofGood(edge.Reject, edge.Unknown), false},
	{"unsure_rate", func(r *Result) *Number { return &r.Unsure }, ofGood(edge.Unsure), false},
	{"region_auroc", func(r *Result) *Number { return &r.RegionAUROC }, regionAUROC, false},
	{"framed_rate", func(r *Result) *Number { return &r.Framed }, framedRate, false},
	{"frame_iou", func(r *Result) *Number { return &r.FrameIoU }, frameIoU, false},
	{"pixel_auroc", func(r *Result) *Number { return &r.PixelAUROC }, (*Evaluation).pixelAUROC, true},
	{"aupro", func(r *Result) *Number { return &r.AUPRO }, (*Evaluation).aupro, true},
}

func ofBad(d ...edge.Decision) func(*Evaluation, []int, []int) float64 {
	return func(e *Evaluation, _, bad []int) float64 { return e.rate(bad, d...) }
}

func ofGood(d ...edge.Decision) func(*Evaluation, []int, []int) float64 {
	return func(e *Evaluation, good, _ []int) float64 { return e.rate(good, d...) }
}

// f1At is the F1 of the decisions that were made; unsure parts are not caught.
func f1At(e *Evaluation, good, bad []int) float64 {
	if len(good) == 0 || len(bad) == 0 {
		return math.NaN()
	}
	tp := e.rate(bad, edge.Reject, edge.Unknown) * float64(len(bad))
	fp := e.rate(good, edge.Reject, edge.Unknown) * float64(len(good))
	return 2 * tp / (tp + fp + float64(len(bad)))
}

func regionAUROC(e *Evaluation, good, bad []int) float64 {
	if e.masks == 0 {
		return math.NaN()
	}
	var whole, regions []float64
	for _, i := range good {
		whole = append(whole, e.parts[i].peak)
	}
	for _, i := range bad {
		regions = append(regions, e.parts[i].peaks...)
	}
	return AUROC(whole, regions)
}

func (e *Evaluation) pixelAUROC(good, bad []int) float64 {
	if e.masks == 0 {
		return math.NaN()
	}
	return e.sum(good, bad).auroc()
}

func (e *Evaluation) aupro(good, bad []int) float64 {
	if e.masks == 0 {
		return math.NaN()
	}
	return e.sum(good, bad).aupro(AUPROLimit)
}
