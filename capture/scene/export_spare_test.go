package scene_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"winnow/capture/scene"
)

// TestExportSparesWhatIsNotItsOwn: where a file or a link lies in the place of the folder, it stays.
func TestExportSparesWhatIsNotItsOwn(t *testing.T) {

	s := newScene(t, scene.Config{Seed: 1, Width: 64, Height: 64})
	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(t.TempDir(), "gone"), link); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{file, link} {
		if err := s.Export(context.Background(), to, scene.ExportOptions{Train: 1}); err == nil {
			t.Errorf("exported to %s", to)
		}
		if _, err := os.Lstat(to); err != nil {
			t.Errorf("%s was removed: %v", to, err)
		}
	}
}
