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
