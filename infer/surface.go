package infer

import "math"

// surface makes an anomaly map of one int8 output and keeps its memory.
type surface struct {
	h, w, ch  int
	both      bool      // the two largest values count, by their mean, not the largest alone
	sharp     bool      // blur is raw
	calm      Calm      // what a restless part's map is divided by
	factor    float64   // by which the last map was multiplied for that
	counted   []float64 // scratch of quiet
	raw, blur []float64 // row-major: before and after the blur
	squares   []int32   // of each cell, as kernels give them
	kernels   Kernels   // nil: plain Go
}

func newSurface(grid [2]int, channels int) surface {
	n := grid[0] * grid[1]
	return surface{h: grid[0], w: grid[1], ch: channels, raw: make([]float64, n), blur: make([]float64, n), squares: make([]int32, n), counted: make([]float64, 0, n)}
}

// peak maps out and returns the largest value of the map, blurred unless it is to be
// sharp, above 0, or the mean of the two largest, and the cell of the largest. A cell
// is the root of k times its sum of squares, times its weight, set against how
// restless the part is.
func (s *surface) peak(out []byte, k float64, weight []float64) (peak float64, at int) {
	s.sum(out)
	for p, sum := range s.raw {
		s.raw[p] = mul(math.Sqrt(mul(sum, k)), weight[p])
	}
	if s.factor = 1; s.calm.Quiet > 0 {
		s.factor = s.calm.Factor(s.quiet(weight))
		for p := range s.raw {
			s.raw[p] = mul(s.raw[p], s.factor)
		}
	}
	if !s.sharp {
		s.smooth()
	}
	var most largest
	for i, v := range s.blur {
		if v > most.first {
			at = i
		}
		most.add(v)
	}
	return most.peak(s.both), at
}

// quiet is the lower quartile of the map before the blur, over cells that count.
func (s *surface) quiet(weight []float64) float64 {
	s.counted = s.counted[:0]
	for p, v := range s.raw {
		if weight[p] > 0 {
			s.counted = append(s.counted, v)
		}
	}
	return quarter(s.counted)
}

// largest are the two largest of some values.
type largest struct{ first, second float64 }

func (l *largest) add(v float64) {
	switch {
	case v > l.first:
		l.first, l.second = v, l.first
	case v > l.second:
		l.second = v
	}
}

// peak is the largest, or the mean of both; at least a little.
func (l *largest) peak(both bool) float64 {
	if both {
		return max(1e-6, mul(l.first+l.second, 0.5))
	}
	return max(1e-6, l.first)
}

// sum writes the sum of squares of each cell of out to raw, exactly.
func (s *surface) sum(out []byte) {
	if s.kernels != nil && s.kernels.SquareSums(s.squares, out[:len(s.raw)*s.ch]) {
		for p, sum := range s.squares {
			s.raw[p] = float64(sum)
		}
		return
	}
	for p := range s.raw {
		sum := int64(0)
		for _, b := range out[p*s.ch : (p+1)*s.ch] {
			v := int32(int8(b))
			sum += int64(v * v)
		}
		s.raw[p] = float64(sum)
	}
}

// sharpen makes the surface take maps as they are.
func (s *surface) sharpen() { s.sharp, s.blur = true, s.raw }

// smooth is half the map and half its 3x3 mean (edges repeated): one noisy
// cell counts less than a blob, and a point defect still counts.
func (s *surface) smooth() {
	for y := range s.h {
		top, row, bottom := s.row(max(y-1, 0)), s.row(y), s.row(min(y+1, s.h-1))
		out := s.blur[y*s.w:][:s.w]
		for x, v := range row {
			l, r := max(x-1, 0), min(x+1, s.w-1)
			sum := top[l] + top[x] + top[r] + row[l] + v + row[r] + bottom[l] + bottom[x] + bottom[r]
			out[x] = mul(sum, 1.0/18) + mul(v, 0.5)
		}
	}
}

func (s *surface) row(y int) []float64 { return s.raw[y*s.w:][:s.w] }

// stretch is where one row or column of a fine grid lies on a coarse one:
// part of the way from at to next.
type stretch struct {
	at, next int
	part     float64
}

// stretches lays m cells over n, centres on centres.
func stretches(n, m int) []stretch {
	out := make([]stretch, m)
	for i := range out {
		twice := (2*i+1)*n - m // twice m times the position on the coarse grid
		if twice < 0 {
			continue
		}
		at := twice / (2 * m)
		out[i] = stretch{at, min(at+1, n-1), float64(twice%(2*m)) / float64(2*m)}
	}
	return out
}

func (m *LocalModel) surface() surface {
	s := newSurface(m.Grid, m.Channels)
	s.both = m.Peaks == 2
	return s
}

// LocalScorer measures the local view alone, as a Scorer does.
type LocalScorer struct {
	m *LocalModel
	s surface
}

// NewLocalScorer for outputs that m was fitted to.
func NewLocalScorer(m *LocalModel) *LocalScorer {
	return &LocalScorer{m, m.surface()}
}

// Peak is the raw local deviation of the part with this output, and what the
// members of an ensemble find.
func (l *LocalScorer) Peak(out []byte) (float64, [Members]float64) {
	k := mul(l.m.Step, l.m.Step)
	peak, at := l.s.peak(out, k, l.m.PositionWeight)
	return peak, l.s.without(out, k, l.m.PositionWeight, at)
}
