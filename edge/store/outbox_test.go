package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"winnow/edge/store"
	"winnow/telemetry"
	"winnow/telemetry/outboxtest"
)

var _ telemetry.Store = (*store.Outbox)(nil)

func open(t *testing.T, path string) *store.Outbox {
	t.Helper()
	o, err := store.OpenOutbox(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func TestOutboxConforms(t *testing.T) {
	outboxtest.Run(t, func(t *testing.T) telemetry.Store {
		return open(t, filepath.Join(t.TempDir(), "a b?#%", "outbox.db"))
	})
}

func TestOutboxSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	o := open(t, path)
	records := []store.Record{{Seq: 3, Topic: "t", Payload: []byte("three")}, {Seq: 4, Topic: "t", Payload: []byte("four")}}
	if err := o.Append(records); err != nil {
		t.Fatal(err)
	}
	if err := o.Remove([]uint64{4}); err != nil {
		t.Fatal(err)
	}
	o.Close()
	o = open(t, path)
	if n, size, last := o.Usage(); n != 1 || size != 6 || last != 4 {
		t.Errorf("%d records, %d bytes, last %d", n, size, last)
	}
	if err := o.Append(records[1:]); err == nil {
		t.Error("a number was used again after reopening")
	}
	if o.Damaged() != "" {
		t.Errorf("damaged: %s", o.Damaged())
	}
}

// TestEarlierDamagedFilesAreKept: what waited in them may still be wanted, so far as they
// do not fill the disk.
func TestEarlierDamagedFilesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	for i, want := range []string{".damaged", ".damaged.2", ".damaged.3", ".damaged.3"} {
		rubbish := bytes.Repeat([]byte{byte('a' + i)}, 4096)
		if err := os.WriteFile(path, rubbish, 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := store.OpenOutbox(path)
		if err != nil {
			t.Fatal(err)
		}
		if o.Damaged() != path+want {
			t.Errorf("damage %d was put aside as %s, want %s", i+1, o.Damaged(), want)
		}
		if kept, err := os.ReadFile(o.Damaged()); err != nil || !bytes.Equal(kept, rubbish) {
			t.Errorf("damage %d: %s: %.8q, %v", i+1, want, kept, err)
		}
		o.Close()
	}
	if kept, err := os.ReadFile(path + ".damaged"); err != nil || kept[0] != 'a' {
		t.Errorf("the first is gone: %.8q, %v", kept, err)
	}
}

func TestDamagedOutboxIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	rubbish := bytes.Repeat([]byte("no database "), 1000)
	if err := os.WriteFile(path, rubbish, 0o600); err != nil {
		t.Fatal(err)
	}
	o := open(t, path)
	if err := o.Append([]store.Record{{Seq: 1, Topic: "t"}}); err != nil {
		t.Error(err)
	}
	if kept, err := os.ReadFile(o.Damaged()); err != nil || !bytes.Equal(kept, rubbish) {
		t.Errorf("the damaged file was not kept: %v", err)
	}
}

// TestUnreadableOutboxIsLeftAlone: what cannot be read is not ours to move.
func TestUnreadableOutboxIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if o, err := store.OpenOutbox(path); err == nil {
		o.Close()
		t.Error("a folder was opened")
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Errorf("the folder was moved: %v", err)
	}
}

func TestTornOutboxIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	o := open(t, path)
	for seq := uint64(1); seq <= 50; seq++ {
		if err := o.Append([]store.Record{{Seq: seq, Topic: "t", Payload: make([]byte, 500)}}); err != nil {
			t.Fatal(err)
		}
	}
	o.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i++ { // everything behind the first page
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	o = open(t, path)
	if n, _, _ := o.Usage(); n != 0 || o.Damaged() == "" {
		t.Errorf("%d records, damaged %q", n, o.Damaged())
	}
}

// TestOutboxIsHeldOnce: two that number records would give one number to two of them.
func TestOutboxIsHeldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	a, err := store.OpenOutbox(path)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := store.OpenOutbox(path); err == nil {
		b.Close()
		t.Error("held twice")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenOutbox(path)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
}
