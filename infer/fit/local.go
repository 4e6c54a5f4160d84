package fit

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"winnow/infer"
	"winnow/infer/tflite"
)

// localModel is the local view before calibration: what is left of each place
// when its surroundings are known, along the directions in which drawn defects
// stand out most from good parts.
type localModel struct {
	mean   []float32  // feature map that is taken off first
	kernel *mat.Dense // windows to directions: 9*channels x dirs
	weight []float64  // of each cell
}

// localOf points t at the drawn defects that use selects.
//
// With S0 the covariance of what is left of good parts and S1 that of defective
// places, the directions are the leading generalized eigenvectors of (S1, S0),
// each weighed so that the sum of squares is the log-likelihood ratio of two
// centred Gaussians, up to constants: 1 - 1/eigenvalue.
func (s *surround) localOf(t *foretold, use func(of int) bool) (*localModel, error) {
	c := s.channels
	odd, n := s.oddCovariance(t, use)
	if n == 0 {
		return nil, fmt.Errorf("no drawn defect covers a place")
	}
	var half, both mat.Dense
	half.Mul(odd, t.white)
	both.Mul(t.white, &half)
	sym := mat.NewSymDense(c, nil)
	for i := range c {
		for j := i; j < c; j++ {
			sym.SetSym(i, j, (both.At(i, j)+both.At(j, i))/2)
		}
	}
	values, vectors, err := leading(sym, min(localDirs, c))
	if err != nil {
		return nil, err
	}
	dirs := mat.NewDense(c, len(values), nil)
	dirs.Mul(t.white, vectors)
	dirs.Apply(func(_, j int, v float64) float64 {
		return v * math.Sqrt(1-1/max(values[j], 1.001)) / t.scale
	}, dirs)
	m := &localModel{mean: t.mean, kernel: new(mat.Dense), weight: make([]float64, s.grid[0]*s.grid[1])}
	m.kernel.Mul(t.left, dirs)
	for i := range m.weight {
		m.weight[i] = 1
	}
	return m, nil
}

// oddCovariance is the second moment of what is left of the selected defective
// places, in units of t.scale, and how many there are.
func (s *surround) oddCovariance(t *foretold, use func(of int) bool) (*mat.Dense, int) {
	const batch = 512
	w, c := s.width(), s.channels
	total := mat.NewDense(c, c, nil)
	n, filled := 0, 0
	rows := mat.NewDense(batch, w, nil)
	add := func() {
		if filled == 0 {
			return
		}
		var left, outer mat.Dense
		left.Mul(rows.Slice(0, filled, 0, w), t.left)
		outer.Mul(left.T(), &left)
		total.Add(total, &outer)
		n, filled = n+filled, 0
	}
	for _, o := range s.odd {
		if !use(o.of) {
			continue
		}
		s.centredWindow(rows.RawRowView(filled), o, t.mean)
		if filled++; filled == batch {
			add()
		}
	}
	add()
	if n > 0 {
		total.Scale(1/(float64(n)*t.scale*t.scale), total)
	}
	return total, n
}

// centredWindow writes o's window minus the mean's to dst.
func (s *surround) centredWindow(dst []float64, o oddWindow, mean []float32) {
	y, x, c := o.place/s.grid[1], o.place%s.grid[1], s.channels
	for k := range windowCells {
		yy, xx := y+(k/3-1)*surroundReach, x+(k%3-1)*surroundReach
		inside := yy >= 0 && xx >= 0 && yy < s.grid[0] && xx < s.grid[1]
		for i := range c {
			v := featureStep * float64(int8(o.values[k*c+i]))
			if inside {
				v -= float64(mean[(yy*s.grid[1]+xx)*c+i])
			}
			dst[k*c+i] = v
		}
	}
}

