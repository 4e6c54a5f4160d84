package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/tflite"
	"winnow/infer/train"
	"winnow/models"
)

// scenes are pictures of soft blobs, as an encoder takes them.
func scenes(n, w, h int, seed uint64) [][]byte {
	r := rand.New(rand.NewPCG(seed, 7))
	var all [][]byte
	for range n {
		p := make([]byte, w*h*3)
		cx, cy, s := r.Float64()*float64(w), r.Float64()*float64(h), 8+20*r.Float64()
		for i := range p {
			x, y := float64(i/3%w), float64(i/3/w)
			v := 90*math.Exp(-((x-cx)*(x-cx)+(y-cy)*(y-cy))/(2*s*s)) + 20*math.Sin(x/3+float64(i%3)) + 6*r.NormFloat64() - 40
			p[i] = byte(int8(v))
		}
		all = append(all, p)
	}
	return all
}

// outputsOf m for each picture, all taps one after the other.
func outputsOf(t *testing.T, m *tflite.Model, pictures [][]byte) (all []byte) {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, err := native.New().Load(b, infer.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, p := range pictures {
		copy(s.Input(0), p)
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		for i := range m.Outputs {
			all = append(all, s.Output(i)...)
		}
	}
	return all
}

func squaredDistance(a, b []byte) (sum float64) {
	for i := range a {
		d := float64(int8(a[i])) - float64(int8(b[i]))
		sum += d * d
	}
	return sum
}

// thinned is dense with the blocks at 0 that are empty in light, and how many of
// the light one's blocks are.
func thinned(dense, light *tflite.Model) (m *tflite.Model, empty float64) {
	m = dense.Cut(dense.Outputs)
	blocks, gone := 0.0, 0.0
	for k := range light.Ops {
		o := &light.Ops[k]
		if o.Code != tflite.OpConv2D {
			continue
		}
		w, of := &light.Tensors[o.Inputs[1]], &m.Tensors[m.Ops[k].Inputs[1]]
		rows, cols := w.Shape[0], w.Elements()/w.Shape[0]
		if w.Shape[1] != 1 {
			continue
		}
		data := bytes.Clone(of.Data)
		for r := 0; r < rows; r += 16 {
			for c := 0; c < cols; c += 4 {
				if blocks++; anyValue(w.Data, r, min(r+16, rows), c, min(c+4, cols), cols) {
					continue
				}
				gone++
				for i := r; i < min(r+16, rows); i++ {
					clear(data[i*cols+c : i*cols+min(c+4, cols)])
				}
			}
		}
		of.Data = data
	}
	return m, gone / blocks
}

// A lightened encoder gives nearly the feature maps of the whole one for pictures
// that it was not refitted on; the same blocks taken out without a refit do not.
func TestLighten(t *testing.T) {
	t.Parallel()
	dense, _, err := encoderAt(96, 96, closedFormTaps)
	if err != nil {
		t.Fatal(err)
	}
	light, err := fit.Lighten(t.Context(), dense, scenes(12, 96, 96, 1), 0.5, native.New(), func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	thin, empty := thinned(dense, light)
	if empty < 0.3 || empty > 0.85 {
		t.Errorf("%.2f of the blocks are empty", empty)
	}
	fresh := scenes(4, 96, 96, 2)
	want := outputsOf(t, dense, fresh)
	refitted, cut := squaredDistance(want, outputsOf(t, light, fresh)), squaredDistance(want, outputsOf(t, thin, fresh))
	t.Logf("%.2f of the blocks are empty; squared distance %.3g refitted, %.3g not", empty, refitted, cut)
	if refitted > 0.5*cut {
		t.Errorf("squared distance to the whole encoder %.3g refitted, %.3g not", refitted, cut)
	}
	if _, err := fit.Lighten(t.Context(), dense, scenes(2, 96, 96, 1), 0.5, native.New(), func(int, int) {}); err == nil {
		t.Error("two pictures were enough")
	}
}

// What drawn defects show decides whether the lighter encoder is kept, and the
// package says which it has.
func TestTeachPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	washers(t, dir, 16)
	for _, loss := range []string{"0", "1"} {
		out := filepath.Join(t.TempDir(), "part.tflite")
		var stdout, stderr bytes.Buffer
		code := execute(t.Context(), []string{"teach", "--from", dir, "--out", out, "--input", "96x96", "--register=off", "--prune", "0.2", "--prune-loss", loss, "--json"}, &stdout, &stderr)
		if code != exitOK {
			t.Fatalf("exit code %d: %s", code, stderr.String())
		}
		var r taughtReport
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Pruned) != 2 || r.Pruned[0].Density != 1 || r.Pruned[1].Density != 0.2 || r.Pruned[0].Kept == r.Pruned[1].Kept {
			t.Fatalf("%+v", r.Pruned)
		}
		lighter := loss == "1" || r.Pruned[1].AUROC >= r.Pruned[0].AUROC
		p, err := models.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		whole := !bytes.Contains([]byte(p.Manifest.Encoder.Name), []byte("pruned"))
		if r.Pruned[1].Kept != lighter || whole == lighter {
			t.Errorf("loss %s: %+v, encoder %q", loss, r.Pruned, p.Manifest.Encoder.Name)
		}
		if _, err := infer.NewJudge(p, native.New(), infer.Options{Threads: 1}); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"none", "0", "1", "1.5", "NaN"} {
		if _, err := pruneDensities(s); err == nil {
			t.Errorf("--prune %s is taken", s)
		}
	}
}

