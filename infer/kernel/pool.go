package kernel

// blockPool averages full windows by the depthwise kernels, which round halves to
// even where the definition rounds them away from zero: a scale just above 1/n
// (poolScale) moves every mean away from zero, beyond a half that it lies on but
// not beyond one that it lies below. Windows that hang over the edge go by the
// definition.
type blockPool struct {
	ref  refPool
	dw   depthwiseOp
	name string
}

// newBlockPool is nil where the method does not fit.
func newBlockPool(s *Set, l *layout, d AvgPool) *blockPool {
	n := d.KH * d.KW
	if n > maxPoolWindow {
		return nil
	}
	dw := Depthwise{InH: d.InH, InW: d.InW, InC: d.C, OutH: d.OutH, OutW: d.OutW, OutC: d.C, KH: d.KH, KW: d.KW,
		StrideH: d.StrideH, StrideW: d.StrideW, DilationH: 1, DilationW: 1, PadTop: d.PadTop, PadLeft: d.PadLeft,
		Weights: make([]int8, n*d.C), Requant: Requant{Scale: make([]float32, d.C), Min: d.Min, Max: d.Max}}
	for i := range dw.Weights {
		dw.Weights[i] = 1
	}
	for i := range dw.Scale {
		dw.Scale[i] = poolScale(n)
	}
	o := newDW(s, l, dw)
	if o == nil {
		return nil
	}
	return &blockPool{refPool{d}, o, s.Name() + " pool"}
}

// maxPoolWindow is how many pixels of a window depthwise kernels take.
const maxPoolWindow = 128

// poolScale is 1/n and a 2^-20th of it, for windows of up to maxPoolWindow pixels:
// float32 rounding (2^-23) cannot undo that, and means of up to 128 move by 2^-13 at
// most, which is less than the 1/(2n) that lie between a mean and the next half.
func poolScale(n int) float32 { return float32((1 + 0x1p-20) / float64(n)) }

func (o *blockPool) Units() int   { return o.dw.Units() }
func (o *blockPool) Scratch() int { return o.dw.Scratch() }
func (o *blockPool) Info() Info {
	i := o.dw.Info()
	i.Kernel, i.MACs = o.name, 0
	return i
}

func (o *blockPool) Run(dst, src []int8, scratch []byte, from, to int) {
	o.dw.Run(dst, src, scratch, from, to)
	for u := from; u < to; u++ {
		o.edges(dst, src, u)
	}
}

// edges computes the windows of a unit that are not full.
func (o *blockPool) edges(dst, src []int8, u int) {
	d := &o.ref.d
	c0, c1, from, to := o.dw.region(u)
	for y := from; y < to; y++ {
		y0 := y*d.StrideH - d.PadTop
		whole := y0 >= 0 && y0+d.KH <= d.InH
		for x := range d.OutW {
			x0 := x*d.StrideW - d.PadLeft
			if whole && x0 >= 0 && x0+d.KW <= d.InW {
				continue
			}
			at := (y*d.OutW + x) * d.C
			o.ref.pixel(dst[at+c0:at+c1], src, y0, x0, c0)
		}
	}
}
