package infer

import (
	"fmt"
	"math"
)

// Scorer turns the outputs of a package's graph into raw views and an anomaly
// map. It allocates nothing after NewScorer and is not safe for concurrent use.
// All its arithmetic is exact or explicitly rounded: see fixed.go.
type Scorer struct {
	s      *Statistics
	coarse surface  // of the reconstruction
	fine   surface  // of the local novelty; empty without a local model
	wide   *WideMap // lifts coarse once it is scored; nil without a wide model
	fused  []float64
	rows   []stretch // of fused over coarse
	cols   []stretch
	gain   [2]float64 // of squared coarse and fine in the fused map
	desc   []float64  // standardized pooled descriptor
	sum    []int64    // per channel: sum of features
	sqr    []int64    // and of their squares
	along  []float64  // the descriptor along the latent basis
	parts  Ensemble   // of the last part

	kernels      Kernels // nil: plain Go
	sum32, sqr32 []int32 // what they give
}

// NewScorer for graphs that the statistics were fitted to.
func NewScorer(s *Statistics) *Scorer {
	c := &Scorer{
		s: s, coarse: newSurface(s.Grid, s.residualChannels()), desc: make([]float64, len(s.Latent.Mean)),
		sum: make([]int64, s.Channels), sqr: make([]int64, s.Channels), along: make([]float64, len(s.Latent.Basis)),
	}
	c.coarse.calm = s.Calm
	if s.Sharp {
		c.coarse.sharpen()
	}
	if s.Wide != nil {
		c.wide = NewWideMap(s.Wide, s.Grid)
	}
	if m := s.Local; m != nil {
		c.fine = m.surface()
		c.fused = make([]float64, m.Grid[0]*m.Grid[1])
		c.rows, c.cols = stretches(s.Grid[0], m.Grid[0]), stretches(s.Grid[1], m.Grid[1])
		c.gain = mapGain(s)
	}
	return c
}

// SetKernels makes the scorer use k from the next part on, which changes no bit of what
// it measures; nil is plain Go.
func (c *Scorer) SetKernels(k Kernels) {
	c.kernels, c.coarse.kernels, c.fine.kernels = k, k, k
	c.sum32, c.sqr32 = make([]int32, len(c.sum)), make([]int32, len(c.sqr))
}

// mapGain brings the squares of both maps to those of the median good part's
// peaks and weighs them as the fusion does.
func mapGain(s *Statistics) [2]float64 {
	r, l := s.Fusion.Reconstruction, s.Fusion.Local
	if r+l == 0 {
		r, l = 1, 1
	}
	mr, ml := s.Views[0].Median, s.Local.View.Median
	return [2]float64{r / (r + l) / mul(mr, mr), l / (r + l) / mul(ml, ml)}
}

// place joins one place of both maps as f joins views: the root of the sum of their
// weighted squares, or of the root of the sum of the squares of those.
func (f Fusion) place(gain [2]float64, reconstruction, local float64) float64 {
	r, l := mul(gain[0], mul(reconstruction, reconstruction)), mul(gain[1], mul(local, local))
	if !f.Root {
		return math.Sqrt(r + l)
	}
	return math.Sqrt(math.Sqrt(mul(r, r) + mul(l, l)))
}

// MapPeak is the largest value that the anomaly map can have for raw deviations;
// where the local one is the mean of two cells, a little less.
func (s *Statistics) MapPeak(raw Deviations) float64 {
	if s.Local == nil {
		return raw.Reconstruction
	}
	return s.Fusion.place(mapGain(s), raw.Reconstruction, raw.Local)
}

// Map is the anomaly map of the last part, row-major over Grid: the
// reconstruction error in raw units, lifted where something wide deviates, or, with a
// local model, both maps joined as the fusion joins views; valid until the next Raw.
func (c *Scorer) Map() []float64 {
	if c.fused != nil {
		return c.fused
	}
	return c.coarse.blur
}

// Shade is how seldom, in bits, good parts have what is wide and faint at each place of the last
// part, row-major over h x w: 1 for every other place of good parts, 6 for one in 64. It is nil
// without a wide model, 0 where a place that stands out explains it, and valid until the next Raw.
func (c *Scorer) Shade() (bits []float64, h, w int) {
	if c.wide == nil {
		return nil, 0, 0
	}
	return c.wide.shade, c.s.Grid[0], c.s.Grid[1]
}

// WideFrom is the surprise in bits from which a place is told, and shown, as wide and faint.
const WideFrom = 7

// wideShare is the share of the last part's places that are wide and faint, of those that count.
func (c *Scorer) wideShare() float64 {
	if c.wide == nil {
		return 0
	}
	n, of := 0, 0
	for i, bits := range c.wide.shade {
		if bits > WideFrom {
			n++
		}
		if c.s.PositionWeight[i] > 0 {
			of++
		}
	}
	return float64(n) / float64(max(of, 1))
}

// Grid is the height and width of Map.
func (c *Scorer) Grid() (h, w int) {
	if m := c.s.Local; m != nil {
		return m.Grid[0], m.Grid[1]
	}
	return c.s.Grid[0], c.s.Grid[1]
}

