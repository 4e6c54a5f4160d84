package fit

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"winnow/infer/tflite"
)

// featureStep is the real value of one step of the standardized features: the
// int8 range covers 8 standard deviations.
const featureStep = 1.0 / 16

// composer appends operators to a graph.
type composer struct {
	m    *tflite.Model
	grid [2]int
}

// activation adds an int8 tensor without data.
func (c *composer) activation(name string, step float32, zero int64, shape ...int) int {
	return c.tensor(tflite.Tensor{Name: name, Shape: shape, Type: tflite.Int8, Scales: []float32{step}, ZeroPoints: []int64{zero}})
}

func (c *composer) tensor(t tflite.Tensor) int {
	c.m.Tensors = append(c.m.Tensors, t)
	return len(c.m.Tensors) - 1
}

func (c *composer) op(code tflite.OpCode, options any, out int, in ...int) int {
	c.m.Ops = append(c.m.Ops, tflite.Op{Code: code, Inputs: in, Outputs: []int{out}, Options: options})
	return out
}

// ints adds an int32 constant.
func (c *composer) ints(name string, shape []int, v []int32) int {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return c.tensor(tflite.Tensor{Name: name, Shape: shape, Type: tflite.Int32, Data: b})
}

// bias adds an int32 bias of real values, one scale an output channel.
func (c *composer) bias(name string, real []float64, scales []float32) int {
	q := make([]int32, len(real))
	for i, v := range real {
		q[i] = int32(math.RoundToEven(max(-1<<30, min(1<<30, v/float64(scales[i%len(scales)])))))
	}
	t := c.ints(name, []int{len(q)}, q)
	c.m.Tensors[t].Scales, c.m.Tensors[t].ZeroPoints = scales, make([]int64, len(scales))
	return t
}

// weights adds an int8 constant quantized symmetrically, with one scale for
// every index of the leading dimension (perRow) or one for all, and returns
// its tensor and scales.
func (c *composer) weights(name string, shape []int, real []float32, perRow bool) (int, []float32) {
	rows := 1
	if perRow {
		rows = shape[0]
	}
	n := len(real) / rows
	t := tflite.Tensor{Name: name, Shape: shape, Type: tflite.Int8, Data: make([]byte, len(real)), ZeroPoints: make([]int64, rows)}
	for r := range rows {
		row := real[r*n : (r+1)*n]
		largest := float32(1e-12)
		for _, v := range row {
			largest = max(largest, v, -v)
		}
		scale := largest / 127
		t.Scales = append(t.Scales, scale)
		for i, v := range row {
			t.Data[r*n+i] = byte(int8(math.RoundToEven(float64(v / scale))))
		}
	}
	return c.tensor(t), t.Scales
}

// head standardizes each tap (3x3 mean, minus the channel's mean, over its
// deviation), brings all to the grid and joins their channels. A depthwise
// convolution does the first three at once: its weights are all 127, its
// scales carry 1/(9*deviation). Beyond the border features count as zero.
func (c *composer) head(taps []Tap, tensors []int, stats []channelStats) int {
	var parts []int
	channels := 0
	for i, t := range taps {
		x := c.standardize(t, tensors[i], stats[i])
		if t.Height != c.grid[0] || t.Width != c.grid[1] {
			size := c.ints(t.Name+"/size", []int{2}, []int32{int32(c.grid[0]), int32(c.grid[1])})
			out := c.activation(t.Name+"/grid", featureStep, 0, 1, c.grid[0], c.grid[1], t.Channels)
			x = c.op(tflite.OpResizeBilinear, tflite.Resize{HalfPixelCenters: true}, out, x, size)
		}
		parts = append(parts, x)
		channels += t.Channels
	}
	out := c.activation("features", featureStep, 0, 1, c.grid[0], c.grid[1], channels)
	return c.op(tflite.OpConcatenation, tflite.Concat{Axis: 3}, out, parts...)
}

func (c *composer) standardize(t Tap, in int, s channelStats) int {
	w := tflite.Tensor{
		Name: t.Name + "/scale", Shape: []int{1, 3, 3, t.Channels}, Type: tflite.Int8, Axis: 3,
		Data: slices.Repeat([]byte{127}, 9*t.Channels), ZeroPoints: make([]int64, t.Channels),
	}
	bias, biasScale := make([]float64, t.Channels), make([]float32, t.Channels)
	for i := range t.Channels {
		ws := float32(1 / (9 * 127 * s.dev[i]))
		w.Scales = append(w.Scales, ws)
		biasScale[i] = ws * t.Scale
		bias[i] = -s.mean[i] / s.dev[i]
	}
	wt := c.tensor(w)
	bt := c.bias(t.Name+"/mean", bias, biasScale)
	out := c.activation(t.Name+"/standard", featureStep, 0, 1, t.Height, t.Width, t.Channels)
	return c.op(tflite.OpDepthwiseConv2D, tflite.DepthwiseConv2D{
		Padding: tflite.Same, StrideH: 1, StrideW: 1, Multiplier: 1, DilationH: 1, DilationW: 1,
	}, out, in, wt, bt)
}

