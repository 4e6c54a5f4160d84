package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOutputKeepsLinksAndPipes: what stands behind a link is replaced, not the link; a pipe, as any
// device, is written to.
func TestOutputKeepsLinksAndPipes(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := writeAtomic(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(file); string(b) != "new" {
		t.Errorf("behind the link stands %q", b)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is none any more: %v, %v", st, err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no named pipes here: ", err)
	}
	heard := make(chan string)
	go func() {
		b, _ := os.ReadFile(pipe)
		heard <- string(b)
	}()
	if err := writeAtomic(pipe, []byte("told")); err != nil {
		t.Fatal(err)
	}
	if s := <-heard; s != "told" {
		t.Errorf("the pipe carried %q", s)
	}
	if st, err := os.Lstat(pipe); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe is none any more: %v, %v", st, err)
	}
}

// TestOutputGoesBehindALinkToNothing: the first output behind a link is no other than the second.
func TestOutputGoesBehindALinkToNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"a": "there/new", "b": "a2", "a2": filepath.Join(dir, "there", "other")} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	for link, file := range map[string]string{"a": "new", "b": "other"} {
		if err := writeAtomic(filepath.Join(dir, link), []byte(link)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "there", file)); string(b) != link {
			t.Errorf("behind link %s stands %q, %v", link, b, err)
		}
		if st, err := os.Lstat(filepath.Join(dir, link)); err != nil || st.Mode()&os.ModeSymlink == 0 {
			t.Errorf("link %s is none any more: %v, %v", link, st, err)
		}
	}
}
