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

// TestDepthwiseMemoryIsInProportion to the channels, while it is prepared.
func TestDepthwiseMemoryIsInProportion(t *testing.T) {
	for _, s := range Sets() {
		prepare := func(channels int) int {
			d := Depthwise{InH: 1, InW: 1, InC: channels, OutH: 1, OutW: 1, OutC: channels, KH: 1, KW: 1, StrideH: 1, StrideW: 1,
				Weights: make([]int8, channels), Requant: Requant{Scale: make([]float32, channels), Max: 127}}
			return taken(func() {
				if _, err := s.Depthwise(d); err != nil {
					t.Fatal(err)
				}
			})
		}
		if one, eight := prepare(1<<11), prepare(1<<14); eight > 16*one {
			t.Errorf("%s: %d bytes, but %d for eight times as many channels", s.Name(), one, eight)
		}
	}
}

// TestGroupsOfPixelsStaySmall: neighbouring pixels become channels of one only where
// their merged weights do not outgrow the file by far.
func TestGroupsOfPixelsStaySmall(t *testing.T) {
	d := Conv{InH: 1, InW: 16, InC: 4096, OutH: 1, OutW: 16, OutC: 1, KH: 42, KW: 3, StrideH: 1, StrideW: 1, PadTop: 20, PadLeft: 1,
		Weights: make([]int8, 42*3*4096), Requant: Requant{Scale: make([]float32, 1), Max: 127}}
	for _, s := range Sets() {
		n := taken(func() {
			if _, err := s.Conv(d); err != nil {
				t.Fatal(err)
			}
		})
		if n > 64<<20 {
			t.Errorf("%s: %d bytes for %d weights", s.Name(), n, len(d.Weights))
		}
	}
}

// TestTensorsThatOverflowAreRefused, where int has 32 bits too (GOARCH=386).
func TestTensorsThatOverflowAreRefused(t *testing.T) {
	for _, shape := range [][]int{{1 << 16, 1 << 16}, {1 << 16, 1 << 16, 1 << 16}, {1 << 20, 1 << 12, 1 << 20}} {
		if checkTensor("tensor", shape...) == nil {
			t.Errorf("%v is accepted", shape)
		}
	}
	if err := checkTensor("tensor", 1<<15, 1<<15); err != nil {
		t.Error(err)
	}
}
