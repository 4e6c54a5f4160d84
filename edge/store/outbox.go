package store

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// Record is one message that waits for its acknowledgement; an unnamed type,
// so that it is the one that telemetry means by the same name.
type Record = struct {
	Seq     uint64
	Topic   string
	Payload []byte
}

// Outbox is a durable store of records: what Append and Remove have done
// survives a power cut. It is safe for concurrent use.
type Outbox struct {
	db      *sql.DB
	damaged string

	write sync.Mutex // held over a transaction, so one writer at a time

	mu      sync.Mutex // guards the counters; never held while the disk works
	records int
	bytes   int64
	last    uint64
}

const outboxSchema = `
CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outbox_last (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);`

// OpenOutbox opens or makes the database at path. One that is damaged is put
// aside as path.damaged (.damaged.2, .damaged.3), and an empty one takes its place: see Damaged. One
// that cannot be read, or that another process holds, is an error.
func OpenOutbox(path string) (*Outbox, error) {
	o, aside, err := putAside(path, openOutbox)
	if err == nil {
		o.damaged = aside
	}
	return o, err
}

func openOutbox(path string) (*Outbox, error) {
	db, err := OpenDB(path, "locking_mode(EXCLUSIVE)") // two would give one number to two records
	if err != nil {
		return nil, err
	}
	o := &Outbox{db: db}
	if err := o.load(); err != nil {
		db.Close()
		return nil, fmt.Errorf("outbox %s: %w", path, err)
	}
	return o, nil
}

func (o *Outbox) load() error {
	if _, err := o.db.Exec(outboxSchema + "BEGIN IMMEDIATE; COMMIT;"); err != nil { // takes the lock
		return err
	}
	row := o.db.QueryRow(`SELECT COUNT(*), COALESCE(SUM(length(CAST(topic AS BLOB)) + length(payload)), 0),
		COALESCE((SELECT seq FROM outbox_last), 0) FROM outbox`)
	return row.Scan(&o.records, &o.bytes, &o.last)
}

// Damaged is where a damaged database was put aside; "" if there was none.
func (o *Outbox) Damaged() string { return o.damaged }

// Close closes the database.
func (o *Outbox) Close() error { return o.db.Close() }

// ErrOrder says that records were appended out of order.
var ErrOrder = errors.New("record numbers must grow")

// Append adds records in ascending order of Seq, all or none.
func (o *Outbox) Append(records []Record) error {
	o.write.Lock()
	defer o.write.Unlock()
	_, _, last := o.Usage()
	size := int64(0)
	for _, r := range records {
		if r.Seq <= last {
			return ErrOrder
		}
		last = r.Seq
		size += int64(len(r.Topic) + len(r.Payload))
	}
	if err := o.transact(func(tx *sql.Tx) error { return insert(tx, records, last) }); err != nil {
		return err
	}
	o.count(len(records), size, last)
	return nil
}

// count changes the counters.
func (o *Outbox) count(records int, bytes int64, last uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records += records
	o.bytes += bytes
	o.last = max(o.last, last)
}

func insert(tx *sql.Tx, records []Record, last uint64) error {
	for _, r := range records {
		payload := r.Payload
		if payload == nil {
			payload = []byte{}
		}
		if _, err := tx.Exec("INSERT INTO outbox (seq, topic, payload) VALUES (?, ?, ?)", int64(r.Seq), r.Topic, payload); err != nil {
			return err
		}
	}
	_, err := tx.Exec("INSERT INTO outbox_last (one, seq) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq", int64(last))
	return err
}

// Next returns at most limit records with Seq > after, in ascending order.
func (o *Outbox) Next(after uint64, limit int) ([]Record, error) {
	rows, err := o.db.Query("SELECT seq, topic, payload FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", int64(after), max(limit, 0))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var records []Record
	for rows.Next() {
		var r Record
		if err := rows.Scan(&r.Seq, &r.Topic, &r.Payload); err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, rows.Err()
}

// Remove forgets records; unknown ones are no error.
func (o *Outbox) Remove(seqs []uint64) error {
	o.write.Lock()
	defer o.write.Unlock()
	gone, size := 0, int64(0)
	err := o.transact(func(tx *sql.Tx) error {
		for _, seq := range seqs {
			var n int64
			row := tx.QueryRow("DELETE FROM outbox WHERE seq = ? RETURNING length(CAST(topic AS BLOB)) + length(payload)", int64(seq))
			if err := row.Scan(&n); errors.Is(err, sql.ErrNoRows) {
				continue
			} else if err != nil {
				return err
			}
			gone++
			size += n
		}
		return nil
	})
	if err == nil {
		o.count(-gone, -size, 0)
	}
	return err
}

func (o *Outbox) transact(do func(*sql.Tx) error) error {
	tx, err := o.db.Begin()
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		tx.Rollback()
		return err
	}
	return tx.Commit()
}

// Usage returns how many records are held, how many bytes their topics and
// payloads have, and the highest Seq ever appended. It does not wait for the disk.
func (o *Outbox) Usage() (records int, bytes int64, last uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.records, o.bytes, o.last
}
