package recalibrate

import (
	"testing"

	"winnow/infer/fit"
)

// A part far above all the others is named; the spread of good parts is not.
func TestOutlier(t *testing.T) {
	c := &Collector{}
	for i := range 30 {
		c.fresh = append(c.fresh, fit.Fresh{Fused: float64(i%7) / 10, Group: i})
	}
	if n := c.Outlier(); n != 0 {
		t.Errorf("part %d is said to lie outside", n)
	}
	c.fresh[16].Fused = 9
	if n := c.Outlier(); n != 17 {
		t.Errorf("part %d is said to lie outside, it is the 17th", n)
	}
	if c.Above(0.55) != 5 {
		t.Errorf("%d parts above 0.55", c.Above(0.55))
	}
	if n := new(Collector).Outlier(); n != 0 {
		t.Errorf("of no parts, %d lies outside", n)
	}
}
