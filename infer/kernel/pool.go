package kernel

// blockPool averages odd windows by the depthwise kernels: there the mean of a
// full window is never half way between two integers, so that rounding to even
// and away from zero agree, and float32 is exact enough (the nearest sums lie
// 1/(2n) from a tie). Windows that hang over the edge go by the definition.
type blockPool struct {
	ref  refPool
	dw   depthwiseOp
	name string
}

// newBlockPool is nil where the method does not fit.
func newBlockPool(s *Set, l *layout, d AvgPool) *blockPool {
	n := d.KH * d.KW
	if n%2 == 0 || n > 127 {
		return nil
	}
	dw := Depthwise{InH: d.InH, InW: d.InW, InC: d.C, OutH: d.OutH, OutW: d.OutW, OutC: d.C, KH: d.KH, KW: d.KW,
		StrideH: d.StrideH, StrideW: d.StrideW, DilationH: 1, DilationW: 1, PadTop: d.PadTop, PadLeft: d.PadLeft,
		Weights: make([]int8, n*d.C), Requant: Requant{Scale: make([]float32, d.C), Min: d.Min, Max: d.Max}}
	for i := range dw.Weights {
		dw.Weights[i] = 1
	}
	for i := range dw.Scale {
		dw.Scale[i] = 1 / float32(n)
	}
	o := newDW(s, l, dw)
	if o == nil {
		return nil
	}
	return &blockPool{refPool{d}, o, s.Name() + " pool"}
}

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
