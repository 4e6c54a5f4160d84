package tf_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tf"
	"winnow/infer/tflite"
)

// maker builds one-operator graphs with random constants.
type maker struct {
	*tflite.Builder
	r *rand.Rand
	x int
}

func (m *maker) int8s(n int) []int8 {
	v := make([]int8, n)
	for i := range v {
		v[i] = int8(m.r.IntN(255) - 127)
	}
	return v
}

// weights with a scale for each channel, such that sums of fan terms spread over
// the output's range.
func (m *maker) weights(axis int, fan float64, shape ...int) int {
	n, scales := 1, make([]float32, shape[axis])
	for _, d := range shape {
		n *= d
	}
	for c := range scales {
		scales[c] = float32((0.5 + m.r.Float64()) / fan / 20)
	}
	return m.AddWeights("w", shape, m.int8s(n), scales, axis)
}

func (m *maker) bias(w, n int) int {
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(m.r.IntN(40000) - 20000)
	}
	return m.AddBias("b", m.x, w, v)
}

var (
	quantX = tflite.Quant{Scale: 0.05, ZeroPoint: 3}
	quantY = tflite.Quant{Scale: 0.04, ZeroPoint: -7}
)

// operators are graphs that make each operator's corner cases.
var operators = []struct {
	name  string
	shape []int
	build func(m *maker) int
}{
	{"conv same stride 2 relu6", []int{1, 9, 8, 5}, func(m *maker) int {
		w := m.weights(0, 7, 6, 3, 3, 5)
		return m.Conv2D("y", m.x, w, m.bias(w, 6), tflite.Conv2D{StrideH: 2, StrideW: 2, Activation: tflite.ActRelu6}, quantY)
	}},
	{"conv valid dilated without bias", []int{1, 11, 12, 3}, func(m *maker) int {
		return m.Conv2D("y", m.x, m.weights(0, 5, 4, 3, 2, 3), -1, tflite.Conv2D{Padding: tflite.Valid, StrideH: 1, StrideW: 2, DilationH: 2, DilationW: 3, Activation: tflite.ActRelu}, quantY)
	}},
	{"conv in groups", []int{1, 6, 7, 8}, func(m *maker) int {
		w := m.weights(0, 4, 6, 3, 3, 4)
		return m.Conv2D("y", m.x, w, m.bias(w, 6), tflite.Conv2D{StrideH: 1, StrideW: 1}, quantY)
	}},
	{"conv of sums above 2^24", []int{1, 4, 4, 160}, func(m *maker) int {
		w := m.weights(0, 40, 3, 3, 3, 160)
		return m.Conv2D("y", m.x, w, m.bias(w, 3), tflite.Conv2D{StrideH: 1, StrideW: 1}, quantY)
	}},
	{"depthwise uneven strides", []int{1, 9, 10, 4}, func(m *maker) int {
		w := m.weights(3, 3, 1, 3, 3, 4)
		return m.DepthwiseConv2D("y", m.x, w, m.bias(w, 4), tflite.DepthwiseConv2D{StrideH: 2, StrideW: 1}, quantY)
	}},
	{"depthwise multiplied and dilated", []int{1, 9, 10, 3}, func(m *maker) int {
		w := m.weights(3, 3, 1, 3, 3, 6)
		return m.DepthwiseConv2D("y", m.x, w, m.bias(w, 6), tflite.DepthwiseConv2D{StrideH: 1, StrideW: 1, DilationH: 2, DilationW: 2, Activation: tflite.ActReluN1To1}, quantY)
	}},
	{"transposed convolution", []int{1, 5, 4, 6}, func(m *maker) int {
		w := m.weights(0, 5, 3, 3, 3, 6)
		return m.TransposeConv("y", m.x, w, m.bias(w, 3), []int{1, 10, 8, 3}, tflite.TransposeConv{StrideH: 2, StrideW: 2}, quantY)
	}},
	{"fully connected", []int{4, 33}, func(m *maker) int {
		w := m.weights(0, 6, 10, 33)
		return m.FullyConnected("y", m.x, w, m.bias(w, 10), tflite.FullyConnected{Activation: tflite.ActRelu}, quantY)
	}},
	{"fully connected of sums above 2^24", []int{3, 3000}, func(m *maker) int {
		w := m.weights(0, 55, 7, 3000)
		return m.FullyConnected("y", m.x, w, m.bias(w, 7), tflite.FullyConnected{}, quantY)
	}},
	{"add broadcast", []int{1, 5, 6, 7}, func(m *maker) int {
		return m.Add("y", m.x, m.AddConst("c", []int{7}, m.int8s(7), tflite.Quant{Scale: 0.013, ZeroPoint: -11}), tflite.ActRelu, quantY)
	}},
	{"sub", []int{1, 5, 6, 7}, func(m *maker) int {
		return m.Sub("y", m.x, m.AddConst("c", []int{1, 5, 6, 7}, m.int8s(210), tflite.Quant{Scale: 0.093, ZeroPoint: 19}), tflite.ActNone, quantY)
	}},
	{"mul broadcast", []int{1, 5, 6, 7}, func(m *maker) int {
		return m.Mul("y", m.x, m.AddConst("c", []int{1, 5, 1, 7}, m.int8s(35), tflite.Quant{Scale: 0.011, ZeroPoint: 4}), tflite.ActRelu6, quantY)
	}},
	{"mean over the picture", []int{1, 13, 11, 9}, func(m *maker) int {
		return m.Mean("y", m.x, true, tflite.Quant{Scale: 0.01, ZeroPoint: 5}, 1, 2)
	}},
	{"mean that ties", []int{1, 2, 2, 20}, func(m *maker) int {
		return m.Mean("y", m.x, true, tflite.Quant{Scale: quantX.Scale, ZeroPoint: 8}, 1, 2)
	}},
	{"mean over channels", []int{1, 13, 11, 9}, func(m *maker) int { return m.Mean("y", m.x, false, quantY, 3) }},
	{"mean on ties", []int{1, 4, 15, 30}, func(m *maker) int {
		return m.Mean("y", m.x, true, tflite.Quant{Scale: 0.1, ZeroPoint: -5}, 1)
	}},
	{"square", []int{1, 256}, func(m *maker) int {
		return m.Mul("y", m.x, m.x, tflite.ActRelu6, tflite.Quant{Scale: 0.05, ZeroPoint: -101})
	}},
	{"square of a function", []int{1, 256}, func(m *maker) int {
		half := m.Logistic("half", m.x)
		return m.Mul("y", half, half, tflite.ActNone, tflite.Quant{Scale: 0.01, ZeroPoint: -7})
	}},
	{"average pool same", []int{1, 9, 8, 5}, func(m *maker) int {
		return m.AveragePool("y", m.x, tflite.Pool2D{FilterH: 3, FilterW: 2, StrideH: 2, StrideW: 1})
	}},
	{"average pool valid", []int{1, 9, 8, 5}, func(m *maker) int {
		return m.AveragePool("y", m.x, tflite.Pool2D{Padding: tflite.Valid, FilterH: 4, FilterW: 4, StrideH: 1, StrideW: 2, Activation: tflite.ActRelu})
	}},
	{"max pool", []int{1, 9, 8, 5}, func(m *maker) int {
		return m.MaxPool("y", m.x, tflite.Pool2D{FilterH: 3, FilterW: 3, StrideH: 2, StrideW: 2, Activation: tflite.ActRelu6})
	}},
	{"concatenation", []int{1, 3, 4, 5}, func(m *maker) int {
		return m.Concat("y", -1, m.x, m.AddConst("c", []int{1, 3, 4, 2}, m.int8s(24), quantX), m.x)
	}},
	{"nearest by 2", []int{1, 3, 4, 5}, func(m *maker) int { return m.ResizeNearest("y", m.x, 6, 8, tflite.Resize{}) }},
	{"nearest half pixels", []int{1, 7, 9, 2}, func(m *maker) int {
		return m.ResizeNearest("y", m.x, 10, 5, tflite.Resize{HalfPixelCenters: true})
	}},
	{"nearest aligned", []int{1, 7, 9, 2}, func(m *maker) int {
		return m.ResizeNearest("y", m.x, 10, 5, tflite.Resize{AlignCorners: true})
	}},
	{"bilinear", []int{1, 7, 9, 2}, func(m *maker) int { return m.ResizeBilinear("y", m.x, 13, 5, tflite.Resize{}) }},
	{"bilinear half pixels", []int{1, 7, 9, 2}, func(m *maker) int {
		return m.ResizeBilinear("y", m.x, 14, 18, tflite.Resize{HalfPixelCenters: true})
	}},
	{"bilinear aligned", []int{1, 7, 9, 2}, func(m *maker) int {
		return m.ResizeBilinear("y", m.x, 13, 20, tflite.Resize{AlignCorners: true})
	}},
	{"pad", []int{1, 3, 4, 5}, func(m *maker) int { return m.Pad("y", m.x, []int{0, 1, 2, 0}, []int{0, 0, 1, 3}) }},
	{"tile", []int{1, 3, 4, 5}, func(m *maker) int { return m.Tile("y", m.x, 1, 2, 1, 3) }},
	{"reshape", []int{1, 3, 4, 5}, func(m *maker) int { return m.Reshape("y", m.Tile("t", m.x, 1, 1, 2, 1), 4, -1) }},
	{"logistic", []int{1, 256}, func(m *maker) int { return m.Logistic("y", m.x) }},
	{"sqrt of real numbers", []int{1, 256}, func(m *maker) int {
		f := m.Dequantize("f", m.Relu("r", m.x, quantX))
		return m.Quantize("y", m.AddOp("s", tflite.OpSqrt, nil, tflite.Float32, tflite.Quant{}, f), tflite.Quant{Scale: 0.01, ZeroPoint: -128})
	}},
	{"softmax", []int{3, 40}, func(m *maker) int { return m.Softmax("y", m.x, 1.3) }},
	{"relu to another scale", []int{1, 256}, func(m *maker) int { return m.Relu("y", m.x, tflite.Quant{Scale: 0.023, ZeroPoint: -128}) }},
	{"relu6", []int{1, 256}, func(m *maker) int { return m.Relu6("y", m.x, tflite.Quant{Scale: 6.0 / 255, ZeroPoint: -128}) }},
	{"tanh", []int{1, 256}, func(m *maker) int {
		return m.AddOp("y", tflite.OpTanh, nil, tflite.Int8, tflite.Quant{Scale: 1.0 / 128}, m.x)
	}},
	{"hard swish", []int{1, 256}, func(m *maker) int {
		return m.AddOp("y", tflite.OpHardSwish, nil, tflite.Int8, quantY, m.x)
	}},
	{"leaky relu", []int{1, 256}, func(m *maker) int {
		return m.AddOp("y", tflite.OpLeakyRelu, tflite.LeakyRelu{Alpha: 0.17}, tflite.Int8, quantY, m.x)
	}},
	{"leaky relu, flat", []int{1, 256}, func(m *maker) int {
		return m.AddOp("y", tflite.OpLeakyRelu, tflite.LeakyRelu{Alpha: -0.001}, tflite.Int8, quantY, m.x)
	}},
	{"quantize to another scale", []int{1, 256}, func(m *maker) int { return m.Quantize("y", m.x, quantY) }},
	{"to real numbers and back", []int{1, 256}, func(m *maker) int { return m.Quantize("y", m.Dequantize("f", m.x), quantY) }},
	{"real numbers out", []int{1, 256}, func(m *maker) int { return m.Dequantize("y", m.x) }},
	{"real numbers out of zeros that were rounded up", []int{1, 5, 6, 7}, func(m *maker) int {
		c := m.AddConst("c", []int{1, 5, 1, 7}, m.int8s(35), tflite.Quant{Scale: 0.011, ZeroPoint: 4})
		return m.Dequantize("y", m.Mul("p", m.x, c, tflite.ActNone, tflite.Quant{Scale: 0.2}))
	}},
}

