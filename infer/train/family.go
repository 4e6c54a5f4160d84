package train

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Source is what a network reads and reconstructs.
type Source uint8

// The sources.
const (
	FromEncoder Source = iota // the encoder's features, reconstructed
	FromPicture               // the picture's 4x4 blocks, reconstructed
	FromBoth                  // the encoder's features, told from the picture's blocks
)

// family is one way to build a network.
type family struct {
	source Source
	build  func(n *Net, r *Recipe, in, out Shape, mean []float32)
	levels func(*Recipe) []float64 // noise levels at which it reconstructs; nil for one plain pass
}

func (f family) noiseLevels(r *Recipe) []float64 {
	if f.levels == nil {
		return nil
	}
	return f.levels(r)
}

// families by name. Each lives in its own file.
func families() map[string]family {
	return map[string]family{
		"feature-ae":  {source: FromEncoder, build: featureAE},
		"conv-ae":     {source: FromPicture, build: convAE},
		"denoising":   {source: FromEncoder, build: denoising},
		"variational": {source: FromEncoder, build: variational},
		"multi-level": {source: FromEncoder, build: multiLevel, levels: func(r *Recipe) []float64 { return r.Regime.Levels }},
		"student":     {source: FromBoth, build: student},
	}
}

func familyNamed(name string) (family, error) {
	f, ok := families()[name]
	if !ok {
		return family{}, fmt.Errorf("recipe: there is no family %q: choose from %s", name, strings.Join(slices.Sorted(maps.Keys(families())), ", "))
	}
	return f, nil
}

// Source of the recipe's family.
func (r *Recipe) Source() Source { return families()[r.Family].source }

// Build the recipe's network for maps of shape in and targets of shape out;
// mean is the targets' mean over good parts. seed makes the initial weights.
func (r *Recipe) Build(in, out Shape, mean []float32, seed uint64) *Net {
	n := NewNet(seed)
	one := r.Objectives.OneClass > 0
	n.plain, n.unbiased = !r.Network.Norm || one, one
	families()[r.Family].build(n, r, in, out, mean)
	if one {
		n.Centre = n.filled("centre", 0, true, 1, n.Shape(n.Code).Size())
	}
	return n
}
