package store_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge/store"
	"winnow/edge/store/storetest"
)

const (
	before = "what was there before"
	after  = "what is there after"
)

// TestOldOrNewNeverHalf lets every operation of a write fail in every way and
// looks at the file at once and after a power cut.
func TestOldOrNewNeverHalf(t *testing.T) {
	count := &storetest.FS{}
	if err := (store.Atomic{FS: count}).WriteFile("dir/f", []byte(after), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []storetest.Fault{storetest.None, storetest.NoSpace, storetest.IOError, storetest.ShortWrite, storetest.Crash} {
		for at := 1; at <= count.Ops(); at++ {
			t.Run(fmt.Sprintf("fault%d-at%d", fault, at), func(t *testing.T) {
				fs := &storetest.FS{Fault: fault, At: at}
				fs.Put("dir/f", before)
				err := store.Atomic{FS: fs}.WriteFile("dir/f", []byte(after), 0o644)
				checkWhole(t, fs, err)
			})
		}
	}
}

func checkWhole(t *testing.T, fs *storetest.FS, err error) {
	t.Helper()
	now, ok1 := fs.Read("dir/f")
	cut, ok2 := fs.AfterPowerCut("dir/f")
	for _, s := range []string{now, cut} {
		if !ok1 || !ok2 || s != before && s != after {
			t.Errorf("file is %q now and %q after a power cut", now, cut)
		}
	}
	if err == nil && (now != after || cut != after) {
		t.Errorf("no error, but the file is %q now and %q after a power cut", now, cut)
	}
	if fs.Crashed() {
		return
	}
	if fs.Fault != storetest.None && err == nil {
		t.Error("the fault was not reported")
	}
	for _, name := range fs.Names() {
		if strings.Contains(name, ".tmp-") {
			t.Errorf("%s was left behind", name)
		}
	}
}

// A file that was taken away stays away over a power cut, or an error says that it may not.
func TestRemovedForGood(t *testing.T) {
	for _, at := range []int{0, 1, 2} {
		fs := &storetest.FS{Fault: storetest.IOError, At: at}
		fs.Put("dir/f", before)
		err := store.Atomic{FS: fs}.Remove("dir/f")
		if _, back := fs.AfterPowerCut("dir/f"); back != (err != nil) || (err != nil) != (at > 0) {
			t.Errorf("fault at %d: error %v, it is there after a power cut: %v", at, err, back)
		}
	}
	if err := store.Remove(filepath.Join(t.TempDir(), "f")); err != nil {
		t.Errorf("nothing to take away: %v", err)
	}
}

func TestWriteOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := store.WriteFile(path, []byte(before), 0o640); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	broken := errors.New("broken")
	err := store.Write(path, 0o640, func(w io.Writer) error {
		io.WriteString(w, after)
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != before {
		t.Errorf("content %q", b)
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	if err := store.WriteFile(filepath.Join(path, "below-a-file"), nil, 0o600); err == nil {
		t.Error("wrote below a file")
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got := store.DigestBytes(nil); got != empty {
		t.Errorf("digest of nothing: %s", got)
	}
	if got, err := store.Digest(path); err != nil || got != store.DigestBytes([]byte(before)) {
		t.Errorf("digest %s %v", got, err)
	}
}
