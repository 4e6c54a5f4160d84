package infer

import "winnow/edge"

// copyInto makes dst a dense copy of f.
func copyInto(dst, f *edge.Frame) {
	pix := dst.Pix[:0]
	for y := range f.Height {
		pix = append(pix, f.Row(y)...)
	}
	*dst = *f
	dst.Pix, dst.Stride = pix, f.Width*f.Format.BytesPerPixel()
}

// around is the mean of a pixel's neighbours that are not out, of the nearest ring
// that has any within two pixels.
func around(f *edge.Frame, x, y int, out func(x, y int) bool) (mean [3]uint8, ok bool) {
	for reach := 1; reach <= 2; reach++ {
		var sum [3]int
		n := 0
		for ny := max(y-reach, 0); ny <= min(y+reach, f.Height-1); ny++ {
			for nx := max(x-reach, 0); nx <= min(x+reach, f.Width-1); nx++ {
				if out(nx, ny) {
					continue
				}
				v := valueAt(f, nx, ny)
				for c := range sum {
					sum[c] += int(v[c])
				}
				n++
			}
		}
		if n > 0 {
			for c := range mean {
				mean[c] = uint8((sum[c] + n/2) / n)
			}
			return mean, true
		}
	}
	return mean, false
}

// valueAt is a pixel in three channels, equal where f is grey.
func valueAt(f *edge.Frame, x, y int) [3]uint8 {
	if f.Format == edge.Gray8 {
		v := f.Pix[y*f.Stride+x]
		return [3]uint8{v, v, v}
	}
	p := f.Pix[y*f.Stride+3*x:][:3]
	return [3]uint8{p[0], p[1], p[2]}
}

func setAt(f *edge.Frame, x, y int, v [3]uint8) {
	if f.Format == edge.Gray8 {
		f.Pix[y*f.Stride+x] = v[0]
		return
	}
	copy(f.Pix[y*f.Stride+3*x:][:3], v[:])
}

// same compares two pixels of one format.
func same(p, q []byte) bool {
	if len(p) == 1 {
		return p[0] == q[0]
	}
	return p[0] == q[0] && p[1] == q[1] && p[2] == q[2]
}

// differ reports whether two pixels are deadContrast apart in some channel.
func differ(a, b [3]uint8) bool {
	for c := range a {
		if d := int(a[c]) - int(b[c]); d >= deadContrast || d <= -deadContrast {
			return true
		}
	}
	return false
}
