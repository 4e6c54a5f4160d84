package infer

import (
	"fmt"
	"math"
)

// Scorer turns the outputs of a package's graph into raw views and an anomaly
// map. It allocates nothing after NewScorer and is not safe for concurrent use.
// All its arithmetic is exact or explicitly rounded: see fixed.go.
type Scorer struct {
	s    *Statistics
	raw  []float64 // anomaly map before the blur, row-major
	blur []float64 // and after
	desc []float64 // standardized pooled descriptor
	sum  []int64   // per channel: sum of features
	sqr  []int64   // and of their squares
}

// NewScorer for graphs that the statistics were fitted to.
func NewScorer(s *Statistics) *Scorer {
	cells := s.Grid[0] * s.Grid[1]
	return &Scorer{
		s: s, raw: make([]float64, cells), blur: make([]float64, cells),
		desc: make([]float64, len(s.Latent.Mean)),
		sum:  make([]int64, s.Channels), sqr: make([]int64, s.Channels),
	}
}

// Map is the anomaly map of the last part, row-major over the grid, in raw
// units; valid until the next Raw.
func (c *Scorer) Map() []float64 { return c.blur }

// Raw returns the two raw views of the part whose graph outputs are given:
// the largest reconstruction error of any place, and the latent discrepancy of
// the whole. Both are positive.
func (c *Scorer) Raw(outputs [][]byte) (rec, lat float64, err error) {
	n := c.s.Grid[0] * c.s.Grid[1] * c.s.Channels
	if len(outputs) < numOutputs || len(outputs[OutResidual]) != n || len(outputs[OutFeatures]) != n {
		return 0, 0, fmt.Errorf("the graph's outputs do not fit the statistics: %dx%dx%d is needed", c.s.Grid[0], c.s.Grid[1], c.s.Channels)
	}
	c.residualMap(outputs[OutResidual])
	c.smooth()
	for _, v := range c.blur {
		rec = max(rec, v)
	}
	c.descriptor(outputs[OutFeatures])
	return max(rec, 1e-6), max(c.latent(), 1e-6), nil
}

// residualMap is the root mean square of the whitened residual at each cell,
// times the cell's weight.
func (c *Scorer) residualMap(res []byte) {
	ch := c.s.Channels
	k := mul(c.s.ResidualScale, c.s.ResidualScale) / float64(ch)
	for p := range c.raw {
		sum := int64(0)
		for _, b := range res[p*ch : (p+1)*ch] {
			v := int32(int8(b))
			sum += int64(v * v)
		}
		c.raw[p] = mul(math.Sqrt(mul(float64(sum), k)), c.s.PositionWeight[p])
	}
}

// smooth is half the map and half its 3x3 mean (edges repeated): one noisy
// cell counts less than a blob, and a point defect still counts.
func (c *Scorer) smooth() {
	h, w := c.s.Grid[0], c.s.Grid[1]
	for y := range h {
		for x := range w {
			sum := 0.0
			for dy := -1; dy <= 1; dy++ {
				row := min(max(y+dy, 0), h-1) * w
				for dx := -1; dx <= 1; dx++ {
					sum += c.raw[row+min(max(x+dx, 0), w-1)]
				}
			}
			c.blur[y*w+x] = mul(sum, 1.0/18) + mul(c.raw[y*w+x], 0.5)
		}
	}
}

// descriptor pools the features over the grid: exact integer sums, then one
// rounding an operation.
func (c *Scorer) descriptor(features []byte) {
	ch := c.s.Channels
	clear(c.sum)
	clear(c.sqr)
	for p := 0; p < len(features); p += ch {
		for i, b := range features[p : p+ch] {
			v := int64(int8(b))
			c.sum[i] += v
			c.sqr[i] += v * v
		}
	}
	m := &c.s.Latent
	cells := int64(c.s.Grid[0] * c.s.Grid[1])
	half := len(c.desc) / 2
	for i := range half {
		s, q := c.sum[m.FirstChannel+i], c.sqr[m.FirstChannel+i]
		mean := float64(s) / float64(cells)
		dev := math.Sqrt(float64(max(0, cells*q-s*s))) / float64(cells)
		c.desc[i] = (mean - m.Mean[i]) / m.Scale[i]
		c.desc[half+i] = (dev - m.Mean[half+i]) / m.Scale[half+i]
	}
}

// latent is the Mahalanobis distance of the descriptor under the low-rank
// plus isotropic model.
func (c *Scorer) latent() float64 {
	m := &c.s.Latent
	rest, sum := 0.0, 0.0
	for _, v := range c.desc {
		rest += mul(v, v)
	}
	for i, b := range m.Basis {
		z := 0.0
		for j, v := range c.desc {
			z += mul(v, b[j])
		}
		z2 := mul(z, z)
		rest -= z2
		sum += z2 / m.Variance[i]
	}
	return math.Sqrt(sum + max(rest, 0)/m.Rest)
}

// Descriptor returns the pooled descriptor of the part whose features are
// given, before standardization, in feature steps: for the fit.
func Descriptor(features []byte, channels, first int) []float64 {
	s := &Statistics{Grid: [2]int{1, len(features) / channels}, Channels: channels}
	n := 2 * (channels - first)
	s.Latent = LatentModel{FirstChannel: first, Mean: make([]float64, n), Scale: make([]float64, n)}
	for i := range s.Latent.Scale {
		s.Latent.Scale[i] = 1
	}
	c := NewScorer(s)
	c.descriptor(features)
	return c.desc
}
