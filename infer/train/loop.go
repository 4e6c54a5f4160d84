package train

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"winnow/infer"
)

// Config of a run. Load and Engine are needed.
type Config struct {
	Load    func() (path string, err error) // of libtensorflow; lazy.Loader is one
	Engine  infer.Engine                    // times layers where pruning follows measured cost
	Threads int                             // of TensorFlow; 1 makes a run repeat to the bit
	// Save keeps a checkpoint; an error of it ends the run, and what was kept
	// before must still be there. It is called every SaveEvery steps.
	Save      func([]byte) error
	SaveEvery int
	Resume    []byte // a checkpoint to go on from, or nil
	Progress  func(Progress)
}

// Progress of a run, told after each step.
type Progress struct {
	Stage       string
	Done, Total int // steps of all members and phases
	Loss        float32
	Look        *Look // the last one, nil before
}

// runner carries what the parts of a run share.
type runner struct {
	c    Config
	r    *Recipe
	d    *Data
	mean []float32
	s    *state
	m    machine
	net  *Net // of m
	cost []float64
	ctx  context.Context
}

// Train runs the recipe on d. It ends early with ctx, having kept a checkpoint.
func Train(ctx context.Context, c Config, r *Recipe, d *Data) (*Model, error) {
	t, err := newRunner(ctx, c, r, d)
	if err != nil {
		return nil, err
	}
	for t.s.Member < r.Ensemble {
		if err := t.member(); err != nil {
			return nil, err
		}
	}
	return t.model()
}

// Compressed prunes and rounds m anew, from its dense networks on, as r says,
// which differs from the recipe that m was trained with in Compress alone.
func (m *Model) Compressed(ctx context.Context, c Config, r *Recipe, d *Data) (*Model, error) {
	c.Resume, c.Save = nil, nil
	t, err := newRunner(ctx, c, r, d)
	if err != nil {
		return nil, err
	}
	for k := range m.Members {
		t.s.Phase, t.s.Dense = phaseCompress, m.Members[k].values
		if err := t.member(); err != nil {
			return nil, err
		}
	}
	n, err := t.model()
	if err != nil {
		return nil, err
	}
	if len(n.Looks) == 0 { // nothing was trained on
		n.Looks, n.Curve = m.Looks, m.Curve
	}
	return n, nil
}

