package fit

import (
	"fmt"
	"math"
	"slices"

	"winnow/infer/tflite"
)

// level is one scale of the autoencoder: the mean of a tap over pool x pool cells, or
// its contrast within them, which is reconstructed from a code of its own. Coarse
// levels see what is wide and faint, fine ones what is small; the deepest knows what
// belongs where; contrast tells a rough surface from a smooth one of the same mean.
type level struct {
	tap            int // of the features
	pool           int
	contrast       bool // half the mean absolute deviation from the mean
	h, w, channels int
}

func (l level) width() int { return l.h * l.w * l.channels }

// contrastSteps divide a step of a tap where its contrast is measured, which is small
// beside its range: deviations up to 255/contrastSteps steps are told.
const contrastSteps = 4

// of is the level as a tap.
func (l level) of(taps []Tap) Tap {
	t := taps[l.tap]
	t.Height, t.Width = l.h, l.w
	if t.Name = fmt.Sprintf("%s/%d", t.Name, l.pool); l.contrast {
		t.Name, t.Scale, t.ZeroPoint = t.Name+"/contrast", t.Scale/contrastSteps, -128
	}
	return t
}

// levelsOf are the levels of an autoencoder with so many cells: the first tap on
// the whole grid and on half of it, the next of three or more on the whole grid,
// the last on a quarter, and the contrast of the first on the whole grid and on a
// quarter. Bases of one tap alone find what a joint one, led by the tap with the most
// channels, passes over.
func levelsOf(taps []Tap, grid [2]int) []level {
	var ls []level
	add := func(tap, part int, contrast bool) {
		t := taps[tap]
		p := max(1, (2*part*t.Height+grid[0])/(2*grid[0]))
		l := level{tap, p, contrast, (t.Height + p - 1) / p, (t.Width + p - 1) / p, t.Channels}
		if contrast && p == 1 || len(ls) > 0 && (l.h*l.w < 4 || slices.Contains(ls, l)) {
			return
		}
		ls = append(ls, l)
	}
	add(0, 1, false)
	add(0, 2, false)
	if len(taps) > 2 {
		add(1, 1, false)
	}
	if len(taps) > 1 {
		add(len(taps)-1, 4, false)
	}
	add(0, 1, true)
	add(0, 4, true)
	return ls
}

// pooled appends the means, or contrasts, of every level of ls.
func (c *composer) pooled(ls []level, taps []Tap, tensors []int) []int {
	out := make([]int, len(ls))
	for i, l := range ls {
		t := l.of(taps)
		name := func(what string) string { return t.Name + "/" + what }
		mean := func(what string, x int) int {
			return c.AveragePool(name(what), x, tflite.Pool2D{
				Padding: tflite.Same, StrideH: l.pool, StrideW: l.pool, FilterH: l.pool, FilterW: l.pool,
			})
		}
		if out[i] = tensors[l.tap]; l.pool > 1 {
			key := [2]int{out[i], l.pool}
			pooled, ok := c.means[key]
			if !ok {
				pooled = mean("mean", out[i])
				if c.means == nil {
					c.means = map[[2]int]int{}
				}
				c.means[key] = pooled
			}
			out[i] = pooled
		}
		if l.contrast {
			around := c.ResizeNearest(name("around"), out[i], taps[l.tap].Height, taps[l.tap].Width, tflite.Resize{})
			above := c.Sub(name("above"), tensors[l.tap], around, tflite.ActRelu, t.quant())
			out[i] = mean("contrast", above)
		}
	}
	return out
}

// quant is how the values of t are quantized.
func (t Tap) quant() tflite.Quant { return tflite.Quant{Scale: t.Scale, ZeroPoint: t.ZeroPoint} }

// levelModel is what is known of one level.
type levelModel struct {
	level
	from     Tap // the level as a tap
	basis    *basis
	rms      float64     // of what is left of a good part
	whiteRMS float64     // the same once it is whitened
	gain     float64     // brings the worst cell of the median good part to 1, in squares
	white    *whitener   // of what is left; nil: none
	energy   [][]float32 // part: mean squares of what is left of it, whitened
}

// levelHeadroom is how many root mean squares the range of a level's residual holds.
const levelHeadroom = 24

// unit is the factor that brings a level's residual to the squares that all levels share.
func (m *levelModel) unit() float64 { return math.Sqrt(m.gain / float64(m.channels)) }

// levels appends the autoencoder behind pooled levels: the codes of all, and what
// residuals appends for ms.
func (c *composer) levels(pooled []int, ms []levelModel) (code, residual int, step float64, err error) {
	code, left, err := c.reconstruct(pooled, ms)
	if err != nil {
		return 0, 0, 0, err
	}
	residual, step = c.residuals(left, ms)
	return code, residual, step, nil
}

// reconstruct appends the codes z = Pᵀ(x - mean) of all levels, and x - Pz - mean of each.
func (c *composer) reconstruct(pooled []int, ms []levelModel) (code int, left []int, err error) {
	codes, most := make([]int, len(ms)), float32(0)
	for i := range ms {
		most = max(most, float32(ms[i].basis.codeMax()/127))
	}
	left = make([]int, len(ms))
	for i := range ms {
		if codes[i], left[i], err = c.reconstructLevel(pooled[i], &ms[i]); err != nil {
			return 0, nil, err
		}
		codes[i] = c.Quantize(ms[i].from.Name+"/shared", codes[i], tflite.Quant{Scale: most})
	}
	return c.joined("code", 1, codes), left, nil
}

