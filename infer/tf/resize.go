//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"math"

	"winnow/infer/tflite"
)

func (l *lowering) resizeNearest(o tflite.Op) (output, error) {
	opt, in, out := o.Options.(tflite.Resize), l.tensor(o, 0).Shape, l.result(o).Shape
	x, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	for d := 1; d <= 2; d++ {
		if in[d] != out[d] {
			x = l.pick(x, d, nearest(in[d], out[d], opt))
		}
	}
	return x, nil
}

// nearest returns the source index of each of m output places over n inputs, in
// the float32 arithmetic of TensorFlow Lite's kernel.
func nearest(n, m int, opt tflite.Resize) []int {
	scale := step(n, m, opt)
	offset := float32(0)
	if opt.HalfPixelCenters {
		offset = 0.5
	}
	from := make([]int, m)
	for i := range from {
		at := float64(float32((float32(i) + offset) * scale))
		if opt.AlignCorners {
			at = math.Round(at)
		}
		from[i] = min(max(int(math.Floor(at)), 0), n-1)
	}
	return from
}

// step is how far apart m output places lie over n inputs.
func step(n, m int, opt tflite.Resize) float32 {
	if opt.AlignCorners && m > 1 {
		return float32(n-1) / float32(m-1)
	}
	return float32(n) / float32(m)
}

// taps are the two neighbours of each output place and the second one's share,
// in 1/2048.
type taps struct {
	a, b  []int
	share []float32
}

// bilinear works the taps out in float32 as XNNPACK does
// (xnn_indirection_init_resize_bilinear2d_hwc_q11).
func bilinear(n, m int, opt tflite.Resize) taps {
	var t taps
	scale := step(n, m, opt)
	for i := range m {
		at := float32(float32(i) * scale)
		if opt.HalfPixelCenters {
			at = float32(at+float32(0.5*scale)) - 0.5
			at = min(max(at, 0), float32(n-1))
		}
		a := int(at)
		t.a, t.b = append(t.a, a), append(t.b, min(a+1, n-1))
		t.share = append(t.share, float32(math.RoundToEven(float64((at-float32(a))*2048)))/2048)
	}
	return t
}

// resizeBilinear blends columns, then rows, and rounds half up. Shares have 11
// bits: float32 holds a blend of columns exactly, float64 one of both.
func (l *lowering) resizeBilinear(o tflite.Op) (output, error) {
	opt, in, out := o.Options.(tflite.Resize), l.tensor(o, 0).Shape, l.result(o).Shape
	x, err := l.same(o)
	if err != nil {
		return output{}, err
	}
	b := &l.builder
	rows, cols := bilinear(in[1], out[1], opt), bilinear(in[2], out[2], opt)
	x = l.blend(l.pick(x, 2, cols.a), l.pick(x, 2, cols.b), constant(b, cols.share, 1, 1, len(cols.share), 1))
	top, bottom := l.pick(x, 1, rows.a), l.pick(x, 1, rows.b)
	share := constant(b, rows.share, 1, len(rows.share), 1, 1)
	if !l.exact {
		return l.fakeQuant(l.blend(top, bottom, share), targetOf(l.result(o), tflite.ActNone)), nil
	}
	y := l.blend(l.double(top), l.double(bottom), l.double(share))
	return l.float(l.floor(l.add(y, scalar(b, 0.5)))), nil
}

// blend is a + (b-a)*share.
func (b *builder) blend(x, y, share output) output { return b.add(x, b.mul(b.sub(y, x), share)) }
