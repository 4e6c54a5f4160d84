package main

import (
	"math/rand/v2"

	"winnow/edge/evaluate"
)

const resamples = 2000

// paired is by how much the image AUROC of b's scores lies above that of a's, in
// points, with a 95 % interval: a bootstrap over groups of parts, good and bad
// drawn apart, each draw the same for both (Efron and Tibshirani 1993). a[k] and
// b[k] are scores of one seed; AUROC is averaged over seeds.
func paired(m *measured, a, b [][]float64) (gain, low, high float64) {
	good, bad := clusters(m, false), clusters(m, true)
	auroc := func(scores [][]float64, g, d []int) float64 {
		sum := 0.0
		for _, s := range scores {
			sum += evaluate.AUROC(pick(s, g), pick(s, d))
		}
		return 100 * sum / float64(len(scores))
	}
	gain = auroc(b, flat(good), flat(bad)) - auroc(a, flat(good), flat(bad))
	r := rand.New(rand.NewPCG(1, 0x706169726564))
	gains := make([]float64, resamples)
	for k := range gains {
		g, d := flat(draw(r, good)), flat(draw(r, bad))
		gains[k] = auroc(b, g, d) - auroc(a, g, d)
	}
	return gain, evaluate.Quantile(gains, 0.025), evaluate.Quantile(gains, 0.975)
}

// clusters are the tested parts of one kind by group; a part without one is its
// own.
func clusters(m *measured, bad bool) [][]int {
	at := map[string]int{}
	var all [][]int
	for i, p := range m.Tested {
		if p.Bad != bad {
			continue
		}
		k, ok := at[p.Group]
		if !ok || p.Group == "" {
			k = len(all)
			all, at[p.Group] = append(all, nil), k
		}
		all[k] = append(all[k], i)
	}
	return all
}

func draw(r *rand.Rand, from [][]int) [][]int {
	out := make([][]int, len(from))
	for i := range out {
		out[i] = from[r.IntN(len(from))]
	}
	return out
}

func flat(of [][]int) (all []int) {
	for _, c := range of {
		all = append(all, c...)
	}
	return all
}

func pick(s []float64, of []int) []float64 {
	out := make([]float64, len(of))
	for k, i := range of {
		out[k] = s[i]
	}
	return out
}
