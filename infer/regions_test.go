package infer

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"winnow/edge"
)

// bump adds a cone of this height, which falls to nothing at radius cells from y, x.
func bump(m []float64, w, y, x int, height, radius float64) {
	for i := range m {
		d := math.Hypot(float64(i/w-y), float64(i%w-x))
		m[i] = max(m[i], height*(1-d/radius))
	}
}

func regionsOf(m []float64, h, w int, atLeastOne bool) []edge.Region {
	f := regionFinder{h: h, w: w}
	return f.find(nil, m, 1, box{0, 0, 10 * w, 10 * h}, atLeastOne)
}

// TestRegionIsTheCoreOfItsPeak: the skirt of a strong defect is not framed, though nearly all
// of it is above the threshold; it counts in no region of its own.
func TestRegionIsTheCoreOfItsPeak(t *testing.T) {
	m := make([]float64, 40*40)
	bump(m, 40, 20, 12, 10, 10) // 7.5 of 10 within the 21 nearest cells, 1 within nine
	r := regionsOf(m, 40, 40, false)
	if len(r) != 1 || r[0].Box != image.Rect(100, 180, 150, 230) || r[0].Area != 21*100 || r[0].Score != 10 || r[0].Share != 1 {
		t.Errorf("%+v", r)
	}
}

// TestPeaksAreRegionsWhereTheMapFallsBetweenThem: the lower of two peaks is a region where the way to the
// higher one leads below 0.75 of it, even if all of that is above the threshold, and part of the higher
// one's hill where it does not. A weak one keeps a box as wide as its own height says.
func TestPeaksAreRegionsWhereTheMapFallsBetweenThem(t *testing.T) {
	two := func(saddle float64) []edge.Region {
		m := make([]float64, 5*20)
		for x := range 20 {
			m[2*20+x] = saddle
		}
		m[2*20+4], m[2*20+15], m[2*20+16] = 8, 4, 3.2
		return regionsOf(m, 5, 20, false)
	}
	r := two(2.9)
	if len(r) != 2 {
		t.Fatalf("at 2.9 of 4 between them: %+v", r)
	}
	if r[0].Box != image.Rect(40, 20, 50, 30) || r[0].Score != 8 || r[1].Box != image.Rect(150, 20, 170, 30) || r[1].Score != 4 {
		t.Errorf("%+v", r)
	}
	if s := r[0].Share + r[1].Share; math.Abs(s-1) > 1e-12 || r[0].Share <= r[1].Share {
		t.Errorf("shares %g and %g", r[0].Share, r[1].Share)
	}
	if r := two(3.1); len(r) != 1 || r[0].Score != 8 || r[0].Box != image.Rect(40, 20, 50, 30) || math.Abs(r[0].Share-1) > 1e-12 {
		t.Errorf("at 3.1 of 4 between them: %+v", r)
	}
	if r := two(0); len(r) != 2 || r[1].Score != 4 {
		t.Errorf("apart: %+v", r)
	}
}

// TestRegionsAreFewAndTheLargestFirst: of seven five are given, by share, not by height.
func TestRegionsAreFewAndTheLargestFirst(t *testing.T) {
	m := make([]float64, 60*60)
	for i := range 6 {
		bump(m, 60, 8+10*(i/3)*2, 8+20*(i%3), 3+float64(i)/10, 6)
	}
	m[55*60+55] = 9 // high, and one cell
	r := regionsOf(m, 60, 60, false)
	if len(r) != edge.MaxRegions {
		t.Fatalf("%d regions", len(r))
	}
	for i := 1; i < len(r); i++ {
		if r[i].Share > r[i-1].Share {
			t.Errorf("region %d has a share of %g behind one of %g", i, r[i].Share, r[i-1].Share)
		}
	}
	if r[0].Score != 3.5 {
		t.Errorf("the largest is %+v", r[0])
	}
}

// TestARejectedPartHasAPlace: below the threshold there is none unless one is asked for; then it is
// around the peak.
func TestARejectedPartHasAPlace(t *testing.T) {
	m := make([]float64, 16*16)
	bump(m, 16, 4, 4, 0.5, 8)
	if r := regionsOf(m, 16, 16, false); len(r) != 0 {
		t.Errorf("%+v", r)
	}
	if r := regionsOf(m, 16, 16, true); len(r) != 1 || r[0].Score != 0.5 || r[0].Box != image.Rect(30, 30, 60, 60) {
		t.Errorf("%+v", r)
	}
	if r := regionsOf(make([]float64, 16*16), 16, 16, true); len(r) != 0 {
		t.Errorf("of an empty map %+v", r)
	}
}

