package lite0

// histogram counts the values of a map over pictures in bins of equal width.
type histogram struct {
	lo, width float64
	count     []float64
}

const bins = 4096

func newHistogram(lo, hi float64) histogram {
	return histogram{lo, max(hi-lo, 1e-6) / bins, make([]float64, bins)}
}

func (h *histogram) add(m Map) {
	for _, v := range m.V {
		h.count[min(max(int((float64(v)-h.lo)/h.width), 0), bins-1)]++
	}
}

// cost is the squared error of rounding the counted values to 256 steps over
// [lo, hi] and clamping what lies outside.
func (h *histogram) cost(lo, hi float64) float64 {
	step := (hi - lo) / 255
	rounding := float64(step*step) / 12
	sum := 0.0
	for i, n := range h.count {
		v := h.lo + float64((float64(i)+0.5)*h.width)
		d := max(lo-v, v-hi, 0)
		sum += float64(n * (rounding + float64(d*d)))
	}
	return sum
}

// best returns the range of least cost. Both ends shrink in turn from the
// extremes; end keeps the low one where it is.
func (h *histogram) best(fixedLow bool) (lo, hi float64) {
	lo, hi = h.lo, h.lo+float64(h.width*bins)
	const steps = 100
	for range 3 {
		full := hi
		least := h.cost(lo, hi)
		for i := steps; i >= steps/5; i-- {
			end := lo + float64((full-lo)*float64(i)/steps)
			if c := h.cost(lo, end); c < least {
				least, hi = c, end
			}
		}
		if fixedLow {
			break
		}
		full = lo
		for i := steps; i >= steps/5; i-- {
			end := hi - float64((hi-full)*float64(i)/steps)
			if c := h.cost(end, hi); c < least {
				least, lo = c, end
			}
		}
	}
	return lo, hi
}

// quants returns the scale and zero point of every map of g, from the pictures.
// Map 0 is the picture: its quantized values are pixel-128.
func (g *Graph) quants(pictures []Picture, s statistics) []Quant {
	counts := g.histograms(pictures, s)
	out := make([]Quant, len(g.Maps))
	out[0] = Quant{1.0 / 128, -1}
	parallel(len(g.Nodes), func(i int) {
		n := &g.Nodes[i]
		lo, hi := counts[n.Output].best(n.Relu6)
		out[n.Output] = quantOf(lo, hi)
	})
	return out
}

func quantOf(lo, hi float64) Quant {
	lo, hi = min(lo, 0), max(hi, 0)
	scale := float32((hi - lo) / 255)
	return Quant{scale, int(roundHalfEven(-128 - lo/float64(scale)))}
}

func (g *Graph) histograms(pictures []Picture, s statistics) []histogram {
	fresh := func() []histogram {
		h := make([]histogram, len(g.Maps))
		for id, cs := range s.out {
			lo, hi := 0.0, 0.0
			for _, c := range cs {
				lo, hi = min(lo, c.min), max(hi, c.max)
			}
			h[id] = newHistogram(lo, hi)
		}
		return h
	}
	total := fresh()
	for len(pictures) > 0 {
		batch := pictures[:min(8, len(pictures))]
		parts := make([][]histogram, len(batch))
		parallel(len(batch), func(i int) {
			parts[i] = fresh()
			for id, m := range g.Run(batch[i].Input()) {
				parts[i][id].add(m)
			}
		})
		for _, p := range parts {
			for id := range p {
				for b, n := range p[id].count {
					total[id].count[b] += n
				}
			}
		}
		pictures = pictures[len(batch):]
	}
	return total
}