// TestOperatorsAgreeWithNative: exact mode and native give the same bits for
// every operator, fast mode nearly; a difference names the layer.
func TestOperatorsAgreeWithNative(t *testing.T) {
	for i, c := range operators {
		t.Run(c.name, func(t *testing.T) {
			m := &maker{Builder: tflite.NewBuilder("test"), r: rand.New(rand.NewPCG(7, uint64(i)))}
			m.x = m.AddInput("x", c.shape, quantX)
			model, err := m.Model(c.build(m))
			if err != nil {
				t.Fatal(err)
			}
			agree(t, model, m.r)
		})
	}
}

// agree compares both modes with native on a random input.
func agree(t *testing.T, model *tflite.Model, r *rand.Rand) {
	t.Helper()
	file, err := model.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	input := make([]byte, model.Tensors[model.Inputs[0]].Elements())
	for i := range input {
		if input[i] = byte(r.IntN(256)); len(input) == 256 {
			input[i] = byte(i) // every value of functions of one number
		}
	}
	if n := distinct(t, file, input); n < 8 {
		t.Errorf("the output takes %d values only: the case shows little", n)
	}
	for mode, tolerance := range map[tf.Mode]int{tf.Exact: 0, tf.Fast: 1} {
		d, err := tf.Compare(file, [][]byte{input}, native.New(), open(t, mode), tolerance)
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			t.Errorf("%v: %v", mode, d)
		}
	}
}

