package native_test

import (
	"fmt"
	"testing"

	"winnow/infer"
	"winnow/infer/kernel"
	"winnow/infer/native"
	"winnow/infer/tflite"
)

// TestMeanTakesTiesAsLiteRTDoes: both zero points are in the sum before it is rounded,
// so a mean half way between two integers goes to the even stored one. The outputs are
// those of ai-edge-litert 2.3.0.
func TestMeanTakesTiesAsLiteRTDoes(t *testing.T) {
	cases := []struct {
		channels int
		axes     []int
		want     []int8
	}{
		{20, []int{1, 2}, []int8{24, 27, 19, 20, 18, 18, 20, 19, 27, 24, 30, 18, 22, 15, 18, 17, 18, 22, 22, 31}},
		{20, []int{2}, []int8{24, 31, 18, 16, 24, 12, 25, 19, 23, 22, 32, 22, 23, 19, 25, 12, 24, 16, 18, 31,
			22, 23, 19, 25, 12, 24, 16, 18, 31, 24, 28, 12, 22, 12, 12, 22, 12, 28, 24, 31}},
		{6, []int{2}, []int8{22, 30, 20, 20, 30, 22, 21, 20, 28, 18, 17, 12}},
		{6, []int{3}, []int8{24, 24, 17, 22}},
		{6, []int{1, 3}, []int8{20, 23}},
	}
	for _, set := range kernel.Sets() {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s/%d channels over %v", set.Name(), c.channels, c.axes), func(t *testing.T) {
				b := tflite.NewBuilder("")
				x := b.AddInput("x", []int{1, 2, 2, c.channels}, tflite.Quant{Scale: 0.5, ZeroPoint: 3})
				m, err := b.Model(b.Mean("y", x, false, tflite.Quant{Scale: 0.5, ZeroPoint: 7}, c.axes...))
				if err != nil {
					t.Fatal(err)
				}
				data, err := m.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				s, err := native.NewWith(set.Name()).Load(data, infer.Options{Threads: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				for i := range s.Input(0) {
					s.Input(0)[i] = byte((5*i*i + 3*i + 20) % 29)
				}
				if err := s.Run(); err != nil {
					t.Fatal(err)
				}
				for i, want := range c.want {
					if got := int8(s.Output(0)[i]); got != want {
						t.Errorf("output %d: %d, want %d", i, got, want)
					}
				}
			})
		}
	}
}
