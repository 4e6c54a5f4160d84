package tf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/infer/tf"
)

// BenchmarkSharedModels: one inference on one thread.
func BenchmarkSharedModels(b *testing.B) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "models", "*.tflite"))
	if err != nil || len(files) == 0 {
		b.Skipf("not here: real .tflite files: %v", err)
	}
	for _, file := range files {
		model, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		for _, mode := range []tf.Mode{tf.Exact, tf.Fast} {
			b.Run(strings.TrimSuffix(filepath.Base(file), ".tflite")+"/"+mode.String(), func(b *testing.B) {
				s := load(b, open(b, mode), model)
				for b.Loop() {
					if err := s.Run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
