package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestBenchLineMeasuresEveryStretch(t *testing.T) {
	code, out, errs := winnow(t, "bench", "--line", "--runs", "5", "--json")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var r lineBench
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Triggers != 5 || len(r.Cuts) != 5 {
		t.Errorf("%+v", r)
	}
	for _, c := range r.Cuts {
		if c.N == 0 || c.Max < c.P50 || c.Bound != nil {
			t.Errorf("%+v", c)
		}
		var sum uint64
		for _, b := range c.Hist {
			sum += b.N
		}
		if sum != c.N {
			t.Errorf("%s: the histogram holds %d of %d", c.Name, sum, c.N)
		}
	}
}

func TestSnapSaysWhichCameraIsMissing(t *testing.T) {
	code, _, errs := winnow(t, "snap", "--camera", "no-such-camera", "--out", filepath.Join(t.TempDir(), "x.png"))
	if code != exitFailed || !strings.Contains(errs, "no-such-camera") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := winnow(t, "snap"); code != exitUsage || !strings.Contains(errs, "--out") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
