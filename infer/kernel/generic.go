package kernel

// The operators of this file are the definition: written to be read, slow, used
// where no instruction set fits and as the truth that the others are tested
// against.

// refConv computes a Conv by its definition; a unit is an output row.
type refConv struct{ d Conv }

func (o *refConv) Units() int   { return o.d.OutH }
func (o *refConv) Scratch() int { return 0 }
func (o *refConv) Info() Info {
	n := o.d.macs()
	return Info{Kernel: "generic", MACs: n, Done: n, Density: density(o.d.Weights, o.d.OutC, o.d.KH*o.d.KW, o.d.InC), Packed: len(o.d.Weights)}
}

func (o *refConv) Run(dst, src []int8, _ []byte, from, to int) {
	d := &o.d
	for y := from; y < to; y++ {
		for x := range d.OutW {
			at := (y*d.OutW + x) * d.OutC
			for c := range d.OutC {
				dst[at+c] = d.apply(d.sum(src, y, x, c), c)
			}
		}
	}
}

// sum is the int32 sum of one output, bias included; it wraps as int32 does.
func (d *Conv) sum(src []int8, y, x, c int) int32 {
	s := biasOf(d.Bias, c)
	for ky := range d.KH {
		iy, ok := d.tap(y, ky, d.InH, d.StrideH, d.DilationH, d.PadTop)
		for kx := range d.KW {
			ix, okx := d.tap(x, kx, d.InW, d.StrideW, d.DilationW, d.PadLeft)
			if !ok || !okx {
				continue // padding holds the zero point and so adds nothing
			}
			in := src[(iy*d.InW+ix)*d.InC:][:d.InC]
			w := d.Weights[((c*d.KH+ky)*d.KW+kx)*d.InC:][:d.InC]
			for i, v := range in {
				s += (int32(v) - d.InZero) * int32(w[i])
			}
		}
	}
	return s
}

// tap says which input coordinate the tap k of output coordinate o reads.
func (d *Conv) tap(o, k, size, stride, dilation, pad int) (int, bool) {
	if d.Transposed {
		i := o + pad - k
		return i / stride, i >= 0 && i%stride == 0 && i/stride < size
	}
	i := o*stride - pad + k*dilation
	return i / d.Up, i >= 0 && i/d.Up < size
}

func (d *Conv) macs() int64 {
	n := int64(d.KH) * int64(d.KW) * int64(d.InC) * int64(d.OutC)
	if d.Transposed {
		return n * int64(d.InH) * int64(d.InW)
	}
	return n * int64(d.OutH) * int64(d.OutW)
}

func biasOf(b []int32, c int) int32 {
	if b == nil {
		return 0
	}
	return b[c]
}

// density is the share of blocks of 16 output x 4 input channels that hold a
// weight other than zero; w is [out][taps][in].
func density(w []int8, out, taps, in int) float64 {
	used, all := 0, 0
	for o := 0; o < out; o += 16 {
		for t := range taps {
			for i := 0; i < in; i += 4 {
				all++
				if !zeroBlock(w, o, min(o+16, out), t*in+i, t*in+min(i+4, in), taps*in) {
					used++
				}
			}
		}
	}
	return float64(used) / float64(all)
}

func zeroBlock(w []int8, o0, o1, i0, i1, stride int) bool {
	for o := o0; o < o1; o++ {
		for _, v := range w[o*stride+i0 : o*stride+i1] {
			if v != 0 {
				return false
			}
		}
	}
	return true
}

// refDepthwise computes a Depthwise by its definition; a unit is an output row.
type refDepthwise struct{ d Depthwise }

func (o *refDepthwise) Units() int   { return o.d.OutH }
func (o *refDepthwise) Scratch() int { return 0 }
func (o *refDepthwise) Info() Info {
	n := o.d.macs()
	return Info{Kernel: "generic", MACs: n, Done: n, Density: 1, Packed: len(o.d.Weights)}
}

