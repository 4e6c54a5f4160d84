//go:build cgo && linux && (amd64 || arm64)

package train

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"
	"github.com/tensorflow/tensorflow/tensorflow/go/op"
)

type output = tensorflow.Output

// tfGraph adds operations, each in a scope of its own: op.Scope makes names of
// scopes unique but not those of operations.
type tfGraph struct {
	scope *op.Scope
	vars  int
}

func (g *tfGraph) s() *op.Scope { return g.scope.SubScope("n") }

func (g *tfGraph) floats(v []float32, dims ...int) output {
	t, err := floatTensor(v, dims...)
	if err != nil {
		g.scope.UpdateErr("constant", err)
		return output{}
	}
	return op.Const(g.s(), t)
}

func (g *tfGraph) num(v float64) output { return op.Const(g.s(), float32(v)) }

func (g *tfGraph) ints(v ...int) output {
	w := make([]int32, len(v))
	for i, x := range v {
		w[i] = int32(x)
	}
	return op.Const(g.s(), w)
}

func (g *tfGraph) add(x, y output) output { return op.AddV2(g.s(), x, y) }
func (g *tfGraph) sub(x, y output) output { return op.Sub(g.s(), x, y) }
func (g *tfGraph) mul(x, y output) output { return op.Mul(g.s(), x, y) }
func (g *tfGraph) div(x, y output) output { return op.RealDiv(g.s(), x, y) }

func (g *tfGraph) scale(x output, k float64) output { return g.mul(x, g.num(k)) }

func (g *tfGraph) square(x output) output { return op.Square(g.s(), x) }

// mean over the given axes, which are removed.
func (g *tfGraph) mean(x output, axes ...int) output { return op.Mean(g.s(), x, g.ints(axes...)) }

func (g *tfGraph) sum(x output, axes ...int) output { return op.Sum(g.s(), x, g.ints(axes...)) }

// overall is the mean of a rank-1 or rank-4 tensor.
func (g *tfGraph) overall(x output) output {
	axes := make([]int, x.Shape().NumDimensions())
	for i := range axes {
		axes[i] = i
	}
	return g.mean(x, axes...)
}

// flat keeps the batch and joins the rest.
func (g *tfGraph) flat(x output, n int) output { return op.Reshape(g.s(), x, g.ints(-1, n)) }

// map4 is x as maps of shape s.
func (g *tfGraph) map4(x output, s Shape) output {
	return op.Reshape(g.s(), x, g.ints(-1, s.H, s.W, s.C))
}

// through is v going forward and x for the gradient: the straight-through
// estimator (Bengio et al. 2013). TensorFlow has no gradient for rounding.
func (g *tfGraph) through(x, v output) output {
	return g.add(x, op.StopGradient(g.s(), g.sub(v, x)))
}

func (g *tfGraph) place(t tensorflow.DataType, dims ...int64) output {
	return op.Placeholder(g.s(), t, op.PlaceholderShape(tensorflow.MakeShape(dims...)))
}

// variable is a tensor that lives in the session.
type variable struct {
	shape              []int
	handle, read, feed output
	assign             *tensorflow.Operation
}

func (g *tfGraph) variable(shape []int) *variable {
	g.vars++
	v := &variable{shape: shape}
	dims := tensorflow.MakeShape(wide(shape)...)
	v.handle = op.VarHandleOp(g.s(), tensorflow.Float, dims, op.VarHandleOpSharedName(fmt.Sprintf("v%d", g.vars)))
	v.feed = op.Placeholder(g.s(), tensorflow.Float, op.PlaceholderShape(dims))
	v.assign = op.AssignVariableOp(g.s(), v.handle, v.feed)
	v.read = op.ReadVariableOp(g.s(), v.handle, tensorflow.Float)
	return v
}

func wide(v []int) []int64 {
	w := make([]int64, len(v))
	for i, x := range v {
		w[i] = int64(x)
	}
	return w
}

func floatTensor(v []float32, dims ...int) (*tensorflow.Tensor, error) {
	b := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(x))
	}
	return tensorflow.ReadTensor(tensorflow.Float, wide(dims), bytes.NewReader(b))
}

// floatsOf are the values of a float tensor, in row-major order.
func floatsOf(t *tensorflow.Tensor) ([]float32, error) {
	var buf bytes.Buffer
	if _, err := t.WriteContentsTo(&buf); err != nil {
		return nil, err
	}
	b := buf.Bytes()
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v, nil
}

// sessionConfig is a serialized tensorflow.ConfigProto (config.proto of 2.18):
// threads within an operator, and none between operators, so that sums are made
// in one order: with one thread a run repeats to the bit.
func sessionConfig(threads int) []byte {
	b := binary.AppendUvarint([]byte{2 << 3}, uint64(threads))
	b = binary.AppendUvarint(append(b, 5<<3), 1)
	return append(b, 9<<3, 1) // threads of this session alone
}
