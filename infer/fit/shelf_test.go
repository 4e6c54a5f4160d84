package fit

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"

	"winnow/infer/native"
	"winnow/infer/tflite"
)

// TestShelfKeepsWhatMemoryHasNoRoomFor: rows come back the same from memory and
// from the file, the file has no name, and room comes back with close.
func TestShelfKeepsWhatMemoryHasNoRoomFor(t *testing.T) {
	dir := t.TempDir()
	r := &room{left: 25, dir: dir}
	s := &shelf{room: r}
	var want [][]byte
	for i := range 5 {
		row := bytes.Repeat([]byte{byte(i + 1)}, 10)
		row[3] = 99
		want = append(want, row)
		if n, err := s.add(row); n != i || err != nil {
			t.Fatal(n, err)
		}
	}
	if r.left != 5 || s.file == nil {
		t.Fatalf("%d bytes of room are left, file %v", r.left, s.file)
	}
	buf := make([]byte, 10)
	for i, w := range want {
		if got := s.view(buf, i, 2, 7); !bytes.Equal(got, w[2:7]) {
			t.Errorf("row %d: %v, want %v", i, got, w[2:7])
		}
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 0 {
		t.Errorf("the file has a name: %v", names)
	}
	s.close()
	if r.left != 25 || s.len() != 0 {
		t.Errorf("%d bytes of room and %d rows after close", r.left, s.len())
	}
}

// TestShelfTellsOfAFaultOnce: after a failed read there are zeros and an error,
// and without a folder for the file there is no silence.
func TestShelfTellsOfAFaultOnce(t *testing.T) {
	s := &shelf{room: &room{dir: t.TempDir()}}
	if _, err := s.add([]byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	_ = s.file.Close()
	buf := []byte{7, 7}
	if s.read(buf, 0, 0); s.err == nil || buf[0] != 0 {
		t.Errorf("read %v from a file that is gone: %v", buf, s.err)
	}
	s = &shelf{room: &room{dir: filepath.Join(t.TempDir(), "nowhere")}}
	if _, err := s.add([]byte{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// TestFitDoesNotDependOnRoom: a fit that keeps everything in a file is the fit
// that keeps everything in memory, to the bit.
func TestFitDoesNotDependOnRoom(t *testing.T) {
	fitted := func(left int64) *Result {
		f, m := pixelFeatures(t, left)
		defer f.Close()
		res, err := Fit(context.Background(), m, f, native.New(), Options{LocalTaps: 1, FalseReject: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	memory, file := fitted(1<<30), fitted(0)
	a, err := memory.Graph.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b, err := file.Graph.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) || !reflect.DeepEqual(memory.HeldOut, file.HeldOut) || !reflect.DeepEqual(memory.Drawn, file.Drawn) {
		t.Error("a fit from a file differs from one from memory")
	}
}

// pixelFeatures are those of 40 parts of noise and as many drawn defects, kept in so many bytes
// of memory, and their encoder.
func pixelFeatures(t *testing.T, left int64) (*Features, *tflite.Model) {
	t.Helper()
	tap := Tap{Name: "pixels", Height: 8, Width: 8, Channels: 3, Scale: 1.0 / 16}
	b := tflite.NewBuilder("pixels")
	in := b.AddInput("picture", []int{1, 8, 8, 3}, tflite.Quant{Scale: 1.0 / 16})
	w := b.AddWeights("one", []int{1, 1, 1, 3}, []int8{127, 127, 127}, []float32{1.0 / 127, 1.0 / 127, 1.0 / 127}, 3)
	m, err := b.Model(b.DepthwiseConv2D("pixels", in, w, -1, tflite.DepthwiseConv2D{StrideH: 1, StrideW: 1}, featureQuant))
	if err != nil {
		t.Fatal(err)
	}
	f := NewFeatures([]Tap{tap})
	f.SpillTo(t.TempDir(), left)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 40 {
		p := make([]byte, 8*8*3)
		for j := range p {
			p[j] = byte(int8(r.NormFloat64() * 20))
		}
		if err := f.Add(i, [][]byte{p}); err != nil {
			t.Fatal(err)
		}
		for j := range 27 {
			p[60+j] = byte(int8(100 - j))
		}
		cover := make([]byte, 64)
		for j := 20; j < 30; j++ {
			cover[j] = 255
		}
		if err := f.AddDrawn(i, i, [][]byte{p}, cover, 8, 8); err != nil {
			t.Fatal(err)
		}
	}
	return f, m
}

// TestFitEndsWhenWhatItKeptCannotBeReadAgain: zeros in the place of feature maps would teach
// something else than the parts.
func TestFitEndsWhenWhatItKeptCannotBeReadAgain(t *testing.T) {
	for _, stage := range []string{"learning", "judging held-out parts", "looking at surroundings", "judging held-out surroundings"} {
		f, m := pixelFeatures(t, 0)
		defer f.Close()
		broken := false
		_, err := Fit(context.Background(), m, f, native.New(), Options{LocalTaps: 1, FalseReject: 0.1, Progress: func(at string, _, _ int) {
			if at == stage && !broken {
				broken = true
				_ = f.rows[0].file.Close()
			}
		}})
		if !broken || !errors.Is(err, fs.ErrClosed) {
			t.Errorf("feature maps were gone (%t) from %q on: %v", broken, stage, err)
		}
	}
}
