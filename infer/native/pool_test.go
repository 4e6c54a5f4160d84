package native

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// faultyStep counts its units and panics at one of them, or at none.
type faultyStep struct {
	at   int64
	done atomic.Int64
}

func (s *faultyStep) units() int   { return 64 }
func (s *faultyStep) scratch() int { return 0 }

func (s *faultyStep) run(_ []byte, from, to int) {
	for u := from; u < to; u++ {
		if int64(u) == s.at {
			panic("unit of no use")
		}
		s.done.Add(1)
	}
}

// TestPanicsReachTheCaller: a step that panics does so where Run was called, whichever
// thread it was on, when no thread is at it any more; the next step runs as ever.
func TestPanicsReachTheCaller(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		p := newPool(threads, 0)
		for round := range int64(200) {
			bad := &faultyStep{at: round % 64}
			func() {
				defer func() {
					if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "unit of no use") || threads > 1 && !strings.Contains(v, "pool_test.go:") {
						t.Fatalf("%d threads: panic %v", threads, v)
					}
				}()
				p.run(bad, true)
			}()
			if p.pending.Load() != 0 {
				t.Fatalf("%d threads: somebody still works", threads)
			}
			good := &faultyStep{at: -1}
			if p.run(good, true); good.done.Load() != 64 {
				t.Fatalf("%d threads: %d of 64 units after a panic", threads, good.done.Load())
			}
		}
		p.close()
	}
}
