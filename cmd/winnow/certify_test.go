package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"winnow/capture/scene"
	"winnow/edge"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/models"
)

// Teaching and judging on remembered feature maps gives the product's own
// package and scores, to the bit.
func TestRememberedFeaturesGiveTheSameScores(t *testing.T) {
	t.Parallel()
	s, err := scene.New(scene.Config{Seed: 3, Width: 96, Height: 96})
	if err != nil {
		t.Fatal(err)
	}
	cache := newTapCache(native.New())
	var digests []string
	var scores [2][]float64
	for k, eng := range []infer.Engine{native.New(), cache} {
		teach, err := newTeacher("same", eng, 1, 96, 96, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer teach.Close()
		var f edge.Frame
		for i := range uint64(12) {
			s.Draw(i, scene.Defect{}, &f)
			if err := teach.Add(&f, int(i)); err != nil {
				t.Fatal(err)
			}
		}
		p, _, err := teach.Fit(t.Context(), fit.Options{})
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, p.Digest())
		j, err := infer.NewJudge(p, eng, infer.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		for i := range uint64(6) { // taught ones, new ones and a defective one
			d := scene.Defect{}
			if i == 5 {
				d = scene.Defect{Kind: scene.Dent, Size: scene.Large}
			}
			s.Draw(9+i, d, &f)
			var v edge.Verdict
			if err := j.Judge(&f, &v); err != nil {
				t.Fatal(err)
			}
			scores[k] = append(scores[k], v.Score.Fused)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("packages %s and %s", digests[0], digests[1])
	}
	for i := range scores[0] {
		if scores[0][i] != scores[1][i] {
			t.Errorf("part %d: score %v, remembered %v", i, scores[0][i], scores[1][i])
		}
	}
	if len(cache.known) < 16 {
		t.Errorf("%d pictures remembered", len(cache.known))
	}
}

// A few draws of the drawn line, through the command.
func TestCertificatesAreProvedByDraws(t *testing.T) {
	t.Parallel()
	code, out, errs := winnow(t, "eval", "certificate", "--trials", "6", "--teach", "24", "--calibrate", "40", "--tested", "120", "--pool", "200", "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var table []keptPromises
	if err := json.Unmarshal([]byte(out), &table); err != nil || len(table) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, k := range table {
		if k.Trials != 6 || k.Tested != [2]int{120, 120} || k.Bound <= 0 || k.Rate > 0.3 || k.Allowed < 1 {
			t.Errorf("%+v", k)
		}
	}
	if split := table[1]; split.Method != "split" || split.N != [2]int{40, 40} || !split.Kept {
		t.Errorf("%+v", split)
	}
	if code, _, errs := winnow(t, "eval", "certificate", "--pool", "10"); code != 2 || !strings.Contains(errs, "too small") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// Who runs it in a script hears of a promise that is not kept.
func TestABrokenPromiseFails(t *testing.T) {
	kept := keptPromises{Method: "cross", Trials: 300, Kept: true}
	if err := broken([]keptPromises{kept, kept}); err != nil {
		t.Error(err)
	}
	lost := keptPromises{Method: "split", Trials: 300, Exceeded: 40, Allowed: 21}
	if err := broken([]keptPromises{kept, lost}); err == nil || !strings.Contains(err.Error(), "split certificates did not keep their promise: 40 of 300 draws") {
		t.Errorf("error %v", err)
	}
}

// Of 100 fresh parts three above the threshold exceed a promise of 2.95 %, which they do in
// 12 % of draws by chance alone.
func TestChanceLiesInFewFreshParts(t *testing.T) {
	c := &models.Calibration{Threshold: 1, UnsureAbove: 1}
	c.Certificate.Bound, c.Certificate.N = 0.0295, 100
	scores := make([]float64, 100)
	scores[0], scores[50], scores[99] = 2, 3, math.NaN()
	if p := keptBy(c, scores, 0.01); math.Abs(p.Rate-0.03) > 1e-9 || math.Abs(p.Chance-0.1231) > 1e-4 {
		t.Errorf("%+v", p)
	}
}

// A promise that is broken too often is called broken.
func TestBrokenPromisesAreNamed(t *testing.T) {
	t.Parallel()
	ps := make([]promise, 300)
	for i := range ps {
		ps[i] = promise{Bound: 0.02, N: 300, Tested: 5000, Rate: 0.01, Chance: 0.05}
		if i < 22 {
			ps[i].Rate = 0.03
		}
	}
	if k := sumPromises("split", ps); k.Allowed != 21 || k.Kept || k.Exceeded != 22 {
		t.Errorf("%+v", k)
	}
	ps[0].Rate = 0.01
	if k := sumPromises("split", ps); !k.Kept {
		t.Errorf("21 of 300 draws are what 5 %% may come to: %+v", k)
	}
}
