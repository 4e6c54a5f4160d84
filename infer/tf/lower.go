//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"fmt"
	"strings"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"
	"github.com/tensorflow/tensorflow/tensorflow/go/op"

	"winnow/infer"
	"winnow/infer/tflite"
)

// lowered is a model as a TensorFlow graph.
type lowered struct {
	graph           *tensorflow.Graph
	inputs, outputs []end
}

// lowering is the work of making one. Quantized tensors are float32 holding
// q - zeroPoint, others hold their values.
type lowering struct {
	builder
	m       *tflite.Model
	mode    Mode
	careful map[int]bool   // tensors that fast mode rounds exactly too
	exact   bool           // the operator at hand is rounded exactly
	values  map[int]output // by tensor
}

// lower makes the graph. Errors are *tflite.Error with operator, tensor and
// file offset.
func lower(m *tflite.Model, mode Mode) (*lowered, error) {
	root := op.NewScope()
	l := &lowering{builder: builder{root}, m: m, mode: mode, values: map[int]output{}}
	if mode == Fast {
		l.careful = careful(m)
	}
	g := new(lowered)
	for i, t := range m.Inputs {
		e, err := l.input(i, t)
		if err != nil {
			return nil, err
		}
		g.inputs = append(g.inputs, e)
	}
	for k, o := range m.Ops {
		l.scope = root.SubScope(fmt.Sprintf("op%03d_%v", k, o.Code))
		if err := l.operator(o); err != nil {
			// The binding appends a stack trace to what TensorFlow says.
			msg, _, _ := strings.Cut(err.Error(), " (Stacktrace")
			return nil, m.Refuse(k, "%s (tensorflow engine)", msg)
		}
	}
	for i, t := range m.Outputs {
		l.scope = root.SubScope(fmt.Sprintf("output%d", i))
		e, err := l.output(t)
		if err != nil {
			return nil, err
		}
		g.outputs = append(g.outputs, e)
	}
	var err error
	g.graph, err = root.Finalize()
	return g, err
}

// operator lowers o and keeps its output.
func (l *lowering) operator(o tflite.Op) error {
	lowers := map[tflite.OpCode]func(tflite.Op) (output, error){
		tflite.OpConv2D:          l.conv,
		tflite.OpDepthwiseConv2D: l.depthwise,
		tflite.OpFullyConnected:  l.fullyConnected,
		tflite.OpTransposeConv:   l.transposeConv,
		tflite.OpAdd:             l.sum,
		tflite.OpSub:             l.sum,
		tflite.OpMul:             l.product,
		tflite.OpMean:            l.mean,
		tflite.OpAveragePool2D:   l.averagePool,
		tflite.OpMaxPool2D:       l.maxPool,
		tflite.OpConcatenation:   l.concat,
		tflite.OpQuantize:        l.quantize,
		tflite.OpDequantize:      l.dequantize,
		tflite.OpSoftmax:         l.softmax,
		tflite.OpLogistic:        l.unary,
		tflite.OpTanh:            l.unary,
		tflite.OpHardSwish:       l.unary,
		tflite.OpLeakyRelu:       l.unary,
		tflite.OpSqrt:            l.unary,
		tflite.OpRelu:            l.unary,
		tflite.OpRelu6:           l.unary,
		tflite.OpReluN1To1:       l.unary,
		tflite.OpReshape:         l.reshaped,
		tflite.OpSqueeze:         l.reshaped,
		tflite.OpExpandDims:      l.reshaped,
		tflite.OpPad:             l.pad,
		tflite.OpPadV2:           l.pad,
		tflite.OpTile:            l.tile,
		tflite.OpSpaceToBatch:    l.blocks,
		tflite.OpBatchToSpace:    l.blocks,
		tflite.OpStridedSlice:    l.stridedSlice,
		tflite.OpResizeNearest:   l.resizeNearest,
		tflite.OpResizeBilinear:  l.resizeBilinear,
		tflite.OpPack:            l.pack,
	}
	f, ok := lowers[o.Code]
	if !ok {
		return fmt.Errorf("this operator cannot be run")
	}
	if len(o.Outputs) != 1 {
		return fmt.Errorf("%d outputs, expected 1", len(o.Outputs))
	}
	l.exact = l.mode == Exact || l.careful[o.Outputs[0]]
	y, err := f(o)
	if err == nil {
		err = l.scope.Err()
	}
	l.values[o.Outputs[0]] = y
	return err
}

