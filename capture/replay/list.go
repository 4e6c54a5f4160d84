package replay

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"winnow/edge"
)

// List returns the picture files that paths name, in the order of paths. A
// folder stands for every file in it and below that ends like a picture, in
// natural order (2.png before 10.png); links to folders count as folders, each
// folder once, and hidden files are passed over. A file
// stands for itself, whatever it is called. A folder without pictures is an
// error, as is anything that cannot be read.
func List(paths ...string) ([]string, error) {
	var files []string
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		if !st.IsDir() {
			files = append(files, p)
			continue
		}
		in, err := listFolder(p)
		if err != nil {
			return nil, err
		}
		files = append(files, in...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("replay: no file or folder was named")
	}
	return files, nil
}

func listFolder(dir string) ([]string, error) {
	w := walk{seen: map[string]bool{}}
	if err := w.folder(dir); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	files := w.files
	if len(files) == 0 {
		return nil, fmt.Errorf("replay: no pictures in %s: %s files are looked for, in folders below it too", dir, edge.PictureFormats)
	}
	slices.SortFunc(files, natural)
	return files, nil
}

// walk gathers the pictures in and below folders.
type walk struct {
	files []string
	seen  map[string]bool // folders, by where they really are
}

func (w *walk) folder(dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || w.seen[real] {
		return err
	}
	w.seen[real] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := w.entry(filepath.Join(dir, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(path string, e fs.DirEntry) error {
	if strings.HasPrefix(e.Name(), ".") {
		return nil
	}
	folder := e.IsDir()
	if e.Type()&fs.ModeSymlink != 0 {
		st, err := os.Stat(path)
		folder = err == nil && st.IsDir()
	}
	if folder {
		return w.folder(path)
	}
	if edge.HasPictureName(path) {
		w.files = append(w.files, path)
	}
	return nil
}

// natural compares paths folder by folder, runs of digits by their value.
func natural(a, b string) int {
	as, bs := strings.Split(a, string(filepath.Separator)), strings.Split(b, string(filepath.Separator))
	for i := range min(len(as), len(bs)) {
		if c := naturalName(as[i], bs[i]); c != 0 {
			return c
		}
	}
	if len(as) != len(bs) {
		return len(as) - len(bs)
	}
	return strings.Compare(a, b)
}

func naturalName(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da == 0 || db == 0 {
			if a[0] != b[0] {
				return int(a[0]) - int(b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
		if len(na) != len(nb) {
			return len(na) - len(nb)
		}
		if c := strings.Compare(na, nb); c != 0 {
			return c
		}
		a, b = a[da:], b[db:]
	}
	return len(a) - len(b)
}

// digits is the length of the run of digits that s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
