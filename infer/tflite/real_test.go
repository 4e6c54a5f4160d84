package tflite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"winnow/infer/tflite"
)

// shared finds a folder of real files beside the module.
func shared(t *testing.T, folder string) string {
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

// TestRealFilesSurvive reads every real file, writes it and reads it again.
func TestRealFilesSurvive(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared(t, "models"), "*.tflite"))
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			m, err := tflite.Parse(b, tflite.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			once, err := m.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			again, err := tflite.Parse(append(once, "a zip follows"...), tflite.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			twice, err := again.Marshal()
			if err != nil || !bytes.Equal(once, twice) {
				t.Errorf("written twice: %d and %d bytes differ (%v)", len(once), len(twice), err)
			}
			t.Logf("%d bytes in, %d out, %d ops", len(b), len(once), len(m.Ops))
		})
	}
}
