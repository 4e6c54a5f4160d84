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
	*pages
}

// pages are messages on their way to where they are written.
type pages struct {
	queue chan func(lost uint64)
	ended chan struct{} // nothing is written any more
	lost  atomic.Uint64 // messages that found no room

	mu     sync.RWMutex // of closed, over sending
	closed bool
}

// newJournal writes through h until it is closed.
func newJournal(h slog.Handler) *journal {
	j := &journal{h, &pages{queue: make(chan func(uint64), logRoom), ended: make(chan struct{})}}
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
	return &journal{j.Handler.WithAttrs(a), j.pages}
}

// WithGroup implements slog.Handler.
func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.Handler.WithGroup(name), j.pages}
}

func (p *pages) write() {
	defer close(p.ended)
	for say := range p.queue {
		say(p.lost.Swap(0))
	}
}

// Close waits a moment for what is not written yet.
func (p *pages) Close() {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	p.mu.Unlock()
	if first {
		close(p.queue)
	}
	patience := time.NewTimer(logPatience)
	defer patience.Stop()
	select {
	case <-p.ended:
	case <-patience.C:
	}
}