// tail appends the autoencoder and the whitening of its residual to the
// features tensor, and returns the outputs of a package in their order.
func (c *composer) tail(features int, b *basis, r *residualModel, codeMax float64) ([]int, float64, error) {
	width, ch := len(b.mean), r.channels
	flat := c.op(tflite.OpReshape, tflite.Reshape{NewShape: []int{1, width}},
		c.activation("features/flat", featureStep, 0, 1, width), features, c.ints("flat/shape", []int{2}, []int32{1, int32(width)}))

	code, codeStep, err := c.encode(flat, b, codeMax)
	if err != nil {
		return nil, 0, err
	}
	decoded := c.decode(code, codeStep, b, r)
	grid := []int32{1, int32(c.grid[0]), int32(c.grid[1]), int32(ch)}
	map4 := []int{1, c.grid[0], c.grid[1], ch}
	rec := c.op(tflite.OpReshape, tflite.Reshape{NewShape: map4},
		c.activation("reconstruction", featureStep, 0, map4...), decoded, c.ints("grid/shape", []int{4}, grid))
	diff := c.op(tflite.OpSub, tflite.Arithmetic{}, c.activation("difference", featureStep, 0, map4...), features, rec)
	residual, step := c.whiten(diff, r)
	return []int{code, residual, features}, step, nil
}

// encode appends code = Pᵀ(x - mean).
func (c *composer) encode(flat int, b *basis, codeMax float64) (int, float32, error) {
	width := len(b.mean)
	w, ws := c.weights("encode/weights", []int{b.k, width}, b.p, false)
	if err := c.checkSums(w, b.k); err != nil {
		return 0, 0, err
	}
	bias := make([]float64, b.k)
	for j := range bias {
		for i, m := range b.mean {
			bias[j] -= float64(b.p[j*width+i]) * float64(m)
		}
	}
	step := float32(codeMax / 127)
	bt := c.bias("encode/bias", bias, []float32{ws[0] * featureStep})
	out := c.activation("code", step, 0, 1, b.k)
	return c.op(tflite.OpFullyConnected, tflite.FullyConnected{}, out, flat, w, bt), step, nil
}

// checkSums refuses weights whose sums could leave 32 bits.
func (c *composer) checkSums(w, rows int) error {
	d := c.m.Tensors[w].Data
	n := len(d) / rows
	for r := range rows {
		sum := int64(0)
		for _, b := range d[r*n : (r+1)*n] {
			v := int64(int8(b))
			sum += max(v, -v)
		}
		if sum*128 > math.MaxInt32/2 {
			return fmt.Errorf("a feature map of %d values is too large to encode in 32-bit sums: choose a smaller input size", n)
		}
	}
	return nil
}

// decode appends Pz + mean + the residual's own mean.
func (c *composer) decode(code int, codeStep float32, b *basis, r *residualModel) int {
	width := len(b.mean)
	t := make([]float32, len(b.p))
	for j := range b.k {
		for i, v := range b.p[j*width : (j+1)*width] {
			t[i*b.k+j] = v
		}
	}
	w, ws := c.weights("decode/weights", []int{width, b.k}, t, false)
	bias := make([]float64, width)
	for i := range bias {
		bias[i] = float64(b.mean[i]) + float64(r.offset[i])
	}
	bt := c.bias("decode/bias", bias, []float32{ws[0] * codeStep})
	return c.op(tflite.OpFullyConnected, tflite.FullyConnected{}, c.activation("decoded", featureStep, 0, 1, width), code, w, bt)
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
	w, ws := c.weights("whiten/weights", []int{ch, 1, 1, ch}, real, true)
	sorted := slices.Sorted(slices.Values(r.scale))
	step := float32(10 * sorted[len(sorted)*9/10] / 127)
	scales := make([]float32, ch)
	for i, s := range ws {
		scales[i] = s * featureStep
	}
	bt := c.bias("whiten/bias", make([]float64, ch), scales)
	out := c.activation("residual", step, 0, 1, c.grid[0], c.grid[1], ch)
	c.op(tflite.OpConv2D, tflite.Conv2D{Padding: tflite.Same, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}, out, diff, w, bt)
	return out, float64(step)
}
