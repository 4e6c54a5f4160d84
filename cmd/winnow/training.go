package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/tf/lazy"
	"winnow/infer/tflite"
	"winnow/infer/train"
	"winnow/models"
)

// saveEvery is after how many steps a checkpoint is kept.
const saveEvery = 100

// trainJob is one `winnow train`.
type trainJob struct {
	f        trainFlags
	r        *train.Recipe
	bar      *progress
	log      io.Writer
	start    time.Time
	w, h     int
	pictures []evaluate.Picture
	skipped  []string
	alike    alike

	t      *teacher // its encoder, its digest of what was seen, its package
	maps   *mapper
	parts  []shown // weights learn from
	held   []shown // and from these never
	model  *train.Model
	float  *train.Float // while its dense networks are measured in float
	fitted *fit.Result

	sizes   []sizeReport    // input sizes that were tried
	drawn   []train.Picture // some of the drawn defects
	outlook *fit.Features   // what the local view sees of parts and drawn defects
}

// shown is one good part as the network gets it.
type shown struct {
	train.Picture
	path  string
	group int
}

func (j *trainJob) prepare(ctx context.Context) (err error) {
	if j.t, err = newTapTeacher(recipeName(j.f.out), native.New(), judgeThreads(j.f.threads), j.w, j.h, closedFormTaps); err != nil {
		return err
	}
	if j.t.sensor, err = learnSensor(ctx, j.pictures); err != nil {
		return err
	}
	j.t.pre.SetSensor(j.t.sensor.ForTeaching())
	return nil
}

func (j *trainJob) close() {
	j.t.Close()
	if j.maps != nil {
		j.maps.close()
	}
}

// estimate is --dry-run.
func (j *trainJob) estimate(out io.Writer) error {
	in, target := train.Shapes(j.r.Source(), j.t.features.Taps[firstTap:], j.w, j.h)
	e, err := train.EstimateRun(j.config(), j.r, in, target, func() time.Duration { return time.Since(j.start) })
	if err != nil {
		return err
	}
	if j.f.json {
		return writeJSON(out, e)
	}
	for _, s := range j.skipped {
		fmt.Fprintf(out, "would skip: %s\n", s)
	}
	fmt.Fprintf(out, "%s on %d good parts at %dx%d: maps of %v to %v\n", j.r.Family, len(j.pictures), j.w, j.h, in, target)
	fmt.Fprintf(out, "%d parameters, %.1f million multiply-accumulates a part, about %.0f MB beside the library\n", e.Parameters, float64(e.MACs)/1e6, e.MemoryMB)
	fmt.Fprintf(out, "%d steps of %.0f ms: about %s\n", e.Steps, 1e3*e.StepSeconds, e.Total.Round(time.Second))
	return nil
}

func (j *trainJob) config() train.Config {
	return train.Config{
		Load: lazy.Loader(j.f.library), Engine: native.New(), Threads: j.f.tensorThreads(),
		SaveEvery: saveEvery, Progress: j.tell(),
		Save: func(b []byte) error { return writeAtomic(j.f.checkpoint(), b) },
	}
}

// run trains and writes the package.
func (j *trainJob) run(ctx context.Context) (*trainedReport, error) {
	if err := j.look(ctx); err != nil {
		return nil, err
	}
	d, err := j.data(ctx)
	if err != nil {
		return nil, err
	}
	if err := j.contactSheet(); err != nil {
		return nil, err
	}
	c := j.config()
	if c.Resume, err = j.f.resume(); err != nil {
		return nil, err
	}
	began := time.Now()
	if j.model, err = train.Train(ctx, c, j.r, d); err != nil {
		return nil, err
	}
	trained := time.Since(began).Seconds()
	p, err := j.pack(ctx, d)
	if err != nil {
		return nil, err
	}
	b, err := p.Bytes()
	if err != nil {
		return nil, err
	}
	if err := writeAtomic(j.f.out, b); err != nil {
		return nil, err
	}
	rep := j.report(p, len(b), d)
	rep.Resumed, rep.TrainSeconds = c.Resume != nil, trained
	if err := j.html(rep, p, d); err != nil {
		return nil, err
	}
	return rep, removeIfThere(j.f.checkpoint())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// look reads every picture, divides them and learns how features are
// standardized. Pictures that cannot be read are named and left out; near-duplicates
// stay on one side.
func (j *trainJob) look(ctx context.Context) error {
	var all []shown
	var groups []int
	var prints []fit.Print
	given := evaluate.GroupNumbers(j.pictures)
	frame := new(edge.Frame)
	for i, p := range j.pictures {
		if err := ctx.Err(); err != nil {
			return err
		}
		pix, err := j.read(frame, p.Path)
		if err != nil {
			j.skip(p.Path, err)
			continue
		}
		all = append(all, shown{train.Picture{W: j.w, H: j.h, Pix: pix}, p.Path, 0})
		groups, prints = append(groups, given[i]), append(prints, fit.PrintOf(pix, j.w, j.h))
		j.bar.update("looking at good parts", i+1, len(j.pictures))
	}
	groups, j.alike.Joined, j.alike.Uniform = fit.GroupPrints(prints, groups)
	out := heldOut(groups, j.r.Validation.HeldOut, j.r.Seed)
	for i, s := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.group = groups[i]; out[s.group] {
			j.held = append(j.held, s)
			j.t.inputs = append(j.t.inputs, models.InputDigest(s.Pix))
		} else if err := j.t.learn(s.Pix, s.group, s.path); err != nil {
			j.skip(s.path, err)
		} else {
			j.parts = append(j.parts, s)
		}
		j.bar.update("learning what features are usual", i+1, len(all))
	}
	if len(j.held) < fit.MinParts || len(j.parts) < fit.MinParts {
		return j.cannotDivide()
	}
	var err error
	j.maps, err = newMapper(j)
	return err
}

