package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Resamples of the bootstrap; figures over pixels make do with fewer.
const (
	resamples     = 1000
	slowResamples = 200
)

// clusters are the parts of one class by group: what is drawn is groups, since
// parts of one group rise and fall together (Davison and Hinkley 1997, 3.8).
type clusters [][]int

func (e *Evaluation) clusters(of []int) clusters {
	var out clusters
	at := map[string]int{}
	for _, i := range of {
		g := e.parts[i].Group
		k, ok := at[g]
		if g == "" || !ok {
			k = len(out)
			at[g] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], i)
	}
	return out
}

// draw fills dst with the parts of as many groups as there are.
func (c clusters) draw(r *rand.Rand, dst []int) []int {
	dst = dst[:0]
	for range c {
		dst = append(dst, c[r.IntN(len(c))]...)
	}
	return dst
}

// intervals are 95 % percentile intervals over resampled groups, good and bad
// drawn apart (Efron and Tibshirani, 1993, chapter 13). The bootstrap cannot
// tell how rare an event is that never happened, so rates at the threshold have
// exact binomial intervals, with groups in the place of parts.
func (e *Evaluation) intervals(good, bad []int, seed uint64) map[string][2]Number {
	out := map[string][2]Number{}
	if len(good) > 0 {
		n := len(e.clusters(good))
		for _, f := range figures {
			if rateOfGood[f.name] {
				out[f.name] = BinomialInterval(f.of(e, good, bad), n)
			}
		}
	}
	if len(good) == 0 || len(bad) == 0 {
		return out
	}
	for _, f := range figures {
		if rateOfBad[f.name] {
			out[f.name] = BinomialInterval(f.of(e, good, bad), len(e.clusters(bad)))
		}
	}
	e.bootstrap(good, bad, seed, out)
	return out
}

var (
	rateOfGood = map[string]bool{"false_reject_rate": true, "unsure_rate": true}
	rateOfBad  = map[string]bool{"caught_rate": true, "escape_rate": true, "unsure_bad_rate": true}
)

func (e *Evaluation) bootstrap(good, bad []int, seed uint64, out map[string][2]Number) {
	r := rand.New(rand.NewPCG(seed, 0x626f6f74))
	cg, cb := e.clusters(good), e.clusters(bad)
	values := map[string][]float64{}
	var g, b []int
	for n := range resamples {
		g, b = cg.draw(r, g), cb.draw(r, b)
		for _, f := range figures {
			if rateOfGood[f.name] || rateOfBad[f.name] || f.slow && n >= slowResamples {
				continue
			}
			if v := f.of(e, g, b); !math.IsNaN(v) {
				values[f.name] = append(values[f.name], v)
			}
		}
	}
	for name, v := range values {
		out[name] = percentiles95(v)
	}
}

func percentiles95(v []float64) [2]Number {
	return [2]Number{Number(Quantile(v, 0.025)), Number(Quantile(v, 0.975))}
}

// BinomialInterval is the exact two-sided 95 % interval (Clopper and Pearson,
// 1934) of a rate that was seen in n independent trials.
func BinomialInterval(rate float64, n int) [2]Number {
	if n == 0 || math.IsNaN(rate) {
		return [2]Number{Number(math.NaN()), Number(math.NaN())}
	}
	x, m := rate*float64(n), float64(n)
	out := [2]Number{0, 1}
	if x > 0 {
		out[0] = Number(distuv.Beta{Alpha: x, Beta: m - x + 1}.Quantile(0.025))
	}
	if x < m {
		out[1] = Number(distuv.Beta{Alpha: x + 1, Beta: m - x}.Quantile(0.975))
	}
	return out
}

// views compares the views by AUROC on the same resamples.
func (e *Evaluation) views(good, bad []int, seed uint64) Views {
	unknown := Number(math.NaN())
	v := Views{unknown, unknown, unknown, unknown, unknown, unknown, [2]Number{unknown, unknown}}
	if len(good) == 0 || len(bad) == 0 {
		return v
	}
	whole := e.viewAUROC(good, bad)
	v.Latent, v.Autoencoder, v.Reconstruction, v.Fused = Number(whole.latent), Number(whole.autoencoder), Number(whole.maps), Number(whole.fused)
	if e.hasSurroundings() {
		v.Surroundings = Number(whole.surroundings)
	}
	v.Gain = Number(whole.gain())
	r := rand.New(rand.NewPCG(seed, 0x76696577))
	cg, cb := e.clusters(good), e.clusters(bad)
	var g, b []int
	var gains []float64
	for range resamples {
		g, b = cg.draw(r, g), cb.draw(r, b)
		gains = append(gains, e.viewAUROC(g, b).gain())
	}
	v.GainInterval = percentiles95(gains)
	return v
}

// viewsAUROC is what each view, both maps and all together tell apart.
type viewsAUROC struct{ latent, autoencoder, surroundings, maps, fused float64 }

// gain of the fused score over the best single view. A view that is not there
// tells nothing, 0.5.
func (v viewsAUROC) gain() float64 { return v.fused - max(v.latent, v.autoencoder, v.surroundings) }

func (e *Evaluation) hasSurroundings() bool {
	return slices.ContainsFunc(e.parts, func(p kept) bool { return p.Surroundings != 0 })
}

func (e *Evaluation) viewAUROC(good, bad []int) viewsAUROC {
	of := func(view func(*kept) float64) float64 {
		g, b := make([]float64, len(good)), make([]float64, len(bad))
		for k, i := range good {
			g[k] = view(&e.parts[i])
		}
		for k, i := range bad {
			b[k] = view(&e.parts[i])
		}
		return AUROC(g, b)
	}
	return viewsAUROC{
		latent: of(func(p *kept) float64 { return p.Latent }), autoencoder: of(func(p *kept) float64 { return p.Autoencoder }),
		surroundings: of(func(p *kept) float64 { return p.Surroundings }), maps: of(func(p *kept) float64 { return p.Reconstruction }),
		fused: of(func(p *kept) float64 { return p.Score }),
	}
}

// BinomialQuantile is the smallest number of events that n trials of
// probability p do not exceed with probability q.
func BinomialQuantile(q float64, n int, p float64) int {
	b := distuv.Binomial{N: float64(n), P: p}
	for k := range n {
		if b.CDF(float64(k)) >= q {
			return k
		}
	}
	return n
}

// MoreExceed is the probability that more than x of m fresh values exceed the k-th largest
// of n earlier ones, where all are exchangeable and no two are equal. Source: Gumbel and
// von Schelling, The Distribution of the Number of Exceedances, The Annals of Mathematical
// Statistics 21, 1950.
func MoreExceed(x, m, k, n int) float64 {
	choose := func(a, b int) float64 {
		lg := func(v int) float64 { l, _ := math.Lgamma(float64(v + 1)); return l }
		return lg(a) - lg(b) - lg(a-b)
	}
	all, within := choose(n+m, m), 0.0
	for i := range min(x, m) + 1 {
		within += math.Exp(choose(i+k-1, i) + choose(m-i+n-k, m-i) - all)
	}
	return max(0, 1-within)
}
