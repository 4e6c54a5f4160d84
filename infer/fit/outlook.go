package fit

import "slices"

// Outlook is how many drawn defects a threshold rejects: no promise, since real defects
// are others, but what a threshold costs and gains shows in it.
type Outlook struct {
	Drawn           int     `json:"drawn"`            // defects, judged by models that saw neither their part nor their kind
	Rejected        float64 `json:"rejected"`         // share of them, at the calibrated threshold
	LooserRate      float64 `json:"looser_rate"`      // a higher false-reject rate
	Looser          float64 `json:"looser"`           // share rejected at a threshold drawn for that
	WithoutSuspects float64 `json:"without_suspects"` // share rejected at a threshold drawn without the named parts
}

// looser is how many times the asked false-reject rate the outlook shows, up to
// loosest.
const (
	looser  = 5
	loosest = 0.5
)

// Outlook of a fit whose Suspects are given; nil without drawn defects. What it says of
// a teach set without suspects is of their scores only: taught again without them, the
// detector itself would change too.
func (r *Result) Outlook(suspects []int) *Outlook {
	if len(r.Drawn) == 0 {
		return nil
	}
	rejected := func(threshold float64) float64 {
		n := 0
		for _, h := range r.Drawn {
			if h.Fused > threshold {
				n++
			}
		}
		return float64(n) / float64(len(r.Drawn))
	}
	redrawn := func(rate float64, without []int) float64 {
		var scores []float64
		var groups []int
		for i, h := range r.HeldOut {
			if !slices.Contains(without, i) {
				scores, groups = append(scores, h.Fused), append(groups, r.groups[i])
			}
		}
		c, err := Calibrate(scores, groups, rate, r.Calibration.Certificate.Method, r.seed)
		if err != nil {
			return rejected(r.Calibration.Threshold)
		}
		return rejected(c.Threshold)
	}
	asked := r.Calibration.FalseReject
	rate := max(asked, min(looser*asked, loosest))
	return &Outlook{
		Drawn: len(r.Drawn), Rejected: rejected(r.Calibration.Threshold),
		LooserRate: rate, Looser: redrawn(rate, nil), WithoutSuspects: redrawn(asked, suspects),
	}
}
