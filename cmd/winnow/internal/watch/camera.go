package watch

import (
	"math/bits"
	"sync/atomic"

	"winnow/edge"
	"winnow/infer"
)

const (
	toLook   = 8  // of the latest 16 parts were not accepted: the camera is looked at
	lookedAt = 20 // frames that it is looked at in: a recalibration waits for them
)

// camera looks for pixels and lines that have died since the package was taught, which
// make a line reject part after part though parts, lamp and lens are as they were. It
// looks only once many parts are not accepted, or when it is told to, and beside the
// line: a frame that comes while another is looked at is passed over.
type camera struct {
	known *infer.Sensor // nil where the package says nothing of it
	dead  atomic.Pointer[infer.Sensor]

	busy atomic.Bool // what follows is the goroutine's
	// recent has a bit for each of the latest parts, 1 for one that was not accepted.
	recent  uint16
	looking int // frames that are still to be looked at
	learner infer.SensorLearner
	frame   edge.Frame
	broke   any // what looking has panicked with
}

// see takes a part that was just judged. Where looking at an earlier one has panicked, it
// does: whoever judges knows what becomes of a judge that panics.
func (c *camera) see(f *edge.Frame, accepted bool) {
	if c.busy.Load() {
		return
	}
	if why := c.broke; why != nil {
		c.broke, c.recent = nil, 0
		c.dead.Store(nil)
		if c.looking > 0 {
			c.look()
		}
		panic(why)
	}
	c.recent <<= 1
	if !accepted {
		c.recent |= 1
	}
	if c.looking == 0 && bits.OnesCount16(c.recent) >= toLook {
		c.looking = lookedAt
	}
	if c.looking == 0 && c.dead.Load() == nil || f.Check() != nil || f.Flags != 0 {
		return
	}
	pix := append(c.frame.Pix[:0], f.Pix...)
	c.frame = *f
	c.frame.Pix = pix
	c.busy.Store(true)
	go c.study()
}

// look begins anew, unless a frame is being looked at. It is called where see is.
func (c *camera) look() (begun bool) {
	if c.busy.Load() {
		return false
	}
	c.looking, c.learner = lookedAt, infer.SensorLearner{}
	return true
}

// looked reports whether nothing is left of what look began. It is called where see is.
func (c *camera) looked() bool { return !c.busy.Load() && c.looking == 0 }

func (c *camera) study() {
	defer c.busy.Store(false)
	defer func() { c.broke = recover() }()  // it must not take the outputs down with it
	if dead := c.dead.Load(); dead != nil { // until it turns out alive
		still := *dead
		if still.Confirm(&c.frame); still.String() == "" {
			c.dead.Store(nil)
		} else if still.String() != dead.String() {
			c.dead.Store(&still)
		}
	}
	if c.looking == 0 {
		return
	}
	c.learner.Add(&c.frame)
	if c.looking--; c.looking > 0 {
		return
	}
	found := c.learner.Sensor().Beyond(c.known)
	if old := c.dead.Load(); found.String() != "" && (old == nil || old.String() != found.String()) {
		c.dead.Store(found)
	}
	c.learner, c.recent = infer.SensorLearner{}, 0
}
