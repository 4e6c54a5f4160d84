package models

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// Names of the associated files that every package carries.
const (
	ManifestFile    = "manifest.json"
	StatisticsFile  = "statistics.json"
	CalibrationFile = "calibration.json"
	ReportFile      = "report.html"
	DriftFile       = "drift.json"     // may be missing
	ExemplarsFile   = "exemplars.json" // may be missing
	SensorFile      = "sensor.json"    // may be missing
	MaskFile        = "mask.png"       // may be missing
	ReferenceFile   = "reference.png"  // there where something needs it
	goldenDir       = "golden/"
)

// Limits on what Read accepts, so that a hostile file cannot take the memory
// of a camera.
const (
	MaxFile  = 64 << 20 // the whole package
	maxEntry = 32 << 20 // one associated file, unpacked
	maxTotal = 96 << 20 // all associated files, unpacked
	maxLists = 4 << 20  // manifest.json or calibration.json, whose lists may be ten times as large in memory
	maxFiles = 64
	maxParts = 1024 // outputs of a golden vector
)

// RuleError says which rule of FORMAT.md a file breaks.
type RuleError struct {
	Rule string // such as "P3"
	Err  error
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("%v (rule %s of the package format)", e.Err, e.Rule)
}

func (e *RuleError) Unwrap() error { return e.Err }

func broken(rule, format string, a ...any) error {
	return &RuleError{Rule: rule, Err: fmt.Errorf(format, a...)}
}

// ErrNotPackage is wrapped by Read's error for a .tflite that carries no
// associated files: a plain model, which can be run and inspected but not judged with.
var ErrNotPackage = errors.New("a plain .tflite without the files that make it a model package; teach one with `winnow teach`")

// Package is a model package in memory.
type Package struct {
	Graph       []byte // the .tflite flatbuffer alone
	Manifest    Manifest
	Statistics  []byte // what the scorer needs; its own format, versioned inside
	Calibration Calibration
	Golden      []Golden
	Report      []byte // HTML, may be nil
	Drift       []byte // what live parts are compared with beside the verdict: infer/drift; may be nil
	Exemplars   []byte // taught parts to name the nearest of: infer.Exemplars; may be nil
	Sensor      []byte // what is known of the camera: infer.Sensor; may be nil
	Mask        []byte // grey PNG over the picture, 0 ignored, 255 counts; may be nil
	Reference   []byte // PNG: the mean taught picture, as large as the graph's input; nil where nothing needs it

	digest string
}

// Digest is the hex SHA-256 of the package as it was read or written.
func (p *Package) Digest() string { return p.digest }

// ShortDigest is what verdicts and topics carry.
func (p *Package) ShortDigest() string { return Short(p.digest) }

// Short is the short form of a digest.
func Short(digest string) string { return digest[:min(12, len(digest))] }

