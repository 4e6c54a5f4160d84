package pixfmt

import (
	"errors"
	"fmt"
	"image"

	"winnow/capture"
	"winnow/edge"
)

// ErrShort is a camera buffer with fewer bytes than its picture needs.
var ErrShort = errors.New("frame is short")

// Decoder converts camera buffers. It keeps scratch memory between frames; the
// zero Decoder is ready. Not safe for concurrent use.
type Decoder struct {
	jpeg jpegScratch
}

// Convert writes the region of src that l asks for to dst, in dst.Format, and
// gives dst the region's size; dst's memory is used where it suffices. A frame
// that cannot be converted gets FrameShort or FrameError in dst.Flags beside
// the error, and its pixels are then undefined. Uncompressed formats allocate
// nothing; for JPEG the standard library's decoder allocates its planes.
func (d *Decoder) Convert(dst *edge.Frame, src []byte, l Layout) error {
	if err := l.Check(); err != nil {
		dst.Flags |= edge.FrameError
		return err
	}
	r := l.region()
	capture.Reshape(dst, r.Dx(), r.Dy(), dst.Format)
	if l.Format.Compressed() {
		return d.convertJPEG(dst, src, l)
	}
	if need := l.Size(); len(src) < need {
		dst.Flags |= edge.FrameShort
		return fmt.Errorf("%w: %d bytes for %dx%d %v, which needs %d", ErrShort, len(src), l.Width, l.Height, l.Format, need)
	}
	convertRows(dst, src, l, r)
	return nil
}

// convertRows converts an uncompressed picture that is known to be complete.
func convertRows(dst *edge.Frame, src []byte, l Layout, r image.Rectangle) {
	stride, grey, m := l.stride(), dst.Format == edge.Gray8, matrixFor(l.FullRange)
	for y := range r.Dy() {
		out := dst.Row(y)
		sy := y + r.Min.Y
		row := src[sy*stride:]
		switch l.Format {
		case GREY:
			fromGrey(out, row[r.Min.X:r.Max.X], 1, grey)
		case Y16:
			fromGrey(out, row[2*r.Min.X+1:2*r.Max.X], 2, grey)
		case RGB3:
			fromRGB(out, row[3*r.Min.X:3*r.Max.X], 0, grey)
		case BGR3:
			fromRGB(out, row[3*r.Min.X:3*r.Max.X], 2, grey)
		case YUYV:
			fromYUV(out, row, row[1:], row[3:], yuvSteps{2, 4}, r.Min.X, grey, m)
		case UYVY:
			fromYUV(out, row[1:], row, row[2:], yuvSteps{2, 4}, r.Min.X, grey, m)
		case NV12:
			chroma := src[(l.Height+sy/2)*stride:]
			fromYUV(out, row, chroma, chroma[1:], yuvSteps{1, 2}, r.Min.X, grey, m)
		}
	}
}

// fromGrey copies every step-th byte of src to out, three times for RGB24.
func fromGrey(out, src []byte, step int, grey bool) {
	switch {
	case grey && step == 1:
		copy(out, src)
	case grey:
		for i := range out {
			out[i] = src[i*step]
		}
	default:
		for ; len(out) >= 3; out = out[3:] {
			v := src[0]
			out[0], out[1], out[2] = v, v, v
			src = src[min(step, len(src)):]
		}
	}
}

// fromRGB copies pixels of three bytes of which red is byte red (0 or 2).
func fromRGB(out, src []byte, red int, grey bool) {
	if grey {
		for i := range out {
			p := src[3*i : 3*i+3]
			out[i] = luma(p[red], p[1], p[2-red])
		}
		return
	}
	if red == 0 {
		copy(out, src)
		return
	}
	for i := 0; i+2 < len(src); i += 3 {
		out[i], out[i+1], out[i+2] = src[i+2], src[i+1], src[i]
	}
}

// luma is BT.601's Y' of an RGB triple, 0..255, rounded; the weights are those
// of image/color.
func luma(r, g, b byte) byte {
	return byte((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

// matrix turns Y'CbCr into RGB: 16.16 fixed point, BT.601 (ITU-T T.871 for the
// full range).
type matrix struct {
	black, y, rv, gu, gv, bu int32
}

func matrixFor(fullRange bool) matrix {
	if fullRange {
		return matrix{0, 65536, 91881, 22554, 46802, 116130}
	}
	return matrix{16, 76309, 104597, 25675, 53279, 132201}
}

// yuvSteps are the bytes from one luminance sample, and from one pair of
// chrominance samples, to the next.
type yuvSteps struct{ luma, chroma int }

// fromYUV converts a row whose pixel x has its luminance at ys[x*steps.luma]
// and, for each two pixels, chrominance at us and vs[x/2*steps.chroma]. The
// first pixel of out is pixel x0.
func fromYUV(out, ys, us, vs []byte, steps yuvSteps, x0 int, grey bool, m matrix) {
	if grey {
		for i := range out {
			out[i] = clamp((int32(ys[(x0+i)*steps.luma])-m.black)*m.y + 1<<15)
		}
		return
	}
	x := x0
	if x%2 == 1 && len(out) >= 3 {
		c := x / 2 * steps.chroma
		m.pixel(out, ys[x*steps.luma], us[c], vs[c])
		out, x = out[3:], x+1
	}
	if len(out) < 3 { // x may lie behind the row
		return
	}
	ys, us, vs = ys[x*steps.luma:], us[x/2*steps.chroma:], vs[x/2*steps.chroma:]
	for ; len(out) >= 6; out = out[6:] {
		u, v := int32(us[0])-128, int32(vs[0])-128
		r, g, b := m.rv*v+1<<15, 1<<15-m.gu*u-m.gv*v, m.bu*u+1<<15
		y0, y1 := (int32(ys[0])-m.black)*m.y, (int32(ys[steps.luma])-m.black)*m.y
		o := out[:6]
		o[0], o[1], o[2] = clamp(y0+r), clamp(y0+g), clamp(y0+b)
		o[3], o[4], o[5] = clamp(y1+r), clamp(y1+g), clamp(y1+b)
		if len(out) < 9 {
			return
		}
		ys, us, vs = ys[2*steps.luma:], us[steps.chroma:], vs[steps.chroma:]
	}
	if len(out) >= 3 {
		m.pixel(out, ys[0], us[0], vs[0])
	}
}

// pixel converts one pixel.
func (m matrix) pixel(out []byte, ys, us, vs byte) {
	y, u, v := (int32(ys)-m.black)*m.y+1<<15, int32(us)-128, int32(vs)-128
	out[0], out[1], out[2] = clamp(y+m.rv*v), clamp(y-m.gu*u-m.gv*v), clamp(y+m.bu*u)
}

// clamp drops the 16 fraction bits of v and limits it to a byte.
func clamp(v int32) byte {
	v >>= 16
	if uint32(v) > 255 {
		v = ^v >> 31 // 0 below the range, all ones above it
	}
	return byte(v)
}
