package main

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTeachWantsPicturesThatDiffer: copies of a few are those few.
func TestTeachWantsPicturesThatDiffer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 20 {
		movedPart(t, filepath.Join(dir, fmt.Sprintf("%02d.png", i)), uint64(i%3), 0, 0, false)
	}
	code, _, errs := winnow(t, "teach", "--from", dir, "--out", filepath.Join(t.TempDir(), "x.tflite"), "--input", "96x96", "--register=off")
	if code != 1 || !strings.Contains(errs, "of which 3 differ, are too few to learn from: at least 8") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestTeachSaysWhyNoPictureWillDo: where none can be taught, the first one's fault is told.
func TestTeachSaysWhyNoPictureWillDo(t *testing.T) {
	t.Parallel()
	small, broken := t.TempDir(), t.TempDir()
	for i := range 10 {
		writePNG(t, filepath.Join(small, fmt.Sprintf("%d.png", i)), image.NewGray(image.Rect(0, 0, 8, 8)))
		if err := os.WriteFile(filepath.Join(broken, fmt.Sprintf("%d.png", i)), []byte("no picture"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{small: "0.png: picture of 8x8 pixels is too small", broken: "0.png: not a picture"} {
		out := filepath.Join(t.TempDir(), "x.tflite")
		code, _, errs := winnow(t, "teach", "--from", dir, "--out", out)
		if _, err := os.Stat(out); code != 1 || !strings.Contains(errs, want) || err == nil {
			t.Errorf("exit %d: %s (want %q)", code, errs, want)
		}
	}
}
