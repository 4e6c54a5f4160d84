package fit

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"

	"winnow/infer"
	"winnow/infer/tflite"
)

// Blocks of weights that kernels skip where all are 0: 16 output channels by 4
// input channels.
const (
	BlockOut = 16
	BlockIn  = 4
)

const (
	lightRidge   = 1e-3 // of the mean variance of a layer's inputs
	lightCells   = 640  // places of a picture that a layer is refitted on, at most
	lightPlaces  = 20   // for each of its inputs a layer is refitted on, where there are so many
	lightFew     = 16   // pictures at least
	lightLeast   = 0.1  // share of a layer's blocks that always stays
	lightRuns    = 10   // that layers are timed over
	fewestToThin = 8    // pictures
)

// Lighten returns encoder with blocks of its 1x1 convolutions pruned until
// density of their measured time is left. Layer by layer, what stays is refitted
// by ridge regression to what the dense encoder's layer gives on pictures, from
// what the lightened layers before it give: so later layers make up for earlier
// ones (after Luo et al. 2017, ThiNet; Frantar and Alistarh 2022). Quantization of
// activations stays as it is. pictures are the encoder's input bytes.
func Lighten(ctx context.Context, encoder *tflite.Model, pictures [][]byte, density float64, eng infer.Engine, tick func(done, total int)) (*tflite.Model, error) {
	if len(pictures) < fewestToThin {
		return nil, fmt.Errorf("%d pictures are too few to refit an encoder on, at least %d are needed", len(pictures), fewestToThin)
	}
	l := &lightener{ctx: ctx, eng: eng, dense: encoder.Cut(encoder.Outputs), light: encoder.Cut(encoder.Outputs), pictures: pictures}
	if err := l.survey(); err != nil {
		return nil, err
	}
	l.choose(density)
	for k := range l.layers {
		if err := l.refit(&l.layers[k]); err != nil {
			return nil, err
		}
		tick(k+1, len(l.layers))
	}
	return l.light, l.light.Check()
}

type lightener struct {
	ctx          context.Context // of the one call that it lives in
	eng          infer.Engine
	dense, light *tflite.Model
	pictures     [][]byte
	layers       []thinLayer
}

// thinLayer is one 1x1 convolution.
type thinLayer struct {
	op      int
	in, out int       // channels
	seconds float64   // measured
	share   []float64 // what each block is worth, row by row of outputs: of the variance of what the layer gives
	keep    []bool
}

func (t *thinLayer) columns() int { return (t.in + BlockIn - 1) / BlockIn }
func (t *thinLayer) rows() int    { return (t.out + BlockOut - 1) / BlockOut }

// survey finds the layers, their time and what each of their blocks is worth.
func (l *lightener) survey() error {
	took, err := l.time()
	if err != nil {
		return err
	}
	for k := range l.dense.Ops {
		o := &l.dense.Ops[k]
		if o.Code != tflite.OpConv2D {
			continue
		}
		w := &l.dense.Tensors[o.Inputs[1]]
		if w.Shape[1] != 1 || w.Shape[2] != 1 || w.Shape[0] < BlockOut || w.Shape[3] < 2*BlockIn || o.Inputs[2] < 0 || len(w.Scales) != w.Shape[0] {
			continue
		}
		t := thinLayer{op: k, in: w.Shape[3], out: w.Shape[0], seconds: took[l.dense.Tensors[o.Outputs[0]].Name]}
		s, err := l.sums(l.dense, l.dense, o.Inputs[0], t.in)
		if err != nil {
			return err
		}
		if err := t.weigh(realWeights(w), s); err != nil {
			return err
		}
		l.layers = append(l.layers, t)
	}
	if len(l.layers) == 0 {
		return fmt.Errorf("the encoder has no 1x1 convolutions to prune")
	}
	return nil
}

// time is what each layer takes on one thread, by name.
func (l *lightener) time() (map[string]float64, error) {
	s, err := l.session(l.dense)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p, ok := s.(infer.Profiler)
	if !ok {
		return nil, fmt.Errorf("engine %s cannot time its layers", l.eng.Name())
	}
	copy(s.Input(0), l.pictures[0])
	layers, err := p.Profile(lightRuns)
	took := map[string]float64{}
	for _, t := range layers {
		took[t.Name] += t.Time.Seconds()
	}
	return took, err
}

