package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/store"
)

func openLedger(t *testing.T, path string) *store.Ledger {
	t.Helper()
	l, err := store.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestLedgerSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openLedger(t, path)
	shift := time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)
	page := store.Page{Shift: shift, Recipe: "gear", Boot: "a", Open: true, Counts: edge.Counts{Triggers: 3, Accept: 2, Reject: 1}}
	later := store.Page{Shift: shift.Add(8 * time.Hour), Recipe: "gear", Boot: "a", Counts: edge.Counts{Triggers: 1, NoResult: 1}}
	for _, p := range []store.Page{page, later} {
		if err := l.Write(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	page.Counts.Triggers, page.Counts.Unsure, page.Open = 4, 1, false
	if err := l.Write(t.Context(), page); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = openLedger(t, path)
	got, err := l.Pages(t.Context(), 10)
	if err != nil || len(got) != 2 || got[0] != later || got[1] != page {
		t.Errorf("%+v %v", got, err)
	}
	if got, _ := l.Pages(t.Context(), 1); len(got) != 1 {
		t.Errorf("%d pages of one asked for", len(got))
	}
}

func TestChallengesAddUpOverBoots(t *testing.T) {
	gear := store.Proved{Recipe: "gear", Model: "aa11"}
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
	for i, c := range []store.Challenged{{Caught: 3, N: 3}, {Caught: 2, N: 3, Failed: true}, {Caught: 1, N: 1, Failed: true}, {Caught: 2, N: 2}} {
		if err := l.Challenge(t.Context(), time.Now(), gear, string(rune('a'+i)), c); err != nil {
			t.Fatal(err)
		}
		if sum, err := l.Challenges(t.Context(), gear); sum.Failed != c.Failed || err != nil {
			t.Errorf("after %+v: %+v, %v", c, sum, err)
		}
	}
	if c, err := l.Challenges(t.Context(), gear); c != (store.Challenged{Caught: 8, N: 9}) || err != nil {
		t.Errorf("%+v %v", c, err)
	}
	for _, other := range []store.Proved{{Recipe: "washer", Model: "aa11"}, {Recipe: "gear", Model: "bb22"}} {
		if c, err := l.Challenges(t.Context(), other); c != (store.Challenged{}) || err != nil {
			t.Errorf("%+v of %+v, %v", c, other, err)
		}
	}
}

func TestDamagedLedgerIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if l := openLedger(t, path); l.Damaged() != path+".damaged" {
		t.Errorf("damaged: %q", l.Damaged())
	}
}

// A ledger of a version that did not note the model opens, and its challenges
// prove nothing of any model.
func TestLedgerOfAnEarlierVersionOpens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	db, err := store.OpenDB(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE challenge (at TEXT NOT NULL, recipe TEXT NOT NULL, boot TEXT NOT NULL, caught INTEGER NOT NULL, n INTEGER NOT NULL);
		INSERT INTO challenge VALUES ('2026-11-25T06:00:00Z', 'gear', 'a', 59, 59)`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for range 2 { // the second time there is nothing to add
		l := openLedger(t, path)
		if c, err := l.Challenges(t.Context(), store.Proved{Recipe: "gear", Model: "aa11"}); c != (store.Challenged{}) || err != nil {
			t.Errorf("%+v, %v", c, err)
		}
		l.Close()
	}
}

// TestLedgerWithoutPagesIsAnEmptyList, also as JSON.
func TestLedgerWithoutPagesIsAnEmptyList(t *testing.T) {
	got, err := openLedger(t, filepath.Join(t.TempDir(), "ledger.db")).Pages(t.Context(), 10)
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("%#v %v", got, err)
	}
}
