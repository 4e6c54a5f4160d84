package replay_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/capture/replay"
	"winnow/edge"
)

var _ capture.Source = (*replay.Source)(nil)

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

// picture writes a grey w x h PNG of value v.
func picture(t *testing.T, path string, w, h int, v byte) {
	t.Helper()
	var f edge.Frame
	capture.Reshape(&f, w, h, edge.Gray8)
	for i := range f.Pix {
		f.Pix[i] = v
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := pixfmt.WritePNG(path, &f); err != nil {
		t.Fatal(err)
	}
}

// tree is a folder of five pictures and things that are not.
func tree(t *testing.T) string {
	dir := t.TempDir()
	for i, name := range []string{"10.png", "2.png", "a/1.PNG", "a/b/01.png", "img9.png"} {
		picture(t, filepath.Join(dir, filepath.FromSlash(name)), 3+i, 2, byte(i))
	}
	for _, name := range []string{"notes.txt", ".hidden.png"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFolderPlaysInNaturalOrder(t *testing.T) {
	dir := tree(t)
	s, err := replay.Open(replay.Options{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := uint64(1); ; i++ {
		f, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(dir, s.Origin(f).Path)
		names = append(names, filepath.ToSlash(rel))
		if f.Seq != i || f.Width != 3+int(f.Pix[0]) || f.Check() != nil {
			t.Errorf("frame %d: %+v, want its picture's own size", i, f)
		}
		s.Release(f)
	}
	if want := []string{"2.png", "10.png", "a/1.PNG", "a/b/01.png", "img9.png"}; !slices.Equal(names, want) {
		t.Errorf("played %v, want %v", names, want)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestListOfFilesKeepsItsOrder(t *testing.T) {
	dir := tree(t)
	in := []string{filepath.Join(dir, "img9.png"), filepath.Join(dir, "a"), filepath.Join(dir, "2.png")}
	got, err := replay.List(in...)
	want := []string{in[0], filepath.Join(dir, "a", "1.PNG"), filepath.Join(dir, "a", "b", "01.png"), in[2]}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

// A link to a folder is a folder, and one that leads back is no trap.
func TestListFollowsLinksToFolders(t *testing.T) {
	dir, other := tree(t), tree(t)
	link := filepath.Join(dir, "a", "other")
	if err := errors.Join(os.Symlink(other, link), os.Symlink(dir, filepath.Join(dir, "back"))); err != nil {
		t.Fatal(err)
	}
	got, err := replay.List(dir)
	if err != nil || len(got) != 10 || !slices.Contains(got, filepath.Join(link, "2.png")) {
		t.Errorf("%v, %v; want the five pictures of either folder", got, err)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	empty := t.TempDir()
	for name, c := range map[string]struct {
		paths []string
		want  string
	}{
		"missing":      {[]string{filepath.Join(empty, "none")}, "no such file"},
		"empty folder": {[]string{empty}, "no pictures in " + empty},
		"nothing":      {nil, "no file or folder"},
	} {
		if _, err := replay.Open(replay.Options{}, c.paths...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := replay.Open(replay.Options{Rate: -1}, tree(t)); err == nil {
		t.Error("a negative rate was accepted")
	}
	if _, err := replay.Open(replay.Options{Rate: 1}, tree(t)); err == nil {
		t.Error("a rate without a clock was accepted")
	}
}

func TestUnreadableFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("not here: root reads every folder")
	}
	dir := tree(t)
	if err := os.Chmod(filepath.Join(dir, "a"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Join(dir, "a"), 0o700)
	if _, err := replay.List(dir); !errors.Is(err, os.ErrPermission) {
		t.Errorf("error %v, want permission denied", err)
	}
}

func TestBrokenPicturesAreReportedOrStop(t *testing.T) {
	dir := tree(t)
	bad := filepath.Join(dir, "3.png")
	if err := os.WriteFile(bad, []byte("\x89PNG\r\n\x1a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var reported []string
	for _, skip := range []bool{true, false} {
		o := replay.Options{}
		if skip {
			o.OnBroken = func(path string, _ error) { reported = append(reported, path) }
		}
		s, err := replay.Open(o, dir)
		if err != nil {
			t.Fatal(err)
		}
		good, broken := 0, 0
		for {
			f, err := s.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				broken++
				if !errors.Is(err, pixfmt.ErrTruncated) {
					t.Error(err)
				}
				continue
			}
			good++
			s.Release(f)
		}
		if wantBroken := map[bool]int{true: 0, false: 1}[skip]; good != 5 || broken != wantBroken {
			t.Errorf("skip=%v: %d good, %d errors", skip, good, broken)
		}
	}
	if !slices.Equal(reported, []string{bad}) {
		t.Errorf("reported %v", reported)
	}
}

func TestNothingReadableEndsALoop(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"a.png", "b.gif"} {
		_ = os.WriteFile(filepath.Join(dir, n), []byte("no"), 0o600)
	}
	s, err := replay.Open(replay.Options{Loop: true, OnBroken: func(string, error) {}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "none of 2 pictures") {
		t.Errorf("error %v", err)
	}
}

func TestAnimationPlaysEachFrame(t *testing.T) {
	dir := t.TempDir()
	g := &gif.GIF{}
	for i := range 3 {
		m := image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{color.Gray{byte(10 * i)}})
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "belt.gif")
	_ = os.WriteFile(path, b.Bytes(), 0o600)
	b.Reset()
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil)
	_ = os.WriteFile(filepath.Join(dir, "misnamed.gif"), b.Bytes(), 0o600)

	s, err := replay.Open(replay.Options{Loop: true}, dir)
	if err != nil || s.Len() != 4 {
		t.Fatalf("%d pictures, %v; want 4", s.Len(), err)
	}
	for i := range 8 {
		f, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		item := s.Origin(f)
		switch {
		case i%4 == 3 && (f.Width != 8 || item.Frame != 0):
			t.Errorf("picture %d: %v", i, item)
		case i%4 < 3 && (f.Pix[0] != byte(10*(i%4)) || item != replay.Item{Path: path, Frame: i % 4}):
			t.Errorf("picture %d: value %d, %v", i, f.Pix[0], item)
		}
		s.Release(f)
	}
}

func TestRateAndTimes(t *testing.T) {
	dir := tree(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := replay.Open(replay.Options{Rate: 10, Clock: bubbleClock{time.Now()}, Loop: true}, dir)
		if err != nil {
			t.Fatal(err)
		}
		var at []time.Duration
		for i := range 5 {
			f, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			at = append(at, time.Duration(f.At-1))
			s.Release(f)
			if i == 2 {
				time.Sleep(250 * time.Millisecond) // a slow consumer
			}
		}
		ms := time.Millisecond
		if want := []time.Duration{0, 100 * ms, 200 * ms, 450 * ms, 550 * ms}; !slices.Equal(at, want) {
			t.Errorf("frames at %v, want %v", at, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next before its time: %v", err)
		}
		if s.Pool().Out != 0 {
			t.Error("a frame was lost by a Next that was cancelled")
		}
	})
}

func TestNextWaitsForAFreeFrame(t *testing.T) {
	s, err := replay.Open(replay.Options{Frames: 1, Loop: true}, tree(t))
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with all frames out: %v", err)
	}
	s.Release(f)
	if _, err := s.Next(t.Context()); err != nil {
		t.Error(err)
	}
	_ = s.Close()
	if _, err := s.Next(t.Context()); !errors.Is(err, capture.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
