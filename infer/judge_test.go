package infer

import (
	"bytes"
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"winnow/edge"
	"winnow/models"
)

// fakeEngine gives constant outputs, so that the judge around it can be tested.
type fakeEngine struct {
	out [][]byte
	err error
}

func (e *fakeEngine) Name() string { return "fake" }

func (e *fakeEngine) Load([]byte, Options) (Session, error) {
	return &fakeSession{e: e, in: make([]byte, 64*32*3)}, nil
}

type fakeSession struct {
	e  *fakeEngine
	in []byte
}

func (s *fakeSession) Inputs() []Tensor { return []Tensor{{Shape: []int{1, 32, 64, 3}}} }
func (s *fakeSession) Outputs() []Tensor {
	return []Tensor{{Shape: []int{1, 1}}, {Shape: []int{1, 2, 4, 3}}, {Shape: []int{1, 2, 4, 3}}}
}
func (s *fakeSession) Input(int) []byte    { return s.in }
func (s *fakeSession) Output(i int) []byte { return s.e.out[i] }
func (s *fakeSession) Run() error          { return s.e.err }
func (s *fakeSession) Close() error        { return nil }

func fakePackage(t *testing.T, threshold float64) (*models.Package, *fakeEngine) {
	t.Helper()
	s := &Statistics{
		Grid: [2]int{2, 4}, Channels: 3, ResidualScale: 0.5,
		PositionWeight: []float64{1, 1, 1, 1, 1, 1, 1, 1},
		Latent:         LatentModel{FirstChannel: 1, Mean: make([]float64, 4), Scale: []float64{1, 1, 1, 1}, Rest: 1},
		Views:          [2]View{{LogScale: 1, Median: 1}, {LogScale: 1, Median: 1}},
		Fusion:         Fusion{Reconstruction: 1, Latent: 0.5},
	}
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	e := &fakeEngine{out: [][]byte{{0}, make([]byte, 24), make([]byte, 24)}}
	for i := range e.out[OutFeatures] {
		e.out[OutFeatures][i] = byte(i)
	}
	for c := range 3 {
		e.out[OutResidual][5*3+c] = 40 // cell (1,1) stands out
	}
	p := &models.Package{
		Graph: []byte("graph"), Statistics: b,
		Calibration: models.Calibration{Scores: []float64{-1, 0, 1}, Threshold: threshold, UnsureAbove: threshold, MapScale: 5},
		Manifest:    models.Manifest{Preprocess: models.Preprocess{Width: 64, Height: 32, Resize: "triangle"}},
	}
	if err := MakeGolden(p, e, Options{}, [][]byte{make([]byte, 64*32*3)}); err != nil {
		t.Fatal(err)
	}
	return p, e
}

func grayFrame(w, h int) *edge.Frame {
	return &edge.Frame{Pix: make([]byte, w*h), Width: w, Height: h, Stride: w}
}