func (c *composer) reconstructLevel(x int, m *levelModel) (code, left int, err error) {
	name := func(what string) string { return m.from.Name + "/" + what }
	width, zero := m.width(), m.from.Scale*float32(m.from.ZeroPoint)
	mean := make([]float64, width)
	for i, v := range m.basis.mean {
		mean[i] = float64(v - zero)
	}
	p := m.basis.rows(0, width).Data
	flat := c.Reshape(name("flat"), x, 1, width)
	if code, err = c.encode(name, flat, p, mean, m.basis); err != nil {
		return 0, 0, err
	}
	rec := c.Reshape(name("reconstruction"), c.decode(name, code, p, mean, m), 1, m.h, m.w, m.channels)
	return code, c.Sub(name("difference"), x, rec, tflite.ActNone, tflite.Quant{Scale: float32(levelHeadroom * m.rms / 127)}), nil
}

// residuals appends what is left of each level as ms whitens it, on the composer's grid;
// step is the real value of one step of it, which all levels share.
func (c *composer) residuals(left []int, ms []levelModel) (residual int, step float64) {
	for i := range ms {
		step = max(step, levelHeadroom*ms[i].whiteRMS*ms[i].unit()/127)
	}
	step = float64(float32(step))
	parts := make([]int, len(ms))
	for i := range ms {
		m := &ms[i]
		name := func(what string) string { return m.from.Name + "/" + what }
		parts[i] = c.gained(name, left[i], m, tflite.Quant{Scale: float32(step)})
		if m.h != c.grid[0] || m.w != c.grid[1] {
			parts[i] = c.ResizeNearest(name("grid"), parts[i], c.grid[0], c.grid[1], tflite.Resize{})
		}
	}
	return c.joined("residual", 3, parts), step
}

// gained appends x times the level's unit, whitened.
func (c *composer) gained(name func(string) string, x int, m *levelModel, q tflite.Quant) int {
	unit, white := float32(m.unit()), m.white
	if white == nil {
		w := c.AddWeights(name("gain"), []int{1, 1, 1, m.channels}, slices.Repeat([]int8{127}, m.channels), slices.Repeat([]float32{unit / 127}, m.channels), 3)
		return c.DepthwiseConv2D(name("residual"), x, w, -1, tflite.DepthwiseConv2D{
			Padding: tflite.Same, StrideH: 1, StrideW: 1, Multiplier: 1,
		}, q)
	}
	if white.place != nil {
		by, to := unit, q
		if white.apart != nil { // which comes behind
			by, to = 1, tflite.Quant{Scale: float32(levelHeadroom * m.rms / 127)}
		}
		most := slices.Max(white.place)
		w := make([]int8, len(white.place))
		for i, v := range white.place {
			w[i] = int8(math.Round(float64(127 * v / most)))
		}
		places := c.AddConst(name("places"), []int{1, m.h, m.w, m.channels}, w, tflite.Quant{Scale: by * most / 127})
		if x = c.Mul(name("placed"), x, places, tflite.ActNone, to); white.apart == nil {
			return x
		}
	}
	apart := slices.Clone(white.apart)
	for i := range apart {
		apart[i] *= unit
	}
	w := c.weights(name("apart/weights"), []int{m.channels, 1, 1, m.channels}, apart, true)
	return c.Conv2D(name("residual"), x, w, c.bias(name("apart/bias"), x, w, make([]float64, m.channels)), tflite.Conv2D{
		Padding: tflite.Same, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1,
	}, q)
}

// encode appends code = Pᵀ(x - mean); p is P's rows, k by width.
func (c *composer) encode(name func(string) string, flat int, p []float32, mean []float64, b *basis) (int, error) {
	width := len(mean)
	w := c.weights(name("encode/weights"), []int{b.k, width}, p, false)
	if err := c.checkSums(w, b.k); err != nil {
		return 0, err
	}
	bias := make([]float64, b.k)
	for j := range bias {
		for i, m := range mean {
			bias[j] -= float64(p[j*width+i]) * m
		}
	}
	q := tflite.Quant{Scale: float32(b.codeMax() / 127)}
	return c.FullyConnected(name("code"), flat, w, c.bias(name("encode/bias"), flat, w, bias), tflite.FullyConnected{}, q), nil
}

// checkSums refuses weights whose sums could leave 32 bits.
func (c *composer) checkSums(w, rows int) error {
	d := c.Tensor(w).Data
	n := len(d) / rows
	for r := range rows {
		sum := int64(0)
		for _, b := range d[r*n : (r+1)*n] {
			v := int64(int8(b))
			sum += max(v, -v)
		}
		if sum*256 > math.MaxInt32/2 {
			return fmt.Errorf("a feature map of %d values is too large to encode in 32-bit sums: choose a smaller input size", n)
		}
	}
	return nil
}

// decode appends Pz + mean, quantized as the level's means.
func (c *composer) decode(name func(string) string, code int, p []float32, mean []float64, m *levelModel) int {
	k, width := m.basis.k, len(mean)
	t := make([]float32, k*width)
	for j := range k {
		for i, v := range p[j*width : (j+1)*width] {
			t[i*k+j] = v
		}
	}
	w := c.weights(name("decode/weights"), []int{width, k}, t, false)
	return c.FullyConnected(name("decoded"), code, w, c.bias(name("decode/bias"), code, w, mean), tflite.FullyConnected{}, m.from.quant())
}
