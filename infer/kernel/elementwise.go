package kernel

import "math"

// Add holds the arithmetic of a quantized addition by XNNPACK's rule: with the
// two scale ratios brought to integers of 21 bits under one shift,
//
//	q = clamp(((Bias + a*MulA + b*MulB) >> Shift) + Zero, Min, Max)
//
// where Bias holds the zero points and the rounding half (half up).
type Add struct {
	MulA, MulB, Bias int32
	Shift            uint32 // 12..30
	Zero             int32
	Min, Max         int8
}

// NewAdd prepares an addition. ratioA and ratioB are the inputs' scales over the
// output's; XNNPACK takes ratios whose larger one lies in [2^-10, 2^8), and so do
// we. Source: xnn_init_qs8_add_minmax_scalar_params.
func NewAdd(ratioA, ratioB float32, zeroA, zeroB, zero int32, lo, hi int8) (Add, error) {
	m := max(ratioA, ratioB)
	if !(m >= 0x1p-10 && m < 0x1p8) || !(min(ratioA, ratioB) >= 0) {
		return Add{}, bad("addition: scale ratios %g, %g", ratioA, ratioB)
	}
	if lo > hi || zero < -128 || zero > 127 || zeroA < -128 || zeroA > 127 || zeroB < -128 || zeroB > 127 {
		return Add{}, bad("addition: zero points %d, %d, %d, range %d..%d", zeroA, zeroB, zero, lo, hi)
	}
	shift := 20 - math.Ilogb(float64(m))
	a := Add{Shift: uint32(shift), Zero: zero, Min: lo, Max: hi}
	a.MulA = int32(math.RoundToEven(math.Ldexp(float64(ratioA), shift)))
	a.MulB = int32(math.RoundToEven(math.Ldexp(float64(ratioB), shift)))
	a.Bias = int32(1)<<(shift-1) - a.MulA*zeroA - a.MulB*zeroB
	return a, nil
}

// Add writes the sum of a and b, which are as long as dst and may be dst.
func (s *Set) Add(dst, a, b []int8, p *Add) {
	n := len(dst)
	a, b = a[:n], b[:n]
	for i := s.addHead(dst, a, b, p); i < n; i++ {
		v := (p.Bias+int32(a[i])*p.MulA+int32(b[i])*p.MulB)>>p.Shift + p.Zero
		dst[i] = int8(max(int32(p.Min), min(int32(p.Max), v)))
	}
}

// Mul holds the arithmetic of a quantized product by XNNPACK's rule:
//
//	q = clamp(roundHalfEven(float32((a-ZeroA)*(b-ZeroB)) * Scale) + Zero, Min, Max)
type Mul struct {
	ZeroA, ZeroB int32
	Scale        float32
	Zero         int32
	Min, Max     int8
}

// mulMagic added to a float32 below 2^22 leaves it rounded half to even in the lowest bits.
const mulMagic = 12582912

// mulUnclamped is a scale below which no product of 9-bit factors leaves the range in
// which mulMagic rounds.
const mulUnclamped = 16

// Of is the product of a and b.
func (p *Mul) Of(a, b int8) int8 {
	v := float32((int32(a)-p.ZeroA)*(int32(b)-p.ZeroB)) * p.Scale
	v = min(max(v, -1<<20), 1<<20)
	q := int32(math.Float32bits(float32(v)+mulMagic)) - int32(math.Float32bits(mulMagic)) + p.Zero
	return int8(max(int32(p.Min), min(int32(p.Max), q)))
}

// Mul writes the product of a and b, which are as long as dst and may be dst.
func (s *Set) Mul(dst, a, b []int8, p *Mul) {
	n := len(dst)
	a, b = a[:n], b[:n]
	if p.Scale >= mulUnclamped {
		for i := range dst {
			dst[i] = p.Of(a[i], b[i])
		}
		return
	}
	za, zb, scale, lo, hi := p.ZeroA, p.ZeroB, p.Scale, int32(p.Min), int32(p.Max)
	zero := p.Zero - int32(math.Float32bits(mulMagic))
	for i := s.mulHead(dst, a, b, p); i < n; i++ {
		v := float32(float32((int32(a[i])-za)*(int32(b[i])-zb)) * scale) // a rounding of its own: no fused multiply-add
		dst[i] = int8(max(lo, min(hi, int32(math.Float32bits(v+mulMagic))+zero)))
	}
}

// Table is a function of one int8, indexed by uint8(x).
type Table [256]int8

// Map writes t[uint8(src[i])]; src is as long as dst and may be dst.
func (s *Set) Map(dst, src []int8, t *Table) {
	src = src[:len(dst)]
	for i := s.mapHead(dst, src, t); i < len(src); i++ {
		dst[i] = t[uint8(src[i])]
	}
}

// Upsample repeats every pixel of an h x w x c picture up x up times.
func (s *Set) Upsample(dst, src []int8, h, w, c, up int) {
	row := w * up * c
	for y := range h {
		first := dst[y*up*row:][:row]
		for x := range w {
			px := src[(y*w+x)*c:][:c]
			for i := range up {
				copy(first[(x*up+i)*c:], px)
			}
		}
		for i := 1; i < up; i++ {
			copy(dst[(y*up+i)*row:][:row], first)
		}
	}
}
