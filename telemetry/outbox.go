package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
)

// Record is one message that waits for its acknowledgement. It is an alias of
// an unnamed type so that a store need not import this package.
type Record = struct {
	Seq     uint64
	Topic   string
	Payload []byte
}

// Store keeps the records of an outbox. Implementations are safe for
// concurrent use; outboxtest.Run is what each must pass. What Append and
// Remove have done survives a power cut once they return nil, if the store is
// durable at all.
type Store interface {
	// Append adds records in ascending order of Seq, all or none.
	Append(records []Record) error
	// Next returns at most limit records with Seq > after, in ascending order.
	Next(after uint64, limit int) ([]Record, error)
	// Remove forgets records; unknown ones are no error.
	Remove(seqs []uint64) error
	// Usage returns how many records are held, how many bytes their topics and
	// payloads have, and the highest Seq ever appended. It never waits for a
	// disk: the line asks through Stats.
	Usage() (records int, bytes int64, last uint64)
}

// Limits bound an outbox. When one is exceeded the oldest records are dropped
// and counted.
type Limits struct {
	Records int   // default 100 000
	Bytes   int64 // default 64 MiB
	HandOff int   // records between the line and the disk; default 256
}

func (l Limits) withDefaults() Limits {
	if l.Records < 1 {
		l.Records = 100_000
	}
	if l.Bytes < 1 {
		l.Bytes = 64 << 20
	}
	if l.HandOff < 1 {
		l.HandOff = 256
	}
	return l
}

// OutboxStats is what an outbox has come to.
type OutboxStats struct {
	Pending int    // records stored or on their way to the store
	Bytes   int64  // of the stored ones
	Lost    uint64 // records that will never be sent: no room, or the disk refused them
	Failing string // what the store said last when it failed; "" when the last write and the last reading went well
}

// Outbox holds records until a broker has acknowledged them. Enqueue is for
// the line and never waits; Run moves records into the store; one sender takes
// them out with Next and Done.
type Outbox struct {
	store  Store
	limits Limits
	log    *slog.Logger

	in   chan draft
	done chan uint64
	wake chan struct{}
	over chan struct{} // closed when Run has ended

	mu      sync.Mutex // orders numbers with the hand-off
	next    uint64
	waiting atomic.Int64 // records between Enqueue and the store
	lost    atomic.Uint64
	failing atomic.Pointer[string]
	unread  atomic.Pointer[string] // why the store could not be read; a write that goes well does not clear it

	idleMu sync.Mutex
	idle   chan struct{} // closed and replaced whenever the load shrinks
}

// draft is a record whose payload is not yet written out.
type draft struct {
	seq    uint64
	topic  string
	encode func(record uint64) ([]byte, error)
}

// batchMax is how many records share one write to the store.
const batchMax = 64

// NewOutbox returns an outbox over store, which may hold records of an earlier
// boot: they are sent first, and numbering goes on after them.
func NewOutbox(store Store, limits Limits, log *slog.Logger) *Outbox {
	limits = limits.withDefaults()
	_, _, last := store.Usage()
	return &Outbox{
		store: store, limits: limits, log: log,
		in:   make(chan draft, limits.HandOff),
		done: make(chan uint64, limits.HandOff),
		wake: make(chan struct{}, 1),
		next: last + 1,
		idle: make(chan struct{}),
		over: make(chan struct{}),
	}
}

// Enqueue numbers a record and hands it over; encode is called later, on
// another goroutine, and so must not refer to memory that changes. It returns
// false when the hand-off is full: the record is lost, and its number stays
// unused so that a reader sees the gap. Enqueue never waits.
func (o *Outbox) Enqueue(topic string, encode func(record uint64) ([]byte, error)) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	d := draft{seq: o.next, topic: topic, encode: encode}
	o.next++
	o.waiting.Add(1)
	select {
	case o.in <- d:
		return true
	default:
		o.waiting.Add(-1)
		o.lost.Add(1)
		return false
	}
}

// Run moves records into the store and forgets acknowledged ones until ctx
// ends; then it stores what is still on its way and returns nil. It is called
// once.
func (o *Outbox) Run(ctx context.Context) error {
	defer close(o.over)
	o.signal() // an earlier boot may have left records
	for {
		select {
		case <-ctx.Done():
			o.drain()
			return nil
		case d := <-o.in:
			o.write(d)
		case seq := <-o.done:
			o.forget(seq)
		}
	}
}

// drain stores and forgets everything that was handed over before Run's end.
func (o *Outbox) drain() {
	for {
		select {
		case d := <-o.in:
			o.write(d)
		case seq := <-o.done:
			o.forget(seq)
		default:
			return
		}
	}
}

// write stores first and whatever else is waiting, in one batch.
func (o *Outbox) write(first draft) {
	drafts := append(make([]draft, 0, batchMax), first)
	for len(drafts) < batchMax {
		select {
		case d := <-o.in:
			drafts = append(drafts, d)
			continue
		default:
		}
		break
	}
	records := o.newest(o.encodeAll(drafts))
	o.makeRoom(records)
	if err := o.store.Append(records); err != nil {
		o.lost.Add(uint64(len(records)))
		o.fail("store part records", err)
	} else {
		o.failing.Store(nil)
	}
	o.waiting.Add(-int64(len(drafts)))
	o.shrunk()
	o.signal()
}

