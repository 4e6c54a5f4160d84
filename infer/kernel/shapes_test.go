package kernel

import (
	"math"
	"math/rand/v2"
)

// rng makes seeded descriptions and tensors.
type rng struct{ *rand.Rand }

func newRNG(seed uint64) rng { return rng{rand.New(rand.NewPCG(seed, 42))} }

// between is a number of lo..hi.
func (r rng) between(lo, hi int) int { return lo + r.IntN(hi-lo+1) }

// int8s are n numbers of one of several kinds: any, extremes only, or small.
func (r rng) int8s(n int) []int8 {
	b := make([]int8, n)
	kind := r.IntN(4)
	for i := range b {
		switch kind {
		case 0:
			b[i] = [...]int8{-128, 127}[r.IntN(2)]
		case 1:
			b[i] = -128
		case 2:
			b[i] = int8(r.between(-9, 9))
		default:
			b[i] = int8(r.between(-128, 127))
		}
	}
	return b
}

// prune zeroes a share of the 16 x 4 blocks of weights [out][taps*in].
func (r rng) prune(w []int8, out, taps, in int, share float64) {
	for o := 0; o < out; o += 16 {
		for t := range taps {
			for i := 0; i < in; i += 4 {
				if r.Float64() >= share {
					continue
				}
				for c := o; c < min(o+16, out); c++ {
					clear(w[(c*taps+t)*in+i:][:min(4, in-i)])
				}
			}
		}
	}
}

// requant spreads sums of about the given size over int8, and now and then far
// beyond, down to nothing or exactly to halves.
func (r rng) requant(channels int, size float64) Requant {
	q := Requant{Scale: make([]float32, channels), Zero: int32(r.between(-128, 127)), Min: -128, Max: 127}
	gain := [...]float64{1, 1, 1, 100, 1e6, 1e30, 0.01, 0}[r.IntN(8)]
	for c := range q.Scale {
		q.Scale[c] = float32(gain * 100 / size * (0.2 + r.Float64()))
	}
	if r.IntN(6) == 0 {
		for c := range q.Scale {
			q.Scale[c] = float32(math.Exp2(float64(-r.between(0, 12)))) // ties
		}
	}
	if r.IntN(3) == 0 {
		q.Min, q.Max = int8(q.Zero), int8(min(127, q.Zero+int32(r.IntN(256))))
	}
	return q
}

func (r rng) bias(n int) []int32 {
	if r.IntN(4) == 0 {
		return nil
	}
	b := make([]int32, n)
	for i := range b {
		switch r.IntN(8) {
		case 0:
			b[i] = int32(r.Uint32())
		default:
			b[i] = int32(r.between(-20000, 20000))
		}
	}
	return b
}

// conv draws a convolution that is cheap enough for thousands of them.
func (r rng) conv() Conv {
	d := Conv{InH: r.between(1, 14), InW: r.between(1, 14), InC: r.between(1, 24), OutC: r.between(1, 40),
		KH: r.between(1, 5), KW: r.between(1, 5), StrideH: r.between(1, 3), StrideW: r.between(1, 3),
		DilationH: 1, DilationW: 1, InZero: int32(r.between(-128, 127))}
	if r.IntN(3) == 0 {
		d.KH, d.KW, d.StrideH, d.StrideW = 1, 1, 1, 1
		d.InC, d.OutC = r.between(1, 80), r.between(1, 80)
	}
	if r.IntN(8) == 0 {
		d.OutC = r.between(1, 4)
	}
	switch r.IntN(6) {
	case 0:
		d.DilationH, d.DilationW = r.between(1, 3), r.between(1, 3)
	case 1:
		d.Up, d.StrideH, d.StrideW = r.between(2, 3), 1, 1
		d.InH, d.InW = min(d.InH, 8), min(d.InW, 8)
	case 2:
		d.Transposed = true
	}
	if r.IntN(24) == 0 {
		r.wide(&d)
	}
	d.PadTop, d.PadLeft = r.IntN(d.KH+1), r.IntN(d.KW+1)
	d.OutH, d.OutW = r.outSide(d, d.InH, d.KH, d.StrideH, d.DilationH, d.PadTop), r.outSide(d, d.InW, d.KW, d.StrideW, d.DilationW, d.PadLeft)
	r.fillConv(&d)
	return d
}

