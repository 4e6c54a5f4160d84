package library_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tflite"
	"winnow/models/library"
	"winnow/models/library/lite0"
)

func parse(t *testing.T) *tflite.Model {
	t.Helper()
	m, err := tflite.Parse(library.Encoder(), tflite.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheTableDescribesTheFile(t *testing.T) {
	m := parse(t)
	in := m.Tensors[m.Inputs[0]]
	if in.Type != tflite.Int8 || in.Scale() != 1.0/128 || in.ZeroPoint() != -1 {
		t.Errorf("input is %v with scale %v, zero point %d; want int8, 1/128, -1", in.Type, in.Scale(), in.ZeroPoint())
	}
	taps := library.Taps()
	if len(taps) != 5 || len(m.Outputs) != 5 {
		t.Fatalf("%d taps, %d outputs, want 5", len(taps), len(m.Outputs))
	}
	for i, tap := range taps {
		out := m.Tensors[m.Outputs[i]]
		if out.Name != tap.Tensor || out.Shape[3] != tap.Channels || out.Scale() != tap.Scale || int(out.ZeroPoint()) != tap.ZeroPoint {
			t.Errorf("%s: the table says %+v, the file %s %v, scale %v, zero point %d", tap.Name, tap, out.Name, out.Shape, out.Scale(), out.ZeroPoint())
		}
		if tap.Low >= 0 || tap.High <= 0 {
			t.Errorf("%s: range %v to %v does not hold 0", tap.Name, tap.Low, tap.High)
		}
		if got, err := library.TapNamed(tap.Name); err != nil || got != tap {
			t.Errorf("TapNamed(%q) = %+v, %v", tap.Name, got, err)
		}
	}
	if _, err := library.TapNamed("b3"); err == nil {
		t.Error(`tap "b3" was found`)
	}
}

func TestTapShapes(t *testing.T) {
	for _, size := range [][2]int{{224, 224}, {256, 256}, {192, 320}, {250, 378}, {512, 512}, {33, 65}} {
		m := parse(t)
		if err := m.Resize([]int{1, size[0], size[1], 3}); err != nil {
			t.Fatal(err)
		}
		for i, tap := range library.Taps() {
			want := []int{1, ceilDiv(size[0], tap.Stride), ceilDiv(size[1], tap.Stride), tap.Channels}
			if got := m.Tensors[m.Outputs[i]].Shape; !slices.Equal(got, want) {
				t.Errorf("%s at %v: shape %v, want %v", tap.Name, size, got, want)
			}
		}
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// TestSmallEncoder cuts the encoder as tests on slow machines do.
func TestSmallEncoder(t *testing.T) {
	m := parse(t)
	tap, err := library.TapNamed("b4")
	if err != nil {
		t.Fatal(err)
	}
	m = m.Cut([]int{m.Find(tap.Tensor)})
	if err := m.Resize([]int{1, 96, 96, 3}); err != nil {
		t.Fatal(err)
	}
	got := run(t, m, lite0.Draw(1, 96, 96))
	if len(got) != 1 || len(got[0]) != 12*12*40 {
		t.Errorf("%d outputs, the first of %d values, want one of 12x12x40", len(got), len(got[0]))
	}
}

// run returns the outputs of m for a picture, on the native engine.
func run(t *testing.T, m *tflite.Model, p lite0.Picture) [][]byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := native.New().Load(b, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i, v := range p.RGB {
		s.Input(0)[i] = byte(int(v) - 128)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for i := range s.Outputs() {
		out = append(out, slices.Clone(s.Output(i)))
	}
	return out
}

// golden is what ONNX Runtime 1.32.0 makes of a drawing with the published
// float32 weights: some values of one tap.
type golden struct {
	Seed          uint64
	Width, Height int
	Tap           int
	Shape         []int
	RMS, Mean     float64
	At            []int
	Value         []float64
}

// TestTheEncoderIsThePublishedNetwork compares the shipped eight-bit file with
// the float network as another program runs it.
func TestTheEncoderIsThePublishedNetwork(t *testing.T) {
	b, err := os.ReadFile("testdata/float.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []golden
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	taps := library.Taps()
	const least = 0.98
	var outs [][]byte
	sums := make([][3]float64, len(taps))
	for _, c := range cases {
		if c.Tap == 0 {
			m := parse(t)
			if err := m.Resize([]int{1, c.Height, c.Width, 3}); err != nil {
				t.Fatal(err)
			}
			outs = run(t, m, lite0.Draw(c.Seed, c.Width, c.Height))
		}
		tap := taps[c.Tap]
		for i, at := range c.At {
			got, want := float64(tap.Scale)*float64(int(int8(outs[c.Tap][at]))-tap.ZeroPoint), c.Value[i]
			s := &sums[c.Tap]
			s[0], s[1], s[2] = s[0]+got*want, s[1]+got*got, s[2]+want*want
		}
	}
	for i, s := range sums {
		if cosine := s[0] / math.Sqrt(s[1]*s[2]); cosine < least {
			t.Errorf("%s: cosine %.4f to the float network, want at least %.2f", taps[i].Name, cosine, least)
		} else {
			t.Logf("%s: cosine %.4f", taps[i].Name, cosine)
		}
	}
}
