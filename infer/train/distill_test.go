package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/tflite"
	"winnow/models/library"
)

// ripples are pictures of 64x64 as the encoder takes them.
func ripples(n int, seed uint64) (all [][]byte) {
	r := rand.New(rand.NewPCG(seed, 3))
	for range n {
		p := make([]byte, 64*64*3)
		a, b, k := r.Float64()*6, r.Float64()*6, 0.2+r.Float64()
		for i := range p {
			x, y := float64(i/3%64), float64(i/3/64)
			p[i] = byte(int8(50*math.Sin(a+k*x) + 40*math.Cos(b+0.3*y+float64(i%3)) + 8*r.NormFloat64()))
		}
		all = append(all, p)
	}
	return all
}

// prunedFront is the front of the library's encoder, dense and pruned to a third.
func prunedFront(t *testing.T, pictures [][]byte) (dense, light *tflite.Model) {
	t.Helper()
	m, err := tflite.Parse(library.Encoder(), tflite.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	dense = m.Cut([]int{m.Find("block2"), m.Find("block4")})
	if err := dense.Resize([]int{1, 64, 64, 3}); err != nil {
		t.Fatal(err)
	}
	light, err = fit.Lighten(context.Background(), dense, pictures, 0.35, native.New(), func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	return dense, light
}

func distilling(load func() (string, error), steps int) Distillation {
	return Distillation{Load: load, Engine: native.New(), Threads: 1, Steps: steps, Seed: 1, Progress: func(int, int) {}}
}

// TestDistillBringsTapsBack: on pictures that neither the refit nor the training
// saw, the distilled encoder is nearer to the dense one than the refitted one is,
// and what was pruned stays pruned.
func TestDistillBringsTapsBack(t *testing.T) {
	load := tensorLibrary(t)
	pictures := ripples(24, 1)
	dense, light := prunedFront(t, pictures)
	got, how, err := Distill(context.Background(), distilling(load, 250), dense, light, pictures)
	if err != nil {
		t.Fatal(err)
	}
	if !how.Kept || how.After > 0.9*how.Before {
		t.Errorf("training left %.4f of %.4f", how.After, how.Before)
	}
	fresh := ripples(6, 99)
	want := run(t, dense, fresh)
	if before, after := meanSquare(run(t, light, fresh), want), meanSquare(run(t, got, fresh), want); after > 0.95*before {
		t.Errorf("on fresh pictures %.3f is left of %.3f", after, before)
	}
	for k := range light.Ops {
		l, ok := layerOf(light, k)
		if !ok || l.mask == nil {
			continue
		}
		g, _ := layerOf(got, k)
		for i := range l.mask {
			if l.mask[i] == 0 && g.weights[i] != 0 {
				t.Fatalf("operator %d: a pruned weight has come back", k)
			}
		}
	}
}

// TestDistillRepeats to the bit with one thread and one seed, and not with another.
func TestDistillRepeats(t *testing.T) {
	load := tensorLibrary(t)
	pictures := ripples(16, 1)
	dense, light := prunedFront(t, pictures)
	var files [3][]byte
	for i, seed := range []uint64{1, 1, 2} {
		d := distilling(load, 60)
		d.Seed = seed
		m, _, err := Distill(context.Background(), d, dense, light, pictures)
		if err != nil {
			t.Fatal(err)
		}
		if files[i], err = m.Marshal(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) || bytes.Equal(files[0], files[2]) {
		t.Error("the same seed gave another encoder, or another seed the same")
	}
}

// TestDistillKeepsWhatIsBetter: an encoder that is the dense one already cannot be
// bettered, so it comes back untouched.
func TestDistillKeepsWhatIsBetter(t *testing.T) {
	load := tensorLibrary(t)
	pictures := ripples(16, 1)
	dense, _ := prunedFront(t, pictures)
	got, how, err := Distill(context.Background(), distilling(load, 2), dense, dense, pictures)
	if err != nil || how.Kept || how.Before != 0 || got != dense {
		t.Errorf("%+v, %v", how, err)
	}
}

func TestDistillRefuses(t *testing.T) {
	load := tensorLibrary(t)
	pictures := ripples(16, 1)
	dense, light := prunedFront(t, pictures)
	if _, _, err := Distill(context.Background(), distilling(load, 2), dense, light, pictures[:7]); err == nil {
		t.Error("seven pictures were enough")
	}
	if _, _, err := Distill(context.Background(), distilling(load, 2), dense, light.Cut(light.Outputs[:1]), pictures); err == nil {
		t.Error("another encoder was distilled")
	}
	ctx, stop := context.WithCancel(context.Background())
	d := distilling(load, 1000)
	d.Progress = func(done, total int) {
		if done == 2 {
			stop()
		}
	}
	if _, _, err := Distill(ctx, d, dense, light, pictures); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped, and got %v", err)
	}
}

// TestVaryStaysAPicture: what training sees has been changed, and only within bytes.
func TestVaryStaysAPicture(t *testing.T) {
	p := ripples(2, 5)
	changed := 0
	for seed := range uint64(20) {
		q := bytes.Clone(p[0])
		vary(rand.New(rand.NewPCG(seed, 0)), q, p[1], 64, 64)
		if !bytes.Equal(q, p[0]) {
			changed++
		}
	}
	if changed < 12 {
		t.Errorf("%d of 20 pictures were changed", changed)
	}
}

// run gives the taps of all pictures.
func run(t *testing.T, m *tflite.Model, pictures [][]byte) (all []byte) {
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
		taps, err := tapsOf(s, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, tap := range taps {
			all = append(all, tap...)
		}
	}
	return all
}

// meanSquare is the mean squared difference.
func meanSquare(a, b []byte) (sum float64) {
	for i := range a {
		d := float64(int8(a[i])) - float64(int8(b[i]))
		sum += d * d / float64(len(a))
	}
	return sum
}
