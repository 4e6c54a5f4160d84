package pixfmt_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/capture/pixfmt"
	"winnow/edge"
)

func TestImageSize(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.png")
	f := &edge.Frame{Pix: make([]byte, 7*5), Width: 7, Height: 5, Stride: 7}
	if err := pixfmt.WritePNG(good, f); err != nil {
		t.Fatal(err)
	}
	if w, h, err := pixfmt.ImageSize(good); err != nil || w != 7 || h != 5 {
		t.Errorf("%dx%d, %v", w, h, err)
	}
	text := filepath.Join(dir, "text.png")
	if err := os.WriteFile(text, []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir, filepath.Join(dir, "none.png")} {
		if _, _, err := pixfmt.ImageSize(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
