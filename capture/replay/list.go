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
// natural order (2.png before 10.png); hidden files are passed over. A file
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
	var files []string
	// The trailing separator makes a link to a folder count as the folder.
	err := filepath.WalkDir(dir+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(d.Name(), ".") && d.IsDir() && path != dir+string(filepath.Separator):
			return fs.SkipDir
		case !d.IsDir() && !strings.HasPrefix(d.Name(), ".") && edge.HasPictureName(path):
			files = append(files, filepath.Clean(path))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("replay: no pictures in %s: %s files are looked for, in folders below it too", dir, edge.PictureFormats)
	}
	slices.SortFunc(files, natural)
	return files, nil
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
