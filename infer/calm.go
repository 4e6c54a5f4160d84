package infer

import (
	"fmt"
	"math"
)

// Calm sets a part's map against what the part leaves at its quiet places: a coarser
// surface, or a noisier picture, leaves more everywhere, and so more at its worst place
// too, and is no worse a part for that. Quiet is the lower quartile of the map of the
// median good part; the map is divided by the fourth root of how many times more or
// less the part has. The zero value changes nothing.
type Calm struct {
	Quiet float64 `json:"quiet,omitempty"`
}

// mostRestless bounds how many times more or less than usual is believed: what leaves
// far more everywhere is another product, not a coarser surface.
const mostRestless = 4

func (c Calm) check() error {
	if !(c.Quiet >= 0) || math.IsInf(c.Quiet, 0) {
		return fmt.Errorf("quiet places of %g", c.Quiet)
	}
	return nil
}

// Factor is what a map with this lower quartile is multiplied by.
func (c Calm) Factor(quiet float64) float64 {
	if c.Quiet == 0 {
		return 1
	}
	return 1 / math.Sqrt(math.Sqrt(min(max(quiet/c.Quiet, 1.0/mostRestless), mostRestless)))
}

// quarter is the lower quartile of v, whose order it changes: the value that at least
// a quarter of them do not exceed; 0 of none.
func quarter(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	k, lo, hi := len(v)/4, 0, len(v)-1
	for lo < hi { // Hoare's selection: all of v is never in order
		p, i, j := v[(lo+hi)/2], lo, hi
		for i <= j {
			for v[i] < p {
				i++
			}
			for p < v[j] {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return v[k]
		}
	}
	return v[k]
}
