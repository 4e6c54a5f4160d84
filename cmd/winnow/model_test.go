package main

import (
	"os"
	"testing"
)

// TestInspectSaysWhatPruningSaves: blocks of zeros are counted in every operator that
// multiplies, transposed convolutions too, and dense files skip nothing.
func TestInspectSaysWhatPruningSaves(t *testing.T) {
	for _, c := range []struct {
		file    string
		skipped bool
	}{{"sparse_nothing_left", true}, {"conv_odd", false}, {"transposed", false}} {
		b, err := os.ReadFile("../../infer/native/testdata/" + c.file + ".tflite")
		if err != nil {
			t.Fatal(err)
		}
		r, err := inspect(b)
		if err != nil {
			t.Fatal(err)
		}
		var macs, skipped int64
		for _, l := range r.Layers {
			macs, skipped = macs+l.MACs, skipped+l.Skipped
			if l.Skipped > l.MACs || (l.Density == 1) != (l.Skipped == 0) {
				t.Errorf("%s: %s has density %g and skips %d of %d", c.file, l.Op, l.Density, l.Skipped, l.MACs)
			}
		}
		if macs == 0 || macs != r.MACs || skipped != r.Skipped || (skipped > 0) != c.skipped {
			t.Errorf("%s: skips %d of %d, in all %d of %d", c.file, skipped, macs, r.Skipped, r.MACs)
		}
	}
}

func TestBlockDensity(t *testing.T) {
	w := make([]byte, 17*2*6) // 2 panels, 2 taps, 2 blocks each
	w[16*12+6+5] = 1          // last row, second tap, last input
	if d := blockDensity(w, 17, 2, 6); d != 1.0/8 {
		t.Errorf("density %g, want 1/8", d)
	}
}
