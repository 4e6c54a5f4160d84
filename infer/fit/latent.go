package fit

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"winnow/infer"
)

// latentFloor is added to every variance of the latent model, in units of the
// standardized descriptor's.
const latentFloor = 0.05

// mostDescribed bounds how many parts the directions of the latent model are made
// from: time grows with its third power, memory with its square.
const mostDescribed = 800

// latentModel fits a low-rank plus isotropic Gaussian to the descriptors idx, which vary
// by swayCounts of the second moment of changes beside, and then in swayDirections more, at
// most.
func latentModel(desc, changes [][]float64, idx []int, first, codeSize int) (infer.LatentModel, error) {
	d, few := len(desc[0]), thinned(idx, mostDescribed)
	n := len(few)
	m := infer.LatentModel{FirstChannel: first, Mean: make([]float64, d), Scale: make([]float64, d)}
	x := mat.NewDense(n+len(changes), d, nil)
	for j := range d {
		sum, sqr := 0.0, 0.0
		for _, i := range idx {
			sum += desc[i][j]
			sqr += desc[i][j] * desc[i][j]
		}
		all := float64(len(idx))
		m.Mean[j] = sum / all
		m.Scale[j] = math.Sqrt(max(0, sqr/all-m.Mean[j]*m.Mean[j])) + 1e-3
		for r, i := range few {
			x.Set(r, j, (desc[i][j]-m.Mean[j])/m.Scale[j])
		}
	}
	for r, c := range changes {
		weight := math.Sqrt(swayCounts * float64(n) / float64(len(changes)))
		for j, v := range c {
			x.Set(n+r, j, v/m.Scale[j]*weight)
		}
	}
	var g mat.SymDense
	g.SymOuterK(1, x)
	values, u, err := leading(&g, max(2, CodeSize(n, codeSize))+min(len(changes), swayDirections))
	if err != nil {
		return m, err
	}
	total := 0.0
	for i := range n + len(changes) {
		total += g.At(i, i)
	}
	for k, v := range values {
		var b mat.VecDense
		b.MulVec(x.T(), u.ColView(k))
		b.ScaleVec(1/math.Sqrt(v), &b)
		m.Basis = append(m.Basis, b.RawVector().Data)
		m.Variance = append(m.Variance, v/float64(n)+latentFloor)
		total -= v
	}
	m.Rest = max(0, total)/float64(n)/float64(max(1, d-len(values))) + latentFloor
	return m, nil
}
