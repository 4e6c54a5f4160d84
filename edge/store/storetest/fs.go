// Package storetest is a file system in memory that fails on demand, and that
// knows what a power cut would leave of it.
package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"winnow/edge/store"
)

// Fault is what happens at the chosen operation.
type Fault int

// Faults.
const (
	None       Fault = iota
	NoSpace          // ENOSPC
	IOError          // EIO
	ShortWrite       // half of the bytes are written, then ENOSPC; elsewhere ENOSPC
	Crash            // the operation does not happen, nor does any after it
)

// FS is a file system whose Nth operation, counted from 1, suffers a fault.
// Operations are: create, each write, sync, close, rename, remove, sync of the
// folder. The zero FS works without faults.
type FS struct {
	Fault Fault
	At    int

	mu      sync.Mutex
	ops     int
	crashed bool
	temps   int
	visible map[string]*inode // what a program sees
	durable map[string]*inode // the folder after a power cut
}

type inode struct {
	data   []byte
	synced []byte
}

var _ store.FS = (*FS)(nil)

// errCrashed is what every operation returns after a crash.
var errCrashed = fmt.Errorf("the machine is down: %w", syscall.EIO)

// Put makes a durable file.
func (f *FS) Put(name, data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.init()
	n := &inode{data: []byte(data), synced: []byte(data)}
	f.visible[name], f.durable[name] = n, n
}

func (f *FS) init() {
	if f.visible == nil {
		f.visible, f.durable = map[string]*inode{}, map[string]*inode{}
	}
}

// Ops is how many operations there were.
func (f *FS) Ops() int { f.mu.Lock(); defer f.mu.Unlock(); return f.ops }

// Crashed reports whether the machine is down.
func (f *FS) Crashed() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.crashed }

// Read returns what a program would read.
func (f *FS) Read(name string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.visible[name]
	if !ok {
		return "", false
	}
	return string(n.data), true
}

// Names lists what a program would see.
func (f *FS) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for n := range f.visible {
		names = append(names, n)
	}
	return names
}

// AfterPowerCut returns what is left of a file in the worst case: folder
// entries and bytes that were synced, and nothing else.
func (f *FS) AfterPowerCut(name string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.durable[name]
	if !ok {
		return "", false
	}
	return string(n.synced), true
}

// op counts an operation; it returns the fault that it must suffer.
func (f *FS) op() (short bool, err error) {
	f.init()
	if f.crashed {
		return false, errCrashed
	}
	f.ops++
	if f.ops != f.At {
		return false, nil
	}
	switch f.Fault {
	case NoSpace:
		return false, syscall.ENOSPC
	case IOError:
		return false, syscall.EIO
	case ShortWrite:
		return true, syscall.ENOSPC
	case Crash:
		f.crashed = true
		return false, errCrashed
	}
	return false, nil
}

// CreateTemp implements store.FS.
func (f *FS) CreateTemp(dir, pattern string, _ os.FileMode) (store.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.op(); err != nil {
		return nil, err
	}
	f.temps++
	name := filepath.Join(dir, strings.Replace(pattern, "*", fmt.Sprint(f.temps), 1))
	n := &inode{}
	f.visible[name] = n
	return &file{fs: f, name: name, node: n}, nil
}

// Rename implements store.FS.
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.op(); err != nil {
		return err
	}
	n, ok := f.visible[from]
	if !ok {
		return os.ErrNotExist
	}
	delete(f.visible, from)
	f.visible[to] = n
	return nil
}

// Remove implements store.FS.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.op(); err != nil {
		return err
	}
	if _, ok := f.visible[name]; !ok {
		return os.ErrNotExist
	}
	delete(f.visible, name)
	return nil
}

// SyncDir implements store.FS.
func (f *FS) SyncDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.op(); err != nil {
		return err
	}
	for name := range f.durable {
		if _, ok := f.visible[name]; !ok && filepath.Dir(name) == filepath.Clean(dir) {
			delete(f.durable, name)
		}
	}
	for name, n := range f.visible {
		if filepath.Dir(name) == filepath.Clean(dir) {
			f.durable[name] = n
		}
	}
	return nil
}

// file is an open file of an FS.
type file struct {
	fs   *FS
	name string
	node *inode
}

func (f *file) Name() string { return f.name }

func (f *file) Write(b []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	short, err := f.fs.op()
	n := len(b)
	if err != nil {
		n = 0
		if short {
			n = len(b) / 2
		}
	}
	f.node.data = append(f.node.data, b[:n]...)
	return n, err
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, err := f.fs.op(); err != nil {
		return err
	}
	f.node.synced = append([]byte(nil), f.node.data...)
	return nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	_, err := f.fs.op()
	return err
}
