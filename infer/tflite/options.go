package tflite

// Activation is fused into an operator: it clamps the operator's output.
type Activation uint8

// Fused activations, numbered as in the schema.
const (
	ActNone Activation = iota
	ActRelu
	ActReluN1To1
	ActRelu6
)

var activationNames = [...]string{"none", "relu", "relu_n1_to_1", "relu6", "tanh", "sign_bit"}

func (a Activation) String() string {
	if int(a) < len(activationNames) {
		return activationNames[a]
	}
	return "unknown"
}

// Padding of convolutions and pools.
type Padding uint8

// Paddings, numbered as in the schema.
const (
	Same Padding = iota
	Valid
)

func (p Padding) String() string { return [...]string{"same", "valid"}[p&1] }

// Option structs, by the operators that carry them.
type (
	// Conv2D: inputs x [N,H,W,C], weights [O,KH,KW,C], bias [O] or -1.
	Conv2D struct {
		Padding              Padding
		StrideH, StrideW     int
		DilationH, DilationW int
		Activation           Activation
	}
	// DepthwiseConv2D: inputs x [N,H,W,C], weights [1,KH,KW,C*Multiplier], bias or -1.
	DepthwiseConv2D struct {
		Padding              Padding
		StrideH, StrideW     int
		Multiplier           int
		DilationH, DilationW int
		Activation           Activation
	}
	// TransposeConv: inputs output shape, weights [O,KH,KW,C], x [N,H,W,C], bias or -1.
	TransposeConv struct {
		Padding          Padding
		StrideH, StrideW int
		Activation       Activation
	}
	// Pool2D is carried by AVERAGE_POOL_2D and MAX_POOL_2D.
	Pool2D struct {
		Padding          Padding
		StrideH, StrideW int
		FilterH, FilterW int
		Activation       Activation
	}
	// FullyConnected: inputs x [..,I], weights [O,I], bias [O] or -1.
	FullyConnected struct {
		Activation Activation
		KeepDims   bool
	}
	// Arithmetic is carried by ADD, SUB and MUL.
	Arithmetic struct{ Activation Activation }
	// Concat joins along Axis, which may be negative.
	Concat struct {
		Axis       int
		Activation Activation
	}
	// Softmax runs over the last dimension.
	Softmax struct{ Beta float32 }
	// Resize is carried by RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR; input 1 is the size [H,W].
	Resize struct{ AlignCorners, HalfPixelCenters bool }
	// Reshape: the second input, where there is one, goes before NewShape.
	Reshape struct{ NewShape []int }
	// Reduce is carried by MEAN; input 1 names the axes.
	Reduce struct{ KeepDims bool }
	// Squeeze removes Dims, or every 1 when there are none.
	Squeeze struct{ Dims []int }
	// StridedSlice: inputs x, begin, end, strides.
	StridedSlice struct{ Begin, End, Ellipsis, NewAxis, ShrinkAxis int }
	// ShapeOf is carried by SHAPE.
	ShapeOf struct{ Type DType }
	// Pack stacks its inputs along a new Axis.
	Pack struct{ Axis int }
	// LeakyRelu: x for x > 0, Alpha*x below.
	LeakyRelu struct{ Alpha float32 }
)

func (t table) activation(i int) Activation { return Activation(t.u8(i, 0)) }

func (t table) padding(i int) Padding { return Padding(t.u8(i, 0)) }

func decodeConv(t table) any {
	return Conv2D{t.padding(0), t.i32(2, 0), t.i32(1, 0), t.i32(5, 1), t.i32(4, 1), t.activation(3)}
}

func decodeDepthwise(t table) any {
	return DepthwiseConv2D{t.padding(0), t.i32(2, 0), t.i32(1, 0), t.i32(3, 0), t.i32(6, 1), t.i32(5, 1), t.activation(4)}
}

func decodeTransposeConv(t table) any {
	return TransposeConv{t.padding(0), t.i32(2, 0), t.i32(1, 0), t.activation(3)}
}

func decodePool(t table) any {
	return Pool2D{t.padding(0), t.i32(2, 0), t.i32(1, 0), t.i32(4, 0), t.i32(3, 0), t.activation(5)}
}

func decodeFullyConnected(t table) any {
	if t.u8(1, 0) != 0 {
		t.fail("shuffled weights are not supported: convert the model again without them")
	}
	return FullyConnected{t.activation(0), t.u8(2, 0) != 0}
}

func decodeArithmetic(t table) any { return Arithmetic{t.activation(0)} }

func decodeConcat(t table) any { return Concat{t.i32(0, 0), t.activation(1)} }

func decodeSoftmax(t table) any { return Softmax{t.f32(0, 0)} }

func decodeResizeBilinear(t table) any { return Resize{t.u8(2, 0) != 0, t.u8(3, 0) != 0} }

func decodeResizeNearest(t table) any { return Resize{t.u8(0, 0) != 0, t.u8(1, 0) != 0} }

func decodeReshape(t table) any { return Reshape{t.ints(0)} }

func decodeReduce(t table) any { return Reduce{t.u8(0, 0) != 0} }

func decodeSqueeze(t table) any { return Squeeze{t.ints(0)} }

func decodeStridedSlice(t table) any {
	return StridedSlice{t.i32(0, 0), t.i32(1, 0), t.i32(2, 0), t.i32(3, 0), t.i32(4, 0)}
}

func decodeShapeOf(t table) any { return ShapeOf{DType(t.u8(0, 0))} }

func decodePack(t table) any { return Pack{t.i32(1, 0)} }

func decodeLeakyRelu(t table) any { return LeakyRelu{t.f32(0, 0)} }
