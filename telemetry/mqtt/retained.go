package mqtt

import (
	"slices"
	"sync"
)

// board holds the latest retained payload of each topic and knows which the
// broker has yet to hear. Of a topic that changes faster than the network
// carries, only the latest payload is sent.
type board struct {
	mu     sync.Mutex
	latest map[string][]byte
	dirty  []string // topics to send, oldest change first, each once
	wake   chan struct{}
}

func newBoard() *board {
	return &board{latest: map[string][]byte{}, wake: make(chan struct{}, 1)}
}

func (b *board) put(topic string, payload []byte) {
	b.mu.Lock()
	b.set(topic, payload)
	b.mu.Unlock()
	b.signal()
}

// sweep clears topic, unless it has a payload now.
func (b *board) sweep(topic string) {
	b.mu.Lock()
	if len(b.latest[topic]) == 0 {
		b.set(topic, nil)
	}
	b.mu.Unlock()
	b.signal()
}

func (b *board) set(topic string, payload []byte) {
	b.latest[topic] = payload
	if !slices.Contains(b.dirty, topic) {
		b.dirty = append(b.dirty, topic)
	}
}

// redo marks everything to be sent, as for a broker that may have forgotten it.
func (b *board) redo() {
	b.mu.Lock()
	b.dirty = b.dirty[:0]
	for topic := range b.latest {
		b.dirty = append(b.dirty, topic)
	}
	slices.Sort(b.dirty)
	b.mu.Unlock()
	b.signal()
}

// take returns the next topic to send.
func (b *board) take() (topic string, payload []byte, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.dirty) == 0 {
		return "", nil, false
	}
	topic, b.dirty = b.dirty[0], b.dirty[1:]
	return topic, b.latest[topic], true
}

func (b *board) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}
