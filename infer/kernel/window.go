package kernel

// window makes a convolution of few input channels a pointwise one: the windows of
// all outputs of a band are copied side by side, so that no vector is filled up at
// the end of every row of the window.
type window struct {
	d    Conv // as it was, without weights
	cols int  // padded columns that are read
	size int  // bytes of a window, a multiple of 4
}

// windowRows is the height of the windows that gather kernels copy, and windowRun
// the most bytes of one of their rows.
const (
	windowRows = 3
	windowRun  = 16
)

// gathers says whether copying windows saves blocks.
func (d *Conv) gathers() bool {
	run := d.KW * d.InC
	return d.KH == windowRows && run <= windowRun && d.OutC > 8 && !d.Transposed && d.Up == 1 &&
		d.DilationH == 1 && d.DilationW == 1 && (d.KH*run+3)/4 < d.KH*((run+3)/4)
}

// newWindow returns the window of d, and what d is over windows.
func newWindow(d Conv) (*window, Conv) {
	n := d.KH * d.KW * d.InC
	w := &window{d: d, cols: (d.OutW-1)*d.StrideW + d.KW, size: (n + 3) &^ 3}
	w.d.Weights = nil
	flat := make([]int8, d.OutC*w.size)
	for o := range d.OutC {
		copy(flat[o*w.size:], d.Weights[o*n:][:n])
	}
	pixels := d.OutH * d.OutW
	d.InH, d.InW, d.InC, d.OutH, d.OutW = pixels, 1, w.size, pixels, 1
	d.KH, d.KW, d.StrideH, d.StrideW, d.PadTop, d.PadLeft, d.Weights = 1, 1, 1, 1, 0, 0, flat
	return w, d
}

// lines is the number of input rows that n output rows read.
func (w *window) lines(n int) int { return (n-1)*w.d.StrideH + w.d.KH }

// scratch is the room for the padded input rows of that many pixels, whole rows.
func (w *window) scratch(pixels int) int {
	return (w.lines(pixels/w.d.OutW)*w.cols*w.d.InC + slack + 63) &^ 63
}

// gather copies the windows of n pixels from pixel first on to buf; lines is scratch.
func (w *window) gather(s *Set, l *layout, buf, lines []byte, src []int8, first, n int) {
	d := &w.d
	y, rows, pitch := first/d.OutW, n/d.OutW, w.cols*d.InC
	for i := range w.lines(rows) {
		s.packLine(l, d, lines, i*pitch, src, y*d.StrideH-d.PadTop+i, -d.PadLeft, w.cols)
	}
	a := zipArgs{n: d.KW * d.InC, pixels: d.OutW, srcStep: d.StrideW * d.InC, dstStep: w.size}
	for i := range rows {
		for r := range windowRows {
			a.rows[r] = ptr(lines[(i*d.StrideH+r)*pitch:])
		}
		a.dst = ptr(buf[i*d.OutW*w.size:])
		s.gather(&a)
	}
}
