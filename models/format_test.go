package models

import (
	"archive/zip"
	"bytes"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"winnow/edge"
)

// sample is a small package; its graph only looks like one.
func sample() *Package {
	graph := append([]byte("\x1c\x00\x00\x00TFL3"), bytes.Repeat([]byte{7}, 40)...)
	return &Package{
		Graph: graph, Statistics: []byte(`{"schema":1}`), Report: []byte("<p>report"),
		Manifest: Manifest{Recipe: "sample", Program: "test", Preprocess: Preprocess{Width: 64, Height: 64, Resize: "triangle"}},
		Calibration: Calibration{Scores: []float64{0.1, 0.2}, FalseReject: 0.1, Threshold: 0.2, UnsureAbove: 0.2, MapScale: 1,
			Certificate: edge.Certificate{Bound: 0.5, Confidence: 0.95, N: 2, Method: "split"}},
		Golden: []Golden{{Input: []byte{1, 2, 3}, Outputs: [][]byte{{4}, {5, 6}}, Fused: 0.3}},
	}
}

func encodeSample(t *testing.T) []byte {
	t.Helper()
	b, err := sample().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPackageSurvives(t *testing.T) {
	b := encodeSample(t)
	if again := encodeSample(t); !bytes.Equal(b, again) {
		t.Error("equal packages are not equal bytes")
	}
	p, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if p.Manifest.Recipe != "sample" || len(p.Golden) != 1 || p.Golden[0].Fused != 0.3 || len(p.Golden[0].Outputs) != 2 || string(p.Report) != "<p>report" {
		t.Errorf("read back: %+v", p)
	}
	again, err := p.Bytes()
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("written again it differs: %v", err)
	}
}

