package native_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

func goldenFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// built is a one-operator model with an int8 input.
func built(t *testing.T, f func(b *tflite.Builder, x int) int) []byte {
	t.Helper()
	b := tflite.NewBuilder("test")
	x := b.AddInput("x", []int{1, 4, 4, 2}, tflite.Quant{Scale: 0.1})
	m, err := b.Model(f(b, x))
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRefusals: what has no known rule is refused when it is loaded, by name.
func TestRefusals(t *testing.T) {
	q := tflite.Quant{Scale: 0.1}
	for _, c := range []struct {
		name, op, tensor string
		model            []byte
	}{
		{"a float model", "RELU", "y", built(t, func(b *tflite.Builder, x int) int {
			return b.AddOp("y", tflite.OpRelu, nil, tflite.Float32, q, b.Dequantize("d", x))
		})},
		{"a product that XNNPACK does not take", "MUL", "y", built(t, func(b *tflite.Builder, x int) int {
			return b.Mul("y", x, x, tflite.ActNone, tflite.Quant{Scale: 1e-6})
		})},
		{"a sum that XNNPACK does not take", "ADD", "y", built(t, func(b *tflite.Builder, x int) int {
			return b.Add("y", x, x, tflite.ActNone, tflite.Quant{Scale: 1000})
		})},
		{"a sum with a term that hardly counts", "ADD", "y", built(t, func(b *tflite.Builder, x int) int {
			return b.Add("y", x, b.AddConst("c", []int{2}, make([]int8, 2), tflite.Quant{Scale: 1e-6}), tflite.ActNone, q)
		})},
		{"joined tensors of different scale", "CONCATENATION", "y", built(t, func(b *tflite.Builder, x int) int {
			return b.Concat("y", 3, x, b.Relu("r", x, tflite.Quant{Scale: 0.3}))
		})},
		{"a logistic of other range", "LOGISTIC", "y", built(t, func(b *tflite.Builder, x int) int {
			return b.AddOp("y", tflite.OpLogistic, nil, tflite.Int8, q, x)
		})},
		{"int8 square root", "SQRT", "y", built(t, func(b *tflite.Builder, x int) int { return b.Sqrt("y", x, q) })},
		{"float32 square root as output", "SQRT", "", goldenFile(t, "refused/float_sqrt_output.tflite")},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := native.New().Load(c.model, infer.Options{})
			var e *tflite.Error
			if !errors.As(err, &e) || !errors.Is(err, tflite.ErrUnsupported) {
				t.Fatalf("error %v", err)
			}
			if !strings.HasPrefix(e.Op, c.op) || c.tensor != "" && e.Tensor != c.tensor || e.Offset <= 0 {
				t.Errorf("names %q %q at %d", e.Op, e.Tensor, e.Offset)
			}
		})
	}
}

func TestArenaLimitHoldsBeforeMemoryIsTaken(t *testing.T) {
	_, err := native.New().Load(goldenFile(t, "conv_odd.tflite"), infer.Options{ArenaLimit: 64})
	if !errors.Is(err, tflite.ErrLimit) {
		t.Errorf("error %v", err)
	}
}

func TestUnknownKernelsAreRefused(t *testing.T) {
	if _, err := native.NewWith("abacus").Load(goldenFile(t, "conv_odd.tflite"), infer.Options{}); err == nil {
		t.Error("accepted")
	}
}

func TestInputsKeepTheirContentOverRun(t *testing.T) {
	for _, name := range []string{"leaky", "means", "unet", "uint8_ends"} {
		s := load(t, "", filepath.Join("testdata", name+".tflite"), 2)
		for i := range s.Input(0) {
			s.Input(0)[i] = byte(i * 7)
		}
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		for i, v := range s.Input(0) {
			if v != byte(i*7) {
				t.Fatalf("%s: byte %d of the input has changed", name, i)
			}
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 2} {
		s := load(t, "", filepath.Join("testdata", "unet.tflite"), threads)
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(20, func() { s.Run() }); n > 0 {
			t.Errorf("%d threads: %v allocations a run", threads, n)
		}
	}
}

func TestCloseStopsTheThreads(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := native.New().Load(goldenFile(t, "unet.tflite"), infer.Options{Threads: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	if s.Close() != nil || s.Close() != nil {
		t.Error("closing twice")
	}
	// A goroutine that has said it is done may still be on its way out.
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	if s.Run() == nil {
		t.Error("a closed session ran")
	}
}

func TestProfileNamesEveryLayer(t *testing.T) {
	s := load(t, "", filepath.Join("testdata", "unet.tflite"), 1)
	layers, err := s.(infer.Profiler).Profile(2)
	if err != nil || len(layers) == 0 {
		t.Fatal(layers, err)
	}
	for _, l := range layers {
		if l.Name == "" || l.Op == "" || l.Shape == "" || l.Kernel == "" || l.Density <= 0 {
			t.Errorf("%+v", l)
		}
	}
}

// FuzzLoad: any bytes either run or are refused; nothing panics.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"conv_odd", "transposed", "bilinear", "squeeze_excited_no_batch", "pad_concat", "means", "uint8_ends", "hard_swish", "upsampled_no_batch", "transposed_no_batch"} {
		f.Add(goldenFile(f, name+".tflite"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := native.NewWith("generic").Load(b, infer.Options{Threads: 1, ArenaLimit: 64 << 10})
		if err != nil {
			return
		}
		defer s.Close()
		if err := s.Run(); err != nil {
			t.Error(err)
		}
	})
}
