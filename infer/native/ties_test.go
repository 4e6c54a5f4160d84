package native_test

import (
	"testing"

	"winnow/infer"
	"winnow/infer/kernel"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

// runBuilt runs what build makes of an int8 input and returns its first output.
func runBuilt(t *testing.T, set string, shape []int, q tflite.Quant, in []int8, build func(b *tflite.Builder, x int) []int) []int8 {
	t.Helper()
	b := tflite.NewBuilder("ties")
	m, err := b.Model(build(b, b.AddInput("x", shape, q))...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := native.NewWith(set).Load(data, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	copy(kernel.Int8s(s.Input(0)), in)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return append([]int8(nil), kernel.Int8s(s.Output(0))...)
}

// TestMeansRoundAsLiteRT: values on a tie or next to one, with what LiteRT 2.3.0 gave.
// XNNPACK adds the zero points before it rounds.
func TestMeansRoundAsLiteRT(t *testing.T) {
	for _, c := range []struct {
		count   int
		in, out tflite.Quant
		sum     int
		want    int8
	}{
		{30, tflite.Quant{Scale: 0.1, ZeroPoint: -23}, tflite.Quant{Scale: 0.1, ZeroPoint: -89}, -915, -96},
		{4, tflite.Quant{Scale: 0.1, ZeroPoint: 108}, tflite.Quant{Scale: 0.05, ZeroPoint: 75}, 69, -106},
		{70, tflite.Quant{Scale: 0.1, ZeroPoint: 67}, tflite.Quant{Scale: 0.2, ZeroPoint: -51}, 700, -80},
		{52, tflite.Quant{Scale: 0.1, ZeroPoint: -87}, tflite.Quant{Scale: 0.1, ZeroPoint: -121}, -650, -46},
		{9, tflite.Quant{Scale: 0.05, ZeroPoint: 65}, tflite.Quant{Scale: 0.1, ZeroPoint: -29}, 432, -38},
		{28, tflite.Quant{Scale: 0.1, ZeroPoint: 26}, tflite.Quant{Scale: 0.05, ZeroPoint: -26}, 427 + 28*26, 4},
		{56, tflite.Quant{Scale: 0.1, ZeroPoint: 45}, tflite.Quant{Scale: 0.05, ZeroPoint: 24}, -2142 + 56*45, -53},
	} {
		for _, channels := range []int{1, 20} {
			in := make([]int8, c.count*channels)
			for i := range c.count {
				v := c.sum*(i+1)/c.count - c.sum*i/c.count // which sum to c.sum
				for k := range channels {
					in[i*channels+k] = int8(v)
				}
			}
			for _, set := range kernel.Sets() {
				got := runBuilt(t, set.Name(), []int{1, 1, c.count, channels}, c.in, in, func(b *tflite.Builder, x int) []int {
					return []int{b.Mean("y", x, true, c.out, 1, 2)}
				})
				for _, v := range got {
					if v != c.want {
						t.Errorf("%s: %+v, %d channels: %d", set.Name(), c, channels, v)
						break
					}
				}
			}
		}
	}
}

// TestSquaresRoundAsLiteRT: XNNPACK takes a tensor times itself for a square, with
// roundings of its own, but where a function makes the tensor for nobody else.
func TestSquaresRoundAsLiteRT(t *testing.T) {
	self := func(b *tflite.Builder, x int, q tflite.Quant) int { return b.Mul("y", x, x, tflite.ActNone, q) }
	tenth := tflite.Quant{Scale: 0.1, ZeroPoint: -7}
	for _, c := range []struct {
		name  string
		q     tflite.Quant
		in    int8
		want  int8
		build func(b *tflite.Builder, x int) []int
	}{
		{"an input", tflite.Quant{Scale: 0.1, ZeroPoint: -2}, -27, 92, func(b *tflite.Builder, x int) []int {
			return []int{self(b, x, tflite.Quant{Scale: 0.1, ZeroPoint: 30})}
		}},
		{"a half by LOGISTIC", tenth, -7, -5, func(b *tflite.Builder, x int) []int {
			return []int{self(b, b.Logistic("half", x), tenth)}
		}},
		{"a half by LOGISTIC that others read, too", tenth, -7, -4, func(b *tflite.Builder, x int) []int {
			h := b.Logistic("half", x)
			return []int{self(b, h, tenth), b.Concat("other", 0, h, h)}
		}},
		{"a half by LOGISTIC, in another shape", tenth, -7, -4, func(b *tflite.Builder, x int) []int {
			return []int{self(b, b.Reshape("view", b.Logistic("half", x), 1, 1, 1, 1), tenth)}
		}},
	} {
		for _, set := range kernel.Sets() {
			if got := runBuilt(t, set.Name(), []int{1}, c.q, []int8{c.in}, c.build); got[0] != c.want {
				t.Errorf("%s: %s: %d, want %d", set.Name(), c.name, got[0], c.want)
			}
		}
	}
}
