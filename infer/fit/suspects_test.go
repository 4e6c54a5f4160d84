package fit

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestSuspectsAreTheOutliers: parts far above the rest are named worst first,
// and of parts that are all alike few are.
func TestSuspectsAreTheOutliers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	held := make([]HeldOut, 200)
	for i := range held {
		held[i].Fused = r.NormFloat64()
	}
	if named := Suspects(held); len(named) > 4 {
		t.Errorf("%d of 200 like parts are named", len(named))
	}
	held[17].Fused, held[90].Fused, held[3].Fused = 9, 12, 7
	named := Suspects(held)
	if len(named) < 3 || !slices.Equal(named[:3], []int{90, 17, 3}) {
		t.Errorf("named %v, want 90, 17, 3 first", named)
	}
	for i := range 100 {
		held[i].Fused = 50
	}
	if named := Suspects(held); len(named) > 20 {
		t.Errorf("%d of 200 parts are named: half of them cannot be the exception", len(named))
	}
}

// Good parts whose scores have a long upper tail are no outliers: few are named, and
// one beyond the tail is.
func TestSuspectsBearALongTail(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	held := make([]HeldOut, 2000)
	for i := range held {
		held[i].Fused = math.Exp(0.7 * r.NormFloat64())
	}
	held[8].Fused = 40
	named := Suspects(held)
	if len(named) > 60 || len(named) == 0 || named[0] != 8 { // 74 lie 3.5 robust standard deviations above the median
		t.Errorf("%d of 2000 parts are named, first %v", len(named), named[:min(len(named), 1)])
	}
}

// tiles are parts of one level of 4x4 cells and 3 channels in so many groups of six, each group
// with a pattern of its own, and noise.
func tiles(r *rand.Rand, groups int) (parts [][]byte, of []int) {
	for g := range groups {
		pattern := make([]float64, 48)
		for i := range pattern {
			pattern[i] = 30 * r.NormFloat64()
		}
		for range 6 {
			p := make([]byte, len(pattern))
			for i, v := range pattern {
				p[i] = byte(int8(math.Round(max(-127, min(127, v+2*r.NormFloat64())))))
			}
			parts, of = append(parts, p), append(of, g)
		}
	}
	return parts, of
}

// alone compares parts of groups with each other, cells counting as they say; nil: all.
func alone(t *testing.T, parts [][]byte, groups []int, cells func(h, w int) []float64) (*levelFit, []HeldOut) {
	t.Helper()
	l := &levelFit{level: level{h: 4, w: 4, channels: 3}, x: rows{width: 48, channels: 3, step: 0.1, data: shelfOf(parts)}}
	ft := &fitter{
		o: Options{Progress: func(string, int, int) {}, Cells: cells}, features: &Features{room: new(room), groups: groups, parts: make([]int, len(parts))},
		grid: [2]int{4, 4}, ctx: context.Background(),
	}
	company, n := ft.company()
	if err := l.standAlone(ft, company, n); err != nil {
		t.Fatal(err)
	}
	ft.levels = []*levelFit{l}
	held := make([]HeldOut, len(parts))
	ft.compare(held)
	return l, held
}

// TestStandAloneIsRidgeRegressionOnTheOthers: what is left of each part is what a ridge
// regression of it on all others, solved by itself, leaves.
func TestStandAloneIsRidgeRegressionOnTheOthers(t *testing.T) {
	parts, groups := tiles(rand.New(rand.NewPCG(3, 3)), 3)
	l, _ := alone(t, parts, groups, nil)
	n := len(parts)
	x, mean := mat.NewDense(n, 48, nil), l.x.mean(upTo(n))
	for i, p := range parts {
		for j, b := range p {
			x.Set(i, j, 0.1*float64(int8(b))-float64(mean[j]))
		}
	}
	power := mat.Norm(x, 2)
	ridge := companyRidge * power * power / float64(n)
	for i := range n {
		others := mat.NewDense(n-1, 48, nil)
		for k, j := range append(upTo(i), upTo(n)[i+1:]...) {
			others.SetRow(k, x.RawRowView(j))
		}
		var g, c, rhs mat.Dense
		g.Mul(others, others.T())
		for k := range n - 1 {
			g.Set(k, k, g.At(k, k)+ridge)
		}
		rhs.Mul(others, x.RowView(i))
		if err := c.Solve(&g, &rhs); err != nil {
			t.Fatal(err)
		}
		var told mat.Dense
		told.Mul(c.T(), others)
		for cell, got := range l.alone[i] {
			want := 0.0
			for ch := range 3 {
				v := x.At(i, 3*cell+ch) - told.At(0, 3*cell+ch)
				want += v * v / 3
			}
			if math.Abs(float64(got)-want) > 1e-3*(1+want) {
				t.Fatalf("part %d, cell %d: %g is left, want %g", i, cell, got, want)
			}
		}
	}
}

// TestSuspectsLookBesideSiblings: a part with a flaw is named though held-out scores
// hide it among good parts of rare groups, which have siblings and are not named.
func TestSuspectsLookBesideSiblings(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	parts, groups := tiles(r, 20)
	for i := range 3 {
		parts[50][i] += 60
	}
	_, held := alone(t, parts, groups, nil)
	for i := range held {
		held[i].Fused = math.Abs(r.NormFloat64())
	}
	if got := Suspects(held); len(got) == 0 || got[0] != 50 || len(got) > 8 {
		t.Errorf("named %v, want 50 first and few others of 120", got)
	}
}

// TestSuspectsHeedTheMask: what lies where nothing counts makes no part a suspect.
func TestSuspectsHeedTheMask(t *testing.T) {
	parts, groups := tiles(rand.New(rand.NewPCG(4, 4)), 20)
	for i := range 3 {
		parts[50][i] += 60
	}
	_, seen := alone(t, parts, groups, nil)
	_, hidden := alone(t, parts, groups, func(h, w int) []float64 {
		cells := slices.Repeat([]float64{1}, h*w)
		cells[0] = 0
		return cells
	})
	if s, h := seen[50].unlike.worst, hidden[50].unlike.worst; h > 0.7*s {
		t.Errorf("the part with a flaw is %.2f unlike the others at its worst, %.2f where the flaw does not count", s, h)
	}
}

// TestCompanyKeepsGroups: parts are compared in companies of whole groups, of about
// companyParts at most, but where groups are too unequal for that: nobody is left alone.
func TestCompanyKeepsGroups(t *testing.T) {
	companies := func(groups []int) []int {
		ft := &fitter{features: &Features{groups: groups, parts: make([]int, len(groups))}}
		of, n := ft.company()
		size, in := make([]int, n), map[int]map[int]bool{}
		for i, g := range groups {
			size[of[i]]++
			if in[g] == nil {
				in[g] = map[int]bool{}
			}
			in[g][of[i]] = true
		}
		if len(in) > 2 {
			for g, c := range in {
				if len(c) != 1 {
					t.Errorf("group %d is in %d companies", g, len(c))
				}
			}
		}
		return size
	}
	groups := make([]int, 2000)
	for i := range groups {
		groups[i] = i / 7
	}
	if got := companies(groups); len(got) != 4 || slices.Max(got) > companyParts+7 {
		t.Errorf("2000 parts in groups of seven: companies of %v", got)
	}
	if got := companies(make([]int, 2000)); len(got) != 4 || slices.Max(got) > companyParts {
		t.Errorf("2000 parts of one group: companies of %v", got)
	}
	if got := companies(append(make([]int, 600), 1)); len(got) != 2 || slices.Min(got) < 300 {
		t.Errorf("600 parts of one group and one of another: companies of %v", got)
	}
}
