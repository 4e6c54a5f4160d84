package native_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkRun runs every real file on one thread.
func BenchmarkRun(b *testing.B) {
	files, _ := filepath.Glob(filepath.Join(shared(b, "models"), "*.tflite"))
	for _, f := range files {
		b.Run(strings.TrimSuffix(filepath.Base(f), ".tflite"), func(b *testing.B) {
			s := load(b, "", f, 1)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
