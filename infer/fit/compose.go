package fit

import (
	"math"
	"slices"

	"winnow/infer/tflite"
)

// featureStep is the real value of one step of the standardized features: the
// int8 range covers 8 standard deviations.
const featureStep = 1.0 / 16

var featureQuant = tflite.Quant{Scale: featureStep}

// composer appends the operators of a package's graph.
type composer struct {
	*tflite.Builder
	grid  [2]int
	means map[[2]int]int // by tensor and pool: pooled, which levels share
}

// bias adds an int32 bias of real values for the product of x and weights w.
func (c *composer) bias(name string, x, w int, real []float64) int {
	xs, ws := c.Tensor(x), c.Tensor(w)
	q := make([]int32, len(real))
	for i, v := range real {
		scale := float64(xs.Scale()) * float64(ws.Scales[i%len(ws.Scales)])
		q[i] = int32(math.RoundToEven(max(-1<<30, min(1<<30, v/scale))))
	}
	return c.AddBias(name, x, w, q)
}

// weights adds an int8 constant quantized symmetrically, with one scale for
// every index of the leading dimension (perRow) or one for all. Weights of nothing have
// the scale of 1, for a scale of next to nothing would leave no room for the bias.
func (c *composer) weights(name string, shape []int, real []float32, perRow bool) int {
	rows := 1
	if perRow {
		rows = shape[0]
	}
	n := len(real) / rows
	q, scales := make([]int8, len(real)), make([]float32, rows)
	for r := range rows {
		row := real[r*n : (r+1)*n]
		largest := float32(0)
		for _, v := range row {
			largest = max(largest, v, -v)
		}
		if largest < 1e-12 {
			largest = 1
		}
		scales[r] = largest / 127
		for i, v := range row {
			q[r*n+i] = int8(math.RoundToEven(float64(v / scales[r])))
		}
	}
	return c.AddWeights(name, shape, q, scales, 0)
}

// head standardizes each tap (3x3 mean, minus the channel's mean, over its
// deviation), brings all to the grid and joins their channels. A depthwise
// convolution does the first three at once: its weights are all 127, its
// scales carry 1/(9*deviation). Beyond the border features count as zero.
func (c *composer) head(taps []Tap, tensors []int, stats []channelStats) int {
	var parts []int
	for i, t := range taps {
		x := c.standardize(t, tensors[i], stats[i])
		if t.Height != c.grid[0] || t.Width != c.grid[1] {
			x = c.ResizeBilinear(t.Name+"/grid", x, c.grid[0], c.grid[1], tflite.Resize{HalfPixelCenters: true})
		}
		parts = append(parts, x)
	}
	return c.joined("features", 3, parts)
}

func (c *composer) standardize(t Tap, in int, s channelStats) int {
	scales, bias := make([]float32, t.Channels), make([]float64, t.Channels)
	for i := range t.Channels {
		scales[i] = float32(1 / (9 * 127 * s.dev[i]))
		bias[i] = -s.mean[i] / s.dev[i]
	}
	w := c.AddWeights(t.Name+"/scale", []int{1, 3, 3, t.Channels}, slices.Repeat([]int8{127}, 9*t.Channels), scales, 3)
	return c.DepthwiseConv2D(t.Name+"/standard", in, w, c.bias(t.Name+"/mean", in, w, bias), tflite.DepthwiseConv2D{
		Padding: tflite.Same, StrideH: 1, StrideW: 1, Multiplier: 1, DilationH: 1, DilationW: 1,
	}, featureQuant)
}

// joined is xs along axis; one alone is itself.
func (c *composer) joined(name string, axis int, xs []int) int {
	if len(xs) == 1 {
		return xs[0]
	}
	return c.Concat(name, axis, xs...)
}

// whiten appends the 1x1 convolution that whitens the residual over channels.
// Its output step covers ten standard deviations of all but the most variable
// tenth of places.
func (c *composer) whiten(diff int, r *residualModel) (int, float64) {
	ch := r.channels
	real := make([]float32, ch*ch)
	for i := range ch {
		for j := range ch {
			real[i*ch+j] = float32(r.whiten.At(i, j))
		}
	}
	w := c.weights("whiten/weights", []int{ch, 1, 1, ch}, real, true)
	sorted := slices.Sorted(slices.Values(r.scale))
	q := tflite.Quant{Scale: float32(10 * sorted[len(sorted)*9/10] / 127)}
	bias := c.bias("whiten/bias", diff, w, make([]float64, ch))
	conv := tflite.Conv2D{Padding: tflite.Same, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	return c.Conv2D("residual", diff, w, bias, conv, q), float64(q.Scale)
}
