package scene_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/capture/scene"
	"winnow/edge"
)

var _ capture.Source = (*scene.Source)(nil)

// bubbleClock reads the time of a synctest bubble.
type bubbleClock struct{ start time.Time }

func (c bubbleClock) Now() edge.Instant   { return edge.Instant(1 + time.Since(c.start)) }
func (c bubbleClock) Wall() edge.WallTime { return edge.WallTime{} }
func (c bubbleClock) SleepUntil(ctx context.Context, t edge.Instant) error {
	select {
	case <-time.After(t.Sub(c.Now())):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestSourceDeliversPartsAsTheyArrive(t *testing.T) {
	line := newScene(t, scene.Config{Seed: 1, Width: 64, Height: 64, DefectRate: 0.5})
	synctest.Test(t, func(t *testing.T) {
		src, err := scene.NewSource(line, scene.SourceOptions{First: 10, Parts: 3, Period: 50 * time.Millisecond, Clock: bubbleClock{time.Now()}})
		if err != nil {
			t.Fatal(err)
		}
		var want edge.Frame
		for i := uint64(10); i < 13; i++ {
			f, err := src.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			line.Render(i, &want)
			at := edge.Instant(1 + time.Duration(i-9)*50*time.Millisecond)
			if f.Seq != i || f.At != at || src.Arrival(i) != at || string(f.Pix) != string(want.Pix) {
				t.Errorf("part %d: frame %d at %v, arrival %v; want %v", i, f.Seq, f.At, src.Arrival(i), at)
			}
			src.Release(f)
		}
		if _, err := src.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("behind the last part: %v", err)
		}
		_ = src.Close()
		if _, err := src.Next(t.Context()); !errors.Is(err, capture.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestSourceIsCancelled(t *testing.T) {
	line := newScene(t, scene.Config{Width: 64, Height: 64})
	synctest.Test(t, func(t *testing.T) {
		src, err := scene.NewSource(line, scene.SourceOptions{Period: time.Hour, Clock: bubbleClock{time.Now()}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := src.Next(ctx); !errors.Is(err, context.DeadlineExceeded) || src.Pool().Out != 0 {
			t.Errorf("%v, %d frames lost", err, src.Pool().Out)
		}
	})
	if _, err := scene.NewSource(line, scene.SourceOptions{Period: time.Second}); err == nil {
		t.Error("a period without a clock was accepted")
	}
}

// TestExportThatIsStoppedLeavesNothing: the folder is missing or empty again, as it was.
func TestExportThatIsStoppedLeavesNothing(t *testing.T) {
	s := newScene(t, scene.Config{Width: 96, Height: 96})
	for _, there := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "line")
		if there {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		o := scene.ExportOptions{Train: 3, PerKind: 2, Progress: func(n, _ int) {
			if n == 5 {
				stop()
			}
		}}
		if err := s.Export(ctx, dir, o); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if entries, err := os.ReadDir(dir); (err == nil) != there || len(entries) > 0 {
			t.Errorf("there before: %v; after it %v, %v", there, entries, err)
		}
	}
}

func TestExportWritesTheLayoutOfMVTec(t *testing.T) {
	s := newScene(t, scene.Config{Seed: 1, Width: 64, Height: 64, Kinds: []scene.Kind{scene.Stain, scene.Chip}})
	dir := filepath.Join(t.TempDir(), "line")
	done := 0
	if err := s.Export(t.Context(), dir, scene.ExportOptions{Train: 3, Good: 2, PerKind: 4, Progress: func(n, all int) {
		if done++; n != done || all != 13 {
			t.Errorf("progress %d of %d, want %d of 13", n, all, done)
		}
	}}); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]int{
		"train/good/*.png": 3, "test/good/*.png": 2, "test/stain/*.png": 4, "test/chip/*.png": 4,
		"ground_truth/chip/*_mask.png": 4, "ground_truth/stain/000-small_mask.png": 1, "test/stain/002-large.png": 1,
	} {
		if got, _ := filepath.Glob(filepath.Join(dir, pattern)); len(got) != want {
			t.Errorf("%s: %d files, want %d", pattern, len(got), want)
		}
	}
	m, err := pixfmt.ReadImage(filepath.Join(dir, "ground_truth/chip/002-large_mask.png"))
	if err != nil || m.Format != edge.Gray8 {
		t.Errorf("mask: %v, %v", m, err)
	}
	if err := s.Export(t.Context(), dir, scene.ExportOptions{Train: 1}); err == nil {
		t.Error("a folder that is not empty was written to")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Export(ctx, filepath.Join(dir, "b"), scene.ExportOptions{Train: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b")); err == nil {
		t.Error("a cancelled export left a folder")
	}
}
