package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"winnow/edge"
)

// AUPROLimit is the false-positive rate up to which AUPRO is taken.
const AUPROLimit = 0.3

// Part is one judged picture with its truth.
type Part struct {
	Path     string
	Defect   string // kind of defect; "" for a good part
	Score    float64
	Decision edge.Decision
	Latency  time.Duration
	// Map is the enlarged anomaly map (see Enlarge), Mask the defective pixels at
	// the same size. A bad part without a Mask is left out of pixel figures.
	Map  []float32
	Mask []bool
}

// Number is a figure that may be unknown; it is written as null then.
type Number float64

// MarshalJSON writes NaN as null and six significant digits otherwise: more
// would be noise.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', 6, 64), nil
}

// Defect holds the figures of one kind of defect.
type Defect struct {
	N          int    `json:"n"`
	ImageAUROC Number `json:"image_auroc"`
	AUPRO      Number `json:"aupro"`
}

// Percentiles of a duration in milliseconds.
type Percentiles struct {
	P50 Number `json:"p50"`
	P99 Number `json:"p99"`
}

// Result is what `winnow eval --json` prints.
type Result struct {
	ImageAUROC  Number               `json:"image_auroc"`
	ImageAP     Number               `json:"image_ap"`
	F1          Number               `json:"f1"`
	PixelAUROC  Number               `json:"pixel_auroc"`
	AUPRO       Number               `json:"aupro"`
	RegionAUROC Number               `json:"region_auroc"` // peaks of defective regions against peaks of good parts
	Intervals   map[string][2]Number `json:"intervals"`    // 95 %, bootstrap over parts
	CaughtAt1   Number               `json:"caught_at_1pct"`
	PerDefect   map[string]Defect    `json:"per_defect"`
	FalseReject Number               `json:"false_reject_rate"` // at the calibrated threshold
	Escape      Number               `json:"escape_rate"`       // likewise; an unsure part is neither
	Unsure      Number               `json:"unsure_rate"`       // of good parts
	Certificate edge.Certificate     `json:"certificate"`
	LatencyMS   Percentiles          `json:"latency_ms"`
	Engine      string               `json:"engine"`
	Model       string               `json:"model"`
	Good        int                  `json:"good"`
	Bad         int                  `json:"bad"`
	EmptyMasks  int                  `json:"empty_masks"` // defective pictures left out of pixel figures
}

// Evaluation gathers parts.
type Evaluation struct {
	parts  []Part // without maps
	pix    *pixels
	kinds  map[string]*pixels
	masks  int
	empty  int
	goodPk []float64
}

// New returns an empty evaluation.
func New() *Evaluation {
	return &Evaluation{pix: newPixels(), kinds: map[string]*pixels{}}
}

// Add one part. Its map and mask are not kept.
func (e *Evaluation) Add(p Part) {
	switch {
	case p.Defect == "":
		e.addPixels(p, nil)
		peak := float32(0)
		for _, v := range p.Map {
			peak = max(peak, v)
		}
		e.goodPk = append(e.goodPk, float64(peak))
	case slices.Contains(p.Mask, true):
		e.masks++
		e.addPixels(p, p.Mask)
	default:
		e.empty++
	}
	p.Map, p.Mask = nil, nil
	e.parts = append(e.parts, p)
}

func (e *Evaluation) addPixels(p Part, mask []bool) {
	if len(p.Map) != PixelSide*PixelSide {
		return
	}
	e.pix.add(p.Map, mask, PixelSide, PixelSide)
	if p.Defect == "" {
		return
	}
	k := e.kinds[p.Defect]
	if k == nil {
		k = newPixels()
		e.kinds[p.Defect] = k
	}
	k.add(p.Map, mask, PixelSide, PixelSide)
}

// Parts returns what was added, without maps and masks.
func (e *Evaluation) Parts() []Part { return e.parts }

