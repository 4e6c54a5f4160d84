package telemetry_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"winnow/telemetry"
)

// counted encodes a record as its own number.
func counted(n uint64) ([]byte, error) { return fmt.Append(nil, n), nil }

func numbers(t *testing.T, o *telemetry.Outbox) string {
	t.Helper()
	rs, err := o.Next(0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range rs {
		if string(r.Payload) != fmt.Sprint(r.Seq) {
			t.Errorf("record %d holds %s", r.Seq, r.Payload)
		}
		all = append(all, fmt.Sprint(r.Seq))
	}
	return strings.Join(all, " ")
}

func ruleRecordNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(telemetry.MemStore)
		log := slog.New(slog.DiscardHandler)
		o := telemetry.NewOutbox(store, telemetry.Limits{HandOff: 2}, log)
		taken := 0
		for range 3 { // nobody runs it yet: the third finds no room
			if o.Enqueue("t", counted) {
				taken++
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		go o.Run(ctx)
		synctest.Wait()
		o.Enqueue("t", counted)
		o.Enqueue("t", func(uint64) ([]byte, error) { return nil, fmt.Errorf("cannot") })
		synctest.Wait()
		if got := numbers(t, o); taken != 2 || got != "1 2 4" || o.Stats().Lost != 2 {
			t.Errorf("%d taken, holds %s, %+v", taken, got, o.Stats())
		}
		stop()
		synctest.Wait()
		again := telemetry.NewOutbox(store, telemetry.Limits{}, log) // another boot
		ctx, stop = context.WithCancel(t.Context())
		again.Enqueue("t", counted)
		go again.Run(ctx)
		synctest.Wait()
		if got := numbers(t, again); got != "1 2 4 5" {
			t.Errorf("after another boot: %s", got)
		}
		stop()
	})
}

func ruleBounds(t *testing.T) {
	for name, limits := range map[string]telemetry.Limits{
		"by number": {Records: 5},
		"by size":   {Bytes: 5*2 + 3}, // topic of one byte, number of one or two
	} {
		synctest.Test(t, func(t *testing.T) {
			o := telemetry.NewOutbox(new(telemetry.MemStore), limits, slog.New(slog.DiscardHandler))
			ctx, stop := context.WithCancel(t.Context())
			go o.Run(ctx)
			const sent = 9
			for range sent {
				o.Enqueue("t", counted)
				synctest.Wait()
			}
			s := o.Stats()
			if s.Pending+int(s.Lost) != sent || s.Lost < 3 || !strings.HasSuffix(numbers(t, o), "6 7 8 9") {
				t.Errorf("%s: holds %s, %+v", name, numbers(t, o), s)
			}
			stop()
		})
	}
}

// TestABurstKeepsToTheLimits: records that come together as well as one by one.
func TestABurstKeepsToTheLimits(t *testing.T) {
	for name, limits := range map[string]telemetry.Limits{
		"by number": {Records: 5},
		"by size":   {Bytes: 5*2 + 1}, // topic and number of one byte each
	} {
		synctest.Test(t, func(t *testing.T) {
			o := telemetry.NewOutbox(new(telemetry.MemStore), limits, slog.New(slog.DiscardHandler))
			for range 9 { // nobody runs it yet
				o.Enqueue("t", counted)
			}
			ctx, stop := context.WithCancel(t.Context())
			go o.Run(ctx)
			synctest.Wait()
			if s := o.Stats(); s.Pending != 5 || s.Lost != 4 || numbers(t, o) != "5 6 7 8 9" {
				t.Errorf("%s: holds %s, %+v", name, numbers(t, o), s)
			}
			stop()
		})
	}
}

func ruleAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := telemetry.NewOutbox(new(telemetry.MemStore), telemetry.Limits{}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		go o.Run(ctx)
		for range 3 {
			o.Enqueue("t", counted)
		}
		synctest.Wait()
		drained := make(chan error, 1)
		go func() { drained <- o.Drained(ctx) }()
		for _, seq := range []uint64{2, 1, 99} {
			o.Done(ctx, seq)
			synctest.Wait()
		}
		if got := numbers(t, o); got != "3" || len(drained) != 0 {
			t.Errorf("holds %s, drained %d", got, len(drained))
		}
		o.Done(ctx, 3)
		if err := <-drained; err != nil {
			t.Error(err)
		}
		o.Enqueue("t", counted)
		stop()
		synctest.Wait()
		o.Done(ctx, 4) // the last acknowledgement comes after the end
		if got := numbers(t, o); got != "" {
			t.Errorf("after the end: %s", got)
		}
	})
}

// TestStoreThatFails loses what it is given, says so, and recovers.
func TestStoreThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &failing{}
		o := telemetry.NewOutbox(store, telemetry.Limits{}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		go o.Run(ctx)
		store.fail(true)
		o.Enqueue("t", counted)
		synctest.Wait()
		if s := o.Stats(); s.Lost != 1 || s.Pending != 0 || !strings.Contains(s.Failing, "disk full") {
			t.Errorf("%+v", s)
		}
		store.fail(false)
		o.Enqueue("t", counted)
		synctest.Wait()
		if s := o.Stats(); s.Lost != 1 || s.Pending != 1 || s.Failing != "" {
			t.Errorf("%+v", s)
		}
		stop()
	})
}

// TestStoreThatCannotBeRead says so for as long as it is so: records can still be written.
func TestStoreThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &failing{}
		o := telemetry.NewOutbox(store, telemetry.Limits{}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		go o.Run(ctx)
		store.failReads(true)
		if _, err := o.Next(0, 1); err == nil {
			t.Error("it was read")
		}
		o.Enqueue("t", counted)
		synctest.Wait()
		if s := o.Stats(); s.Pending != 1 || !strings.Contains(s.Failing, "malformed") {
			t.Errorf("%+v", s)
		}
		store.failReads(false)
		if got := numbers(t, o); got != "1" || o.Stats().Failing != "" {
			t.Errorf("holds %s, %+v", got, o.Stats())
		}
		stop()
	})
}

type failing struct {
	telemetry.MemStore
	unreadable bool
	mu         sync.Mutex
	bad        bool
}

func (f *failing) fail(bad bool) { f.mu.Lock(); f.bad = bad; f.mu.Unlock() }

func (f *failing) Append(rs []telemetry.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bad {
		return fmt.Errorf("disk full")
	}
	return f.MemStore.Append(rs)
}

func (f *failing) failReads(yes bool) { f.mu.Lock(); f.unreadable = yes; f.mu.Unlock() }

func (f *failing) Next(after uint64, limit int) ([]telemetry.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unreadable {
		return nil, fmt.Errorf("database disk image is malformed")
	}
	return f.MemStore.Next(after, limit)
}