// Raw returns the raw views of the part whose graph outputs are given, all
// positive but for Local without a local model.
func (c *Scorer) Raw(outputs [][]byte) (Deviations, error) {
	cells, ch := c.s.Grid[0]*c.s.Grid[1], c.s.residualChannels()
	if len(outputs) < numOutputs || len(outputs[OutResidual]) != cells*ch || len(outputs[OutFeatures]) != cells*c.s.Channels {
		return Deviations{}, fmt.Errorf("the graph's outputs do not fit the statistics: %dx%dx%d and %d are needed", c.s.Grid[0], c.s.Grid[1], ch, c.s.Channels)
	}
	d := Deviations{Reconstruction: c.reconstruction(outputs[OutResidual])}
	if m, at := c.s.Wide, c.s.OutWide(); m != nil {
		if len(outputs) <= at || len(outputs[at]) != m.Size() {
			return Deviations{}, fmt.Errorf("the graph's wide output does not fit the statistics: %d values are needed", m.Size())
		}
		c.wide.lift(c.coarse.blur, outputs[at], c.s.PositionWeight)
	}
	if m := c.s.Local; m != nil {
		if len(outputs) <= OutLocal || len(outputs[OutLocal]) != len(c.fused)*m.Channels {
			return Deviations{}, fmt.Errorf("the graph's local output does not fit the statistics: %dx%dx%d is needed", m.Grid[0], m.Grid[1], m.Channels)
		}
		var at int
		d.Local, at = c.fine.peak(outputs[OutLocal], mul(m.Step, m.Step), m.PositionWeight)
		for i, v := range c.fine.without(outputs[OutLocal], mul(m.Step, m.Step), m.PositionWeight, at) {
			c.parts[i].Local = v
		}
		c.fuse()
	}
	c.descriptor(outputs[OutFeatures])
	d.Latent = c.latentView()
	return d, nil
}

// RawHeldOut returns the raw reconstruction and latent views of the part with this
// residual and this descriptor, as Descriptor gives it, what the members find, and what
// is left at the part's quiet places: for the fit, whose statistics have no Calm yet.
func (c *Scorer) RawHeldOut(residual []byte, descriptor []float64) (Deviations, Ensemble, float64) {
	d := Deviations{Reconstruction: c.reconstruction(residual)}
	m := &c.s.Latent
	for i, v := range descriptor {
		c.desc[i] = (v - m.Mean[i]) / m.Scale[i]
	}
	d.Latent = c.latentView()
	return d, c.parts, c.coarse.quiet(c.s.PositionWeight)
}

// reconstruction is the raw view of residual, which it maps; members' views are set.
func (c *Scorer) reconstruction(residual []byte) float64 {
	step := mul(c.s.ResidualScale, c.s.ResidualScale) / float64(c.s.residualChannels())
	peak, at := c.coarse.peak(residual, step, c.s.PositionWeight)
	for m, v := range c.coarse.without(residual, step, c.s.PositionWeight, at) {
		c.parts[m] = Deviations{Reconstruction: v}
	}
	return peak
}

// latentView is the raw view of the standardized descriptor; members' views are set.
func (c *Scorer) latentView() float64 {
	latent := max(c.latent(), 1e-6)
	for m := range c.parts {
		c.parts[m].Latent = latent
	}
	return latent
}

// Ensemble is what the members make of the last part, valid until the next Raw.
func (c *Scorer) Ensemble() *Ensemble { return &c.parts }

// fuse writes the fused map on the fine grid.
func (c *Scorer) fuse() {
	w, cw := c.s.Local.Grid[1], c.s.Grid[1]
	for y, r := range c.rows {
		top, bottom := c.coarse.blur[r.at*cw:], c.coarse.blur[r.next*cw:]
		for x, k := range c.cols {
			up := mul(top[k.at], 1-k.part) + mul(top[k.next], k.part)
			down := mul(bottom[k.at], 1-k.part) + mul(bottom[k.next], k.part)
			v := mul(up, 1-r.part) + mul(down, r.part)
			f := c.fine.blur[y*w+x]
			c.fused[y*w+x] = c.s.Fusion.place(c.gain, v, f)
		}
	}
}

// descriptor pools the features over the grid: exact integer sums, then one
// rounding an operation.
func (c *Scorer) descriptor(features []byte) {
	c.pool(features)
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

// pool sums each channel of features and its squares.
func (c *Scorer) pool(features []byte) {
	if c.kernels != nil && c.kernels.ChannelSums(c.sum32, c.sqr32, features) {
		for i := range c.sum {
			c.sum[i], c.sqr[i] = int64(c.sum32[i]), int64(c.sqr32[i])
		}
		return
	}
	clear(c.sum)
	clear(c.sqr)
	for p, ch := 0, c.s.Channels; p < len(features); p += ch {
		for i, b := range features[p : p+ch] {
			v := int64(int8(b))
			c.sum[i] += v
			c.sqr[i] += v * v
		}
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
	c.project()
	for i, z := range c.along {
		z2 := mul(z, z)
		rest -= z2
		sum += z2 / m.Variance[i]
	}
	return math.Sqrt(sum + max(rest, 0)/m.Rest)
}

// project writes the descriptor along the basis. Four sums go side by side, each in the
// order of the descriptor, as one after the other would wait for every addition.
func (c *Scorer) project() {
	b, n := c.s.Latent.Basis, len(c.desc)
	i := 0
	for ; i+4 <= len(b); i += 4 {
		b0, b1, b2, b3 := b[i][:n], b[i+1][:n], b[i+2][:n], b[i+3][:n]
		var z0, z1, z2, z3 float64
		for j, v := range c.desc {
			z0 += mul(v, b0[j])
			z1 += mul(v, b1[j])
			z2 += mul(v, b2[j])
			z3 += mul(v, b3[j])
		}
		c.along[i], c.along[i+1], c.along[i+2], c.along[i+3] = z0, z1, z2, z3
	}
	for ; i < len(b); i++ {
		c.along[i] = 0
		for j, v := range c.desc {
			c.along[i] += mul(v, b[i][j])
		}
	}
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
