package fit

import (
	"math"
	"slices"

	"winnow/infer"
	"winnow/models"
)

// unsureShare is the share of held-out good parts that may be unsure only because
// of their spread.
const unsureShare = 0.005

// standardized learns what is usual, and what each view is worth, from the
// deviations of held-out parts and drawn defects. Views start from start.
func standardized(s *infer.Statistics, start [3]float64, held, odd []HeldOut, of func(HeldOut) infer.Deviations) infer.Member {
	good, bad := make([]infer.Deviations, len(held)), make([]infer.Deviations, len(odd))
	raw := [3][]float64{}
	for i, h := range held {
		d := of(h)
		good[i] = d
		for v, x := range [3]float64{d.Reconstruction, d.Latent, d.Local} {
			raw[v] = append(raw[v], x)
		}
	}
	for i, h := range odd {
		bad[i] = of(h)
	}
	m := infer.Member{Views: [2]infer.View{view(raw[0]), view(raw[1])}, Fusion: s.Fusion}
	if s.Local != nil {
		m.Local = view(raw[2])
	}
	if len(bad) > 0 {
		m.Fusion = fuse(&m, s.Local != nil, start, good, bad)
	}
	return m
}

// ensemble makes the members of s: each learns from the folds but its own, if
// there are so many, and sets held-out spreads.
func (ft *fitter) ensemble(s *infer.Statistics, start [3]float64, held, odd []HeldOut) {
	s.Members = nil
	for k := range infer.Members {
		outside := func(part int) bool { return ft.folds < infer.Members || ft.fold[part] != k }
		var good, bad []HeldOut
		for i, h := range held {
			if outside(i) {
				good = append(good, h)
			}
		}
		for i, h := range odd {
			if outside(ft.features.drawn[i].source) {
				bad = append(bad, h)
			}
		}
		of := func(h HeldOut) infer.Deviations { return h.Members[k] }
		m := standardized(s, start, good, bad, of)
		m.Offset = offset(s, &m, held, of)
		s.Members = append(s.Members, m)
	}
	for _, of := range [][]HeldOut{held, odd} {
		for i := range of {
			of[i].Spread = s.Spread(&of[i].Members)
		}
	}
}

// offset is how much more than the whole detector m scores, on average over the
// fifth of good parts with the highest scores: where decisions are made.
func offset(s *infer.Statistics, m *infer.Member, held []HeldOut, of func(HeldOut) infer.Deviations) float64 {
	order := slices.Clone(held)
	slices.SortStableFunc(order, func(a, b HeldOut) int {
		switch {
		case a.Fused > b.Fused:
			return -1
		case a.Fused < b.Fused:
			return 1
		}
		return 0
	})
	n, sum := (len(order)+4)/5, 0.0
	for _, h := range order[:n] {
		fused := m.Fusion.Fuse(m.Standardize(of(h), s.Local != nil))
		sum += fused - h.Fused
	}
	return sum / float64(n)
}

// reach is how far from the threshold a part may be and still count as unsure
// for its spread: as far as unsureShare of the held-out good parts allows.
func reach(c models.Calibration, fused, spread []float64) float64 {
	var near []float64 // what it takes for each part, in reach
	top := 0.0
	for i, f := range fused {
		top = max(top, spread[i])
		inBand := f > c.UnsureAbove && f <= c.Threshold
		if d := math.Abs(f - c.Threshold); d <= spread[i] && !inBand {
			near = append(near, d)
		}
	}
	slices.Sort(near)
	allowed := int(unsureShare * float64(len(fused)))
	if len(near) <= allowed {
		return top
	}
	return math.Nextafter(near[allowed], 0)
}
