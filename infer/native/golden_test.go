package native_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/infer/kernel"
	"winnow/infer/npy"
)

// TestGoldenFilesEqualLiteRT runs small files that the Keras converter made on
// recorded inputs, with every kernel set, and compares every byte with what
// LiteRT gave. testdata/make_models.py makes them.
func TestGoldenFilesEqualLiteRT(t *testing.T) {
	dir := "testdata"
	if d := os.Getenv("GOLDEN"); d != "" {
		dir = d
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.tflite"))
	if len(files) == 0 {
		t.Fatal("no golden files")
	}
	for _, set := range kernel.Sets() {
		for i, f := range files {
			t.Run(set.Name()+"/"+strings.TrimSuffix(filepath.Base(f), ".tflite"), func(t *testing.T) {
				golden(t, set.Name(), f, 1+i%2)
			})
		}
	}
}

func golden(t *testing.T, kernels, model string, threads int) {
	s := load(t, kernels, model, threads)
	b, err := os.ReadFile(strings.TrimSuffix(model, ".tflite") + ".npz")
	if err != nil {
		t.Fatal(err)
	}
	rec, err := npy.ReadZip(b)
	if err != nil {
		t.Fatal(err)
	}
	runs := rec["input"].Shape[0]
	for r := range runs {
		for k := range s.Inputs() {
			name := "input"
			if k > 0 {
				name += string(rune('0' + k))
			}
			copy(s.Input(k), part(rec[name], r, runs))
		}
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		for k := range s.Outputs() {
			diff(t, s.Outputs()[k].Name, s.Output(k), part(rec["output"+string(rune('0'+k))], r, runs))
		}
	}
}

// part is the bytes of run r of an array that stacks all runs.
func part(a *npy.Array, r, runs int) []byte {
	n := len(a.Data) / runs
	return a.Data[r*n : (r+1)*n]
}
