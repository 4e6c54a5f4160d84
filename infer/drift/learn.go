package drift

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// fitParts is how many taught parts the reference is fitted to at most: as many
// again are kept with them until then.
const fitParts = 32

// keepBytes bounds the pictures that are kept until the reference is fitted.
const keepBytes = 24 << 20

// MinParts is the fewest taught parts that a reference is learned from: half of
// them give its seeds.
const MinParts = 8

// Learner makes a Reference of taught parts, one picture at a time, in a bounded
// memory. It is fitted to every second one of the first parts, at most fitParts of
// them; the others become seeds.
type Learner struct {
	w, h  int
	kept  [][]byte
	meter *Meter
	ref   *Reference
	group map[int]bool // groups that have been seen
}

// NewLearner for inputs of w x h pixels.
func NewLearner(w, h int) *Learner { return &Learner{w: w, h: h, group: map[int]bool{}} }

// Add one taught part. Of parts in one group, which are not independent, the first counts.
func (l *Learner) Add(input []byte, group int) error {
	if l.w < MinSide || l.h < MinSide || l.group[group] {
		return nil
	}
	l.group[group] = true
	if l.meter == nil {
		l.kept = append(l.kept, slices.Clone(input))
		if len(l.kept) < min(2*fitParts, max(2*MinParts, keepBytes/len(input))) {
			return nil
		}
		return l.settle()
	}
	return l.seed(input)
}

func (l *Learner) seed(input []byte) error {
	s, err := l.meter.Measure(input)
	if err == nil && len(l.ref.Seeds) < MaxSeeds {
		l.ref.Seeds = append(l.ref.Seeds, s)
	}
	return err
}

// settle fits the reference to every second part that was kept and measures the
// others: neighbours in the order of teaching lie on both sides.
func (l *Learner) settle() error {
	var fit, rest [][]byte
	for i, in := range l.kept {
		if i%2 == 0 {
			fit = append(fit, in)
		} else {
			rest = append(rest, in)
		}
	}
	l.kept = nil
	var err error
	if l.ref, err = learn(l.w, l.h, fit); err != nil {
		return err
	}
	l.meter = NewMeter(l.ref)
	for _, in := range rest {
		if err := l.seed(in); err != nil {
			return err
		}
	}
	return nil
}

// Reference of the parts added, or nil if there are too few or too small ones.
func (l *Learner) Reference() (*Reference, error) {
	if l.meter == nil && len(l.kept) >= MinParts {
		if err := l.settle(); err != nil {
			return nil, err
		}
	}
	return l.ref, nil
}

// learn fits everything but the seeds.
func learn(w, h int, inputs [][]byte) (*Reference, error) {
	r := &Reference{Schema: Schema, Width: w, Height: h, Rest: 1, Cells: make([]float32, cells)}
	prof := newProfiles(w, h)
	p := newPicture(w, h)
	mean := newProfiles(w, h)
	for _, in := range inputs {
		p.set(in)
		p.profile(&prof)
		for i := range 2 {
			add(mean.columns[i], mean.columns[i], prof.columns[i])
			add(mean.rows[i], mean.rows[i], prof.rows[i])
		}
	}
	for i := range 2 {
		r.Columns[i], r.Rows[i] = rounded(mean.columns[i], len(inputs)), rounded(mean.rows[i], len(inputs))
	}
	r.Edges = edges(w, h, inputs)
	rows := r.registered(inputs)
	for _, row := range rows {
		for i, v := range row {
			r.Cells[i] += v / float32(len(rows))
		}
	}
	for _, row := range rows {
		for i := range row {
			row[i] -= r.Cells[i]
		}
	}
	if err := r.spread(rows); err != nil {
		return nil, err
	}
	r.Signatures = r.signatures(inputs)
	return r, r.solve()
}

// rounded is v/n with four significant digits fewer than a float64 has room for:
// it is written as text.
func rounded(v []float64, n int) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = math.Round(16*x/float64(n)) / 16
	}
	return out
}

// edges picks the pixels whose contrast in the mean picture is among the highest
// twelfth, away from the border.
func edges(w, h int, inputs [][]byte) []int32 {
	mean := make([]float64, w*h)
	p := newPicture(w, h)
	for _, in := range inputs {
		p.set(in)
		for i, v := range p.grey {
			mean[i] += float64(v) / float64(len(inputs))
		}
	}
	strength := make([]float64, w*h)
	m := max(margin(w), margin(h)) + reach
	var all []float64
	for y := m; y < h-m; y++ {
		for x := m; x < w-m; x++ {
			i := y*w + x
			strength[i] = math.Hypot(mean[i+1]-mean[i-1], mean[i+w]-mean[i-w])
			all = append(all, strength[i])
		}
	}
	slices.Sort(all)
	limit := all[len(all)-1-len(all)/12]
	var out []int32
	last := 0
	for i, s := range strength {
		if s >= limit && s > 0 {
			out = append(out, int32(i-last))
			last = i
		}
	}
	return out
}

// registered returns the cells of each picture, moved back to the mean pose.
func (r *Reference) registered(inputs [][]byte) [][]float32 {
	bare := *r
	bare.Signatures, bare.Solver = nil, nil
	m := NewMeter(&bare)
	var out [][]float32
	for _, in := range inputs {
		out = append(out, m.cellsOf(in))
	}
	return out
}

// cellsOf is the first half of Measure.
func (m *Meter) cellsOf(in []byte) []float32 {
	m.pic.set(in)
	m.pic.profile(&m.current)
	dx, dy, _ := pose(&m.profile, &m.current, &m.whole, &m.sum)
	c := make([]float32, cells)
	m.pic.cellsAt(int(math.Round(dx)), int(math.Round(dy)), c)
	return c
}

