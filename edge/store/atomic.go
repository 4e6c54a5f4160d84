package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is the part of a file system that an atomic write needs.
// storetest.FS is one that fails on demand.
type FS interface {
	// CreateTemp makes a new file in dir; the last * of pattern is replaced.
	CreateTemp(dir, pattern string, perm os.FileMode) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes the entries of dir survive a power cut.
	SyncDir(dir string) error
}

// File is an open file of an FS.
type File interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// tempPattern names files that a crash may leave behind.
func tempPattern(base string) string { return "." + base + ".tmp-*" }

// WriteFile replaces path by data: written to a file beside it, synced,
// renamed, and the folder synced. After an error or a crash path is as it was,
// or complete; a file left by a crash is named .NAME.tmp-*.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	return Atomic{OS{}}.WriteFile(path, data, perm)
}

// Write is WriteFile for content that fill streams; an error of fill leaves
// path as it was.
func Write(path string, perm os.FileMode, fill func(io.Writer) error) error {
	return Atomic{OS{}}.Write(path, perm, fill)
}

// Atomic writes files of one FS so that each is either old or new.
type Atomic struct{ FS FS }

// WriteFile is as the function of that name.
func (a Atomic) WriteFile(path string, data []byte, perm os.FileMode) error {
	return a.Write(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is as the function of that name.
func (a Atomic) Write(path string, perm os.FileMode, fill func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := a.FS.CreateTemp(dir, tempPattern(filepath.Base(path)), perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fillAndSync(f, fill); err != nil {
		a.FS.Remove(f.Name()) // best effort: the name says that it is rubbish
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := a.FS.Rename(f.Name(), path); err != nil {
		a.FS.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := a.FS.SyncDir(dir); err != nil {
		return fmt.Errorf("write %s: it is there, but a power cut may undo it: %w", path, err)
	}
	return nil
}

// Remove takes the file path away, for good: no power cut brings it back. One that is not
// there is no error.
func Remove(path string) error { return Atomic{OS{}}.Remove(path) }

// Remove is as the function of that name.
func (a Atomic) Remove(path string) error {
	if err := a.FS.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := a.FS.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("remove %s: it is gone, but a power cut may bring it back: %w", path, err)
	}
	return nil
}

// fillAndSync closes f in any case.
func fillAndSync(f File, fill func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, 64<<10)
	err := fill(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// OS is the file system of this machine.
type OS struct{}

var _ FS = OS{}

// CreateTemp implements FS.
func (OS) CreateTemp(dir, pattern string, perm os.FileMode) (File, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(perm); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return f, nil
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir implements FS.
func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
