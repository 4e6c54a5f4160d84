package main

import (
	"bytes"
	"fmt"
	"strings"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/tflite"
	"winnow/infer/train"
)

// mapper brings pictures to the maps that a network learns from.
type mapper struct {
	front    *fit.Front // to what is reconstructed
	taps     []fit.Tap  // of the local view; none without one
	blocks   *train.Blocks
	features infer.Session // runs front: what is reconstructed, then taps
	squares  infer.Session // picture to blocks, where a network reads those and reconstructs features
}

// newMapper learns standardization from the job's training parts.
func newMapper(j *trainJob) (*mapper, error) {
	m := new(mapper)
	var err error
	if j.r.Source() != train.FromEncoder {
		var ps []train.Picture
		for i := 0; i < len(j.parts); i += max(1, len(j.parts)/64) {
			ps = append(ps, j.parts[i].Picture)
		}
		if m.blocks, err = train.NewBlocks(ps); err != nil {
			return nil, err
		}
	}
	switch {
	case j.r.Source() != train.FromPicture:
		m.front, err = fit.NewFront(j.t.encoder, j.t.features, firstTap)
	case j.r.Views.Surroundings:
		m.front, err = m.blocks.Beside(j.t.encoder)
	default:
		m.front, err = m.blocks.Front(j.w, j.h)
	}
	if err != nil {
		return nil, err
	}
	if j.r.Views.Surroundings {
		m.taps = j.t.features.Taps[:localTaps]
	}
	g := *m.front.Graph
	g.Outputs = append(append([]int(nil), g.Outputs...), m.front.Taps[:len(m.taps)]...)
	if m.features, err = loadGraph(j.t.eng, &g, j.t.threads); err != nil {
		return nil, err
	}
	if j.r.Source() == train.FromBoth {
		f, err := m.blocks.Front(j.w, j.h)
		if err != nil {
			return nil, err
		}
		m.squares, err = loadGraph(j.t.eng, f.Graph, j.t.threads)
		return m, err
	}
	return m, nil
}

// fine are the feature maps of the local view for the last picture.
func (m *mapper) fine() [][]byte {
	maps := make([][]byte, len(m.taps))
	for i := range maps {
		maps[i] = m.features.Output(1 + i)
	}
	return maps
}

func loadGraph(eng infer.Engine, g *tflite.Model, threads int) (infer.Session, error) {
	b, err := g.Marshal()
	if err != nil {
		return nil, err
	}
	return eng.Load(b, infer.Options{Threads: threads})
}

func (m *mapper) close() {
	for _, s := range []infer.Session{m.features, m.squares} {
		if s != nil {
			s.Close()
		}
	}
}

func runOn(s infer.Session, p train.Picture) ([]byte, error) {
	copy(s.Input(0), p.Pix)
	if err := s.Run(); err != nil {
		return nil, err
	}
	return bytes.Clone(s.Output(0)), nil
}

// squaresOf runs a picture to its blocks; nil where networks read features.
func (m *mapper) squaresOf() func([]byte) ([]byte, error) {
	if m.squares == nil {
		return nil
	}
	return func(picture []byte) ([]byte, error) { return runOn(m.squares, train.Picture{Pix: picture}) }
}

// add p's maps to v.
func (m *mapper) add(v *train.Views, p train.Picture) error {
	f, err := runOn(m.features, p)
	if err != nil {
		return err
	}
	if m.squares == nil {
		v.Inputs = append(v.Inputs, f)
		return nil
	}
	x, err := runOn(m.squares, p)
	v.Inputs, v.Targets = append(v.Inputs, x), append(v.Targets, f)
	return err
}

func (m *mapper) appendBlocks(b *tflite.Builder, picture int) int { return m.blocks.Append(b, picture) }

// contactSheet writes what the network sees: six parts, a variant or the part
// itself of each, and drawn anomalies.
func (j *trainJob) contactSheet() error {
	if j.f.sheet == "" {
		return nil
	}
	const columns = 6
	var ps []train.Picture
	for i := range min(columns, len(j.parts)) {
		ps = append(ps, j.parts[i].Picture)
	}
	for k := 1; k <= min(3, j.r.Augment.Variants); k++ {
		for i := range min(columns, len(j.parts)) {
			ps = append(ps, j.variant(j.parts[i], i, k))
		}
	}
	ps = append(ps, j.drawn...)
	w, h, pix := train.Sheet(ps, columns)
	return pixfmt.WritePNG(j.f.sheet, &edge.Frame{Width: w, Height: h, Stride: 3 * w, Format: edge.RGB24, Pix: pix})
}

// tell shows steps, time left, the loss and a sparkline of it.
func (j *trainJob) tell() func(train.Progress) {
	var curve []float32
	return func(p train.Progress) {
		curve = append(curve, p.Loss)
		if len(curve)%10 != 1 && p.Done != p.Total {
			return
		}
		stage := fmt.Sprintf("%s, loss %.4f %s", p.Stage, p.Loss, sparkline(curve, 16))
		if p.Look != nil {
			stage += fmt.Sprintf(" held-out %.4f", p.Look.Held)
		}
		j.bar.update(stage, p.Done, p.Total)
	}
}

// sparkline draws v, averaged over n stretches, from its least to its largest value.
func sparkline(v []float32, n int) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	n = min(n, len(v))
	means := make([]float32, n)
	lo, hi := float32(1e30), float32(-1e30)
	for i := range means {
		part := v[i*len(v)/n : (i+1)*len(v)/n]
		for _, x := range part {
			means[i] += x / float32(len(part))
		}
		lo, hi = min(lo, means[i]), max(hi, means[i])
	}
	var s strings.Builder
	for _, m := range means {
		k := 0
		if hi > lo {
			k = int(float32(len(bars)-1) * (m - lo) / (hi - lo))
		}
		s.WriteRune(bars[k])
	}
	return s.String()
}
