package kernel

// axis is one spatial dimension of a convolution. Output coordinates are taken
// as phases * (group * q') ...: with phases P and group T,
//
//	o = P*q + r   (T = 1)    or    o = T*q + t   (P = 1)
//
// so that the input coordinate of a tap is step*q + d with a d that depends on
// r, t and the tap only. Phases turn a transposed convolution and a convolution
// of an upsampled picture into plain ones with fewer taps; a group makes
// neighbouring outputs channels of one, which fills vectors when there are few
// channels.
type axis struct {
	in, out, k          int
	stride, dil, pad    int
	up                  int
	transposed          bool
	phases, group, step int
}

func (d *Conv) axes() (y, x axis) {
	y = axis{in: d.InH, out: d.OutH, k: d.KH, stride: d.StrideH, dil: d.DilationH, pad: d.PadTop, up: d.Up, transposed: d.Transposed}
	x = axis{in: d.InW, out: d.OutW, k: d.KW, stride: d.StrideW, dil: d.DilationW, pad: d.PadLeft, up: d.Up, transposed: d.Transposed}
	y.split(1)
	x.split(1)
	return y, x
}

// split sets phases and step for groups of t outputs; t > 1 needs a plain axis,
// or t = up.
func (a *axis) split(t int) {
	a.group, a.phases, a.step = t, 1, a.stride*t
	switch {
	case a.transposed:
		a.phases, a.step = a.stride, 1
	case a.up > 1:
		a.phases, a.step = a.up/t, 1
	}
}

// tap is where tap k of output (phase r, member t of the group) reads, as an
// offset to step*q; false where it never reads.
func (a *axis) tap(r, t, k int) (d int, ok bool) {
	switch {
	case a.transposed:
		i := r + a.pad - k
		return floorDiv(i, a.stride), floorDiv(i, a.stride)*a.stride == i
	case a.up > 1:
		return floorDiv(r+t-a.pad+k*a.dil, a.up), true
	}
	return t*a.stride - a.pad + k*a.dil, true
}

// count is the number of q that phase r has.
func (a *axis) count(r int) int { return (a.out/a.group - r + a.phases - 1) / a.phases }

// taps lists the distinct offsets of phase r in ascending order.
func (a *axis) taps(r int) []int {
	seen := map[int]bool{}
	for t := range a.group {
		for k := range a.k {
			if d, ok := a.tap(r, t, k); ok {
				seen[d] = true
			}
		}
	}
	return sortedKeys(seen)
}

// window is the range of offsets over all phases.
func (a *axis) window() (lo, hi int) {
	first := true
	for r := range a.phases {
		for _, d := range a.taps(r) {
			if first {
				lo, hi, first = d, d, false
			}
			lo, hi = min(lo, d), max(hi, d)
		}
	}
	return lo, hi
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
