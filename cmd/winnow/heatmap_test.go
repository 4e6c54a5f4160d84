package main

import (
	"image/color"
	"testing"
)

// TestColoursOfAHeatmap: what one in 128 good places exceed is left as it is, what is more seldom
// turns blue, and what is near the threshold or above it yellow and red over that.
func TestColoursOfAHeatmap(t *testing.T) {
	grey := color.RGBA{100, 100, 100, 255}
	if c := wash(grey, 7); c != grey {
		t.Errorf("at 7 bits %v", c)
	}
	blue := wash(grey, 8)
	if blue.B <= 140 || blue.R >= 90 {
		t.Errorf("at 8 bits %v is not blue", blue)
	}
	if c := tint(blue, 0.5, 1.6); c != blue {
		t.Errorf("well below the threshold %v turns %v", blue, c)
	}
	if c := tint(blue, 1.6, 1.2); c.R <= 180 || c.G >= 60 || c.B >= 90 {
		t.Errorf("far above the threshold it is %v, not red", c)
	}
	skirt, core := tint(grey, 2, 6), tint(grey, 6, 6)
	if skirt.R <= 180 || skirt.G <= 150 || skirt.B >= 90 {
		t.Errorf("above the threshold, beside what is three times as strong, it is %v, not yellow", skirt)
	}
	if core.R <= 180 || core.G >= 60 || core.B >= 90 {
		t.Errorf("the hottest place of a part is %v, not red", core)
	}
}
