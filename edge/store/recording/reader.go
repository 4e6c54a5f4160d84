package recording

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"winnow/edge"
)

// Fault is where a recording is damaged, and how.
type Fault struct {
	File   string
	Offset int64  // of the entry that cannot be read
	After  uint64 // the last whole record before it; 0 for none in this segment
	Err    error
}

func (f *Fault) Error() string {
	where := "before its first record"
	if f.After > 0 {
		where = fmt.Sprintf("after record %d", f.After)
	}
	return fmt.Sprintf("%s: byte %d, %s: %v", f.File, f.Offset, where, f.Err)
}

func (f *Fault) Unwrap() error { return f.Err }

// Kinds of faults.
var (
	ErrCut      = errors.New("the segment is cut off here: the power failed, or it is still being written")
	ErrChanged  = errors.New("the digest is not that of the entry: the file was changed or damaged")
	ErrMissing  = errors.New("a segment is missing")
	ErrNoRecord = errors.New("no recording is here: `winnow run --record DIR` makes one")
)

var segmentPattern = regexp.MustCompile(`^frames-(\d{8,12})\.rec$`)

// segments lists the segments in dir, oldest first.
func segments(dir string) ([]kept, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []kept
	for _, e := range entries {
		m := segmentPattern.FindStringSubmatch(e.Name())
		info, err := e.Info()
		if m == nil || err != nil || !info.Mode().IsRegular() {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		out = append(out, kept{n, info.Size()})
	}
	slices.SortFunc(out, func(a, b kept) int { return a.number - b.number })
	return out, nil
}

// Visitor sees the parts of a recording in order.
type Visitor interface {
	// Head is called before the parts of each segment.
	Head(h *Head) error
	// Part is called for each; frame is valid until it returns.
	Part(p *Part, frame *edge.Frame) error
	// Fault is told of damage; reading goes on with the next segment.
	Fault(f *Fault)
}

// Total is the number of bytes in the segments of dir: what progress counts to.
func Total(dir string) (int64, error) {
	s, err := segments(dir)
	total := int64(0)
	for _, k := range s {
		total += k.bytes
	}
	return total, err
}

// Read shows v every whole part in dir. An error of v ends it and is returned.
func Read(dir string, v Visitor) error {
	list, err := segments(dir)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("%s: %w", dir, ErrNoRecord)
	}
	for i, k := range list {
		if i > 0 && k.number != list[i-1].number+1 {
			v.Fault(&Fault{File: filepath.Join(dir, segmentName(list[i-1].number+1)), Err: ErrMissing})
		}
		if err := readSegment(filepath.Join(dir, segmentName(k.number)), k, v); err != nil {
			return err
		}
	}
	return nil
}

func readSegment(path string, k kept, v Visitor) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := &reader{path: path, in: bufio.NewReaderSize(f, 256<<10), left: k.bytes, number: k.number, visitor: v}
	err = r.all()
	var fault *Fault
	if errors.As(err, &fault) {
		v.Fault(fault)
		return nil
	}
	return err
}

// reader walks through one segment.
type reader struct {
	path    string
	in      *bufio.Reader
	left    int64 // bytes behind offset
	offset  int64 // of the entry at hand
	number  int
	last    uint64
	chain   chain
	parts   int
	visitor Visitor
	frame   edge.Frame
	body    []byte
}

func (r *reader) fault(err error) error {
	return &Fault{File: r.path, Offset: r.offset, After: r.last, Err: err}
}

func (r *reader) all() error {
	var m [len(magic)]byte
	if _, err := io.ReadFull(r.in, m[:]); err != nil {
		return r.fault(ErrCut)
	}
	if string(m[:]) != magic {
		return r.fault(errors.New("it does not begin as a segment of a recording does"))
	}
	r.advance(len(m))
	for first := true; ; first = false {
		tag, err := r.entry()
		if err != nil {
			return err
		}
		if (tag == tagHead) != first {
			return r.fault(fmt.Errorf("an entry %q is out of place", tag))
		}
		switch tag {
		case tagHead:
			err = r.head()
		case tagPart:
			err = r.part()
		case tagTail:
			return r.tail()
		}
		if err != nil {
			return err
		}
	}
}

func (r *reader) advance(n int) {
	r.offset += int64(n)
	r.left -= int64(n)
}

// entry reads one entry into body and frame.Pix and checks its digest. The
// offset moves on when the entry has been dealt with.
func (r *reader) entry() (tag string, err error) {
	var head [entryHead]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return "", r.fault(ErrCut)
	}
	tag = string(head[:4])
	text, pixels := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	if tag != tagHead && tag != tagPart && tag != tagTail || text > maxJSON || pixels > maxPixels || pixels > 0 && tag != tagPart {
		return "", r.fault(ErrChanged)
	}
	size := entryHead + int64(text) + int64(pixels) + int64(len(r.chain))
	if size > r.left {
		return "", r.fault(ErrCut)
	}
	r.body = resize(r.body, int(text))
	r.frame.Pix = resize(r.frame.Pix, int(pixels))
	var digest chain
	for _, b := range [][]byte{r.body, r.frame.Pix, digest[:]} {
		if _, err := io.ReadFull(r.in, b); err != nil {
			return "", r.fault(ErrCut)
		}
	}
	r.chain.next(head[:], r.body, r.frame.Pix)
	if digest != r.chain {
		return "", r.fault(ErrChanged)
	}
	return tag, nil
}

func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// done moves on behind the entry at hand.
func (r *reader) done() { r.advance(entryHead + len(r.body) + len(r.frame.Pix) + len(r.chain)) }

func (r *reader) head() error {
	var h Head
	if err := json.Unmarshal(r.body, &h); err != nil {
		return r.fault(fmt.Errorf("head: %w", err))
	}
	if h.Schema != Schema {
		return r.fault(fmt.Errorf("format %d of a recording; this program reads %d", h.Schema, Schema))
	}
	if h.Segment != r.number {
		return r.fault(fmt.Errorf("segment %d lies under the name of segment %d", h.Segment, r.number))
	}
	r.done()
	return r.visitor.Head(&h)
}

func (r *reader) part() error {
	var p Part
	if err := json.Unmarshal(r.body, &p); err != nil {
		return r.fault(fmt.Errorf("part: %w", err))
	}
	if p.Record <= r.last {
		return r.fault(fmt.Errorf("record %d follows record %d", p.Record, r.last))
	}
	if p.Width > maxSide || p.Height > maxSide {
		return r.fault(fmt.Errorf("a frame of %dx%d pixels", p.Width, p.Height))
	}
	f := &r.frame
	f.Width, f.Height, f.Format, f.Flags, f.Seq, f.At = p.Width, p.Height, p.Format, p.Flags, p.Seq, p.At
	f.Stride = p.Width * p.Format.BytesPerPixel()
	if err := f.Check(); err != nil {
		return r.fault(err)
	}
	if err := r.visitor.Part(&p, f); err != nil {
		return err
	}
	r.last = p.Record
	r.parts++
	r.done()
	return nil
}

func (r *reader) tail() error {
	var t Tail
	if err := json.Unmarshal(r.body, &t); err != nil {
		return r.fault(fmt.Errorf("tail: %w", err))
	}
	if t.Parts != r.parts {
		return r.fault(fmt.Errorf("%d records are here, the tail counts %d", r.parts, t.Parts))
	}
	r.done()
	if r.left != 0 {
		return r.fault(fmt.Errorf("%d bytes follow the tail", r.left))
	}
	return nil
}
