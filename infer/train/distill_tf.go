//go:build cgo && linux && (amd64 || arm64)

package train

import (
	"fmt"
	"math"
	"runtime"
	"strings"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"
	"github.com/tensorflow/tensorflow/tensorflow/go/op"

	"winnow/infer/tflite"
)

// tfDistiller implements distiller.
type tfDistiller struct {
	g                  *tfGraph
	l                  *lowering // for its arithmetic
	m                  *tflite.Model
	session            *tensorflow.Session
	runs               int
	input              output
	want               []output
	rate, beta1, beta2 output
	vars               []*variable // weights and bias of each layer by turns, then Adam's moments
	first              [][]float32
	masks              [][]float32
	loss               output
	train              []*tensorflow.Operation
}

func newDistiller(m *tflite.Model, layers []distilledLayer, weight [][]float32, threads int) (distiller, error) {
	g := &tfGraph{scope: op.NewScope()}
	d := &tfDistiller{g: g, l: &lowering{tfGraph: g}, m: m}
	d.rate, d.beta1, d.beta2 = g.place(tensorflow.Float), g.place(tensorflow.Float), g.place(tensorflow.Float)
	of := map[int]int{} // layer of an operator
	for i, l := range layers {
		of[l.op] = i
		d.vars = append(d.vars, g.variable(tfShape(m, l)), g.variable([]int{len(l.bias)}))
		d.first = append(d.first, l.weights, l.bias)
		d.masks = append(d.masks, l.mask)
	}
	v := map[int]output{m.Inputs[0]: d.picture()}
	for k := range m.Ops {
		if err := d.operator(k, of, v); err != nil {
			return nil, err
		}
	}
	d.losses(v, weight)
	d.optimize()
	graph, err := g.scope.Finalize()
	if err != nil {
		return nil, fmt.Errorf("the graph that distils: %w", err)
	}
	if d.session, err = tensorflow.NewSession(graph, &tensorflow.SessionOptions{Config: sessionConfig(max(1, threads))}); err != nil {
		return nil, err
	}
	return d, d.initialize()
}

func tfShape(m *tflite.Model, l distilledLayer) []int {
	if m.Ops[l.op].Code == tflite.OpDepthwiseConv2D {
		return []int{l.shape[0], l.shape[1], l.shape[2], 1}
	}
	return l.shape
}

// tap is a place for int8 maps of tensor t, and their real values.
func (d *tfDistiller) tap(t int) (place, real output) {
	x := &d.m.Tensors[t]
	place = d.g.place(tensorflow.Int8, -1, int64(x.Shape[1]), int64(x.Shape[2]), int64(x.Shape[3]))
	return place, d.g.scale(d.g.sub(op.Cast(d.g.s(), place, tensorflow.Float), d.g.num(float64(x.ZeroPoint()))), float64(x.Scale()))
}

func (d *tfDistiller) picture() (x output) {
	d.input, x = d.tap(d.m.Inputs[0])
	return x
}

// operator k of the encoder, with outputs on the grid of their eight bits.
func (d *tfDistiller) operator(k int, of map[int]int, v map[int]output) error {
	o := &d.m.Ops[k]
	x := v[o.Inputs[0]]
	var y output
	var act tflite.Activation
	switch a := o.Options.(type) {
	case tflite.Conv2D:
		act = a.Activation
		y = op.Conv2D(d.g.s(), x, d.weights(of[k]), []int64{1, int64(a.StrideH), int64(a.StrideW), 1}, strings.ToUpper(a.Padding.String()))
	case tflite.DepthwiseConv2D:
		act = a.Activation
		y = op.DepthwiseConv2dNative(d.g.s(), x, d.weights(of[k]), []int64{1, int64(a.StrideH), int64(a.StrideW), 1}, strings.ToUpper(a.Padding.String()))
	case tflite.Arithmetic:
		if o.Code != tflite.OpAdd {
			return d.m.Refuse(k, "an encoder with it cannot be distilled")
		}
		act = a.Activation
		y = d.g.add(x, v[o.Inputs[1]])
	default:
		return d.m.Refuse(k, "an encoder with it cannot be distilled")
	}
	if i, ok := of[k]; ok {
		y = op.BiasAdd(d.g.s(), y, d.vars[2*i+1].read)
	}
	switch act {
	case tflite.ActRelu:
		y = op.Relu(d.g.s(), y)
	case tflite.ActRelu6:
		y = op.Relu6(d.g.s(), y)
	}
	t := &d.m.Tensors[o.Outputs[0]]
	v[o.Outputs[0]] = d.l.onGrid(y, float64(t.Scale()), int(t.ZeroPoint()))
	return nil
}

