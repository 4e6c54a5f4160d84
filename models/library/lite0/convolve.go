package lite0

// Window is how a convolution walks over its input.
type Window struct {
	Kernel int // rows and columns
	Stride int // in rows and columns
}

// convolve returns the sums of a convolution with SAME padding over x, whose
// padding value is 0. Sums start with the bias and run over kernel rows, kernel
// columns, then input channels.
func convolve[T number](n *Window, depthwise bool, x grid[T], weight, bias []T) grid[T] {
	out := newGrid[T](ceilDiv(x.H, n.Stride), ceilDiv(x.W, n.Stride), len(bias))
	switch {
	case depthwise:
		channelwise(n, x, weight, bias, out)
	case n.Kernel == 1 && n.Stride == 1:
		pointwise(x.V, weight, bias, out.V, x.C, out.C)
	default:
		full(n, x, weight, bias, out)
	}
	return out
}

// pointwise is a 1x1 convolution over len(y)/out cells, four outputs at a time.
// Channel counts of this network are multiples of four.
func pointwise[T number](x, w, bias, y []T, in, out int) {
	for ; len(y) > 0; x, y = x[in:], y[out:] {
		cell := x[:in]
		for o := 0; o < out; o += 4 {
			w0, w1 := w[o*in:][:in], w[(o+1)*in:][:in]
			w2, w3 := w[(o+2)*in:][:in], w[(o+3)*in:][:in]
			a0, a1, a2, a3 := bias[o], bias[o+1], bias[o+2], bias[o+3]
			for i, v := range cell {
				a0 += T(v * w0[i])
				a1 += T(v * w1[i])
				a2 += T(v * w2[i])
				a3 += T(v * w3[i])
			}
			y[o], y[o+1], y[o+2], y[o+3] = a0, a1, a2, a3
		}
	}
}

// full is the general convolution; only the stem uses it.
func full[T number](n *Window, x grid[T], weight, bias []T, out grid[T]) {
	taps := n.Kernel * n.Kernel * x.C
	walk(n, x, bias, out, func(cell []T, k int, from []T) {
		for o := range cell {
			w := weight[o*taps+k*x.C:][:len(from)]
			for i, v := range from {
				cell[o] += T(v * w[i])
			}
		}
	})
}

func channelwise[T number](n *Window, x grid[T], weight, bias []T, out grid[T]) {
	walk(n, x, bias, out, func(cell []T, k int, from []T) {
		w := weight[k*x.C:][:len(cell)]
		from = from[:len(cell)]
		for c := range cell {
			cell[c] += T(from[c] * w[c])
		}
	})
}

// walk calls add for every output cell, which holds the bias first, and every
// kernel position k that lies inside x.
func walk[T number](n *Window, x grid[T], bias []T, out grid[T], add func(cell []T, k int, from []T)) {
	top, left := n.before(x.H, out.H), n.before(x.W, out.W)
	for r := range out.H {
		for c := range out.W {
			cell := out.V[(r*out.W+c)*out.C:][:out.C]
			copy(cell, bias)
			for kr := range n.Kernel {
				y := r*n.Stride - top + kr
				if y < 0 || y >= x.H {
					continue
				}
				for kc := range n.Kernel {
					if z := c*n.Stride - left + kc; z >= 0 && z < x.W {
						add(cell, kr*n.Kernel+kc, x.V[(y*x.W+z)*x.C:][:x.C])
					}
				}
			}
		}
	}
}

// before is TensorFlow's SAME padding above or left of a map: the smaller half
// of what the last window needs.
func (n *Window) before(in, out int) int {
	return max((out-1)*n.Stride+n.Kernel-in, 0) / 2
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
