package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPeerIsInstalledUntilItIs: a pip that fails, for want of a network say, leaves
// a Python without what peer.py imports; the next run has to install it again.
func TestPeerIsInstalledUntilItIs(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skipf("not here: %v", err)
	}
	dir := t.TempDir()
	write := func(name, script string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The Python that makes an environment: python3 -m venv FOLDER.
	write("python3", `mkdir -p "$3/bin" && cp "`+dir+`/python" "$3/bin/python" && cp "`+dir+`/pip" "$3/bin/pip"`)
	write("python", `echo measured >>"`+dir+`/done"`)
	write("pip", `echo installed >>"`+dir+`/done"; [ -e "`+dir+`/network" ]`)
	run := func() error {
		c := exec.CommandContext(t.Context(), "make", "-s", "-o", "build", "bench-peer", "PEER="+dir+"/peer", "MODELS=")
		c.Dir = filepath.Join("..", "..", "..")
		c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		t.Logf("%s", out)
		return err
	}
	if run() == nil {
		t.Error("a pip that fails is no failure")
	}
	write("network", "")
	for range 2 {
		if err := run(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "done"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Fields(string(b)), "installed installed measured measured"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}
