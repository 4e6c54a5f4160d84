package tflite

// int8Op adds an operator with an int8 output.
func (b *Builder) int8Op(name string, code OpCode, options any, q Quant, inputs ...int) int {
	return b.AddOp(name, code, options, Int8, q, inputs...)
}

// like is the quantization of tensor i, for operators that keep it.
func (b *Builder) like(i int) Quant {
	t := b.Tensor(i)
	return Quant{t.Scale(), int(t.ZeroPoint())}
}

// orZeros is bias, or zeros in its place where it is -1: LiteRT's int8
// convolutions want one.
func (b *Builder) orZeros(name string, x, w, bias, axis int) int {
	if shape := b.Tensor(w).Shape; bias == -1 && len(shape) == 4 {
		return b.AddBias(name+"/zeros", x, w, make([]int32, shape[axis]))
	}
	return bias
}

// Conv2D adds a convolution; bias may be -1, zero dilations mean 1.
func (b *Builder) Conv2D(name string, x, w, bias int, o Conv2D, q Quant) int {
	bias = b.orZeros(name, x, w, bias, 0)
	o.DilationH, o.DilationW = max(1, o.DilationH), max(1, o.DilationW)
	return b.int8Op(name, OpConv2D, o, q, x, w, bias)
}

// DepthwiseConv2D adds a depthwise convolution; its multiplier follows from the
// shapes, bias may be -1, zero dilations mean 1.
func (b *Builder) DepthwiseConv2D(name string, x, w, bias int, o DepthwiseConv2D, q Quant) int {
	bias = b.orZeros(name, x, w, bias, 3)
	o.DilationH, o.DilationW = max(1, o.DilationH), max(1, o.DilationW)
	if tx, tw := b.Tensor(x), b.Tensor(w); len(tx.Shape) == 4 && len(tw.Shape) == 4 {
		o.Multiplier = tw.Shape[3] / max(1, tx.Shape[3])
	}
	return b.int8Op(name, OpDepthwiseConv2D, o, q, x, w, bias)
}

// TransposeConv adds a transposed convolution to outShape [N,H,W,O].
func (b *Builder) TransposeConv(name string, x, w, bias int, outShape []int, o TransposeConv, q Quant) int {
	return b.int8Op(name, OpTransposeConv, o, q, b.AddInts(name+"/shape", outShape...), w, x, bias)
}

// FullyConnected adds x·wᵀ + bias; bias may be -1.
func (b *Builder) FullyConnected(name string, x, w, bias int, o FullyConnected, q Quant) int {
	return b.int8Op(name, OpFullyConnected, o, q, x, w, bias)
}

// AveragePool adds an average over windows; quantization stays.
func (b *Builder) AveragePool(name string, x int, o Pool2D) int {
	return b.int8Op(name, OpAveragePool2D, o, b.like(x), x)
}

// MaxPool adds a maximum over windows; quantization stays.
func (b *Builder) MaxPool(name string, x int, o Pool2D) int {
	return b.int8Op(name, OpMaxPool2D, o, b.like(x), x)
}

// Add adds x + y.
func (b *Builder) Add(name string, x, y int, a Activation, q Quant) int {
	return b.int8Op(name, OpAdd, Arithmetic{a}, q, x, y)
}

// Sub adds x - y.
func (b *Builder) Sub(name string, x, y int, a Activation, q Quant) int {
	return b.int8Op(name, OpSub, Arithmetic{a}, q, x, y)
}

// Mul adds x · y, element by element.
func (b *Builder) Mul(name string, x, y int, a Activation, q Quant) int {
	return b.int8Op(name, OpMul, Arithmetic{a}, q, x, y)
}

// Concat joins xs, which share quantization, along axis.
func (b *Builder) Concat(name string, axis int, xs ...int) int {
	q := Quant{}
	if len(xs) > 0 {
		q = b.like(xs[0])
	}
	return b.int8Op(name, OpConcatenation, Concat{Axis: axis}, q, xs...)
}

// ResizeBilinear resizes to h x w; quantization stays.
func (b *Builder) ResizeBilinear(name string, x, h, w int, o Resize) int {
	return b.int8Op(name, OpResizeBilinear, o, b.like(x), x, b.AddInts(name+"/size", h, w))
}

// ResizeNearest resizes to h x w; quantization stays.
func (b *Builder) ResizeNearest(name string, x, h, w int, o Resize) int {
	return b.int8Op(name, OpResizeNearest, o, b.like(x), x, b.AddInts(name+"/size", h, w))
}

// Reshape changes the shape; one dimension may be -1; quantization stays.
func (b *Builder) Reshape(name string, x int, shape ...int) int {
	return b.int8Op(name, OpReshape, Reshape{shape}, b.like(x), x, b.AddInts(name+"/shape", shape...))
}

// Mean averages over axes.
func (b *Builder) Mean(name string, x int, keepDims bool, q Quant, axes ...int) int {
	return b.int8Op(name, OpMean, Reduce{keepDims}, q, x, b.AddInts(name+"/axes", axes...))
}

// Pad puts before[i] and after[i] zeros (the zero point) around dimension i.
func (b *Builder) Pad(name string, x int, before, after []int) int {
	pads := make([]int, 0, 2*len(before))
	for i := range min(len(before), len(after)) {
		pads = append(pads, before[i], after[i])
	}
	i := b.AddInts(name+"/paddings", pads...)
	b.m.Tensors[i].Shape = []int{len(pads) / 2, 2}
	return b.int8Op(name, OpPad, nil, b.like(x), x, i)
}

// Tile repeats x; quantization stays.
func (b *Builder) Tile(name string, x int, times ...int) int {
	return b.int8Op(name, OpTile, nil, b.like(x), x, b.AddInts(name+"/multiples", times...))
}

// Relu adds max(x, 0).
func (b *Builder) Relu(name string, x int, q Quant) int { return b.int8Op(name, OpRelu, nil, q, x) }

// Relu6 adds min(max(x, 0), 6).
func (b *Builder) Relu6(name string, x int, q Quant) int { return b.int8Op(name, OpRelu6, nil, q, x) }

// Logistic adds 1 / (1 + exp(-x)); its quantization is always 1/256, -128.
func (b *Builder) Logistic(name string, x int) int {
	return b.int8Op(name, OpLogistic, nil, Quant{1.0 / 256, -128}, x)
}

// Softmax runs over the last dimension; its quantization is always 1/256, -128.
func (b *Builder) Softmax(name string, x int, beta float32) int {
	return b.int8Op(name, OpSoftmax, Softmax{beta}, Quant{1.0 / 256, -128}, x)
}

// Sqrt adds the square root.
func (b *Builder) Sqrt(name string, x int, q Quant) int { return b.int8Op(name, OpSqrt, nil, q, x) }

// Quantize requantizes an int8 tensor or quantizes a float32 one.
func (b *Builder) Quantize(name string, x int, q Quant) int {
	return b.int8Op(name, OpQuantize, nil, q, x)
}

// Dequantize turns an int8 tensor into float32.
func (b *Builder) Dequantize(name string, x int) int {
	return b.AddOp(name, OpDequantize, nil, Float32, Quant{}, x)
}
