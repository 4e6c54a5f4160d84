package main

import (
	"testing"

	"winnow/edge/evaluate"
)

// Large pictures take memory while they are decoded, progressive JPEGs most; usual ones
// have room in what a teaching takes anyway.
func TestLargePicturesTakeMemory(t *testing.T) {
	sv := func(area float64, path string) survey {
		return survey{areas: []float64{1000, area}, usable: []evaluate.Picture{{Path: "small.png"}, {Path: path}}}
	}
	if n := decodeBytes(sv(640*480, "a.png")); n != 0 {
		t.Errorf("a usual picture: %d bytes more", n)
	}
	png, jpg := decodeBytes(sv(20e6, "a.PNG"))>>20, decodeBytes(sv(20e6, "a.JPG"))>>20
	if png < 150 || png > 250 || jpg < 240 || jpg > 350 { // a run of 12 took 203 and 297 MiB more
		t.Errorf("20 megapixels: %d MiB as PNG, %d as JPEG", png, jpg)
	}
}
