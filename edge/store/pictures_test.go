package store_test

import (
	"context"
	"encoding/json"
	"image/png"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/store"
	"winnow/edge/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

func frame(w, h int, format edge.PixelFormat) *edge.Frame {
	stride := w*format.BytesPerPixel() + 5
	f := &edge.Frame{Width: w, Height: h, Stride: stride, Format: format, Pix: make([]byte, stride*h)}
	for i := range f.Pix {
		f.Pix[i] = byte(i * 7)
	}
	return f
}

func verdict(seq uint64) *edge.Verdict {
	return &edge.Verdict{
		ID:       edge.EventID{Device: "d", Boot: "b00t/../x", Seq: seq},
		Decision: edge.Reject, Reason: edge.ReasonScore, Score: edge.Score{Fused: math.NaN()},
		Nearest: edge.Nearest{Part: "good.png", Distance: 2, Usual: 1},
	}
}

// offerAll offers parts and lets Run write them.
func offerAll(t *testing.T, p *store.Pictures, from, to uint64) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	stop()
	for seq := from; seq <= to; seq++ {
		p.Offer(verdict(seq), frame(9, 6, edge.RGB24))
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func openPictures(t *testing.T, dir string, limits store.PictureLimits) *store.Pictures {
	t.Helper()
	p, err := store.OpenPictures(dir, limits, store.OS{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOldestPicturesGoFirst(t *testing.T) {
	dir := t.TempDir()
	limits := store.PictureLimits{Count: 3, Bytes: 1 << 20}
	offerAll(t, openPictures(t, dir, limits), 1, 5)
	foreign := filepath.Join(dir, "notes.png")
	for _, name := range []string{foreign, filepath.Join(dir, "0000000009-b-9.png"), filepath.Join(dir, ".0000000009-b-9.png.tmp-1")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := openPictures(t, dir, limits) // another boot, whose numbers go on
	offerAll(t, p, 1, 1)
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := "0000000003-b00tx-4.json 0000000003-b00tx-4.png 0000000004-b00tx-5.json 0000000004-b00tx-5.png" +
		" 0000000010-b00tx-1.json 0000000010-b00tx-1.png notes.png"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("folder holds\n%s\nwant\n%s", got, want)
	}
	if s := p.Stats(); s.Kept != 3 || s.Dropped != 0 || s.Failing != "" {
		t.Errorf("%+v", s)
	}
}

func TestPicturesKeepToTheirBytes(t *testing.T) {
	dir := t.TempDir()
	offerAll(t, openPictures(t, dir, store.PictureLimits{Count: 100, Bytes: 1 << 20}), 1, 4)
	var size int64
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, _ := e.Info()
		size += info.Size()
	}
	p := openPictures(t, dir, store.PictureLimits{Count: 100, Bytes: size / 2})
	if s := p.Stats(); s.Kept < 1 || s.Kept > 2 || s.Bytes > size/2 {
		t.Errorf("after a smaller quota: %+v", s)
	}
	p = openPictures(t, dir, store.PictureLimits{Count: 100, Bytes: 10})
	offerAll(t, p, 5, 5)
	if s := p.Stats(); s.Kept != 0 || s.Dropped != 1 || s.Failing == "" {
		t.Errorf("a picture above the quota: %+v", s)
	}
}

func TestPictureIsLosslessAndDescribed(t *testing.T) {
	for _, format := range []edge.PixelFormat{edge.Gray8, edge.RGB24} {
		dir := t.TempDir()
		p := openPictures(t, dir, store.PictureLimits{Count: 1, Bytes: 1 << 20})
		f := frame(9, 6, format)
		p.Offer(verdict(1), f)
		ctx, stop := context.WithCancel(context.Background())
		stop()
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		stem := filepath.Join(dir, "0000000000-b00tx-1")
		file, err := os.Open(stem + ".png")
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		for y := range f.Height {
			row := f.Row(y)
			for x := range f.Width {
				r, g, b, _ := m.At(x, y).RGBA()
				i := x * format.BytesPerPixel()
				last := i + format.BytesPerPixel() - 1
				if byte(r) != row[i] || byte(b) != row[last] || format == edge.RGB24 && byte(g) != row[i+1] {
					t.Fatalf("%v: pixel %d,%d differs", format, x, y)
				}
			}
		}
		var about map[string]any
		text, _ := os.ReadFile(stem + ".json")
		if err := json.Unmarshal(text, &about); err != nil {
			t.Fatal(err)
		}
		digest, _ := store.Digest(stem + ".png")
		if about["sha256"] != digest || about["verdict"] != "reject" {
			t.Errorf("description %s", text)
		}
		if near, ok := about["nearest"].(map[string]any); !ok || near["part"] != "good.png" || near["distance"] != 2.0 || about["why"] == "" {
			t.Errorf("why %v, nearest %v", about["why"], about["nearest"])
		}
	}
}

func TestOfferNeverWaits(t *testing.T) {
	p := openPictures(t, t.TempDir(), store.PictureLimits{Count: 9, Bytes: 1 << 20, Waiting: 2})
	taken := 0
	for seq := range uint64(5) { // nobody runs the writer
		if p.Offer(verdict(seq), frame(4, 4, edge.Gray8)) {
			taken++
		}
	}
	if s := p.Stats(); taken != 2 || s.Dropped != 3 {
		t.Errorf("%d taken, %+v", taken, s)
	}
	f := frame(4, 4, edge.Gray8)
	if n := testing.AllocsPerRun(100, func() { p.Offer(verdict(1), f) }); n > 1 { // verdict's own
		t.Errorf("a refused offer allocates %v times", n)
	}
}

func TestDiskFaultsLoseOnePictureAtMost(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.NoSpace, storetest.IOError, storetest.ShortWrite} {
		for at := 1; at <= 12; at++ {
			fs := &storetest.FS{Fault: fault, At: at}
			p, err := store.OpenPictures(t.TempDir(), store.PictureLimits{Count: 9, Bytes: 1 << 20}, fs, quiet)
			if err != nil {
				t.Fatal(err)
			}
			offerAll(t, p, 1, 3)
			s := p.Stats()
			if s.Dropped > 1 || s.Kept < 1 || s.Failing != "" {
				t.Errorf("fault %d at %d: %+v", fault, at, s)
			}
			if n := len(fs.Names()); n < 2*s.Kept || n > 2*s.Kept+2 {
				t.Errorf("fault %d at %d: %d files for %d pictures: %v", fault, at, n, s.Kept, fs.Names())
			}
		}
	}
}

func TestPartWithoutFrame(t *testing.T) {
	p := openPictures(t, t.TempDir(), store.PictureLimits{Count: 9, Bytes: 1 << 20})
	p.Offer(verdict(1), nil)
	p.Offer(verdict(2), &edge.Frame{Width: 3, Height: 3})
	ctx, stop := context.WithCancel(context.Background())
	stop()
	p.Run(ctx)
	if s := p.Stats(); s.Dropped != 2 || s.Kept != 0 {
		t.Errorf("%+v", s)
	}
}

// stalled is a disk whose writes take until it is released.
type stalled struct {
	store.OS
	entered chan struct{}
	release chan struct{}
}

func (s stalled) CreateTemp(dir, pattern string, perm os.FileMode) (store.File, error) {
	select {
	case s.entered <- struct{}{}:
	default:
	}
	<-s.release
	return s.OS.CreateTemp(dir, pattern, perm)
}

// TestStatsDoNotWaitForTheDisk: who tells of the station asks for them, and a disk may hang.
func TestStatsDoNotWaitForTheDisk(t *testing.T) {
	fs := stalled{entered: make(chan struct{}, 1), release: make(chan struct{})}
	p, err := store.OpenPictures(t.TempDir(), store.PictureLimits{Count: 9, Bytes: 1 << 20}, fs, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { p.Run(ctx); close(ended) }()
	p.Offer(verdict(1), frame(4, 4, edge.Gray8))
	<-fs.entered
	told := make(chan struct{})
	go func() { p.Stats(); close(told) }()
	select {
	case <-told:
	case <-time.After(2 * time.Second):
		t.Error("Stats waits for the disk")
	}
	close(fs.release)
	stop()
	<-ended
}

// nosync is a folder that cannot be synced, as on some network file systems.
type nosync struct{ store.OS }

func (nosync) SyncDir(string) error { return syscall.EINVAL }

// TestFolderThatCannotBeSynced: pictures that were written all the same are not kept beyond the quota.
func TestFolderThatCannotBeSynced(t *testing.T) {
	dir := t.TempDir()
	p, err := store.OpenPictures(dir, store.PictureLimits{Count: 2, Bytes: 1 << 20}, nosync{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	offerAll(t, p, 1, 50)
	entries, _ := os.ReadDir(dir)
	if len(entries) > 2*2 {
		t.Errorf("%d files in a folder of at most 2 pictures", len(entries))
	}
}