// distinct counts the different values of the first output on native.
func distinct(t *testing.T, model, input []byte) int {
	t.Helper()
	s := load(t, native.New(), model)
	copy(s.Input(0), input)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	seen := map[byte]bool{}
	for _, v := range s.Output(0) {
		seen[v] = true
	}
	return len(seen)
}

// TestLiteRTGoldenFiles runs the converter's files beside the native engine.
func TestLiteRTGoldenFiles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "native", "testdata", "*.tflite"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".tflite"), func(t *testing.T) {
			model, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			s := load(t, open(t, tf.Exact), model)
			rec := arrays(t, strings.TrimSuffix(f, ".tflite")+".npz")
			runs := rec["input"].Shape[0]
			part := func(b []byte, r int) []byte { n := len(b) / runs; return b[r*n : (r+1)*n] }
			for r := range runs {
				copy(s.Input(0), part(rec["input"].Data, r))
				if err := s.Run(); err != nil {
					t.Fatal(err)
				}
				for k := range s.Outputs() {
					if n, most := difference(part(rec[fmt.Sprintf("output%d", k)].Data, r), s.Output(k)); n != 0 {
						t.Errorf("input %d, output %d: %d values differ, by %d at most", r, k, n, most)
					}
				}
			}
		})
	}
}

// bent is an engine whose output of one tensor is wrong by one: it shows what
// Compare says of a difference.
type bent struct {
	infer.Engine
	tensor string
}