// TestHillsAgainstTheirDefinition: on random maps a peak has a hill where no path of cells above
// regionCore of it leads to a higher one, found here by flooding from every cell by itself.
func TestHillsAgainstTheirDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		h, w := 1+r.IntN(12), 1+r.IntN(12)
		m := make([]float64, h*w)
		for i := range m {
			m[i] = math.Exp(1.2 * r.NormFloat64())
		}
		f := regionFinder{h: h, w: w}
		f.divide(m, 1) // of a finder that has none yet
		want, sum := 0, 0.0
		for i := range m {
			if m[i] > 1 {
				sum += m[i] - 1
				if core, high := flooded(m, h, w, i); high {
					want++
					found := false
					for _, a := range f.hills {
						found = found || a.peak == m[i] && a.core == core
					}
					if !found {
						t.Fatalf("no hill of %d cells at %g in %v", core, m[i], m)
					}
				}
			}
		}
		got := 0.0
		for _, a := range f.hills {
			got += a.excess
		}
		if len(f.hills) != want || math.Abs(got-sum) > 1e-9 {
			t.Fatalf("%d hills of %g, want %d of %g: %v", len(f.hills), got, want, sum, m)
		}
	}
}

// flooded is how many cells above regionCore of cell i, and above 1, hang together with it, and
// whether it is the highest of them.
func flooded(m []float64, h, w, i int) (n int, highest bool) {
	seen, stack := map[int]bool{i: true}, []int{i}
	highest = true
	for len(stack) > 0 {
		c := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		highest = highest && m[c] <= m[i]
		for j := range m {
			if dy, dx := j/w-c/w, j%w-c%w; dy*dy <= 1 && dx*dx <= 1 && !seen[j] && m[j] > max(1, regionCore*m[i]) {
				seen[j] = true
				stack = append(stack, j)
			}
		}
	}
	return len(seen), highest
}

// TestFindingRegionsTakesNoMemory once it has some.
func TestFindingRegionsTakesNoMemory(t *testing.T) {
	m := make([]float64, 64*64)
	for i := range 8 {
		bump(m, 64, 8*i, 60-7*i, 4, 9)
	}
	f := regionFinder{h: 64, w: 64}
	dst := make([]edge.Region, 0, edge.MaxRegions)
	find := func() { dst = f.find(dst[:0], m, 1, box{0, 0, 256, 256}, true) }
	find()
	if n := testing.AllocsPerRun(20, find); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

// TestAreaOfALargeRegion: the product of cells and pixels has more than 32 bits (GOARCH=386 go test ./infer -run AreaOf).
func TestAreaOfALargeRegion(t *testing.T) {
	const h, w = 64, 64
	m := make([]float64, h*w)
	for i := range m {
		m[i] = 2
	}
	f := regionFinder{h: h, w: w}
	if r := f.find(nil, m, 1, box{0, 0, 1920, 1080}, true); r[0].Area != 1920*1080 {
		t.Errorf("area %d, want %d", r[0].Area, 1920*1080)
	}
}

// TestHeatmapLiesOverTheFrame: where only a region of interest is looked at, its map lies in that
// part of the heatmap, and what was not looked at is 0; else it is all of the heatmap.
func TestHeatmapLiesOverTheFrame(t *testing.T) {
	const n = edge.HeatmapSide
	m := make([]float64, 8*8)
	m[0], m[63] = 1, 0.5
	var got edge.Heatmap
	fillHeatmap(&got, m, 8, 8, 1, box{320, 240, 480, 480}, 640, 480)
	for i, v := range got {
		want := uint8(0)
		switch y, x := i/n, i%n; {
		case y == 8 && x == 8:
			want = 128
		case y == 15 && x == 11:
			want = 64
		}
		if v != want {
			t.Errorf("row %d, column %d: %d, want %d", i/n, i%n, v, want)
		}
	}
	fillHeatmap(&got, m, 8, 8, 1, box{0, 0, 640, 480}, 640, 480)
	for _, c := range []struct {
		y, x int
		want uint8
	}{{0, 0, 128}, {1, 1, 128}, {2, 2, 0}, {14, 14, 64}, {15, 15, 64}} {
		if v := got[c.y*n+c.x]; v != c.want {
			t.Errorf("over the whole frame, row %d, column %d: %d, want %d", c.y, c.x, v, c.want)
		}
	}
}

// TestHeatmapCellsOfAWholeFrame: each touches the cells of the map that lie under it, of maps coarser
// and finer than the heatmap.
func TestHeatmapCellsOfAWholeFrame(t *testing.T) {
	for _, n := range []int{1, 3, 8, 16, 24, 31, 64} {
		for i := range edge.HeatmapSide {
			from, to := span(i, n, 477, 0, 477)
			if f, l := i*n/edge.HeatmapSide, ((i+1)*n+edge.HeatmapSide-1)/edge.HeatmapSide; from != f || to != l {
				t.Errorf("%d of a map of %d cells: %d to %d, want %d to %d", i, n, from, to, f, l)
			}
		}
	}
}
