package kernel

import (
	"runtime"
	"slices"
	"testing"
)

// taken is how many bytes f allocates in all.
func taken(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// TestLargePoolWindowTakesNoMemory: a window may be far larger than its picture.
func TestLargePoolWindowTakesNoMemory(t *testing.T) {
	for _, s := range Sets() {
		var op Op
		d := AvgPool{InH: 1, InW: 3, C: 2, OutH: 1, OutW: 1, KH: 4096, KW: 4096, StrideH: 4, StrideW: 4, PadTop: 2047, PadLeft: 2046, Min: -128, Max: 127}
		n := taken(func() {
			var err error
			if op, err = s.AvgPool(d); err != nil {
				t.Fatal(err)
			}
		})
		if n > 1<<20 {
			t.Errorf("%s: %d bytes for a window of %dx%d", s.Name(), n, d.KH, d.KW)
		}
		if got := reference(op, []int8{1, 10, 2, 20, 3, -90}, 2); !slices.Equal(got, []int8{2, -20}) {
			t.Errorf("%s: %v", s.Name(), got)
		}
	}
}