// --distill trains what --prune left, and the report and the package say so; it is
// refused where it would do nothing, as is --prune-loss.
func TestTeachDistill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	washers(t, dir, 16)
	teach := func(more ...string) (int, string, taughtReport) {
		var stdout, stderr bytes.Buffer
		out := filepath.Join(t.TempDir(), "part.tflite")
		code := execute(t.Context(), append([]string{"teach", "--from", dir, "--out", out, "--input", "96x96", "--register=off", "--json"}, more...), &stdout, &stderr)
		var r taughtReport
		if code == exitOK {
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			p, err := models.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if d := r.Pruned[1].Distilled; d == nil || strings.Contains(p.Manifest.Encoder.Name, "distilled in 60 steps") != (d.Kept && r.Pruned[1].Kept) {
				t.Errorf("%+v, encoder %q", d, p.Manifest.Encoder.Name)
			}
		}
		return code, stderr.String(), r
	}
	for _, args := range [][]string{{"--prune-loss", "0.1"}, {"--distill", "60"}, {"--distill", "-1", "--prune", "0.5"}} {
		if code, said, _ := teach(args...); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", args, code, said)
		}
	}
	if !train.Built {
		if code, said, _ := teach("--prune", "0.5", "--distill", "60"); code == exitOK || !strings.Contains(said, "make build-tf") {
			t.Errorf("without TensorFlow: exit code %d: %s", code, said)
		}
		return
	}
	needTensorFlow(t)
	if code, said, _ := teach("--prune", "0.5", "--prune-loss", "1", "--distill", "60"); code != exitOK {
		t.Errorf("exit code %d: %s", code, said)
	}
}

// Parts that an encoder was refitted on are known again by the package, where it moves parts onto
// each other as well: none of them is a fresh part for calibration.
func TestRefittedPartsAreNotFresh(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "good")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 16 {
		movedPart(t, filepath.Join(dir, fmt.Sprintf("%02d.png", i)), uint64(i), i%5-2, i/3%5-2, false)
	}
	out := filepath.Join(t.TempDir(), "part.tflite")
	if code, _, errs := winnow(t, "teach", "--from", dir, "--out", out, "--input", "96x96", "--level", "raw", "--register", "--prune", "0.2", "--prune-loss", "1"); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if code, said, errs := winnow(t, "calibrate", "--model", out, "--from", dir, "--out", filepath.Join(t.TempDir(), "again.tflite")); code == exitOK || !strings.Contains(errs, "pictures that the package was taught on") {
		t.Errorf("exit %d: %s%s", code, said, errs)
	}
}