// Result computes every figure. seed drives the bootstrap.
func (e *Evaluation) Result(seed uint64) Result {
	good, bad := e.scores("")
	r := Result{
		ImageAUROC: Number(AUROC(good, bad)), ImageAP: Number(AveragePrecision(good, bad)),
		F1: Number(BestF1(good, bad)), CaughtAt1: Number(CaughtAt(good, bad, 0.01)),
		PixelAUROC: Number(math.NaN()), AUPRO: Number(math.NaN()), RegionAUROC: Number(math.NaN()),
		Intervals: intervals(good, bad, seed), PerDefect: map[string]Defect{},
		Good: len(good), Bad: len(bad), EmptyMasks: e.empty, LatencyMS: e.latency(),
	}
	if e.masks > 0 {
		r.PixelAUROC, r.AUPRO = Number(e.pix.auroc()), Number(e.pix.aupro(AUPROLimit))
		r.RegionAUROC = Number(AUROC(e.goodPk, e.pix.peaks))
	}
	if e.masks == 0 {
		r.EmptyMasks = 0 // the set has no masks at all: nothing was left out
	}
	e.perDefect(&r, good)
	r.FalseReject, r.Unsure, r.Escape = e.rates()
	return r
}

// scores of good parts, and of bad ones (of one kind, or of all for "").
func (e *Evaluation) scores(kind string) (good, bad []float64) {
	for _, p := range e.parts {
		switch {
		case p.Defect == "":
			good = append(good, p.Score)
		case kind == "" || p.Defect == kind:
			bad = append(bad, p.Score)
		}
	}
	return good, bad
}

func (e *Evaluation) perDefect(r *Result, good []float64) {
	for _, p := range e.parts {
		if _, done := r.PerDefect[p.Defect]; done || p.Defect == "" {
			continue
		}
		_, bad := e.scores(p.Defect)
		d := Defect{N: len(bad), ImageAUROC: Number(AUROC(good, bad)), AUPRO: Number(math.NaN())}
		if k := e.kinds[p.Defect]; k != nil {
			only := &pixels{good: e.pix.good, bad: k.bad, overlap: k.overlap, regions: k.regions}
			d.AUPRO = Number(only.aupro(AUPROLimit))
		}
		r.PerDefect[p.Defect] = d
	}
}

// rates at the calibrated threshold.
func (e *Evaluation) rates() (falseReject, unsure, escape Number) {
	var good, bad, rejected, doubtful, escaped float64
	for _, p := range e.parts {
		if p.Defect == "" {
			good++
		} else {
			bad++
		}
		switch {
		case p.Defect == "" && p.Decision == edge.Unsure:
			doubtful++
		case p.Defect == "" && p.Decision != edge.Accept:
			rejected++
		case p.Defect != "" && p.Decision == edge.Accept:
			escaped++
		}
	}
	return Number(rejected / good), Number(doubtful / good), Number(escaped / bad)
}

func (e *Evaluation) latency() Percentiles {
	d := make([]float64, len(e.parts))
	for i, p := range e.parts {
		d[i] = float64(p.Latency) / 1e6
	}
	return Percentiles{Number(Quantile(d, 0.50)), Number(Quantile(d, 0.99))}
}

// Quantile is the smallest of v that at least q of v do not exceed; NaN for an
// empty v.
func Quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(v))
	return s[min(len(s)-1, max(0, int(math.Ceil(q*float64(len(s))))-1))]
}

// resamples of the bootstrap.
const resamples = 1000

// intervals are 95 % percentile intervals over resampled parts, good and bad
// drawn apart (Efron and Tibshirani, 1993, chapter 13).
func intervals(good, bad []float64, seed uint64) map[string][2]Number {
	out := map[string][2]Number{}
	if len(good) == 0 || len(bad) == 0 {
		return out
	}
	r := rand.New(rand.NewPCG(seed, 0x626f6f74))
	figures := map[string]func(g, b []float64) float64{
		"image_auroc": AUROC, "image_ap": AveragePrecision, "f1": BestF1,
		"caught_at_1pct": func(g, b []float64) float64 { return CaughtAt(g, b, 0.01) },
	}
	values := map[string][]float64{}
	g, b := make([]float64, len(good)), make([]float64, len(bad))
	for range resamples {
		draw(r, g, good)
		draw(r, b, bad)
		for name, f := range figures {
			values[name] = append(values[name], f(g, b))
		}
	}
	for name, v := range values {
		out[name] = [2]Number{Number(Quantile(v, 0.025)), Number(Quantile(v, 0.975))}
	}
	return out
}

func draw(r *rand.Rand, dst, src []float64) {
	for i := range dst {
		dst[i] = src[r.IntN(len(src))]
	}
}
