package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"winnow/capture/pixfmt"
	"winnow/capture/scene"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/models"
)

type certifyFlags struct {
	trials, teach, calibrate, tested, pool int
	side                                   int
	data, split, product                   string
	seed                                   uint64
	falseReject                            float64
	threads                                int
	json                                   bool
}

func certificateCommand() *cobra.Command {
	var f certifyFlags
	c := &cobra.Command{
		Use:   "certificate",
		Short: "Prove that certificates keep their promise, by many draws",
		Long: "Certificate draws many teach and calibration sets of good parts, teaches on each, and judges fresh good\n" +
			"parts that neither saw. A certificate of 95 % confidence may be exceeded by the false-reject rate in 5 % of\n" +
			"draws. Two are checked: that of teach (cross-fitted) and that of calibrate on fresh parts (split, exact).\n" +
			"Parts come from one pool, drawn anew without replacement in each draw, and the encoder runs once a part:\n" +
			"fits and verdicts are the product's own, on its remembered feature maps. With --data the pool is the good\n" +
			"pictures of a folder, and whole groups are drawn.",
		Example: "  winnow eval certificate\n  winnow eval certificate --trials 300 --teach 100 --calibrate 300 --tested 5000 --json\n" +
			"  winnow eval certificate --trials 40 --data mtd/ --split mtd/split-disjoint.csv --side 128",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return runCertify(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.IntVar(&f.trials, "trials", 300, "draws")
	fs.IntVar(&f.teach, "teach", 100, "good parts taught in a draw of the drawn line")
	fs.IntVar(&f.calibrate, "calibrate", 300, "further good parts that are calibrated on; with --data a third of the groups each is taught, calibrated on and tested")
	fs.IntVar(&f.tested, "tested", 5000, "fresh good parts judged in a draw of the drawn line")
	fs.IntVar(&f.pool, "pool", 12000, "good parts of the drawn line in the pool")
	fs.IntVar(&f.side, "side", 96, "side of the model's square input in pixels, a multiple of 32")
	fs.StringVar(&f.data, "data", "", "folder of good pictures instead of the drawn line (MVTec layout: train/good and test/good)")
	fs.StringVar(&f.split, "split", "", "CSV file with the columns path,split,group, for the groups")
	fs.StringVar(&f.product, "product", "", "what the drawn line makes: gear, board or cap")
	fs.Uint64Var(&f.seed, "seed", 1, "what is drawn")
	fs.Float64Var(&f.falseReject, "false-reject", 0.01, "false-reject rate that thresholds are drawn for")
	threadsVar(c, &f.threads, 0, "draws at the same time")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	return c
}

func (f *certifyFlags) check() error {
	switch {
	case f.trials < 1 || f.teach < fit.MinParts || f.calibrate < fit.MinParts || f.tested < 1:
		return usagef("--trials and --tested are at least 1, --teach and --calibrate at least %d", fit.MinParts)
	case f.data == "" && f.pool < f.teach+f.calibrate+f.tested:
		return usagef("--pool %d is too small for %d parts a draw", f.pool, f.teach+f.calibrate+f.tested)
	case f.split != "" && f.data == "":
		return usagef("--split says which pictures of --data are taught: name that folder")
	case f.side < 32 || f.side%32 != 0:
		return usagef("--side %d is no multiple of 32", f.side)
	case !fit.CanAsk(f.falseReject):
		return usagef("--false-reject %g is not between %g and 1", f.falseReject, fit.LeastRate)
	}
	return checkProduct(f.product)
}

// goodPool is the parts that draws are made from.
type goodPool struct {
	frames []edge.Frame // at the model's input size
	inputs [][]byte     // what the graph takes for each
	groups []int
	cache  *tapCache
}

// promise is one certificate with what became of it.
type promise struct {
	Bound  float64 `json:"bound"`
	N      int     `json:"n"`
	Rate   float64 `json:"rate"` // of fresh good parts above the threshold
	Unsure float64 `json:"unsure"`
	Tested int     `json:"tested"`
	Chance float64 `json:"chance"` // that Rate exceeds Bound where the certificate is as good as it says
}

// kept sums up the promises of one method.
type keptPromises struct {
	Method   string  `json:"method"`
	Trials   int     `json:"trials"`
	N        [2]int  `json:"n"`          // least and most independent parts of a certificate
	Tested   [2]int  `json:"tested"`     // and parts judged in a draw
	Bound    float64 `json:"bound"`      // mean
	Rate     float64 `json:"rate"`       // mean false-reject rate
	Rate95   float64 `json:"rate_95"`    // that 95 % of draws do not exceed
	Unsure   float64 `json:"unsure"`     // mean
	Exceeded int     `json:"exceeded"`   // draws whose rate is above their bound
	Share    float64 `json:"share"`      // of all draws
	Chance   float64 `json:"chance"`     // share of draws that exceed where certificates are as good as they say: 5 %, and more the fewer parts are judged
	Allowed  int     `json:"allowed"`    // draws that may exceed: that share of them and binomial noise (95 %)
	Kept     bool    `json:"kept"`       // Exceeded <= Allowed
	Confid   float64 `json:"confidence"` // of each certificate
}

func runCertify(ctx context.Context, f certifyFlags, out, log io.Writer) error {
	bar := newProgress(log)
	defer bar.finish()
	p := &goodPool{cache: newTapCache(native.New())}
	fill := p.draw
	if f.data != "" {
		fill = p.read
	}
	if err := fill(ctx, f, bar); err != nil {
		return err
	}
	if err := p.encode(ctx, f, bar); err != nil {
		return err
	}
	cross, split, err := p.trials(ctx, f, bar)
	if err != nil {
		return err
	}
	bar.finish()
	table := []keptPromises{sumPromises("cross", cross), sumPromises("split", split)}
	if f.json {
		err = writeJSON(out, table)
	} else {
		err = printPromises(out, table)
	}
	return errors.Join(err, broken(table))
}

// broken is an error where certificates were not as good as they said.
func broken(table []keptPromises) error {
	for _, k := range table {
		if !k.Kept {
			return fmt.Errorf("%s certificates did not keep their promise: %d of %d draws exceed their bound, %d may", k.Method, k.Exceeded, k.Trials, k.Allowed)
		}
	}
	return nil
}

func printPromises(w io.Writer, table []keptPromises) error {
	for _, k := range table {
		word := "kept"
		if !k.Kept {
			word = "NOT KEPT"
		}
		fmt.Fprintf(w, "%-5s  %d draws, certificates from %d to %d parts, %d to %d fresh parts each: promised at most %.2f %%, false rejects %.2f %% on average, "+
			"%.2f %% in the 95th of 100, unsure %.2f %%; exceeded in %d draws (%.1f %%); chance alone exceeds it in %.1f %%, so %d are allowed: %s\n",
			k.Method, k.Trials, k.N[0], k.N[1], k.Tested[0], k.Tested[1], 100*k.Bound, 100*k.Rate, 100*k.Rate95, 100*k.Unsure, k.Exceeded, 100*k.Share, 100*k.Chance, k.Allowed, word)
	}
	return nil
}

// draw fills the pool with good parts of a drawn line.
func (p *goodPool) draw(ctx context.Context, f certifyFlags, bar *progress) error {
	s, err := scene.New(scene.Config{Seed: f.seed, Product: f.product, Width: max(f.side, 96), Height: max(f.side, 96)})
	if err != nil {
		return err
	}
	var frame edge.Frame
	for i := range f.pool {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.Draw(uint64(i), scene.Defect{}, &frame)
		if err := p.add(&frame, i, f.side); err != nil {
			return err
		}
		bar.update("drawing good parts", i+1, f.pool)
	}
	return nil
}

// read fills the pool with the good pictures of a folder.
func (p *goodPool) read(ctx context.Context, f certifyFlags, bar *progress) error {
	ds, err := evaluate.OpenDataset(f.data, f.split)
	if err != nil {
		return err
	}
	good := ds.Teach
	for _, pic := range ds.Test {
		if pic.Defect == "" {
			good = append(good, pic)
		}
	}
	groups := evaluate.GroupNumbers(good)
	var frame edge.Frame
	for i, pic := range good {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := pixfmt.ReadImageInto(&frame, pic.Path); err != nil {
			return err
		}
		if err := p.add(&frame, groups[i], f.side); err != nil {
			return err
		}
		bar.update("reading good parts", i+1, len(good))
	}
	if n := 1 + slices.Max(append(groups, 0)); n < 3*fit.MinParts {
		return fmt.Errorf("%s has %d independent good parts: at least %d are needed, a third to teach, to calibrate on and to test", f.data, n, 3*fit.MinParts)
	}
	return nil
}

// add brings a frame to the input size and keeps it.
func (p *goodPool) add(f *edge.Frame, group, side int) error {
	in := make([]byte, side*side*3)
	if err := infer.NewPreprocessor(side, side, nil).Run(f, in); err != nil {
		return err
	}
	small := edge.Frame{Width: side, Height: side, Stride: 3 * side, Format: edge.RGB24, Pix: make([]byte, len(in))}
	for i, v := range in {
		small.Pix[i] = v ^ 0x80 // the input is the picture minus 128
	}
	p.frames = append(p.frames, small)
	p.inputs = append(p.inputs, in)
	p.groups = append(p.groups, group)
	return nil
}

// encode runs the encoder once a part.
func (p *goodPool) encode(ctx context.Context, f certifyFlags, bar *progress) error {
	t, err := newTeacher("pool", p.cache, 1, f.side, f.side, 0)
	if err != nil {
		return err
	}
	defer t.Close()
	for i := range p.inputs {
		if err := ctx.Err(); err != nil {
			return err
		}
		copy(t.session.Input(0), p.inputs[i])
		if err := t.session.Run(); err != nil {
			return err
		}
		bar.update("encoding", i+1, len(p.inputs))
	}
	p.cache.remember = false
	return nil
}

// sets of one draw, as indices of parts.
type sets struct{ teach, calibrate, test []int }

// choose draws whole groups: so many parts of the drawn line, or thirds of a
// folder's groups.
func (p *goodPool) choose(f certifyFlags, trial int) sets {
	members := map[int][]int{}
	n := 0
	for i, g := range p.groups {
		members[g] = append(members[g], i)
		n = max(n, g+1)
	}
	r := rand.New(rand.NewPCG(f.seed, uint64(trial)+0x63657274))
	order := r.Perm(n)
	a, b, c := f.teach, f.teach+f.calibrate, f.teach+f.calibrate+f.tested
	if f.data != "" {
		a, b, c = n/3, 2*n/3, n
	}
	var s sets
	for k, g := range order[:c] {
		switch {
		case k < a:
			s.teach = append(s.teach, members[g]...)
		case k < b:
			s.calibrate = append(s.calibrate, members[g]...)
		default:
			s.test = append(s.test, members[g]...)
		}
	}
	return s
}

// trials runs every draw and returns what became of both certificates.
func (p *goodPool) trials(ctx context.Context, f certifyFlags, bar *progress) (cross, split []promise, err error) {
	cross, split = make([]promise, f.trials), make([]promise, f.trials)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next, done := make(chan int), make(chan struct{})
	var wg sync.WaitGroup
	for range judgeThreads(f.threads) {
		wg.Go(func() {
			for k := range next {
				var err error
				if cross[k], split[k], err = p.trial(ctx, f, k); err != nil {
					stop(err)
				}
				done <- struct{}{}
			}
		})
	}
	go func() {
		defer close(next)
		for k := range f.trials {
			next <- k
		}
	}()
	for k := range f.trials {
		<-done
		bar.update("teaching and testing", k+1, f.trials)
	}
	wg.Wait()
	return cross, split, context.Cause(ctx)
}

// trial is one draw: teach, test its certificate; calibrate, test that one.
func (p *goodPool) trial(ctx context.Context, f certifyFlags, k int) (cross, split promise, err error) {
	if err := ctx.Err(); err != nil {
		return cross, split, err
	}
	s := p.choose(f, k)
	t, err := newTeacher("trial", p.cache, 1, f.side, f.side, len(s.teach))
	if err != nil {
		return cross, split, err
	}
	defer t.Close()
	for _, i := range s.teach {
		if err := t.Add(&p.frames[i], p.groups[i]); err != nil {
			return cross, split, err
		}
	}
	pkg, _, err := t.Fit(ctx, fit.Options{FalseReject: f.falseReject, Seed: uint64(k)})
	if err != nil {
		return cross, split, err
	}
	j, err := infer.NewJudge(pkg, p.cache, infer.Options{Threads: 1})
	if err != nil {
		return cross, split, err
	}
	defer j.Close()
	fresh := make([]fit.Fresh, 0, len(s.calibrate))
	for _, i := range s.calibrate {
		_, fused, err := j.RunGolden(p.inputs[i])
		if err != nil {
			return cross, split, err
		}
		fresh = append(fresh, fit.Fresh{Group: p.groups[i], Fused: fused})
	}
	again, err := fit.Recalibrate(pkg, fresh, f.falseReject, uint64(k))
	if err != nil {
		return cross, split, err
	}
	scores := make([]float64, len(s.test))
	for n, i := range s.test {
		if _, scores[n], err = j.RunGolden(p.inputs[i]); err != nil {
			return cross, split, err
		}
	}
	return keptBy(&pkg.Calibration, scores, f.falseReject), keptBy(&again.Calibration, scores, f.falseReject), nil
}

// keptBy measures on fresh scores the promise of a calibration for an asked rate.
func keptBy(c *models.Calibration, scores []float64, rate float64) promise {
	p := promise{Bound: c.Certificate.Bound, N: c.Certificate.N, Tested: len(scores)}
	p.Chance = evaluate.MoreExceed(int(p.Bound*float64(p.Tested)), p.Tested, fit.Rank(rate, p.N), p.N)
	for _, s := range scores {
		switch {
		case !(s <= c.Threshold):
			p.Rate += 1 / float64(len(scores))
		case s > c.UnsureAbove:
			p.Unsure += 1 / float64(len(scores))
		}
	}
	return p
}

// sumPromises of one method.
func sumPromises(method string, ps []promise) keptPromises {
	k := keptPromises{Method: method, Trials: len(ps), Confid: fit.Confidence, N: [2]int{math.MaxInt, 0}, Tested: [2]int{math.MaxInt, 0}}
	var rates []float64
	for _, p := range ps {
		k.N = [2]int{min(k.N[0], p.N), max(k.N[1], p.N)}
		k.Tested = [2]int{min(k.Tested[0], p.Tested), max(k.Tested[1], p.Tested)}
		k.Bound += p.Bound / float64(len(ps))
		k.Rate += p.Rate / float64(len(ps))
		k.Unsure += p.Unsure / float64(len(ps))
		k.Chance += p.Chance / float64(len(ps))
		rates = append(rates, p.Rate)
		if p.Rate > p.Bound {
			k.Exceeded++
		}
	}
	k.Rate95 = evaluate.Quantile(rates, 0.95)
	k.Share = float64(k.Exceeded) / float64(len(ps))
	k.Allowed = evaluate.BinomialQuantile(0.95, len(ps), k.Chance)
	k.Kept = k.Exceeded <= k.Allowed
	return k
}