// tensor is input i of o.
func (l *lowering) tensor(o tflite.Op, i int) *tflite.Tensor { return &l.m.Tensors[o.Inputs[i]] }

// result is the output of o.
func (l *lowering) result(o tflite.Op) *tflite.Tensor { return &l.m.Tensors[o.Outputs[0]] }

// arg is the value of input i of o; constants become part of the graph.
func (l *lowering) arg(o tflite.Op, i int) (output, error) {
	t := o.Inputs[i]
	if y, ok := l.values[t]; ok {
		return y, nil
	}
	return l.constant(&l.m.Tensors[t])
}

// constant brings a constant tensor into the graph.
func (l *lowering) constant(t *tflite.Tensor) (output, error) {
	switch {
	case !t.Const():
		return output{}, fmt.Errorf("tensor %q has no value", t.Name)
	case t.Type == tflite.Float32:
		return constant(&l.builder, t.Floats(), t.Shape...), nil
	case t.Type == tflite.Int32 && !t.Quantized():
		return constant(&l.builder, int32s(t), t.Shape...), nil
	}
	q, err := integers(t)
	if err != nil {
		return output{}, err
	}
	for i := range q {
		q[i] -= t.ZeroPoint()
	}
	return constant(&l.builder, converted[float32](q), t.Shape...), nil
}

// input makes the placeholder of tensor t.
func (l *lowering) input(i, t int) (end, error) {
	l.scope = l.scope.SubScope(fmt.Sprintf("input%d", i))
	e, err := l.end(t)
	if err != nil {
		return e, err
	}
	e.op = op.Placeholder(l.s(), e.typ, op.PlaceholderShape(tensorflow.MakeShape(wide(e.tensor.Shape)...)))
	l.values[t] = e.op
	if isQuantized(&l.m.Tensors[t]) {
		l.values[t] = l.sub(l.float(e.op), scalar(&l.builder, float32(e.tensor.ZeroPoint)))
	}
	return e, l.scope.Err()
}

// output casts tensor t to the type that it has in the file.
func (l *lowering) output(t int) (end, error) {
	e, err := l.end(t)
	if err != nil {
		return e, err
	}
	y, ok := l.values[t]
	if !ok {
		if y, err = l.constant(&l.m.Tensors[t]); err != nil {
			return e, err
		}
	}
	if isQuantized(&l.m.Tensors[t]) {
		y = l.add(y, scalar(&l.builder, float32(e.tensor.ZeroPoint)))
	}
	e.op = op.Identity(l.s(), l.cast(y, e.typ))
	return e, l.scope.Err()
}

// end describes tensor t to the session.
func (l *lowering) end(t int) (end, error) {
	x := &l.m.Tensors[t]
	e := end{tensor: infer.Tensor{Name: x.Name, Shape: x.Shape, Scale: x.Scale(), ZeroPoint: x.ZeroPoint()}}
	switch x.Type {
	case tflite.Int8:
		e.typ, e.tensor.Type = tensorflow.Int8, infer.Int8
	case tflite.UInt8:
		e.typ, e.tensor.Type = tensorflow.Uint8, infer.UInt8
	case tflite.Int32:
		e.typ, e.tensor.Type = tensorflow.Int32, infer.Int32
	case tflite.Float32:
		e.typ, e.tensor.Type = tensorflow.Float, infer.Float32
	default:
		return e, &tflite.Error{Kind: tflite.ErrUnsupported, Tensor: x.Name, Offset: x.Offset, Msg: "inputs and outputs of " + x.Type.String() + " cannot be run (tensorflow engine)"}
	}
	return e, nil
}

// isQuantized says whether t travels as q - zeroPoint.
func isQuantized(t *tflite.Tensor) bool {
	return t.Type == tflite.Int8 || t.Type == tflite.UInt8
}

// integers returns the values of an integer constant as they are stored.
func integers(t *tflite.Tensor) ([]int32, error) {
	q := make([]int32, len(t.Data))
	switch t.Type {
	case tflite.Int8:
		for i, b := range t.Data {
			q[i] = int32(int8(b))
		}
	case tflite.UInt8:
		for i, b := range t.Data {
			q[i] = int32(b)
		}
	case tflite.Int32, tflite.Int64:
		return int32s(t), nil
	default:
		return nil, fmt.Errorf("constant %q of %v cannot be used here", t.Name, t.Type)
	}
	return q, nil
}

func int32s(t *tflite.Tensor) []int32 {
	v := t.Ints()
	w := make([]int32, len(v))
	for i, x := range v {
		w[i] = int32(x)
	}
	return w
}
