package evaluate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder makes empty files and returns their root.
func folder(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		p := filepath.Join(dir, filepath.FromSlash(n))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMVTecLayout(t *testing.T) {
	dir := folder(t, "train/good/a.png", "train/good/b.JPG", "train/good/notes.txt", "test/good/c.png",
		"test/crack/d.png", "test/crack/e.bmp", "ground_truth/crack/d_mask.png", "ground_truth/crack/e.png")
	d, err := OpenDataset(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Teach) != 2 || len(d.Test) != 3 {
		t.Fatalf("%d to teach, %d to test: %+v", len(d.Teach), len(d.Test), d)
	}
	for _, p := range d.Test {
		if bad := p.Defect == "crack"; bad != (p.Mask != "") {
			t.Errorf("%+v", p)
		}
	}
}

func TestPlainFolderIsTaught(t *testing.T) {
	d, err := OpenDataset(folder(t, "1.png", "2.gif", "x.toml"), "")
	if err != nil || len(d.Teach) != 2 || len(d.Test) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestSplitFaultsNameTheirLine(t *testing.T) {
	dir := folder(t, "train/good/a.png", "train/good/b.png", "test/crack/d.png")
	for name, c := range map[string]struct{ csv, want string }{
		"columns":  {"file,split\n", ":1:"},
		"missing":  {"path,split\ntrain/good/none.png,teach\n", ":2:"},
		"word":     {"path,split\ntrain/good/a.png,teach\ntrain/good/b.png,learn\n", ":3: split \"learn\""},
		"twice":    {"path,split\ntrain/good/a.png,teach\ntrain/good/./a.png,test\n", ":3: train/good/./a.png stands on line 2"},
		"defect":   {"path,split\ntest/crack/d.png,teach\n", "good parts only"},
		"escape":   {"path,split\n../a.png,teach\n", "leaves the folder"},
		"short":    {"path,split,group\ntrain/good/a.png,teach\n", ":2:"},
		"no lines": {"", "first line"},
	} {
		f := filepath.Join(t.TempDir(), "split.csv")
		if err := os.WriteFile(f, []byte(c.csv), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenDataset(dir, f); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestLinkedKindsAreTested: a folder of test may stand elsewhere.
func TestLinkedKindsAreTested(t *testing.T) {
	dir, elsewhere := folder(t, "test/good/a.png"), folder(t, "crack/d.png", "crack/e.png")
	if err := os.Symlink(filepath.Join(elsewhere, "crack"), filepath.Join(dir, "test", "crack")); err != nil {
		t.Fatal(err)
	}
	if d, err := OpenDataset(dir, ""); err != nil || len(d.Test) != 3 {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestSplitsAsSpreadsheetsWriteThem: with a byte order mark, semicolons or tabs, carriage returns, and
// names of columns in capitals.
func TestSplitsAsSpreadsheetsWriteThem(t *testing.T) {
	dir := folder(t, "train/good/a.png", "train/good/b,c.png", "test/crack/d.png")
	for _, text := range []string{
		"\ufeffpath,split,group\r\ntrain/good/a.png,teach,1\r\n\"train/good/b,c.png\",test,1\r\ntest/crack/d.png,test,\r\n",
		"Path;Split;Group\ntrain/good/a.png;teach;1\ntrain/good/b,c.png;test;1\ntest/crack/d.png;test;\n",
		"\ufeffpath\tsplit \tgroup\ntrain/good/a.png\tteach\t1\ntrain/good/b,c.png\ttest\t1\ntest/crack/d.png\ttest\t\n",
	} {
		f := filepath.Join(t.TempDir(), "split.csv")
		if err := os.WriteFile(f, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := OpenDataset(dir, f)
		if err != nil || len(d.Teach) != 1 || len(d.Test) != 2 || filepath.Base(d.Test[0].Path) != "b,c.png" || d.Test[1].Defect != "crack" {
			t.Errorf("%q: %+v, %v", text, d, err)
			continue
		}
		if g := d.SharedGroups(); len(g) != 1 || g[0] != "1" {
			t.Errorf("%q: shared groups %q, want 1", text, g)
		}
	}
}

func TestGroupNumbers(t *testing.T) {
	got := GroupNumbers([]Picture{{Path: "a", Group: "x"}, {Path: "b"}, {Path: "c", Group: "x"}, {Path: "d"}})
	if got[0] != got[2] || got[1] == got[3] || got[0] == got[1] {
		t.Errorf("groups %v", got)
	}
}

// TestMasksAreFoundAsPicturesAre: by names in capitals as well.
func TestMasksAreFoundAsPicturesAre(t *testing.T) {
	dir := folder(t, "test/crack/D.PNG", "ground_truth/crack/D_mask.PNG", "test/crack/e.png", "ground_truth/crack/e.BMP",
		"test/crack/F.JPG", "ground_truth/crack/F_mask.png")
	d, err := OpenDataset(dir, "")
	if err != nil || len(d.Test) != 3 {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, p := range d.Test {
		if p.Mask == "" {
			t.Errorf("the mask of %s is not found", p.Path)
		}
	}
}

// TestHiddenFilesAreNoParts: what programs leave in folders (previews, copies while they edit) is
// neither a part nor a kind of defect.
func TestHiddenFilesAreNoParts(t *testing.T) {
	dir := folder(t, "train/good/a.png", "train/good/._a.png", "test/good/b.png", "test/crack/d.png", "test/crack/._d.png",
		"test/.ipynb_checkpoints/b.png")
	d, err := OpenDataset(dir, "")
	if err != nil || len(d.Teach) != 1 || len(d.Test) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, p := range d.Test {
		if p.Defect != "" && p.Defect != "crack" {
			t.Errorf("%+v", p)
		}
	}
}
