package exchange

import (
	"math"
	"math/rand/v2"
	"testing"
)

// distributions of scores; rounded ones have ties.
var distributions = map[string]func(*rand.Rand) float64{
	"normal":      func(r *rand.Rand) float64 { return r.NormFloat64() },
	"heavy":       func(r *rand.Rand) float64 { return 1 / (1 - r.Float64()) },
	"two lots":    func(r *rand.Rand) float64 { return r.NormFloat64() + 8*float64(r.IntN(2)) },
	"seven steps": func(r *rand.Rand) float64 { return float64(r.IntN(7)) },
}

func seedsOf(r *rand.Rand, n int, draw func(*rand.Rand) float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = draw(r)
	}
	return s
}

// Over 10 000 stable parts the false-alarm rate is kept with 59, 120 and 300
// seeds, for ties and heavy tails, with a bag that overflows. The limit is that of
// a rate of 20 % so that a broken promise would show in few runs; alarms at the
// rate of 1 % that the station states are counted too.
func TestFalseAlarmsOverTenThousandStableParts(t *testing.T) {
	const parts, loose, stated = 10_000, 0.2, 0.01
	runs := 60
	if testing.Short() {
		runs = 10
	}
	for name, draw := range distributions {
		for _, n := range []int{0, 59, 120, 300} {
			alarms, strict := 0, 0
			for run := range runs {
				r := rand.New(rand.NewPCG(uint64(run), uint64(n)))
				test := NewTest(seedsOf(r, n, draw), 1024, uint64(run))
				top := 0.0
				for range parts {
					test.Add(draw(r))
					top = max(top, test.Evidence())
				}
				if top >= Limit(parts, loose, 1) {
					alarms++
				}
				if top >= Limit(parts, stated, 1) {
					strict++
				}
			}
			for _, c := range []struct {
				alarms int
				rate   float64
			}{{alarms, loose}, {strict, stated}} {
				if most := c.rate*float64(runs) + 3*math.Sqrt(c.rate*(1-c.rate)*float64(runs)); float64(c.alarms) > most {
					t.Errorf("%s, %d seeds: %d false alarms in %d runs at a rate of %g", name, n, c.alarms, runs, c.rate)
				}
			}
		}
	}
}

// With a small fixed calibration set instead of a growing bag p-values share it,
// and the same bets give false alarms: this is what the bag is for.
func TestFixedCalibrationWouldBreakThePromise(t *testing.T) {
	alarms := 0
	const runs = 20
	for run := range uint64(runs) {
		r := rand.New(rand.NewPCG(run, 59))
		fixed := NewTest(seedsOf(r, 12, distributions["normal"]), 0, run)
		bets := NewTest(nil, 0, run)
		for range 10_000 {
			bets.bet(fixed.pvalue(r.NormFloat64()))
		}
		if bets.Evidence() >= Limit(10_000, 0.2, 1) {
			alarms++
		}
	}
	if alarms < runs/2 {
		t.Errorf("%d of %d runs gave a false alarm: this test can no longer tell the two apart", alarms, runs)
	}
}

// P-values are uniform and uncorrelated, also while the bag loses values by lot.
func TestPValuesAreIndependentAndUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	const runs, parts = 400, 200
	var counts [10]int
	product := 0.0
	for run := range uint64(runs) {
		test := NewTest(seedsOf(r, 30, distributions["normal"]), 64, run)
		last := 0.5
		for range parts {
			p := test.Add(r.NormFloat64())
			counts[min(int(p*10), 9)]++
			product += (p - 0.5) * (last - 0.5)
			last = p
		}
	}
	const n = runs * parts
	chi := 0.0
	for _, c := range counts {
		chi += float64((c-n/10)*(c-n/10)) / (n / 10)
	}
	if chi > 27.9 { // 0.1 % point of chi-square with 9 degrees of freedom
		t.Errorf("p-values are not uniform: %v, chi-square %.1f", counts, chi)
	}
	if c := product / n * 12; math.Abs(c) > 4/math.Sqrt(n) {
		t.Errorf("p-values are correlated: %.4f", c)
	}
}

// Every density that is bet with is one: it integrates to 1 over [0,1].
func TestBetsAreFair(t *testing.T) {
	const steps = 4_000_000
	var sum [bets]float64
	for i := range steps {
		for k, d := range densities((float64(i) + 0.5) / steps) {
			sum[k] += d / steps
		}
	}
	for k, s := range sum {
		if math.Abs(s-1) > 0.02 { // the singular ones converge slowly, from below
			t.Errorf("bet %d pays %.4f on average", k, s)
		}
	}
}

// A change after a long quiet time is found as fast as one at the start, in
// either direction, and so is a wider spread.
func TestChangesAreFound(t *testing.T) {
	changes := map[string]func(float64) float64{
		"risen by two deviations":   func(v float64) float64 { return v + 2 },
		"fallen by two deviations":  func(v float64) float64 { return v - 2 },
		"three times as wide":       func(v float64) float64 { return 3 * v },
		"above all that there were": func(v float64) float64 { return v + 9 },
	}
	for name, change := range changes {
		for _, quiet := range []int{0, 9000} {
			slow := 0
			for run := range uint64(20) {
				r := rand.New(rand.NewPCG(run, 77))
				test := NewTest(seedsOf(r, 100, distributions["normal"]), 0, run)
				for range quiet {
					test.Add(r.NormFloat64())
				}
				for n := 1; ; n++ {
					test.Add(change(r.NormFloat64()))
					if test.Evidence() >= Limit(10_000, 0.01, 8) {
						break
					}
					if n == 100 {
						slow++
						break
					}
				}
			}
			if slow > 2 {
				t.Errorf("%s after %d quiet parts: not found within 100 parts in %d of 20 runs", name, quiet, slow)
			}
		}
	}
}

// One part in five is defective, at a steady rate: that voids nothing, whatever
// the calibration was. A change that drives half of the good parts above the
// threshold is found.
func TestScoresOfALineWithDefects(t *testing.T) {
	for _, split := range []bool{true, false} {
		alarms, found := 0, 0
		const runs = 20
		for run := range uint64(runs) {
			r := rand.New(rand.NewPCG(run, 3))
			cal := seedsOf(r, 120, distributions["normal"])
			threshold := 2.5
			if !split {
				cal = nil
			}
			s := NewScores(cal, threshold, run)
			part := func(shift float64) float64 {
				if r.IntN(5) == 0 {
					return 3 + 10*r.Float64()
				}
				return r.NormFloat64() + shift
			}
			limit, top := Limit(10_000, 0.01, ScoreTests), 0.0
			for range 10_000 {
				s.Add(part(0))
				top = max(top, s.Evidence())
			}
			if top >= limit {
				alarms++
			}
			for range 100 {
				s.Add(part(2.5))
			}
			if s.Evidence() >= limit {
				found++
			}
		}
		if alarms > 1 || found < runs-1 {
			t.Errorf("split %v: %d false alarms and %d changes found in %d runs", split, alarms, found, runs)
		}
	}
}

func TestNothingIsAllocatedForAValue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	test := NewTest(seedsOf(r, 2000, distributions["normal"]), 1024, 1)
	if n := testing.AllocsPerRun(100, func() { test.Add(r.NormFloat64()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if p := test.Add(math.NaN()); !math.IsNaN(p) || test.Seen() != 101 {
		t.Errorf("NaN was observed: p-value %v, %d seen", p, test.Seen())
	}
}

func BenchmarkAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	test := NewTest(nil, 0, 1)
	for b.Loop() {
		test.Add(r.NormFloat64())
	}
}
