package recording

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"winnow/edge"
	"winnow/edge/clock"
)

// seen is a visitor that remembers everything.
type seen struct {
	heads  []Head
	parts  []Part
	pixels [][]byte
	faults []*Fault
}

func (s *seen) Head(h *Head) error { s.heads = append(s.heads, *h); return nil }

func (s *seen) Part(p *Part, f *edge.Frame) error {
	s.parts = append(s.parts, *p)
	s.pixels = append(s.pixels, bytes.Clone(f.Pix))
	return nil
}

func (s *seen) Fault(f *Fault) { s.faults = append(s.faults, f) }

func read(t *testing.T, dir string) *seen {
	t.Helper()
	var s seen
	if err := Read(dir, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// frame number i of w x h grey pixels, with padded rows.
func frame(i, w, h int) *edge.Frame {
	f := &edge.Frame{Width: w, Height: h, Stride: w + 3, Format: edge.Gray8, Seq: uint64(i), At: edge.Instant(i)}
	f.Pix = make([]byte, f.Stride*h)
	for k := range f.Pix {
		f.Pix[k] = byte(k * (i + 1))
	}
	return f
}

func verdict(i int) *edge.Verdict {
	return &edge.Verdict{ID: edge.EventID{Device: "d", Boot: "b", Seq: uint64(i)}, Decision: edge.Reject, Reason: edge.ReasonScore,
		Score: edge.Score{Fused: math.Sqrt(float64(i)), Latent: math.NaN(), PValue: 1.0 / 3}}
}

func create(t *testing.T, dir string, change func(*Options)) *Writer {
	t.Helper()
	o := Options{Dir: dir, Model: []byte("a package"), Head: Head{Device: "d", Boot: "b", Model: "abc"}, Clock: new(clock.Manual), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	w, err := Create(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// record offers frames first..last one at a time, so that none is dropped.
func record(t *testing.T, w *Writer, first, last, width, height int) {
	t.Helper()
	for i := first; i <= last; i++ {
		if !w.Offer(frame(i, width, height), verdict(i), nil) {
			t.Fatalf("frame %d was dropped", i)
		}
		w.keep(<-w.full)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ended); err != nil {
		t.Fatal(err)
	}
}

func TestRecordingIsReadBack(t *testing.T) {
	dir := t.TempDir()
	record(t, create(t, dir, nil), 1, 3, 20, 10)
	record(t, create(t, dir, nil), 1, 2, 20, 10) // the next boot goes on in the same folder
	s := read(t, dir)
	if len(s.heads) != 2 || len(s.parts) != 5 || len(s.faults) != 0 {
		t.Fatalf("%d heads, %d parts, faults %v", len(s.heads), len(s.parts), s.faults)
	}
	for k, i := range []int{1, 2, 3, 1, 2} {
		want, f := Part{Record: uint64(i), Seq: uint64(i), At: edge.Instant(i), Width: 20, Height: 10}, frame(i, 20, 10)
		want.SetVerdict(verdict(i), nil)
		if d := want.Difference(&s.parts[k]); d != "" || s.parts[k].ID != want.ID {
			t.Errorf("part %d: %s %+v", k, d, s.parts[k])
		}
		for y := range 10 {
			if !bytes.Equal(s.pixels[k][20*y:20*y+20], f.Row(y)) {
				t.Fatalf("part %d: row %d differs", k, y)
			}
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, ModelName(s.heads[0].Package)))
	if err != nil || string(b) != "a package" {
		t.Errorf("the package: %q %v", b, err)
	}
}

// A frame larger than segments usually are has one of its own, and the bound holds.
func TestLargeFramesAreRecorded(t *testing.T) {
	const bound, side = 260 << 20, 8192
	dir := t.TempDir()
	old := filepath.Join(dir, segmentName(1)) // leaves room for a usual segment
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.Truncate(old, bound-64<<20)); err != nil {
		t.Fatal(err)
	}
	w := create(t, dir, func(o *Options) { o.Bytes = bound })
	record(t, w, 1, 1, side, side)
	total, err := Total(dir)
	if s := read(t, dir); len(s.parts) != 1 || len(s.faults) != 0 || total > bound || err != nil {
		t.Errorf("%d parts, faults %v, %d bytes, %v; the writer says %+v", len(s.parts), s.faults, total, err, w.Stats())
	}
}

// A score that differs in its last bit is a difference; NaN equals itself.
func TestDifferenceIsToTheBit(t *testing.T) {
	var a, b Part
	a.SetVerdict(verdict(2), nil)
	v := verdict(2)
	if b.SetVerdict(v, nil); a.Difference(&b) != "" {
		t.Error(a.Difference(&b))
	}
	v.Score.Fused = math.Nextafter(v.Score.Fused, 9)
	if b.SetVerdict(v, nil); a.Difference(&b) == "" {
		t.Error("the last bit was overlooked")
	}
	v = verdict(2)
	v.Decision = edge.Accept
	if b.SetVerdict(v, nil); a.Difference(&b) == "" {
		t.Error("another decision was overlooked")
	}
}

// Whatever byte is flipped and wherever the file is cut, the fault is reported
// with its place and no part reads differently from what was recorded.
func TestDamageHasAPlace(t *testing.T) {
	dir := t.TempDir()
	record(t, create(t, dir, nil), 1, 3, 8, 4)
	whole := read(t, dir)
	path := filepath.Join(dir, segmentName(1))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, i int, b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		s := read(t, dir)
		if len(s.faults) != 1 || s.faults[0].Offset > int64(i) || s.faults[0].File != path {
			t.Fatalf("byte %d %s: faults %v", i, what, s.faults)
		}
		for k := range s.parts {
			if !bytes.Equal(s.pixels[k], whole.pixels[k]) || whole.parts[k].Difference(&s.parts[k]) != "" {
				t.Fatalf("byte %d %s: part %d was read, and differs", i, what, k)
			}
		}
		if k := len(s.parts); k > 0 && s.faults[0].After != whole.parts[k-1].Record {
			t.Fatalf("byte %d %s: %v after %d parts", i, what, s.faults[0], k)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		check("flipped", i, b)
		check("cut", i, good[:i])
	}
	if err := os.WriteFile(path, append(bytes.Clone(good), 0), 0o644); err != nil {
		t.Fatal(err)
	}
	if s := read(t, dir); len(s.faults) != 1 {
		t.Error("a byte behind the tail was overlooked")
	}
}

// The oldest segments make room; a segment missing among the rest is a fault.
func TestQuotaAndMissingSegments(t *testing.T) {
	dir := t.TempDir()
	record(t, create(t, dir, func(o *Options) { o.Bytes = minBytes }), 1, 40, 1024, 1024) // 1 MiB each
	total, err := Total(dir)
	if err != nil || total > minBytes || total < minBytes/2 {
		t.Errorf("%d MiB are kept of at most %d (%v)", total>>20, minBytes>>20, err)
	}
	s := read(t, dir)
	if n := len(s.parts); n == 0 || s.parts[n-1].Record != 40 || s.parts[0].Record == 1 || len(s.faults) != 0 {
		t.Errorf("%d parts are left, faults %v", n, s.faults)
	}
	if err := os.Remove(filepath.Join(dir, segmentName(s.heads[1].Segment))); err != nil {
		t.Fatal(err)
	}
	if s := read(t, dir); len(s.faults) != 1 || !errors.Is(s.faults[0], ErrMissing) {
		t.Errorf("a segment is missing: faults %v", s.faults)
	}
	if err := Read(t.TempDir(), &seen{}); !errors.Is(err, ErrNoRecord) {
		t.Errorf("an empty folder: %v", err)
	}
}

// While nobody writes, Offer takes what there is memory for and counts the rest.
func TestOfferNeverWaits(t *testing.T) {
	w := create(t, t.TempDir(), func(o *Options) { o.Waiting = 2 })
	took := 0
	f, v := frame(1, 64, 64), verdict(1)
	for range 5 {
		if w.Offer(f, v, nil) {
			took++
		}
	}
	if s := w.Stats(); took != 2 || s.Dropped != 3 {
		t.Errorf("took %d, dropped %d", took, s.Dropped)
	}
	w.keep(<-w.full)
	w.keep(<-w.full)
	if n := testing.AllocsPerRun(10, func() {
		w.Offer(f, v, nil)
		s := <-w.full
		w.free <- s
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// A disk that fails costs frames and says so; when it is well again, recording
// goes on in a new segment.
func TestFailingDisk(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, nil)
	offer := func(i int) {
		w.Offer(frame(i, 8, 8), verdict(i), nil)
		w.keep(<-w.full)
	}
	offer(1)
	_ = w.file.Close() // the next write fails
	offer(2)
	if s := w.Stats(); s.Written != 1 || s.Dropped != 1 || s.Failing == "" {
		t.Errorf("%+v", s)
	}
	offer(3)
	if s := w.Stats(); s.Written != 2 || s.Failing != "" {
		t.Errorf("%+v", s)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	s := read(t, dir)
	if len(s.parts) != 2 || s.parts[1].Record != 3 || s.parts[1].Dropped != 1 || len(s.faults) != 1 || !errors.Is(s.faults[0], ErrCut) {
		t.Errorf("parts %+v, faults %v", s.parts, s.faults)
	}
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	w, err := Create(Options{Dir: dir, Model: []byte("m"), Clock: new(clock.Manual), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	w.Offer(frame(1, 4, 4), verdict(1), nil)
	w.keep(<-w.full)
	if err := w.close(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, segmentName(1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	out := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(filepath.Join(out, segmentName(1)), b, 0o644); err != nil {
			t.Fatal(err)
		}
		var s seen
		if err := Read(out, &s); err != nil {
			t.Fatal(err)
		}
	})
}

// fullDisk takes some bytes and no more.
type fullDisk struct {
	file *os.File
	room int
}

func (d *fullDisk) Write(b []byte) (int, error) {
	n, err := d.file.Write(b[:min(d.room, len(b))])
	d.room -= n
	if err == nil && n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

// TestFullDiskIsNoDamage: the frame that it has no room for is not recorded in part,
// and what was recorded before it is whole.
func TestFullDiskIsNoDamage(t *testing.T) {
	for _, room := range []int{0, 5, 200} {
		dir := t.TempDir()
		record(t, create(t, dir, nil), 1, 2, 8, 8) // is given up
		w := create(t, dir, nil)
		offer := func(i int) {
			w.Offer(frame(i, 8, 8), verdict(i), nil)
			w.keep(<-w.full)
		}
		offer(1)
		offer(2)
		w.buf.Reset(&fullDisk{w.file, room})
		record(t, w, 3, 4, 8, 8)
		s := read(t, dir)
		if len(s.faults) != 0 || len(s.heads) != 2 || len(s.parts) != 4 || s.parts[3].Record != 4 {
			t.Errorf("room for %d bytes: %d parts in %d segments, faults %v; %+v", room, len(s.parts), len(s.heads), s.faults, w.Stats())
		}
		if total, err := Total(dir); err != nil || total != w.bytes {
			t.Errorf("room for %d bytes: %d bytes on disk, %d counted, %v", room, total, w.bytes, err)
		}
	}
}

// TestFullDiskGetsNoFiles: a disk that takes names but no bytes is not given a file for each frame.
func TestFullDiskGetsNoFiles(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, nil)
	for i := 1; i <= 50; i++ {
		if err := w.open(w.segment); err != nil {
			t.Fatal(err)
		}
		_ = w.file.Close() // the first write fails
		w.Offer(frame(i, 8, 8), verdict(i), nil)
		w.keep(<-w.full)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 1 || len(w.kept) > 0 { // the package
		t.Errorf("%d files, %d segments", len(entries), len(w.kept))
	}
}
