package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer/anomaly"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/models"
)

// inputAuto is the input size that teach chooses.
const inputAuto = "auto"

// Constants of the choice of an input size.
const (
	inputArea  = 256 * 256 // pixels where nothing speaks for more
	probeParts = 24        // good parts that sizes are tried on, at most
	probeEach  = 4         // defects drawn on each
	largestW   = 640
)

// worthIt reports whether drawn defects that more pixels tell with AUROC more, and fewer
// with less, show them to be worth their time. Of pairs that are ranked wrongly they must
// spare one in seven: where few are left, it is small defects that are missed, and the
// last points of AUROC are the dearest. Two points are enough in any case, and half a
// point is the least.
func worthIt(less, more float64) bool {
	return more-less > min(max((1-less)/7, 0.005), 0.02)
}

// sizeReport is how an input size that was tried did.
type sizeReport struct {
	Input [2]int  `json:"input"` // width, height
	AUROC float64 `json:"drawn_auroc"`
}

// survey is what the headers of pictures say.
type survey struct {
	aspects []float64
	areas   []float64 // pixels
	skipped []string
	usable  []evaluate.Picture
	mask    *drawnMask // over each of them; nil: everything counts
}

// surveySizes reads the headers of ps.
func surveySizes(ps []evaluate.Picture) (s survey) {
	for _, p := range ps {
		w, h, err := pixfmt.ImageSize(p.Path)
		if err != nil {
			s.skipped = append(s.skipped, explain(err))
			continue
		}
		s.aspects = append(s.aspects, float64(w)/float64(h))
		s.areas = append(s.areas, float64(w)*float64(h))
		s.usable = append(s.usable, p)
	}
	return s
}

// inputSize keeps the pictures' median aspect ratio at about inputArea, in
// multiples of 32, the encoder's coarsest stride.
func inputSize(aspects []float64) (w, h int) { return sizeFor(aspects, inputArea) }

func sizeFor(aspects []float64, area float64) (w, h int) {
	a := slices.Sorted(slices.Values(aspects))[len(aspects)/2]
	side := func(v float64) int { return min(largestW, max(96, 32*int(math.Round(v/32)))) }
	return side(math.Sqrt(area * a)), side(math.Sqrt(area / a))
}

// parseInput reads WxH.
func parseInput(s string) (w, h int, err error) {
	if _, err := fmt.Sscanf(s, "%dx%d", &w, &h); err != nil || fmt.Sprintf("%dx%d", w, h) != s {
		return 0, 0, fmt.Errorf("a size such as 256x256 is needed, or %s", inputAuto)
	}
	if w%32 != 0 || h%32 != 0 || min(w, h) < 96 || max(w, h) > 1024 {
		return 0, 0, fmt.Errorf("both sides are multiples of 32 from 96 to 1024")
	}
	return w, h, nil
}

// chooseInput is the size that was asked for, or the one that is worth its time:
// four times the pixels where the pictures have them and drawn defects show the
// better for it, whether parts are registered or not. It tells how the sizes did that it
// tried.
func chooseInput(ctx context.Context, sv survey, f teachFlags, register bool, bar *progress) (w, h int, sizes []sizeReport, err error) {
	if f.input != "" && f.input != inputAuto {
		w, h, err = parseInput(f.input)
		return w, h, nil, err
	}
	w, h = inputSize(sv.aspects)
	bigW, bigH := sizeFor(sv.aspects, 4*inputArea)
	if area := slices.Sorted(slices.Values(sv.areas))[len(sv.areas)/2]; area < float64(bigW*bigH) {
		return w, h, nil, nil // no picture has so many pixels
	}
	p := newProber(sv, f, "trying input sizes", try{w: w, h: h, register: register}, try{w: bigW, h: bigH, register: register})
	aurocs, err := p.run(ctx, sv.usable, bar)
	if err != nil || len(aurocs) < 2 {
		return w, h, nil, err
	}
	for i, a := range aurocs {
		sizes = append(sizes, sizeReport{[2]int{p.tries[i].w, p.tries[i].h}, a})
	}
	if worthIt(sizes[0].AUROC, sizes[1].AUROC) {
		return bigW, bigH, sizes, nil
	}
	return w, h, sizes, nil
}

// checkInput refuses what is neither a size nor the word for choosing one.
func checkInput(input string) error {
	if input == "" || input == inputAuto {
		return nil
	}
	if _, _, err := parseInput(input); err != nil {
		return usagef("--input %s: %v", input, err)
	}
	return nil
}

// try is one way to prepare pictures.
type try struct {
	w, h     int
	level    *models.Level
	register bool
}

