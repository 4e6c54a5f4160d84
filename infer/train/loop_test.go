package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
)

func losses(m *Model) []float32 {
	var v []float32
	for _, p := range m.Curve {
		v = append(v, p.Loss)
	}
	return v
}

// Gradient descent through the C API learns: the loss falls to a part of what it
// was, and what does not fit stands out although nothing like it was ever shown.
func TestTraining(t *testing.T) {
	m := trained(t, tiny(t, ""), wavesData())
	first, last := m.Looks[0], m.Looks[len(m.Looks)-1]
	if l := losses(m); l[len(l)-1] > l[0]/3 {
		t.Errorf("loss %.3f after %d steps, %.3f at first", l[len(l)-1], len(l), l[0])
	}
	if last.Held >= first.Held || last.Synthetic < 0.9 {
		t.Errorf("first look %+v, last look %+v", first, last)
	}
}

// A run that is killed at any step goes on from its last checkpoint as if it had
// not been: the same losses to the bit.
func TestResume(t *testing.T) {
	r := tiny(t, "")
	r.Loop.Steps, r.Regime.Curriculum, r.Regime.Spectral = 50, 0.8, 2
	r.Compress.Density, r.Compress.PruneSteps, r.Compress.AwareSteps, r.Compress.Distill = 0.5, 20, 10, 0.5
	r.Validation.Every, r.Ensemble = 10, 2
	d := wavesData()
	whole := losses(trained(t, r, d))
	for _, at := range []int{7, 33, 64, 95} {
		var kept []byte
		steps := 0
		ctx, kill := context.WithCancel(context.Background())
		c := config(t)
		c.SaveEvery = 5
		c.Save = func(b []byte) error {
			if ctx.Err() == nil { // a kill leaves no time for a last checkpoint
				kept = slices.Clone(b)
			}
			return nil
		}
		c.Progress = func(Progress) {
			if steps++; steps == at {
				kill()
			}
		}
		if _, err := Train(ctx, c, r, d); !errors.Is(err, context.Canceled) {
			t.Fatalf("killed at step %d: %v", at, err)
		}
		c = config(t)
		c.Resume = kept
		m, err := Train(context.Background(), c, r, d)
		if err != nil {
			t.Fatal(err)
		}
		if got := losses(m); !slices.Equal(got, whole) {
			t.Errorf("killed at step %d: %d losses, first difference at %d; %d without", at, len(got), firstDifference(got, whole), len(whole))
		}
	}
}

func firstDifference(a, b []float32) int {
	for i := range min(len(a), len(b)) {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return min(len(a), len(b))
}

// A checkpoint of another recipe or other pictures, or a damaged one, is refused.
func TestForeignCheckpoint(t *testing.T) {
	r, d := tiny(t, ""), wavesData()
	r.Loop.Steps = 10
	c := config(t)
	c.SaveEvery = 5
	var kept []byte
	c.Save = func(b []byte) error { kept = slices.Clone(b); return nil }
	if _, err := Train(context.Background(), c, r, d); err != nil {
		t.Fatal(err)
	}
	c.Resume = kept
	other := *r
	other.Loop.Rate = 1e-3
	if _, err := Train(context.Background(), c, &other, d); !errors.Is(err, ErrOtherRun) {
		t.Errorf("another recipe: %v", err)
	}
	d.Train[0].Inputs[0][0] ^= 1
	if _, err := Train(context.Background(), c, r, d); !errors.Is(err, ErrOtherRun) {
		t.Errorf("other pictures: %v", err)
	}
	c.Resume = slices.Clone(kept)
	c.Resume[len(kept)/2] ^= 1
	if _, err := Train(context.Background(), c, r, d); err == nil || errors.Is(err, ErrOtherRun) {
		t.Errorf("a damaged checkpoint: %v", err)
	}
}
