package tf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/infer/tf"
)

// resident is the process's resident memory in kB.
func resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("not here: /proc: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb
		}
	}
	t.Fatal("/proc/self/status has no VmRSS")
	return 0
}

// TestMemoryIsFlat: what 2000 runs take, 200 took.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("2000 inferences")
	}
	var model []byte
	for _, f := range sharedModels(t) {
		if strings.Contains(filepath.Base(f), "el0gap") {
			var err error
			if model, err = os.ReadFile(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := load(t, open(t, tf.Fast), model)
	var after [2]int
	for i, runs := range []int{200, 1800} {
		for range runs {
			if err := s.Run(); err != nil {
				t.Fatal(err)
			}
		}
		after[i] = resident(t)
	}
	growth := 100 * float64(after[1]-after[0]) / float64(after[0])
	t.Logf("resident memory: %d kB after 200 inferences, %d kB after 2000 (%+.2f %%)", after[0], after[1], growth)
	if growth > 5 {
		t.Errorf("resident memory grew by %.1f %%", growth)
	}
}

// TestRunAllocatesNothing in Go memory.
func TestRunAllocatesNothing(t *testing.T) {
	model, err := os.ReadFile(sharedModels(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, open(t, tf.Fast), model)
	if n := testing.AllocsPerRun(5, func() {
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}
