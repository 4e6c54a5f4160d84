package fit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"winnow/models"
)

// Figures of the design notes: threshold at the largest of n.
func TestUpperBoundOfNone(t *testing.T) {
	for n, want := range map[int]float64{59: 0.0495, 100: 0.0295, 299: 0.00997, 999: 0.0030, 2995: 0.0010, 40: 0.0722} {
		if got := UpperBound(0, n, 0.95); math.Abs(got-want) > want*0.01 {
			t.Errorf("0 of %d: %.5f, want %.5f", n, got, want)
		}
	}
	if got := PartsFor(0.01, 0.95); got != 299 {
		t.Errorf("parts for 1 %%: %d, want 299", got)
	}
}

// The bound is exact: at x successes the CDF at the bound is 5 %.
func TestUpperBoundIsClopperPearson(t *testing.T) {
	for _, c := range []struct{ x, n int }{{1, 50}, {5, 100}, {20, 60}, {0, 1}} {
		p := UpperBound(c.x, c.n, 0.95)
		if got := binomialCDF(c.x, c.n, p); math.Abs(got-0.05) > 1e-9 {
			t.Errorf("%d of %d: CDF at the bound %g is %g", c.x, c.n, p, got)
		}
	}
	if UpperBound(7, 7, 0.95) != 1 {
		t.Error("all of all: the bound is 1")
	}
}

// A calibration from n independent scores breaks its promise in at most 5 % of
// draws. Scores are uniform, so the true rate above a threshold t is 1-t.
func TestCertificateIsKept(t *testing.T) {
	const draws = 4000
	for _, n := range []int{38, 120, 299} {
		r := rand.New(rand.NewPCG(uint64(n), 1))
		broken := 0
		for range draws {
			scores, groups := make([]float64, n), upTo(n)
			for i := range scores {
				scores[i] = r.Float64()
			}
			c, err := Calibrate(scores, groups, 0.02, "split", 1)
			if err != nil {
				t.Fatal(err)
			}
			if 1-c.Threshold > c.Certificate.Bound {
				broken++
			}
		}
		// 5 % and three standard deviations of the count.
		if limit := 0.05*draws + 3*math.Sqrt(draws*0.05*0.95); float64(broken) > limit {
			t.Errorf("n=%d: %d of %d certificates broken, at most %.0f may be", n, broken, draws, limit)
		}
	}
}

func TestCalibrateCountsGroups(t *testing.T) {
	scores := []float64{1, 2, 3, 10, 11, 12}
	c, err := Calibrate(scores, []int{0, 0, 0, 1, 1, 1}, 0.1, "split", 1)
	if err != nil {
		t.Fatal(err)
	}
	if c.Certificate.N != 2 || len(c.Scores) != 2 || c.Scores[0] > 3 || c.Scores[1] < 10 {
		t.Errorf("two groups of three: %+v", c)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		if _, err := Calibrate([]float64{bad}, []int{0}, 0.1, "split", 1); err == nil {
			t.Errorf("score %v was accepted", bad)
		}
	}
	if _, err := Calibrate(nil, nil, 0.1, "split", 1); err == nil {
		t.Error("no scores were accepted")
	}
}

func TestFoldsKeepGroups(t *testing.T) {
	groups := []int{5, 5, 5, 1, 2, 3, 3, 4, 9, 9, 9, 9, 8, 7, 6}
	fold, n := folds(groups, 5, 3)
	if n != 5 {
		t.Fatalf("%d folds", n)
	}
	of := map[int]int{}
	size := make([]int, n)
	for i, g := range groups {
		if f, ok := of[g]; ok && f != fold[i] {
			t.Errorf("group %d is in folds %d and %d", g, f, fold[i])
		}
		of[g] = fold[i]
		size[fold[i]]++
	}
	for f, s := range size {
		if s == 0 || s > 5 {
			t.Errorf("fold %d has %d of %d parts", f, s, len(groups))
		}
	}
	if _, n := folds([]int{1, 1, 2}, 5, 3); n != 2 {
		t.Errorf("two groups make %d folds", n)
	}
}