type bentSession struct {
	infer.Session
	tensor string
}

func (e bent) Load(model []byte, o infer.Options) (infer.Session, error) {
	s, err := e.Engine.Load(model, o)
	return bentSession{s, e.tensor}, err
}

func (s bentSession) Run() error {
	err := s.Session.Run()
	for i, t := range s.Outputs() {
		if t.Name == s.tensor {
			s.Output(i)[5]++
		}
	}
	return err
}

func TestCompareNamesTheLayer(t *testing.T) {
	b := tflite.NewBuilder("test")
	x := b.AddInput("x", []int{1, 2, 2, 3}, quantX)
	mid := b.Relu("middle", x, quantX)
	model, err := b.Model(mid, b.Relu6("last", mid, quantX))
	if err != nil {
		t.Fatal(err)
	}
	file, err := model.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	in := [][]byte{make([]byte, 12)}
	if d, err := tf.Compare(file, in, native.New(), native.New(), 0); d != nil || err != nil {
		t.Errorf("native differs from itself: %v, %v", d, err)
	}
	d, err := tf.Compare(file, in, native.New(), bent{native.New(), "middle"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := `RELU #0: tensor "middle" differs in 1 of 12 values, by 1 at most; first at [0 0 1 2]: 4, not 3`; d == nil || d.String() != want {
		t.Errorf("got  %v\nwant %s", d, want)
	}
	if _, err := tf.Compare(file, nil, native.New(), native.New(), 0); err == nil {
		t.Error("a missing input is no error")
	}
}
