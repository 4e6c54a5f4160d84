package train

import (
	"fmt"
	"math"

	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/tflite"
)

// Float evaluates a model's networks as they were before pruning and rounding,
// in 32-bit floats: what an int8 package is measured against. Only what enters a
// network and what its reconstruction leaves are in feature steps, as
// everywhere. It is not safe for concurrent use.
type Float struct {
	machines []machine
	levels   []float64
	seed     uint64
	out      Shape
	in       Shape
}

// Float opens m's dense networks. d and r are those that m was trained with.
func (m *Model) Float(c Config, r *Recipe, d *Data) (*Float, error) {
	if err := loadLibrary(c.Load); err != nil {
		return nil, err
	}
	f := &Float{levels: m.Levels, seed: m.Seed, in: d.In, out: d.Out}
	for i := range m.Members {
		k, err := newMachine(plan{net: m.Members[i].dense, recipe: r, threads: c.Threads})
		if err != nil {
			f.Close()
			return nil, err
		}
		f.machines = append(f.machines, k)
	}
	return f, nil
}

// Close releases the networks.
func (f *Float) Close() error {
	var first error
	for _, m := range f.machines {
		if err := m.state().close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Differences are features minus reconstruction of each part of v, in feature
// steps, as Model.Differences gives them for int8 operators.
func (f *Float) Differences(v Views) ([][]byte, error) {
	sums := make([][]float64, len(v.Inputs))
	for _, xs := range f.noisy(v.Inputs) {
		for _, m := range f.machines {
			outs, _, err := m.reconstruct(xs)
			if err != nil {
				return nil, err
			}
			for i, o := range outs {
				if sums[i] == nil {
					sums[i] = make([]float64, len(o))
				}
				for j, y := range o {
					sums[i][j] += float64(y)
				}
			}
		}
	}
	n := float64(len(f.machines) * max(1, len(f.levels)))
	diffs := make([][]byte, len(sums))
	for i, s := range sums {
		want := v.target(i)
		diffs[i] = make([]byte, len(s))
		for j, y := range s {
			diffs[i][j] = toInt8(float64(int8(want[j])) - y/n/featureStep)
		}
	}
	return diffs, nil
}

// noisy are the inputs once for each noise level, or as they are.
func (f *Float) noisy(inputs [][]byte) [][][]byte {
	if len(f.levels) == 0 {
		return [][][]byte{inputs}
	}
	var all [][][]byte
	for l, dev := range f.levels {
		noise := fixedNoise(f.in, f.seed+uint64(l))
		xs := make([][]byte, len(inputs))
		for i, in := range inputs {
			xs[i] = make([]byte, len(in))
			for j, b := range in {
				xs[i][j] = toInt8(float64(int8(b)) + float64(noise[j])*dev/32/featureStep)
			}
		}
		all = append(all, xs)
	}
	return all
}

// Append adds an input in the place of the networks: what an engine of Engine
// feeds with differences.
func (f *Float) Append(b *tflite.Builder) (difference int) {
	return b.AddInput("float/difference", []int{1, f.out.H, f.out.W, f.out.C}, fit.FeatureQuant)
}

// Engine runs graphs that hold f by Append on eng. blocks makes what the networks
// read of a picture; nil where they read the features. Each part takes two runs,
// so its time says nothing.
func (f *Float) Engine(eng infer.Engine, blocks func(picture []byte) ([]byte, error)) infer.Engine {
	return &floatEngine{eng, f, blocks}
}

type floatEngine struct {
	infer.Engine
	f      *Float
	blocks func(picture []byte) ([]byte, error)
}

func (e *floatEngine) Name() string { return "float32 between " + e.Engine.Name() }

func (e *floatEngine) Load(model []byte, o infer.Options) (infer.Session, error) {
	s, err := e.Engine.Load(model, o)
	if err != nil {
		return nil, err
	}
	if n := len(s.Inputs()); n != 2 || len(s.Output(infer.OutFeatures)) != e.f.out.Size() || len(s.Input(1)) != e.f.out.Size() {
		s.Close()
		return nil, fmt.Errorf("a graph of %d inputs has no place for networks in float", n)
	}
	return &floatSession{s, e}, nil
}

type floatSession struct {
	infer.Session
	e *floatEngine
}

func (s *floatSession) Inputs() []infer.Tensor { return s.Session.Inputs()[:1] }

// Run makes features first, then judges what the networks leave of them.
func (s *floatSession) Run() error {
	if err := s.Session.Run(); err != nil {
		return err
	}
	features := append([]byte(nil), s.Output(infer.OutFeatures)...)
	v := Views{Inputs: [][]byte{features}}
	if s.e.blocks != nil {
		x, err := s.e.blocks(s.Input(0))
		if err != nil {
			return err
		}
		v = Views{Inputs: [][]byte{x}, Targets: [][]byte{features}}
	}
	diffs, err := s.e.f.Differences(v)
	if err != nil {
		return err
	}
	copy(s.Input(1), diffs[0])
	return s.Session.Run()
}

// Cost is what a model's layers take on an engine, seconds of one part on one
// thread, the least of several runs.
type Cost struct {
	Prunable float64 `json:"prunable_seconds"` // convolutions and dense layers that can be pruned
	Network  float64 `json:"network_seconds"`  // all of the networks' layers
}

// Cost measures m on eng.
func (m *Model) Cost(eng infer.Engine, d *Data, runs int) (c Cost, err error) {
	for k := range m.Members {
		net := m.Members[k].Net
		byName, err := profile(eng, net, m.Members[k].Ranges, runs)
		if err != nil {
			return c, err
		}
		for _, t := range byName {
			c.Network += t
		}
		for i := range net.Params {
			if _, ok := net.prunable(i); ok {
				_, node := net.rowAxes(i)
				c.Prunable += byName[net.Nodes[node].Name]
			}
		}
	}
	passes := float64(max(1, len(m.Levels)))
	c.Prunable, c.Network = c.Prunable*passes, c.Network*passes
	if math.IsNaN(c.Network) || c.Network <= 0 {
		return c, fmt.Errorf("engine %s cannot time its layers", eng.Name())
	}
	return c, nil
}