// wide makes d a convolution of a wide picture to few channels.
func (r rng) wide(d *Conv) {
	d.Transposed, d.StrideH, d.StrideW, d.DilationH, d.DilationW = false, 1, 1, 1, 1
	d.InC, d.OutC, d.Up = 16*r.between(1, 2), r.between(1, 4), r.between(1, 2)
	d.InH, d.InW = r.between(1, 5), r.between(60, 150)
}

// outSide is the usual size or near it; whatever hangs over is padding.
func (r rng) outSide(d Conv, in, k, stride, dil, pad int) int {
	n := (in*max(1, d.Up)+2*pad-(k-1)*dil-1)/stride + 1
	if d.Transposed {
		n = (in-1)*stride + k - pad
	}
	return max(1, n+r.between(-1, 1))
}

// fillConv draws weights, bias and requantization.
// firstLayer draws a convolution of few inputs with three rows of weights.
func (r rng) firstLayer() Conv {
	d := Conv{InH: r.between(1, 14), InW: r.between(1, 40), InC: r.between(2, 3), OutC: r.between(9, 40), KH: 3, KW: r.between(1, 8),
		StrideH: r.between(1, 3), StrideW: r.between(1, 3), DilationH: 1, DilationW: 1, InZero: int32(r.between(-128, 127))}
	d.PadTop, d.PadLeft = r.IntN(d.KH+1), r.IntN(d.KW+1)
	d.OutH, d.OutW = r.outSide(d, d.InH, d.KH, d.StrideH, 1, d.PadTop), r.outSide(d, d.InW, d.KW, d.StrideW, 1, d.PadLeft)
	r.fillConv(&d)
	return d
}

func (r rng) fillConv(d *Conv) {
	d.Weights = r.int8s(d.OutC * d.KH * d.KW * d.InC)
	if r.IntN(2) == 0 {
		r.prune(d.Weights, d.OutC, d.KH*d.KW, d.InC, r.Float64())
	}
	d.Bias = r.bias(d.OutC)
	d.Requant = r.requant(d.OutC, 5000*math.Sqrt(float64(d.KH*d.KW*d.InC)))
}

func (r rng) depthwise() Depthwise {
	d := Depthwise{InH: r.between(1, 16), InW: r.between(1, 20), InC: r.between(1, 70),
		KH: r.between(1, 5), KW: r.between(1, 5), StrideH: r.between(1, 3), StrideW: r.between(1, 3),
		DilationH: 1, DilationW: 1, InZero: int32(r.between(-128, 127))}
	if r.IntN(2) == 0 {
		d.KH = 3 + 2*r.IntN(2)
		d.KW, d.StrideH = d.KH, r.between(1, 2)
		d.StrideW = d.StrideH
	}
	if r.IntN(6) == 0 {
		d.DilationH, d.DilationW = r.between(1, 3), r.between(1, 3)
	}
	if r.IntN(16) == 0 {
		d.InC += r.between(60, 160)
	}
	d.OutC = d.InC
	if r.IntN(8) == 0 {
		d.OutC *= r.between(2, 3)
	}
	d.PadTop, d.PadLeft = r.IntN(d.KH+1), r.IntN(d.KW+1)
	d.OutH = max(1, (d.InH+2*d.PadTop-(d.KH-1)*d.DilationH-1)/d.StrideH+1+r.between(-1, 1))
	d.OutW = max(1, (d.InW+2*d.PadLeft-(d.KW-1)*d.DilationW-1)/d.StrideW+1+r.between(-1, 1))
	r.fillDepthwise(&d)
	return d
}

func (r rng) fillDepthwise(d *Depthwise) {
	d.Weights = r.int8s(d.KH * d.KW * d.OutC)
	d.Bias = r.bias(d.OutC)
	d.Requant = r.requant(d.OutC, 5000*math.Sqrt(float64(d.KH*d.KW)))
}

func (r rng) fullyConnected() FullyConnected {
	d := FullyConnected{Rows: 1, In: r.between(1, 300), Out: r.between(1, 90), InZero: int32(r.between(-128, 127))}
	if r.IntN(3) == 0 {
		d.Rows = r.between(2, 9)
	}
	d.Weights = r.int8s(d.In * d.Out)
	if r.IntN(2) == 0 {
		r.prune(d.Weights, d.Out, 1, d.In, r.Float64())
	}
	d.Bias = r.bias(d.Out)
	d.Requant = r.requant(d.Out, 5000*math.Sqrt(float64(d.In)))
	return d
}
