package kernel

import (
	"errors"
	"fmt"
	"math"
)

// Op is one prepared operator: weights packed, tables built, nothing left to
// allocate. An Op is immutable, so several goroutines may Run disjoint ranges of
// units of the same call at once, each with its own scratch.
type Op interface {
	// Units is the number of independent pieces of the work. Neighbouring units
	// share packed input, so hand out contiguous ranges.
	Units() int
	// Scratch is the number of bytes that every concurrent Run needs. Its
	// content does not matter and does not survive.
	Scratch() int
	// Run computes units from..to-1. dst and src are exactly the output and input
	// tensors (dense NHWC, no padding), they must not overlap. Nothing outside the
	// slices is read or written, and inside dst only what the units own.
	Run(dst, src []int8, scratch []byte, from, to int)
	// Info says what was prepared.
	Info() Info
}

// Info describes a prepared operator.
type Info struct {
	Kernel  string  // instruction set and method, e.g. "avx2 blocks 6x16"
	MACs    int64   // multiply-accumulates of a dense evaluation
	Done    int64   // multiply-accumulates that are left after pruning and merging taps, padding lanes included
	Density float64 // share of 16 output x 4 input channel blocks that are not all zero
	Packed  int     // bytes of packed weights and tables
}

// Requant takes int32 sums to int8: q = clamp(roundHalfEven(float32(sum) *
// Scale[c]) + Zero, Min, Max), the product rounded to float32 first. Scale[c] is
// input scale * weight scale[c] / output scale in float32, as XNNPACK has it.
type Requant struct {
	Scale    []float32 // one a channel of the output
	Zero     int32     // zero point of the output
	Min, Max int8      // fused activation, else -128 and 127
}

// apply is the definition of requantization that every kernel is compared with.
func (r *Requant) apply(sum int32, c int) int8 {
	v := math.RoundToEven(float64(float32(float32(sum) * r.Scale[c])))
	v += float64(r.Zero)
	return int8(max(float64(r.Min), min(float64(r.Max), v)))
}

// Conv describes CONV_2D, and TRANSPOSE_CONV where Transposed is set, of one
// picture (batches are the caller's loop).
type Conv struct {
	InH, InW, InC        int
	OutH, OutW, OutC     int
	KH, KW               int
	StrideH, StrideW     int
	DilationH, DilationW int // 0 means 1
	PadTop, PadLeft      int // bottom and right follow from the output's size
	Up                   int // nearest upsampling of the input before the convolution, 0 or 1 for none; needs stride 1
	Transposed           bool
	InZero               int32   // zero point of the input: what padding holds
	Weights              []int8  // [OutC][KH][KW][InC]
	Bias                 []int32 // [OutC], or nil
	Requant                      // of the output
}

// Depthwise describes DEPTHWISE_CONV_2D: output channel o reads input channel
// o / (OutC / InC).
type Depthwise struct {
	InH, InW, InC        int
	OutH, OutW, OutC     int
	KH, KW               int
	StrideH, StrideW     int
	DilationH, DilationW int // 0 means 1
	PadTop, PadLeft      int
	InZero               int32
	Weights              []int8  // [KH][KW][OutC]
	Bias                 []int32 // [OutC], or nil
	Requant
}

// FullyConnected describes FULLY_CONNECTED: Rows vectors of In numbers each
// times a matrix.
type FullyConnected struct {
	Rows, In, Out int
	InZero        int32
	Weights       []int8  // [Out][In]
	Bias          []int32 // [Out], or nil
	Requant
}

// AvgPool describes AVERAGE_POOL_2D: the mean over the valid pixels of each
// window, rounded half away from zero as TFLite's int8 kernel does; input and
// output share scale and zero point.
type AvgPool struct {
	InH, InW, C      int
	OutH, OutW       int
	KH, KW           int
	StrideH, StrideW int
	PadTop, PadLeft  int
	Min, Max         int8
}

// errShape is wrapped by every refusal of a description.
var errShape = errors.New("kernel: impossible description")

func bad(format string, a ...any) error {
	return fmt.Errorf("%w: %s", errShape, fmt.Sprintf(format, a...))
}

// maxSide bounds every dimension, so that products of four fit an int64 and
// offsets within one tensor an int32.
const maxSide = 1 << 20

// maxTensor bounds the elements of a tensor.
const maxTensor = 1 << 30

func checkSides(kind string, v ...int) error {
	for _, n := range v {
		if n < 1 || n > maxSide {
			return bad("%s: dimension %d is outside 1..%d", kind, n, maxSide)
		}
	}
	return nil
}

func checkTensor(kind string, v ...int) error {
	n := 1
	for _, d := range v {
		if d > maxTensor/n {
			return bad("%s: tensor %v has more than %d elements", kind, v, maxTensor)
		}
		n *= d
	}
	return nil
}

func (r *Requant) check(kind string, channels int, bias []int32) error {
	if len(r.Scale) != channels {
		return bad("%s: %d scales for %d channels", kind, len(r.Scale), channels)
	}
	for c, s := range r.Scale {
		if !(s >= 0 && s <= math.MaxFloat32) {
			return bad("%s: scale %g of channel %d", kind, s, c)
		}
	}
	if r.Zero < -128 || r.Zero > 127 || r.Min > r.Max {
		return bad("%s: output zero point %d, range %d..%d", kind, r.Zero, r.Min, r.Max)
	}
	if bias != nil && len(bias) != channels {
		return bad("%s: %d biases for %d channels", kind, len(bias), channels)
	}
	return nil
}