// ReadFile reads and checks the package at path.
func ReadFile(path string) (*Package, error) {
	b, err := ReadLimited(path)
	if err != nil {
		return nil, err
	}
	p, err := Read(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// ReadLimited reads the file at path if it is a regular file of at most MaxFile bytes.
func ReadLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if st.Size() > MaxFile {
		return nil, fmt.Errorf("%s has %d MiB; a model has at most %d MiB", path, st.Size()>>20, MaxFile>>20)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}

// Read checks b and takes it apart. Nothing in the result refers to b.
func Read(b []byte) (*Package, error) {
	if len(b) > MaxFile {
		return nil, broken("P1", "%d bytes, at most %d are allowed", len(b), MaxFile)
	}
	if err := checkIdentifier(b); err != nil {
		return nil, err
	}
	graph, files, err := split(b)
	if err != nil {
		return nil, err
	}
	p := &Package{Graph: slices.Clone(graph), Statistics: files[StatisticsFile], Report: files[ReportFile], Drift: files[DriftFile], Exemplars: files[ExemplarsFile],
		Sensor: files[SensorFile], Mask: files[MaskFile], Reference: files[ReferenceFile]}
	sum := sha256.Sum256(b)
	p.digest = hex.EncodeToString(sum[:])
	if err := p.decode(files); err != nil {
		return nil, err
	}
	return p, nil
}

// checkIdentifier refuses what is no .tflite, with a word on what it might be.
func checkIdentifier(b []byte) error {
	if len(b) >= 8 && string(b[4:8]) == "TFL3" {
		return nil
	}
	kind := "not a .tflite file"
	switch {
	case len(b) == 0:
		kind = "an empty file"
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		kind = "a zip archive without a model in front"
	case bytes.HasPrefix(b, []byte("\x89PNG")), bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		kind = "a picture, not a model"
	case isText(b):
		kind = "a text file, not a model"
	}
	return broken("P2", "%s: bytes 4 to 7 are not TFL3", kind)
}

func isText(b []byte) bool {
	for _, c := range b[:min(len(b), 256)] {
		if c < 9 || c > 13 && c < 32 {
			return false
		}
	}
	return true
}

// split finds the archive behind the flatbuffer and unpacks it within the limits.
func split(b []byte) (graph []byte, files map[string][]byte, err error) {
	if n := bytes.Count(b, []byte("PK\x01\x02")); n > 2*maxFiles { // before there is an object for each
		return nil, nil, broken("P4", "%d associated files; 1 to %d are allowed", n, maxFiles)
	}
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if errors.Is(err, zip.ErrFormat) {
		if bytes.Contains(b, []byte("PK\x03\x04")) && bytes.Contains(b, []byte(ManifestFile)) {
			return nil, nil, broken("P3", "the archive of associated files is damaged or cut off")
		}
		return nil, nil, broken("P3", "%w", ErrNotPackage)
	}
	if err != nil {
		return nil, nil, broken("P3", "the archive of associated files is damaged: %w", err)
	}
	if len(zr.File) == 0 || len(zr.File) > maxFiles {
		return nil, nil, broken("P4", "%d associated files; 1 to %d are allowed", len(zr.File), maxFiles)
	}
	start := len(b)
	files = make(map[string][]byte)
	total := 0
	for _, f := range zr.File {
		data, off, err := unpack(f)
		if err != nil {
			return nil, nil, err
		}
		if _, twice := files[f.Name]; twice {
			return nil, nil, broken("P4", "associated file %q appears twice", f.Name)
		}
		if total += len(data); total > maxTotal {
			return nil, nil, broken("P4", "associated files unpack to more than %d MiB", maxTotal>>20)
		}
		files[f.Name] = data
		start = min(start, off)
	}
	return b[:start], files, nil
}

// unpack returns the content of f and where its local header starts.
func unpack(f *zip.File) (data []byte, header int, err error) {
	most := uint64(maxEntry)
	if f.Name == ManifestFile || f.Name == CalibrationFile {
		most = maxLists
	}
	if f.UncompressedSize64 > most {
		return nil, 0, broken("P4", "associated file %q has %d MiB, at most %d are allowed", f.Name, f.UncompressedSize64>>20, most>>20)
	}
	off, err := f.DataOffset()
	if err != nil {
		return nil, 0, broken("P3", "associated file %q: %w", f.Name, err)
	}
	rc, err := f.Open()
	if err != nil {
		return nil, 0, broken("P3", "associated file %q: %w", f.Name, err)
	}
	defer rc.Close()
	data, err = io.ReadAll(io.LimitReader(rc, int64(most)+1))
	if err != nil {
		return nil, 0, broken("P5", "associated file %q is damaged: %w", f.Name, err)
	}
	header = int(off) - localHeaderSize(f)
	if header < 0 {
		return nil, 0, broken("P3", "associated file %q: its local header is not the directory's", f.Name)
	}
	return data, header, nil
}

// localHeaderSize of a file that write made: 30 bytes, the name, no extra field.
func localHeaderSize(f *zip.File) int { return 30 + len(f.Name) }

// Bytes returns the package as a file: the flatbuffer, then the archive with
// the files in name order, deflated, without times, so that equal packages are
// equal bytes. It sets the digest.
func (p *Package) Bytes() ([]byte, error) {
	files, err := p.encode()
	if err != nil {
		return nil, err
	}
	graph := pad(p.Graph)
	p.Manifest.GraphDigest = digest(graph)
	p.Graph = graph
	m, err := p.Manifest.encode()
	if err != nil {
		return nil, err
	}
	files[ManifestFile] = m
	var out bytes.Buffer
	out.Write(graph)
	zw := zip.NewWriter(&out)
	zw.SetOffset(int64(len(graph)))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := addFile(zw, name, files[name]); err != nil {
			return nil, err
		}
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(out.Bytes())
	p.digest = hex.EncodeToString(sum[:])
	return out.Bytes(), nil
}

// pad brings the flatbuffer to a multiple of 16 bytes.
func pad(graph []byte) []byte {
	if r := len(graph) % 16; r != 0 {
		graph = append(slices.Clone(graph), make([]byte, 16-r)...)
	}
	return graph
}

// addFile stores one file. CRC and sizes are in the local header, as readers
// that do not look at the central directory expect.
func addFile(zw *zip.Writer, name string, data []byte) error {
	packed, method := data, zip.Store
	if z, err := deflate(data); err != nil {
		return err
	} else if len(z) < len(data) {
		packed, method = z, zip.Deflate
	}
	w, err := zw.CreateRaw(&zip.FileHeader{
		Name: name, Method: method, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(len(data)),
	})
	if err != nil {
		return err
	}
	_, err = w.Write(packed)
	return err
}

// digest is the hex SHA-256 of b.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// goldenName is the file of part what of golden vector i.
func goldenName(i int, what string) string { return fmt.Sprintf("%s%d.%s", goldenDir, i, what) }

// golden splits "golden/3.input" into 3 and "input".
func golden(name string) (i int, what string, ok bool) {
	rest, ok := strings.CutPrefix(name, goldenDir)
	if !ok {
		return 0, "", false
	}
	if n, err := fmt.Sscanf(rest, "%d.%s", &i, &what); n != 2 || err != nil {
		return 0, "", false
	}
	return i, what, i >= 0 && i < maxFiles && rest == fmt.Sprintf("%d.%s", i, what)
}

// join stores several byte strings behind their lengths (uint32, little-endian).
func join(parts [][]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// cut undoes join.
func cut(b []byte) ([][]byte, error) {
	var parts [][]byte
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, errors.New("cut off in a length")
		}
		if len(parts) == maxParts {
			return nil, fmt.Errorf("more than %d parts", maxParts)
		}
		n := binary.LittleEndian.Uint32(b)
		if uint64(n) > uint64(len(b)-4) {
			return nil, fmt.Errorf("a part claims %d bytes, %d are left", n, len(b)-4)
		}
		parts = append(parts, b[4:4+n])
		b = b[4+n:]
	}
	return parts, nil
}
