package gpio_test

import (
	"sync"
	"testing"
	"time"

	"winnow/gpio"
)

// LockSoon is a lock like any other, however long it is held by others.
func TestLockSoonExcludes(t *testing.T) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	for i := range 8 {
		wg.Go(func() {
			for range 500 {
				if i%2 == 0 {
					mu.Lock()
				} else {
					gpio.LockSoon(&mu)
				}
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n != 8*500 {
		t.Errorf("%d", n)
	}
	mu.Lock()
	got := make(chan struct{})
	go func() { gpio.LockSoon(&mu); close(got) }()
	select {
	case <-got:
		t.Error("locked twice")
	case <-time.After(20 * time.Millisecond): // longer than it asks again
	}
	mu.Unlock()
	<-got
}
