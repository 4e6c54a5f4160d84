package telemetry

import (
	"errors"
	"sort"
	"sync"
)

// MemStore is a Store that forgets everything when the process ends. The zero
// MemStore is ready to use.
type MemStore struct {
	mu      sync.Mutex
	records []Record // ascending Seq
	bytes   int64
	last    uint64
}

var _ Store = (*MemStore)(nil)

// ErrOrder says that records were appended out of order.
var ErrOrder = errors.New("record numbers must grow")

// Append implements Store.
func (m *MemStore) Append(records []Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := m.last
	for _, r := range records {
		if r.Seq <= last {
			return ErrOrder
		}
		last = r.Seq
	}
	for _, r := range records {
		m.records = append(m.records, r)
		m.bytes += recordBytes(r)
	}
	m.last = last
	return nil
}

// Next implements Store.
func (m *MemStore) Next(after uint64, limit int) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := sort.Search(len(m.records), func(i int) bool { return m.records[i].Seq > after })
	n := min(max(limit, 0), len(m.records)-i)
	return append([]Record(nil), m.records[i:i+n]...), nil
}

// Remove implements Store.
func (m *MemStore) Remove(seqs []uint64) error {
	gone := make(map[uint64]bool, len(seqs))
	for _, s := range seqs {
		gone[s] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.records[:0]
	for _, r := range m.records {
		if gone[r.Seq] {
			m.bytes -= recordBytes(r)
			continue
		}
		kept = append(kept, r)
	}
	clear(m.records[len(kept):])
	m.records = kept
	return nil
}

// Usage implements Store.
func (m *MemStore) Usage() (int, int64, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records), m.bytes, m.last
}
