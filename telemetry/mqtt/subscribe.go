package mqtt

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"winnow/telemetry"
)

// Subscription is a reader's connection to a broker. It does not reconnect:
// Lost says when it is over.
type Subscription struct {
	link *link
}

// Subscribe connects with a client id of its own and asks for one filter. It
// returns once the broker has granted it; deliver is then called for each
// message, in order, on one goroutine, and must not block.
func Subscribe(ctx context.Context, cfg Config, clientID, filter string, deliver func(topic string, payload []byte, retained bool)) (*Subscription, error) {
	cfg = cfg.withDefaults()
	l, err := connect(ctx, &cfg, clientID, nil)
	if err != nil {
		return nil, err
	}
	err = l.subscribe(ctx, filter, func(m message) { deliver(m.topic, m.payload, m.retained) })
	if err != nil {
		l.close()
		return nil, err
	}
	return &Subscription{link: l}, nil
}

// Lost receives an error if the connection breaks.
func (s *Subscription) Lost() <-chan error { return s.link.lost }

// Publish sends one message with QoS 1 and waits for its acknowledgement.
func (s *Subscription) Publish(ctx context.Context, topic string, retained bool, payload []byte) error {
	var wg sync.WaitGroup
	done := make(chan error, 1)
	s.link.publish(&wg, topic, 1, retained, payload, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close disconnects.
func (s *Subscription) Close() { s.link.close() }

// Tally counts messages by kind; its Deliver fits Subscribe. The zero Tally is
// ready to use.
type Tally struct {
	mu     sync.Mutex
	counts map[string]uint64
	more   chan struct{}
}

// Deliver counts one message.
func (t *Tally) Deliver(topic string, _ []byte, _ bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]uint64{}
	}
	t.counts[kind(topic)]++
	if t.more != nil {
		close(t.more)
		t.more = nil
	}
}

// kind is the level of a topic that follows the device: part, counts, alarm...
func kind(topic string) string {
	levels := strings.Split(strings.TrimPrefix(topic, telemetry.Root+"/"), "/")
	if len(levels) < 4 {
		return ""
	}
	return levels[3]
}

// Count returns how many messages of a kind came: "part", "heatmap", "alarm"...
func (t *Tally) Count(kind string) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[kind]
}

// Await waits until at least n messages of a kind came.
func (t *Tally) Await(ctx context.Context, kind string, n uint64) error {
	for {
		t.mu.Lock()
		have := t.counts[kind]
		if t.more == nil {
			t.more = make(chan struct{})
		}
		more := t.more
		t.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d %s messages came: %w", have, n, kind, ctx.Err())
		}
	}
}
