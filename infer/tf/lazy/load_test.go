//go:build cgo && linux && (amd64 || arm64)

package lazy

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compile makes a shared library of C text.
func compile(t *testing.T, text string) string {
	t.Helper()
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		t.Skipf("not here: a C compiler: %v", err)
	}
	dir := t.TempDir()
	src, lib := put(t, filepath.Join(dir, "old.c"), []byte(text)), filepath.Join(dir, "libtensorflow.so.2")
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", lib, src).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return lib
}

func TestLibrariesThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       error
		says       string
	}{
		{"old version", `const char *TF_Version(void) { return "1.15.0"; }`, ErrTooOld, "version 1.15.0"},
		{"odd version", `const char *TF_Version(void) { return "unknown"; }`, ErrTooOld, "version unknown"},
		{"no functions", `const char *TF_Version(void) { return "2.4.0"; }`, ErrTooOld, "no function TF"},
		{"nothing at all", `int x;`, ErrTooOld, "no function TF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lib := compile(t, c.text)
			_, err := Load(Search{Config: lib})
			if !errors.Is(err, c.kind) {
				t.Fatalf("error %v, want %v", err, c.kind)
			}
			if !strings.Contains(err.Error(), lib) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "make libtensorflow") {
				t.Errorf("%q must name the file, say %q and advise", err, c.says)
			}
		})
	}
}

// TestLoadTwice: the same library again is free, another one is refused.
func TestLoadTwice(t *testing.T) {
	lib, err := Default("").Find()
	if err != nil {
		t.Skipf("not here: %v", err)
	}
	for range 2 {
		if got, err := Load(Search{Config: lib}); err != nil || got != lib {
			t.Fatalf("Load = %q, %v; want %q", got, err, lib)
		}
	}
	link := filepath.Join(t.TempDir(), filepath.Base(lib))
	if err := os.Symlink(lib, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Search{Config: link}); !errors.Is(err, ErrCannotOpen) || !strings.Contains(fmt.Sprint(err), lib) {
		t.Errorf("a second library: %v; want an error naming %s", err, lib)
	}
}
