package recording

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"winnow/edge"
	"winnow/edge/store"
)

// Options of a Writer.
type Options struct {
	Dir     string
	Bytes   int64 // all segments together take no more; the oldest go first. 0: 1 GiB
	Waiting int   // frames between the line and the disk, memory is taken for each; 0: 8
	Head    Head  // of every segment; Schema, Segment and Package are filled in
	Model   []byte
	Clock   edge.Clock
	Log     *slog.Logger
}

// minBytes is the least that a recording may be bounded to.
const minBytes = 16 << 20

// Writer records judged frames. Offer may be called by one goroutine at a time;
// Run writes what it took.
type Writer struct {
	o       Options
	segment int64 // bytes after which a new one begins; a larger frame has one of its own
	free    chan *shot
	full    chan *shot
	next    uint64
	dropped atomic.Uint64
	written atomic.Uint64
	failing atomic.Pointer[string]

	kept  []kept // segments on disk, oldest first; the last one is open if file is
	bytes int64
	file  *os.File
	buf   *bufio.Writer
	chain chain
	parts int
	// behind the last part that was written whole
	whole      int64
	wholeChain chain
}

// kept is one segment on disk.
type kept struct {
	number int
	bytes  int64
}

// shot is a copy of one judged frame; its memory is used again.
type shot struct {
	part Part
	pix  []byte
}

