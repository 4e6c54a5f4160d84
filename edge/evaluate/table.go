package evaluate

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strings"
)

// table is a CSV file whose first line names its columns.
type table struct {
	path    string
	columns []string // lower case, without space around them
	r       *csv.Reader
	close   func() error
}

// openTable opens a file of which the first line must name these columns. Columns are apart by
// commas or, where the first line has none, by semicolons or tabs, as spreadsheets write them in
// half of the world; a byte order mark before them is passed over.
func openTable(path, columns string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReaderSize(f, 1<<16)
	if mark, _ := b.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = b.Discard(3)
	}
	t := &table{path: path, r: csv.NewReader(b), close: f.Close}
	t.r.FieldsPerRecord = -1
	t.r.Comma = separator(b)
	header, err := t.r.Read()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: the first line must name the columns %s: %w", path, columns, err)
	}
	for _, c := range header {
		t.columns = append(t.columns, strings.ToLower(strings.TrimSpace(c)))
	}
	return t, nil
}

// separator of the columns that the next line of b names.
func separator(b *bufio.Reader) rune {
	line, _ := b.Peek(b.Size())
	line, _, _ = bytes.Cut(line, []byte("\n"))
	for _, c := range ",;\t" {
		if bytes.ContainsRune(line, c) {
			return c
		}
	}
	return ','
}

// next is the next row and its line; the last one is followed by io.EOF.
func (t *table) next() (rec []string, line int, err error) {
	rec, err = t.r.Read()
	if err == io.EOF {
		return nil, 0, err
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", t.path, err)
	}
	line, _ = t.r.FieldPos(0)
	if len(rec) < len(t.columns) {
		return nil, 0, fmt.Errorf("%s:%d: %d columns, the first line has %d", t.path, line, len(rec), len(t.columns))
	}
	return rec, line, nil
}
