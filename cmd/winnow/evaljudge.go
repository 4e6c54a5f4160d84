package main

import (
	"context"
	"fmt"
	"image"
	"math"
	"slices"
	"time"

	"winnow/capture/corrupt"
	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer"
	"winnow/models"
)

// examiner judges pictures whose truth is known.
type examiner struct {
	ctx    context.Context // of the one command that it lives in
	pkg    *models.Package
	judge  *infer.Judge
	engine infer.Engine
	bar    *progress
}

// newExaminer opens the package at path.
func newExaminer(ctx context.Context, path string, f evalFlags, bar *progress) (*examiner, error) {
	p, err := models.ReadFile(path)
	if err != nil {
		return nil, err
	}
	j, eng, err := openJudge(p, f.engine, "", judgeThreads(f.threads))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &examiner{ctx: ctx, pkg: p, judge: j, engine: eng, bar: bar}, nil
}

// Close releases the judge.
func (x *examiner) Close() error { return x.judge.Close() }

// examine judges every picture with its map and mask.
func (x *examiner) examine(ps []evaluate.Picture) (*evaluate.Evaluation, error) {
	e := evaluate.New()
	for i, pic := range ps {
		f, err := pixfmt.ReadImage(pic.Path)
		if err != nil {
			return nil, err
		}
		part, v, err := x.part(f, pic)
		if err != nil {
			return nil, err
		}
		m, h, w := x.judge.Map()
		part.Map = evaluate.Enlarge(m, h, w)
		if pic.Mask != "" {
			if part.Mask, err = readMask(pic.Mask, image.Pt(f.Width, f.Height), x.pkg.Manifest.Preprocess.ROI); err != nil {
				return nil, err
			}
			part.Frame = framing(v)
		}
		e.Add(part)
		x.bar.update("judging", i+1, len(ps))
	}
	return e, nil
}

// part judges one frame and brings its truth along.
func (x *examiner) part(f *edge.Frame, pic evaluate.Picture) (evaluate.Part, *edge.Verdict, error) {
	if err := x.ctx.Err(); err != nil {
		return evaluate.Part{}, nil, err
	}
	v := new(edge.Verdict)
	start := time.Now()
	if err := x.judge.Judge(f, v); err != nil {
		return evaluate.Part{}, nil, fmt.Errorf("%s: %w", pic.Path, err)
	}
	return evaluate.Part{
		Path: pic.Path, Defect: pic.Defect, Group: pic.Group, Condition: pic.Condition, Decision: v.Decision, Latency: time.Since(start),
		Score: v.Score.Fused, Latent: v.Score.Latent, Autoencoder: v.Score.Autoencoder,
		Surroundings: v.Score.Surroundings, Reconstruction: v.Score.Reconstruction,
		Taught: x.pkg.Manifest.Taught.Has(models.InputDigest(x.judge.Picture())),
	}, v, nil
}

// framing is the box of the first region of what is not accepted, in places of a mask.
func framing(v *edge.Verdict) image.Rectangle {
	if v.Decision == edge.Accept || len(v.Regions) == 0 || v.Judged.Empty() {
		return image.Rectangle{}
	}
	const n = evaluate.PixelSide
	b, w, h := v.Regions[0].Box.Sub(v.Judged.Min), v.Judged.Dx(), v.Judged.Dy()
	return image.Rect(b.Min.X*n/w, b.Min.Y*n/h, (b.Max.X*n+w-1)/w, (b.Max.Y*n+h-1)/h)
}

