package tf_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"winnow/infer/tf"
	"winnow/infer/tflite"
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

// smallNetwork has activations of 256 kB each in float32, so that a tensor
// that is not given back shows at once.
func smallNetwork(t *testing.T) []byte {
	t.Helper()
	m := &maker{Builder: tflite.NewBuilder("small"), r: rand.New(rand.NewPCG(1, 2))}
	m.x = m.AddInput("x", []int{1, 64, 64, 3}, quantX)
	y, c := m.x, 3
	for range 4 {
		w := m.weights(0, 8, 16, 3, 3, c)
		y, c = m.Conv2D("y", y, w, m.bias(w, 16), tflite.Conv2D{StrideH: 1, StrideW: 1}, quantX), 16
	}
	model, err := m.Model(m.MaxPool("p", y, tflite.Pool2D{FilterH: 2, FilterW: 2, StrideH: 2, StrideW: 2}))
	if err != nil {
		t.Fatal(err)
	}
	b, err := model.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMemoryIsFlat: what 2000 runs take, 200 took.
func TestMemoryIsFlat(t *testing.T) {
	s := load(t, open(t, tf.Fast), smallNetwork(t))
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
	s := load(t, open(t, tf.Fast), smallNetwork(t))
	if n := testing.AllocsPerRun(5, func() {
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}
