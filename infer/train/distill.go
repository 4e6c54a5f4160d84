package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/tflite"
)

// Distillation trains what a pruned encoder has kept until its taps are those of
// the dense one again (Hinton et al. 2015; features as in Romero et al. 2015,
// FitNets), end to end, with the arithmetic of its eight bits in the loop. Where
// fit.Lighten fits layer by layer, here later layers and earlier ones move together.
type Distillation struct {
	Load     func() (path string, err error) // of libtensorflow; lazy.Loader is one
	Engine   infer.Engine                    // runs the dense encoder, and measures
	Threads  int                             // of TensorFlow; 1 makes a run repeat to the bit
	Steps    int
	Seed     uint64
	Progress func(done, total int)
}

// Distilled is how far a pruned encoder's taps are from the dense one's on pictures
// that it was not trained on, as they are and changed as in training: mean squared error over the variance of each channel,
// mean of the taps.
type Distilled struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	Kept   bool    `json:"kept"` // After is the smaller one
}

const (
	distillRate   = 1e-3
	distillWarmup = 50.0    // steps
	distillPixels = 4 << 16 // of a step's pictures together: what a graph of a picture remembers takes most of the memory
	distillHeld   = 8       // one in so many pictures is kept out
	distillFewest = 8       // pictures
)

// Distill returns light with weights trained on pictures, input bytes of both
// encoders, which have the same operators and the same outputs. Blocks of zeros
// stay zero. Where held-out pictures do not speak for it, light is returned as it is.
func Distill(ctx context.Context, d Distillation, dense, light *tflite.Model, pictures [][]byte) (*tflite.Model, Distilled, error) {
	var report Distilled
	if len(pictures) < distillFewest {
		return nil, report, fmt.Errorf("%d pictures are too few to distil an encoder on, at least %d are needed", len(pictures), distillFewest)
	}
	if err := loadLibrary(d.Load); err != nil {
		return nil, report, err
	}
	t := &distillation{Distillation: d, ctx: ctx, light: light}
	if err := t.open(dense); err != nil {
		return nil, report, err
	}
	defer t.teacher.Close()
	learn := t.holdOut(pictures)
	if err := t.spreads(); err != nil {
		return nil, report, err
	}
	var err error
	if report.Before, err = t.distance(light); err != nil {
		return nil, report, err
	}
	m, err := t.train(learn)
	if err != nil {
		return nil, report, err
	}
	if report.After, err = t.distance(m); err != nil {
		return nil, report, err
	}
	if report.Kept = report.After < report.Before; !report.Kept {
		m = light
	}
	return m, report, nil
}

type distillation struct {
	Distillation
	ctx     context.Context // of the one call that it lives in
	light   *tflite.Model
	teacher infer.Session // the dense encoder
	held    [][]byte
	weight  [][]float32 // of each tap's channels: one over the variance, in steps of the tap
	layers  []distilledLayer
}

// distilledLayer is a convolution of the encoder as the graph holds it.
type distilledLayer struct {
	op            int
	weights, bias []float32 // real; weights [KH,KW,I,O], of depthwise layers [KH,KW,C,1]
	mask          []float32 // of weights that are trained: 1x1 convolutions; nil where they stay as they are
	shape         []int
}

// holdOut keeps some pictures for measuring, each as it is and changed, and returns
// the others.
func (t *distillation) holdOut(pictures [][]byte) (learn [][]byte) {
	shape := t.light.Tensors[t.light.Inputs[0]].Shape
	for i, p := range pictures {
		if i%distillHeld != 0 {
			learn = append(learn, p)
			continue
		}
		changed := bytes.Clone(p)
		r := rand.New(rand.NewPCG(t.Seed, uint64(i)<<32))
		vary(r, changed, pictures[r.IntN((len(pictures)+distillHeld-1)/distillHeld)*distillHeld], shape[1], shape[2])
		t.held = append(t.held, p, changed)
	}
	return learn
}

func (t *distillation) open(dense *tflite.Model) error {
	if len(dense.Outputs) != len(t.light.Outputs) || len(dense.Ops) != len(t.light.Ops) {
		return errors.New("the pruned encoder is not a copy of the dense one")
	}
	for k := range t.light.Ops {
		if l, ok := layerOf(t.light, k); ok {
			t.layers = append(t.layers, l)
		}
	}
	b, err := dense.Marshal()
	if err != nil {
		return err
	}
	t.teacher, err = t.Engine.Load(b, infer.Options{Threads: 1})
	return err
}