func (l *lightener) session(m *tflite.Model) (infer.Session, error) {
	b, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	return l.eng.Load(b, infer.Options{Threads: 1})
}

// realWeights are w's values, a row for each output channel.
func realWeights(w *tflite.Tensor) []float64 {
	per := w.Shape[3]
	v := make([]float64, len(w.Data))
	for i, b := range w.Data {
		v[i] = float64(int8(b)) * float64(w.Scales[i/per])
	}
	return v
}

// weigh sets what each block is worth: the squared error that the layer's outputs
// gain when it alone goes and all other weights make up for it as well as they
// can, over the variance of the outputs (the saliency of Hassibi and Stork 1993,
// optimal brain surgeon, for a block).
func (t *thinLayer) weigh(w []float64, s *crossSums) error {
	power := 0.0
	for c := range t.in {
		power += s.light.At(c, c) / float64(t.in)
	}
	h := mat.NewSymDense(t.in, nil)
	for i := range t.in {
		for j := i; j < t.in; j++ {
			h.SetSym(i, j, s.light.At(i, j))
		}
		h.SetSym(i, i, max(0, s.light.At(i, i))+lightRidge*power+1e-9)
	}
	var ch mat.Cholesky
	var inverse mat.SymDense
	if !ch.Factorize(h) {
		return fmt.Errorf("the %d inputs of a layer did not decompose", t.in)
	}
	if err := ch.InverseTo(&inverse); err != nil {
		return fmt.Errorf("what a layer's %d inputs have to do with each other: %w", t.in, err)
	}
	t.share = make([]float64, t.rows()*t.columns())
	for c := range t.columns() {
		first, n := c*BlockIn, min(BlockIn, t.in-c*BlockIn)
		var own mat.Dense
		if err := own.Inverse(inverse.SliceSym(first, first+n)); err != nil {
			return fmt.Errorf("what a block of a layer is worth: %w", err)
		}
		for r := range t.out {
			v := mat.NewVecDense(n, w[r*t.in+first:r*t.in+first+n])
			t.share[r/BlockOut*t.columns()+c] += mat.Inner(v, &own, v)
		}
	}
	var through mat.Dense
	all := mat.NewDense(t.out, t.in, w)
	through.Mul(all, s.light)
	total := 1e-30
	for r := range t.out {
		total += mat.Dot(through.RowView(r), all.RowView(r))
	}
	for i := range t.share {
		t.share[i] /= total
	}
	return nil
}

// choose keeps the blocks that are worth most for their time until density of
// the layers' time is used; lightLeast of each layer stays whatever it is worth.
func (l *lightener) choose(density float64) {
	type block struct {
		layer, at   int
		worth, time float64
	}
	var free []block
	budget := 0.0
	for k := range l.layers {
		t := &l.layers[k]
		t.keep = make([]bool, len(t.share))
		each := max(t.seconds, 1e-9) / float64(len(t.share))
		budget += density * each * float64(len(t.share))
		order := upTo(len(t.share))
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.share[b], t.share[a]) })
		least := int(math.Ceil(lightLeast * float64(len(order))))
		for _, at := range order[:least] {
			t.keep[at] = true
			budget -= each
		}
		for _, at := range order[least:] {
			free = append(free, block{k, at, t.share[at] / each, each})
		}
	}
	slices.SortStableFunc(free, func(a, b block) int { return cmp.Compare(b.worth, a.worth) })
	for _, b := range free {
		if budget -= b.time; budget < 0 {
			return
		}
		l.layers[b.layer].keep[b.at] = true
	}
}

// crossSums are second moments of what a layer sees, means taken off.
type crossSums struct {
	light   *mat.SymDense // of the lightened encoder's
	cross   *mat.Dense    // of the lightened one's (rows) with the dense one's
	atLight []float64     // means
	atDense []float64
	shift   [2][]float32 // taken off every cell, so that sums keep their digits: means of the first picture
	n       float64
	inputs  [2]infer.Session
	quants  [2][2]float64 // scale, zero point
	width   int
	square  blas32.Symmetric // of one picture
	product blas32.General
}

