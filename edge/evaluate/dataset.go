package evaluate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"winnow/edge"
)

// Picture is one file of a dataset.
type Picture struct {
	Path   string
	Defect string // "" for a good part
	Mask   string // file that marks the defective pixels; "" where there is none
	Group  string // parts of one group are not independent; "" = a group of its own

	Condition string // slice that it belongs to; "" = none (see LabelConditions)
}

// Dataset is a folder of pictures: taught from Teach, judged on Test.
type Dataset struct {
	Teach, Test []Picture
}

// OpenDataset lists the pictures in dir: MVTec layout (train/good, test/KIND,
// ground_truth/KIND), or a plain folder, whose pictures are all good and all to
// be taught. With split, a CSV file with the columns path, split (teach|test)
// and optionally group, the lists come from there.
func OpenDataset(dir, split string) (*Dataset, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%s is a file; a folder of pictures is needed", dir)
	}
	if split != "" {
		return readSplit(dir, split)
	}
	d := new(Dataset)
	if isDir(filepath.Join(dir, "train", "good")) {
		d.Teach, err = list(filepath.Join(dir, "train", "good"), "", "")
	} else if !isDir(filepath.Join(dir, "test")) {
		d.Teach, err = list(dir, "", "")
	}
	if err != nil {
		return nil, err
	}
	if isDir(filepath.Join(dir, "test")) {
		d.Test, err = listTest(dir)
	}
	return d, err
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// hidden names are what programs leave behind: previews, copies while they edit.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// list returns the pictures directly in dir, in name order.
func list(dir, defect, masks string) ([]Picture, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []Picture
	for _, e := range entries {
		if e.IsDir() || hidden(e.Name()) || !edge.HasPictureName(e.Name()) {
			continue
		}
		p := Picture{Path: filepath.Join(dir, e.Name()), Defect: defect}
		if defect != "" {
			p.Mask = findMask(masks, e.Name())
		}
		out = append(out, p)
	}
	return out, nil
}

// findMask of picture name in dir: the same base name, with or without "_mask".
func findMask(dir, name string) string {
	base := strings.TrimSuffix(name, filepath.Ext(name))
	for _, suffix := range []string{"_mask", ""} {
		for _, lower := range edge.PictureExtensions() {
			for _, ext := range []string{lower, strings.ToUpper(lower)} {
				p := filepath.Join(dir, base+suffix+ext)
				if _, err := os.Stat(p); err == nil {
					return p
				}
			}
		}
	}
	return ""
}

func listTest(dir string) ([]Picture, error) {
	kinds, err := os.ReadDir(filepath.Join(dir, "test"))
	if err != nil {
		return nil, err
	}
	var out []Picture
	for _, k := range kinds {
		if hidden(k.Name()) || !isDir(filepath.Join(dir, "test", k.Name())) { // a link to a folder is one
			continue
		}
		defect := k.Name()
		if defect == "good" {
			defect = ""
		}
		ps, err := list(filepath.Join(dir, "test", k.Name()), defect, filepath.Join(dir, "ground_truth", k.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, ps...)
	}
	return out, nil
}

// readSplit reads a split file; every fault names its line.
func readSplit(dir, path string) (*Dataset, error) {
	t, err := openTable(path, "path,split,group")
	if err != nil {
		return nil, err
	}
	defer t.close()
	pathCol, splitCol, groupCol := slices.Index(t.columns, "path"), slices.Index(t.columns, "split"), slices.Index(t.columns, "group")
	if pathCol < 0 || splitCol < 0 {
		return nil, fmt.Errorf("%s:1: columns %q; path and split are needed, group is optional", path, t.columns)
	}
	d, first := new(Dataset), map[string]int{}
	for {
		rec, line, err := t.next()
		if err == io.EOF {
			return d, nil
		}
		if err != nil {
			return nil, err
		}
		if at := first[filepath.Clean(rec[pathCol])]; at > 0 {
			return nil, fmt.Errorf("%s:%d: %s stands on line %d as well: a picture is taught or tested, once", path, line, rec[pathCol], at)
		}
		first[filepath.Clean(rec[pathCol])] = line
		if err := d.addRow(dir, rec, pathCol, splitCol, groupCol); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
	}
}

// SharedGroups are the groups that have parts in Teach and in Test, in the order of Test: what is
// seen of their test parts flatters who was taught the others.
func (d *Dataset) SharedGroups() []string {
	groups := []string{}
	taught := map[string]bool{}
	for _, p := range d.Teach {
		taught[p.Group] = true
	}
	for _, p := range d.Test {
		if p.Group != "" && taught[p.Group] {
			groups, taught[p.Group] = append(groups, p.Group), false
		}
	}
	return groups
}

func (d *Dataset) addRow(dir string, rec []string, pathCol, splitCol, groupCol int) error {
	rel := filepath.FromSlash(rec[pathCol])
	if !filepath.IsLocal(rel) {
		return fmt.Errorf("path %q leaves the folder", rec[pathCol])
	}
	p := Picture{Path: filepath.Join(dir, rel)}
	if groupCol >= 0 {
		p.Group = rec[groupCol]
	}
	if _, err := os.Stat(p.Path); err != nil {
		return err
	}
	if kind := filepath.Base(filepath.Dir(rel)); kind != "good" && kind != "." {
		p.Defect = kind
		p.Mask = findMask(filepath.Join(dir, "ground_truth", kind), filepath.Base(rel))
	}
	switch rec[splitCol] {
	case "teach":
		if p.Defect != "" {
			return errors.New("a defective picture cannot be taught: teach takes good parts only")
		}
		d.Teach = append(d.Teach, p)
	case "test":
		d.Test = append(d.Test, p)
	default:
		return fmt.Errorf("split %q is neither teach nor test", rec[splitCol])
	}
	return nil
}

// GroupNumbers numbers the groups of ps; a picture without a group is one of its own.
func GroupNumbers(ps []Picture) []int {
	seen := map[string]int{}
	out := make([]int, len(ps))
	for i, p := range ps {
		key := p.Group
		if key == "" {
			key = "\x00" + p.Path
		}
		n, ok := seen[key]
		if !ok {
			n = len(seen)
			seen[key] = n
		}
		out[i] = n
	}
	return out
}
