package capture_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"winnow/capture"
	"winnow/edge"
)

func TestPoolRefusesWhenEveryFrameIsOut(t *testing.T) {
	p := capture.NewPool(2, 4, 3, edge.RGB24)
	a, b := p.Get(), p.Get()
	if a == nil || b == nil || a == b {
		t.Fatalf("two frames of a pool of two: %p %p", a, b)
	}
	if p.Get() != nil || p.Get() != nil {
		t.Fatal("a third frame came out of a pool of two")
	}
	if err := p.Put(a); err != nil {
		t.Fatal(err)
	}
	if p.Get() != a {
		t.Error("the frame that came back is not handed out again")
	}
	want := capture.PoolStats{Size: 2, Out: 2, Gets: 3, Drops: 2}
	if got := p.Stats(); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

func TestPoolDetectsMisuse(t *testing.T) {
	p := capture.NewPool(1, 2, 2, edge.Gray8)
	f := p.Get()
	if err := p.Put(&edge.Frame{}); !errors.Is(err, capture.ErrForeign) {
		t.Errorf("foreign frame: %v", err)
	}
	if err := p.Put(nil); !errors.Is(err, capture.ErrForeign) {
		t.Errorf("nil frame: %v", err)
	}
	if err := p.Put(f); err != nil {
		t.Fatal(err)
	}
	if err := p.Put(f); !errors.Is(err, capture.ErrDoublePut) {
		t.Errorf("second Put: %v", err)
	}
	if s := p.Stats(); s.Misuses != 3 || s.Out != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestPoolFramesComeOutFresh(t *testing.T) {
	p := capture.NewPool(1, 8, 4, edge.RGB24)
	f := p.Get()
	f.Seq, f.At, f.Flags = 9, 9, edge.FrameTorn
	capture.Reshape(f, 2, 2, edge.Gray8)
	_ = p.Put(f)
	f = p.Get()
	if f.Seq != 0 || f.At != 0 || f.Flags != 0 || f.Width != 8 || f.Height != 4 || f.Format != edge.RGB24 {
		t.Errorf("frame came out as %+v", *f)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}

func TestPoolAllocatesNothing(t *testing.T) {
	p := capture.NewPool(4, 64, 64, edge.RGB24)
	if n := testing.AllocsPerRun(100, func() {
		a, b := p.Get(), p.Get()
		capture.Reshape(a, 16, 16, edge.Gray8)
		_ = p.Put(a)
		_ = p.Put(b)
	}); n != 0 {
		t.Errorf("%v allocations for two frames", n)
	}
}

func TestPoolIsSafeForConcurrentUse(t *testing.T) {
	p := capture.NewPool(3, 4, 4, edge.Gray8)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if f := p.Get(); f != nil {
					f.Pix[0]++ // the race detector sees a frame with two owners
					if err := p.Put(f); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); s.Out != 0 || s.Gets+s.Drops != 4000 {
		t.Errorf("stats %+v", s)
	}
}

func TestReshapeStopsAllocating(t *testing.T) {
	var f edge.Frame
	sizes := [][2]int{{30, 20}, {10, 10}, {20, 30}, {1, 1}}
	capture.Reshape(&f, 30, 20, edge.RGB24)
	if n := testing.AllocsPerRun(20, func() {
		for _, s := range sizes {
			capture.Reshape(&f, s[0], s[1], edge.RGB24)
			if f.Check() != nil {
				t.Fatal(f.Check())
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for frames no larger than the first", n)
	}
}

func TestPoolWaitsForAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := capture.NewPool(2, 2, 2, edge.Gray8)
		out := []*edge.Frame{p.Get(), p.Get()}
		ctx, cancel := context.WithCancel(t.Context())
		var served, ended int
		var mu sync.Mutex
		for range 3 {
			go func() {
				f, err := p.Wait(ctx)
				mu.Lock()
				defer mu.Unlock()
				if f != nil {
					served++
				} else if errors.Is(err, context.Canceled) {
					ended++
				}
			}()
		}
		synctest.Wait()
		for _, f := range out {
			_ = p.Put(f)
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if served != 2 || ended != 1 || p.Stats().Drops != 0 {
			t.Errorf("%d served, %d ended by the context, %d drops; want 2, 1, 0", served, ended, p.Stats().Drops)
		}
	})
}