func TestJudgeDecides(t *testing.T) {
	for threshold, want := range map[float64]edge.Decision{-100: edge.Reject, 100: edge.Accept} {
		p, e := fakePackage(t, threshold)
		j, err := NewJudge(p, e, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var v edge.Verdict
		if err := j.Judge(grayFrame(128, 64), &v); err != nil {
			t.Fatal(err)
		}
		if v.Decision != want {
			t.Errorf("threshold %g: %v (score %+v), want %v", threshold, v.Decision, v.Score, want)
		}
		if want == edge.Reject && (len(v.Regions) != 1 || !image.Rect(32, 32, 64, 64).In(v.Regions[0].Box)) {
			t.Errorf("regions %+v do not frame cell (1,1)", v.Regions)
		}
		if v.Heatmap == (edge.Heatmap{}) {
			t.Error("the heatmap is empty")
		}
	}
}

func TestJudgeNeverAcceptsWhatItCannotJudge(t *testing.T) {
	p, e := fakePackage(t, 100)
	j, err := NewJudge(p, e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	flagged := grayFrame(128, 64)
	flagged.Flags = edge.FrameTorn
	var v edge.Verdict
	if err := j.Judge(flagged, &v); err != nil || v.Decision != edge.Reject || v.Reason != edge.ReasonBadFrame {
		t.Errorf("a torn frame: %v %q, %v", v.Decision, v.Reason, err)
	}
	if err := j.Judge(grayFrame(1, 1), &v); err == nil || v.Decision != edge.Unknown {
		t.Errorf("a 1x1 frame: %v, %v", v.Decision, err)
	}
	e.err = errors.New("broken")
	v.Decision = edge.Accept
	if err := j.Judge(grayFrame(128, 64), &v); err == nil || v.Decision != edge.Unknown {
		t.Errorf("a failing engine: %v, %v", v.Decision, err)
	}
}

func TestScoreThatIsNoNumberIsRejected(t *testing.T) {
	c := &models.Calibration{Threshold: 1, UnsureAbove: 0.5}
	for s, want := range map[float64]edge.Decision{0.5: edge.Accept, 0.7: edge.Unsure, 1: edge.Unsure, 1.1: edge.Reject, math.Inf(1): edge.Reject} {
		if d, _ := decide(c, s, 0.9); d != want {
			t.Errorf("score %g: %v, want %v", s, d, want)
		}
	}
	for _, s := range [][2]float64{{math.NaN(), 0}, {0, math.NaN()}} {
		if d, _ := decide(c, s[0], s[1]); d == edge.Accept {
			t.Errorf("score %g with spread %g: %v", s[0], s[1], d)
		}
	}
}

// TestUnsureWhereTheDecisionMightFlip: within the spread of a score, up to the
// calibrated reach, on either side of the threshold.
func TestUnsureWhereTheDecisionMightFlip(t *testing.T) {
	c := &models.Calibration{Threshold: 1, UnsureAbove: 1, UnsureReach: 0.2}
	for _, k := range []struct {
		score, spread float64
		want          edge.Decision
	}{
		{1, 0, edge.Accept}, {0.9, 0.05, edge.Accept}, {0.9, 0.15, edge.Unsure}, {0.7, 5, edge.Accept},
		{1.1, 0.05, edge.Reject}, {1.1, 0.15, edge.Unsure}, {1.3, 5, edge.Reject}, {1.0001, 0, edge.Reject},
	} {
		if d, _ := decide(c, k.score, k.spread); d != k.want {
			t.Errorf("score %g with spread %g: %v, want %v", k.score, k.spread, d, k.want)
		}
	}
}

func TestWrongGoldenAnswersAreRefused(t *testing.T) {
	p, e := fakePackage(t, 1)
	e.out[OutResidual] = bytes.Clone(e.out[OutResidual])
	e.out[OutResidual][7]++
	var m *models.Mismatch
	if _, err := NewJudge(p, e, Options{}); !errors.As(err, &m) || m.Output != OutResidual || m.Index != 7 {
		t.Errorf("error %v", err)
	}
}

func TestPValue(t *testing.T) {
	s := []float64{1, 2, 2, 3}
	for x, want := range map[float64]float64{0: 1, 2: 4.0 / 5, 2.5: 2.0 / 5, 9: 1.0 / 5} {
		if got := PValue(s, x); got != want {
			t.Errorf("p(%g) = %g, want %g", x, got, want)
		}
	}
}

func TestFusionIsMonotone(t *testing.T) {
	fusionIsMonotone(t, Fusion{Reconstruction: 1, Local: 0.7, Latent: 0.5})
	fusionIsMonotone(t, Fusion{Reconstruction: 1, Local: 0.7, Latent: 0.5, Root: true})
}

func fusionIsMonotone(t *testing.T, f Fusion) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		a, b, d := r.NormFloat64(), r.NormFloat64(), r.Float64()
		local := 3 * r.NormFloat64()
		s, shares := f.Fuse(Deviations{a, local, b}), f.Shares(Deviations{a, local, b})
		for view, more := range []Deviations{{a + d, local, b}, {a, local + d, b}, {a, local, b + d}} {
			if f.Fuse(more) < s {
				t.Fatalf("more deviation in view %d lowered the score", view)
			}
		}
		sum := shares.Reconstruction + shares.Local + shares.Latent
		if min(shares.Reconstruction, shares.Local, shares.Latent) < 0 || sum != 0 && math.Abs(sum-1) > 1e-9 || sum == 0 && max(a, local, b) > 0 {
			t.Fatalf("shares %+v of %g, %g and %g", shares, a, local, b)
		}
	}
}

// TestFusionIsTheScoreOfOneViewAlone, and lies between the largest view and all
// together where there are more.
func TestFusionIsTheScoreOfOneViewAlone(t *testing.T) {
	for _, z := range []float64{-3, -0.1, 0, 0.5, 4, 30} {
		if got := (Fusion{Local: 0.3, Root: true}).Fuse(Deviations{Reconstruction: 9, Local: z, Latent: 9}); math.Abs(got-z) > 1e-12*(1+math.Abs(z)) {
			t.Errorf("of %g alone: %g", z, got)
		}
	}
	f := Fusion{Reconstruction: 0.5, Latent: 0.5, Root: true}
	one, both := f.Fuse(Deviations{Reconstruction: 6}), f.Fuse(Deviations{Reconstruction: 6, Latent: 6})
	if sum := deviation(Evidence(6)); one >= both || both >= sum {
		t.Errorf("one view %g, both %g, their sum %g", one, both, sum)
	}
	// Packages of earlier programs: the sum.
	f.Root = false
	if both := f.Fuse(Deviations{Reconstruction: 6, Latent: 6}); math.Abs(both-6) > 1e-12 {
		t.Errorf("by the sum, two equal views are %g", both)
	}
}

