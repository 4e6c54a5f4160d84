package capture

import (
	"encoding/binary"
	"math/bits"

	"winnow/edge"
)

// Checker sets the flags of frames that must never be judged as good. It
// remembers the frame before, so each source has one of its own. The zero
// Checker finds short and flat frames only. Not safe for concurrent use.
type Checker struct {
	// FlatRange is the largest difference between the brightest and the
	// darkest byte of a frame that is still called flat. 0 asks for all equal;
	// a cooled or noisy sensor behind a closed cap needs about 8.
	FlatRange uint8
	// Repeats finds frames with the same content as the one before: two real
	// exposures never agree in every bit, a stuck driver's do. Leave it off for
	// material without sensor noise.
	Repeats bool
	// Torn finds frames whose lower part is bit for bit that of the frame
	// before while the upper part is new: a buffer handed over half written.
	// Leave it off for material without sensor noise.
	Torn bool
	// LearnTorn is Torn once the source has shown that it has noise: for livelyAfter
	// frames in a row no band was the one before.
	LearnTorn bool
	// Gaps finds frames whose Seq does not follow the one before.
	Gaps bool

	seen    bool
	lastSeq uint64
	last    [bands]uint64
	lively  int // frames in a row without a band that was the one before
}

// livelyAfter is after how many frames a source is believed to have noise.
const livelyAfter = 32

// bands is the number of horizontal slices that are hashed on their own.
const bands = 16

// Check adds the flags that f earns to f.Flags and returns them all. It reads
// the whole frame at memory speed and allocates nothing.
func (c *Checker) Check(f *edge.Frame) edge.FrameFlags {
	if f.Check() != nil {
		f.Flags |= edge.FrameShort
		return f.Flags
	}
	flat := isFlat(f, 0, f.Height, c.FlatRange)
	if flat {
		f.Flags |= edge.FrameFlat
	}
	if c.Repeats || c.Torn || c.LearnTorn {
		c.compare(f, flat)
	}
	if c.Gaps && c.seen && f.Seq != c.lastSeq+1 {
		f.Flags |= edge.FrameLost
	}
	c.seen, c.lastSeq = true, f.Seq
	return f.Flags
}

// Skip notes a frame that came and could not be read: the one behind it follows it
// without a gap.
func (c *Checker) Skip(seq uint64) { c.lastSeq = seq }

// Reset forgets the frame before, as after a source was opened again.
func (c *Checker) Reset() { c.seen, c.lively = false, 0 }

// torn reports whether torn frames are looked for by now.
func (c *Checker) torn() bool { return c.Torn || c.LearnTorn && c.lively >= livelyAfter }

func (c *Checker) compare(f *edge.Frame, flat bool) {
	now := bandHashes(f)
	same, tail, plain := 0, 0, 0
	for i := range now {
		switch {
		case now[i] != c.last[i]:
			tail = 0
		case isPlain(f, i): // nothing but white or black: it says nothing
			plain++
		default:
			same++
			tail++
		}
	}
	c.last = now
	switch {
	case !c.seen:
		return
	case c.Repeats && same+plain == bands:
		f.Flags |= edge.FrameRepeat
	case c.torn() && !flat && tail > 0 && tail == same:
		f.Flags |= edge.FrameTorn
	}
	switch {
	case same == 0 && plain < bands:
		c.lively = min(c.lively+1, livelyAfter)
	case c.lively < livelyAfter:
		c.lively = 0
	}
}

// isPlain reports whether the i-th band is all of one value, or empty.
func isPlain(f *edge.Frame, i int) bool {
	from, to := rowsOf(f, i)
	return isFlat(f, from, to, 0)
}

// rowsOf returns the rows of the i-th band.
func rowsOf(f *edge.Frame, i int) (from, to int) {
	return i * f.Height / bands, (i + 1) * f.Height / bands
}

// isFlat reports whether all bytes of some rows lie within span of each other. A
// good frame ends the search after a few pixels.
func isFlat(f *edge.Frame, from, to int, span uint8) bool {
	lo, hi := uint8(255), uint8(0)
	for y := from; y < to; y++ {
		for _, v := range f.Row(y) {
			lo, hi = min(lo, v), max(hi, v)
			if hi > lo && hi-lo > span {
				return false
			}
		}
	}
	return true
}

// bandHashes hashes f in horizontal bands. A frame of fewer rows than bands
// leaves the last bands at their seed.
func bandHashes(f *edge.Frame) [bands]uint64 {
	var h [bands]uint64
	for i := range h {
		h[i] = hashSeed ^ uint64(f.Width)<<32 ^ uint64(f.Height)
		from, to := rowsOf(f, i)
		for y := from; y < to; y++ {
			h[i] = hashRow(h[i], f.Row(y))
		}
	}
	return h
}

// Constants of wyhash (public domain, Wang Yi).
const (
	hashSeed = 0xa0761d6478bd642f
	hashMul  = 0xe7037ed1a0b428db
)

// hashRow folds row into h, eight bytes at a time, with a 64x64->128 bit
// multiplication as wyhash does. It tells contents apart; it is no signature.
func hashRow(h uint64, row []byte) uint64 {
	for ; len(row) >= 8; row = row[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(row))
	}
	for _, b := range row {
		h = mix(h ^ uint64(b))
	}
	return h
}

func mix(v uint64) uint64 {
	hi, lo := bits.Mul64(v^hashSeed, hashMul)
	return hi ^ lo
}
