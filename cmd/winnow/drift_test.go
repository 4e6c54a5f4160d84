package main

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"winnow/capture/scene"
	"winnow/cmd/winnow/internal/recalibrate"
	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/infer"
	"winnow/infer/native"
	"winnow/models"
)

// Each kind of drift that happens half way through a demo voids the certificate
// within 100 parts and is called by its name; nothing happens to a stable line.
func TestDemoTellsOfDrift(t *testing.T) {
	for _, kind := range []string{"", "light", "focus", "pose", "product"} {
		code, out, errs := winnow(t, "demo", "--teach", "60", "--parts", "100", "--drift", kind, "--out", t.TempDir(), "--json")
		if code != 0 {
			t.Fatal(errs)
		}
		var r struct {
			Certificate edge.Certificate `json:"certificate"`
			Drift       struct {
				Alarms []struct {
					Kind, Text, Action string
					Part               int
				} `json:"alarms"`
			} `json:"drift"`
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		if kind == "" {
			if r.Certificate.Void != "" || len(r.Drift.Alarms) != 0 {
				t.Errorf("a stable line: %+v", r)
			}
			continue
		}
		if r.Certificate.Void == "" || len(r.Drift.Alarms) != 1 || r.Drift.Alarms[0].Kind != kind || r.Drift.Alarms[0].Part <= 50 || r.Drift.Alarms[0].Action == "" {
			t.Errorf("%s: %+v", kind, r)
		}
	}
	if code, _, errs := winnow(t, "demo", "--drift", "weather"); code != 2 {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// watchedLine is a package taught on 60 good drawn parts, judged twice: by a bare
// judge and by a watched one.
func watchedLine(t *testing.T) (bare *infer.Judge, w *watch.Watch) {
	t.Helper()
	ex, err := newDrawn(1, 60, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := teachExhibit(t.Context(), ex, demoFlags{}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	return judgeOf(t, p), watched(t, p)
}

func judgeOf(t *testing.T, p *models.Package) *infer.Judge {
	t.Helper()
	j, err := infer.NewJudge(p, native.New(), infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func watched(t *testing.T, p *models.Package) *watch.Watch {
	t.Helper()
	w, err := watch.New(judgeOf(t, p), watch.Options{Lots: 7})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// judgeTwice is what both judges decide on a part, with the same score to the bit.
func judgeTwice(t *testing.T, bare *infer.Judge, w *watch.Watch, part uint64, f *edge.Frame) edge.Decision {
	t.Helper()
	var a, b edge.Verdict
	if err := bare.Judge(f, &a); err != nil {
		t.Fatal(err)
	}
	if err := w.Judge(f, &b); err != nil {
		t.Fatal(err)
	}
	if a.Score != b.Score || a.Decision != b.Decision {
		t.Fatalf("part %d: %+v, watched %+v", part, a.Score, b.Score)
	}
	return b.Decision
}

// A 6 % light loss on the drawn line voids the certificate within 100 parts, one
// in five of them defective; verdicts stay those of the bare judge, to the bit.
func TestLightLossVoidsTheCertificate(t *testing.T) {
	bare, w := watchedLine(t)
	const change = 40
	s, err := scene.New(scene.Config{Seed: 1, DefectRate: 0.2, Conditions: func(i uint64) scene.Conditions {
		if i < change {
			return scene.Conditions{}
		}
		return scene.Conditions{Light: -0.06}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var f edge.Frame
	for i := range uint64(change + 100) {
		s.Render(i, &f)
		judgeTwice(t, bare, w, i, &f)
		if void := w.Certificate().Void; void != "" {
			if i < change {
				t.Fatalf("part %d: a false alarm: %s", i, void)
			}
			t.Logf("void %d parts after the change: %s", i-change+1, void)
			return
		}
	}
	t.Error("not found within 100 parts")
}

// fromEnv is how many of something a test does: few in CI, as many as the
// environment says for the record.
func fromEnv(variable string, few int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil && n > 0 {
		return n
	}
	return few
}

// A stable line keeps its certificate, one in five of its parts defective. For the
// record, ten lines of 10 000 parts (a quarter of an hour):
//
//	DRIFT_TRIALS=10 DRIFT_PARTS=10000 go test -run StableLineKeeps -v -timeout 60m ./cmd/winnow
func TestStableLineKeepsItsCertificate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	lines, parts := fromEnv("DRIFT_TRIALS", 1), fromEnv("DRIFT_PARTS", 600)
	void := 0
	for seed := range uint64(lines) {
		ex, err := newDrawn(seed+100, 60, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, err := teachExhibit(t.Context(), ex, demoFlags{}, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		w := watched(t, p)
		var f edge.Frame
		for i := range parts {
			if _, err := ex.Part(i, &f); err != nil {
				t.Fatal(err)
			}
			var v edge.Verdict
			if err := w.Judge(&f, &v); err != nil {
				t.Fatal(err)
			}
		}
		if s := w.Status(); s.Void != "" {
			void++
			t.Logf("line %d: void at part %d: %s", seed, s.VoidPart, s.Void)
		}
	}
	t.Logf("%d of %d lines lost their certificate within %d stable parts; 1 %% is stated for 10 000", void, lines, parts)
	if float64(void) > 0.01*float64(lines)+3*math.Sqrt(0.01*float64(lines)) {
		t.Errorf("%d of %d lines lost their certificate within %d stable parts", void, lines, parts)
	}
}

// Pixels and a row that die on a running line are named, by parts that are rejected
// one after the other or while parts are collected for a new threshold, until they
// turn out alive; verdicts stay those of the bare judge. A line of bad parts names
// none.
func TestWhatDiesOfTheCameraIsNamed(t *testing.T) {
	bare, w := watchedLine(t)
	s, err := scene.New(scene.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	part := uint64(500)
	show := func(parts int, dead bool, d scene.Defect) (rejected int) {
		for range parts {
			var f edge.Frame
			s.Draw(part, d, &f)
			if part++; dead {
				row := f.Row(f.Height / 2)
				for i := range row {
					row[i] = 255
				}
				for _, at := range [][2]int{{f.Width / 2, f.Height / 4}, {f.Width / 4, f.Height / 3}} {
					bpp := f.Format.BytesPerPixel()
					copy(f.Row(at[1])[at[0]*bpp:][:bpp], []byte{255, 255, 255})
				}
			}
			if judgeTwice(t, bare, w, part, &f) != edge.Accept {
				rejected++
			}
			time.Sleep(5 * time.Millisecond) // a line has more between parts
		}
		return rejected
	}
	if show(40, false, scene.Defect{Kind: scene.Scratch, Size: scene.Large}); w.Status().Dead != "" {
		t.Fatalf("bad parts: %s", w.Status().Dead)
	}
	show(20, false, scene.Defect{})
	const want = "2 dead pixels"
	if n := show(40, true, scene.Defect{}); n < 20 || !strings.HasPrefix(w.Status().Dead, want) || !strings.Contains(w.Status().Dead, "a dead row") {
		t.Fatalf("dead: %q, %d parts rejected", w.Status().Dead, n)
	}
	if show(3, false, scene.Defect{}); w.Status().Dead != "" {
		t.Fatalf("alive again: %s", w.Status().Dead)
	}
	show(20, false, scene.Defect{})
	var fresh *recalibrate.Collector
	if err := w.Collect(30, func(c *recalibrate.Collector) { fresh = c }); err != nil {
		t.Fatal(err)
	}
	for show(30, true, scene.Defect{}); fresh == nil && part < 1000; { // more pass while the camera is looked at
		show(1, true, scene.Defect{})
	}
	if fresh == nil {
		t.Fatal("30 parts were not enough")
	}
	if _, err := fresh.Finish(0.01, "test", 0); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a threshold above dead pixels: %v", err)
	}
}

// A recalibration of a few parts waits until the camera has been looked at: a threshold
// above what is dead would lie above defects, too.
func TestAFewPartsDoNotRecalibrateAboveWhatIsDead(t *testing.T) {
	_, w := watchedLine(t)
	s, err := scene.New(scene.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var fresh *recalibrate.Collector
	if err := w.Collect(8, func(c *recalibrate.Collector) { fresh = c }); err != nil {
		t.Fatal(err)
	}
	for part := uint64(500); fresh == nil && part < 1000; part++ {
		var f edge.Frame
		var v edge.Verdict
		s.Draw(part, scene.Defect{}, &f)
		row := f.Row(f.Height / 2)
		for i := range row {
			row[i] = 255
		}
		if err := w.Judge(&f, &v); err != nil {
			t.Fatal(err)
		}
	}
	if fresh == nil || fresh.Len() != 8 {
		t.Fatalf("not 8 parts: %+v", fresh)
	}
	if _, err := fresh.Finish(0.5, "test", 0); err == nil || !strings.Contains(err.Error(), "dead row") {
		t.Errorf("a threshold above a dead row: %v", err)
	}
}

func BenchmarkWatch(b *testing.B) {
	ex, err := newDrawn(1, 24, 0)
	if err != nil {
		b.Fatal(err)
	}
	p, err := teachExhibit(b.Context(), ex, demoFlags{}, b.Output())
	if err != nil {
		b.Fatal(err)
	}
	j, err := infer.NewJudge(p, native.New(), infer.Options{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	w, err := watch.New(j, watch.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var f edge.Frame
	if err := ex.TeachPart(0, &f); err != nil {
		b.Fatal(err)
	}
	for name, judge := range map[string]interface {
		Judge(*edge.Frame, *edge.Verdict) error
	}{"bare": j, "watched": w} {
		b.Run(name, func(b *testing.B) {
			v := edge.Verdict{Regions: make([]edge.Region, 0, edge.MaxRegions)}
			b.ReportAllocs()
			for b.Loop() {
				if err := judge.Judge(&f, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// After a light loss 30 live parts give a new threshold without teaching: the same
// judge decides by it, with the same scores, and what was drift is none any more.
func TestThirtyLivePartsRecalibrate(t *testing.T) {
	_, w := watchedLine(t)
	j := w.Model()
	s, err := scene.New(scene.Config{Seed: 1, Conditions: func(uint64) scene.Conditions { return scene.Conditions{Light: -0.06} }})
	if err != nil {
		t.Fatal(err)
	}
	c, err := recalibrate.New(j)
	if err != nil {
		t.Fatal(err)
	}
	var f edge.Frame
	var before, after edge.Verdict
	for i := range uint64(30) {
		s.Draw(i, scene.Defect{}, &f)
		if err := j.Judge(&f, &before); err != nil {
			t.Fatal(err)
		}
		if err := c.Take(before.Score.Fused, int(i)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.Finish(0.01, "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	// The same by the watch of a running line.
	var live *recalibrate.Collector
	if err := w.Collect(30, func(c *recalibrate.Collector) { live = c }); err != nil {
		t.Fatal(err)
	}
	for i := uint64(0); i < 30 || live == nil && i < 500; i++ { // more pass while the camera is looked at
		s.Draw(min(i, 29), scene.Defect{}, &f)
		if live != nil {
			t.Fatalf("%d parts were enough", i)
		}
		if err := w.Judge(&f, &before); err != nil {
			t.Fatal(err)
		}
	}
	if live == nil {
		t.Fatal("30 parts were not enough")
	}
	if l, err := live.Finish(0.01, "test", 0); err != nil || l.Package.Digest() != r.Package.Digest() {
		t.Errorf("the live parts gave another package: %v", err)
	}
	if err := j.Recalibrate(r.Package); err != nil {
		t.Fatal(err)
	}
	if err := j.Judge(&f, &after); err != nil {
		t.Fatal(err)
	}
	cal := r.Package.Calibration
	if after.Score.Fused != before.Score.Fused || after.Score.Threshold != cal.Threshold || cal.Certificate.N != 30 || cal.Certificate.Method != "split" || after.Model != r.Package.ShortDigest() {
		t.Errorf("before %+v, after %+v, %+v", before.Score, after.Score, cal.Certificate)
	}
	again := watched(t, r.Package)
	for i := range uint64(60) {
		s.Draw(1000+i, scene.Defect{}, &f)
		if err := again.Judge(&f, &after); err != nil {
			t.Fatal(err)
		}
	}
	if void := again.Certificate().Void; void != "" {
		t.Errorf("the light that it was calibrated under is still drift: %s", void)
	}
	other := *r.Package
	other.Statistics = []byte("{}")
	if err := j.Recalibrate(&other); err == nil {
		t.Error("a package with other statistics was taken")
	}
}
