package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A package that no engine runs is a failure, after all else has been said.
func TestDoctorFailsForAPackageThatDoesNotRun(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "part.tflite")
	if err := os.WriteFile(broken, []byte("no model"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := winnow(t, "doctor", "--model", broken, "--json")
	if code != exitFailed || !strings.Contains(errs, "no engine of this machine runs "+broken) {
		t.Errorf("exit %d: %s", code, errs)
	}
	var r doctorReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.MS) != 0 || len(r.Findings) < 4 {
		t.Errorf("%v: %s", err, out)
	}
	if code, _, errs := winnow(t, "doctor"); code != exitOK {
		t.Errorf("without a package: exit %d: %s", code, errs)
	}
}
