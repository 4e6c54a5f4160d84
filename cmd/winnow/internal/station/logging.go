package station

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// logRoom is how many messages may wait to be written.
const logRoom = 256

// logPatience is how long Close waits for messages that are not written yet.
const logPatience = time.Second

// journal writes messages beside those who say them: the line and the pulses wait for no
// disk and no service. It is a slog.Handler.
type journal struct {
	slog.Handler
	*backlog
}

// backlog is the messages on their way to where they are written.
type backlog struct {
	queue chan func(lost uint64)
	ended chan struct{} // nothing is written any more
	lost  atomic.Uint64 // messages that found no room

	mu     sync.RWMutex // of closed, over sending
	closed bool
}

// newJournal writes through h until it is closed.
func newJournal(h slog.Handler) *journal {
	j := &journal{h, &backlog{queue: make(chan func(uint64), logRoom), ended: make(chan struct{})}}
	go j.write()
	return j
}

// Handle never blocks.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.closed {
		return j.late(ctx, r)
	}
	r = r.Clone()
	select {
	case j.queue <- func(lost uint64) {
		_ = j.Handler.Handle(ctx, r)
		if lost > 0 {
			w := slog.NewRecord(r.Time, slog.LevelWarn, "messages were lost: the log is not written fast enough", 0)
			w.Add("messages", lost)
			_ = j.Handler.Handle(ctx, w)
		}
	}:
	default:
		j.lost.Add(1)
	}
	return nil
}

// late writes at once what comes after the end, unless the end still waits.
func (j *journal) late(ctx context.Context, r slog.Record) error {
	select {
	case <-j.ended:
		return j.Handler.Handle(ctx, r)
	default:
		return nil
	}
}

// WithAttrs implements slog.Handler.
func (j *journal) WithAttrs(a []slog.Attr) slog.Handler {
	return &journal{j.Handler.WithAttrs(a), j.backlog}
}

// WithGroup implements slog.Handler.
func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.Handler.WithGroup(name), j.backlog}
}

func (b *backlog) write() {
	defer close(b.ended)
	for say := range b.queue {
		say(b.lost.Swap(0))
	}
}

// Close waits a moment for what is not written yet.
func (b *backlog) Close() {
	b.mu.Lock()
	first := !b.closed
	b.closed = true
	b.mu.Unlock()
	if first {
		close(b.queue)
	}
	patience := time.NewTimer(logPatience)
	defer patience.Stop()
	select {
	case <-b.ended:
	case <-patience.C:
	}
}