// layerOf is operator k where it is a convolution with a bias.
func layerOf(m *tflite.Model, k int) (distilledLayer, bool) {
	o := &m.Ops[k]
	if o.Code != tflite.OpConv2D && o.Code != tflite.OpDepthwiseConv2D || len(o.Inputs) < 3 || o.Inputs[2] < 0 {
		return distilledLayer{}, false
	}
	w, b := &m.Tensors[o.Inputs[1]], &m.Tensors[o.Inputs[2]]
	in := float64(m.Tensors[o.Inputs[0]].Scale())
	l := distilledLayer{op: k, weights: make([]float32, len(w.Data)), bias: make([]float32, len(b.Data)/4)}
	outs, area := w.Shape[0], w.Shape[1]*w.Shape[2]
	l.shape = []int{w.Shape[1], w.Shape[2], w.Shape[3], outs}
	each := func(i int) (out, to int) { // [O,KH,KW,I] to [KH,KW,I,O]
		per := area * w.Shape[3]
		return i / per, i%per*outs + i/per
	}
	if o.Code == tflite.OpDepthwiseConv2D {
		each = func(i int) (out, to int) { return i % w.Shape[3], i }
	}
	for i, q := range w.Data {
		out, to := each(i)
		l.weights[to] = float32(float64(int8(q)) * float64(scaleOf(w, out)))
	}
	for i := range l.bias {
		l.bias[i] = float32(float64(int32(binary.LittleEndian.Uint32(b.Data[4*i:]))) * in * float64(scaleOf(w, i)))
	}
	if o.Code == tflite.OpConv2D && area == 1 {
		l.mask = blocksLeft(l.weights, w.Shape[3], outs)
	}
	return l, true
}

func scaleOf(t *tflite.Tensor, channel int) float32 { return t.Scales[min(channel, len(t.Scales)-1)] }

// blocksLeft is 1 for each weight [I,O] in a block that is not all zero.
func blocksLeft(w []float32, in, out int) []float32 {
	left := map[[2]int]bool{}
	at := func(i int) [2]int { return [2]int{i / out / fit.BlockIn, i % out / fit.BlockOut} }
	for i, v := range w {
		if v != 0 {
			left[at(i)] = true
		}
	}
	mask := make([]float32, in*out)
	for i := range mask {
		if left[at(i)] {
			mask[i] = 1
		}
	}
	return mask
}

// spreads sets what a squared error of each channel counts, from what the dense
// encoder gives on held-out pictures; a channel that hardly moves counts little.
func (t *distillation) spreads() error {
	var sum, sqr [][]float64
	var n []float64
	for _, p := range t.held {
		taps, err := t.taps(p)
		if err != nil {
			return err
		}
		for k, tap := range taps {
			c := t.channels(k)
			if k == len(sum) {
				sum, sqr, n = append(sum, make([]float64, c)), append(sqr, make([]float64, c)), append(n, 0)
			}
			for i, b := range tap {
				v := float64(int8(b))
				sum[k][i%c] += v
				sqr[k][i%c] += v * v
			}
			n[k] += float64(len(tap) / c)
		}
	}
	for k := range sum {
		w := make([]float32, len(sum[k]))
		for c := range w {
			mean := sum[k][c] / n[k]
			w[c] = float32(1 / (sqr[k][c]/n[k] - mean*mean + 1))
		}
		t.weight = append(t.weight, w)
	}
	return nil
}

func (t *distillation) channels(tap int) int {
	s := t.light.Tensors[t.light.Outputs[tap]].Shape
	return s[len(s)-1]
}

// taps of the dense encoder; valid until the next call.
func (t *distillation) taps(picture []byte) ([][]byte, error) {
	return tapsOf(t.teacher, picture)
}

func tapsOf(s infer.Session, picture []byte) ([][]byte, error) {
	copy(s.Input(0), picture)
	if err := s.Run(); err != nil {
		return nil, err
	}
	var out [][]byte
	for k := range s.Outputs() {
		out = append(out, s.Output(k))
	}
	return out, nil
}

// distance of m's taps from the dense encoder's, on held-out pictures.
func (t *distillation) distance(m *tflite.Model) (float64, error) {
	b, err := m.Marshal()
	if err != nil {
		return 0, err
	}
	s, err := t.Engine.Load(b, infer.Options{Threads: 1})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	total := 0.0
	for _, p := range t.held {
		want, err := t.taps(p)
		if err != nil {
			return 0, err
		}
		got, err := tapsOf(s, p)
		if err != nil {
			return 0, err
		}
		for k := range want {
			c, sum := t.channels(k), 0.0
			for i, b := range want[k] {
				d := float64(int8(b)) - float64(int8(got[k][i]))
				sum += d * d * float64(t.weight[k][i%c])
			}
			total += sum / float64(len(want[k])) / float64(len(want)) / float64(len(t.held))
		}
	}
	return total, nil
}

