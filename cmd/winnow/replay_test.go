package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/store/recording"
)

// recordedRun lets a station inspect 16 pictures and record them.
func recordedRun(t *testing.T) (dir string) {
	t.Helper()
	model, data := taught(t)
	base := t.TempDir()
	dir = filepath.Join(base, "rec")
	conf := fmt.Sprintf(`
[camera]
kind = "replay"
path = %q
[model]
path = %q
[recipe]
deadline = "60s"
[trigger]
kind = "timer"
period = "60ms"
[[actuator]]
delay = "60200ms"
[mqtt]
listen = "127.0.0.1:0"
[records]
dir = %q
`, filepath.Join(data, "train", "good"), model, filepath.Join(base, "records"))
	path := filepath.Join(base, "station.toml")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := winnow(t, "run", "--config", path, "--record", dir); code != 0 {
		t.Fatalf("run: exit %d: %s", code, errs)
	}
	return dir
}

// A recorded run judged again gives every score to the bit; a changed score, a
// changed file and a cut one are reported with their place.
func TestReplayVerifiesARecordedRun(t *testing.T) {
	dir := recordedRun(t)
	code, out, errs := winnow(t, "replay", "--verify", dir, "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var r replayed
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Frames != 16 || r.Equal != 16 || r.Segments != 1 || r.Engine != "native" {
		t.Errorf("%s (%v)", out, err)
	}
	segment := filepath.Join(dir, "frames-00000001.rec")
	good, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	changed := append([]byte(nil), good...)
	changed[len(good)/2] ^= 1
	for what, b := range map[string][]byte{"changed or damaged": changed, "cut off here": good[:len(good)/2]} {
		if err := os.WriteFile(segment, b, 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, errs = winnow(t, "replay", "--verify", dir)
		if code != 1 || !strings.Contains(errs, what) || !strings.Contains(errs, segment+": byte ") || !strings.Contains(errs, "after record ") {
			t.Errorf("%s: exit %d: %s", what, code, errs)
		}
	}
	if err := os.WriteFile(segment, good, 0o644); err != nil {
		t.Fatal(err)
	}
	rerecord(t, dir, 7)
	code, out, errs = winnow(t, "replay", "--verify", dir)
	if code != 1 || !strings.Contains(errs, "1 of 32 frames do not score as recorded; the first is record 7 in segment 2") || !strings.Contains(out, "31 equal to the bit") {
		t.Errorf("a forged recording: exit %d: %s%s", code, out, errs)
	}
	if code, _, errs = winnow(t, "replay", "--verify", t.TempDir()); code != 1 || !strings.Contains(errs, "no recording is here") {
		t.Errorf("an empty folder: exit %d: %s", code, errs)
	}
}

// forger copies a recording, with another last bit of one score, as somebody
// would who knows the format.
type forger struct {
	w      *recording.Writer
	record uint64
}

func (f *forger) Head(*recording.Head) error { return nil }
func (f *forger) Fault(*recording.Fault)     {}

func (f *forger) Part(p *recording.Part, frame *edge.Frame) error {
	v := &edge.Verdict{ID: p.ID, Decision: p.Decision, Reason: p.Reason, Score: edge.Score{
		Fused: float64(p.Fused), Latent: float64(p.Latent), Reconstruction: float64(p.Reconstruction),
		LatentShare: float64(p.LatentShare), PValue: float64(p.PValue), Threshold: float64(p.Threshold), Spread: float64(p.Spread),
	}}
	if p.Record == f.record {
		v.Score.Fused *= 1 + 1e-15
	}
	f.w.Offer(frame, v, nil)
	return nil
}

// rerecord appends the recording in dir to itself with one forged score.
func rerecord(t *testing.T, dir string, record uint64) {
	t.Helper()
	models, err := filepath.Glob(filepath.Join(dir, "model-*.tflite"))
	if err != nil || len(models) != 1 {
		t.Fatalf("%v %v", models, err)
	}
	b, err := os.ReadFile(models[0])
	if err != nil {
		t.Fatal(err)
	}
	w, err := recording.Create(recording.Options{Dir: dir, Model: b, Waiting: 32, Clock: new(clock.Manual), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := recording.Read(dir, &forger{w, record}); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ended); err != nil {
		t.Fatal(err)
	}
}

// A recorded demo is verified the same way, and recording changes no verdict.
func TestDemoIsRecorded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rec")
	digests := map[string]bool{}
	for _, more := range [][]string{nil, {"--record", dir}} {
		code, out, errs := winnow(t, append([]string{"demo", "--parts", "12", "--teach", "12", "--out", t.TempDir(), "--json"}, more...)...)
		if code != 0 {
			t.Fatal(errs)
		}
		var r demoReport
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		digests[r.VerdictDigest+r.ScoreDigest] = true
	}
	if len(digests) != 1 {
		t.Error("recording changed the verdicts")
	}
	if code, out, errs := winnow(t, "replay", "--verify", dir); code != 0 || !strings.Contains(out, "12 equal to the bit") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
