package line

import (
	"math"
	"testing"
	"time"
)

func TestBucketsCoverAndOrder(t *testing.T) {
	last := -1
	for d := time.Duration(0); d < 1<<43; d += d/7 + 1 {
		b := bucket(d)
		if b < last || upper(b) < d || float64(upper(b)) > 1.0625*float64(d)+1 {
			t.Fatalf("%d in bucket %d up to %d", d, b, upper(b))
		}
		last = b
	}
	if bucket(-5) != 0 || bucket(math.MaxInt64) != len(Histogram{}.buckets)-1 {
		t.Error("ends")
	}
}

func TestQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("empty")
	}
	for i := 1; i <= 1000; i++ {
		h.Add(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]float64{0.5: 500e3, 0.99: 990e3, 0.999: 999e3, 1: 1000e3} {
		if got := float64(h.Quantile(q)); got < want || got > 1.0625*want {
			t.Errorf("q %v: %v, want %v", q, got, want)
		}
	}
}

// TestBounds: the textbook figures. 2995 is the least n with 0.999^n <= 0.05,
// 59 the least with 0.95^n <= 0.05.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		n    uint64
		q    float64
		rank uint64
		ok   bool
	}{{58, 0.95, 0, false}, {59, 0.95, 59, true}, {2994, 0.999, 0, false}, {2995, 0.999, 2995, true}, {93, 0.95, 92, true}, {0, 0.9, 0, false}} {
		k, ok := boundRank(c.n, c.q, 0.95)
		if ok != c.ok || ok && k != c.rank {
			t.Errorf("n %d q %v: rank %d %v, want %d %v", c.n, c.q, k, ok, c.rank, c.ok)
		}
	}
	for _, c := range []struct {
		hits, n uint64
		want    float64
	}{{59, 59, 0.95050}, {58, 59, 0.92217}, {0, 10, 0}, {299, 299, 0.99003}, {0, 0, 0}} {
		if got := LowerBound(c.hits, c.n, 0.95); math.Abs(got-c.want) > 2e-4 {
			t.Errorf("%d of %d: %.5f, want %.5f", c.hits, c.n, got, c.want)
		}
	}
}
