package models

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"

	"winnow/edge"
)

// Schema is the version of the package format that this program writes and the
// only one that it reads.
const Schema = 1

// Manifest says what a package is and how a frame becomes its input.
type Manifest struct {
	Schema      int         `json:"schema"`
	Recipe      string      `json:"recipe"`            // what it inspects, for people
	Program     string      `json:"program"`           // name and version of what wrote it
	Created     string      `json:"created,omitempty"` // RFC 3339, UTC; empty in reproducible runs
	Preprocess  Preprocess  `json:"preprocess"`
	Encoder     Encoder     `json:"encoder"`
	Taught      Taught      `json:"taught"`
	Calibrated  *Calibrated `json:"calibrated,omitempty"` // where threshold and certificate are younger than the rest
	GraphDigest string      `json:"graph_sha256"`
	FileDigests []Digest    `json:"files"` // every associated file but this one
}

// Preprocess brings a frame to the graph's input: crop to ROI, resize with a
// triangle filter in integers, grey to three equal channels, minus 128.
type Preprocess struct {
	Width  int     `json:"width"`         // pixels of the graph's input
	Height int     `json:"height"`        // pixels of the graph's input
	Resize string  `json:"resize"`        // "triangle"
	ROI    *[4]int `json:"roi,omitempty"` // x0, y0, x1, y1 in frame pixels
	// Level is what the brightness of each part is brought to; nil: parts stay as they are.
	Level *Level `json:"level,omitempty"`
	// Register: each part is moved to where it lies in reference.png before it is judged.
	Register bool `json:"register,omitempty"`
	// Ignored is the share of the picture that mask.png ignores, 0..1; nil without a mask.
	Ignored *float64 `json:"ignored,omitempty"`
}

// Encoder names the frozen network whose features are used.
type Encoder struct {
	Name   string `json:"name"`
	Digest string `json:"sha256"`
}

// Taught describes the teach set.
type Taught struct {
	Parts  int    `json:"parts"`
	Groups int    `json:"groups"` // independent groups among them
	Digest string `json:"sha256"` // over the preprocessed inputs, in order
	// Inputs are the first 8 bytes of each preprocessed input's SHA-256 in hex,
	// ascending: who calibrates again can tell that a part is not fresh.
	Inputs []string `json:"inputs,omitempty"`
}

// Has reports whether the input with this short digest (see InputDigest) was taught.
func (t *Taught) Has(input string) bool {
	_, found := slices.BinarySearch(t.Inputs, input)
	return found
}

// InputDigest names one preprocessed input as Taught.Inputs does.
func InputDigest(input []byte) string { return digest(input)[:16] }

// Calibrated describes the fresh good parts that a package was calibrated on
// without being taught again.
type Calibrated struct {
	Program string `json:"program"`
	Package string `json:"package_sha256"` // the package as it was before
	Parts   int    `json:"parts"`
	Groups  int    `json:"groups"`  // independent groups among them
	Digest  string `json:"sha256"`  // over the preprocessed inputs, in order
	Skipped int    `json:"skipped"` // pictures that could not be used
}

// Digest of one associated file.
type Digest struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Calibration turns a score into a decision: held-out scores of good parts,
// the thresholds drawn from them, and the promise that goes with them.
type Calibration struct {
	Scores      []float64        `json:"scores"`       // of held-out good parts, ascending; one a group where parts are not independent
	FalseReject float64          `json:"false_reject"` // the rate that was asked for
	Threshold   float64          `json:"threshold"`    // a part whose fused score is above it is rejected
	UnsureAbove float64          `json:"unsure_above"` // above this and not above Threshold: unsure; equal to Threshold: no such band
	UnsureReach float64          `json:"unsure_reach"` // unsure, too, if Threshold is no further away than the score's spread and this
	MapScale    float64          `json:"map_scale"`    // anomaly-map value that a heatmap shows as "at the threshold"
	Certificate edge.Certificate `json:"certificate"`
}

// Golden is one input of the graph with the outputs that it must give bit for
// bit on the native engine, and the fused score that follows.
type Golden struct {
	Input   []byte
	Outputs [][]byte
	Fused   float64
}

func (m Manifest) encode() ([]byte, error) { return json.MarshalIndent(m, "", " ") }

