package train

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
)

// Views are what is known of one part: its maps as they are, then variants of
// the same part under other conditions.
type Views struct {
	Inputs  [][]byte // int8 maps in feature steps
	Targets [][]byte // what is to be reconstructed from each; nil: the inputs
}

func (v Views) target(i int) []byte {
	if v.Targets == nil {
		return v.Inputs[i]
	}
	return v.Targets[i]
}

// Data is what a network learns from and is measured on. Held-out parts and
// synthetic anomalies never move a weight.
type Data struct {
	In, Out   Shape
	Train     []Views
	Held      Views // one view of each held-out good part
	Synthetic Views // drawn anomalies on held-out parts
}

func (d *Data) check() error {
	if len(d.Train) < 2 || len(d.Held.Inputs) < 2 {
		return fmt.Errorf("%d good parts to train on and %d held out are too few", len(d.Train), len(d.Held.Inputs))
	}
	for _, v := range append([]Views{d.Held, d.Synthetic}, d.Train...) {
		for i := range v.Inputs {
			if len(v.Inputs[i]) != d.In.Size() || len(v.target(i)) != d.Out.Size() {
				return errors.New("the maps of the parts differ in size")
			}
		}
	}
	return nil
}

// digest of all maps, so that a checkpoint is never continued on other data.
func (d *Data) digest() [32]byte {
	h := sha256.New()
	for _, v := range append([]Views{d.Held, d.Synthetic}, d.Train...) {
		for i := range v.Inputs {
			h.Write(v.Inputs[i])
			if v.Targets != nil {
				h.Write(v.Targets[i])
			}
		}
	}
	return [32]byte(h.Sum(nil))
}

// mean target at each place and channel over the training parts, real values.
func (d *Data) mean() []float32 {
	m := make([]float32, d.Out.Size())
	for _, v := range d.Train {
		for i, b := range v.target(0) {
			m[i] += float32(int8(b))
		}
	}
	for i := range m {
		m[i] *= float32(featureStep) / float32(len(d.Train))
	}
	return m
}

// order of the training parts in epoch e.
func order(n int, seed uint64, e int) []int {
	return rand.New(rand.NewPCG(seed, 0x6f72640000+uint64(e))).Perm(n)
}

// fixedNoise is a draw from the standard normal in steps of 1/32, for a graph
// that adds it at every inference.
func fixedNoise(s Shape, seed uint64) []int8 {
	r := rand.New(rand.NewPCG(seed, 0x6c6576))
	q := make([]int8, s.Size())
	for i := range q {
		q[i] = int8(max(-127, min(127, 32*r.NormFloat64())))
	}
	return q
}
