package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"winnow/infer/native"

	"gonum.org/v1/gonum/mat"
)

// No layer's largest singular value exceeds the bound; without it some does.
func TestSpectralNorm(t *testing.T) {
	largest := func(bound float64) float64 {
		r := tiny(t, "")
		r.Regime.Spectral, r.Network.Norm = bound, false
		m := trained(t, r, wavesData())
		most := 0.0
		for _, p := range m.Members[0].Net.Params {
			if !p.Decay {
				continue
			}
			out := p.Shape[len(p.Shape)-1]
			v := make([]float64, len(p.Init))
			for i, x := range p.Init {
				v[i] = float64(x)
			}
			var svd mat.SVD
			if !svd.Factorize(mat.NewDense(len(v)/out, out, v), mat.SVDNone) {
				t.Fatal("singular values did not converge")
			}
			most = max(most, svd.Values(nil)[0])
		}
		return most
	}
	if on, off := largest(1), largest(0); on > 1.05 || off < 1.2 {
		t.Errorf("largest singular value %.3f under a bound of 1, %.3f without", on, off)
	}
}

// Weight decay leaves smaller weights.
func TestWeightDecay(t *testing.T) {
	size := func(decay float64) float64 {
		r := tiny(t, "")
		r.Loop.Decay, r.Loop.Rate = decay, 5e-3
		sum := 0.0
		for _, p := range trained(t, r, wavesData()).Members[0].Net.Params {
			if p.Decay && p.Name == "spread/weights" {
				sum += distance(p.Init, make([]float32, len(p.Init)))
			}
		}
		return sum
	}
	if on, off := size(0.5), size(0); on > 0.9*off {
		t.Errorf("weights of size %.3f with decay, %.3f without", on, off)
	}
}

// A curriculum begins with the easiest half by the last loss and ends with all.
func TestCurriculum(t *testing.T) {
	d := wavesData()
	c := &runner{r: tiny(t, "[regime]\ncurriculum = 0.8"), d: d, s: &state{Hard: make([]float32, len(d.Train))}}
	for i := range c.s.Hard {
		c.s.Hard[i] = float32(i)
	}
	at := func(step int) (hardest int) {
		c.s.Step = step
		for range 40 {
			hardest = max(hardest, slices.Max(c.choose(1000)))
			c.s.Step++
		}
		return hardest
	}
	if early := at(10); early > 35 {
		t.Errorf("part %d of 64 by difficulty is shown at first", early)
	}
	if late := at(900); late != 63 {
		t.Errorf("the hardest part shown at the end is %d of 63", late)
	}
	c.r.Regime.Curriculum = 0
	if early := at(10); early != 63 {
		t.Errorf("without a curriculum part %d is the hardest at first", early)
	}
}

// Every part is shown once an epoch.
func TestEpochs(t *testing.T) {
	d := wavesData()
	c := &runner{r: tiny(t, ""), d: d, s: &state{Hard: make([]float32, len(d.Train))}}
	seen := map[int]int{}
	for ; c.s.Step < 8; c.s.Step++ { // two epochs of 64 parts in batches of 16
		for _, i := range c.choose(100) {
			seen[i]++
		}
	}
	for i := range d.Train {
		if seen[i] != 2 {
			t.Errorf("part %d was shown %d times in two epochs", i, seen[i])
		}
	}
}

// Members of an ensemble differ, and their mean leaves no more than they do on
// the average.
func TestEnsemble(t *testing.T) {
	r := tiny(t, "")
	r.Ensemble, r.Loop.Steps = 3, 60
	d := wavesData()
	m := trained(t, r, d)
	if len(m.Members) != 3 {
		t.Fatalf("%d members", len(m.Members))
	}
	spread, err := m.Spread(native.New(), d, d.Held)
	if err != nil {
		t.Fatal(err)
	}
	if spread < 0.05 {
		t.Errorf("members of three seeds differ by %.3f of what they leave", spread)
	}
	energy := func(m *Model) float64 {
		diffs, err := m.Differences(native.New(), d, d.Held)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, row := range diffs {
			for _, b := range row {
				sum += float64(int8(b)) * float64(int8(b))
			}
		}
		return sum
	}
	single := 0.0
	for k := range m.Members {
		single += energy(&Model{Members: m.Members[k : k+1], Seed: m.Seed}) / 3
	}
	if whole := energy(m); whole > 0.98*single {
		t.Errorf("the mean of three leaves %.0f, one of them %.0f", whole, single)
	}
}

