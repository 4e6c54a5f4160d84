package fit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// Constants of what other conditions teach.
const (
	swayDirections = 7     // that a code gains, at most: light sways in three ways, focus and noise in one each, and features bend
	swayReach      = 3     // deviations of conditions that a code's range holds
	swayCounts     = 0.1   // weight of parts in other conditions, or of what conditions change, beside how good parts vary, in the other views and in whitening
	swayRows       = 4_000 // windows of parts in other conditions that the surroundings' view looks at, about
)

// swayed is a taught part in other conditions.
type swayed struct {
	source int // the part
	number int // among the pictures
}

// AddSwayed copies the taps of part source as it looks in other conditions. What conditions change
// of a part is no deviation: it is reconstructed, and counts as good parts' own variation
// in the other views. No score of a swayed part calibrates anything.
func (f *Features) AddSwayed(source int, taps [][]byte) error {
	if source < 0 || source >= f.Len() {
		return fmt.Errorf("part %d of %d in other conditions", source, f.Len())
	}
	n, err := f.keep(taps)
	if err == nil {
		f.swayed = append(f.swayed, swayed{source, n})
	}
	return err
}

// Swayed is the number of parts in other conditions.
func (f *Features) Swayed() int { return len(f.swayed) }

// swayedOf are those in other conditions of parts.
func (f *Features) swayedOf(parts []int) (idx []int) {
	of := make([]bool, f.Len())
	for _, p := range parts {
		of[p] = true
	}
	for i, r := range f.swayed {
		if of[r.source] {
			idx = append(idx, i)
		}
	}
	return idx
}

// changedDescriptors are what conditions change of the descriptors of parts.
func (ft *fitter) changedDescriptors(parts []int) [][]float64 {
	var changes [][]float64
	for _, i := range ft.features.swayedOf(parts) {
		d := make([]float64, len(ft.swayedDesc[i]))
		for j, v := range ft.desc[ft.features.swayed[i].source] {
			d[j] = ft.swayedDesc[i][j] - v
		}
		changes = append(changes, d)
	}
	return changes
}

// sway is what of a level other conditions change: rows of parts, and of the same swayed.
type sway struct {
	plain, swayed     *rows
	plainAt, swayedAt []int
}

// sway of the level's parts whose numbers among all swayed ones are idx.
func (l *levelFit) sway(all []swayed, idx []int) sway {
	t := sway{plain: &l.x, swayed: &l.swayed, swayedAt: idx}
	for _, i := range idx {
		t.plainAt = append(t.plainAt, all[i].source)
	}
	return t
}

// beyond returns the directions in which conditions change parts beyond the k orthonormal
// rows of p, and the deviation along each: the leading ones of the second moment of what p
// leaves of changes, orthonormal as well, as long as conditions deviate by least along them.
// Where parts vary as conditions make them vary, p has those directions already, and there are
// none (nuisance attribute projection, for the nuisance of conditions; Solomonoff, Campbell and
// Boardman, ICASSP 2005).
func (t *sway) beyond(p []float32, k int, least float64) (directions []float32, dev []float64, err error) {
	n := len(t.swayedAt)
	if n == 0 {
		return nil, nil, nil
	}
	width := t.plain.width
	change := t.swayed.load(make([]float32, n*width), t.swayedAt, 0, width, nil)
	was := make([]float32, width)
	for i, part := range t.plainAt {
		t.plain.load(was, []int{part}, 0, width, nil)
		for j, v := range was {
			change.Data[i*width+j] -= v
		}
	}
	base := blas32.General{Rows: k, Cols: width, Stride: width, Data: p}
	code := blas32.General{Rows: n, Cols: k, Stride: k, Data: make([]float32, n*k)}
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, change, base, 0, code)
	blas32.Gemm(blas.NoTrans, blas.NoTrans, -1, code, base, 1, change)
	gram := blas32.Symmetric{N: n, Stride: n, Data: make([]float32, n*n), Uplo: blas.Upper}
	blas32.Syrk(blas.NoTrans, 1, change, 0, gram)
	sym := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			sym.SetSym(i, j, float64(gram.Data[i*n+j]))
		}
	}
	values, u, err := leading(sym, CodeSize(n, min(swayDirections, width/4)))
	if err != nil {
		return nil, nil, err
	}
	for _, v := range values {
		if d := math.Sqrt(v / float64(n)); d > least {
			dev = append(dev, d)
		}
	}
	if len(dev) == 0 {
		return nil, nil, nil
	}
	coef := blas32.General{Rows: n, Cols: len(dev), Stride: len(dev), Data: make([]float32, n*len(dev))}
	for j := range dev {
		for i := range n {
			coef.Data[i*len(dev)+j] = float32(u.At(i, j) / math.Sqrt(values[j]))
		}
	}
	out := blas32.General{Rows: len(dev), Cols: width, Stride: width, Data: make([]float32, len(dev)*width)}
	blas32.Gemm(blas.Trans, blas.NoTrans, 1, coef, change, 0, out)
	return out.Data, dev, nil
}

// addChange adds weight times the second moment of what conditions change in the windows of a
// part of fold f: swayed is its feature map in other conditions, plain as it is. It looks at every
// stride-th place, from the first on, each of which counts for stride.
func (s *surround) addChange(f int, swayed, plain []byte, weight float64, first, stride int) {
	w := s.width()
	step := featureStep * float32(math.Sqrt(weight*float64(stride)))
	now, was := make([]byte, w), make([]byte, w)
	for i := first % stride; i < len(s.places); i += stride {
		s.window(now, swayed, s.places[i])
		s.window(was, plain, s.places[i])
		row := s.outer[f].next()
		for j := range w {
			row[j] = step * float32(int(int8(now[j]))-int(int8(was[j])))
		}
	}
}