// encode returns every associated file but the manifest, and lists them in it.
func (p *Package) encode() (map[string][]byte, error) {
	if err := p.Calibration.check(); err != nil {
		return nil, err
	}
	cal, err := json.MarshalIndent(p.Calibration, "", " ")
	if err != nil {
		return nil, fmt.Errorf("calibration: %w", err)
	}
	files := map[string][]byte{StatisticsFile: p.Statistics, CalibrationFile: cal}
	if p.Report != nil {
		files[ReportFile] = p.Report
	}
	if p.Drift != nil {
		files[DriftFile] = p.Drift
	}
	if p.Exemplars != nil {
		files[ExemplarsFile] = p.Exemplars
	}
	if p.Sensor != nil {
		files[SensorFile] = p.Sensor
	}
	if p.Mask != nil {
		files[MaskFile] = p.Mask
	}
	if p.Reference != nil {
		files[ReferenceFile] = p.Reference
	}
	for i, g := range p.Golden {
		files[goldenName(i, "input")] = g.Input
		files[goldenName(i, "outputs")] = join(g.Outputs)
		files[goldenName(i, "fused")] = fmt.Appendf(nil, "%016x", math.Float64bits(g.Fused))
	}
	p.Manifest.Schema = Schema
	p.Manifest.FileDigests = nil
	for name, b := range files {
		p.Manifest.FileDigests = append(p.Manifest.FileDigests, Digest{name, digest(b)})
	}
	slices.SortFunc(p.Manifest.FileDigests, func(a, b Digest) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return files, nil
}

// decode fills p from its associated files and checks them against the manifest.
func (p *Package) decode(files map[string][]byte) error {
	b, ok := files[ManifestFile]
	if !ok {
		return broken("P6", "the archive behind the model has no %s: it is no model package of ours", ManifestFile)
	}
	if err := json.Unmarshal(b, &p.Manifest); err != nil {
		return broken("P6", "%s: %w", ManifestFile, err)
	}
	if p.Manifest.Schema != Schema {
		return broken("P7", "package schema %d; this program reads schema %d: teach again or use a program that knows it", p.Manifest.Schema, Schema)
	}
	if got := digest(p.Graph); got != p.Manifest.GraphDigest {
		return broken("P8", "the model has SHA-256 %.12s…, the manifest says %.12s…: the file was changed", got, p.Manifest.GraphDigest)
	}
	if err := p.checkDigests(files); err != nil {
		return err
	}
	if err := p.Manifest.Preprocess.check(); err != nil {
		return broken("P10", "%s: %w", ManifestFile, err)
	}
	if err := json.Unmarshal(files[CalibrationFile], &p.Calibration); err != nil {
		return broken("P11", "%s: %w", CalibrationFile, err)
	}
	if err := p.Calibration.check(); err != nil {
		return broken("P11", "%w", err)
	}
	if p.Drift != nil && !json.Valid(p.Drift) {
		return broken("P13", "%s is not JSON", DriftFile)
	}
	if p.Exemplars != nil && !json.Valid(p.Exemplars) {
		return broken("P14", "%s is not JSON", ExemplarsFile)
	}
	if p.Sensor != nil && !json.Valid(p.Sensor) {
		return broken("P16", "%s is not JSON", SensorFile)
	}
	if err := p.checkPictures(); err != nil {
		return broken("P15", "%w", err)
	}
	return p.decodeGolden(files)
}

// checkPictures holds the mask, the reference and the manifest against each other.
// It reads their headers only.
func (p *Package) checkPictures() error {
	m := p.Manifest.Preprocess
	if (p.Mask != nil) != (m.Ignored != nil) {
		return fmt.Errorf("the manifest and %s do not agree on whether there is a mask", MaskFile)
	}
	if p.Mask != nil {
		c, err := png.DecodeConfig(bytes.NewReader(p.Mask))
		if err != nil || c.Width > MaxSide || c.Height > MaxSide || c.ColorModel != color.GrayModel {
			return fmt.Errorf("%s is no grey PNG of at most %d pixels a side", MaskFile, MaxSide)
		}
		if p.Reference == nil {
			return fmt.Errorf("%s has no %s to put in its place", MaskFile, ReferenceFile)
		}
	}
	if m.Register && (p.Reference == nil || p.Mask != nil) {
		return fmt.Errorf("registration takes a %s and no %s", ReferenceFile, MaskFile)
	}
	if p.Reference != nil {
		if c, err := png.DecodeConfig(bytes.NewReader(p.Reference)); err != nil || c.Width != m.Width || c.Height != m.Height {
			return fmt.Errorf("%s is no PNG of %dx%d pixels", ReferenceFile, m.Width, m.Height)
		}
	}
	return nil
}

func (p *Package) checkDigests(files map[string][]byte) error {
	listed := map[string]bool{ManifestFile: true}
	for _, d := range p.Manifest.FileDigests {
		b, ok := files[d.Name]
		if !ok {
			return broken("P9", "associated file %q is missing", d.Name)
		}
		if digest(b) != d.SHA256 {
			return broken("P9", "associated file %q was changed: its SHA-256 is not the manifest's", d.Name)
		}
		listed[d.Name] = true
	}
	for name := range files {
		if !listed[name] {
			return broken("P9", "associated file %q is not in the manifest", name)
		}
	}
	for _, name := range []string{StatisticsFile, CalibrationFile} {
		if !listed[name] {
			return broken("P9", "associated file %q is missing", name)
		}
	}
	return nil
}

func (p *Package) decodeGolden(files map[string][]byte) error {
	for i := 0; ; i++ {
		in, ok := files[goldenName(i, "input")]
		if !ok {
			break
		}
		outs, err := cut(files[goldenName(i, "outputs")])
		if err != nil || len(outs) == 0 {
			return broken("P12", "golden vector %d: outputs: %v", i, err)
		}
		var bits uint64
		if _, err := fmt.Sscanf(string(files[goldenName(i, "fused")]), "%16x", &bits); err != nil {
			return broken("P12", "golden vector %d: score: %v", i, err)
		}
		p.Golden = append(p.Golden, Golden{Input: in, Outputs: outs, Fused: math.Float64frombits(bits)})
	}
	if len(p.Golden) == 0 {
		return broken("P12", "no golden vector: there is nothing to check the engine with")
	}
	for name := range files {
		if i, _, ok := golden(name); ok && i >= len(p.Golden) {
			return broken("P12", "golden vector %d has no predecessor", i)
		}
	}
	return nil
}

// MaxSide bounds the input size of a graph, in pixels.
const MaxSide = 2048

// Kinds of Level.
const (
	LevelGain    = "gain"     // brightness, by a factor
	LevelMeanStd = "mean-std" // brightness and contrast
)

// Level is how bright pictures were in teaching, in grey levels 0..255.
type Level struct {
	Kind      string  `json:"kind"`
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
	// Counted says that brightness is that of the pixels that the mask lets count, and
	// that the others stay as they are; packages before 2026-12 took all pixels.
	Counted bool `json:"counted,omitempty"`
}

func (l *Level) check() error {
	switch {
	case l == nil:
		return nil
	case l.Kind != LevelGain && l.Kind != LevelMeanStd:
		return fmt.Errorf("level %q is unknown", l.Kind)
	case !(l.Mean > 0 && l.Mean <= 255) || !(l.Deviation >= 0 && l.Deviation <= 255):
		return fmt.Errorf("level of mean %g and deviation %g", l.Mean, l.Deviation)
	}
	return nil
}

func (p Preprocess) check() error {
	if err := p.Level.check(); err != nil {
		return err
	}
	if p.Width < 32 || p.Height < 32 || p.Width > MaxSide || p.Height > MaxSide {
		return fmt.Errorf("input size %dx%d is not within 32..%d", p.Width, p.Height, MaxSide)
	}
	if p.Resize != "triangle" {
		return fmt.Errorf("resize method %q is unknown", p.Resize)
	}
	if r := p.ROI; r != nil && (r[0] < 0 || r[1] < 0 || r[2] <= r[0] || r[3] <= r[1]) {
		return fmt.Errorf("region of interest %v is empty or negative", *r)
	}
	return nil
}

func (c Calibration) check() error {
	for i, s := range c.Scores {
		if math.IsNaN(s) || math.IsInf(s, 0) || i > 0 && s < c.Scores[i-1] {
			return fmt.Errorf("calibration: score %d is not a number or out of order", i)
		}
	}
	switch {
	case len(c.Scores) == 0:
		return fmt.Errorf("calibration: no held-out scores")
	case math.IsNaN(c.Threshold) || math.IsInf(c.Threshold, 0):
		return fmt.Errorf("calibration: the threshold is not a number")
	case math.IsNaN(c.UnsureAbove) || c.UnsureAbove > c.Threshold:
		return fmt.Errorf("calibration: the unsure band starts at %g, above the threshold %g", c.UnsureAbove, c.Threshold)
	case !(c.UnsureReach >= 0) || math.IsInf(c.UnsureReach, 0):
		return fmt.Errorf("calibration: a part is unsure within %g of the threshold", c.UnsureReach)
	case !(c.MapScale > 0) || math.IsInf(c.MapScale, 0):
		return fmt.Errorf("calibration: map scale %g is not positive", c.MapScale)
	}
	switch p := c.Certificate; {
	case p.N == 0: // no promise
	case p.N < 0 || p.N > len(c.Scores):
		return fmt.Errorf("calibration: a certificate from %d parts, of which %d have scores", p.N, len(c.Scores))
	case !(p.Bound > 0 && p.Bound <= 1) || !(p.Confidence > 0 && p.Confidence < 1):
		return fmt.Errorf("calibration: a certificate of at most %g at a confidence of %g", p.Bound, p.Confidence)
	}
	return nil
}

func deflate(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, bytes.NewReader(b)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