func (t *distillation) train(pictures [][]byte) (*tflite.Model, error) {
	shape := t.light.Tensors[t.light.Inputs[0]].Shape
	h, w := shape[1], shape[2]
	n := max(1, min(8, distillPixels/(h*w)))
	m, err := newDistiller(t.light, t.layers, t.weight, t.Threads)
	if err != nil {
		return nil, err
	}
	defer m.close()
	for step := range t.Steps {
		if err := t.ctx.Err(); err != nil {
			return nil, err
		}
		r := rand.New(rand.NewPCG(t.Seed, uint64(step)))
		var in [][]byte
		want := make([][][]byte, len(t.weight))
		for range n {
			p := bytes.Clone(pictures[r.IntN(len(pictures))])
			vary(r, p, pictures[r.IntN(len(pictures))], h, w)
			taps, err := t.taps(p)
			if err != nil {
				return nil, err
			}
			in = append(in, p)
			for k := range taps {
				want[k] = append(want[k], bytes.Clone(taps[k]))
			}
		}
		loss, err := m.step(in, want, t.rate(step), step+1)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(float64(loss)) || math.IsInf(float64(loss), 0) {
			return nil, fmt.Errorf("distilling the encoder: the loss of step %d is %v", step+1, loss)
		}
		t.Progress(step+1, t.Steps)
	}
	return t.write(m)
}

// rate of learning: warmed up, then down along half a cosine.
func (t *distillation) rate(step int) float64 {
	warm := min(1, float64(step+1)/distillWarmup)
	return distillRate * warm * (0.02 + 0.98*(1+math.Cos(math.Pi*float64(step)/float64(t.Steps)))/2)
}

// write rounds what was trained into a copy of the pruned encoder.
func (t *distillation) write(m distiller) (*tflite.Model, error) {
	values, err := m.values()
	if err != nil {
		return nil, err
	}
	out := t.light.Cut(t.light.Outputs)
	for i, l := range t.layers {
		weights, bias := values[2*i], values[2*i+1]
		real := make([]float64, len(bias))
		for k, v := range bias {
			real[k] = float64(v)
		}
		if l.mask == nil {
			fit.SetBias(out, l.op, real)
			continue
		}
		in, outs := l.shape[2], l.shape[3]
		rows := make([]float64, len(weights))
		for k, v := range weights {
			rows[k%outs*in+k/outs] = float64(v * l.mask[k])
		}
		fit.SetConv(out, l.op, rows, real)
	}
	return out, out.Check()
}

// vary changes a picture [h][w][3] in place, int8 around 0: it is turned over,
// brighter or darker, and holds a piece of another.
func vary(r *rand.Rand, p, other []byte, h, w int) {
	if r.IntN(2) == 0 {
		for y := range h {
			row := p[y*w*3 : (y+1)*w*3]
			for a, b := 0, w-1; a < b; a, b = a+1, b-1 {
				for c := range 3 {
					row[3*a+c], row[3*b+c] = row[3*b+c], row[3*a+c]
				}
			}
		}
	}
	if r.IntN(2) == 0 {
		gain := 0.8 + 0.4*r.Float64()
		for i, b := range p {
			v := math.Round(gain * (float64(int8(b)) + 128))
			p[i] = byte(int8(max(0, min(255, v)) - 128))
		}
	}
	if r.IntN(2) == 0 {
		ph, pw := h/8+r.IntN(h/3), w/8+r.IntN(w/3)
		ty, tx, fy, fx := r.IntN(h-ph), r.IntN(w-pw), r.IntN(h-ph), r.IntN(w-pw)
		for y := range ph {
			copy(p[((ty+y)*w+tx)*3:][:pw*3], other[((fy+y)*w+fx)*3:][:pw*3])
		}
	}
}

// distiller runs the graph of a pruned encoder on TensorFlow.
type distiller interface {
	// step trains on input bytes of pictures; want are the dense encoder's taps,
	// tap by tap.
	step(in [][]byte, want [][][]byte, rate float64, step int) (loss float32, err error)
	values() ([][]float32, error) // weights and bias of each layer by turns
	close() error
}
