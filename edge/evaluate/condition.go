package evaluate

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// LabelConditions gives the test pictures of d, a data set in dir, the slices
// that the CSV file path names. The file has a column path (or file), relative
// to dir, and a column condition, or else its last column is taken. It returns
// that column's name. A row about no test picture is passed over; a file that
// knows no test picture at all is an error.
func (d *Dataset) LabelConditions(dir, path string) (column string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r := csv.NewReader(f)
	header, err := r.Read()
	if err != nil {
		return "", fmt.Errorf("%s: the first line must name the columns path,condition: %w", path, err)
	}
	from := max(slices.Index(header, "path"), slices.Index(header, "file"))
	col := slices.Index(header, "condition")
	if col < 0 {
		col = len(header) - 1
	}
	if from < 0 || col == from {
		return "", fmt.Errorf("%s:1: columns %q; path (or file) and condition are needed", path, header)
	}
	found := 0
	at := d.testPaths()
	for {
		rec, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		if i, ok := at[filepath.Join(dir, filepath.FromSlash(rec[from]))]; ok {
			d.Test[i].Condition = rec[col]
			found++
		}
	}
	if found == 0 {
		return "", fmt.Errorf("%s: none of its rows is about a test picture of %s; paths are relative to that folder, such as test/good/1.png", path, dir)
	}
	return header[col], nil
}

func (d *Dataset) testPaths() map[string]int {
	at := make(map[string]int, len(d.Test))
	for i, p := range d.Test {
		at[p.Path] = i
	}
	return at
}
