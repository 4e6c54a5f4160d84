package tf_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/npy"
	"winnow/infer/tf"
	"winnow/infer/tf/lazy"
)

// open returns the engine. Without the library the test is skipped, or fails
// where STRICT=1 says that everything has to be there.
func open(t testing.TB, mode tf.Mode) infer.Engine {
	t.Helper()
	e, err := tf.Open(tf.Config{Load: lazy.Loader(""), Mode: mode})
	if err != nil {
		if tf.Built && os.Getenv("STRICT") == "1" {
			t.Fatal(err)
		}
		t.Skipf("not here: %v", err)
	}
	return e
}

// sharedModels lists the real .tflite files beside the repository.
func sharedModels(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("WINNOW_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(dir, "models", "*.tflite"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("not here: real .tflite files in %s", filepath.Join(dir, "models"))
	}
	return files
}

// load makes a session that is closed with the test.
func load(t testing.TB, e infer.Engine, model []byte) infer.Session {
	t.Helper()
	s, err := e.Load(model, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// arrays reads an .npz file.
func arrays(t *testing.T, path string) map[string]*npy.Array {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := npy.ReadZip(b)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return a
}

// difference of two int8 tensors: how many values differ and by how much at most.
func difference(a, b []byte) (count, most int) {
	for i := range a {
		if d := int(int8(a[i])) - int(int8(b[i])); d != 0 {
			count, most = count+1, max(most, d, -d)
		}
	}
	return count, most
}

// TestSharedModels: what LiteRT with XNNPACK gives for real files is what exact
// mode gives, byte for byte, and fast mode nearly.
func TestSharedModels(t *testing.T) {
	for _, file := range sharedModels(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".tflite")
		model, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		recorded := arrays(t, strings.TrimSuffix(file, ".tflite")+".xnnpack.npz")
		for _, mode := range []tf.Mode{tf.Exact, tf.Fast} {
			t.Run(name+"/"+mode.String(), func(t *testing.T) {
				s := load(t, open(t, mode), model)
				copy(s.Input(0), recorded["input"].Data)
				if err := s.Run(); err != nil {
					t.Fatal(err)
				}
				for i := range s.Outputs() {
					want := recorded[fmt.Sprintf("output%d", i)].Data
					count, most := difference(want, s.Output(i))
					t.Logf("%s %s output %d: %d of %d values differ, by %d at most", name, mode, i, count, len(want), most)
					if mode == tf.Exact && !bytes.Equal(want, s.Output(i)) {
						t.Errorf("output %d differs in %d of %d values, by %d at most", i, count, len(want), most)
					}
				}
			})
		}
	}
}

// TestShippedModels: what the program ships gives the same bits on both engines,
// and fast mode stays within its tolerance.
func TestShippedModels(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "models", "library", "*.tflite"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no shipped models: %v", err)
	}
	for _, file := range files {
		model, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		probe := load(t, native.New(), model)
		r := rand.New(rand.NewPCG(3, 4))
		var inputs [][]byte
		for i := range probe.Inputs() {
			inputs = append(inputs, smooth(r, len(probe.Input(i))))
		}
		for mode, tolerance := range map[tf.Mode]int{tf.Exact: 0, tf.Fast: 2} {
			d, err := tf.Compare(model, inputs, native.New(), open(t, mode), tolerance)
			if err != nil {
				t.Fatal(err)
			}
			if d != nil {
				t.Errorf("%s, %v: %v", filepath.Base(file), mode, d)
			}
		}
	}
}

// smooth is a random walk over int8: nearer to a picture than noise.
func smooth(r *rand.Rand, n int) []byte {
	b, v := make([]byte, n), 0
	for i := range b {
		v = min(max(v+r.IntN(21)-10, -128), 127)
		b[i] = byte(v)
	}
	return b
}
