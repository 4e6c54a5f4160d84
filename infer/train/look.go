package train

import "winnow/infer/fit"

// look measures the network on held-out parts and drawn anomalies, and
// remembers the parameters where it is the best so far. After pruning begins
// only looks at the final density count.
func (t *runner) look(p plan) error {
	held, err := t.errors(t.d.Held)
	if err != nil {
		return err
	}
	odd, err := t.errors(t.d.Synthetic)
	if err != nil {
		return err
	}
	l := Look{Member: t.s.Member, Phase: t.s.Phase, Step: t.s.Step, Synthetic: 0.5, Density: 1}
	for _, e := range held {
		l.Held += average(e) / float64(len(held))
	}
	if len(odd) > 0 {
		l.Synthetic = fit.AUROC(peaks(held, held), peaks(odd, held))
	}
	if t.s.First == 0 {
		t.s.First = l.Held
	}
	l.Score = l.Synthetic - l.Held/t.s.First/20
	if p.masked {
		l.Density = t.density()
	}
	t.s.Looks = append(t.s.Looks, l)
	if p.masked && t.s.Step < t.r.Compress.PruneSteps {
		return nil
	}
	if t.s.Best != nil && l.Score <= t.s.BestScore {
		t.s.Bad++
		return nil
	}
	if t.s.Best, err = t.m.state().effective(); err != nil {
		return err
	}
	t.s.BestScore, t.s.Bad = l.Score, 0
	return nil
}

// errors are the mean squared error of each place of each part.
func (t *runner) errors(v Views) ([][]float64, error) {
	outs, _, err := t.m.reconstruct(v.Inputs)
	if err != nil {
		return nil, err
	}
	var all [][]float64
	c := t.d.Out.C
	for i, out := range outs {
		want := v.target(i)
		cells := make([]float64, len(out)/c)
		for p := range cells {
			for j := p * c; j < (p+1)*c; j++ {
				d := float64(out[j]) - featureStep*float64(int8(want[j]))
				cells[p] += d * d / float64(c)
			}
		}
		all = append(all, cells)
	}
	return all, nil
}

// peaks are each part's largest error, every place measured by what good parts
// leave there on the average.
func peaks(parts, good [][]float64) []float64 {
	usual := make([]float64, len(good[0]))
	for _, g := range good {
		for i, v := range g {
			usual[i] += v / float64(len(good))
		}
	}
	floor := 0.2 * average(usual)
	out := make([]float64, len(parts))
	for k, p := range parts {
		for i, v := range p {
			out[k] = max(out[k], v/(usual[i]+floor+1e-9))
		}
	}
	return out
}

func average(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(1, len(v)))
}