// sums of tensor over the pictures, for light and dense.
func (l *lightener) sums(light, dense *tflite.Model, tensor, width int) (*crossSums, error) {
	s := &crossSums{width: width, atLight: make([]float64, width), atDense: make([]float64, width)}
	s.light, s.cross = mat.NewSymDense(width, nil), mat.NewDense(width, width, nil)
	s.square = blas32.Symmetric{N: width, Stride: width, Data: make([]float32, width*width), Uplo: blas.Upper}
	s.product = blas32.General{Rows: width, Cols: width, Stride: width, Data: make([]float32, width*width)}
	for i, m := range []*tflite.Model{light, dense} {
		if i == 1 && light == dense {
			break
		}
		t := &m.Tensors[tensor]
		s.quants[i] = [2]float64{float64(t.Scale()), float64(t.ZeroPoint())}
		var err error
		if s.inputs[i], err = l.session(m.Cut([]int{tensor})); err != nil {
			return nil, err
		}
		defer s.inputs[i].Close()
	}
	for k, p := range l.pictures {
		if k >= lightFew && s.n >= float64(lightPlaces*width) {
			break
		}
		if err := l.ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.add(p, k); err != nil {
			return nil, err
		}
	}
	s.finish()
	return s, nil
}

// add a picture's cells, evenly taken.
func (s *crossSums) add(picture []byte, k int) error {
	var x [2]blas32.General
	for i, session := range s.inputs {
		if session == nil {
			x[i] = x[0]
			continue
		}
		copy(session.Input(0), picture)
		if err := session.Run(); err != nil {
			return err
		}
		x[i] = s.cells(session.Output(0), s.quants[i], k)
		s.center(i, x[i])
	}
	s.n += float64(x[0].Rows)
	for i, into := range [][]float64{s.atLight, s.atDense} {
		for j, v := range x[i].Data {
			into[j%s.width] += float64(v)
		}
	}
	blas32.Syrk(blas.Trans, 1, x[0], 0, s.square)
	into := s.light.RawSymmetric()
	for i := range s.width {
		for j := i; j < s.width; j++ {
			into.Data[i*into.Stride+j] += float64(s.square.Data[i*s.width+j])
		}
	}
	if s.inputs[1] == nil {
		return nil
	}
	blas32.Gemm(blas.Trans, blas.NoTrans, 1, x[0], x[1], 0, s.product)
	for i, v := range s.product.Data {
		s.cross.RawMatrix().Data[i] += float64(v)
	}
	return nil
}

// center takes the shift off x.
func (s *crossSums) center(i int, x blas32.General) {
	if s.shift[i] == nil {
		s.shift[i] = make([]float32, s.width)
		for j, v := range x.Data {
			s.shift[i][j%s.width] += v / float32(x.Rows)
		}
	}
	for j := range x.Data {
		x.Data[j] -= s.shift[i][j%s.width]
	}
}

func (s *crossSums) cells(m []byte, quant [2]float64, k int) blas32.General {
	all := len(m) / s.width
	stride := max(1, all/lightCells)
	var data []float32
	rows := 0
	for c := k % stride; c < all; c += stride {
		for _, b := range m[c*s.width : (c+1)*s.width] {
			data = append(data, float32(quant[0]*(float64(int8(b))-quant[1])))
		}
		rows++
	}
	return blas32.General{Rows: rows, Cols: s.width, Stride: s.width, Data: data}
}

// finish divides and takes the means off.
func (s *crossSums) finish() {
	for i := range s.width {
		s.atLight[i] /= s.n
		s.atDense[i] /= s.n
	}
	for i := range s.width {
		for j := range s.width {
			s.cross.Set(i, j, s.cross.At(i, j)/s.n-s.atLight[i]*s.atDense[j])
			if j >= i {
				s.light.SetSym(i, j, s.light.At(i, j)/s.n-s.atLight[i]*s.atLight[j])
			}
		}
	}
	for i := range s.width {
		s.atLight[i] += float64(s.shift[0][i])
		if s.shift[1] != nil {
			s.atDense[i] += float64(s.shift[1][i])
		}
	}
}

