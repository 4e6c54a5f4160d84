package fit

import "math"

// Tap is one feature map that an encoder gives: int8 [1,Height,Width,Channels].
type Tap struct {
	Name                    string
	Height, Width, Channels int
	Scale                   float32
	ZeroPoint               int
}

func (t Tap) size() int { return t.Height * t.Width * t.Channels }

// Features are the encoder's taps for a set of good parts.
type Features struct {
	Taps  []Tap
	rows  []*shelf // of each tap: its values in every picture
	room  *room
	parts []int // number of each part among the pictures
	// group of each part: parts of one group (frames of one part, siblings, a
	// lot) are never split between what is fitted and what is held out.
	groups []int
	drawn  []drawn
	swayed []swayed
}

// NewFeatures for an encoder with these taps.
// What memory has no room for goes to files without a name in the system's
// folder for temporary files, unless SpillTo names another.
func NewFeatures(taps []Tap) *Features {
	f := &Features{Taps: taps, room: &room{left: MemoryRoom}}
	for range taps {
		f.rows = append(f.rows, &shelf{room: f.room})
	}
	return f
}

// SpillTo names the folder for what is more than so many bytes. It is called
// before the first part is added.
func (f *Features) SpillTo(dir string, bytes int64) { *f.room = room{left: bytes, dir: dir} }

// Close lets go of all feature maps.
func (f *Features) Close() {
	for _, s := range f.rows {
		s.close()
	}
}

// err is the first fault of keeping feature maps.
func (f *Features) err() error {
	for _, s := range f.rows {
		if s.err != nil {
			return s.err
		}
	}
	return f.room.err
}

// read copies tap t of a picture to dst.
func (f *Features) read(dst []byte, picture, t int) { f.rows[t].read(dst, picture, 0) }

// Add copies the taps of one part.
func (f *Features) Add(group int, taps [][]byte) error {
	n, err := f.keep(taps)
	if err != nil {
		return err
	}
	f.parts = append(f.parts, n)
	f.groups = append(f.groups, group)
	return nil
}

// JoinAlike joins the groups of parts whose prints are alike, as GroupPrints does.
func (f *Features) JoinAlike(prints []Print) (joined, uniform int) {
	groups, joined, uniform := GroupPrints(prints, f.groups)
	if joined > 0 {
		f.groups = groups
	}
	return joined, uniform
}

// Len is the number of parts.
func (f *Features) Len() int { return len(f.parts) }

// Groups is the number of different groups.
func (f *Features) Groups() int { return distinct(f.groups) }

// channelStats are mean and standard deviation of each channel of one tap over
// all parts and places, after 3x3 pooling, in real units.
type channelStats struct{ mean, dev []float64 }

// stats of tap t. Pooled sums are exact integers; places at the border use
// their own part of the window.
func (f *Features) stats(t int) channelStats {
	tap := f.Taps[t]
	c := tap.Channels
	sum, sqr := make([]float64, c), make([]float64, c)
	win, m := make([]int32, c), make([]byte, tap.size())
	for _, p := range f.parts {
		f.read(m, p, t)
		for y := range tap.Height {
			for x := range tap.Width {
				n := pool3(win, m, tap, y, x)
				for i, v := range win {
					mean := float64(v)/float64(n) - float64(tap.ZeroPoint)
					sum[i] += mean
					sqr[i] += mean * mean
				}
			}
		}
	}
	return statsOf(sum, sqr, len(f.parts)*tap.Height*tap.Width, tap)
}

// plainStats of tap t are its stats without pooling.
func (f *Features) plainStats(t int) channelStats {
	tap := f.Taps[t]
	c := tap.Channels
	sum, sqr := make([]float64, c), make([]float64, c)
	n, m := make([]int64, 2*c), make([]byte, tap.size())
	for _, p := range f.parts {
		f.read(m, p, t)
		clear(n)
		for i, b := range m {
			v := int64(int8(b)) - int64(tap.ZeroPoint)
			n[i%c] += v
			n[c+i%c] += v * v
		}
		for i := range c {
			sum[i] += float64(n[i])
			sqr[i] += float64(n[c+i])
		}
	}
	return statsOf(sum, sqr, len(f.parts)*tap.Height*tap.Width, tap)
}

// statsOf channel sums over n places, in steps of the tap.
func statsOf(sum, sqr []float64, n int, tap Tap) channelStats {
	s := channelStats{make([]float64, len(sum)), make([]float64, len(sum))}
	for i := range sum {
		m := sum[i] / float64(n)
		v := max(0, sqr[i]/float64(n)-m*m)
		s.mean[i] = m * float64(tap.Scale)
		s.dev[i] = math.Sqrt(v)*float64(tap.Scale) + 1e-3*float64(tap.Scale)
	}
	return s
}

// pool3 sums the 3x3 window around (y, x) into win, channel by channel, and
// returns how many places it has.
func pool3(win []int32, m []byte, tap Tap, y, x int) int {
	clear(win)
	n := 0
	for yy := max(y-1, 0); yy <= min(y+1, tap.Height-1); yy++ {
		for xx := max(x-1, 0); xx <= min(x+1, tap.Width-1); xx++ {
			row := m[(yy*tap.Width+xx)*tap.Channels:][:len(win)]
			for i, b := range row {
				win[i] += int32(int8(b))
			}
			n++
		}
	}
	return n
}
