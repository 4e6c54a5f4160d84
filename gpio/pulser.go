package gpio

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"winnow/edge"
)

// PulserOptions bound what a Pulser does to its output.
type PulserOptions struct {
	MinGap   time.Duration // least time from the start of one pulse to the start of the next; what is closer is merged into one pulse
	Capacity int           // pulses that may wait; 0: 64
	LateBy   time.Duration // a pulse that starts later than this after its instant counts as late; 0: 5 ms
}

// PulserStats count what became of the pulses that were asked for.
type PulserStats struct {
	Fired  uint64 // pulses on the output
	Merged uint64 // asked for within MinGap of another: one pulse served both
	Late   uint64 // of Fired: started later than LateBy after their instant
	Full   uint64 // refused because Capacity was reached
	Failed uint64 // the line refused
}

// pulse is on from at to at+width.
type pulse struct {
	at    edge.Instant
	width time.Duration
}

// Pulser fires pulses through one output at given instants. Fire never blocks;
// Run, on a thread of its own, does the waiting.
type Pulser struct {
	out   *Output
	clock edge.Clock
	o     PulserOptions
	wake  chan struct{}

	mu    sync.Mutex
	queue []pulse // ascending
	last  edge.Instant
	stats PulserStats
}

// ErrFull is why Fire refuses: an output that cannot follow is a fault, since a
// part would pass unrejected.
var ErrFull = errors.New("too many pulses wait for the output")

// NewPulser fires through out by clock.
func NewPulser(out *Output, clock edge.Clock, o PulserOptions) *Pulser {
	o.Capacity = cmp.Or(o.Capacity, 64)
	o.LateBy = cmp.Or(o.LateBy, 5*time.Millisecond)
	return &Pulser{out: out, clock: clock, o: o, wake: make(chan struct{}, 1), queue: make([]pulse, 0, o.Capacity), last: -1 << 62}
}

// Fire asks for a pulse at instant at, or as soon as possible if that has
// passed. It never blocks.
func (p *Pulser) Fire(at edge.Instant, width time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.near(at) {
		p.stats.Merged++
		return nil
	}
	if len(p.queue) == p.o.Capacity {
		p.stats.Full++
		return ErrFull
	}
	i, _ := slices.BinarySearchFunc(p.queue, at, func(q pulse, t edge.Instant) int { return cmp.Compare(q.at, t) })
	p.queue = slices.Insert(p.queue, i, pulse{at, width})
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// near reports whether a pulse within MinGap of at is waiting or was just fired.
func (p *Pulser) near(at edge.Instant) bool {
	close := func(t edge.Instant) bool {
		d := at.Sub(t)
		return max(d, -d) < p.o.MinGap
	}
	return p.last > -1<<62 && close(p.last) || slices.ContainsFunc(p.queue, func(q pulse) bool { return close(q.at) })
}

// Stats may be called at any time.
func (p *Pulser) Stats() PulserStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Pending is how many pulses wait.
func (p *Pulser) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// Run fires until ctx ends; the output is at its safe level when it returns,
// also after a panic.
func (p *Pulser) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() { _ = p.out.Safe() }()
	for {
		next, ok := p.peek()
		if !ok {
			select {
			case <-p.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if done, err := p.waitFor(ctx, next.at); err != nil {
			return nil
		} else if !done {
			continue // an earlier pulse came in
		}
		p.fire(ctx, next)
	}
}

func (p *Pulser) peek() (pulse, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return pulse{}, false
	}
	return p.queue[0], true
}

// waitFor returns true at instant t, false when the queue has changed before.
func (p *Pulser) waitFor(ctx context.Context, t edge.Instant) (bool, error) {
	if !t.After(p.clock.Now()) {
		return true, ctx.Err()
	}
	ctx2, cancel := context.WithCancel(ctx)
	defer cancel()
	slept := make(chan error, 1)
	go func() { slept <- p.clock.SleepUntil(ctx2, t) }()
	select {
	case err := <-slept:
		return err == nil, err
	case <-p.wake:
		cancel()
		<-slept
		return false, ctx.Err()
	}
}

// fire runs the pulse at the head of the queue.
func (p *Pulser) fire(ctx context.Context, q pulse) {
	err := p.out.Set(true)
	now := p.clock.Now()
	p.mu.Lock()
	p.queue = slices.Delete(p.queue, 0, 1)
	p.last = q.at
	if err != nil {
		p.stats.Failed++
	} else {
		p.stats.Fired++
	}
	if now.Sub(q.at) > p.o.LateBy {
		p.stats.Late++
	}
	p.mu.Unlock()
	_ = p.clock.SleepUntil(ctx, now.Add(q.width))
	_ = p.out.Set(false)
}