func (d *Depthwise) macs() int64 {
	return int64(d.OutH) * int64(d.OutW) * int64(d.KH) * int64(d.KW) * int64(d.OutC)
}

func (o *refDepthwise) Run(dst, src []int8, _ []byte, from, to int) {
	d := &o.d
	for y := from; y < to; y++ {
		for x := range d.OutW {
			at := (y*d.OutW + x) * d.OutC
			for c := range d.OutC {
				dst[at+c] = d.apply(d.sum(src, y, x, c), c)
			}
		}
	}
}

func (d *Depthwise) sum(src []int8, y, x, c int) int32 {
	s := biasOf(d.Bias, c)
	ic := c / (d.OutC / d.InC)
	for ky := range d.KH {
		iy := y*d.StrideH - d.PadTop + ky*d.DilationH
		for kx := range d.KW {
			ix := x*d.StrideW - d.PadLeft + kx*d.DilationW
			if iy < 0 || iy >= d.InH || ix < 0 || ix >= d.InW {
				continue
			}
			s += (int32(src[(iy*d.InW+ix)*d.InC+ic]) - d.InZero) * int32(d.Weights[(ky*d.KW+kx)*d.OutC+c])
		}
	}
	return s
}

// refFC computes a FullyConnected by its definition; a unit is an output of all rows.
type refFC struct{ d FullyConnected }

func (o *refFC) Units() int   { return o.d.Out }
func (o *refFC) Scratch() int { return 0 }
func (o *refFC) Info() Info {
	n := int64(o.d.Rows) * int64(o.d.In) * int64(o.d.Out)
	return Info{Kernel: "generic", MACs: n, Done: n, Density: density(o.d.Weights, o.d.Out, 1, o.d.In), Packed: len(o.d.Weights)}
}

func (o *refFC) Run(dst, src []int8, _ []byte, from, to int) {
	d := &o.d
	for r := range d.Rows {
		x := src[r*d.In:][:d.In]
		for c := from; c < to; c++ {
			s := biasOf(d.Bias, c)
			for i, w := range d.Weights[c*d.In:][:d.In] {
				s += (int32(x[i]) - d.InZero) * int32(w)
			}
			dst[r*d.Out+c] = d.apply(s, c)
		}
	}
}

// refPool computes an AvgPool by its definition; a unit is an output row.
type refPool struct{ d AvgPool }

func (o *refPool) Units() int   { return o.d.OutH }
func (o *refPool) Scratch() int { return 0 }
func (o *refPool) Info() Info   { return Info{Kernel: "generic", Density: 1} }

func (o *refPool) Run(dst, src []int8, _ []byte, from, to int) {
	d := &o.d
	for y := from; y < to; y++ {
		for x := range d.OutW {
			o.pixel(dst[(y*d.OutW+x)*d.C:][:d.C], src, y*d.StrideH-d.PadTop, x*d.StrideW-d.PadLeft, 0)
		}
	}
}

// pixel averages the window whose upper left corner is y0, x0, from channel c0 on.
func (o *refPool) pixel(dst, src []int8, y0, x0, c0 int) {
	d := &o.d
	ya, yb := max(y0, 0), min(y0+d.KH, d.InH)
	xa, xb := max(x0, 0), min(x0+d.KW, d.InW)
	n := int32((yb - ya) * (xb - xa))
	for ; len(dst) > 0; c0 += 64 {
		var sums [64]int32
		part := sums[:min(64, len(dst))]
		for y := ya; y < yb; y++ {
			for x := xa; x < xb; x++ {
				for c, v := range src[(y*d.InW+x)*d.C+c0:][:len(part)] {
					part[c] += int32(v)
				}
			}
		}
		for c, s := range part {
			dst[c] = max(d.Min, min(d.Max, int8(divRound(s, n))))
		}
		dst = dst[len(part):]
	}
}

// divRound divides rounding half away from zero; n > 0.
func divRound(s, n int32) int32 {
	if s > 0 {
		return (s + n/2) / n
	}
	return (s - n/2) / n
}
