package evaluate

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
)

// LabelConditions gives ps, pictures of a data set in dir, the slices that the CSV
// file path names. The file has a column path (or file), relative to dir, and a
// column condition, or else its last column is taken. It returns that column's name.
// A row about none of ps is passed over; a file that knows none of them is an error,
// as are two rows that put one picture into different slices.
func LabelConditions(ps []Picture, dir, path string) (column string, err error) {
	t, err := openTable(path, "path,condition")
	if err != nil {
		return "", err
	}
	defer t.close()
	header := t.columns
	from := max(slices.Index(header, "path"), slices.Index(header, "file"))
	col := slices.Index(header, "condition")
	if col < 0 {
		col = len(header) - 1
	}
	if from < 0 || col == from {
		return "", fmt.Errorf("%s:1: columns %q; path (or file) and condition are needed", path, header)
	}
	at := make(map[string]int, len(ps))
	for i, p := range ps {
		at[p.Path] = i
	}
	found, first := 0, map[int]int{} // line of each picture's row
	for {
		rec, line, err := t.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		if i, ok := at[filepath.Join(dir, filepath.FromSlash(rec[from]))]; ok {
			if before, twice := first[i]; twice && ps[i].Condition != rec[col] {
				return "", fmt.Errorf("%s:%d: %s is %q here and %q in line %d; give it one %s", path, line, rec[from], rec[col], ps[i].Condition, before, header[col])
			}
			ps[i].Condition, first[i] = rec[col], line
			found++
		}
	}
	if found == 0 {
		return "", fmt.Errorf("%s: none of its rows is about a picture of %s that is looked at%s", path, dir, example(ps, dir))
	}
	return header[col], nil
}

// example says by one of ps how rows name pictures.
func example(ps []Picture, dir string) string {
	if len(ps) == 0 {
		return ""
	}
	rel, err := filepath.Rel(dir, ps[0].Path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("; paths are relative to that folder, such as %s", filepath.ToSlash(rel))
}

// Under returns those of ps that belong to the slice condition, or an error that
// names the slices there are.
func Under(ps []Picture, condition string) (under []Picture, err error) {
	var names []string
	for _, p := range ps {
		if p.Condition == condition {
			under = append(under, p)
		}
		if p.Condition != "" && !slices.Contains(names, p.Condition) {
			names = append(names, p.Condition)
		}
	}
	if len(under) == 0 {
		slices.Sort(names)
		return nil, fmt.Errorf("none of %d pictures is of condition %q; there are %q", len(ps), condition, names)
	}
	return under, nil
}