// Noise and missing places make the loss of the first step larger: the network
// does not see what it has to give.
func TestCorruption(t *testing.T) {
	first := func(keys string) float32 {
		r := tiny(t, "[regime]\n"+keys)
		r.Loop.Steps, r.Network.Norm = 200, false
		m := trained(t, r, wavesData())
		return losses(m)[len(m.Curve)-1]
	}
	clean := first("noise = 0.0")
	if noisy := first("noise = 1.0"); noisy < 1.2*clean {
		t.Errorf("loss %.4f with noise, %.4f without", noisy, clean)
	}
	if masked := first("noise = 0.0\nmask = 0.6"); masked < 1.2*clean {
		t.Errorf("loss %.4f with missing places, %.4f without", masked, clean)
	}
}

// Training stops when looks bring nothing better, and what it gives is the best
// look, not the last.
func TestEarlyStopping(t *testing.T) {
	r := tiny(t, "")
	r.Loop.Steps, r.Loop.Rate, r.Validation.Every, r.Validation.Patience = 400, 0.3, 5, 3
	m := trained(t, r, wavesData())
	if len(m.Curve) == 400 {
		t.Error("a run that gets no better went on to its last step")
	}
	best := 0
	for i, l := range m.Looks {
		if l.Score > m.Looks[best].Score {
			best = i
		}
	}
	if n := len(m.Looks) - 1 - best; n != 3 {
		t.Errorf("it stopped %d looks after the best, want 3", n)
	}
}

// Seeds decide everything: the same gives the same bits, another another run.
func TestSeeds(t *testing.T) {
	run := func(seed uint64) []float32 {
		r := tiny(t, "")
		r.Seed, r.Loop.Steps = seed, 15
		return losses(trained(t, r, wavesData()))
	}
	a, b, c := run(1), run(1), run(2)
	if !slices.Equal(a, b) {
		t.Error("two runs of one seed differ")
	}
	if slices.Equal(a, c) {
		t.Error("two seeds give one run")
	}
}

func greyPicture(w, h int) Picture {
	p := Picture{W: w, H: h, Pix: make([]byte, w*h*3)}
	for i := range p.Pix {
		p.Pix[i] = byte(int8(20*math.Sin(float64(i/3%w)/3) + 10*math.Cos(float64(i/3/w)/4)))
	}
	return p
}

// Each change of augmentation changes a picture, and none does when all are off.
func TestAugment(t *testing.T) {
	p := greyPicture(32, 24)
	changed := func(a Augment) float64 {
		sum := 0.0
		for seed := range uint64(8) {
			q := a.Changed(p, rand.New(rand.NewPCG(seed, 1)))
			for i := range p.Pix {
				sum += math.Abs(float64(int8(p.Pix[i])) - float64(int8(q.Pix[i])))
			}
		}
		return sum / float64(8*len(p.Pix))
	}
	if d := changed(Augment{}); d != 0 {
		t.Errorf("nothing is on, and pixels move by %.2f", d)
	}
	for name, a := range map[string]Augment{
		"crop": {Crop: 0.1}, "flip": {Flip: true}, "rotate": {Rotate: 20}, "exposure": {Exposure: 0.3},
		"colour": {Colour: 0.3}, "blur": {Blur: 3}, "noise": {Noise: 0.05},
	} {
		if d := changed(a); d < 0.5 {
			t.Errorf("%s: pixels move by %.2f only", name, d)
		}
	}
}

// Blocks hold all of a picture: what they give back is the picture.
func TestBlocksAreOrthonormal(t *testing.T) {
	for a := range blockChannels {
		for b := range blockChannels {
			sum := 0.0
			for i := range blockSide * blockSide {
				for c := range 3 {
					sum += basis(a, i/blockSide, i%blockSide, c) * basis(b, i/blockSide, i%blockSide, c)
				}
			}
			want := 0.0
			if a == b {
				want = 1
			}
			if math.Abs(sum-want) > 1e-12 {
				t.Fatalf("coefficients %d and %d: product %g", a, b, sum)
			}
		}
	}
}