// rebuild returns the sample with its archive's files changed by edit, all
// digests left as they were unless edit changes the manifest itself.
func rebuild(t *testing.T, edit func(files map[string][]byte)) []byte {
	t.Helper()
	b := encodeSample(t)
	graph, files, err := split(b)
	if err != nil {
		t.Fatal(err)
	}
	edit(files)
	var out bytes.Buffer
	out.Write(graph)
	zw := zip.NewWriter(&out)
	zw.SetOffset(int64(len(graph)))
	for name, data := range files {
		if err := addFile(zw, name, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// manifest edits the text of the manifest.
func manifest(t *testing.T, old, new string) []byte {
	return rebuild(t, func(f map[string][]byte) {
		m := strings.Replace(string(f[ManifestFile]), old, new, 1)
		if m == string(f[ManifestFile]) {
			t.Fatalf("the manifest has no %q", old)
		}
		f[ManifestFile] = []byte(m)
	})
}

// recoded is the sample with its calibration or golden vectors replaced and all
// digests right.
func recoded(t *testing.T, name string, data []byte) []byte {
	return rebuild(t, func(f map[string][]byte) {
		old, had := f[name]
		m := string(f[ManifestFile])
		if data == nil {
			delete(f, name)
			m = regexp.MustCompile(`(?s),?\s*\{\s*"name": "`+regexp.QuoteMeta(name)+`".*?\}`).ReplaceAllString(m, "")
		} else {
			f[name] = data
			if had {
				m = strings.Replace(m, digest(old), digest(data), 1)
			} else {
				m = strings.Replace(m, `"files": [`, `"files": [ {"name":"`+name+`","sha256":"`+digest(data)+`"},`, 1)
			}
		}
		f[ManifestFile] = []byte(m)
	})
}

func TestRules(t *testing.T) {
	good := encodeSample(t)
	cases := map[string][]byte{
		"P1":  make([]byte, MaxFile+1),
		"P2":  append([]byte("PK\x03\x04\x00\x00\x00\x00"), good[8:]...),
		"P3":  good[:len(good)-30],
		"P5":  flipIn(good, "<p>report"),
		"P6":  rebuild(t, func(f map[string][]byte) { delete(f, ManifestFile) }),
		"P7":  manifest(t, `"schema": 1`, `"schema": 2`),
		"P8":  flip(good, 12),
		"P9":  rebuild(t, func(f map[string][]byte) { f["extra"] = []byte("x") }),
		"P10": manifest(t, `"width": 64`, `"width": 9`),
		"P11": recoded(t, CalibrationFile, []byte(`{"scores":[2,1],"threshold":2,"unsure_above":2,"map_scale":1}`)),
		"P13": recoded(t, DriftFile, []byte("{")),
		"P16": recoded(t, SensorFile, []byte("{")),
		"P15": recoded(t, MaskFile, []byte("no picture")),
		"P14": recoded(t, ExemplarsFile, []byte("{")),
		"P12": recoded(t, "golden/2.input", []byte{1}),
	}
	var many bytes.Buffer
	many.Write(sample().Graph)
	zw := zip.NewWriter(&many)
	for _, n := range []string{"a", "a"} {
		if _, err := zw.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	zw.Close()
	cases["P4"] = many.Bytes()
	if p, err := Read(recoded(t, DriftFile, []byte(`{"schema":1}`))); err != nil || len(p.Drift) == 0 {
		t.Errorf("a package with a drift reference: %v", err)
	}
	for what, p := range map[string]*Package{
		"a mask without a reference": withPictures(grey(9, 9), nil), "a large mask": withPictures(grey(MaxSide+1, 1), grey(64, 64)),
		"a reference of another size": withPictures(grey(9, 9), grey(64, 63)), "no PNG": withPictures([]byte("x"), grey(64, 64)),
		"registration without a reference": registered(nil, nil), "registration under a mask": registered(grey(9, 9), grey(64, 64)),
	} {
		b, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		var r *RuleError
		if _, err := Read(b); !errors.As(err, &r) || r.Rule != "P15" {
			t.Errorf("%s: error %v", what, err)
		}
	}
	b, err := withPictures(grey(9, 9), grey(64, 64)).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if p, err := Read(b); err != nil || len(p.Mask) == 0 || len(p.Reference) == 0 || *p.Manifest.Preprocess.Ignored != 0.25 {
		t.Errorf("a package with a mask: %v", err)
	}
	for rule, b := range cases {
		_, err := Read(b)
		var r *RuleError
		if !errors.As(err, &r) || r.Rule != rule {
			t.Errorf("%s: error %v", rule, err)
		}
	}
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\| (P\d+) \|`).FindAllStringSubmatch(string(doc), -1) {
		if cases[m[1]] == nil {
			t.Errorf("rule %s of FORMAT.md has no case here", m[1])
		}
	}
}

// TestCertificatesThatClaimTooMuch: a certificate from more parts than have scores, or of no chance
// at all, is none (P11).
func TestCertificatesThatClaimTooMuch(t *testing.T) {
	for _, c := range []string{
		`"bound":0.5,"confidence":0.95,"n":3`, `"bound":0.5,"confidence":0.95,"n":2000000000`, `"bound":0.5,"confidence":0.95,"n":-1`,
		`"bound":0,"confidence":0.95,"n":2`, `"bound":-0.1,"confidence":0.95,"n":2`, `"bound":1.1,"confidence":0.95,"n":2`,
		`"bound":0.5,"confidence":1,"n":2`, `"bound":0.5,"confidence":0,"n":2`,
	} {
		b := recoded(t, CalibrationFile, []byte(`{"scores":[1,2],"threshold":2,"unsure_above":2,"map_scale":1,"certificate":{`+c+`}}`))
		var r *RuleError
		if _, err := Read(b); !errors.As(err, &r) || r.Rule != "P11" {
			t.Errorf("%s: error %v", c, err)
		}
	}
}

// withPictures is the sample with a mask and a reference.
func withPictures(mask, reference []byte) *Package {
	p, ignored := sample(), 0.25
	p.Mask, p.Reference, p.Manifest.Preprocess.Ignored = mask, reference, &ignored
	return p
}

// registered is withPictures whose parts are moved.
func registered(mask, reference []byte) *Package {
	p := withPictures(mask, reference)
	if p.Manifest.Preprocess.Register = true; mask == nil {
		p.Manifest.Preprocess.Ignored = nil
	}
	return p
}

func grey(w, h int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func flip(b []byte, i int) []byte {
	c := bytes.Clone(b)
	c[i] ^= 1
	return c
}

// flipIn flips a bit of stored text s.
func flipIn(b []byte, s string) []byte { return flip(b, bytes.Index(b, []byte(s))+2) }

// Any flipped bit of the content and any truncation is refused. Bytes of the
// archive's bookkeeping that carry nothing (versions, zero times) may change
// unnoticed only if the package that is read is the same.
func TestDamageIsNoticed(t *testing.T) {
	good := encodeSample(t)
	want, err := Read(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		p, err := Read(flip(good, i))
		if err == nil && (!bytes.Equal(p.Graph, want.Graph) || !bytes.Equal(p.Statistics, want.Statistics) || p.Calibration.Threshold != want.Calibration.Threshold) {
			t.Fatalf("byte %d flipped: another package was read", i)
		}
		if _, err := Read(good[:i]); err == nil {
			t.Fatalf("cut to %d of %d bytes and read", i, len(good))
		}
	}
}

func TestForeignFilesAreNamed(t *testing.T) {
	for want, b := range map[string][]byte{
		"empty file":  nil,
		"text file":   []byte("hello, this is text"),
		"picture":     []byte("\x89PNG\r\n\x1a\n....."),
		"zip archive": []byte("PK\x03\x04....."),
	} {
		if _, err := Read(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	plain := sample().Graph
	if _, err := Read(plain); !errors.Is(err, ErrNotPackage) {
		t.Errorf("a plain model: %v", err)
	}
	dir := t.TempDir()
	if _, err := ReadFile(dir); err == nil {
		t.Error("a folder was read as a package")
	}
	if _, err := ReadFile(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// engine answers as told.
type engine struct {
	out   [][]byte
	fused float64
}

func (e engine) RunGolden([]byte) ([][]byte, float64, error) { return e.out, e.fused, nil }

func TestVerify(t *testing.T) {
	p := sample()
	for _, c := range []struct {
		e    engine
		tol  int
		good bool
	}{
		{engine{[][]byte{{4}, {5, 6}}, 0.3}, 0, true},
		{engine{[][]byte{{4}, {5, 7}}, 0.3}, 0, false},
		{engine{[][]byte{{4}, {5, 7}}, 0.31}, 1, true},
		{engine{[][]byte{{4}, {5, 8}}, 0.3}, 1, false},
		{engine{[][]byte{{4}, {5, 6}}, 0.30000001}, 0, false},
		{engine{[][]byte{{4}}, 0.3}, 0, false},
		{engine{[][]byte{{4}, {5}}, 0.3}, 9, false},
	} {
		if err := p.Verify(c.e, c.tol); (err == nil) != c.good {
			t.Errorf("%+v within %d: %v", c.e, c.tol, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	b, err := sample().Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := Read(b); err == nil {
			if _, err := p.Bytes(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestLocalHeaderThatIsShorterThanTheDirectorySays: where the graph ends is worked out
// from the directory's name, which must not lead before the start of the file (P3).
func TestLocalHeaderThatIsShorterThanTheDirectorySays(t *testing.T) {
	local, entry, end := make([]byte, 30), make([]byte, 46), make([]byte, 22)
	copy(local, "PK\x03\x04") // its name is empty
	copy(entry, "PK\x01\x02")
	entry[28], entry[42] = byte(len(ManifestFile)), 8 // length of the name, place of the local header
	copy(end, "PK\x05\x06")
	end[8], end[10], end[12], end[16] = 1, 1, byte(len(entry)+len(ManifestFile)), byte(8+len(local))
	b := slices.Concat([]byte("\x00\x00\x00\x00TFL3"), local, entry, []byte(ManifestFile), end)
	_, err := Read(b)
	var r *RuleError
	if !errors.As(err, &r) || r.Rule != "P3" {
		t.Errorf("error %v", err)
	}
}
