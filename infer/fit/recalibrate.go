package fit

import (
	"fmt"

	"winnow/infer"
	"winnow/models"
)

// Fresh is how one good part that a package was not taught on scores under it.
type Fresh struct {
	Group   int     // parts of one group are not independent
	Fused   float64 // score of the part
	MapPeak float64 // largest value of its anomaly map
}

// Recalibrate draws a new threshold for p from fresh good parts and writes the
// certificate that goes with them. Nothing of p saw these parts, so this is
// split calibration: the bound is exact for its number of independent groups.
// The graph, its statistics and its golden vectors stay as they are; p itself is
// not changed. The result has no digest before its Bytes are asked for.
func Recalibrate(p *models.Package, fresh []Fresh, rate float64, seed uint64) (*models.Package, error) {
	groups := map[int]bool{}
	scores, numbers := make([]float64, len(fresh)), make([]int, len(fresh))
	for i, f := range fresh {
		groups[f.Group] = true
		scores[i], numbers[i] = f.Fused, f.Group
	}
	if len(groups) < MinParts {
		return nil, fmt.Errorf("%d independent good parts are too few to calibrate on: at least %d are needed, and %d prove a false-reject rate of %.2g %%",
			len(groups), MinParts, PartsFor(rate, Confidence), 100*rate)
	}
	cal, err := Calibrate(scores, numbers, rate, "split", seed)
	if err != nil {
		return nil, err
	}
	cal.UnsureReach = p.Calibration.UnsureReach
	cal.MapScale = 0
	for _, f := range fresh {
		if f.Fused <= cal.Threshold {
			cal.MapScale = max(cal.MapScale, f.MapPeak)
		}
	}
	if !(cal.MapScale > 0) {
		cal.MapScale = p.Calibration.MapScale
	}
	c := *p
	c.Calibration = cal
	return &c, nil
}

// Freshen judges with j and collects what Recalibrate needs of the part: the
// live way to a new threshold needs scores only, no pictures.
func Freshen(j *infer.Judge, fused float64, group int) Fresh {
	m, _, _ := j.Map()
	f := Fresh{Group: group, Fused: fused}
	for _, v := range m {
		f.MapPeak = max(f.MapPeak, v)
	}
	return f
}
