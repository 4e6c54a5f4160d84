package native_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	flatbuffers "github.com/google/flatbuffers/go"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

// loadBuilt writes what build makes of an int8 input of that shape and loads it.
func loadBuilt(t *testing.T, shape []int, o infer.Options, build func(b *tflite.Builder, x int) int) (infer.Session, error) {
	t.Helper()
	b := tflite.NewBuilder("hostile")
	m, err := b.Model(build(b, b.AddInput("x", shape, tflite.Quant{Scale: 0.1})))
	if err != nil {
		return nil, err
	}
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := native.New().Load(data, o)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// TestHostileModelsAreRefused, where int has 32 bits too (GOARCH=386).
func TestHostileModelsAreRefused(t *testing.T) {
	q := tflite.Quant{Scale: 0.1}
	for _, c := range []struct {
		name  string
		shape []int
		build func(b *tflite.Builder, x int) int
	}{
		{"softmax of a scalar", []int{}, func(b *tflite.Builder, x int) int { return b.Softmax("y", x, 1) }},
		{"weights of many groups", []int{1, 1, 1, 1 << 16}, func(b *tflite.Builder, x int) int {
			w := b.AddWeights("w", []int{1 << 16, 1, 1, 1}, make([]int8, 1<<16), []float32{0.1}, 0)
			return b.Conv2D("y", x, w, -1, tflite.Conv2D{StrideH: 1, StrideW: 1}, q)
		}},
		{"more tiles than 32 bits count", []int{257}, func(b *tflite.Builder, x int) int { return b.Tile("y", x, 1<<24) }},
		{"bilinear columns beyond what float32 counts", []int{1, 1, 1, 1}, func(b *tflite.Builder, x int) int {
			return b.ResizeBilinear("y", x, 1, 13103685, tflite.Resize{}) // the last one would read column 1 of 0..0
		}},
		{"more nearest rows than memory for their places", []int{1, 1, 1, 1}, func(b *tflite.Builder, x int) int {
			return b.ResizeNearest("y", x, 1<<27, 1, tflite.Resize{})
		}},
		{"more dimensions than any operator has", make40k(1), func(b *tflite.Builder, x int) int {
			return b.Pad("y", x, make40k(0), make40k(0))
		}},
		{"half a million inputs", []int{1}, func(b *tflite.Builder, x int) int {
			xs := make([]int, 60000)
			for i := range xs {
				xs[i] = x
			}
			for range 8 {
				b.Concat("c", 0, xs...)
			}
			return b.Relu("y", x, q)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := loadBuilt(t, c.shape, infer.Options{Threads: 1}, c.build); err == nil {
				t.Error("accepted")
			} else {
				t.Log(err)
			}
		})
	}
}

// TestInputOf2GiBIsOverTheLimit: int of 32 bits cannot count its bytes (GOARCH=386).
func TestInputOf2GiBIsOverTheLimit(t *testing.T) {
	b := tflite.NewBuilder("hostile")
	m, err := b.Model(b.Relu("y", b.AddInput("x", []int{4}, tflite.Quant{Scale: 0.1}), tflite.Quant{Scale: 0.1}))
	if err != nil {
		t.Fatal(err)
	}
	m.Inputs = append(m.Inputs, len(m.Tensors))
	m.Tensors = append(m.Tensors, tflite.Tensor{Name: "big", Shape: []int{1 << 28}, Type: tflite.Int64})
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := native.New().Load(data, infer.Options{Threads: 1}); !errors.Is(err, tflite.ErrLimit) {
		t.Errorf("error %v", err)
	}
}

func make40k(v int) []int {
	s := make([]int, 40000)
	for i := range s {
		s[i] = v
	}
	return s
}

// TestLongChainsOfViewsLoadSoon: what a view looks at is found in one step.
func TestLongChainsOfViewsLoadSoon(t *testing.T) {
	start := time.Now()
	_, err := loadBuilt(t, []int{1, 4}, infer.Options{Threads: 1}, func(b *tflite.Builder, x int) int {
		y := x
		for i := range 4000 {
			y = b.Reshape("view", y, 4-i%2*3, 1+i%2*3)
		}
		for range 4000 {
			x = b.Logistic("y", y)
		}
		return x
	})
	if d := time.Since(start); err != nil || d > 20*time.Second {
		t.Errorf("after %v: %v", d, err)
	}
}

// TestSharedWeightsDoNotMultiply: operators that share weights each pack their own,
// within a limit.
func TestSharedWeightsDoNotMultiply(t *testing.T) {
	q := tflite.Quant{Scale: 0.1}
	const n = 256
	ones := make([]int8, n*n)
	for i := range ones {
		ones[i] = 1
	}
	_, err := loadBuilt(t, []int{1, n}, infer.Options{Threads: 1, ArenaLimit: 1 << 20}, func(b *tflite.Builder, x int) int {
		w := b.AddWeights("w", []int{n, n}, ones, []float32{0.1}, 0)
		for range 1000 {
			x = b.FullyConnected("y", x, w, -1, tflite.FullyConnected{}, q)
		}
		return x
	})
	if !errors.Is(err, tflite.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// TestUpsamplingThatRenamesValues: RESIZE_NEAREST_NEIGHBOR copies bytes whatever its
// output's quantization says, so a convolution must not take it in where that differs.
func TestUpsamplingThatRenamesValues(t *testing.T) {
	_, err := loadBuilt(t, []int{1, 4, 4, 4}, infer.Options{Threads: 1}, func(b *tflite.Builder, x int) int {
		up := b.AddOp("up", tflite.OpResizeNearest, tflite.Resize{}, tflite.Int8, tflite.Quant{Scale: 0.3, ZeroPoint: -7}, x, b.AddInts("size", 8, 8))
		w := b.AddWeights("w", []int{4, 3, 3, 4}, make([]int8, 4*9*4), []float32{0.1}, 0)
		return b.Conv2D("y", up, w, -1, tflite.Conv2D{StrideH: 1, StrideW: 1}, tflite.Quant{Scale: 0.2})
	})
	if !errors.Is(err, tflite.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// TestFlatLeakyReluIsTheBuiltinKernels: with a lower slope under 1/256 XNNPACK leaves
// LEAKY_RELU to LiteRT's builtin kernel, whose upper slope is no multiple of 1/256.
// The outputs are those of ai-edge-litert 2.3.0.
func TestFlatLeakyReluIsTheBuiltinKernels(t *testing.T) {
	s, err := loadBuilt(t, []int{8}, infer.Options{Threads: 1}, func(b *tflite.Builder, x int) int {
		return b.AddOp("y", tflite.OpLeakyRelu, tflite.LeakyRelu{Alpha: 0.002}, tflite.Int8, tflite.Quant{Scale: 0.09643, ZeroPoint: -20}, x)
	})
	if err != nil {
		t.Fatal(err)
	}
	in := []int8{-128, -1, 0, 14, 41, 68, 95, 127}
	for i, v := range in {
		s.Input(0)[i] = byte(v)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int8{-20, -20, -20, -5, 23, 51, 79, 112} {
		if got := int8(s.Output(0)[i]); got != want {
			t.Errorf("of %d: %d, want %d", in[i], got, want)
		}
	}
}

// TestModelsHaveFewEnds: each input and output costs a look at all others when memory
// is laid out.
func TestModelsHaveFewEnds(t *testing.T) {
	b := tflite.NewBuilder("hostile")
	x := b.AddInput("x", []int{1}, tflite.Quant{Scale: 0.1})
	outputs := make([]int, 1<<16)
	for i := range outputs {
		outputs[i] = x
	}
	m, err := b.Model(outputs...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := native.New().Load(data, infer.Options{Threads: 1}); !errors.Is(err, tflite.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// TestSumsOfMeansStayInTheLimit: they take four times the output.
func TestSumsOfMeansStayInTheLimit(t *testing.T) {
	const n = 400_000
	_, err := loadBuilt(t, []int{n, 1}, infer.Options{Threads: 1, ArenaLimit: 1 << 20}, func(b *tflite.Builder, x int) int {
		return b.Mean("y", x, true, tflite.Quant{Scale: 0.1}, 1)
	})
	if !errors.Is(err, tflite.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// TestConstantsAreCopiedOnce, whoever names them and however often.
func TestConstantsAreCopiedOnce(t *testing.T) {
	const size, outputs = 1 << 20, 128
	b := tflite.NewBuilder("hostile")
	x := b.AddInput("x", []int{1}, tflite.Quant{Scale: 0.1})
	c := b.AddConst("c", []int{size}, make([]int8, size), tflite.Quant{Scale: 0.1})
	all := []int{b.Add("sum", x, c, tflite.ActNone, tflite.Quant{Scale: 0.1})}
	for range outputs {
		all = append(all, c)
	}
	m, err := b.Model(all...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := native.New().Load(data, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > outputs/4*size {
		t.Errorf("loading took %d bytes for %d outputs of one constant of %d", n, outputs, size)
	}
	if len(s.Output(outputs)) != size {
		t.Errorf("the last output has %d bytes", len(s.Output(outputs)))
	}
}

// TestConstantOutputsStayInTheLimit: tensors of a file may share their bytes, whose
// copies do not.
func TestConstantOutputsStayInTheLimit(t *testing.T) {
	const size, outputs = 1 << 20, 64
	f := flatbuffers.NewBuilder(2 * size)
	offsets := func(n int, v flatbuffers.UOffsetT) flatbuffers.UOffsetT {
		f.StartVector(4, n, 4)
		for range n {
			f.PrependUOffsetT(v)
		}
		return f.EndVector(n)
	}
	bytes := f.CreateByteVector(make([]byte, size))
	f.StartObject(1)
	f.PrependUOffsetTSlot(0, bytes, 0)
	buffers := offsets(1, f.EndObject())
	f.StartVector(4, 1, 4)
	f.PrependInt32(size)
	shape := f.EndVector(1)
	f.StartObject(3)
	f.PrependUOffsetTSlot(0, shape, 0)
	f.PrependByteSlot(1, byte(tflite.Int8), 0)
	tensors := offsets(outputs, f.EndObject())
	f.StartVector(4, outputs, 4)
	for i := range outputs {
		f.PrependInt32(int32(i))
	}
	all := f.EndVector(outputs)
	f.StartObject(4)
	f.PrependUOffsetTSlot(0, tensors, 0)
	f.PrependUOffsetTSlot(2, all, 0)
	graphs := offsets(1, f.EndObject())
	f.StartObject(5)
	f.PrependUint32Slot(0, 3, 0)
	f.PrependUOffsetTSlot(2, graphs, 0)
	f.PrependUOffsetTSlot(4, buffers, 0)
	f.FinishWithFileIdentifier(f.EndObject(), []byte("TFL3"))
	_, err := native.New().Load(f.FinishedBytes(), infer.Options{Threads: 1, ArenaLimit: 1 << 20})
	if !errors.Is(err, tflite.ErrLimit) {
		t.Errorf("error %v", err)
	}
}