// plain standardizes a tap without pooling it.
func (c *composer) plain(t Tap, in int, s channelStats) int {
	scales, bias := make([]float32, t.Channels), make([]float64, t.Channels)
	for i := range t.Channels {
		scales[i] = float32(1 / (127 * s.dev[i]))
		bias[i] = -s.mean[i] / s.dev[i]
	}
	w := c.AddWeights(t.Name+"/plain", []int{1, 1, 1, t.Channels}, slices.Repeat([]int8{127}, t.Channels), scales, 3)
	return c.DepthwiseConv2D(t.Name+"/plain/standard", in, w, c.bias(t.Name+"/plain/mean", in, w, bias), tflite.DepthwiseConv2D{
		Padding: tflite.Same, StrideH: 1, StrideW: 1, Multiplier: 1,
	}, featureQuant)
}

// localHead joins the taps, standardized, on the grid of the first.
func (c *composer) localHead(taps []Tap, tensors []int, stats []channelStats) int {
	var parts []int
	for i, t := range taps {
		x := c.plain(t, tensors[i], stats[i])
		if t.Height != taps[0].Height || t.Width != taps[0].Width {
			x = c.ResizeBilinear(t.Name+"/fine", x, taps[0].Height, taps[0].Width, tflite.Resize{HalfPixelCenters: true})
		}
		parts = append(parts, x)
	}
	return c.joined("fine", 3, parts)
}

// localTail appends the local view to the features of localHead and returns its
// output and the real value of one step of it.
func (c *composer) localTail(features int, m *localModel) (out int, step float64) {
	shape := c.Tensor(features).Shape
	q := make([]int8, len(m.mean))
	for i, v := range m.mean {
		q[i] = int8(math.RoundToEven(max(-127, min(127, float64(v)/featureStep))))
	}
	mean := c.AddConst("fine/mean", shape, q, featureQuant)
	centred := c.Sub("fine/centred", features, mean, tflite.ActNone, featureQuant)
	width, dirs := m.kernel.Dims()
	real := make([]float32, dirs*width)
	for d := range dirs {
		for i := range width {
			real[d*width+i] = float32(m.kernel.At(i, d))
		}
	}
	w := c.weights("local/weights", []int{dirs, 3, 3, shape[3]}, real, true)
	step = float64(float32(localHeadroom / 127.0))
	out = c.Conv2D("local", centred, w, c.bias("local/bias", centred, w, make([]float64, dirs)), tflite.Conv2D{
		Padding: tflite.Same, StrideH: 1, StrideW: 1, DilationH: surroundReach, DilationW: surroundReach,
	}, tflite.Quant{Scale: float32(step)})
	return out, step
}

// localPeaks of the map, by their mean, are the view: one cell alone is more often
// chance than two are.
const localPeaks = 2

// statistics of the model as a package carries them; the view comes later.
func (s *surround) statistics(m *localModel, step float64) *infer.LocalModel {
	_, dirs := m.kernel.Dims()
	weight := slices.Clone(m.weight)
	s.o.count(weight, s.grid)
	return &infer.LocalModel{
		Grid: s.grid, Channels: dirs, Step: step, Peaks: localPeaks, PositionWeight: weight,
		View: infer.View{LogScale: 1, Median: 1},
	}
}

// powers adds the mean square of out at each cell to sum.
func powers(sum []float64, out []byte, dirs int, step float64) {
	for p := range sum {
		v := 0
		for _, b := range out[p*dirs : (p+1)*dirs] {
			v += int(int8(b)) * int(int8(b))
		}
		sum[p] += float64(v) * step * step / float64(dirs)
	}
}

// weigh sets the cells' weights from powers summed over n good parts: a place
// where good parts vary counts less. With few parts its own power is believed
// less than the median of its ring, cells as near to the border.
func (m *localModel) weigh(sum []float64, n int, grid [2]int) {
	rings := map[int][]float64{}
	ring := func(p int) int {
		y, x := p/grid[1], p%grid[1]
		return min(y, x, grid[0]-1-y, grid[1]-1-x, surroundReach)
	}
	for p, v := range sum {
		rings[ring(p)] = append(rings[ring(p)], v/float64(n))
	}
	typical := map[int]float64{}
	for r, v := range rings {
		typical[r] = max(median(v), 1e-6)
	}
	own := float64(n) / float64(n+spreadParts)
	for p, v := range sum {
		m.weight[p] = 1 / math.Sqrt(own*v/float64(n)+(1-own)*typical[ring(p)])
	}
}