// prober teaches a few parts in several ways, the largest input last, with the
// same defects, drawn at the largest, of parts that lie as they lie where some do.
type prober struct {
	stage    string
	threads  int
	mask     *drawnMask
	spill    string // folder for features that memory has no room for
	tries    []try
	teachers []*teacher
	lent     []anomaly.Picture
}

func newProber(sv survey, f teachFlags, stage string, tries ...try) *prober {
	return &prober{stage: stage, threads: judgeThreads(f.threads), spill: spillFolder(f.out), mask: sv.mask, tries: tries}
}

// run returns how often each try ranks a drawn defect above a held-out good part,
// or nothing where too few pictures can be read.
func (p *prober) run(ctx context.Context, ps []evaluate.Picture, bar *progress) ([]float64, error) {
	defer p.close()
	n := min(len(ps), probeParts)
	for _, s := range p.tries {
		t, err := newTapTeacher("probe", native.New(), p.threads, s.w, s.h, closedFormTaps)
		if err != nil {
			return nil, err
		}
		t.level = s.level
		t.features.SpillTo(p.spill, fit.MemoryRoom/4)
		p.teachers = append(p.teachers, t)
		if err := p.mask.apply(ctx, t, ps); err != nil {
			return nil, err
		}
		if s.register {
			if err := t.register(ctx, ps); err != nil {
				return nil, err
			}
		}
	}
	frame := new(edge.Frame)
	groups := evaluate.GroupNumbers(ps)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k := i * len(ps) / n
		if pixfmt.ReadImageInto(frame, ps[k].Path) == nil {
			if err := p.add(frame, groups[k]); err != nil {
				return nil, err
			}
		}
		bar.update(p.stage, i+1, n)
	}
	return p.compare(ctx)
}

// add teaches one part and its defects at every size.
func (p *prober) add(frame *edge.Frame, group int) error {
	big := p.teachers[len(p.teachers)-1]
	part := big.features.Len()
	for _, t := range p.teachers {
		if t.prepare(frame) != nil {
			return nil // every try has the same parts; teaching will say so
		}
	}
	for _, t := range p.teachers {
		if err := t.learn(t.picture, group, ""); err != nil {
			return err
		}
	}
	src := anomaly.Picture{W: big.w, H: big.h, Pix: append([]byte(nil), big.picture...)}
	for d := range probeEach {
		kind := part*probeEach + d
		q, cover, ok := anomaly.Draw(src, p.lent, kind, rand.New(rand.NewPCG(uint64(kind), 0x70726f62)))
		if !ok || big.pre.Hide(q.Pix, cover) < leastShown {
			continue
		}
		drawn := frameOf(q)
		for _, t := range p.teachers {
			if err := t.addDrawn(drawn, part, kind, cover, q.W, q.H); err != nil {
				return err
			}
		}
	}
	if len(p.lent) < lenders {
		p.lent = append(p.lent, src)
	}
	return nil
}

// frameOf a picture, as a camera would give it.
func frameOf(p anomaly.Picture) *edge.Frame {
	f := &edge.Frame{Pix: make([]byte, len(p.Pix)), Width: p.W, Height: p.H, Stride: 3 * p.W, Format: edge.RGB24}
	for i, b := range p.Pix {
		f.Pix[i] = b ^ 0x80
	}
	return f
}

// compare fits each try and says how it tells drawn defects.
func (p *prober) compare(ctx context.Context) ([]float64, error) {
	var out []float64
	for _, t := range p.teachers {
		t.joinAlike()
		if t.features.Len() < fit.MinParts || t.features.Groups() < 2 || t.features.Drawn() == 0 {
			return nil, nil
		}
		o := fit.Options{Threads: t.threads, FirstTap: firstTap, LocalTaps: localTaps, Spend: true, Folds: 3}
		if t.mask != nil {
			o.Cells = t.mask.Cells
		}
		r, err := fit.Fit(ctx, t.encoder, t.features, t.eng, o)
		if err != nil {
			return nil, err
		}
		out = append(out, fit.DrawnAUROC(r.HeldOut, r.Drawn, func(h fit.HeldOut) float64 { return h.Fused }))
	}
	return out, nil
}

func (p *prober) close() {
	for _, t := range p.teachers {
		_ = t.Close()
	}
}

// addDrawn adds the features of a drawn defect on an earlier part.
func (t *teacher) addDrawn(f *edge.Frame, part, kind int, cover []byte, w, h int) error {
	if err := t.pre.Run(f, t.picture); err != nil {
		return err
	}
	if err := t.encode(t.picture); err != nil {
		return err
	}
	return t.features.AddDrawn(part, kind%anomaly.Kinds, t.taps(), cover, w, h)
}