// readMask brings what a mask says of the region of interest to
// evaluate.PixelSide squared, nearest pixel. A defect so
// fine that nearest pixels miss all of it marks every place it touches. The mask may be of
// another size than the picture, but not of another shape.
func readMask(path string, picture image.Point, roi *[4]int) ([]bool, error) {
	f, err := pixfmt.ReadImage(path)
	if err != nil {
		return nil, err
	}
	across, down := float64(f.Width)/float64(picture.X), float64(f.Height)/float64(picture.Y)
	if math.Abs(across/down-1) > maskAspect {
		return nil, fmt.Errorf("%s is %dx%d, its picture %dx%d: a mask lies over the picture", path, f.Width, f.Height, picture.X, picture.Y)
	}
	x0, y0, x1, y1 := 0, 0, f.Width, f.Height
	if roi != nil {
		x0, x1 = min(int(float64(roi[0])*across), x1-1), min(int(math.Ceil(float64(roi[2])*across)), x1)
		y0, y1 = min(int(float64(roi[1])*down), y1-1), min(int(math.Ceil(float64(roi[3])*down)), y1)
	}
	const n = evaluate.PixelSide
	mask, touched := make([]bool, n*n), make([]bool, n*n)
	marked := marks(f)
	any := false
	for y := range n {
		for x := range n {
			mask[y*n+x] = marked(x0+x*(x1-x0)/n, y0+y*(y1-y0)/n)
			any = any || mask[y*n+x]
		}
	}
	if any {
		return mask, nil
	}
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			if marked(x, y) {
				touched[(y-y0)*n/(y1-y0)*n+(x-x0)*n/(x1-x0)] = true
			}
		}
	}
	return touched, nil
}

// marks says which pixels mask f marks: those with a bright channel, or all but 0 where
// nothing is above 1, as in pictures of labels.
func marks(f *edge.Frame) func(x, y int) bool {
	bpp, least := f.Format.BytesPerPixel(), byte(0)
	for y := range f.Height {
		if slices.Max(f.Row(y)[:f.Width*bpp]) > 1 {
			least = 127
			break
		}
	}
	return func(x, y int) bool { return slices.Max(f.Row(y)[x*bpp:(x+1)*bpp]) > least }
}

// evenly takes at most n good and n defective pictures, spread over the list;
// 0 takes all.
func evenly(ps []evaluate.Picture, n int) []evaluate.Picture {
	if n == 0 {
		return ps
	}
	var good, bad, out []evaluate.Picture
	for _, p := range ps {
		if p.Defect == "" {
			good = append(good, p)
		} else {
			bad = append(bad, p)
		}
	}
	for _, class := range [][]evaluate.Picture{good, bad} {
		k := min(n, len(class))
		for i := range k {
			out = append(out, class[i*len(class)/k])
		}
	}
	return out
}

// corruptions judges the pictures as they are and under every corruption.
func (x *examiner) corruptions(all []evaluate.Picture, limit int) ([]evaluate.Corrupted, error) {
	ps := evenly(all, limit)
	table := make([]*evaluate.Evaluation, 1+len(corrupt.Kinds())*corrupt.Grades)
	for i := range table {
		table[i] = evaluate.New()
	}
	clean, spoilt := new(edge.Frame), new(edge.Frame)
	for i, pic := range ps {
		if err := pixfmt.ReadImageInto(clean, pic.Path); err != nil {
			return nil, err
		}
		for k, e := range table {
			copyFrame(spoilt, clean)
			if k > 0 {
				kind, grade := corrupt.Kinds()[(k-1)/corrupt.Grades], 1+(k-1)%corrupt.Grades
				if err := corrupt.Apply(spoilt, kind, grade, 1, uint64(i)); err != nil {
					return nil, err
				}
			}
			part, _, err := x.part(spoilt, pic)
			if err != nil {
				return nil, err
			}
			e.Add(part)
		}
		x.bar.update("judging corrupted pictures", i+1, len(ps))
	}
	known := map[corrupt.Kind][]evaluate.Corrupted{}
	for _, kind := range []corrupt.Kind{corrupt.Dead, corrupt.Lines} {
		rows, err := x.knownDead(ps, kind)
		if err != nil {
			return nil, err
		}
		known[kind] = rows
	}
	out := []evaluate.Corrupted{table[0].Corrupted("none", 0, "the pictures as they are")}
	for k, e := range table[1:] {
		kind, grade := corrupt.Kinds()[k/corrupt.Grades], 1+k%corrupt.Grades
		out = append(out, e.Corrupted(string(kind), grade, corrupt.Strength(kind, grade)))
		if grade == corrupt.Grades {
			out = append(out, known[kind]...)
		}
	}
	return out, nil
}

