package evaluate

import (
	"image"
	"math"
	"slices"
	"time"

	"winnow/edge"
)

// AUPROLimit is the false-positive rate up to which AUPRO is taken.
const AUPROLimit = 0.3

// Part is one judged picture with its truth.
type Part struct {
	Path      string
	Defect    string // kind of defect; "" for a good part
	Group     string // parts of one group are not independent; "" = a group of its own
	Condition string // slice that it belongs to; "" = none

	Taught bool // the judge's package was taught this very picture

	Score          float64 // fused of the three views
	Latent         float64
	Autoencoder    float64
	Surroundings   float64 // 0 of every part: there is no such view
	Reconstruction float64 // the two maps, autoencoder and surroundings, fused without Latent
	Decision       edge.Decision
	Latency        time.Duration
	// Map is the enlarged anomaly map (see Enlarge), Mask the defective pixels at
	// the same size. A bad part without a Mask is left out of pixel figures.
	Map  []float32
	Mask []bool
	// Frame is the box of the region that its verdict gives most of the excess, in places of
	// Mask; empty: it was accepted, or gives none.
	Frame image.Rectangle
}

// Good reports whether nothing is wrong with the part.
func (p *Part) Good() bool { return p.Defect == "" }

// kept is a part without its map, and what its map adds to pixel figures.
type kept struct {
	Part
	truth
	framed
	pixels bool // it counts in pixel figures
}

// Evaluation gathers parts.
type Evaluation struct {
	parts    []kept
	masks    int // defective parts with a mask
	empty    int // and without one, or with one that marks nothing
	maskless int // defective ones that came with none
	scratch  *pixels
}

// New returns an empty evaluation.
func New() *Evaluation { return &Evaluation{scratch: newPixels()} }

// Add one part. Its map and mask are not kept.
func (e *Evaluation) Add(p Part) {
	k := kept{Part: p}
	marked := slices.Contains(p.Mask, true)
	switch {
	case p.Good():
	case p.Mask == nil:
		e.maskless++
	case marked:
		e.masks++
	default:
		e.empty++
	}
	if len(p.Map) == PixelSide*PixelSide && p.Good() != marked {
		k.pixels = true
		k.truth = e.scratch.binned(p.Map, p.Mask, PixelSide, PixelSide)
	}
	if !p.Good() && marked {
		k.framed = frame(p.Frame, p.Mask, PixelSide, PixelSide)
	}
	k.Map, k.Mask = nil, nil
	e.parts = append(e.parts, k)
}

// Parts returns what was added, without maps and masks.
func (e *Evaluation) Parts() []Part {
	out := make([]Part, len(e.parts))
	for i, p := range e.parts {
		out[i] = p.Part
	}
	return out
}

// Result computes every figure. seed drives the bootstrap.
func (e *Evaluation) Result(seed uint64) Result {
	good, bad := e.where((*Part).Good), e.where(func(p *Part) bool { return !p.Good() })
	r := Result{
		Good: len(good), Bad: len(bad), Groups: e.groups(), EmptyMasks: e.empty, MissingMasks: e.maskless,
		LatencyMS: e.latency(), PerDefect: map[string]Defect{},
		Taught: len(e.where(func(p *Part) bool { return p.Taught })),
	}
	if e.masks+e.empty == 0 {
		r.MissingMasks = 0 // the set has no masks at all: nothing was left out
	}
	r.Intervals = e.intervals(good, bad, seed)
	for _, f := range figures {
		*f.at(&r) = Number(f.of(e, good, bad))
	}
	for _, i := range bad {
		kind := e.parts[i].Defect
		if _, done := r.PerDefect[kind]; !done {
			r.PerDefect[kind] = e.defect(good, e.where(func(p *Part) bool { return p.Defect == kind }))
		}
	}
	r.PerSize = e.sizes(good, bad)
	r.Conditions = e.conditions()
	r.Views = e.views(good, bad, seed)
	return r
}

// where returns the indices of the parts that match.
func (e *Evaluation) where(match func(*Part) bool) []int {
	var out []int
	for i := range e.parts {
		if match(&e.parts[i].Part) {
			out = append(out, i)
		}
	}
	return out
}

func (e *Evaluation) groups() int {
	seen, alone := map[string]bool{}, 0
	for i := range e.parts {
		if g := e.parts[i].Group; g != "" {
			seen[g] = true
		} else {
			alone++
		}
	}
	return len(seen) + alone
}

// scores of the parts with these indices.
func (e *Evaluation) scores(of []int) []float64 {
	out := make([]float64, len(of))
	for k, i := range of {
		out[k] = e.parts[i].Score
	}
	return out
}

// sum of the bins of these parts; it is overwritten by the next call.
func (e *Evaluation) sum(lists ...[]int) *pixels {
	e.scratch.reset()
	for _, of := range lists {
		for _, i := range of {
			e.scratch.add(&e.parts[i].truth)
		}
	}
	return e.scratch
}

// defect is the figures of some defective parts against all good ones.
func (e *Evaluation) defect(good, bad []int) Defect {
	g, b := e.scores(good), e.scores(bad)
	d := Defect{
		N: len(bad), ImageAUROC: Number(AUROC(g, b)), CaughtAt1: Number(CaughtAt(g, b, 0.01)),
		Escape: Number(e.rate(bad, edge.Accept)), AUPRO: Number(math.NaN()),
	}
	if e.masks > 0 {
		d.AUPRO = Number(e.sum(good, bad).aupro(AUPROLimit))
	}
	return d
}

// rate is the share of these parts that got decision d.
func (e *Evaluation) rate(of []int, d ...edge.Decision) float64 {
	n := 0.0
	for _, i := range of {
		if slices.Contains(d, e.parts[i].Decision) {
			n++
		}
	}
	return n / float64(len(of))
}

func (e *Evaluation) latency() Percentiles {
	d := make([]float64, len(e.parts))
	for i := range e.parts {
		d[i] = float64(e.parts[i].Latency) / 1e6
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
