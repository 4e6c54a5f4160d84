package mqtt

import (
	"sync"
	"testing"
)

// TestAnAlarmIsNotSweptAway: one that comes just as its trace of an earlier run is
// heard of stands.
func TestAnAlarmIsNotSweptAway(t *testing.T) {
	for range 2000 {
		b := newBoard()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					b.sweep("alarm")
				}
			})
		}
		b.put("alarm", []byte("up"))
		wg.Wait()
		if topic, payload, ok := b.take(); !ok || topic != "alarm" || string(payload) != "up" {
			t.Fatalf("the alarm is told as %q", payload)
		}
	}
}

// TestWhatIsLeftOfAnEarlierRunIsSwept: and what stands is not.
func TestWhatIsLeftOfAnEarlierRunIsSwept(t *testing.T) {
	b := newBoard()
	b.put("stands", []byte("up"))
	b.take()
	b.sweep("stands")
	b.sweep("old")
	if topic, payload, ok := b.take(); !ok || topic != "old" || len(payload) != 0 {
		t.Errorf("%q %q %v", topic, payload, ok)
	}
	if topic, _, ok := b.take(); ok {
		t.Errorf("%s is told", topic)
	}
}