func (o *Outbox) encodeAll(drafts []draft) []Record {
	records := make([]Record, 0, len(drafts))
	for _, d := range drafts {
		payload, err := d.encode(d.seq)
		if err != nil {
			o.lost.Add(1)
			o.fail("write out a record for "+d.topic, err)
			continue
		}
		records = append(records, Record{Seq: d.seq, Topic: d.topic, Payload: payload})
	}
	return records
}

// newest drops the oldest records of a batch that exceeds the limits by itself.
func (o *Outbox) newest(records []Record) []Record {
	first, size := len(records), int64(0)
	for first > 0 && len(records)-first < o.limits.Records {
		if size += recordBytes(records[first-1]); size > o.limits.Bytes {
			break
		}
		first--
	}
	o.lost.Add(uint64(first))
	return records[first:]
}

// makeRoom drops the oldest records until the new ones fit.
func (o *Outbox) makeRoom(records []Record) {
	var more int64
	for _, r := range records {
		more += recordBytes(r)
	}
	for {
		n, size, _ := o.store.Usage()
		over := n + len(records) - o.limits.Records
		if n == 0 || over <= 0 && size+more <= o.limits.Bytes {
			return
		}
		if err := o.dropOldest(max(over, 1)); err != nil {
			o.fail("drop the oldest records", err)
			return
		}
	}
}

func (o *Outbox) dropOldest(n int) error {
	old, err := o.store.Next(0, n)
	if err != nil {
		return err
	}
	seqs := make([]uint64, len(old))
	for i, r := range old {
		seqs[i] = r.Seq
	}
	if err := o.store.Remove(seqs); err != nil {
		return err
	}
	if len(seqs) == 0 {
		return errors.New("the store counts records that it does not have")
	}
	o.lost.Add(uint64(len(seqs)))
	return nil
}

func recordBytes(r Record) int64 { return int64(len(r.Topic) + len(r.Payload)) }

// forget removes seq and every other acknowledged record that is waiting.
func (o *Outbox) forget(seq uint64) {
	seqs := append(make([]uint64, 0, batchMax), seq)
	for len(seqs) < batchMax {
		select {
		case s := <-o.done:
			seqs = append(seqs, s)
			continue
		default:
		}
		break
	}
	if err := o.store.Remove(seqs); err != nil {
		o.fail("forget acknowledged records (they will be sent again)", err)
	}
	o.shrunk()
}

// fail keeps and logs what went wrong, once per kind of failure.
func (o *Outbox) fail(what string, err error) { o.note(&o.failing, what, err) }

func (o *Outbox) note(in *atomic.Pointer[string], what string, err error) {
	text := fmt.Sprintf("%s: %v", what, err)
	old := in.Swap(&text)
	if old == nil || *old != text {
		o.log.Error("outbox", "doing", what, "err", err)
	}
}

// Next returns at most limit stored records with Seq > after, oldest first.
func (o *Outbox) Next(after uint64, limit int) ([]Record, error) {
	records, err := o.store.Next(after, limit)
	if err != nil {
		o.note(&o.unread, "read part records", err)
		return nil, err
	}
	o.unread.Store(nil)
	return records, nil
}

// Done says that the broker has acknowledged a record. It waits for room only
// while Run is busy, and gives up when ctx ends: the record is sent again later.
// After Run's end it removes the record itself, so that acknowledgements of the
// last moment count.
func (o *Outbox) Done(ctx context.Context, seq uint64) {
	select {
	case <-o.over:
		if err := o.store.Remove([]uint64{seq}); err != nil {
			o.fail("forget an acknowledged record (it will be sent again)", err)
		}
		return
	default:
	}
	select {
	case o.done <- seq:
	case <-ctx.Done():
	}
}

// Wake receives a value when there may be new records. It is for one sender.
func (o *Outbox) Wake() <-chan struct{} { return o.wake }

func (o *Outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Stats may be called at any time.
func (o *Outbox) Stats() OutboxStats {
	n, size, _ := o.store.Usage()
	s := OutboxStats{Pending: n + int(o.waiting.Load()), Bytes: size, Lost: o.lost.Load()}
	for _, text := range []*string{o.unread.Load(), o.failing.Load()} {
		if text != nil {
			s.Failing = *text
		}
	}
	return s
}

// Drained waits until every record has been acknowledged or lost, or ctx ends,
// in which case it returns ctx's error. Run must be running.
func (o *Outbox) Drained(ctx context.Context) error {
	for {
		o.idleMu.Lock()
		shrunk := o.idle
		o.idleMu.Unlock()
		if o.Stats().Pending == 0 {
			return nil
		}
		select {
		case <-shrunk:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (o *Outbox) shrunk() {
	o.idleMu.Lock()
	close(o.idle)
	o.idle = make(chan struct{})
	o.idleMu.Unlock()
}
