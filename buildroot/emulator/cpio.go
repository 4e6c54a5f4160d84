package main

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// archive is an initramfs being put together: files by their path without a
// leading slash. A later file replaces an earlier one, as overlays do.
type archive map[string]node

type node struct {
	mode   uint32 // type and permissions, as stat has them
	data   []byte
	device uint32 // minor number of a character device of major 1 or 5
	major  uint32
}

const (
	typeFolder = 0o040000
	typeFile   = 0o100000
	typeDevice = 0o020000
)

// add puts a file in, and the folders above it.
func (a archive) add(name string, perm uint32, data []byte) {
	a[name] = node{mode: typeFile | perm, data: data}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		a[dir] = node{mode: typeFolder | 0o755}
	}
}

// addFile puts in a file of this machine.
func (a archive) addFile(name string, perm uint32, from string) error {
	b, err := os.ReadFile(from)
	if err == nil {
		a.add(name, perm, b)
	}
	return err
}

// addTree puts in all files below root.
func (a archive) addTree(root string) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		return a.addFile(filepath.ToSlash(rel), uint32(info.Mode().Perm()), p)
	})
}

// write writes the archive in cpio's "newc" format (Linux,
// driver-api/early-userspace/buffer-format): folders come before what is in
// them, as the kernel makes no folder by itself.
func (a archive) write(w io.Writer) error {
	c := &cpio{w: w}
	for i, name := range slices.Sorted(maps.Keys(a)) {
		c.entry(name, uint32(i+1), a[name])
	}
	c.entry("TRAILER!!!", 0, node{})
	return c.err
}

type cpio struct {
	w   io.Writer
	n   int
	err error
}

func (c *cpio) entry(name string, inode uint32, n node) {
	links := 1
	c.bytes(fmt.Appendf(nil, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		inode, n.mode, 0, 0, links, 0, len(n.data), 0, 0, n.major, n.device, len(name)+1, 0))
	c.bytes(append([]byte(name), 0))
	c.pad()
	c.bytes(n.data)
	c.pad()
}

func (c *cpio) bytes(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
		c.n += len(b)
	}
}

// pad fills up to a multiple of four bytes.
func (c *cpio) pad() { c.bytes(make([]byte, -c.n&3)) }
