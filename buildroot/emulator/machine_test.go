package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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

// TestKernelThatIsServedNoMoreIsMissing: neither the kernel of packages.lock nor
// its series is to be had, which is not this program's failure.
func TestKernelThatIsServedNoMoreIsMissing(t *testing.T) {
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
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "WINNOW_CACHE="+t.TempDir())
	out, err := c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); code != 3 || !strings.Contains(string(out), "not here: a kernel") {
		t.Errorf("exit code %d (%v), want 3:\n%s", code, err, out)
	}
}
