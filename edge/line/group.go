package line

import "winnow/edge"

// group counts the frames of a part where nothing but frames announces parts: they
// belong together by their number, whatever becomes of the part meanwhile.
type group struct {
	part  *slot // nil: it got none
	left  int   // frames that are still to come
	until edge.Instant
	seq   uint64 // of the latest frame
}

// next takes the frame f, exposed at t, and reports whether a part begins with it.
// Frames that the source lost before it count as well.
func (g *group) next(f *edge.Frame, t edge.Instant, c *Config) bool {
	steps := uint64(1)
	if f.Flags&edge.FrameLost != 0 && f.Seq > g.seq {
		steps = f.Seq - g.seq
	}
	g.seq = f.Seq
	if !t.After(g.until) && steps <= uint64(g.left) {
		g.left -= int(steps)
		return false
	}
	lost := 0 // of the part that begins
	if steps > uint64(g.left) {
		lost = int((steps - uint64(g.left) - 1) % uint64(c.Frames))
	}
	*g = group{left: c.Frames - 1 - lost, until: t.Add(c.FrameTimeout), seq: f.Seq}
	return true
}