// Create makes the folder where it is missing, puts the package there, and goes
// on behind what is in it. Nothing is written to a segment before Run.
func Create(o Options) (*Writer, error) {
	if o.Bytes == 0 {
		o.Bytes = 1 << 30
	}
	if o.Bytes < minBytes {
		return nil, fmt.Errorf("recording: %d MiB are too few; at least %d are needed", o.Bytes>>20, minBytes>>20)
	}
	if o.Waiting < 1 {
		o.Waiting = 8
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	o.Head.Schema, o.Head.Package = Schema, store.DigestBytes(o.Model)
	if err := store.WriteFile(filepath.Join(o.Dir, ModelName(o.Head.Package)), o.Model, 0o644); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	w := &Writer{o: o, segment: min(64<<20, o.Bytes/4), free: make(chan *shot, o.Waiting), full: make(chan *shot, o.Waiting)}
	for range o.Waiting {
		w.free <- new(shot)
	}
	segments, err := segments(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	w.kept = segments
	for _, s := range segments {
		w.bytes += s.bytes
	}
	return w, nil
}

// Offer copies the frame and what the judge said of it, and returns. It returns
// false, and counts a drop, when the disk does not keep up. It never waits.
func (w *Writer) Offer(f *edge.Frame, v *edge.Verdict, judged error) bool {
	w.next++
	if f.Check() != nil {
		w.dropped.Add(1)
		return false
	}
	select {
	case s := <-w.free:
		s.copy(f)
		s.part.Record, s.part.Dropped = w.next, w.dropped.Load()
		s.part.SetVerdict(v, judged)
		w.full <- s // has room for every shot
		return true
	default:
		w.dropped.Add(1)
		return false
	}
}

func (s *shot) copy(f *edge.Frame) {
	s.part = Part{Seq: f.Seq, At: f.At, Width: f.Width, Height: f.Height, Format: f.Format, Flags: f.Flags}
	s.pix = s.pix[:0]
	for y := range f.Height {
		s.pix = append(s.pix, f.Row(y)...)
	}
}

// Stats is what a recording has come to.
type Stats struct {
	Written uint64
	Dropped uint64 // frames that could not be taken or written
	Failing string // what went wrong with the last one; "" if nothing did
}

// Stats may be called at any time.
func (w *Writer) Stats() Stats {
	s := Stats{Written: w.written.Load(), Dropped: w.dropped.Load()}
	if text := w.failing.Load(); text != nil {
		s.Failing = *text
	}
	return s
}

// Run writes until ctx ends, then what was offered before, and closes the last
// segment.
func (w *Writer) Run(ctx context.Context) error {
	for {
		select {
		case s := <-w.full:
			w.keep(s)
		case <-ctx.Done():
			for {
				select {
				case s := <-w.full:
					w.keep(s)
				default:
					return w.close()
				}
			}
		}
	}
}

// keep writes one shot. A fault costs this frame and closes the segment; on a
// full disk the oldest segment is given up, once.
func (w *Writer) keep(s *shot) {
	err := w.write(s)
	if errors.Is(err, syscall.ENOSPC) && len(w.kept) > 0 {
		w.removeOldest()
		err = w.write(s)
	}
	w.free <- s
	if err == nil {
		w.written.Add(1)
		w.failing.Store(nil)
		return
	}
	w.dropped.Add(1)
	text := err.Error()
	if last := w.failing.Swap(&text); last == nil || *last != text {
		w.o.Log.Error("a frame was not recorded", "err", err)
	}
}

func (w *Writer) write(s *shot) error {
	need := int64(len(s.pix)) + maxJSON
	if need > w.o.Bytes/4 {
		return fmt.Errorf("a frame of %d MiB does not fit a recording of %d MiB: allow it more", need>>20, w.o.Bytes>>20)
	}
	if w.file != nil && w.kept[len(w.kept)-1].bytes+need > w.segment {
		if err := w.close(); err != nil {
			return err
		}
	}
	if w.file == nil {
		if err := w.open(max(need, w.segment)); err != nil {
			return err
		}
	}
	err := w.entry(tagPart, &s.part, s.pix)
	if err == nil {
		err = w.buf.Flush()
	}
	if err != nil {
		w.giveUp()
		return err
	}
	w.parts++
	w.whole, w.wholeChain = w.kept[len(w.kept)-1].bytes, w.chain
	return nil
}

// open begins the next segment, of room bytes, which it makes first.
func (w *Writer) open(room int64) error {
	for len(w.kept) > 0 && w.bytes+room > w.o.Bytes {
		w.removeOldest()
	}
	n := 1
	if len(w.kept) > 0 {
		n = w.kept[len(w.kept)-1].number + 1
	}
	f, err := os.OpenFile(filepath.Join(w.o.Dir, segmentName(n)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w.file, w.buf, w.chain, w.parts = f, bufio.NewWriterSize(f, 256<<10), chain{}, 0
	w.kept = append(w.kept, kept{number: n})
	w.count(len(magic))
	_, _ = w.buf.WriteString(magic) // an error stays with buf until Flush
	h := w.o.Head
	h.Segment, h.At = n, w.o.Clock.Wall()
	if err := w.entry(tagHead, h, nil); err != nil {
		w.giveUp()
		return err
	}
	return nil
}

// entry appends one entry to the open segment.
func (w *Writer) entry(tag string, v any, pixels []byte) error {
	head, body, err := encodeHead(tag, v, len(pixels))
	if err != nil {
		return err
	}
	w.chain.next(head, body, pixels)
	for _, b := range [][]byte{head, body, pixels, w.chain[:]} {
		if _, err := w.buf.Write(b); err != nil {
			return err
		}
		w.count(len(b))
	}
	return nil
}

func (w *Writer) count(n int) {
	w.kept[len(w.kept)-1].bytes += int64(n)
	w.bytes += int64(n)
}

// close ends the open segment so that a reader knows that it is whole.
func (w *Writer) close() error {
	if w.file == nil {
		return nil
	}
	err := w.entry(tagTail, Tail{Parts: w.parts}, nil)
	if err == nil {
		err = w.buf.Flush()
	}
	if err == nil {
		err = w.file.Sync()
	}
	w.abandon()
	return err
}

// giveUp closes the open segment after a fault, behind its last whole part. One
// without goes: else a full disk would get a file for each frame that it refuses.
func (w *Writer) giveUp() {
	if w.parts > 0 {
		w.cutBack()
	}
	w.abandon()
	last := w.kept[len(w.kept)-1]
	if w.parts > 0 || os.Remove(filepath.Join(w.o.Dir, segmentName(last.number))) != nil {
		return
	}
	w.kept = w.kept[:len(w.kept)-1]
	w.bytes -= last.bytes
}

// cutBack ends the open segment behind its last whole part, as far as the disk lets
// it: a reader takes a part that was begun for a power loss.
func (w *Writer) cutBack() {
	if w.file.Truncate(w.whole) != nil {
		return
	}
	if _, err := w.file.Seek(w.whole, io.SeekStart); err != nil {
		return
	}
	last := &w.kept[len(w.kept)-1]
	w.bytes -= last.bytes - w.whole
	last.bytes, w.chain = w.whole, w.wholeChain
	w.buf.Reset(w.file)
	_ = w.close()
}

// abandon closes the open segment as it is.
func (w *Writer) abandon() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
}

func (w *Writer) removeOldest() {
	old := w.kept[0]
	if w.file != nil && len(w.kept) == 1 {
		w.abandon()
	}
	w.kept = w.kept[1:]
	w.bytes -= old.bytes
	if err := os.Remove(filepath.Join(w.o.Dir, segmentName(old.number))); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.o.Log.Warn("an old segment was not removed", "err", err)
	}
}
