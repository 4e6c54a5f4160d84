package lite0

import (
	"math"
	"runtime"
	"sync"
)

// channel sums up the values of one channel over pictures.
type channel struct {
	n        float64
	sum, sq  float64
	min, max float64
}

func (c *channel) add(v float64) {
	if c.n == 0 {
		c.min, c.max = v, v
	}
	c.n++
	c.sum += v
	c.sq += float64(v * v)
	c.min, c.max = min(c.min, v), max(c.max, v)
}

func (c *channel) join(d channel) {
	if c.n == 0 || d.n == 0 {
		if c.n == 0 {
			*c = d
		}
		return
	}
	c.n, c.sum, c.sq = c.n+d.n, c.sum+d.sum, c.sq+d.sq
	c.min, c.max = min(c.min, d.min), max(c.max, d.max)
}

func (c channel) mean() float64 { return c.sum / max(c.n, 1) }

func (c channel) deviation() float64 {
	m := c.mean()
	return math.Sqrt(max(c.sq/max(c.n, 1)-float64(m*m), 0))
}

// statistics of a network over pictures: by map, then channel.
type statistics struct {
	out    [][]channel
	before [][]channel // of node i before its clamp
}

// measure runs the pictures through g.
func (g *Graph) measure(pictures []Picture) statistics {
	parts := make([]statistics, len(pictures))
	parallel(len(pictures), func(i int) {
		s := newStatistics(g)
		maps := g.run(pictures[i].Input(), func(n *Node, m Map) { gather(s.before[n.Output], m) })
		for id, m := range maps {
			gather(s.out[id], m)
		}
		parts[i] = s
	})
	total := newStatistics(g)
	for _, p := range parts {
		for id := range total.out {
			for c := range total.out[id] {
				total.out[id][c].join(p.out[id][c])
				total.before[id][c].join(p.before[id][c])
			}
		}
	}
	return total
}

func newStatistics(g *Graph) statistics {
	s := statistics{make([][]channel, len(g.Maps)), make([][]channel, len(g.Maps))}
	for id, m := range g.Maps {
		s.out[id], s.before[id] = make([]channel, m.Channels), make([]channel, m.Channels)
	}
	return s
}

func gather(into []channel, m Map) {
	for i, v := range m.V {
		into[i%m.C].add(float64(v))
	}
}

// parallel calls f(0) .. f(n-1) on all CPUs and waits.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