// normal fills defaults in and checks everything.
func (d Conv) normal() (Conv, error) {
	d.DilationH, d.DilationW = max(d.DilationH, 1), max(d.DilationW, 1)
	d.Up = max(d.Up, 1)
	const kind = "convolution"
	if err := checkSides(kind, d.InH, d.InW, d.InC, d.OutH, d.OutW, d.OutC, d.KH, d.KW,
		d.StrideH, d.StrideW, d.DilationH, d.DilationW, d.Up); err != nil {
		return d, err
	}
	if err := errors.Join(checkTensor(kind, d.InH, d.InW, d.InC), checkTensor(kind, d.OutH, d.OutW, d.OutC),
		checkTensor(kind, d.OutC, d.KH, d.KW, d.InC)); err != nil {
		return d, err
	}
	switch {
	case len(d.Weights) != d.OutC*d.KH*d.KW*d.InC:
		return d, bad("%s: %d weights for %dx%dx%dx%d", kind, len(d.Weights), d.OutC, d.KH, d.KW, d.InC)
	case d.InZero < -128 || d.InZero > 127:
		return d, bad("%s: input zero point %d", kind, d.InZero)
	case d.PadTop < 0 || d.PadLeft < 0 || d.PadTop > maxSide || d.PadLeft > maxSide:
		return d, bad("%s: padding %d, %d", kind, d.PadTop, d.PadLeft)
	case d.Up > 1 && (d.StrideH != 1 || d.StrideW != 1 || d.Transposed):
		return d, bad("%s: upsampling goes with stride 1 only", kind)
	case d.Transposed && (d.DilationH != 1 || d.DilationW != 1):
		return d, bad("%s: transposed and dilated", kind)
	}
	return d, d.Requant.check(kind, d.OutC, d.Bias)
}

func (d Depthwise) normal() (Depthwise, error) {
	d.DilationH, d.DilationW = max(d.DilationH, 1), max(d.DilationW, 1)
	const kind = "depthwise convolution"
	if err := checkSides(kind, d.InH, d.InW, d.InC, d.OutH, d.OutW, d.OutC, d.KH, d.KW,
		d.StrideH, d.StrideW, d.DilationH, d.DilationW); err != nil {
		return d, err
	}
	if err := errors.Join(checkTensor(kind, d.InH, d.InW, d.InC), checkTensor(kind, d.OutH, d.OutW, d.OutC),
		checkTensor(kind, d.KH, d.KW, d.OutC)); err != nil {
		return d, err
	}
	switch {
	case d.OutC%d.InC != 0:
		return d, bad("%s: %d outputs from %d channels", kind, d.OutC, d.InC)
	case len(d.Weights) != d.KH*d.KW*d.OutC:
		return d, bad("%s: %d weights for %dx%dx%d", kind, len(d.Weights), d.KH, d.KW, d.OutC)
	case d.InZero < -128 || d.InZero > 127:
		return d, bad("%s: input zero point %d", kind, d.InZero)
	case d.PadTop < 0 || d.PadLeft < 0 || d.PadTop > maxSide || d.PadLeft > maxSide:
		return d, bad("%s: padding %d, %d", kind, d.PadTop, d.PadLeft)
	}
	return d, d.Requant.check(kind, d.OutC, d.Bias)
}

func (d FullyConnected) check() error {
	const kind = "fully connected"
	if d.Rows < 1 || d.In < 1 || d.Out < 1 {
		return bad("%s: %d rows, %d inputs, %d outputs", kind, d.Rows, d.In, d.Out)
	}
	if err := errors.Join(checkTensor(kind, d.In, d.Out), checkTensor(kind, d.Rows, max(d.In, d.Out))); err != nil {
		return err
	}
	if len(d.Weights) != d.In*d.Out {
		return bad("%s: %d weights for %dx%d", kind, len(d.Weights), d.Out, d.In)
	}
	if d.InZero < -128 || d.InZero > 127 {
		return bad("%s: input zero point %d", kind, d.InZero)
	}
	return d.Requant.check(kind, d.Out, d.Bias)
}

func (d AvgPool) check() error {
	const kind = "average pool"
	if err := checkSides(kind, d.InH, d.InW, d.C, d.OutH, d.OutW, d.KH, d.KW, d.StrideH, d.StrideW); err != nil {
		return err
	}
	if d.PadTop < 0 || d.PadLeft < 0 || d.PadTop >= d.KH || d.PadLeft >= d.KW || d.Min > d.Max ||
		(d.OutH-1)*d.StrideH-d.PadTop >= d.InH || (d.OutW-1)*d.StrideW-d.PadLeft >= d.InW {
		return bad("%s: window %dx%d, padding %d, %d: some windows are empty", kind, d.KH, d.KW, d.PadTop, d.PadLeft)
	}
	return errors.Join(checkTensor(kind, d.InH, d.InW, d.C), checkTensor(kind, d.OutH, d.OutW, d.C))
}
