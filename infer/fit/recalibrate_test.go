package fit

import (
	"testing"

	"winnow/models"
)

// Thirty parts suffice; the bound is the one of thirty parts, and the map's
// scale is the largest peak among parts that the new threshold accepts.
func TestRecalibrateWithThirtyParts(t *testing.T) {
	p := &models.Package{Graph: []byte{1}, Calibration: models.Calibration{Threshold: 9, MapScale: 5}}
	var fresh []Fresh
	for i := range 30 {
		fresh = append(fresh, Fresh{Group: i, Fused: float64(30 - i), MapPeak: 100 + float64(30-i)})
	}
	n, err := Recalibrate(p, fresh, 0.05, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := n.Calibration
	if c.Threshold != 30 || c.MapScale != 130 || c.Certificate.N != 30 || c.Certificate.Method != "split" || c.Certificate.Bound != UpperBound(0, 30, Confidence) {
		t.Errorf("%+v", c)
	}
	if p.Calibration.Threshold != 9 {
		t.Error("the package itself was changed")
	}
	for i := range fresh {
		fresh[i].Group = i % 3
	}
	if _, err := Recalibrate(p, fresh, 0.05, 1); err == nil {
		t.Error("three groups were enough")
	}
}
