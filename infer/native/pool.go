package native

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// step is one node ready to run: it knows its memory and its kernel.
type step interface {
	// units of independent work; neighbouring units share what they read.
	units() int
	// scratch bytes that each concurrent run needs.
	scratch() int
	// run computes units from..to-1.
	run(scratch []byte, from, to int)
}

// pool runs a step on several threads: the caller and its workers. Between steps
// the workers spin for a moment, then park, so that a line that waits for the
// next part costs nothing.
type pool struct {
	scratch [][]byte // one a thread
	workers []*worker
	round   atomic.Uint64 // counts steps; a change wakes the workers
	pending atomic.Int64  // workers that have not finished the round
	next    atomic.Int64  // next chunk to take
	chunks  int64
	step    step
	fault   atomic.Pointer[fault] // the first panic of the round
	closed  bool
	stopped sync.WaitGroup
}

// fault is a panic on its way to the caller, whose stack says no more where it was.
type fault struct {
	value any
	place string
}

func (f *fault) Error() string { return fmt.Sprintf("%v (%s)", f.value, f.place) }

// panicPlace is where the panic came from that a deferred function has recovered.
func panicPlace() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for panicked := false; ; {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		switch {
		case panicked && !inRuntime:
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		case !more:
			return "place unknown"
		}
		panicked = panicked || inRuntime && f.Function == "runtime.gopanic"
	}
}

// worker is a goroutine of the pool.
type worker struct {
	parked atomic.Bool
	wake   chan struct{}
}

// spins before a worker parks; each yields, so this is some tens of microseconds.
const spins = 2000

func newPool(threads, scratch int) *pool {
	p := &pool{}
	for range threads {
		p.scratch = append(p.scratch, make([]byte, scratch))
	}
	for i := 1; i < threads; i++ {
		w := &worker{wake: make(chan struct{}, 1)}
		p.workers = append(p.workers, w)
		p.stopped.Add(1)
		go p.work(w, p.scratch[i])
	}
	return p
}

// close stops the workers and waits for them.
func (p *pool) close() {
	if p.closed {
		return
	}
	p.closed = true
	p.start()
	p.stopped.Wait()
}

// start lets the workers see what the caller has just written.
func (p *pool) start() {
	p.pending.Store(int64(len(p.workers)))
	p.round.Add(1)
	for _, w := range p.workers {
		if w.parked.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// run computes all units of s, on this goroutine alone where wide is false. A panic
// on any thread becomes one here, when all of them have ended.
func (p *pool) run(s step, wide bool) {
	n := s.units()
	if !wide || len(p.workers) == 0 || n < 2 {
		s.run(p.scratch[0], 0, n)
		return
	}
	p.step = s
	p.chunks = int64(min(n, 2*len(p.scratch)))
	p.next.Store(0)
	p.start()
	p.take(p.scratch[0])
	for p.pending.Load() > 0 {
		runtime.Gosched()
	}
	if f := p.fault.Swap(nil); f != nil {
		panic(f)
	}
}

// take computes chunks until none is left, or one panics.
func (p *pool) take(scratch []byte) {
	defer func() {
		if v := recover(); v != nil {
			p.fault.CompareAndSwap(nil, &fault{v, panicPlace()})
		}
	}()
	n := int64(p.step.units())
	for {
		c := p.next.Add(1) - 1
		if c >= p.chunks {
			return
		}
		p.step.run(scratch, int(c*n/p.chunks), int((c+1)*n/p.chunks))
	}
}

func (p *pool) work(w *worker, scratch []byte) {
	defer p.stopped.Done()
	for seen := uint64(0); ; {
		seen = p.await(w, seen)
		if p.closed {
			return
		}
		p.take(scratch)
		p.pending.Add(-1)
	}
}

// await returns the round that follows seen.
func (p *pool) await(w *worker, seen uint64) uint64 {
	for {
		for range spins {
			if r := p.round.Load(); r != seen {
				return r
			}
			runtime.Gosched()
		}
		w.parked.Store(true)
		// The round may have come between the last look and the flag. Whoever
		// takes the flag back decides: start sends, or nobody does.
		if r := p.round.Load(); r != seen && w.parked.CompareAndSwap(true, false) {
			return r
		}
		<-w.wake
	}
}
