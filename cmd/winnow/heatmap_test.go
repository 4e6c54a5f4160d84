package main

import (
	"image"
	"image/color"
	"os"
	"testing"

	"winnow/edge"
	"winnow/models"
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

// TestRegionOfInterest: a package as a station with camera.roi records it lays what it finds over that
// region of the picture and nothing over the rest, and its parts can be timed.
func TestRegionOfInterest(t *testing.T) {
	t.Parallel()
	model, _ := taught(t)
	p, err := models.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	p.Manifest.Preprocess.ROI = &[4]int{288, 192, 384, 288}
	b, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(model, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err = models.Read(b); err != nil {
		t.Fatal(err)
	}
	j, _, err := openJudge(p, engineNative, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	f := &edge.Frame{Width: 384, Height: 288, Stride: 384, Pix: make([]byte, 384*288), Format: edge.Gray8}
	for i := range f.Pix {
		if x, y := i%384, i/384; x >= 288 && y >= 192 {
			f.Pix[i] = byte(250 - 240*((x/4+y/4)%2))
		}
	}
	var v edge.Verdict
	if err := j.Judge(f, &v); err != nil || v.Decision != edge.Reject {
		t.Fatalf("%v %v", v.Decision, err)
	}
	img := overlayAt(f, j, &v, j.MapScale())
	inside, outside := 0, 0
	for y := range f.Height {
		for x := range f.Width {
			if img.RGBAAt(x, y) == img.RGBAAt(x+f.Width+4, y) {
				continue
			}
			if image.Pt(x, y).In(v.Judged) {
				inside++
			} else {
				outside++
			}
		}
	}
	if inside < 96*96/2 || outside > 0 {
		t.Errorf("%d pixels are coloured in the region that was judged, %d outside", inside, outside)
	}
	if code, _, errs := winnow(t, "bench", "--model", model, "--part", "--runs", "1"); code != 0 {
		t.Errorf("bench --part: exit %d: %s", code, errs)
	}
}
