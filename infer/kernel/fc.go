package kernel

// blockFC multiplies a few vectors by a matrix of 8-bit blocks of 16 outputs x 4
// inputs, each weight read once a vector: memory bandwidth is what it costs. A
// unit is a panel of 16 outputs; the kernel runs over many at a time.
type blockFC struct {
	set   *Set
	lay   layout
	d     FullyConnected
	w     []byte  // all blocks, panel by panel
	offs  []int32 // their offsets in bytes of packed activations
	n     []int32 // blocks of each panel
	start []int32 // first block of each panel
	bias  []int32
	scale []float32
	info  Info
}

// fcRows is the number of vectors from which on a convolution's tiles pay.
const fcRows = 4

func newBlockFC(s *Set, l *layout, d FullyConnected) *blockFC {
	o := &blockFC{set: s, lay: *l, d: d}
	o.lay.wElem = 1
	o.lay.wMin, o.lay.wMax = max(l.wMin, -128), min(l.wMax, 127)
	panels := (d.Out + 15) / 16
	w := make([]byte, 0, panels*((d.In+3)/4)*64)
	o.bias, o.scale = make([]int32, panels*16), make([]float32, panels*16)
	for p := range panels {
		o.start = append(o.start, int32(len(o.offs)))
		w = o.packPanel(w, p*16)
		o.n = append(o.n, int32(len(o.offs))-o.start[p])
	}
	o.w = aligned(len(w))
	copy(o.w, w)
	o.d.Weights = nil
	o.info = Info{Kernel: s.Name() + " vector", MACs: int64(d.Rows) * int64(d.In) * int64(d.Out),
		Done: int64(d.Rows) * int64(len(w)), Density: float64(len(o.offs)) / float64(panels*((d.In+3)/4)),
		Packed: len(w) + 4*(len(o.offs)+2*panels) + 8*len(o.bias)}
	return o
}

// packPanel appends the blocks of outputs c0..c0+15.
func (o *blockFC) packPanel(w []byte, c0 int) []byte {
	d, valid := &o.d, min(16, o.d.Out-c0)
	var b, part [64]int32
	for k := 0; k < d.In; k += 4 {
		n := min(4, d.In-k)
		any := int8(0)
		clear(b[:])
		for c := range valid {
			for i, v := range d.Weights[(c0+c)*d.In+k:][:n] {
				b[c*4+i] = int32(v)
				any |= v
			}
		}
		for any != 0 && o.lay.cut(part[:], b[:]) {
			w = o.lay.appendBlock(w, part[:], 16)
			o.offs = append(o.offs, int32(k*o.lay.elem))
		}
	}
	for c := range valid {
		sum := int32(0)
		for _, v := range d.Weights[(c0+c)*d.In:][:d.In] {
			sum += int32(v)
		}
		o.bias[c0+c] = biasOf(d.Bias, c0+c) - (d.InZero+o.lay.offset())*sum
		o.scale[c0+c] = d.Scale[c0+c]
	}
	return w
}

func (o *blockFC) Info() Info { return o.info }
func (o *blockFC) Units() int { return len(o.n) }

// Scratch: one packed vector and the outputs of the last panel.
func (o *blockFC) Scratch() int { return 64 + o.packedBytes() + 64 }

func (o *blockFC) packedBytes() int { return (o.d.In*o.lay.elem + slack + 63) &^ 63 }

func (o *blockFC) Run(dst, src []int8, scratch []byte, from, to int) {
	if from >= to {
		return
	}
	buf := align(scratch[:o.Scratch()])
	full := min(to, o.d.Out/16)
	for r := range o.d.Rows {
		o.set.packRow(&o.lay, buf, 0, src[r*o.d.In:][:o.d.In])
		y := dst[r*o.d.Out:][:o.d.Out]
		if from < full {
			o.panels(y[from*16:], buf, from, full)
		}
		if to > full {
			last := int8s(buf[o.packedBytes():])
			o.panels(last, buf, to-1, to)
			copy(y[(to-1)*16:], last)
		}
	}
}

// panels computes whole panels from..to-1.
func (o *blockFC) panels(dst []int8, buf []byte, from, to int) {
	at := o.start[from]
	a := blockArgs{in: ptr(buf), px: ptr(o.n[from:]), tiles: to - from, offs: ptr(o.offs[at:]),
		w: ptr(o.w[int(at)*64:]), bias: ptr(o.bias[from*16:]), scale: ptr(o.scale[from*16:]), out: ptr(dst)}
	a.requant(&o.d.Requant)
	o.set.vector(&a)
}
