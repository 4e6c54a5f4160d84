// Package infer turns a frame into a verdict: it owns preprocessing, the run of
// a model package on an engine, and the fusion of what came out. It never
// chooses an engine, opens a file or talks to a device.
//
// The engines live below it (native, tf) and know nothing of verdicts; they
// meet in the Engine and Session interfaces of this file.
package infer

import "time"

// DType is the element type of a tensor.
type DType uint8

// Element types that cross the Session interface. Values in memory are
// little-endian.
const (
	Int8 DType = iota
	UInt8
	Int16
	Int32
	Float32
)

// Size in bytes of one element.
func (d DType) Size() int {
	switch d {
	case Int16:
		return 2
	case Int32, Float32:
		return 4
	}
	return 1
}

func (d DType) String() string {
	return [...]string{"int8", "uint8", "int16", "int32", "float32"}[d]
}

// Tensor describes one input or output of a model. real = Scale * (q - ZeroPoint)
// for quantized types; Scale is 0 where the tensor is not quantized.
type Tensor struct {
	Name      string
	Shape     []int // NHWC for pictures
	Type      DType
	Scale     float32
	ZeroPoint int32
}

// Elements is the number of values.
func (t Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Options of a session.
type Options struct {
	Threads    int // 0: one a CPU
	ArenaLimit int // bytes of activations that may be taken; 0: the engine's default
}

// Engine makes sessions from .tflite files.
type Engine interface {
	// Name is "native" or "tensorflow"; it appears in results.
	Name() string
	// Load checks the model and prepares everything that a run needs. The
	// engine does not keep model. An operator that it cannot run is an error
	// that names operator, tensor and file offset.
	Load(model []byte, o Options) (Session, error)
}

// Session runs one model. It is not safe for concurrent use.
type Session interface {
	Inputs() []Tensor
	Outputs() []Tensor
	// Input is the memory of input i, to be written before Run. It stays valid
	// until Close and keeps its content over Run.
	Input(i int) []byte
	// Output is the memory of output i, valid until the next Run.
	Output(i int) []byte
	// Run computes the outputs. It allocates nothing after the first call.
	Run() error
	// Close releases what the session holds.
	Close() error
}

// LayerTime is what one operator of a model costs.
type LayerTime struct {
	Name    string        // of the operator's first output tensor
	Op      string        // .tflite operator name
	Shape   string        // "HxWxCin->Cout k3 s1" or the like
	MACs    int64         // multiply-accumulates of a dense evaluation
	Density float64       // share of weight blocks that are not zero; 1 where it does not apply
	Kernel  string        // what runs it
	Time    time.Duration // minimum over the profiled runs
}

// Profiler is implemented by sessions that can time their layers.
type Profiler interface {
	// Profile runs the model runs times and returns its layers in order.
	Profile(runs int) ([]LayerTime, error)
}

// Kernels are loops over bytes as an instruction set runs them, to the bit what plain
// Go in this package makes of them. A function is nil where there is no kernel.
// infer/kernel, which this package must not import, implements it.
type Kernels interface {
	// ResizeRows resizes rows of width pixels of 1 or 3 channels: output pixel i has
	// weight[i] in 1/2^14 on the pixels from first[i] on.
	ResizeRows(first []int, weight [][]int32, width, channels int) func(dst, src []byte)
	// ResizeColumns makes row y of columns of height rows of row bytes, which all
	// are in src, with the top bit of each byte inverted.
	ResizeColumns(first []int, weight [][]int32, height, row int) func(dst, src []byte, y int)
	// SquareSums writes the sum of squares of each of len(dst) cells that follow each
	// other in v, which holds int8; false where there is no kernel.
	SquareSums(dst []int32, v []byte) bool
	// ChannelSums writes the sum of each of len(sum) channels over the cells of v, and
	// of their squares; false where there is no kernel.
	ChannelSums(sum, sqr []int32, v []byte) bool
}

// Accelerated is implemented by sessions whose kernels serve what stands around the
// graph, too.
type Accelerated interface {
	Kernels() Kernels
}

// KernelsOf are those of s, or nil.
func KernelsOf(s Session) Kernels {
	if a, ok := s.(Accelerated); ok {
		return a.Kernels()
	}
	return nil
}
