package fit

import (
	"fmt"
	"strconv"
	"testing"
)

// TestTheRateThatIsPrintedProves: what Promise says to draw with proves the rate, as it is printed.
func TestTheRateThatIsPrintedProves(t *testing.T) {
	for _, c := range []struct {
		rate     float64
		from, to int
	}{{0.01, 299, 3000}, {0.05, 59, 2500}, {0.1, 30, 1500}, {0.2, 20, 900}} {
		bad := 0
		for n := c.from; n < c.to; n += 1 + n/60 {
			printed, _ := strconv.ParseFloat(fmt.Sprintf("%.3g", provingRate(c.rate, n, Confidence)), 64)
			if k := Rank(printed, n); UpperBound(k-1, n, Confidence) > c.rate {
				if bad++; bad < 3 {
					t.Errorf("%d parts drawn with %g: rank %d, at most %g, %g was asked for", n, printed, k, UpperBound(k-1, n, Confidence), c.rate)
				}
			}
		}
	}
}