func newRunner(ctx context.Context, c Config, r *Recipe, d *Data) (*runner, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := loadLibrary(c.Load); err != nil {
		return nil, err
	}
	if r.Objectives.needViews() && len(d.Train[0].Inputs) < 2 {
		return nil, fmt.Errorf("recipe: objectives that compare views need augment.variants of at least 1")
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	t := &runner{c: c, r: r, d: d, mean: d.mean(), ctx: ctx}
	return t, t.begin()
}

// begin makes a new state or takes the one to go on from.
func (t *runner) begin() error {
	text, err := json.Marshal(t.r)
	if err != nil {
		return err
	}
	recipe, data := sha256.Sum256(text), t.d.digest()
	if t.c.Resume == nil {
		t.s = &state{Recipe: recipe, Data: data, Hard: make([]float32, len(t.d.Train))}
		return nil
	}
	if t.s, err = decodeState(t.c.Resume); err != nil {
		return err
	}
	if t.s.Recipe != recipe || t.s.Data != data {
		return fmt.Errorf("%w: it was made with another recipe or other pictures; remove it, or start with --restart", ErrOtherRun)
	}
	return nil
}

// member trains one network through its phases.
func (t *runner) member() error {
	for t.s.Phase <= phaseCompress {
		if err := t.phase(); err != nil {
			return err
		}
	}
	t.s.Done = append(t.s.Done, finished{Dense: t.s.Dense, Final: t.s.Best, Ranges: t.s.Ranges})
	t.s.Member++
	t.s.Phase, t.s.Dense, t.s.Ranges, t.s.First = phaseFloat, nil, nil, 0
	t.s.Hard = make([]float32, len(t.d.Train))
	t.restart()
	return t.keep()
}

// restart forgets what belongs to a phase.
func (t *runner) restart() {
	t.s.Step, t.s.Values, t.s.Masks, t.s.Best, t.s.BestScore, t.s.Bad = 0, nil, nil, nil, 0, 0
}

// steps of phase p of one member.
func (t *runner) steps(p int) int {
	if p == phaseFloat {
		return t.r.Loop.Steps
	}
	return t.r.Compress.PruneSteps + t.r.Compress.AwareSteps
}

func (t *runner) seed() uint64 { return t.r.Seed + uint64(t.s.Member) }

// plan of the machine that the current phase needs.
func (t *runner) plan() plan {
	p := plan{net: t.r.Build(t.d.In, t.d.Out, t.mean, t.seed()), recipe: t.r, threads: t.c.Threads}
	if t.s.Phase == phaseFloat {
		return p
	}
	p.net = p.net.Folded(t.s.Dense)
	if t.s.Ranges != nil && t.r.Compress.AwareSteps > 0 {
		p.ranges = p.net.settled(t.s.Ranges)
	}
	p.masked = t.r.Compress.PruneSteps > 0
	if p.masked && t.r.Compress.Distill > 0 {
		p.teacher = p.net
	}
	return p
}

// phase runs the current phase to its end.
func (t *runner) phase() error {
	p := t.plan()
	if t.s.Phase == phaseCompress && t.s.Ranges == nil {
		if err := t.settle(p); err != nil {
			return err
		}
		p = t.plan()
	}
	if t.steps(t.s.Phase) > 0 {
		if err := t.runPhase(p); err != nil {
			return err
		}
	}
	if t.s.Phase == phaseFloat {
		t.s.Dense = t.s.Best
		t.restart()
	}
	t.s.Phase++
	return nil
}

// settle measures the ranges of the folded net's nodes on training parts.
func (t *runner) settle(p plan) error {
	m, err := newMachine(p)
	if err != nil {
		return err
	}
	defer m.state().close()
	t.s.Ranges, err = m.extremes(t.someInputs(128))
	return err
}

// someInputs of training parts, spread over them.
func (t *runner) someInputs(n int) [][]byte {
	var xs [][]byte
	stride := max(1, len(t.d.Train)/n)
	for i := 0; i < len(t.d.Train); i += stride {
		xs = append(xs, t.d.Train[i].Inputs[0])
	}
	return xs
}

func (t *runner) runPhase(p plan) error {
	var err error
	if t.m, err = newMachine(p); err != nil {
		return err
	}
	t.net = p.net
	defer t.m.state().close()
	if err := t.enter(p); err != nil {
		return err
	}
	total := t.steps(t.s.Phase)
	for t.s.Step < total && t.s.Bad < t.r.Validation.Patience {
		if err := t.oneStep(p, total); err != nil {
			return err
		}
		if err := t.ctx.Err(); err != nil {
			if kerr := t.keep(); kerr != nil {
				return kerr
			}
			return err
		}
	}
	return nil
}

// enter gives the machine the state's values, or the state the machine's.
func (t *runner) enter(p plan) error {
	if t.s.Values != nil {
		if err := t.m.state().restore(t.s.Values, nil); err != nil {
			return err
		}
	} else if err := t.centre(); err != nil {
		return err
	}
	if p.masked {
		if err := t.measureCost(); err != nil {
			return err
		}
		if t.s.Masks != nil {
			return t.m.state().restore(nil, t.s.Masks)
		}
	}
	return nil
}

// centre sets what the one-class objective draws codes to: the first mean code,
// kept away from 0.
func (t *runner) centre() error {
	if t.net.Centre < 0 {
		return nil
	}
	_, codes, err := t.m.reconstruct(t.someInputs(64))
	if err != nil {
		return err
	}
	values, err := t.m.state().save()
	if err != nil {
		return err
	}
	c := values[t.net.Centre]
	for j := range c {
		sum := 0.0
		for _, z := range codes {
			sum += float64(z[j])
		}
		c[j] = awayFromZero(float32(sum / float64(len(codes))))
	}
	return t.m.state().restore(values, nil)
}

// awayFromZero keeps a coordinate of the centre at 0.1 or more from 0, which
// all-zero weights would reach.
func awayFromZero(v float32) float32 {
	if v < 0 {
		return min(v, -0.1)
	}
	return max(v, 0.1)
}

// oneStep trains, and looks, prunes and keeps where it is time to.
func (t *runner) oneStep(p plan, total int) error {
	if p.masked && t.s.Step < t.r.Compress.PruneSteps && t.s.Step%pruneEvery == 0 {
		if err := t.prune(); err != nil {
			return err
		}
	}
	idx := t.choose(total)
	o, err := t.m.step(t.batch(idx, total))
	if err != nil {
		return err
	}
	for k, i := range idx {
		t.s.Hard[i] = o.perPart[k]
	}
	t.s.Step++
	t.s.Curve = append(t.s.Curve, Point{t.s.Member, t.s.Phase, t.s.Step, o.loss, o.terms})
	if t.s.Step%t.r.Validation.Every == 0 || t.s.Step == total {
		if err := t.look(p); err != nil {
			return err
		}
	}
	t.tell(o.loss)
	if t.c.SaveEvery > 0 && t.s.Step%t.c.SaveEvery == 0 {
		return t.keep()
	}
	return nil
}

func (t *runner) tell(loss float32) {
	member := t.steps(phaseFloat) + t.steps(phaseCompress)
	p := Progress{Stage: "training", Total: member * t.r.Ensemble, Loss: loss}
	p.Done = t.s.Member*member + t.s.Phase*t.steps(phaseFloat) + t.s.Step
	if t.s.Phase == phaseCompress {
		p.Stage = "pruning and rounding"
	}
	if n := len(t.s.Looks); n > 0 {
		p.Look = &t.s.Looks[n-1]
	}
	t.c.Progress(p)
}

// choose the parts of the next batch: each once an epoch, in an order of the
// epoch's own; under a curriculum among the easiest parts by their last loss,
// half of them at first and all when its share of the steps is over (Bengio et
// al. 2009).
func (t *runner) choose(total int) []int {
	n, b := len(t.d.Train), t.r.Loop.Batch
	idx := make([]int, b)
	share := easiest(t.r.Regime.Curriculum, t.s.Step, total)
	if t.s.Phase == phaseFloat && share < 1 && t.s.Step*b >= n {
		easy := byLoss(t.s.Hard)[:max(1, int(share*float64(n)))]
		r := rand.New(rand.NewPCG(t.seed(), 0x637572000000+uint64(t.s.Step)))
		for k := range idx {
			idx[k] = easy[r.IntN(len(easy))]
		}
		return idx
	}
	epoch, perm := -1, []int(nil)
	for k := range idx {
		at := t.s.Step*b + k
		if at/n != epoch {
			epoch = at / n
			perm = order(n, t.seed(), epoch)
		}
		idx[k] = perm[at%n]
	}
	return idx
}

// easiest is the share of parts that a curriculum lets in at a step.
func easiest(curriculum float64, step, total int) float64 {
	end := curriculum * float64(total)
	if float64(step) >= end {
		return 1
	}
	return 0.5 + 0.5*float64(step)/end
}

// byLoss lists parts from the easiest.
func byLoss(hard []float32) []int {
	idx := make([]int, len(hard))
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(a, b int) bool { return hard[idx[a]] < hard[idx[b]] })
	return idx
}