// TestDeviationInvertsEvidence over the range that views have.
func TestDeviationInvertsEvidence(t *testing.T) {
	last := math.Inf(-1)
	for z := -8.0; z < 40; z += 0.01 {
		e := Evidence(z)
		if e <= last {
			t.Fatalf("evidence falls at %g", z)
		}
		if last = e; math.Abs(deviation(e)-z) > 1e-12*(1+math.Abs(z)) {
			t.Fatalf("deviation of the evidence of %g is %g", z, deviation(e))
		}
	}
}

func TestLogAgainstMath(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 100000 {
		x := math.Exp(r.NormFloat64() * 20)
		got, want := Log(x), math.Log(x)
		if math.Abs(got-want) > 4e-16*math.Max(1, math.Abs(want)) {
			t.Fatalf("Log(%g) = %.17g, math says %.17g", x, got, want)
		}
	}
	if Log(1) != 0 || !math.IsInf(Log(0), -1) {
		t.Errorf("Log(1) = %g, Log(0) = %g", Log(1), Log(0))
	}
}

func TestResize(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	for range 200 {
		n, m := 1+r.IntN(300), 1+r.IntN(300)
		for i, k := range triangle(n, m) {
			sum := int32(0)
			for _, w := range k.Weight {
				sum += w
			}
			if sum != 1<<coefBits || k.First < 0 || k.First+len(k.Weight) > n {
				t.Fatalf("%d to %d, pixel %d: weights sum to %d over %d..%d", n, m, i, sum, k.First, k.First+len(k.Weight))
			}
		}
	}
	// A constant picture stays constant; grey is repeated over the channels.
	f := grayFrame(301, 77)
	for i := range f.Pix {
		f.Pix[i] = 200
	}
	dst := make([]byte, 64*32*3)
	p := NewPreprocessor(64, 32, nil)
	if err := p.Run(f, dst); err != nil {
		t.Fatal(err)
	}
	for i, b := range dst {
		if int8(b) != 200-128 {
			t.Fatalf("byte %d is %d", i, int8(b))
		}
	}
	if n := testing.AllocsPerRun(10, func() { _ = p.Run(f, dst) }); n != 0 {
		t.Errorf("%g allocations a frame", n)
	}
}

// Equal sizes pass pixels through.
func TestResizeIdentity(t *testing.T) {
	f := &edge.Frame{Pix: make([]byte, 32*32*3), Width: 32, Height: 32, Stride: 96, Format: edge.RGB24}
	r := rand.New(rand.NewPCG(3, 3))
	for i := range f.Pix {
		f.Pix[i] = byte(r.IntN(256))
	}
	dst := make([]byte, len(f.Pix))
	if err := NewPreprocessor(32, 32, nil).Run(f, dst); err != nil {
		t.Fatal(err)
	}
	for i := range dst {
		if dst[i]^0x80 != f.Pix[i] {
			t.Fatalf("byte %d: %d became %d", i, f.Pix[i], dst[i]^0x80)
		}
	}
}

func TestROIOutsideIsRefused(t *testing.T) {
	dst := make([]byte, 64*32*3)
	if err := NewPreprocessor(64, 32, &[4]int{0, 0, 500, 20}).Run(grayFrame(100, 100), dst); err == nil {
		t.Error("a region outside the frame was taken")
	}
}

// TestTheMapPeaksAsItsStatisticsSay: where both maps peak in one place, the joined map
// is what MapPeak says, by either rule: squares of 1250/4 and 2500/4 at the cell, over
// those of the median part, weigh 187.5 and 250.
func TestTheMapPeaksAsItsStatisticsSay(t *testing.T) {
	for root, peak := range map[bool]float64{false: math.Sqrt(187.5 + 250), true: math.Sqrt(312.5)} {
		grid, weight := [2]int{4, 4}, slices.Repeat([]float64{1}, 16)
		unit := View{LogScale: 1, Median: 2}
		s := &Statistics{
			Grid: grid, Channels: 2, PositionWeight: weight, ResidualScale: 1, Sharp: true,
			Latent: LatentModel{Mean: make([]float64, 4), Scale: []float64{1, 1, 1, 1}, Rest: 1},
			Local:  &LocalModel{Grid: grid, Channels: 2, Step: 1, PositionWeight: weight, View: unit},
			Views:  [2]View{unit, unit}, Fusion: Fusion{Reconstruction: 0.6, Local: 0.4, Root: root},
		}
		c := NewScorer(s)
		c.fine.sharpen()
		out := make([]byte, 32)
		out[10], out[11] = 40, 30
		raw, err := c.Raw([][]byte{nil, out, make([]byte, 32), out})
		if err != nil {
			t.Fatal(err)
		}
		if got, said := slices.Max(c.Map()), s.MapPeak(raw); math.Abs(got-peak) > 1e-9 || math.Abs(said-peak) > 1e-9 {
			t.Errorf("root %v: the map peaks at %g, %g is said, want %g", root, got, said, peak)
		}
	}
}
