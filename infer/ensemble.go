package infer

import (
	"fmt"
	"math"
)

// Members is how many members the ensemble behind a score's spread has.
const Members = 4

// Member is the detector without a quarter of what it is made of: member m
// leaves out every fourth channel of both maps, from m on, and its view of what
// is usual comes without a quarter of the taught parts.
type Member struct {
	Views  [2]View `json:"views"` // reconstruction, latent
	Local  View    `json:"local"` // of the local view; unused without one
	Fusion Fusion  `json:"fusion"`
	Offset float64 `json:"offset"` // what it scores more than the whole detector, on good parts with high scores
}

// Ensemble is the raw deviations of one part for each member.
type Ensemble [Members]Deviations

// Spread is the standard deviation of the fused score, from how far apart the
// members are (delete-a-group jackknife; Kott, Journal of Official Statistics
// 17, 2001). It is 0 where the statistics have no members.
func (s *Statistics) Spread(e *Ensemble) float64 {
	if len(s.Members) != Members {
		return 0
	}
	var score [Members]float64
	mean := 0.0
	for i := range s.Members {
		m := &s.Members[i]
		fused := m.Fusion.Fuse(m.Standardize(e[i], s.Local != nil))
		score[i] = fused - m.Offset
		mean += mul(score[i], 1.0/Members)
	}
	sum := 0.0
	for _, v := range score {
		sum += mul(v-mean, v-mean)
	}
	return math.Sqrt(mul(sum, float64(Members-1)/Members))
}

// Standardize brings raw deviations to scales above the median good part.
func (m *Member) Standardize(raw Deviations, local bool) Deviations {
	d := Deviations{Reconstruction: m.Views[0].Standardize(raw.Reconstruction), Latent: m.Views[1].Standardize(raw.Latent)}
	if local {
		d.Local = m.Local.Standardize(raw.Local)
	}
	return d
}

func (m *Member) check(local bool) error {
	for _, v := range m.Views {
		if err := v.check(); err != nil {
			return err
		}
	}
	if local {
		if err := m.Local.check(); err != nil {
			return err
		}
	}
	if math.IsNaN(m.Offset) || math.IsInf(m.Offset, 0) {
		return fmt.Errorf("offset %g", m.Offset)
	}
	return m.Fusion.check(local)
}

// without are the peaks of out's map around cell at for each member: the map
// without every fourth channel, within one cell of where the whole map peaks.
func (s *surface) without(out []byte, k float64, weight []float64, at int) (peaks [Members]float64) {
	y0, x0 := at/s.w, at%s.w
	var raw [5][5][Members]float64
	for dy := range 5 {
		y := min(max(y0+dy-2, 0), s.h-1)
		for dx := range 5 {
			x := min(max(x0+dx-2, 0), s.w-1)
			raw[dy][dx] = s.partial(out, k, weight, y*s.w+x)
		}
	}
	for m := range peaks {
		var most largest
		for dy := 1; dy < 4; dy++ {
			for dx := 1; dx < 4; dx++ {
				if y, x := y0+dy-2, x0+dx-2; y < 0 || x < 0 || y >= s.h || x >= s.w {
					continue
				}
				if s.sharp {
					most.add(raw[dy][dx][m])
					continue
				}
				sum := 0.0
				for i := -1; i <= 1; i++ {
					for j := -1; j <= 1; j++ {
						sum += raw[dy+i][dx+j][m]
					}
				}
				most.add(mul(sum, 1.0/18) + mul(raw[dy][dx][m], 0.5))
			}
		}
		peaks[m] = most.peak(s.both)
	}
	return peaks
}

// partial is the unblurred map at cell p for each member.
func (s *surface) partial(out []byte, k float64, weight []float64, p int) (v [Members]float64) {
	var sums [Members]int64
	total := int64(0)
	for i, b := range out[p*s.ch : (p+1)*s.ch] {
		q := int64(int8(b))
		sums[i%Members] += q * q
		total += q * q
	}
	for m, own := range sums {
		v[m] = mul(mul(math.Sqrt(mul(float64(total-own), k)), weight[p]), s.factor)
	}
	return v
}