// weights of layer i as the graph uses them.
func (d *tfDistiller) weights(i int) output {
	w := d.vars[2*i].read
	if d.masks[i] == nil {
		return w
	}
	return d.l.roundedWeights(d.g.mul(w, d.g.floats(d.masks[i], d.vars[2*i].shape...)), 0, 1, 2)
}

// losses is the mean of the taps: squared error in steps of the tap, weighed by channel.
func (d *tfDistiller) losses(v map[int]output, weight [][]float32) {
	g := d.g
	d.loss = g.num(0)
	for k, t := range d.m.Outputs {
		place, real := d.tap(t)
		d.want = append(d.want, place)
		step := 1 / float64(d.m.Tensors[t].Scale())
		e := g.mul(g.square(g.scale(g.sub(v[t], real), step)), g.floats(weight[k], len(weight[k])))
		d.loss = g.add(d.loss, g.scale(g.overall(e), 1/float64(len(d.m.Outputs))))
	}
}

// optimize adds a step of Adam for weights that are trained and for every bias.
func (d *tfDistiller) optimize() {
	var free []*variable
	var reads []output
	for i, mask := range d.masks {
		if mask != nil {
			free = append(free, d.vars[2*i])
		}
		free = append(free, d.vars[2*i+1])
	}
	for _, v := range free {
		reads = append(reads, v.read)
	}
	grads := op.Gradients(d.g.s(), []output{d.loss}, reads)
	if d.g.scope.Err() != nil {
		return
	}
	for k, v := range free {
		if grads[k].Op == nil { // behind the last tap
			continue
		}
		first, second := d.g.variable(v.shape), d.g.variable(v.shape)
		for range 2 {
			d.first = append(d.first, make([]float32, volume(v.shape)))
		}
		d.vars = append(d.vars, first, second)
		d.train = append(d.train, op.ResourceApplyAdam(d.g.s(), v.handle, first.handle, second.handle, d.beta1, d.beta2, d.rate,
			d.g.num(adamBeta1), d.g.num(adamBeta2), d.g.num(adamEpsilon), grads[k]))
	}
}

func volume(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

func (d *tfDistiller) initialize() error {
	feeds := map[output]*tensorflow.Tensor{}
	var ops []*tensorflow.Operation
	for i, v := range d.vars {
		t, err := floatTensor(d.first[i], v.shape...)
		if err != nil {
			return err
		}
		feeds[v.feed] = t
		ops = append(ops, v.assign)
	}
	_, err := d.session.Run(feeds, nil, ops)
	return err
}

func (d *tfDistiller) step(in [][]byte, want [][][]byte, rate float64, step int) (float32, error) {
	feeds := map[output]*tensorflow.Tensor{}
	maps := func(at output, rows [][]byte, t int) error {
		s := d.m.Tensors[t].Shape
		x, err := mapTensor(rows, Shape{H: s[1], W: s[2], C: s[3]})
		feeds[at] = x
		return err
	}
	if err := maps(d.input, in, d.m.Inputs[0]); err != nil {
		return 0, err
	}
	for k, t := range d.m.Outputs {
		if err := maps(d.want[k], want[k], t); err != nil {
			return 0, err
		}
	}
	for at, v := range map[output]float32{
		d.rate: float32(rate), d.beta1: float32(math.Pow(adamBeta1, float64(step))), d.beta2: float32(math.Pow(adamBeta2, float64(step))),
	} {
		t, err := tensorflow.NewTensor(v)
		if err != nil {
			return 0, err
		}
		feeds[at] = t
	}
	out, err := d.session.Run(feeds, []output{d.loss}, d.train)
	if err != nil {
		return 0, err
	}
	if d.runs++; d.runs%collectEvery == 0 {
		runtime.GC()
	}
	v, err := floatsOf(out[0])
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

func (d *tfDistiller) values() ([][]float32, error) {
	var reads []output
	for i := range d.masks {
		reads = append(reads, d.vars[2*i].read, d.vars[2*i+1].read)
	}
	out, err := d.session.Run(nil, reads, nil)
	if err != nil {
		return nil, err
	}
	values := make([][]float32, len(out))
	for i, t := range out {
		if values[i], err = floatsOf(t); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (d *tfDistiller) close() error { return d.session.Close() }
