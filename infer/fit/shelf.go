package fit

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
)

// MemoryRoom is how many bytes of features and bases one fit keeps in memory
// unless it is told otherwise; what is more goes to a file.
const MemoryRoom = 32 << 20

// room is what shelves share: the memory that is left, and the folder for what
// does not fit.
type room struct {
	left int64
	dir  string // "": the system's folder for temporary files
	err  error  // the first of reading what a shelf has in a file
}

// shelf keeps rows of bytes, in memory while its room lasts, then in a file
// without a name, which is gone when the shelf or the process is. The first
// error stays: it is asked for once a stage, not once a row.
type shelf struct {
	room *room
	rows []shelved
	file *os.File
	end  int64
	took int64
	err  error
}

type shelved struct {
	mem []byte // nil: in the file
	at  int64
	n   int
}

// shelfOf holds rows that are in memory anyway, without copying them.
func shelfOf(rows ...[][]byte) *shelf {
	s := new(shelf)
	for _, part := range rows {
		for _, r := range part {
			s.rows = append(s.rows, shelved{mem: r, n: len(r)})
		}
	}
	return s
}

func (s *shelf) len() int { return len(s.rows) }

// add copies row and returns its number.
func (s *shelf) add(row []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	r := shelved{n: len(row)}
	if int64(len(row)) <= s.room.left {
		s.room.left -= int64(len(row))
		s.took += int64(len(row))
		r.mem = append([]byte{}, row...)
	} else if r.at, s.err = s.write(row); s.err != nil {
		return 0, s.err
	}
	s.rows = append(s.rows, r)
	return len(s.rows) - 1, nil
}

func (s *shelf) write(row []byte) (at int64, err error) {
	if s.file == nil {
		if s.file, err = os.CreateTemp(s.room.dir, ".winnow-fit-*"); err != nil {
			return 0, fmt.Errorf("features that memory has no room for: %w", err)
		}
		_ = os.Remove(s.file.Name()) // where a system keeps the name of an open file, close removes it
	}
	at = s.end
	if _, err = s.file.WriteAt(row, at); err != nil {
		return 0, fmt.Errorf("features that memory has no room for: %w", err)
	}
	s.end += int64(len(row))
	return at, nil
}

// read copies values [from, from+len(dst)) of row i to dst; zeros after an error.
func (s *shelf) read(dst []byte, i, from int) {
	r := s.rows[i]
	if r.mem != nil {
		copy(dst, r.mem[from:])
		return
	}
	if s.err == nil {
		_, s.err = s.file.ReadAt(dst, r.at+int64(from))
	}
	if s.err != nil {
		clear(dst)
		if s.room.err == nil {
			s.room.err = fmt.Errorf("features that memory has no room for: %w", s.err)
		}
	}
}

// view is values [from, to) of row i: its own memory, or buf filled with them.
func (s *shelf) view(buf []byte, i, from, to int) []byte {
	if m := s.rows[i].mem; m != nil {
		return m[from:to]
	}
	s.read(buf[:to-from], i, from)
	return buf[:to-from]
}

// close lets go of all rows.
func (s *shelf) close() {
	if s == nil {
		return
	}
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
	if s.room != nil {
		s.room.left += s.took
	}
	*s = shelf{room: s.room}
}

// addFloats keeps a row of numbers.
func (s *shelf) addFloats(row []float32) error {
	b := make([]byte, 0, 4*len(row))
	for _, v := range row {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	_, err := s.add(b)
	return err
}

// readFloats is read for what addFloats kept.
func (s *shelf) readFloats(dst []float32, i, from int) {
	b := s.view(make([]byte, 4*len(dst)), i, 4*from, 4*(from+len(dst)))
	for j := range dst {
		dst[j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*j:]))
	}
}
