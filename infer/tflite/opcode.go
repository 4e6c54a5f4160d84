package tflite

import "fmt"

// OpCode is a builtin operator, numbered as in the schema.
type OpCode int32

// Operators that files may hold.
const (
	OpAdd             OpCode = 0
	OpAveragePool2D   OpCode = 1
	OpConcatenation   OpCode = 2
	OpConv2D          OpCode = 3
	OpDepthwiseConv2D OpCode = 4
	OpDequantize      OpCode = 6
	OpFullyConnected  OpCode = 9
	OpLogistic        OpCode = 14
	OpMaxPool2D       OpCode = 17
	OpMul             OpCode = 18
	OpRelu            OpCode = 19
	OpReluN1To1       OpCode = 20
	OpRelu6           OpCode = 21
	OpReshape         OpCode = 22
	OpResizeBilinear  OpCode = 23
	OpSoftmax         OpCode = 25
	OpTanh            OpCode = 28
	OpPad             OpCode = 34
	OpBatchToSpace    OpCode = 37
	OpSpaceToBatch    OpCode = 38
	OpMean            OpCode = 40
	OpSub             OpCode = 41
	OpSqueeze         OpCode = 43
	OpStridedSlice    OpCode = 45
	OpPadV2           OpCode = 60
	OpTransposeConv   OpCode = 67
	OpTile            OpCode = 69
	OpExpandDims      OpCode = 70
	OpSqrt            OpCode = 75
	OpShape           OpCode = 77
	OpPack            OpCode = 83
	OpResizeNearest   OpCode = 97
	OpLeakyRelu       OpCode = 98
	OpQuantize        OpCode = 114
	OpHardSwish       OpCode = 117
	opDensify         OpCode = 124 // folded into its constant by Parse
)

// opInfo is what reading, writing and checking need to know of an operator.
type opInfo struct {
	name         string
	options      byte // member of the BuiltinOptions union
	minIn, maxIn int  // inputs
	version      int  // lowest operator version that covers the int8 use we write
	decode       func(table) any
}

var opInfos = map[OpCode]opInfo{
	OpAdd:             {name: "ADD", options: 11, minIn: 2, maxIn: 2, version: 2, decode: decodeArithmetic},
	OpAveragePool2D:   {name: "AVERAGE_POOL_2D", options: 5, minIn: 1, maxIn: 1, version: 2, decode: decodePool},
	OpConcatenation:   {name: "CONCATENATION", options: 10, minIn: 1, maxIn: 1 << 16, version: 2, decode: decodeConcat},
	OpConv2D:          {name: "CONV_2D", options: 1, minIn: 2, maxIn: 3, version: 3, decode: decodeConv},
	OpDepthwiseConv2D: {name: "DEPTHWISE_CONV_2D", options: 2, minIn: 2, maxIn: 3, version: 3, decode: decodeDepthwise},
	OpDequantize:      {name: "DEQUANTIZE", options: 38, minIn: 1, maxIn: 1, version: 2},
	OpFullyConnected:  {name: "FULLY_CONNECTED", options: 8, minIn: 2, maxIn: 3, version: 4, decode: decodeFullyConnected},
	OpLogistic:        {name: "LOGISTIC", minIn: 1, maxIn: 1, version: 2},
	OpMaxPool2D:       {name: "MAX_POOL_2D", options: 5, minIn: 1, maxIn: 1, version: 2, decode: decodePool},
	OpMul:             {name: "MUL", options: 21, minIn: 2, maxIn: 2, version: 2, decode: decodeArithmetic},
	OpRelu:            {name: "RELU", minIn: 1, maxIn: 1, version: 2},
	OpReluN1To1:       {name: "RELU_N1_TO_1", minIn: 1, maxIn: 1, version: 1},
	OpRelu6:           {name: "RELU6", minIn: 1, maxIn: 1, version: 2},
	OpReshape:         {name: "RESHAPE", options: 17, minIn: 1, maxIn: 2, version: 1, decode: decodeReshape},
	OpResizeBilinear:  {name: "RESIZE_BILINEAR", options: 15, minIn: 2, maxIn: 2, version: 3, decode: decodeResizeBilinear},
	OpSoftmax:         {name: "SOFTMAX", options: 9, minIn: 1, maxIn: 1, version: 2, decode: decodeSoftmax},
	OpTanh:            {name: "TANH", minIn: 1, maxIn: 1, version: 2},
	OpPad:             {name: "PAD", options: 22, minIn: 2, maxIn: 2, version: 2},
	OpBatchToSpace:    {name: "BATCH_TO_SPACE_ND", options: 24, minIn: 3, maxIn: 3, version: 2},
	OpSpaceToBatch:    {name: "SPACE_TO_BATCH_ND", options: 25, minIn: 3, maxIn: 3, version: 2},
	OpMean:            {name: "MEAN", options: 27, minIn: 2, maxIn: 2, version: 2, decode: decodeReduce},
	OpSub:             {name: "SUB", options: 28, minIn: 2, maxIn: 2, version: 2, decode: decodeArithmetic},
	OpSqueeze:         {name: "SQUEEZE", options: 30, minIn: 1, maxIn: 1, version: 1, decode: decodeSqueeze},
	OpStridedSlice:    {name: "STRIDED_SLICE", options: 32, minIn: 4, maxIn: 4, version: 2, decode: decodeStridedSlice},
	OpPadV2:           {name: "PADV2", options: 43, minIn: 3, maxIn: 3, version: 2},
	OpTransposeConv:   {name: "TRANSPOSE_CONV", options: 49, minIn: 3, maxIn: 4, version: 3, decode: decodeTransposeConv},
	OpTile:            {name: "TILE", options: 51, minIn: 2, maxIn: 2, version: 1},
	OpExpandDims:      {name: "EXPAND_DIMS", options: 52, minIn: 2, maxIn: 2, version: 1},
	OpSqrt:            {name: "SQRT", minIn: 1, maxIn: 1, version: 1},
	OpShape:           {name: "SHAPE", options: 55, minIn: 1, maxIn: 1, version: 1, decode: decodeShapeOf},
	OpPack:            {name: "PACK", options: 59, minIn: 1, maxIn: 1 << 16, version: 1, decode: decodePack},
	OpResizeNearest:   {name: "RESIZE_NEAREST_NEIGHBOR", options: 74, minIn: 2, maxIn: 2, version: 3, decode: decodeResizeNearest},
	OpLeakyRelu:       {name: "LEAKY_RELU", options: 75, minIn: 1, maxIn: 1, version: 2, decode: decodeLeakyRelu},
	OpQuantize:        {name: "QUANTIZE", options: 89, minIn: 1, maxIn: 1, version: 1},
	OpHardSwish:       {name: "HARD_SWISH", options: 91, minIn: 1, maxIn: 1, version: 1},
	opDensify:         {name: "DENSIFY", options: 99, minIn: 1, maxIn: 1, version: 1},
}

// String is the schema's name, which messages and tables use.
func (c OpCode) String() string {
	if i, ok := opInfos[c]; ok {
		return i.name
	}
	if n, ok := foreignNames[c]; ok {
		return n
	}
	return fmt.Sprintf("operator %d", int32(c))
}
