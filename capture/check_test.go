package capture_test

import (
	"math/rand/v2"
	"testing"

	"winnow/capture"
	"winnow/edge"
)

// exposure draws a w x h frame of sensor noise.
func exposure(seed uint64, w, h int, format edge.PixelFormat) *edge.Frame {
	f := &edge.Frame{Seq: seed}
	capture.Reshape(f, w, h, format)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range f.Pix {
		f.Pix[i] = byte(100 + r.IntN(16))
	}
	return f
}

func TestCheckerFlags(t *testing.T) {
	all := capture.Checker{Repeats: true, Torn: true, Gaps: true}
	torn := exposure(2, 32, 32, edge.RGB24)
	copy(torn.Pix[16*torn.Stride:], exposure(1, 32, 32, edge.RGB24).Pix[16*torn.Stride:])
	for _, c := range []struct {
		name    string
		checker capture.Checker
		frame   *edge.Frame
		want    edge.FrameFlags
	}{
		{"next exposure", all, exposure(2, 32, 32, edge.RGB24), 0},
		{"same content", all, with(exposure(1, 32, 32, edge.RGB24), func(f *edge.Frame) { f.Seq = 2 }), edge.FrameRepeat},
		{"same content, not asked", capture.Checker{}, exposure(1, 32, 32, edge.RGB24), 0},
		{"one pixel differs", all, with(exposure(1, 32, 32, edge.RGB24), func(f *edge.Frame) { f.Seq = 2; f.Pix[len(f.Pix)-1]++ }), 0},
		{"lower half old", all, torn, edge.FrameTorn},
		{"gap in the sequence", all, exposure(4, 32, 32, edge.RGB24), edge.FrameLost},
		{"all equal", all, with(exposure(2, 32, 32, edge.RGB24), fill(77)), edge.FrameFlat},
		{"all but one equal", all, with(exposure(2, 32, 32, edge.RGB24), fill(77), func(f *edge.Frame) { f.Pix[500]++ }), 0},
		{"within the flat range", capture.Checker{FlatRange: 16}, exposure(2, 32, 32, edge.RGB24), edge.FrameFlat},
		{"buffer too small", all, with(exposure(2, 32, 32, edge.RGB24), func(f *edge.Frame) { f.Pix = f.Pix[:len(f.Pix)-1] }), edge.FrameShort},
		{"other size", all, exposure(2, 16, 64, edge.RGB24), 0},
		{"fewer rows than bands", all, exposure(2, 64, 3, edge.Gray8), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ch := c.checker
			ch.Check(exposure(1, 32, 32, edge.RGB24))
			if got := ch.Check(c.frame); got != c.want || c.frame.Flags != c.want {
				t.Errorf("flags %b, want %b", got, c.want)
			}
		})
	}
}

// A source that has shown noise is watched for torn frames; one whose pictures have
// parts in common, as drawn ones do, is not.
func TestCheckerLearnsToFindTornFrames(t *testing.T) {
	tear := func(seed uint64) *edge.Frame { // the lower half is the frame before's
		f := exposure(seed, 32, 32, edge.Gray8)
		copy(f.Pix[16*f.Stride:], exposure(seed-1, 32, 32, edge.Gray8).Pix[16*f.Stride:])
		return f
	}
	still := func(seed uint64) *edge.Frame { // the middle never changes
		return with(exposure(seed, 32, 32, edge.Gray8), func(f *edge.Frame) { copy(f.Pix[16*32:18*32], exposure(0, 32, 2, edge.Gray8).Pix) })
	}
	backlit := func(f *edge.Frame) *edge.Frame { // the lowest quarter is white, in every frame
		return with(f, func(f *edge.Frame) {
			for i := 24 * 32; i < len(f.Pix); i++ {
				f.Pix[i] = 255
			}
		})
	}
	plain := func(seed uint64) *edge.Frame { return exposure(seed, 32, 32, edge.Gray8) }
	for name, c := range map[string]struct {
		before func(seed uint64) *edge.Frame
		frames uint64
		last   *edge.Frame
		want   edge.FrameFlags
	}{
		"noise":                 {plain, 40, tear(41), edge.FrameTorn},
		"too few frames":        {plain, 20, tear(21), 0},
		"drawn":                 {still, 40, tear(41), 0},
		"backlit":               {func(seed uint64) *edge.Frame { return backlit(plain(seed)) }, 40, backlit(plain(41)), 0},
		"backlit and torn":      {func(seed uint64) *edge.Frame { return backlit(plain(seed)) }, 40, backlit(tear(41)), edge.FrameTorn},
		"repeated when backlit": {func(seed uint64) *edge.Frame { return backlit(plain(seed)) }, 40, backlit(plain(40)), edge.FrameRepeat},
	} {
		ch := capture.Checker{Repeats: true, LearnTorn: true}
		for seed := uint64(1); seed <= c.frames; seed++ {
			if got := ch.Check(c.before(seed)); got != 0 {
				t.Errorf("%s: frame %d has flags %b", name, seed, got)
			}
		}
		if got := ch.Check(c.last); got != c.want {
			t.Errorf("%s: flags %b, want %b", name, got, c.want)
		}
	}
}

func TestCheckerKeepsFlagsAndIgnoresPadding(t *testing.T) {
	f := exposure(1, 30, 8, edge.Gray8)
	f.Width, f.Flags = 20, edge.FrameError
	ch := capture.Checker{Repeats: true}
	if got := ch.Check(f); got != edge.FrameError {
		t.Errorf("flags %b, want the driver's error flag kept", got)
	}
	f.Flags = 0
	for y := range f.Height {
		f.Pix[y*f.Stride+25]++
	}
	if got := ch.Check(f); got != edge.FrameRepeat {
		t.Errorf("flags %b: bytes behind the row's pixels count as content", got)
	}
	ch.Reset()
	f.Flags = 0
	if got := ch.Check(f); got != 0 {
		t.Errorf("flags %b after Reset", got)
	}
}

func TestCheckerAllocatesNothing(t *testing.T) {
	ch := capture.Checker{Repeats: true, Torn: true, Gaps: true}
	f := exposure(1, 64, 64, edge.RGB24)
	if n := testing.AllocsPerRun(50, func() { ch.Check(f) }); n != 0 {
		t.Errorf("%v allocations a check", n)
	}
}

func with(f *edge.Frame, changes ...func(*edge.Frame)) *edge.Frame {
	for _, change := range changes {
		change(f)
	}
	return f
}

func fill(v byte) func(*edge.Frame) {
	return func(f *edge.Frame) {
		for i := range f.Pix {
			f.Pix[i] = v
		}
	}
}

func BenchmarkCheck1080p(b *testing.B) {
	ch := capture.Checker{Repeats: true, Torn: true, Gaps: true}
	f := exposure(1, 1920, 1080, edge.RGB24)
	b.SetBytes(int64(len(f.Pix)))
	for b.Loop() {
		ch.Check(f)
	}
}