// refit solves for the weights that stay of t and writes them into the light
// encoder.
func (l *lightener) refit(t *thinLayer) error {
	o := &l.dense.Ops[t.op]
	s, err := l.sums(l.light, l.dense, o.Inputs[0], t.in)
	if err != nil {
		return err
	}
	w, bias := &l.dense.Tensors[o.Inputs[1]], &l.dense.Tensors[o.Inputs[2]]
	dense := mat.NewDense(t.out, t.in, realWeights(w))
	var want mat.Dense // inputs x outputs: what the light inputs have to do with the dense outputs
	want.Mul(s.cross, dense.T())
	fresh := make([]float64, t.out*t.in)
	for r := range t.rows() {
		if err := t.solve(s, &want, r, fresh); err != nil {
			return err
		}
	}
	in := float64(l.dense.Tensors[o.Inputs[0]].Scale())
	at := make([]float64, t.out) // real bias
	for r := range at {
		at[r] = float64(int32(binary.LittleEndian.Uint32(bias.Data[4*r:]))) * in * float64(w.Scales[r])
		for c := range t.in {
			at[r] += dense.At(r, c)*s.atDense[c] - fresh[r*t.in+c]*s.atLight[c]
		}
	}
	SetConv(l.light, t.op, fresh, at)
	return nil
}

// solve block row r: its outputs from the inputs whose blocks stay.
func (t *thinLayer) solve(s *crossSums, want *mat.Dense, r int, fresh []float64) error {
	var cols []int
	for c := range t.in {
		if t.keep[r*t.columns()+c/BlockIn] {
			cols = append(cols, c)
		}
	}
	if len(cols) == 0 {
		return nil
	}
	power := 0.0
	for c := range t.in {
		power += s.light.At(c, c) / float64(t.in)
	}
	first, n := r*BlockOut, min(BlockOut, t.out-r*BlockOut)
	a, b := mat.NewSymDense(len(cols), nil), mat.NewDense(len(cols), n, nil)
	for i, p := range cols {
		for j := i; j < len(cols); j++ {
			a.SetSym(i, j, s.light.At(p, cols[j]))
		}
		a.SetSym(i, i, max(0, s.light.At(p, p))+lightRidge*power+1e-9)
		for j := range n {
			b.Set(i, j, want.At(p, first+j))
		}
	}
	var ch mat.Cholesky
	var x mat.Dense
	if !ch.Factorize(a) {
		return fmt.Errorf("the %d inputs of a layer did not decompose", len(cols))
	}
	if err := ch.SolveTo(&x, b); err != nil {
		return fmt.Errorf("refitting a layer of %d inputs: %w", len(cols), err)
	}
	for i, p := range cols {
		for j := range n {
			fresh[(first+j)*t.in+p] = x.At(i, j)
		}
	}
	return nil
}

// SetConv rounds real weights, a row for each output channel, and biases into
// convolution op of m: eight bits with one scale an output channel, and sums of 32.
func SetConv(m *tflite.Model, op int, weights, bias []float64) {
	o := &m.Ops[op]
	w, b := &m.Tensors[o.Inputs[1]], &m.Tensors[o.Inputs[2]]
	in := float64(m.Tensors[o.Inputs[0]].Scale())
	outs := len(bias)
	per := len(weights) / outs
	q, scales, biasScales := make([]byte, len(weights)), make([]float32, outs), make([]float32, outs)
	for r := range outs {
		most := 1e-9
		for _, v := range weights[r*per : (r+1)*per] {
			most = max(most, math.Abs(v))
		}
		// A bias has to stay within 30 bits of the sum's scale.
		most = max(most, 127*math.Abs(bias[r])/in/(1<<30))
		scales[r] = float32(most / 127)
		biasScales[r] = float32(in) * scales[r]
		for c := r * per; c < (r+1)*per; c++ {
			q[c] = byte(int8(math.RoundToEven(weights[c] / float64(scales[r]))))
		}
	}
	w.Data, w.Scales, w.ZeroPoints = q, scales, make([]int64, outs)
	b.Scales, b.ZeroPoints = biasScales, make([]int64, outs)
	SetBias(m, op, bias)
}

// SetBias rounds real biases into convolution op of m, whose weights stay.
func SetBias(m *tflite.Model, op int, bias []float64) {
	o := &m.Ops[op]
	w, b := &m.Tensors[o.Inputs[1]], &m.Tensors[o.Inputs[2]]
	in := float64(m.Tensors[o.Inputs[0]].Scale())
	b.Data = make([]byte, 4*len(bias))
	for r, v := range bias {
		sum := math.RoundToEven(v / in / float64(w.Scales[min(r, len(w.Scales)-1)]))
		binary.LittleEndian.PutUint32(b.Data[4*r:], uint32(int32(max(-1<<30, min(1<<30, sum)))))
	}
}
