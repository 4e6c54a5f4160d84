package scene_test

import (
	"testing"

	"winnow/capture/scene"
	"winnow/edge"
)

// TestNoToy keeps the drawn line honest: the plain difference to the mean
// picture, at the threshold of the worst of 100 held-out good parts, must miss
// at least 30 % of the smallest defects. Under the race detector fewer parts are
// drawn and only the first product, which lowers the threshold: the strict run
// is the one without.
func TestNoToy(t *testing.T) {
	for i, product := range scene.Products() {
		if i > 0 && slowdown > 1 {
			break
		}
		s := newScene(t, scene.Config{Seed: 11, Product: product})
		base := newBaseline(s, 100/slowdown)
		threshold := 0
		for i := range uint64(100 / slowdown) {
			threshold = max(threshold, base.score(100+i, scene.Defect{}))
		}
		caught := map[scene.Size]int{}
		const each = 8 / slowdown
		for _, k := range scene.Kinds() {
			for _, z := range scene.Sizes() {
				if z == scene.Medium {
					continue
				}
				for i := range uint64(each) {
					if base.score(1000+i, scene.Defect{Kind: k, Size: z}) > threshold {
						caught[z]++
					}
				}
			}
		}
		n := each * len(scene.Kinds())
		t.Logf("%s: threshold %d, caught %d of %d small, %d of %d large", product, threshold, caught[scene.Small], n, caught[scene.Large], n)
		if caught[scene.Small] > n*70/100 {
			t.Errorf("%s: the plain difference to the mean catches %d of %d of the smallest defects", product, caught[scene.Small], n)
		}
	}
}

// baseline is the mean of good pictures.
type baseline struct {
	scene *scene.Scene
	mean  []int // sum over three channels, times 16
	diff  []int
	frame edge.Frame
}

func newBaseline(s *scene.Scene, n int) *baseline {
	w, h := s.Size()
	b := &baseline{scene: s, mean: make([]int, w*h), diff: make([]int, w*h)}
	for i := range uint64(n) {
		s.Draw(i, scene.Defect{}, &b.frame)
		for p := range b.mean {
			b.mean[p] += b.sum(p)
		}
	}
	for p := range b.mean {
		b.mean[p] = b.mean[p] * 16 / n
	}
	return b
}

func (b *baseline) sum(p int) int {
	px := b.frame.Pix[3*p : 3*p+3]
	return int(px[0]) + int(px[1]) + int(px[2])
}

// score is the largest 3x3 mean of the absolute difference.
func (b *baseline) score(i uint64, d scene.Defect) int {
	b.scene.Draw(i, d, &b.frame)
	w, h := b.scene.Size()
	for p := range b.diff {
		v := 16*b.sum(p) - b.mean[p]
		b.diff[p] = max(v, -v)
	}
	worst := 0
	for y := 1; y < h-1; y++ {
		for x := 1; x < w-1; x++ {
			sum := 0
			for dy := -w; dy <= w; dy += w {
				p := y*w + x + dy
				sum += b.diff[p-1] + b.diff[p] + b.diff[p+1]
			}
			worst = max(worst, sum/9)
		}
	}
	return worst
}
