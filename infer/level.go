package infer

import (
	"math"

	"winnow/models"
)

// mostGain bounds how much a picture is brightened or its contrast raised, and
// its inverse how much they are lowered: what is darker than half is no lamp that
// ages, and has to show.
const mostGain = 2

// Leveller brings the brightness, or brightness and contrast, of a graph's input
// to what was usual in teaching. The same picture gives the same bytes on every
// machine. It is not safe for concurrent use.
type Leveller struct {
	to     models.Level
	counts []bool // pixels that are measured and levelled; nil: all
	table  [256]byte
}

// NewLeveller for a package's level and its mask, nil where it has none; without a level
// it leaves pictures as they are.
func NewLeveller(l *models.Level, m *Mask) *Leveller {
	if l == nil {
		return nil
	}
	v := &Leveller{to: *l}
	if m != nil && l.Counted {
		v.counts = m.Counts()
	}
	return v
}

// Run levels in, pixel-128 as int8, in place.
func (l *Leveller) Run(in []byte) {
	if l == nil {
		return
	}
	mean, dev := Brightness(in, l.counts)
	gain := bounded(l.to.Mean / max(mean, 1))
	from, to := 0.0, 0.0
	if l.to.Kind == models.LevelMeanStd {
		gain = bounded(l.to.Deviation / max(dev, 1))
		from, to = mean, mean+max(-l.to.Mean/mostGain, min(l.to.Mean, l.to.Mean-mean))
	}
	for i := range l.table {
		v := mul(float64(int8(i))+128-from, gain) + to
		l.table[i] = byte(int8(max(0, min(255, math.Floor(v+0.5))) - 128))
	}
	for i, b := range in {
		if l.counts == nil || l.counts[i/3] {
			in[i] = l.table[b]
		}
	}
}

func bounded(gain float64) float64 { return max(1.0/mostGain, min(mostGain, gain)) }

// Brightness is the mean and the standard deviation of a graph's input, in grey
// levels from 0, over all channels of the pixels that count; nil counts all.
func Brightness(in []byte, counts []bool) (mean, dev float64) {
	sum, sqr, n := int64(0), int64(0), int64(0)
	for i, b := range in {
		if counts != nil && !counts[i/3] {
			continue
		}
		v := int64(int8(b)) + 128
		sum += v
		sqr += v * v
		n++
	}
	if n == 0 {
		return 0, 0
	}
	return float64(sum) / float64(n), math.Sqrt(float64(n*sqr-sum*sum)) / float64(n)
}
