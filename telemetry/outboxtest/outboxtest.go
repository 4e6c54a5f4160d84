// Package outboxtest is what every store of an outbox must pass.
package outboxtest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"winnow/telemetry"
)

// Run checks that open returns empty stores that do as telemetry.Store says.
func Run(t *testing.T, open func(t *testing.T) telemetry.Store) {
	for name, check := range map[string]func(*testing.T, telemetry.Store){
		"empty":      empty,
		"order":      order,
		"pages":      pages,
		"remove":     remove,
		"payloads":   payloads,
		"concurrent": concurrent,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

func record(seq uint64) telemetry.Record {
	return telemetry.Record{Seq: seq, Topic: "topic", Payload: []byte(fmt.Sprint("payload ", seq))}
}

func add(t *testing.T, s telemetry.Store, seqs ...uint64) {
	t.Helper()
	var rs []telemetry.Record
	for _, seq := range seqs {
		rs = append(rs, record(seq))
	}
	if err := s.Append(rs); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, s telemetry.Store, after uint64, limit int) string {
	t.Helper()
	rs, err := s.Next(after, limit)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range rs {
		fmt.Fprint(&b, r.Seq, " ")
	}
	return strings.TrimSpace(b.String())
}

func usage(t *testing.T, s telemetry.Store, records int, bytes int64, last uint64) {
	t.Helper()
	if n, size, l := s.Usage(); n != records || size != bytes || l != last {
		t.Errorf("usage %d records, %d bytes, last %d; want %d, %d, %d", n, size, l, records, bytes, last)
	}
}

func empty(t *testing.T, s telemetry.Store) {
	usage(t, s, 0, 0, 0)
	if got := next(t, s, 0, 10); got != "" {
		t.Errorf("an empty store returns %s", got)
	}
	if err := s.Append(nil); err != nil {
		t.Error(err)
	}
	if err := s.Remove([]uint64{1, 2}); err != nil {
		t.Errorf("removing unknown records: %v", err)
	}
}

func order(t *testing.T, s telemetry.Store) {
	add(t, s, 2, 5)
	for _, bad := range [][]telemetry.Record{{record(5)}, {record(4)}, {record(7), record(6)}} {
		if s.Append(bad) == nil {
			t.Errorf("%v was taken after 5", bad)
		}
	}
	usage(t, s, 2, 2*(5+9), 5)
	if got := next(t, s, 0, 10); got != "2 5" {
		t.Errorf("holds %s", got)
	}
}

func pages(t *testing.T, s telemetry.Store) {
	add(t, s, 1, 2, 3, 4, 10)
	for _, c := range []struct {
		after uint64
		limit int
		want  string
	}{{0, 2, "1 2"}, {2, 2, "3 4"}, {4, 5, "10"}, {10, 5, ""}, {0, 0, ""}, {0, -1, ""}} {
		if got := next(t, s, c.after, c.limit); got != c.want {
			t.Errorf("%d after %d: %q, want %q", c.limit, c.after, got, c.want)
		}
	}
}

func remove(t *testing.T, s telemetry.Store) {
	add(t, s, 1, 2, 3)
	if err := s.Remove([]uint64{1, 3, 3, 99}); err != nil {
		t.Fatal(err)
	}
	usage(t, s, 1, 5+9, 3)
	add(t, s, 4)
	if got := next(t, s, 0, 10); got != "2 4" {
		t.Errorf("holds %s", got)
	}
	if err := s.Remove([]uint64{2, 4}); err != nil {
		t.Fatal(err)
	}
	usage(t, s, 0, 0, 4)
}

func payloads(t *testing.T, s telemetry.Store) {
	want := []telemetry.Record{
		{Seq: 1, Topic: "t", Payload: nil},
		{Seq: 2, Topic: "Größe/µ", Payload: []byte{0, 255, 10, 0}},
	}
	if err := s.Append(want); err != nil {
		t.Fatal(err)
	}
	usage(t, s, 2, int64(1+len("Größe/µ")+4), 2)
	got, err := s.Next(0, 10)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v %v", got, err)
	}
	for i := range want {
		if got[i].Topic != want[i].Topic || string(got[i].Payload) != string(want[i].Payload) {
			t.Errorf("record %d came back as %q %q", i, got[i].Topic, got[i].Payload)
		}
	}
}

func concurrent(t *testing.T, s telemetry.Store) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for seq := uint64(1); seq <= 40; seq++ {
			if err := s.Append([]telemetry.Record{record(seq)}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range 40 {
			rs, err := s.Next(0, 5)
			if err != nil {
				t.Error(err)
			}
			for _, r := range rs {
				if err := s.Remove([]uint64{r.Seq}); err != nil {
					t.Error(err)
				}
			}
			s.Usage()
		}
	})
	wg.Wait()
}