// knownDead judges pictures with dead pixels or lines again, by a judge that knows
// which: those that `winnow calibrate` would find in the first of the same pictures.
// There are no such rows where it would look for none.
func (x *examiner) knownDead(ps []evaluate.Picture, kind corrupt.Kind) ([]evaluate.Corrupted, error) {
	sensor, err := x.judge.Sensor()
	if err != nil {
		return nil, err
	}
	defer x.judge.SetSensor(sensor)
	var out []evaluate.Corrupted
	f := new(edge.Frame)
	spoil := func(i, grade int) error {
		if err := pixfmt.ReadImageInto(f, ps[i].Path); err != nil {
			return err
		}
		return corrupt.Apply(f, kind, grade, 1, uint64(i))
	}
	for grade := 1; grade <= corrupt.Grades; grade++ {
		var l infer.SensorLearner
		for i := range min(len(ps), sensorOf) {
			if err := spoil(i, grade); err != nil {
				return nil, err
			}
			l.Add(f)
		}
		known := l.Sensor()
		if known.Width == 0 {
			return nil, nil // too few pictures, or of too many sizes, to find dead pixels in
		}
		known.Renew(sensor)
		x.judge.SetSensor(known)
		e := evaluate.New()
		for i, pic := range ps {
			if err := spoil(i, grade); err != nil {
				return nil, err
			}
			part, _, err := x.part(f, pic)
			if err != nil {
				return nil, err
			}
			e.Add(part)
			x.bar.update("judging dead pixels and lines that are known", (grade-1)*len(ps)+i+1, corrupt.Grades*len(ps))
		}
		out = append(out, e.Corrupted(string(kind)+", known", grade, corrupt.Strength(kind, grade)))
	}
	return out, nil
}

// copyFrame makes dst a copy of src with memory of its own.
func copyFrame(dst, src *edge.Frame) {
	pix := append(dst.Pix[:0], src.Pix...)
	*dst = *src
	dst.Pix = pix
}

// crossDomain judges every data set with every model.
func crossDomain(ctx context.Context, f evalFlags, bar *progress) ([]evaluate.Crossed, error) {
	var rows [][]evaluate.Crossed
	alike := map[string]int{} // models of each recipe
	for _, model := range f.models {
		x, err := newExaminer(ctx, model, f, bar)
		if err != nil {
			return nil, err
		}
		row, err := x.cross(f)
		x.Close()
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
		alike[x.pkg.Manifest.Recipe]++
	}
	for i, row := range rows {
		for k := range row {
			if c := &row[k]; alike[c.Taught] > 1 {
				c.Taught = fmt.Sprintf("%s (%s)", c.Taught, f.models[i])
			}
		}
	}
	return slices.Concat(rows...), nil
}

func (x *examiner) cross(f evalFlags) ([]evaluate.Crossed, error) {
	var out []evaluate.Crossed
	names := f.folderNames()
	for i, dir := range f.data {
		ds, err := openTest(dir, f.split(i))
		if err != nil {
			return nil, err
		}
		e := evaluate.New()
		frame := new(edge.Frame)
		for k, pic := range ds.Test {
			if err := pixfmt.ReadImageInto(frame, pic.Path); err != nil {
				return nil, err
			}
			part, _, err := x.part(frame, pic)
			if err != nil {
				return nil, err
			}
			e.Add(part)
			x.bar.update("judging across domains", k+1, len(ds.Test))
		}
		out = append(out, e.Crossed(x.pkg.Manifest.Recipe, names[i]))
	}
	return out, nil
}
