package tflite_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"winnow/infer/tflite"
)

// small builds a graph with most operators, a few kB as a file.
func small(t testing.TB) *tflite.Model {
	t.Helper()
	b := tflite.NewBuilder("small")
	q := tflite.Quant{Scale: 0.05, ZeroPoint: 3}
	x := b.AddInput("x", []int{1, 8, 6, 4}, q)
	w := b.AddWeights("w", []int{4, 3, 3, 4}, make([]int8, 4*9*4), []float32{0.1, 0.2, 0.3, 0.4}, 0)
	x = b.Conv2D("conv", x, w, b.AddBias("b", x, w, []int32{1, 2, 3, 4}), tflite.Conv2D{StrideH: 1, StrideW: 1, Activation: tflite.ActRelu6}, q)
	d := b.AddWeights("dw", []int{1, 3, 3, 4}, make([]int8, 36), []float32{0.1}, 3)
	y := b.DepthwiseConv2D("depthwise", x, d, -1, tflite.DepthwiseConv2D{StrideH: 2, StrideW: 2}, q)
	y = b.ResizeNearest("up", y, 8, 6, tflite.Resize{})
	y = b.Add("add", x, y, tflite.ActNone, q)
	y = b.Concat("concat", 3, x, y)
	y = b.AveragePool("pool", y, tflite.Pool2D{StrideH: 1, StrideW: 1, FilterH: 3, FilterW: 3})
	y = b.ResizeBilinear("bilinear", y, 16, 12, tflite.Resize{HalfPixelCenters: true})
	y = b.Mul("mul", y, b.AddConst("c", []int{1, 1, 1, 8}, make([]int8, 8), q), tflite.ActNone, q)
	y = b.Logistic("logistic", b.Pad("pad", y, []int{0, 1, 1, 0}, []int{0, 1, 1, 0}))
	z := b.Mean("mean", y, true, q, 1, 2)
	b.AddMetadata("NOTE", []byte("hello"))
	m, err := b.Model(y, z)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func marshal(t testing.TB, m *tflite.Model) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWrittenModelReadsBackEqual(t *testing.T) {
	b := marshal(t, small(t))
	m, err := tflite.Parse(b, tflite.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if string(marshal(t, m)) != string(b) {
		t.Error("reading and writing changed the bytes")
	}
	if len(m.Metadata) != 1 || string(m.Metadata[0].Data) != "hello" {
		t.Errorf("metadata %v", m.Metadata)
	}
	i := m.Find("conv")
	if got := m.Tensors[i]; got.Scale() != 0.05 || got.ZeroPoint() != 3 || got.Elements() != 8*6*4 {
		t.Errorf("tensor %+v", got)
	}
}

// TestConstantsAreAligned is what LiteRT needs to use them in place.
func TestConstantsAreAligned(t *testing.T) {
	b := marshal(t, small(t))
	m, err := tflite.Parse(b, tflite.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range m.Tensors {
		if len(x.Data) == 0 {
			continue
		}
		if at := cap(b) - cap(x.Data[:len(x.Data):len(x.Data)]); strings.Index(string(b), string(x.Data)) < 0 || at < 0 {
			t.Errorf("%s does not lie in the file", x.Name)
		}
		for i := 0; i+len(x.Data) <= len(b); i++ {
			if &b[i] == &x.Data[0] && i%16 != 0 {
				t.Errorf("%s lies at byte %d", x.Name, i)
			}
		}
	}
}

func TestTruncatedFilesAreRefused(t *testing.T) {
	b := marshal(t, small(t))
	for n := range len(b) {
		if _, err := tflite.Parse(b[:n:n], tflite.Limits{}); err == nil && n < len(b)-64 {
			t.Errorf("%d of %d bytes were accepted", n, len(b))
		}
	}
}

// TestFlippedBytesNeverPanic flips every byte of the file in turn.
func TestFlippedBytesNeverPanic(t *testing.T) {
	b := marshal(t, small(t))
	for i := range b {
		for _, x := range []byte{0x01, 0x80, 0xff} {
			b[i] ^= x
			check(t, b)
			b[i] ^= x
		}
	}
}

// TestFlippedWordsNeverPanic writes values that offsets and lengths stumble on.
func TestFlippedWordsNeverPanic(t *testing.T) {
	b := marshal(t, small(t))
	for i := 0; i+4 <= len(b); i += 4 {
		was := binary.LittleEndian.Uint32(b[i:])
		for _, v := range []uint32{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, uint32(len(b)), uint32(i), 1 << 20} {
			binary.LittleEndian.PutUint32(b[i:], v)
			check(t, b)
		}
		binary.LittleEndian.PutUint32(b[i:], was)
	}
}

// check parses b and, where that succeeds, does with the model what engines do.
func check(t *testing.T, b []byte) {
	t.Helper()
	m, err := tflite.Parse(b, tflite.Limits{})
	if err != nil {
		var e *tflite.Error
		if !errors.As(err, &e) || e.Msg == "" {
			t.Fatalf("error without a place: %v", err)
		}
		return
	}
	if _, err := m.Marshal(); err != nil {
		t.Fatalf("a model that was read cannot be written: %v", err)
	}
	m.Cut(m.Outputs[:1])
}

func TestRefusalNamesOperatorTensorAndOffset(t *testing.T) {
	b := marshal(t, small(t))
	m, _ := tflite.Parse(b, tflite.Limits{})
	for i := range m.Ops {
		if m.Ops[i].Code == tflite.OpLogistic {
			m.Ops[i].Code = 33 // EMBEDDING_LOOKUP_SPARSE
		}
	}
	err := m.Check()
	if err == nil {
		t.Fatal("accepted")
	}
	// The same through a file: the operator code table of the file is patched.
	at := strings.Index(string(b), "\x0e\x00\x00\x00")
	for ; at >= 0; at = next(b, at) {
		c := append([]byte(nil), b...)
		c[at] = 33
		_, err = tflite.Parse(c, tflite.Limits{})
		var e *tflite.Error
		if errors.As(err, &e) && errors.Is(err, tflite.ErrUnsupported) && strings.Contains(e.Op, "EMBEDDING_LOOKUP_SPARSE") {
			if e.Tensor != "logistic" || e.Offset <= 0 {
				t.Errorf("%v: tensor %q at %d", err, e.Tensor, e.Offset)
			}
			return
		}
	}
	t.Errorf("no refusal by name: %v", err)
}

func next(b []byte, at int) int {
	i := strings.Index(string(b[at+1:]), "\x0e\x00\x00\x00")
	if i < 0 {
		return -1
	}
	return at + 1 + i
}

// allocated is what f takes from the heap.
func allocated(f func()) uint64 {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	f()
	runtime.ReadMemStats(&b)
	return b.TotalAlloc - a.TotalAlloc
}

// FuzzParse holds the promise of the package: any bytes either give a sound
// model or an *Error, without a panic and within four times the size plus 16 MiB.
func FuzzParse(f *testing.F) {
	f.Add(marshal(f, small(f)))
	f.Add([]byte("\x08\x00\x00\x00TFL3"))
	files, _ := filepath.Glob(filepath.Join("testdata", "*.tflite"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m *tflite.Model
		var err error
		if n := allocated(func() { m, err = tflite.Parse(b, tflite.Limits{}) }); n > 4*uint64(len(b))+16<<20 {
			t.Errorf("%d bytes allocated for a file of %d", n, len(b))
		}
		var e *tflite.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("error without a place: %v", err)
		}
		if err == nil {
			if _, err := m.Marshal(); err != nil {
				t.Errorf("a model that was read cannot be written: %v", err)
			}
		}
	})
}
