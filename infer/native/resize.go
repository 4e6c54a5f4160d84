package native

import (
	"math"

	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// resize lowers RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR by any factor.
func (l *lowering) resize(n *graph.Node) (layer, error) {
	if err := l.keepsQuant(n, n.In[0]); err != nil {
		return layer{}, err
	}
	o := l.op(n).Options.(tflite.Resize)
	x, out := n.InShape, l.tensor(n.Out).Shape
	if m := max(x[1], x[2], out[1], out[2]); m > maxResized {
		return layer{}, l.refuse(n, "pictures of %d rows or columns cannot be resized, at most %d", m, maxResized)
	}
	r := resizeStep{dst: l.int8s(n.Out), src: l.int8s(n.In[0]), c: x[3], inH: x[1], inW: x[2], outH: out[1], outW: out[2], batch: x[0]}
	y := layer{kernel: "generic", wide: len(r.dst) > 1<<14}
	if n.Code == tflite.OpResizeNearest {
		s := &nearestStep{resizeStep: r}
		s.y, s.x = nearest(o, x[1], out[1]), nearest(o, x[2], out[2])
		y.step = s
		return y, nil
	}
	s := &bilinearStep{resizeStep: r}
	s.y, s.x, s.blend = bilinear(o, x[1], out[1]), bilinear(o, x[2], out[2]), blend
	if inQuarters(s.y) && inQuarters(s.x) {
		s.blend, y.kernel = quarters(l.set), l.set.Name()+" quarters"
	}
	y.step = s
	return y, nil
}

// maxResized bounds a side: float32 coordinates must stay inside the picture, and each
// row and column has its place in memory.
const maxResized = 1 << 20

// resizeStep is what both ways share; a unit is an output row.
type resizeStep struct {
	dst, src             []int8
	c                    int
	inH, inW, outH, outW int
	batch                int
}

func (s *resizeStep) units() int   { return s.batch * s.outH }
func (s *resizeStep) scratch() int { return 0 }

// picture is the input picture that output row u belongs to.
func (s *resizeStep) picture(u int) []int8 {
	n := s.inH * s.inW * s.c
	return s.src[u/s.outH*n:][:n]
}

// ratio is the input step of one output pixel, in float32 as TensorFlow has it.
func ratio(align bool, in, out int) float32 {
	if align && out > 1 {
		return float32(in-1) / float32(out-1)
	}
	return float32(in) / float32(out)
}

type nearestStep struct {
	resizeStep
	y, x []int
}

// nearest lists the input coordinate of each output coordinate
// (tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h).
func nearest(o tflite.Resize, in, out int) []int {
	scale, offset := ratio(o.AlignCorners, in, out), float32(0)
	if o.HalfPixelCenters {
		offset = 0.5
	}
	v := make([]int, out)
	for i := range v {
		p := float32((float32(i) + offset) * scale)
		k := math.Floor(float64(p))
		if o.AlignCorners {
			k = math.Round(float64(p))
		}
		v[i] = max(0, min(int(k), in-1))
	}
	return v
}

func (s *nearestStep) run(_ []byte, from, to int) {
	for u := from; u < to; u++ {
		row := s.picture(u)[s.y[u%s.outH]*s.inW*s.c:]
		dst := s.dst[u*s.outW*s.c:]
		for i, x := range s.x {
			copy(dst[i*s.c:(i+1)*s.c], row[x*s.c:])
		}
	}
}

// tap is where an output coordinate lies between two input coordinates, with the
// second one's share in 1/2048.
type tap struct {
	a, b  int
	share int32
}

type bilinearStep struct {
	resizeStep
	y, x  []tap
	blend func(dst, tl, tr, bl, br []int8, sx, sy int32)
}

// bilinear lists the taps as XNNPACK computes them
// (src/indirection.c, xnn_indirection_init_resize_bilinear2d_hwc_q11).
func bilinear(o tflite.Resize, in, out int) []tap {
	scale := ratio(o.AlignCorners, in, out)
	v := make([]tap, out)
	for i := range v {
		p := float32(float32(i) * scale)
		if o.HalfPixelCenters {
			p = float32(p+float32(0.5*scale)) - 0.5
			p = min(max(p, 0), float32(in-1))
		}
		a := int(p)
		v[i] = tap{a, min(a+1, in-1), int32(math.RoundToEven(float64((p - float32(a)) * 2048)))}
	}
	return v
}

func (s *bilinearStep) run(_ []byte, from, to int) {
	for u := from; u < to; u++ {
		pic, ty := s.picture(u), s.y[u%s.outH]
		top, bottom := pic[ty.a*s.inW*s.c:], pic[ty.b*s.inW*s.c:]
		dst := s.dst[u*s.outW*s.c:]
		for i, tx := range s.x {
			s.blend(dst[i*s.c:(i+1)*s.c], top[tx.a*s.c:], top[tx.b*s.c:], bottom[tx.a*s.c:], bottom[tx.b*s.c:], tx.share, ty.share)
		}
	}
}

// quarter is a share of one fourth.
const quarter = 2048 / 4

// inQuarters reports whether all taps lie on quarters, as when doubling.
func inQuarters(taps []tap) bool {
	for _, t := range taps {
		if t.share%quarter != 0 || t.share == 4*quarter {
			return false
		}
	}
	return true
}

func quarters(set *kernel.Set) func(dst, tl, tr, bl, br []int8, sx, sy int32) {
	return func(dst, tl, tr, bl, br []int8, sx, sy int32) {
		set.Quarters(dst, tl, tr, bl, br, uint64(sx/quarter), uint64(sy/quarter))
	}
}

// blend is (t + (b-t)*sy) of rows t and b, each l + (r-l)*sx, in 22 fraction
// bits, rounded half up.
func blend(dst, tl, tr, bl, br []int8, sx, sy int32) {
	tl, tr, bl, br = tl[:len(dst)], tr[:len(dst)], bl[:len(dst)], br[:len(dst)]
	for i := range dst {
		t := int32(tl[i])<<11 + (int32(tr[i])-int32(tl[i]))*sx
		b := int32(bl[i])<<11 + (int32(br[i])-int32(bl[i]))*sx
		dst[i] = int8((t<<11 + (b-t)*sy + 1<<21) >> 22)
	}
}