// spread fits the covariance of deviations: the leading components of the rows'
// Gram matrix, and the mean variance of the rest.
func (r *Reference) spread(rows [][]float32) error {
	n := len(rows)
	g := mat.NewSymDense(n, nil)
	total := 0.0
	for i := range n {
		for j := range i + 1 {
			g.SetSym(i, j, dot(rows[i], rows[j]))
		}
		total += g.At(i, i)
	}
	var e mat.EigenSym
	if !e.Factorize(g, true) {
		return fmt.Errorf("drift: the covariance of %d parts has no eigenvectors", n)
	}
	values := e.Values(nil)
	var vectors mat.Dense
	e.VectorsTo(&vectors)
	k := min(8, n/3)
	for i := range k {
		total -= max(values[n-1-i], 0)
	}
	r.Rest = max(total, 0)/float64(cells*max(1, n-1-k)) + 0.05
	for i := range k {
		value := values[n-1-i]
		variance := value / float64(n-1)
		if variance <= 2*r.Rest {
			break
		}
		c := make([]float32, cells)
		for j, row := range rows {
			f := float32(vectors.At(j, n-1-i) / math.Sqrt(value))
			for x, v := range row {
				c[x] += f * v
			}
		}
		r.Components = append(r.Components, c)
		r.Shrink = append(r.Shrink, 1-r.Rest/(variance+r.Rest))
	}
	return nil
}

// signatures returns what light, shifts, a turn and a blur do to the cells: the
// first pictures are changed that way and summed up again.
func (r *Reference) signatures(inputs [][]byte) [][]float32 {
	light := slices.Clone(r.Cells)
	out := [][]float32{light}
	for _, change := range []func(p *picture) []byte{
		func(p *picture) []byte { return p.moved(1, 0, 0) },
		func(p *picture) []byte { return p.moved(0, 1, 0) },
		func(p *picture) []byte { return p.moved(0, 0, 1.0/90) },
		(*picture).blurred,
	} {
		sum := make([]float32, cells)
		n := min(len(inputs), 8)
		a, b := make([]float32, cells), make([]float32, cells)
		p := newPicture(r.Width, r.Height)
		for _, in := range inputs[:n] {
			p.input = in
			p.cellsAt(0, 0, a)
			p.input = change(p)
			p.cellsAt(0, 0, b)
			for i := range sum {
				sum[i] += (b[i] - a[i]) / float32(n)
			}
		}
		out = append(out, sum)
	}
	return out
}

// moved returns the picture with its content moved by (dx, dy) pixels and turned
// clockwise by radians about its centre; edges repeat.
func (p *picture) moved(dx, dy int, radians float64) []byte {
	out := make([]byte, len(p.input))
	s, c := math.Sincos(radians)
	cx, cy := float64(p.w-1)/2, float64(p.h-1)/2
	for y := range p.h {
		for x := range p.w {
			u, v := float64(x-dx)-cx, float64(y-dy)-cy
			sx := min(max(int(math.Round(c*u+s*v+cx)), 0), p.w-1)
			sy := min(max(int(math.Round(-s*u+c*v+cy)), 0), p.h-1)
			copy(out[3*(y*p.w+x):][:3], p.input[3*(sy*p.w+sx):][:3])
		}
	}
	return out
}

// blurred returns the picture smoothed by a 5x5 mean.
func (p *picture) blurred() []byte {
	out := make([]byte, len(p.input))
	for y := range p.h {
		for x := range p.w {
			for k := range 3 {
				sum := 0
				for v := max(y-2, 0); v <= min(y+2, p.h-1); v++ {
					for u := max(x-2, 0); u <= min(x+2, p.w-1); u++ {
						sum += int(p.input[3*(v*p.w+u)+k] ^ 0x80)
					}
				}
				n := (min(y+2, p.h-1) - max(y-2, 0) + 1) * (min(x+2, p.w-1) - max(x-2, 0) + 1)
				out[3*(y*p.w+x)+k] = byte((sum+n/2)/n) ^ 0x80
			}
		}
	}
	return out
}

// solve prepares generalized least squares: Solver = (A'SA)^-1 A'S with S the
// inverse covariance up to a factor, S v = v - sum of shrink (c.v) c.
func (r *Reference) solve() error {
	k := len(r.Signatures)
	white := make([][]float32, k)
	for i, a := range r.Signatures {
		w := slices.Clone(a)
		for j, c := range r.Components {
			z := float32(r.Shrink[j] * dot(c, a))
			for x, v := range c {
				w[x] -= z * v
			}
		}
		white[i] = w
	}
	m := mat.NewSymDense(k, nil)
	for i := range k {
		for j := range i + 1 {
			m.SetSym(i, j, dot(white[i], r.Signatures[j]))
		}
	}
	for i := range k { // a signature that is nothing here, such as a turned disc, gets a share of nothing
		m.SetSym(i, i, m.At(i, i)*(1+1e-4)+1)
	}
	var inv mat.Dense
	if err := inv.Inverse(m); err != nil {
		return fmt.Errorf("drift: what light and pose do to these parts cannot be told apart: %w", err)
	}
	for i := range k {
		s := make([]float32, cells)
		for j := range k {
			f := float32(inv.At(i, j))
			for x, v := range white[j] {
				s[x] += f * v
			}
		}
		r.Solver = append(r.Solver, s)
	}
	return nil
}
