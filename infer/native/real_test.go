package native_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/infer"
	"winnow/infer/kernel"
	"winnow/infer/native"
	"winnow/infer/npy"
)

func shared(t testing.TB, folder string) string {
	t.Helper()
	dir := os.Getenv("WINNOW_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("not here: " + folder)
	}
	return dir
}

// TestRealFilesEqualLiteRT runs the real files with every kernel set that this
// CPU has, on one and on two threads, and compares every byte.
func TestRealFilesEqualLiteRT(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared(t, "models"), "*.tflite"))
	for _, set := range kernel.Sets() {
		for i, f := range files {
			name := strings.TrimSuffix(filepath.Base(f), ".tflite")
			t.Run(set.Name()+"/"+name, func(t *testing.T) {
				if set.Name() == "generic" && testing.Short() {
					t.Skip("not here: slow kernels in a short test")
				}
				compare(t, set.Name(), f, strings.TrimSuffix(f, ".tflite")+".xnnpack.npz", 1+i%2)
			})
		}
	}
}

// compare runs model on the recorded inputs and compares with the recorded
// outputs.
func compare(t *testing.T, kernels, model, recorded string, threads int) {
	t.Helper()
	s := load(t, kernels, model, threads)
	b, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := npy.ReadZip(b)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second run must not depend on what the first one left
		for i := range s.Inputs() {
			copy(s.Input(i), input(rec, i).Data)
		}
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		for i := range s.Outputs() {
			diff(t, s.Outputs()[i].Name, s.Output(i), rec["output"+string(rune('0'+i))].Data)
		}
	}
}

func input(rec map[string]*npy.Array, i int) *npy.Array {
	if a := rec["input"]; a != nil {
		return a
	}
	return rec["input"+string(rune('0'+i))]
}

func load(t testing.TB, kernels, model string, threads int) infer.Session {
	t.Helper()
	b, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	s, err := native.NewWith(kernels).Load(b, infer.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func diff(t *testing.T, name string, got, want []byte) {
	t.Helper()
	n, first, worst := 0, -1, 0
	for i := range want {
		if got[i] != want[i] {
			if n++; first < 0 {
				first = i
			}
			worst = max(worst, abs(int(int8(got[i]))-int(int8(want[i]))))
		}
	}
	if n > 0 || len(got) != len(want) {
		t.Errorf("%s: %d of %d bytes differ, the first at %d, by at most %d", name, n, len(want), first, worst)
	}
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