func (t *runner) batch(idx []int, total int) batch {
	step := t.s.Step
	r := rand.New(rand.NewPCG(t.seed(), 0x737465700000+uint64(t.s.Phase)<<32+uint64(step)))
	b := batch{seed: [2]int32{r.Int32(), r.Int32()}, step: step + 1, rate: t.rate(step, total)}
	if step >= t.r.Objectives.AdvStart {
		b.adversarial = 1
	}
	for _, i := range idx {
		v := t.d.Train[i]
		k := r.IntN(len(v.Inputs))
		b.inputs = append(b.inputs, v.Inputs[k])
		if v.Targets != nil {
			b.targets = append(b.targets, v.Targets[k])
		}
		b.second = append(b.second, v.Inputs[(k+1)%len(v.Inputs)])
	}
	return b
}

// rate of learning: warmed up, then down to a tenth along half a cosine.
func (t *runner) rate(step, total int) float64 {
	l := &t.r.Loop
	if step < l.Warmup {
		return l.Rate * float64(step+1) / float64(l.Warmup)
	}
	share := float64(step-l.Warmup) / max(1, float64(total-l.Warmup))
	peak := l.Rate
	if t.s.Phase == phaseCompress {
		peak /= 4
	}
	return peak * (0.1 + 0.9*(1+math.Cos(math.Pi*share))/2)
}

// keep hands a checkpoint to the caller.
func (t *runner) keep() error {
	if t.c.Save == nil {
		return nil
	}
	if t.m != nil && t.s.Step > 0 {
		values, err := t.m.state().save()
		if err != nil {
			return err
		}
		t.s.Values = values
	}
	b, err := t.s.encode()
	if err != nil {
		return err
	}
	return t.c.Save(b)
}

// model rebuilds the finished members.
func (t *runner) model() (*Model, error) {
	m := &Model{Seed: t.r.Seed, Curve: t.s.Curve, Looks: t.s.Looks, Levels: families()[t.r.Family].noiseLevels(t.r)}
	for k, f := range t.s.Done {
		built := t.r.Build(t.d.In, t.d.Out, t.mean, t.r.Seed+uint64(k))
		dense, net := built.Folded(f.Dense), built.Folded(f.Dense)
		if f.Final != nil {
			for i := range net.Params {
				net.Params[i].Init = f.Final[i]
			}
		}
		m.Members = append(m.Members, Member{Net: net, Ranges: f.Ranges, dense: dense, values: f.Dense})
	}
	return m, nil
}
