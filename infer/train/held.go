package train

import (
	"fmt"
	"math"

	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/tflite"
)

// Differences are what the int8 operators of m make of each part of v: features
// minus reconstruction, in feature steps.
func (m *Model) Differences(eng infer.Engine, d *Data, v Views) ([][]byte, error) {
	b := tflite.NewBuilder("features to difference")
	in := b.AddInput("in", []int{1, d.In.H, d.In.W, d.In.C}, fit.FeatureQuant)
	features, blocks := in, -1
	if v.Targets != nil {
		features, blocks = b.AddInput("features", []int{1, d.Out.H, d.Out.W, d.Out.C}, fit.FeatureQuant), in
	}
	_, diff := m.Append(b, features, blocks)
	s, err := sessionOf(eng, b, diff)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var out [][]byte
	for i := range v.Inputs {
		copy(s.Input(0), v.Inputs[i])
		if v.Targets != nil {
			copy(s.Input(1), v.Targets[i])
		}
		if err := s.Run(); err != nil {
			return nil, err
		}
		out = append(out, append([]byte(nil), s.Output(0)...))
	}
	return out, nil
}

func sessionOf(eng infer.Engine, b *tflite.Builder, outputs ...int) (infer.Session, error) {
	g, err := b.Model(outputs...)
	if err != nil {
		return nil, fmt.Errorf("the trained network: %w", err)
	}
	raw, err := g.Marshal()
	if err != nil {
		return nil, err
	}
	return eng.Load(raw, infer.Options{Threads: 1})
}

// Spread of an ensemble: the root mean square of how far its members'
// reconstructions lie from their mean, over that of what the mean leaves. It
// says how much of the error is the network's own doubt.
func (m *Model) Spread(eng infer.Engine, d *Data, v Views) (float64, error) {
	whole, err := m.Differences(eng, d, v)
	if err != nil {
		return 0, err
	}
	apart, left := 0.0, 1e-12
	for k := range m.Members {
		one := &Model{Members: m.Members[k : k+1], Levels: m.Levels, Seed: m.Seed}
		diffs, err := one.Differences(eng, d, v)
		if err != nil {
			return 0, err
		}
		for i := range diffs {
			for j := range diffs[i] {
				a, b := float64(int8(diffs[i][j])), float64(int8(whole[i][j]))
				apart += (a - b) * (a - b)
				left += b * b
			}
		}
	}
	return math.Sqrt(apart / left), nil
}
