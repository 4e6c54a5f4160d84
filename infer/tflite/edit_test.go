package tflite_test

import (
	"slices"
	"strings"
	"testing"

	"winnow/infer/tflite"
)

func TestResizeWorksOutEveryShape(t *testing.T) {
	m := small(t)
	if err := m.Resize([]int{1, 16, 20, 4}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]int{
		"conv": {1, 16, 20, 4}, "depthwise": {1, 8, 10, 4}, "up": {1, 16, 20, 4},
		"concat": {1, 16, 20, 8}, "bilinear": {1, 32, 40, 8}, "pad": {1, 34, 42, 8}, "mean": {1, 1, 1, 8},
	} {
		if got := m.Tensors[m.Find(name)].Shape; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if _, err := tflite.Parse(marshal(t, m), tflite.Limits{}); err != nil {
		t.Error(err)
	}
}

func TestResizeThatCannotBeLeavesTheModel(t *testing.T) {
	b := tflite.NewBuilder("")
	x := b.AddInput("x", []int{1, 4, 4, 2}, tflite.Quant{Scale: 1})
	m, err := b.Model(b.Reshape("flat", x, 1, 32))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Resize([]int{1, 8, 8, 2}); err == nil || !strings.Contains(err.Error(), "RESHAPE") {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(m.Tensors[x].Shape, []int{1, 4, 4, 2}) {
		t.Error("the model has changed")
	}
}

func TestCutKeepsOnlyWhatIsNeeded(t *testing.T) {
	m := small(t)
	c := m.Cut([]int{m.Find("depthwise"), m.Find("conv")})
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if len(c.Ops) != 2 || len(c.Outputs) != 2 || c.Tensors[c.Outputs[0]].Name != "depthwise" || c.Find("mul") >= 0 {
		t.Errorf("%d operators, outputs %v", len(c.Ops), c.Outputs)
	}
	if len(m.Ops) == len(c.Ops) || m.Check() != nil {
		t.Error("the source has changed")
	}
}

func TestExtendGoesOnFromAnyTensor(t *testing.T) {
	m := small(t)
	b := tflite.Extend(m)
	y := b.Relu("relu", m.Find("conv"), tflite.Quant{Scale: 0.1})
	e, err := b.Model(y, m.Outputs[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Ops) != len(m.Ops)+1 || e.Tensors[y].Name != "relu" {
		t.Errorf("%d operators", len(e.Ops))
	}
}

func TestBuilderRefusesWhatDoesNotFit(t *testing.T) {
	b := tflite.NewBuilder("")
	x := b.AddInput("x", []int{1, 4, 4, 2}, tflite.Quant{Scale: 1})
	w := b.AddWeights("w", []int{3, 3, 3, 5}, make([]int8, 135), []float32{1}, 0)
	y := b.Conv2D("conv", x, w, -1, tflite.Conv2D{StrideH: 1, StrideW: 1}, tflite.Quant{Scale: 1})
	if _, err := b.Model(y); err == nil || !strings.Contains(err.Error(), `CONV_2D "conv"`) {
		t.Errorf("error %v", err)
	}
}