// cannotDivide says why too few parts are on one side.
func (j *trainJob) cannotDivide() error {
	if n := len(j.held) + len(j.parts); n < leastToTrain {
		return tooFewToTrain(n, j.skipped)
	}
	return fmt.Errorf("%d good parts would train and %d are held out, at least %d of each are needed: "+
		"the parts make %d groups (of the split file, copies joined), which stay whole, and validation.held_out = %g of the parts are held out; "+
		"give more parts that differ, smaller groups, or another share",
		len(j.parts), len(j.held), fit.MinParts, j.groups(), j.r.Validation.HeldOut)
}

func (j *trainJob) skip(path string, err error) {
	j.skipped = append(j.skipped, fmt.Sprintf("%s: %s", path, explain(err)))
}

// read one picture as the graph's input.
func (j *trainJob) read(frame *edge.Frame, path string) ([]byte, error) {
	if err := pixfmt.ReadImageInto(frame, path); err != nil {
		return nil, err
	}
	pix := make([]byte, j.w*j.h*3)
	if err := j.t.pre.Run(frame, pix); err != nil {
		return nil, err
	}
	if share, bad := j.t.pre.Missing(); bad {
		return nil, fmt.Errorf("%.1f %% of the frame is missing: dead or lost lines", 100*share)
	}
	if j.t.sensor != nil {
		j.t.sensor.Confirm(frame)
	}
	return pix, nil
}

// heldOut draws groups until they hold the share of parts.
func heldOut(groups []int, share float64, seed uint64) map[int]bool {
	count := map[int]int{}
	var order []int
	for _, g := range groups {
		if count[g] == 0 {
			order = append(order, g)
		}
		count[g]++
	}
	r := rand.New(rand.NewPCG(seed, 0x68656c64))
	r.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	out, n := map[int]bool{}, 0
	for _, g := range order {
		if float64(n) >= share*float64(len(groups)) {
			break
		}
		out[g] = true
		n += count[g]
	}
	return out
}

func (j *trainJob) groups() int {
	seen := map[int]bool{}
	for _, s := range append(append([]shown(nil), j.parts...), j.held...) {
		seen[s.group] = true
	}
	return len(seen)
}

func (j *trainJob) report(p *models.Package, size int, d *train.Data) *trainedReport {
	last := j.model.Looks[len(j.model.Looks)-1]
	r := &trainedReport{
		Model: j.f.out, Digest: p.Digest(), Bytes: size, Recipe: j.f.recipe, Family: j.r.Family,
		Parts: len(j.parts), HeldOut: len(j.held), alike: j.alike, Skipped: append([]string{}, j.skipped...), Input: [2]int{j.w, j.h},
		Steps: len(j.model.Curve), Loss: float64(j.model.Curve[len(j.model.Curve)-1].Loss),
		Held: last.Held, Synthetic: last.Synthetic, Density: last.Density, MACs: graphMACs(j.fitted.Graph),
		Threshold: p.Calibration.Threshold, Certificate: p.Calibration.Certificate, Promise: fit.Promise(p.Calibration),
		Seconds: time.Since(j.start).Seconds(), Views: viewReports(j.fitted), Suspects: []string{}, Sizes: j.sizes,
	}
	suspects := fit.Suspects(j.fitted.HeldOut)
	for _, i := range suspects {
		r.Suspects = append(r.Suspects, j.held[i].path)
	}
	r.Outlook = j.fitted.Outlook(suspects)
	if len(j.model.Members) > 1 {
		if s, err := j.model.Spread(j.t.eng, d, d.Held); err == nil {
			r.Spread = &s
		}
	}
	return r
}

// graphMACs of a dense evaluation.
func graphMACs(m *tflite.Model) int64 {
	total := int64(0)
	for i := range m.Ops {
		n, _ := work(m, &m.Ops[i])
		total += n
	}
	return total
}
