package watch

import (
	"testing"
	"time"

	"winnow/edge"
	"winnow/infer"
)

// A panic while the camera is looked at is the judge's, which the line outlives; it is of one
// look only.
func TestAPanicBesideTheLineIsTheJudges(t *testing.T) {
	f := &edge.Frame{Pix: make([]byte, 64*64), Width: 64, Height: 64, Stride: 64}
	var c camera
	c.dead.Store(&infer.Sensor{Width: 64, Height: 64, Dead: []byte{0xff, 0xff, 0xff, 0xff, 1, 1, 1, 0}}) // no such pixel
	see := func() (why any) {
		defer func() { why = recover() }()
		c.see(f, false)
		return nil
	}
	for end := time.Now().Add(20 * time.Second); see() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody is told")
		}
	}
	for range 3 * lookedAt {
		if why := see(); why != nil {
			t.Errorf("again: %v", why)
		}
		for c.busy.Load() {
			time.Sleep(time.Millisecond)
		}
	}
}