// TestPromiseSaysHow: where a rate is not proven, as many parts as it says prove it, drawn as it says.
func TestPromiseSaysHow(t *testing.T) {
	calibrated := func(n int, rate float64) models.Calibration {
		scores, groups := make([]float64, n), make([]int, n)
		for i := range scores {
			scores[i], groups[i] = float64(i), i
		}
		c, err := Calibrate(scores, groups, rate, "split", 1)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, rate := range []float64{0.2, 0.05, 0.01, 0.003} {
		for _, n := range []int{8, 40, 59, 120, 299, 1000, 3000} {
			c := calibrated(n, rate)
			said := Promise(c)
			if c.Certificate.Bound <= rate {
				if strings.Contains(said, "asked for") {
					t.Errorf("%d parts prove %g: %s", n, rate, said)
				}
				continue
			}
			needed := max(n, PartsFor(rate, Confidence))
			i := strings.Index(said, "drawn with --false-reject ")
			var drawn float64
			if i < 0 {
				t.Fatalf("%d parts, %g: %s", n, rate, said)
			}
			if _, err := fmt.Sscanf(said[i:], "drawn with --false-reject %g", &drawn); err != nil {
				t.Fatal(err)
			}
			if b := calibrated(needed, drawn).Certificate.Bound; b > rate {
				t.Errorf("%d parts, %g: %s; but drawn so %d parts prove %g", n, rate, said, needed, b)
			}
		}
	}
}

// TestRatesThatNobodyCanProveAreRefused.
func TestRatesThatNobodyCanProveAreRefused(t *testing.T) {
	for _, rate := range []float64{0, -1, 1, 2, 1e-300, math.NaN(), math.Inf(1)} {
		if _, err := Calibrate([]float64{1, 2}, []int{0, 1}, rate, "split", 1); err == nil || CanAsk(rate) {
			t.Errorf("%g can be asked for", rate)
		}
	}
}

// TestPromiseIsNoBetterThanItsBound: what is said to be the most is not rounded down, and it is
// said in plain digits.
func TestPromiseIsNoBetterThanItsBound(t *testing.T) {
	for _, n := range []int{1, 2, 8, 45, 59, 61, 120, 298, 299} {
		for _, rate := range []float64{0.9999, 0.05, 0.0125, 0.01} {
			c := models.Calibration{FalseReject: rate}
			c.Certificate.N, c.Certificate.Confidence = n, Confidence
			c.Certificate.Bound = UpperBound(Rank(rate, n)-1, n, Confidence)
			said := Promise(c)
			var most float64
			if _, err := fmt.Sscanf(said, "false-reject rate at most %g %%", &most); err != nil || most < 100*c.Certificate.Bound || most > 110*c.Certificate.Bound+1e-9 || strings.Contains(said, "e+") {
				t.Errorf("%d parts bear %.4f %%: %s", n, 100*c.Certificate.Bound, said)
			}
			if i := strings.Index(said, "prove that, drawn"); i >= 0 && rate == 0.0125 && !strings.Contains(said, "1.25 % was asked for") {
				t.Errorf("1.25 %% was asked for: %s", said)
			}
			if _, best, ok := strings.Cut(said, fmt.Sprintf("%d prove ", n)); ok {
				if _, err := fmt.Sscanf(best, "%g", &most); err != nil || most < 100*UpperBound(0, n, Confidence) {
					t.Errorf("%d parts prove %.4f %% at best: %s", n, 100*UpperBound(0, n, Confidence), said)
				}
			}
		}
	}
}

func TestAtMost(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0301: "0.031", 0.99691: "1", 4.951: "5", 4.87: "4.9", 6.44: "6.5", 9.99: "10", 12: "12", 95: "95", 99.3: "100", 100: "100"} {
		if got := AtMost(v); got != want {
			t.Errorf("%g is at most %s, want %s", v, got, want)
		}
	}
}
