package tflite

import (
	"encoding/binary"
	"fmt"
	"math"

	flatbuffers "github.com/google/flatbuffers/go"
)

// reader walks a flatbuffer that nobody has checked. The flatbuffers library
// trusts its input, so every position is checked here before it is used. The
// first fault sticks: from then on every read returns zero values.
type reader struct {
	b      []byte
	budget int // bytes that may still be allocated
	err    error
}

func (r *reader) failAs(kind error, pos int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Kind: kind, Offset: pos, Msg: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) fail(pos int, format string, args ...any) {
	r.failAs(ErrMalformed, pos, format, args...)
}

// take charges n elements of size bytes to the budget and reports whether they
// may be allocated.
func (r *reader) take(pos, n, size int) bool {
	if r.err != nil {
		return false
	}
	if n < 0 || n > math.MaxInt/size || n*size > r.budget {
		r.failAs(ErrLimit, pos, "reading it would allocate more than the file's size allows")
		return false
	}
	r.budget -= n * size
	return true
}

// has reports whether n bytes lie at pos.
func (r *reader) has(pos, n int) bool {
	return r.err == nil && pos >= 0 && n >= 0 && pos <= len(r.b) && n <= len(r.b)-pos
}

func (r *reader) u16(pos int) int { return int(binary.LittleEndian.Uint16(r.b[pos:])) }

// u32 is at most MaxInt32, which no offset, length or index reaches, so that it
// stays positive where int has 32 bits.
func (r *reader) u32(pos int) int {
	return int(min(binary.LittleEndian.Uint32(r.b[pos:]), math.MaxInt32))
}

func (r *reader) i32(pos int) int { return int(int32(binary.LittleEndian.Uint32(r.b[pos:]))) }

// follow resolves the unsigned offset stored at pos, which lies inside.
func (r *reader) follow(pos int) int {
	to := pos + r.u32(pos)
	if to < 4 || to > len(r.b)-4 {
		r.fail(pos, "offset leads to byte %d of %d", to, len(r.b))
		return 0
	}
	return to
}

// table is a flatbuffer table whose vtable lies inside the file.
type table struct {
	r        *reader
	pos      int
	vt       int
	vtLen    int
	inlineSz int
}

func (r *reader) table(pos int) table {
	if !r.has(pos, 4) {
		r.fail(pos, "table outside the file")
		return table{r: r}
	}
	vt := pos - r.i32(pos)
	if !r.has(vt, 4) {
		r.fail(pos, "vtable at byte %d is outside the file", vt)
		return table{r: r}
	}
	t := table{r: r, pos: pos, vt: vt, vtLen: r.u16(vt), inlineSz: r.u16(vt + 2)}
	if t.vtLen < 4 || !r.has(vt, t.vtLen) || t.inlineSz < 4 || !r.has(pos, t.inlineSz) {
		r.fail(pos, "table of %d bytes with a vtable of %d does not fit", t.inlineSz, t.vtLen)
		return table{r: r}
	}
	return t
}

func (t table) fail(format string, args ...any) {
	t.r.failAs(ErrUnsupported, t.pos, format, args...)
}

// field returns the position of field i of n bytes, or 0 where it is absent.
func (t table) field(i, n int) int {
	slot := flatbuffers.VtableMetadataFields*flatbuffers.SizeVOffsetT + i*flatbuffers.SizeVOffsetT
	if t.r.err != nil || slot+2 > t.vtLen {
		return 0
	}
	off := t.r.u16(t.vt + slot)
	if off == 0 {
		return 0
	}
	if off < 4 || off+n > t.inlineSz {
		t.r.fail(t.pos, "field %d lies outside its table", i)
		return 0
	}
	return t.pos + off
}

func (t table) u8(i int, def byte) byte {
	if p := t.field(i, 1); p != 0 {
		return t.r.b[p]
	}
	return def
}

func (t table) i32(i, def int) int {
	if p := t.field(i, 4); p != 0 {
		return t.r.i32(p)
	}
	return def
}

func (t table) u32(i, def int) int {
	if p := t.field(i, 4); p != 0 {
		return t.r.u32(p)
	}
	return def
}

func (t table) u64(i int) uint64 {
	if p := t.field(i, 8); p != 0 {
		return binary.LittleEndian.Uint64(t.r.b[p:])
	}
	return 0
}

func (t table) f32(i int, def float32) float32 {
	if p := t.field(i, 4); p != 0 {
		return math.Float32frombits(uint32(t.r.i32(p)))
	}
	return def
}

// sub returns the table that field i leads to.
func (t table) sub(i int) (table, bool) {
	p := t.field(i, 4)
	if p == 0 {
		return table{r: t.r}, false
	}
	to := t.r.follow(p)
	if t.r.err != nil {
		return table{r: t.r}, false
	}
	s := t.r.table(to)
	return s, t.r.err == nil
}

// vector returns where the elements of vector field i start and how many there
// are; all of them lie inside the file.
func (t table) vector(i, elemSize int) (pos, n int) {
	p := t.field(i, 4)
	if p == 0 {
		return 0, 0
	}
	at := t.r.follow(p)
	if t.r.err != nil {
		return 0, 0
	}
	n = t.r.u32(at)
	if n > (len(t.r.b)-at-4)/elemSize {
		t.r.fail(at, "vector of %d elements does not fit into the file", n)
		return 0, 0
	}
	return at + 4, n
}

// bytes aliases the file.
func (t table) bytes(i int) []byte {
	pos, n := t.vector(i, 1)
	return t.r.b[pos : pos+n : pos+n]
}

func (t table) str(i int) string {
	b := t.bytes(i)
	if !t.r.take(t.pos, len(b), 1) {
		return ""
	}
	return string(b)
}

// ints reads an int32 vector.
func (t table) ints(i int) []int {
	pos, n := t.vector(i, 4)
	if n == 0 || !t.r.take(pos, n, 8) {
		return nil
	}
	v := make([]int, n)
	for k := range v {
		v[k] = t.r.i32(pos + 4*k)
	}
	return v
}

func (t table) floats(i int) []float32 {
	pos, n := t.vector(i, 4)
	if n == 0 || !t.r.take(pos, n, 4) {
		return nil
	}
	v := make([]float32, n)
	for k := range v {
		v[k] = math.Float32frombits(uint32(t.r.i32(pos + 4*k)))
	}
	return v
}

func (t table) longs(i int) []int64 {
	pos, n := t.vector(i, 8)
	if n == 0 || !t.r.take(pos, n, 8) {
		return nil
	}
	v := make([]int64, n)
	for k := range v {
		v[k] = int64(binary.LittleEndian.Uint64(t.r.b[pos+8*k:]))
	}
	return v
}

// each calls f for every table of vector field i until something fails.
func (t table) each(i int, f func(k int, e table)) {
	pos, n := t.vector(i, 4)
	for k := 0; k < n && t.r.err == nil; k++ {
		to := t.r.follow(pos + 4*k)
		if t.r.err != nil {
			return
		}
		if e := t.r.table(to); t.r.err == nil {
			f(k, e)
		}
	}
}

// count is the length of vector field i of tables.
func (t table) count(i int) int {
	_, n := t.vector(i, 4)
	return n
}
