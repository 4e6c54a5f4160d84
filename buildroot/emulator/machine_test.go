package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWordIsSpottedInPieces: the watchdog's word is spotted however it comes, once.
func TestWordIsSpottedInPieces(t *testing.T) {
	for _, said := range [][]string{
		{"watchdog: timer fired\n"},
		{"qemu: something\nwatch", "dog: timer", " fired\nmore", "watchdog: timer fired"},
	} {
		heard := make(chan struct{})
		l := &wordSpotter{word: watchdogBites, heard: heard}
		for i, s := range said {
			if n, err := l.Write([]byte(s)); n != len(s) || err != nil {
				t.Fatal(n, err)
			}
			select {
			case <-heard:
				if i < len(said)-2 {
					t.Errorf("%q was enough", said[:i+1])
				}
			default:
				if i == len(said)-1 {
					t.Errorf("nothing was heard in %q", said)
				}
			}
		}
	}
}

// machineScript runs machine.sh where Debian serves neither the kernel of
// packages.lock nor its series.
func machineScript(t *testing.T, cache string) (code int, said string) {
	t.Helper()
	bin := t.TempDir()
	for name, script := range map[string]string{
		"apt-get": "", "dpkg": "echo amd64", "dpkg-deb": "", "make": "", "xz": "", "aarch64-linux-gnu-gcc": "",
		"apt-cache": `[ "$1" = madison ] || { echo "E: No packages found" >&2; exit 100; }`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "bash", "machine.sh")
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "WINNOW_CACHE="+cache)
	out, _ := c.CombinedOutput()
	return c.ProcessState.ExitCode(), string(out)
}

// TestKernelThatIsServedNoMoreIsMissing: that is not this program's failure.
func TestKernelThatIsServedNoMoreIsMissing(t *testing.T) {
	if code, said := machineScript(t, t.TempDir()); code != 3 || !strings.Contains(said, "not here: a kernel") {
		t.Errorf("exit code %d, want 3:\n%s", code, said)
	}
}

// TestMachinesOfOtherCheckoutsStay: two of them, with different packages, would
// else make their machines anew in turns, and take them from under a run.
func TestMachinesOfOtherCheckoutsStay(t *testing.T) {
	cache := t.TempDir()
	for name, age := range map[string]time.Duration{"machine-other": 24 * time.Hour, "machine-forgotten": 40 * 24 * time.Hour} {
		path, then := filepath.Join(cache, "emulator", name), time.Now().Add(-age)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	machineScript(t, cache)
	left, err := filepath.Glob(filepath.Join(cache, "emulator", "machine-*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "machine-other" {
		t.Errorf("%v, %v; only the machine that nobody uses goes", left, err)
	}
}

func TestSuiteWithoutATestShowsNothing(t *testing.T) {
	for _, c := range []struct {
		out  string
		code int
		want bool
	}{
		{"=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n", 0, true},
		{"testing: warning: no tests to run\nPASS\n", 0, false},
		{"--- PASS: TestA (0.00s)\n--- SKIP: TestB (0.00s)\nPASS\n", 0, false},
		{"--- PASS: TestA (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\n", 1, false},
		{"panic: no\n", 2, false},
	} {
		if got, said := suitePassed(c.out, c.code); got != c.want {
			t.Errorf("%q, exit code %d: %v, %s", c.out, c.code, got, said)
		}
	}
}
