package native

import (
	"fmt"
	"slices"

	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// lowering turns the nodes of a graph into steps over one arena.
type lowering struct {
	g      *graph.Graph
	plan   *graph.Plan
	set    *kernel.Set
	arena  []byte
	copies map[int][]byte // of constants that nodes read in place
	held   int64          // bytes of packed weights and copied constants
	most   int64          // what held may become
}

// inPlace says which nodes may write over their first input.
func inPlace(n *graph.Node) bool {
	switch n.Code {
	case tflite.OpLogistic, tflite.OpTanh, tflite.OpRelu, tflite.OpRelu6, tflite.OpReluN1To1,
		tflite.OpLeakyRelu, tflite.OpHardSwish:
		return true
	}
	return false
}

func (l *lowering) layers() ([]layer, error) {
	all := make([]layer, 0, len(l.g.Nodes))
	for i := range l.g.Nodes {
		n := &l.g.Nodes[i]
		y, err := l.layer(n)
		if err != nil {
			return nil, err
		}
		if l.held > l.most {
			return nil, l.refuse(n, "the weights up to here take %d bytes once packed for each operator that uses them, more than the %d that are allowed", l.held, l.most)
		}
		t := l.tensor(n.Out)
		y.name = t.Name
		y.op = l.op(n).Code.String()
		if n.UpOnly {
			y.op = tflite.OpResizeNearest.String()
		}
		if y.shape == "" {
			y.shape = fmt.Sprintf("%v->%v", n.InShape, t.Shape)
		}
		if y.density == 0 {
			y.density = 1
		}
		all = append(all, y)
	}
	return all, nil
}

// outputs copies the constants among the model's outputs, within the limit.
func (l *lowering) outputs() error {
	for _, i := range l.g.Model.Outputs {
		if l.bytes(i); l.held > l.most {
			t := l.tensor(i)
			return &tflite.Error{Kind: tflite.ErrLimit, Tensor: t.Name, Offset: t.Offset,
				Msg: fmt.Sprintf("weights and constant outputs up to here take %d bytes, more than the %d that are allowed", l.held, l.most)}
		}
	}
	return nil
}

// layer lowers one node.
func (l *lowering) layer(n *graph.Node) (layer, error) {
	if n.UpOnly {
		return l.upsample(n)
	}
	switch n.Code {
	case tflite.OpConv2D:
		return l.conv(n)
	case tflite.OpDepthwiseConv2D:
		return l.depthwise(n)
	case tflite.OpTransposeConv:
		return l.transposeConv(n)
	case tflite.OpFullyConnected:
		return l.fullyConnected(n)
	case tflite.OpAdd, tflite.OpSub, tflite.OpMul:
		return l.arithmetic(n)
	case tflite.OpAveragePool2D, tflite.OpMaxPool2D:
		return l.pool2D(n)
	case tflite.OpMean:
		return l.mean(n)
	case tflite.OpResizeBilinear, tflite.OpResizeNearest:
		return l.resize(n)
	case tflite.OpPad, tflite.OpPadV2:
		return l.pad(n)
	case tflite.OpTile:
		return l.tile(n)
	case tflite.OpSpaceToBatch, tflite.OpBatchToSpace:
		return l.blocks(n)
	case tflite.OpConcatenation:
		return l.concat(n)
	case tflite.OpSoftmax:
		return l.softmax(n)
	case tflite.OpQuantize, tflite.OpDequantize:
		return l.convert(n)
	case tflite.OpRelu, tflite.OpRelu6, tflite.OpReluN1To1, tflite.OpLeakyRelu, tflite.OpLogistic,
		tflite.OpTanh, tflite.OpHardSwish, tflite.OpSqrt:
		return l.unary(n)
	}
	return layer{}, l.refuse(n, "the native engine cannot run it on %v", l.tensor(n.Out).Type)
}

func (l *lowering) tensor(i int) *tflite.Tensor { return &l.g.Model.Tensors[i] }

func (l *lowering) op(n *graph.Node) *tflite.Op { return &l.g.Model.Ops[n.Op] }

// refuse names operator, tensor and file offset.
func (l *lowering) refuse(n *graph.Node, format string, args ...any) error {
	return l.g.Model.Refuse(n.Op, format, args...)
}

// bytes is the memory of activation i.
func (l *lowering) bytes(i int) []byte {
	t := l.tensor(i)
	o := l.plan.Offset(i)
	if t.Const() {
		c, ok := l.copies[i]
		if !ok {
			l.held += int64(len(t.Data))
			c = slices.Clone(t.Data)
			l.copies[i] = c
		}
		return c
	}
	end := o + t.Elements()*t.Type.Size()
	return l.arena[o:end:end]
}

// int8s is the memory of an int8 tensor: of an activation in the arena, of a
// constant in a copy.
func (l *lowering) int8s(i int) []int8 { return kernel.Int8s(l.bytes(i)) }

// needInt8 refuses the node unless tensors i are int8 with one scale above 0.
func (l *lowering) needInt8(n *graph.Node, tensors ...int) error {
	for _, i := range tensors {
		t := l.tensor(i)
		switch {
		case t.Type != tflite.Int8:
			return l.refuse(n, "tensor %q is %v; the native engine computes on int8", t.Name, t.Type)
		case len(t.Scales) != 1 || !(t.Scales[0] > 0):
			return l.refuse(n, "tensor %q needs one scale above 0, it has %d", t.Name, len(t.Scales))
		}
	}
	return nil
}
